package yamlfile

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type pack struct {
	Pack  string `yaml:"pack"`
	Rules []struct {
		ID   string         `yaml:"id"`
		When map[string]int `yaml:"when"`
	} `yaml:"rules"`
}

const good = `# a comment
pack: a
rules:
  - {id: one}
  - id: two
    when:
      x: 1
`

var limits = Limits{Bytes: 1000, Nodes: 100, Depth: 8}

func TestWhatIsNotOnePlainDocumentIsRefused(t *testing.T) {
	for _, tt := range []struct {
		name, text, want string
	}{
		{"nothing", "", "line 1: the file is empty"},
		{"an unknown field", good + "more: 1\n", "line 8: field more not found"},
		{"two mistakes", "pack: [a]\nmore: 1\n", "line 1: cannot unmarshal !!seq into string\nline 2: field more not found"},
		{"a key twice", "pack: a\npack: b\n", `line 2: mapping key "pack" already defined`},
		{"a second document", good + "---\npack: b\n", "something follows it"},
		{"no YAML", "pack: [\n", "line"},
		{"an anchor", "pack: &a b\n", "line 1: anchors and aliases are not taken"},
		{"too many bytes", good + "#" + strings.Repeat("x", 1000), "more than 1000"},
		{"too many nodes", "rules: [" + strings.Repeat("{},", 200) + "]", "too large"},
		{"too deep", "rules: " + strings.Repeat("[", 20) + strings.Repeat("]", 20), "too deep"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var p pack
			_, err := Read([]byte(tt.text), &p, limits)
			var faults Faults
			if !errors.As(err, &faults) || !strings.Contains(err.Error(), strings.Split(tt.want, "\n")[0]) || len(faults) < strings.Count(tt.want, "\n")+1 {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
	var p pack
	if _, err := Read([]byte("pack: &a b\nrules: [{id: *a}]\n"), &p, Limits{Bytes: 1000}); err != nil || p.Rules[0].ID != "b" {
		t.Errorf("anchors where the tree is not looked at: %v", err)
	}
}

func TestEveryPartHasItsLine(t *testing.T) {
	var p pack
	f, err := Read([]byte(good), &p, limits)
	if err != nil {
		t.Fatal(err)
	}
	var got []int
	for _, path := range [][]any{At(), At("pack"), At("rules"), At("rules", 0), At("rules", 1, "when", "x"), At("rules", 9), At("rules", -1), At("nothing", 1)} {
		got = append(got, f.Line(path...))
	}
	if diff := cmp.Diff([]int{2, 2, 3, 4, 7, 3, 3, 2}, got); diff != "" {
		t.Error(diff)
	}
	if f.Err() != nil {
		t.Error(f.Err())
	}
	f.Fault(At("rules", 1), "rule %s", "two")
	if err := f.Err(); err == nil || err.Error() != "line 5: rule two" {
		t.Errorf("%v", err)
	}
	for range 2 * maxFaults {
		f.Fault(At(), "again")
	}
	if n := strings.Count(f.Err().Error(), "\n") + 1; n != maxFaults {
		t.Errorf("%d faults", n)
	}
}

func FuzzRead(f *testing.F) {
	for _, s := range []string{good, "", "pack: [", "a: &a [*a]", "---\n---\n", "rules: [null]", "? {a: b}\n: c", "\xff", "- 1"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var p pack
		file, err := Read(data, &p, limits)
		if err != nil {
			var faults Faults
			if !errors.As(err, &faults) || len(faults) == 0 || err.Error() == "" {
				t.Errorf("%v", err)
			}
			return
		}
		if file.Line("rules", 0, "when", "x") < 1 {
			t.Error("a part without a line")
		}
	})
}
