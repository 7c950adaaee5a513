// Package cmd holds the test that keeps the floors of the house: imports go down only.
package cmd

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/lianzhen/lianzhen/"

// floors says for every room which other rooms it may import. A room's own sub-folders are free, and nothing imports cmd.
var floors = map[string][]string{
	"cmd":       {"gateway", "imaging", "ecg", "lab", "pathology", "reading", "authz", "edge", "store", "record", "codec", "proto", "web"},
	"gateway":   {"imaging", "ecg", "lab", "pathology", "reading", "authz", "store", "record", "codec", "proto", "web"},
	"imaging":   {"reading", "store", "record", "codec"},
	"ecg":       {"reading", "store", "record", "codec"},
	"lab":       {"reading", "store", "record", "codec"},
	"pathology": {"reading", "store", "record", "codec"},
	"reading":   {"store", "record"},
	"authz":     {"store", "record", "codec"},
	"edge":      {"store", "record", "codec", "proto"},
	"store":     {"record"},
	"record":    {},
	"codec":     {},
	"proto":     {},
	"web":       {},
}

// elsewhere are folders without a floor: tools and benches stand beside the house and are not imported.
var elsewhere = []string{"tools", "bench", "deploy", "docs", "e2e"}

func room(path string) string {
	first, _, _ := strings.Cut(path, "/")
	return first
}

func TestImportsGoDownOnly(t *testing.T) {
	files := 0
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		path = filepath.ToSlash(strings.TrimPrefix(path, ".."+string(filepath.Separator)))
		if d.IsDir() {
			if hidden := strings.HasPrefix(d.Name(), ".") && path != ".."; hidden || d.Name() == "testdata" || d.Name() == "node_modules" || slices.Contains(elsewhere, path) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		files++
		checkFile(t, path)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 100 {
		t.Errorf("only %d Go files seen", files)
	}
}

func checkFile(t *testing.T, path string) {
	t.Helper()
	from := room(path)
	may, ok := floors[from]
	if !ok {
		t.Errorf("%s: folder %s has no floor", path, from)
		return
	}
	f, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", path), nil, parser.ImportsOnly)
	if err != nil {
		t.Errorf("%s: %v", path, err)
		return
	}
	for _, i := range f.Imports {
		imported, _ := strconv.Unquote(i.Path.Value)
		rest, ours := strings.CutPrefix(imported, module)
		if to := room(rest); ours && to != from && !slices.Contains(may, to) {
			t.Errorf("%s imports %s: %s may import %s only", path, rest, from, strings.Join(may, ", "))
		}
	}
}
