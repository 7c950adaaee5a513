package wfdb_test

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/codec/tracing/tracingtest"
	"github.com/lianzhen/lianzhen/codec/tracing/wfdb"
)

func TestGolden(t *testing.T) {
	takes := func(name string) bool {
		switch strings.SplitN(name, "/", 2)[0] {
		case "wfdb", "mitdb", "qtdb", "ludb", "cinc2021", "ptbxl":
			return true
		}
		return false
	}
	tracingtest.Golden(t, takes, func(t *testing.T, name string) *tracing.Tracing {
		got, err := wfdb.ReadFS(os.DirFS(tracingtest.Data(t)), strings.TrimSuffix(name, path.Ext(name)))
		if err != nil {
			t.Fatal(err)
		}
		return got
	})
}

func TestRealRecordsOpenWithGoodChecksums(t *testing.T) {
	data := os.DirFS(tracingtest.Data(t))
	n := 0
	for _, dir := range []string{"wfdb", "mitdb", "qtdb", "ludb/data", "cinc2021", "ptbxl"} {
		heads, err := fs.Glob(data, dir+"/*.hea")
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range heads {
			name := strings.TrimSuffix(h, ".hea")
			got, err := wfdb.ReadFS(data, name)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			n++
			for _, w := range got.Warnings {
				if w.Code == tracing.Truncated || w.Code == tracing.BadChecksum || w.Code == tracing.BadValue {
					t.Errorf("%s: %v", name, w)
				}
			}
		}
	}
	t.Logf("%d records", n)
}

func TestRealAnnotationsAreInTheirRecords(t *testing.T) {
	root := tracingtest.Data(t)
	known := map[string]bool{}
	for _, ext := range []string{"atr", "qrs", "q1c", "q2c", "qt1", "qt2", "pu", "pu0", "pu1", "man", "i", "ii", "v6"} {
		known["."+ext] = true
	}
	n := 0
	for _, dir := range []string{"wfdb", "mitdb", "qtdb", "ludb/data"} {
		files, err := os.ReadDir(filepath.Join(root, dir))
		if err != nil {
			continue
		}
		for _, f := range files {
			if !known[path.Ext(f.Name())] {
				continue
			}
			list, err := wfdb.ReadAnnotations(tracingtest.Bytes(t, dir+"/"+f.Name()))
			if err != nil || len(list) == 0 {
				t.Errorf("%s: %d annotations, %v", f.Name(), len(list), err)
				continue
			}
			last := int64(0)
			for _, a := range list {
				if a.Sample < last || a.Sample > 650_000 || a.Mnemonic == "" {
					t.Errorf("%s: %+v after %d", f.Name(), a, last)
					break
				}
				last = a.Sample
			}
			n += len(list)
		}
	}
	t.Logf("%d annotations", n)
}
