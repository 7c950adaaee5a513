// Data of both sides: the same bytes every time.

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/dicom/phantom"
)

type genCmd struct {
	Dir     string `arg:"" help:"Folder to fill."`
	Studies int    `help:"Small studies for queries, DIR/studies." default:"0"`
}

func (c *genCmd) Run() error {
	if c.Studies > 0 {
		return genStudies(filepath.Join(c.Dir, "studies"), c.Studies)
	}
	spec := phantom.Spec{
		Kind: phantom.CTChest, Seed: 7, Count: 200, Institution: "Bench",
		Patient: phantom.Patient{Name: "Bench^Ct=测^试", ID: "BENCH-CT", BirthDate: "19700101", Sex: "M"},
		At:      time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC),
	}
	if err := genStudy(filepath.Join(c.Dir, "ct"), spec); err != nil {
		return err
	}
	spec.Kind, spec.Count, spec.Rows, spec.Columns, spec.Patient.ID = phantom.DRChest, 1, 3000, 3000, "BENCH-DR"
	if err := genStudy(filepath.Join(c.Dir, "dr"), spec); err != nil {
		return err
	}
	for i := range 2000 { // 20 studies of 100 objects of 2 kB
		name := filepath.Join(c.Dir, "small", fmt.Sprintf("%04d.dcm", i))
		if err := create(name, small(i/100, i)); err != nil {
			return err
		}
	}
	return create(filepath.Join(c.Dir, "big", "us.dcm"), func(w io.Writer) error { return phantom.Large(w, 380) })
}

func genStudy(dir string, spec phantom.Spec) error {
	for name, write := range phantom.Study(spec) {
		if err := create(filepath.Join(dir, name), write); err != nil {
			return err
		}
	}
	return nil
}

// genStudies makes studies of one object of 2 kB, a file of 100 objects each time: number, accession, name and day follow
// from the number of the study.
func genStudies(dir string, n int) error {
	for i := range n {
		if err := create(filepath.Join(dir, fmt.Sprintf("%03d", i/1000), fmt.Sprintf("%06d.dcm", i)), small(i, i)); err != nil {
			return err
		}
	}
	return nil
}

var (
	families = []rune("王李张刘陈杨赵黄周吴")
	givens   = []rune("伟芳娜敏静强磊军洋勇")
)

// small writes an object of about 2 kB: a picture of 32 by 24.
func small(study, object int) func(io.Writer) error {
	return func(w io.Writer) error {
		e := dicom.NewEncoder(dicom.ExplicitLE, "ISO_IR 192")
		day := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, study%700-400)
		modality := []string{"CT", "MR", "DX", "US"}[study%4]
		e.Text(dicom.SOPClassUID, "1.2.840.10008.5.1.4.1.1.7")
		e.Text(dicom.SOPInstanceUID, fmt.Sprintf("2.25.7777.3.%d", object))
		e.Text(dicom.StudyDate, day.Format("20060102"))
		e.Text(dicom.StudyTime, "101500")
		e.Text(dicom.AccessionNumber, fmt.Sprintf("A%09d", study))
		e.Text(dicom.Modality, modality)
		e.Text(dicom.ReferringPhysicianName, "")
		e.Text(dicom.StudyDescription, "BENCH")
		name := string([]rune{families[study%10], givens[study/10%10], givens[study/100%10]})
		e.Text(dicom.PatientName, fmt.Sprintf("Patient^%06d=%s", study, name))
		e.Text(dicom.PatientID, fmt.Sprintf("P%08d", study))
		e.Text(dicom.PatientBirthDate, "19700101")
		e.Text(dicom.PatientSex, "O")
		e.Text(dicom.StudyInstanceUID, fmt.Sprintf("2.25.7777.1.%d", study))
		e.Text(dicom.SeriesInstanceUID, fmt.Sprintf("2.25.7777.2.%d", study))
		e.Text(dicom.StudyID, "1")
		e.Text(dicom.SeriesNumber, "1")
		e.Text(dicom.InstanceNumber, fmt.Sprint(object%100+1))
		e.Int(dicom.SamplesPerPixel, 1)
		e.Text(dicom.PhotometricInterpretation, "MONOCHROME2")
		e.Int(dicom.Rows, 24)
		e.Int(dicom.Columns, 32)
		e.Int(dicom.BitsAllocated, 16)
		e.Int(dicom.BitsStored, 12)
		e.Int(dicom.HighBit, 11)
		e.Int(dicom.PixelRepresentation, 0)
		const pixels = 24 * 32 * 2
		if err := e.NativePixels(w, dicom.OW, pixels); err != nil {
			return err
		}
		_, err := w.Write(bytes.Repeat([]byte{byte(object), byte(object >> 8 & 0xF)}, pixels/2))
		return err
	}
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
