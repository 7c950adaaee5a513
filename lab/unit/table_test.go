package unit

import (
	"strings"
	"testing"

	"github.com/lianzhen/lianzhen/codec/ucum"
)

// TestTables holds our tables to UCUM: every code is valid and can be meant, and no spelling that we replace is UCUM with another meaning.
func TestTables(t *testing.T) {
	if ucum.Default().Edition() == "" {
		t.Skip("built without the table of UCUM: make ucum")
	}
	for _, table := range []map[string]string{written, anyCase} {
		for sent, code := range table {
			if !ucum.Valid(code) || suspicion(code) != "" {
				t.Errorf("%s: %s is not UCUM, or cannot be meant", sent, code)
			}
			if ucum.Valid(sent) && !Same(sent, code) {
				t.Errorf("%s is UCUM, and not %s", sent, code)
			}
		}
	}
	for sent := range anyCase {
		if sent != strings.ToLower(sent) {
			t.Errorf("%s is never found", sent)
		}
	}
	for sent, code := range parts {
		if !ucum.Valid(code) || suspicion(code) != "" {
			t.Errorf("%s: %s is not UCUM, or cannot be meant", sent, code)
		}
		if ucum.Valid(sent) && wrongPart(sent) == "" && !Same(sent, code) {
			t.Errorf("%s is UCUM, and not %s", sent, code)
		}
	}
	for part, meant := range wrongParts {
		if !ucum.Valid(part) || !ucum.Valid(meant) {
			t.Errorf("%s: %s", part, meant)
		}
	}
}

func TestSubstances(t *testing.T) {
	seen := map[string]string{}
	for _, e := range known {
		if e.Formula != "" {
			if _, ok := massOf(e.Formula); !ok {
				t.Errorf("%s: %s is no formula", e.Name, e.Formula)
			}
		}
		for name := range strings.SplitSeq(e.Name+","+e.also, ",") {
			if name = strings.TrimSpace(name); name == "" {
				continue
			}
			if other := seen[name]; other != "" || name != strings.ToLower(name) {
				t.Errorf("%q names %s and %s", name, e.Name, other)
			}
			seen[name] = e.Name
			if s, ok := Find(" " + strings.ToUpper(name)); !ok || s != e.Substance {
				t.Errorf("%q is not found", name)
			}
		}
		if e.IU != "" {
			if _, of, _ := strings.Cut(e.IU, " "); !ucum.Valid(of) {
				t.Errorf("%s: %s", e.Name, e.IU)
			}
		}
	}
	t.Logf("%d substances", len(known))
}
