package wfdb_test

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/codec/tracing/tracingtest"
	"github.com/lianzhen/lianzhen/codec/tracing/wfdb"
)

// longHeader is a record of two samples with a megabyte of comments.
func longHeader(name string) string {
	return name + " 1 360 2\n" + name + ".dat 16 200 16 0 0 0 0 I\n" + strings.Repeat("# nothing is said here\n", 40_000)
}

// TestArchivesThatMeanLittleWorkAreLittleWork reads archives of less than a megabyte that would be read for minutes, were each of their names
// looked for in all members or each of their headers read whole.
func TestArchivesThatMeanLittleWorkAreLittleWork(t *testing.T) {
	t.Run("ten thousand segments of one header", func(t *testing.T) {
		var segments strings.Builder
		segments.WriteString("m/9999 1 360 19998\n")
		for i := range 9999 {
			fmt.Fprintf(&segments, "s%d/a 2\n", i)
		}
		files := fstest.MapFS{
			"m.hea": {Data: []byte(segments.String())}, "a.hea": {Data: []byte(longHeader("a"))}, "a.dat": {Data: []byte{1, 0, 2, 0}},
		}
		for i := range 1900 {
			files[fmt.Sprintf("f%d.txt", i)] = &fstest.MapFile{Data: []byte("x")}
		}
		got, err := wfdb.Read(zipped(t, files, 8))
		if err != nil {
			t.Fatal(err)
		}
		s := got.Rhythm().Leads[0].Samples
		if len(s) != 19998 || s[0] != 1 || s[1] != 2 || s[19997] != tracing.Missing || !tracingtest.Warned(got, tracing.Truncated) {
			t.Errorf("%d samples, %v", len(s), got.Warnings)
		}
	})
	t.Run("two thousand names of one header", func(t *testing.T) {
		if _, err := wfdb.Read(manyNames(longHeader("a"), 2000)); err == nil {
			t.Error("2000 records were taken for one")
		}
	})
}

// manyNames is a ZIP whose directory names one stored member n times.
func manyNames(data string, n int) []byte {
	le := binary.LittleEndian
	local := make([]byte, 30)
	copy(local, "PK\x03\x04\x14")
	le.PutUint32(local[18:], uint32(len(data)))
	le.PutUint32(local[22:], uint32(len(data)))
	out := append(local, data...)
	at := len(out)
	for i := range n {
		name := fmt.Sprintf("b%04d.hea", i)
		entry := make([]byte, 46)
		copy(entry, "PK\x01\x02")
		le.PutUint32(entry[20:], uint32(len(data)))
		le.PutUint32(entry[24:], uint32(len(data)))
		le.PutUint16(entry[28:], uint16(len(name)))
		out = append(append(out, entry...), name...)
	}
	end := make([]byte, 22)
	copy(end, "PK\x05\x06")
	le.PutUint16(end[8:], uint16(n))
	le.PutUint16(end[10:], uint16(n))
	le.PutUint32(end[12:], uint32(len(out)-at))
	le.PutUint32(end[16:], uint32(at))
	return append(out, end...)
}

func TestTroubleOfTheStorageIsNoFaultOfTheFile(t *testing.T) {
	for _, format := range []int{8, 16, 212, 516} {
		files, _ := written(t, format, 2, 20_000)
		files["r.atr"] = &fstest.MapFile{Data: words(word(1, 100), word(5, 400), aux("note"))}
		for name, b := range map[string][]byte{"stored": zipped(t, files, 0), "deflated": zipped(t, files, 8), "tar": tarred(t, files)} {
			t.Run(fmt.Sprint(format, " ", name), func(t *testing.T) { tracingtest.Trouble(t, b, wfdb.Open) })
		}
	}
}

func TestTextsOfChineseWritersAreRead(t *testing.T) {
	name := []byte{0xBD, 0xB4, 0xC1, 0xAA} // in GBK
	files := fstest.MapFS{
		"r.hea": {Data: slices.Concat([]byte("r 1 360 2\nr.dat 16 200 16 0 0 0 0 "), name, []byte("\n#Reason for admission: "), name, []byte("\n"))},
		"r.dat": {Data: []byte{1, 0, 2, 0}},
	}
	got, err := wfdb.Read(zipped(t, files, 0))
	if err != nil {
		t.Fatal(err)
	}
	if l := got.Rhythm().Leads[0].Label; l != "酱联" || got.Indication != "酱联" {
		t.Errorf("label %q, indication %q", l, got.Indication)
	}
}

func TestLeadNamedTwiceIsNotTwoLeads(t *testing.T) {
	files := fstest.MapFS{
		"r.hea": {Data: []byte("r 2 360 2\nr.dat 16 200 16 0 0 0 0 II\nr.dat 16 200 16 0 0 0 0 II\n")},
		"r.dat": {Data: []byte{1, 0, 7, 0, 2, 0, 8, 0}},
	}
	got, err := wfdb.Read(zipped(t, files, 0))
	if err != nil {
		t.Fatal(err)
	}
	g := got.Rhythm()
	if !tracingtest.Warned(got, tracing.Inconsistent) || g.Leads[0].Code != tracing.LeadII || g.Leads[0].Samples[0] != 1 || g.Leads[1].Code != "" || g.Leads[1].Label != "II" {
		t.Errorf("%v %+v", got.Warnings, g.Leads)
	}
}
