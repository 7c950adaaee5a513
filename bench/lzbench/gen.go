// Data of both sides: the same bytes every time.

package main

import (
	"bufio"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/lianzhen/lianzhen/codec/dicom/phantom"
)

type genCmd struct {
	Dir string `arg:"" help:"Folder to fill."`
}

func (c *genCmd) Run() error {
	spec := phantom.Spec{
		Kind: phantom.CTChest, Seed: 7, Count: 200, Institution: "Bench",
		Patient: phantom.Patient{Name: "Bench^Ct=测^试", ID: "BENCH-CT", BirthDate: "19700101", Sex: "M"},
		At:      time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC),
	}
	for name, write := range phantom.Study(spec) {
		if err := create(filepath.Join(c.Dir, "ct", name), write); err != nil {
			return err
		}
	}
	return create(filepath.Join(c.Dir, "big", "us.dcm"), func(w io.Writer) error { return phantom.Large(w, 380) })
}

func create(name string, write func(io.Writer) error) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	if err := write(w); err != nil {
		_ = f.Close()
		return err
	}
	if err := w.Flush(); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}
