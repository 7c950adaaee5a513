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
	return file{name, o.Header.SOPClassUID, o.Header.SOPInstanceUID, o.TransferSyntax, o.DataSetOffset()}, nil
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
	var data io.Reader
	in, err := os.Open(f.name)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	data = io.NewSectionReader(in, f.body, info.Size()-f.body)
	if info.Size() < 4<<20 { // read before: the disk is not what is measured
		b, err := io.ReadAll(data)
		if err != nil {
			return err
		}
		data = bytes.NewReader(b)
	}
	status, err := a.Store(ctx, dimse.Object{SOPClass: f.class, SOPInstance: f.object, TransferSyntax: f.syntax, Data: data})
	if err == nil && status != dimse.Success {
		err = fmt.Errorf("status %v", status)
	}
	return err
}
