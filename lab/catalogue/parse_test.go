package catalogue

import "testing"

func TestDefaultParses(t *testing.T) {
	p, err := Parse(defaultYAML)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(len(p.Analytes), len(p.Intervals), len(p.Panels))
}
