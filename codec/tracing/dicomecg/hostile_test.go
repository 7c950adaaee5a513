package dicomecg

import (
	"bytes"
	"encoding/binary"
	"errors"
	"runtime"
	"testing"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/codec/tracing/synth"
	"github.com/lianzhen/lianzhen/codec/tracing/tracingtest"
)

// sane checks what holds for every tracing, however bad its file.
func sane(t testing.TB, tr *tracing.Tracing) {
	t.Helper()
	if len(tr.Groups) == 0 || len(tr.Warnings) > 10_000 {
		t.Fatalf("%d groups, %d warnings", len(tr.Groups), len(tr.Warnings))
	}
	for _, g := range tr.Groups {
		for _, l := range g.Leads {
			if len(l.Samples) != g.Len() {
				t.Fatal("leads of different length")
			}
		}
		if g.Rate.Num <= 0 || g.Rate.Den <= 0 {
			t.Fatal("no rate")
		}
	}
	for _, a := range tr.Annotations {
		if a.Group < 0 || a.Group >= len(tr.Groups) {
			t.Fatal("an annotation of no group")
		}
	}
}

func TestTruncated(t *testing.T) {
	d := dataSet(TwelveLead, ramp(5000, "1", "2", "3"))
	for name, b := range map[string][]byte{
		"explicit": written(t, synth.Make(synth.Spec{})), "implicit": file(t, d, dicom.ImplicitLE, ""), "big endian": file(t, d, dicom.ExplicitBE, ""),
		"deflated": file(t, d, dicom.DeflatedLE, ""),
	} {
		t.Run(name, func(t *testing.T) {
			shown, before := 0, 0
			for percent := range 100 {
				got, err := Read(b[:len(b)*percent/100])
				var refused *tracing.FormatError
				if err != nil {
					if !errors.As(err, &refused) {
						t.Fatalf("%d %%: %v", percent, err)
					}
					continue
				}
				sane(t, got)
				if !warned(got, tracing.Truncated) {
					t.Errorf("%d %%: shown without a warning: %v", percent, got.Warnings)
				}
				if n := got.Groups[0].Len(); n < before {
					t.Errorf("%d %%: %d samples, but %d of less", percent, n, before)
				} else {
					before = n
				}
				shown++
			}
			if shown < 80 {
				t.Errorf("only %d of 100 were shown", shown)
			}
		})
	}
}

func TestTroubleOfTheStorageIsNoFaultOfTheFile(t *testing.T) {
	beat := ramp(600, "1", "2")
	beat.label = "MEDIAN"
	tracingtest.Trouble(t, file(t, dataSet(TwelveLead, ramp(50_000, "1", "2", "3"), beat), dicom.ExplicitLE, ""), Open)
}

func TestLengthBombs(t *testing.T) {
	b := written(t, synth.Make(synth.Spec{Seconds: 2}))
	for at := 132; at+4 < 6000 && at+4 < len(b); at += 3 {
		for _, v := range []uint32{0xFFFFFFFF, 0x7FFFFFFF, 0xFFFFFFFE} {
			bad := bytes.Clone(b)
			binary.LittleEndian.PutUint32(bad[at:], v)
			if got, err := Read(bad); err == nil {
				sane(t, got)
			}
		}
	}
}

// TestMemory holds a reader to four times the file, and a little.
func TestMemory(t *testing.T) {
	b := file(t, dataSet(Ambulatory, ramp(1_000_000, "1", "2", "3")), dicom.ExplicitLE, "")
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	tr, err := Read(b)
	if err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	leads := uint64(len(tr.Groups[0].Leads)) // four of seven are derived
	if used := after.TotalAlloc - before.TotalAlloc; used > 4*leads*1_000_000+uint64(len(b)) {
		t.Errorf("%d bytes for a file of %d", used, len(b))
	}
	runtime.KeepAlive(tr)
}

func TestManyElements(t *testing.T) {
	head, err := dicom.FileMeta(dicom.Meta{SOPClass: TwelveLead, SOPInstance: "1.2", TransferSyntax: dicom.ImplicitLE})
	if err != nil {
		t.Fatal(err)
	}
	b := head
	for i := range uint32(1 << 20) { // each element has a head and nothing else
		b = binary.LittleEndian.AppendUint16(b, uint16(0x0009+2*(i>>16)))
		b = binary.LittleEndian.AppendUint16(b, uint16(i))
		b = binary.LittleEndian.AppendUint32(b, 0)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := Read(b); err == nil {
		t.Error("read")
	}
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 200<<20 {
		t.Errorf("%d bytes allocated for a file of %d", used, len(b))
	}
}

func FuzzRead(f *testing.F) {
	d := dataSet(General, ramp(60, "1", "2"), ramp(30, "1"))
	d.SetItems(waveformAnnotationSequence, note(func(d *dicom.DataSet) {
		d.SetItems(conceptNameCodeSequence, code("5.10.3-1", "SCPECG", "P onset"))
		d.SetText(temporalRangeType, "POINT")
		d.SetInt(referencedSamplePositions, 5)
	}), note(func(d *dicom.DataSet) {
		d.SetItems(conceptNameCodeSequence, code("5.13.5-7", "SCPECG", "PR"))
		d.SetText(numericValue, "120")
	}))
	for _, syntax := range []dicom.UID{dicom.ExplicitLE, dicom.ImplicitLE, dicom.ExplicitBE, dicom.DeflatedLE} {
		f.Add(file(f, d, syntax, ""))
	}
	bare, err := dicom.AppendDataSet(nil, d, dicom.ImplicitLE, "")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(bare)
	f.Fuzz(func(t *testing.T, b []byte) {
		Sniff(b)
		tr, err := Read(b)
		if err != nil {
			var refused *tracing.FormatError
			if !errors.As(err, &refused) {
				t.Fatalf("%T", err)
			}
			return
		}
		sane(t, tr)
		var out bytes.Buffer
		if err := Write(&out, tr); err != nil {
			return
		}
		back, err := Read(out.Bytes())
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		if back.Groups[0].Len() != tr.Groups[0].Len() {
			t.Fatal("the length changed")
		}
	})
}
