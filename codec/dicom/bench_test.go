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

// bare gives the data set of the slice without pixels, and its bytes as DIMSE carries them.
func bare(b *testing.B) (*dicom.DataSet, []byte) {
	b.Helper()
	obj, err := dicom.ScanHeader(bytes.NewReader(slice(b)), dicom.Options{})
	if err != nil {
		b.Fatal(err)
	}
	raw, err := dicom.AppendDataSet(nil, &obj.Header.DataSet, dicom.ExplicitLE, "")
	if err != nil {
		b.Fatal(err)
	}
	return &obj.Header.DataSet, raw
}

func BenchmarkReadDataSet(b *testing.B) {
	_, raw := bare(b)
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := dicom.ReadDataSet(raw, dicom.ExplicitLE, dicom.Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendDataSet(b *testing.B) {
	d, raw := bare(b)
	for _, charset := range []string{"", "GB18030"} {
		b.Run("charset "+charset, func(b *testing.B) {
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				var err error
				if raw, err = dicom.AppendDataSet(raw[:0], d, dicom.ExplicitLE, charset); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkParseJSON(b *testing.B) {
	d, _ := bare(b)
	json := d.AppendJSON(nil, dicom.JSONOptions{})
	b.SetBytes(int64(len(json)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := dicom.ParseJSON(json, dicom.Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendXML(b *testing.B) {
	d, _ := bare(b)
	var xml []byte
	b.ReportAllocs()
	for b.Loop() {
		xml = d.AppendXML(xml[:0], dicom.JSONOptions{})
	}
	b.SetBytes(int64(len(xml)))
}

func BenchmarkParseXML(b *testing.B) {
	d, _ := bare(b)
	xml := d.AppendXML(nil, dicom.JSONOptions{})
	b.SetBytes(int64(len(xml)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := dicom.ParseXML(bytes.NewReader(xml), dicom.Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCopy writes the slice again with another patient ID.
func BenchmarkCopy(b *testing.B) {
	raw := slice(b)
	obj, err := dicom.Scan(bytes.NewReader(raw), dicom.Options{})
	if err != nil {
		b.Fatal(err)
	}
	d := obj.Header.DataSet.Clone()
	d.SetText(dicom.PatientID, "47")
	c := dicom.Copy{Object: obj, DataSet: d, Open: func(off, n int64) (io.ReadCloser, error) {
		return io.NopCloser(io.NewSectionReader(bytes.NewReader(raw), off, n)), nil
	}}
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.WriteTo(io.Discard); err != nil {
			b.Fatal(err)
		}
	}
}
