package worklist

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/codec/dicom"
)

// truth is where worklists of DCMTK lie with queries and the answers that its own server gives.
const truth = "../../../shared/data/imaging/orthanc-mirrors_orthanc-tests/Database/Worklists/Dcmtk"

var dumpLine = regexp.MustCompile(`^\s*\(([0-9a-f]{4}),([0-9a-f]{4})\) (\S+)\s*(.*?)(?:\s+#.*)?$`)

// readDump reads what dump2dcm reads, one sequence deep. Of an attribute that comes twice the first counts.
func readDump(t *testing.T, path string) *dicom.DataSet {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	top := dicom.NewDataSet()
	var item *dicom.DataSet
	var sequence dicom.Tag
	for line := range strings.Lines(string(raw)) {
		m := dumpLine.FindStringSubmatch(strings.TrimRight(line, "\r\n"))
		if m == nil {
			continue
		}
		n, _ := strconv.ParseUint(m[1]+m[2], 16, 32)
		tag, to := dicom.Tag(n), top
		if item != nil {
			to = item
		}
		switch {
		case m[3] == "SQ":
			sequence = tag
			top.SetItems(tag)
		case tag == 0xFFFEE000:
			item = dicom.NewDataSet()
		case tag == 0xFFFEE00D:
			top.SetItems(sequence, item)
			item = nil
		case tag == 0xFFFEE0DD, to.Find(tag) != nil, tag == dicom.SpecificCharacterSet:
		default:
			set(to, tag, strings.TrimSpace(strings.Trim(m[4], "[]")))
		}
	}
	return top
}

var expectedLine = regexp.MustCompile(`^\(([0-9a-f]{4},[0-9a-f]{4})\) .. \[(.*?)\s*\]$`)

func TestMatchingAgreesWithDCMTK(t *testing.T) {
	if _, err := os.Stat(truth); err != nil {
		t.Skip("no worklists at " + truth)
	}
	m := matcher{zone: time.UTC, absent: true}
	compared := 0
	for entry := range 11 {
		for query := range 13 {
			at := func(parts ...string) string { return filepath.Join(append([]string{truth}, parts...)...) }
			want, err := os.ReadFile(at("Expected", fmt.Sprintf("single-%d-%d.json", entry, query)))
			thing, keys := at("Database", fmt.Sprintf("wklist%d.dump", entry)), at("Queries", fmt.Sprintf("wlistqry%d.dump", query))
			if err != nil || !exists(thing) || !exists(keys) {
				continue
			}
			var expected [][]string
			if err := json.Unmarshal(want, &expected); err != nil {
				t.Fatal(err)
			}
			compared++
			if diff := cmp.Diff(values(expected), answers(m, readDump(t, thing), readDump(t, keys))); diff != "" {
				t.Errorf("entry %d query %d: %s", entry, query, diff)
			}
		}
	}
	if compared < 30 {
		t.Errorf("only %d answers compared", compared)
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// values are the attributes of the expected answers that have one.
func values(expected [][]string) []map[string]string {
	out := []map[string]string{}
	for _, lines := range expected {
		one := map[string]string{}
		for _, l := range lines {
			if m := expectedLine.FindStringSubmatch(l); m != nil {
				one[m[1]] = m[2]
			}
		}
		out = append(out, one)
	}
	return out
}

func answers(m matcher, thing, keys *dicom.DataSet) []map[string]string {
	out := []map[string]string{}
	if !m.matches(thing, keys) {
		return out
	}
	one := map[string]string{}
	d := m.answer(thing, keys)
	for _, el := range d.Elements {
		if v := strings.Join(d.Strs(el.Tag), `\`); v != "" {
			one[fmt.Sprintf("%04x,%04x", el.Tag.Group(), el.Tag.Element())] = v
		}
	}
	return append(out, one)
}
