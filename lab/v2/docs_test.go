package v2

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// TestDocumentedProfiles: the profile in the documentation has every name with its default, and the examples can be read.
func TestDocumentedProfiles(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "hl7.md"))
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(string(text), "```")
	var all []string
	for i := 1; i < len(parts); i += 2 {
		if yaml, ok := strings.CutPrefix(parts[i], "yaml\n"); ok {
			all = append(all, yaml)
		}
	}
	if len(all) < 2 {
		t.Fatalf("%d profiles in the documentation", len(all))
	}
	got, want := profile(t, all[0]), profile(t, "")
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Profile{}, Rule{}), cmpopts.IgnoreFields(Profile{}, "Hash"), cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
	for _, name := range []string{"charset", "lenient", "zone", "final", "ours", "theirs", "version", "order", "local", "systems", "sexes", "patient", "fields", "status", "numbers", "lines", "control", "skip"} {
		if !strings.Contains("\n"+all[0], "\n"+name+":") {
			t.Errorf("%s is not documented", name)
		}
	}
	for _, example := range all[1:] {
		profile(t, example)
	}
}
