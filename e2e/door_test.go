package e2e

import (
	"os"
	"testing"
)

// opened is the service under test, and whether it is Orthanc 1.10, which cannot do all that is tested.
type opened struct {
	Door
	orthanc bool
}

// openDoor starts the service under test.
func openDoor(t testing.TB) opened {
	t.Helper()
	if os.Getenv("LIANZHEN_E2E_DOOR") == "orthanc" {
		o := StartOrthanc(t, nil)
		return opened{Door{o.DICOMweb, o.Authorization}, true}
	}
	l := StartLianzhen(t)
	return opened{Door{l.DICOMweb, l.Authorization}, false}
}
