package recognition

import (
	"testing"
)

func TestEmbeddedPacksHaveNoProblem(t *testing.T) {
	for _, p := range Lint(Embedded()) {
		t.Error(p)
	}
}
