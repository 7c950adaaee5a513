// STOW-RS (PS3.18 10.5).

package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// web is a DICOMweb server and who asks it.
type web struct {
	URL  string `help:"DICOMweb root." default:"http://127.0.0.1:18042/dicom-web"`
	Key  string `help:"API key."`
	PID  int    `help:"Process whose memory is watched."`
	Name string `help:"Name of the line." default:"test"`
}

var connections = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}}

func (w *web) do(req *http.Request) (*http.Response, error) {
	if w.Key != "" {
		req.Header.Set("Authorization", "Bearer "+w.Key)
	}
	return connections.Do(req)
}

type stowCmd struct {
	web
	Dir     string `arg:"" help:"Folder of DICOM files."`
	Clients int    `help:"Requests at once." default:"1"`
	Per     int    `help:"Objects in a request." default:"1"`
	Repeat  int    `help:"Send every file so many times at once, for memory." default:"1"`
}

const boundary = "lzbench-7f3a"

func (c *stowCmd) Run() error {
	names, size, err := files(c.Dir)
	if err != nil {
		return err
	}
	names = slices.Repeat(names, c.Repeat)
	stop, start := watch(c.PID), time.Now()
	var g errgroup.Group
	g.SetLimit(c.Clients)
	for some := range slices.Chunk(names, c.Per) {
		g.Go(func() error { return c.post(some) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	took := time.Since(start)
	return run{Test: c.Name, Objects: len(names), Bytes: size * int64(c.Repeat), GrowthMB: stop()}.print(took)
}

func (c *stowCmd) post(names []string) error {
	const head = "\r\n--" + boundary + "\r\nContent-Type: application/dicom\r\n\r\n"
	const tail = "\r\n--" + boundary + "--\r\n"
	length := int64(len(tail))
	var parts []io.Reader
	for _, n := range names {
		f, err := os.Open(n)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		info, err := f.Stat()
		if err != nil {
			return err
		}
		length += int64(len(head)) + info.Size()
		parts = append(parts, strings.NewReader(head), f)
	}
	req, err := http.NewRequest(http.MethodPost, c.URL+"/studies", io.MultiReader(append(parts, strings.NewReader(tail))...))
	if err != nil {
		return err
	}
	req.ContentLength = length
	req.Header.Set("Content-Type", `multipart/related; type="application/dicom"; boundary=`+boundary)
	req.Header.Set("Accept", "application/dicom+json")
	res, err := c.do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	_, _ = io.Copy(io.Discard, res.Body)
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", names[0], res.Status)
	}
	return nil
}
