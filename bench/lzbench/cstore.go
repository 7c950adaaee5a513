// C-STORE: every association sends its share of a folder, each object when the one before was acknowledged.

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/dicom/dimse"
)

type cstoreCmd struct {
	Dir          string `arg:"" help:"Folder of DICOM files."`
	Addr         string `help:"host:port."`
	AE           string `name:"ae" help:"Called AE title." default:"LIANZHEN"`
	Calling      string `help:"Calling AE title." default:"BENCH"`
	Associations int    `default:"1"`
	PID          int    `name:"pid" help:"Process whose memory is watched."`
	Name         string `default:"cstore"`
}

// file is an object to be sent.
type file struct {
	name          string
	class, object dicom.UID
	syntax        dicom.UID
	body          int64
	data          []byte // of a small one: read before the clock starts, since the client's disk is not what is measured
}

func (c *cstoreCmd) Run() error {
	names, size, err := files(c.Dir)
	if err != nil {
		return err
	}
	shares := make([][]file, c.Associations)
	for i, n := range names {
		f, err := look(n)
		if err != nil {
			return err
		}
		shares[i%len(shares)] = append(shares[i%len(shares)], f)
	}
	stop, start := watch(c.PID), time.Now()
	var g errgroup.Group
	for _, share := range shares {
		g.Go(func() error { return c.send(context.Background(), share) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	took := time.Since(start)
	return run{Test: c.Name, Objects: len(names), Bytes: size, GrowthMB: stop()}.print(took)
}

func look(name string) (file, error) {
	f, err := os.Open(name)
	if err != nil {
		return file{}, err
	}
	defer func() { _ = f.Close() }()
	o, err := dicom.ScanHeader(f, dicom.Options{})
	if err != nil {
		return file{}, err
	}
	out := file{name: name, class: o.Header.SOPClassUID, object: o.Header.SOPInstanceUID, syntax: o.TransferSyntax, body: o.DataSetOffset()}
	if info, err := f.Stat(); err == nil && info.Size() < 4<<20 {
		out.data, err = os.ReadFile(name)
		return out, err
	}
	return out, nil
}

func (c *cstoreCmd) send(ctx context.Context, share []file) error {
	type kind struct{ class, syntax dicom.UID }
	seen := map[kind]bool{}
	q := dimse.Request{CalledAE: c.AE, CallingAE: c.Calling}
	for _, f := range share {
		if k := (kind{f.class, f.syntax}); !seen[k] {
			seen[k] = true
			q.Contexts = append(q.Contexts, dimse.Proposal{AbstractSyntax: f.class, TransferSyntaxes: []dicom.UID{f.syntax}})
		}
	}
	a, err := dimse.Dial(ctx, c.Addr, q, dimse.Options{})
	if err != nil {
		return err
	}
	defer a.Abort()
	for _, f := range share {
		if err := store(ctx, a, f); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	return a.Release(ctx)
}

func store(ctx context.Context, a *dimse.Association, f file) error {
	var data io.Reader = bytes.NewReader(f.data[min(f.body, int64(len(f.data))):])
	if f.data == nil {
		in, err := os.Open(f.name)
		if err != nil {
			return err
		}
		defer func() { _ = in.Close() }()
		if _, err := in.Seek(f.body, io.SeekStart); err != nil {
			return err
		}
		data = in
	}
	status, err := a.Store(ctx, dimse.Object{SOPClass: f.class, SOPInstance: f.object, TransferSyntax: f.syntax, Data: data})
	if err == nil && status != dimse.Success {
		err = fmt.Errorf("status %v", status)
	}
	return err
}
