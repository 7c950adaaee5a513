// Ids of studies, series and instances are digests of (institution, UID): an index made again from the blobs gives the
// same ids, and a UID that another institution used before cannot be in the way.

package imaging

import (
	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/record"
)

type (
	SeriesID   string // a series of one institution
	InstanceID string // an instance of one institution
)

func digestID(kind string, institution record.InstitutionID, uid dicom.UID) string {
	return record.DigestID(kind, institution, string(uid))
}

func studyID(i record.InstitutionID, uid dicom.UID) record.ExamID {
	return record.ExamID(digestID("study", i, uid))
}

// A series UID is unique on its own, but a careless sender uses it in two studies: both keep their own series.
func seriesID(study record.ExamID, uid dicom.UID) SeriesID {
	return SeriesID(digestID("series", record.InstitutionID(study), uid))
}

func instanceID(i record.InstitutionID, uid dicom.UID) InstanceID {
	return InstanceID(digestID("instance", i, uid))
}
