package astm

import (
	"os"
	"path/filepath"
	"testing"
)

// captures is the folder of published captures, which are not part of the project.
func captures(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	for err == nil && dir != filepath.Dir(dir) {
		at := filepath.Join(dir, "shared", "data", "lab", "astm")
		if _, err := os.Stat(at); err == nil {
			return at
		}
		dir = filepath.Dir(dir)
	}
	t.Skip("the folder shared/data/lab/astm is not beside the module: real captures are not read")
	return ""
}

func TestRealCaptures(t *testing.T) {
	dir := captures(t)
	for _, x := range []struct {
		file     string
		bad      int // frames that cannot be taken
		messages int
		records  map[string]int
	}{
		{"abbott_afinion2.txt", 0, 1, map[string]int{"H": 1, "P": 1, "O": 1, "R": 1, "L": 1}},
		{"cobas_c311.txt", 0, 1, map[string]int{"H": 1, "P": 1, "O": 1, "R": 7, "C": 7, "L": 1}},
		{"genexpert.txt", 0, 1, map[string]int{"H": 1, "P": 1, "O": 1, "R": 84, "C": 3, "L": 1}},
		{"pentra_xlr.txt", 0, 1, map[string]int{"H": 1, "P": 1, "O": 1, "R": 21, "C": 3, "L": 1}},
		{"sysmex_xn550.txt", 0, 1, map[string]int{"H": 1, "P": 1, "O": 1, "R": 41, "C": 3, "L": 1}},
		{"yumizen_h500.txt", 0, 1, map[string]int{"H": 1, "P": 1, "O": 1, "M": 4, "C": 2, "R": 21, "L": 1}},
	} {
		t.Run(x.file, func(t *testing.T) {
			b, err := os.ReadFile(filepath.Join(dir, "senaite", x.file))
			if err != nil {
				t.Fatal(err)
			}
			text, warnings, err := Unframe(b, Options{})
			if err != nil || len(warnings) != x.bad {
				t.Fatalf("%v, %v", warnings, err)
			}
			all, err := Parse(text, Unknown)
			if err != nil || len(all) != x.messages {
				t.Fatalf("%d messages, %v", len(all), err)
			}
			got := map[string]int{}
			for _, r := range all[0].Records {
				got[r.Type]++
			}
			for kind, n := range x.records {
				if got[kind] != n {
					t.Errorf("%d %s records, want %d", got[kind], kind, n)
				}
			}
			if !all[0].Terminated || len(got) != len(x.records) {
				t.Errorf("records %v", got)
			}
		})
	}
}
