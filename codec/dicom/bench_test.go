package dicom_test

import (
	"bytes"
	"io"
	"runtime"
	"testing"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/dicom/phantom"
)

// slice is a CT slice of 512×512 pixels.
func slice(b *testing.B) []byte {
	b.Helper()
	var buf bytes.Buffer
	for _, write := range phantom.Study(phantom.Spec{Kind: phantom.CTChest, Seed: 1, Count: 1, Patient: phantom.Patient{NationalID: "1"}}) {
		if err := write(&buf); err != nil {
			b.Fatal(err)
		}
	}
	return buf.Bytes()
}

func BenchmarkScan(b *testing.B) {
	raw := slice(b)
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	r := bytes.NewReader(raw)
	for b.Loop() {
		r.Reset(raw)
		if _, err := dicom.Scan(r, dicom.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkHeader is the part before the pixels.
func BenchmarkHeader(b *testing.B) {
	raw := slice(b)
	raw = raw[:len(raw)-512*512*2-12]
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	r := bytes.NewReader(raw)
	for b.Loop() {
		r.Reset(raw)
		if _, err := dicom.Scan(r, dicom.Options{HeaderOnly: true}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkHeaderAndJSON(b *testing.B) {
	raw := slice(b)
	raw = raw[:len(raw)-512*512*2-12]
	b.ReportAllocs()
	r := bytes.NewReader(raw)
	var json []byte
	for b.Loop() {
		r.Reset(raw)
		obj, err := dicom.Scan(r, dicom.Options{HeaderOnly: true})
		if err != nil {
			b.Fatal(err)
		}
		json = obj.Header.AppendJSON(json[:0], dicom.JSONOptions{})
	}
	b.ReportMetric(float64(len(json)), "B/json")
}

func BenchmarkLibrary(b *testing.B) {
	obj, err := dicom.Scan(bytes.NewReader(slice(b)), dicom.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := obj.Header.Library(); err != nil {
			b.Fatal(err)
		}
	}
}

// TestLargeStreamsThroughScan sends a loop of 547 MB from phantom to Scan: neither holds more than a frame of it.
func TestLargeStreamsThroughScan(t *testing.T) {
	if testing.Short() {
		t.Skip("547 MB")
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r, w := io.Pipe()
	go func() { w.CloseWithError(phantom.Large(w, 380)) }()
	obj, err := dicom.Scan(r, dicom.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if obj.Pixels.NumFrames != 380 || obj.Pixels.Length != 380*800*600*3 {
		t.Error(obj.Pixels)
	}
	last := obj.Pixels.Frame(379)
	if len(last) != 1 || last[0].Offset+last[0].Length != obj.Size {
		t.Error("last frame", last, "size", obj.Size)
	}
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 64<<20 { // 380 tables of noise make most of it
		t.Error(used, "bytes allocated")
	}
}
