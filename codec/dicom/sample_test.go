package dicom

import (
	"bytes"
	"compress/flate"
	"testing"
)

const (
	testClass  = "1.2.840.10008.5.1.4.1.1.88.11" // text report: no image by its class
	testImage  = "1.2.840.10008.5.1.4.1.1.7"     // secondary capture
	testObject = "2.25.101"
)

func identity(e *Encoder) {
	e.Text(SOPClassUID, testClass)
	e.Text(SOPInstanceUID, testObject)
}

func series(e *Encoder) {
	e.Text(StudyInstanceUID, "2.25.102")
	e.Text(SeriesInstanceUID, "2.25.103")
}

// build makes an object without pixel data.
func build(t testing.TB, ts UID, write func(*Encoder)) []byte {
	t.Helper()
	e := NewEncoder(ts, "")
	write(e)
	var b bytes.Buffer
	if err := e.Part10(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// grid describes an image of 4×3 pixels.
func grid(e *Encoder, frames, bits int) {
	e.Text(SpecificCharacterSet, "ISO_IR 192")
	e.Text(SOPClassUID, testImage)
	e.Text(SOPInstanceUID, testObject)
	e.Text(PatientName, "Li^Si=李^四")
	e.Seq(OtherPatientIDsSequence, func(e *Encoder) { e.Text(PatientID, "X1") })
	series(e)
	e.Int(SamplesPerPixel, 1)
	e.Text(PhotometricInterpretation, "MONOCHROME2")
	e.Int(NumberOfFrames, frames)
	e.Int(Rows, 3)
	e.Int(Columns, 4)
	e.Int(BitsAllocated, bits)
	e.Int(PixelRepresentation, 0)
}

// native makes an image with pixel data of n bytes.
func native(t testing.TB, ts UID, frames, bits, n int) []byte {
	t.Helper()
	e := NewEncoder(ts, "")
	grid(e, frames, bits)
	var b bytes.Buffer
	if err := e.NativePixels(&b, OW, int64(n)); err != nil {
		t.Fatal(err)
	}
	b.Write(bytes.Repeat([]byte{7}, (n+1)&^1))
	return b.Bytes()
}

func encapsulated(t testing.TB, ts UID, frames int, fragments ...[]byte) []byte {
	t.Helper()
	e := NewEncoder(ts, "")
	grid(e, frames, 8)
	var b bytes.Buffer
	if err := e.Encapsulated(&b, fragments); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// deflated turns an explicit little-endian object into a deflated one.
func deflated(t testing.TB, raw []byte) []byte {
	t.Helper()
	e := NewEncoder(ExplicitLE, "")
	e.class, e.object = mustScan(t, raw).Header.Meta.SOPClass, testObject
	at := len(e.group2())
	e.syntax = DeflatedLE
	out := bytes.NewBuffer(e.group2())
	w, _ := flate.NewWriter(out, 9)
	w.Write(raw[at:])
	w.Close()
	return out.Bytes()
}

func mustScan(t testing.TB, b []byte) *Object {
	t.Helper()
	obj, err := Scan(bytes.NewReader(b), Options{})
	if err != nil {
		t.Fatal(err)
	}
	return obj
}
