package imaging

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/dicom/phantom"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

func TestSeriesMetadataFollowsTheSeries(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		l := newLab(t, db, storetest.Dir(t))
		objects := study(phantom.CTChest, 61, 70, wang) // more than are unzipped at once
		for _, b := range objects[:68] {
			l.accept(t, l.tech, b)
		}
		first := l.accept(t, l.tech, objects[68])
		series := l.query(t, l.tech, Query{Level: SeriesLevel, Keys: ask(t, "StudyInstanceUID="+string(first.StudyUID))})[0].Attributes.UID(dicom.SeriesInstanceUID)
		get := func(s record.Scope, base string) *SeriesMetadata {
			t.Helper()
			m, err := l.SeriesMetadata(t.Context(), s, first.StudyUID, series, base)
			if err != nil {
				t.Fatal(err)
			}
			return m
		}
		m := get(l.tech, "http://a/dicomweb")
		if again := get(l.tech, "http://a/dicomweb"); again != m {
			t.Error("it is made twice")
		}
		if other := get(l.tech, "http://b/dicomweb"); other.Version == m.Version {
			t.Error("another address, the same version")
		}
		text, err := unzip(m.GZ)
		if err != nil {
			t.Fatal(err)
		}
		all, err := dicom.ParseJSONList(text, dicom.Limits{})
		if err != nil || len(all) != 69 {
			t.Fatalf("%d instances: %v", len(all), err)
		}
		for i, d := range all {
			if n, _ := d.Int(dicom.InstanceNumber); n != i+1 {
				t.Fatalf("%d. is number %d", i, n)
			}
		}
		l.accept(t, l.tech, objects[69])
		if grown := get(l.tech, "http://a/dicomweb"); grown.Version == m.Version {
			t.Error("the series has grown and the version has not changed")
		}
		_, err = l.SeriesMetadata(t.Context(), l.other, first.StudyUID, series, "http://a/dicomweb")
		if record.KindOf(err) != record.NotFound {
			t.Errorf("another place: %v", err)
		}
	})
}

func TestAddressesArePutIntoMetadata(t *testing.T) {
	for _, c := range []struct{ name, js, want string }{
		{
			"behind the group", `{"00080018":{"vr":"UI","Value":["1.2"]},"00100020":{"vr":"LO"}}`,
			`{"00080018":{"vr":"UI","Value":["1.2"]},"00083002":{"vr":"UI","Value":["S"]},"00100020":{"vr":"LO"}}`,
		},
		{"before all", `{"00100020":{"vr":"LO"}}`, `{"00083002":{"vr":"UI","Value":["S"]},"00100020":{"vr":"LO"}}`},
		{"behind all", `{"00080018":{"vr":"UI"}}`, `{"00080018":{"vr":"UI"},"00083002":{"vr":"UI","Value":["S"]}}`},
		{"nothing else", `{}`, `{"00083002":{"vr":"UI","Value":["S"]}}`},
		{
			"bulk data", `{"00080008":{"vr":"SQ","Value":[{"00091010":{"vr":"OB","BulkDataURI":"bulkdata/00080008/1/00091010"}}]},"7FE00010":{"vr":"OW","BulkDataURI":"bulkdata/7FE00010"}}`,
			`{"00080008":{"vr":"SQ","Value":[{"00091010":{"vr":"OB","BulkDataURI":"http://h/i/bulkdata/00080008/1/00091010"}}]},"00083002":{"vr":"UI","Value":["S"]},"7FE00010":{"vr":"OW","BulkDataURI":"http://h/i/bulkdata/7FE00010"}}`,
		},
		{
			"a value that looks like it", `{"00104000":{"vr":"LT","Value":["\"BulkDataURI\":\"bulkdata/x}],{"]}}`,
			`{"00083002":{"vr":"UI","Value":["S"]},"00104000":{"vr":"LT","Value":["\"BulkDataURI\":\"bulkdata/x}],{"]}}`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := string(Addressed([]byte(c.js), "http://h/i/", "S"))
			if d := cmp.Diff(c.want, got); d != "" || !json.Valid([]byte(got)) {
				t.Error(d)
			}
		})
	}
}

func FuzzAddressed(f *testing.F) {
	for _, s := range []string{`{}`, `{"00080018":{"vr":"UI","Value":["1.2"]},"7FE00010":{"vr":"OW","BulkDataURI":"bulkdata/7FE00010"}}`, `{"00080018":"\"`, `{"a":[[[{}]]],`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, js []byte) {
		d, err := dicom.ParseJSON(js, dicom.Limits{})
		out := Addressed(js, "http://h/", "1.2.3")
		if err != nil { // only what we wrote is given to it, but it must come back from anything
			return
		}
		own := d.AppendJSON(nil, dicom.JSONOptions{})
		if got := Addressed(own, "http://h/", "1.2.3"); !json.Valid(got) || len(out) == 0 {
			t.Fatalf("%s became %s", own, got)
		}
	})
}

func TestTheCacheOfMetadataIsBounded(t *testing.T) {
	k := newMetadataCache()
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 40 {
				k.put(&SeriesMetadata{Version: fmt.Sprint(w, i), GZ: make([]byte, metadataLargest)})
				k.get("0 1")
			}
		})
	}
	wg.Wait()
	k.put(&SeriesMetadata{Version: "large", GZ: make([]byte, metadataLargest+1)})
	if k.bytes > metadataKept || len(k.of) != k.order.Len() || len(k.of) != metadataKept/metadataLargest || k.get("large") != nil {
		t.Errorf("%d bytes in %d", k.bytes, len(k.of))
	}
}

func TestBulkIsFoundByItsPath(t *testing.T) {
	l := newLab(t, storetest.SQLite(t), storetest.Dir(t))
	objects := study(phantom.CTChest, 62, 1, wang)
	stored := l.accept(t, l.tech, objects[0])
	all, err := l.Locate(t.Context(), l.tech, UIDs{Study: stored.StudyUID})
	if err != nil {
		t.Fatal(err)
	}
	b, err := l.Bulk(t.Context(), all[0].Instance, "7FE00010")
	if err != nil || b.Encapsulated || b.VR != dicom.OW {
		t.Fatalf("%+v: %v", b, err)
	}
	for _, c := range [][2]int64{{-1, 1}, {0, -1}, {0, b.Size + 1}, {b.Size, 1}} {
		if _, err := b.Open(c[0], c[1]); record.KindOf(err) != record.Invalid {
			t.Errorf("%v: %v", c, err)
		}
	}
	for _, p := range []string{
		"", "/", "7FE00010/", "7FE00010/1", "7FE00010/1/00080018", "0008103E/1/00080018", "7fe0001", "zzzzzzzz", "00080060/99999999999/00080060",
		strings.Repeat("00080060/1/", 100) + "00080060", "00200000",
	} {
		if _, err := l.Bulk(t.Context(), all[0].Instance, p); record.KindOf(err) != record.NotFound {
			t.Errorf("%.30s: %v", p, err)
		}
	}
	name, err := l.Bulk(t.Context(), all[0].Instance, "00100010")
	if err != nil || name.Size == 0 {
		t.Errorf("a short value: %v", err)
	}
}
