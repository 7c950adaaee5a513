package dimse

import (
	"testing"

	"github.com/lianzhen/lianzhen/codec/dicom"
)

func TestStorageClasses(t *testing.T) {
	seen := map[dicom.UID]bool{}
	for _, uid := range StorageClasses {
		if !uid.Valid() || !IsStorage(uid) || IsPrivate(uid) || seen[uid] {
			t.Error(uid)
		}
		seen[uid] = true
	}
	if len(StorageClasses) > maxContexts-8 {
		t.Errorf("%d classes leave no room for the queries beside them", len(StorageClasses))
	}
	for uid, want := range map[dicom.UID]bool{Verification: false, StudyRootFind: false, ModalityWorklistFind: false, "1.2.840.10008.5.1.4.38.1": true} {
		if IsStorage(uid) != want {
			t.Errorf("IsStorage(%s) = %v", uid, !want)
		}
	}
}
