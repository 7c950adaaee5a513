// STOW-RS (PS3.18 10.5), one object a request.

package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"golang.org/x/sync/errgroup"
)

type stowCmd struct {
	Dir     string `arg:"" help:"Folder of DICOM files."`
	URL     string `help:"DICOMweb root." default:"http://127.0.0.1:18042/dicom-web"`
	Clients int    `help:"Requests at once." default:"1"`
	PID     int    `help:"Process whose memory is watched."`
	Name    string `help:"Name of the line." default:"stow"`
}

const boundary = "lzbench-7f3a"

func (c *stowCmd) Run() error {
	names, size, err := files(c.Dir)
	if err != nil {
		return err
	}
	stop, start := watch(c.PID), time.Now()
	var g errgroup.Group
	g.SetLimit(c.Clients)
	for _, n := range names {
		g.Go(func() error { return c.post(n) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	took := time.Since(start)
	return run{Test: c.Name, Objects: len(names), Bytes: size, GrowthMB: stop()}.print(took)
}

func (c *stowCmd) post(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	head := "--" + boundary + "\r\nContent-Type: application/dicom\r\n\r\n"
	tail := "\r\n--" + boundary + "--\r\n"
	req, err := http.NewRequest(http.MethodPost, c.URL+"/studies", io.MultiReader(bytes.NewReader([]byte(head)), f, bytes.NewReader([]byte(tail))))
	if err != nil {
		return err
	}
	req.ContentLength = info.Size() + int64(len(head)+len(tail))
	req.Header.Set("Content-Type", `multipart/related; type="application/dicom"; boundary=`+boundary)
	req.Header.Set("Accept", "application/dicom+json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	_, _ = io.Copy(io.Discard, res.Body)
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", name, res.Status)
	}
	return nil
}
