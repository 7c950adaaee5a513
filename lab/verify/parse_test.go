package verify

import "testing"

func TestDefaultParses(t *testing.T) {
	if _, err := Parse(defaultYAML); err != nil {
		t.Fatal(err)
	}
}
