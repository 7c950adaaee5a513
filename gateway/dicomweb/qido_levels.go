// Which attributes a search answers with when nothing else is asked for (PS3.18 tables 10.6.3-3 to 10.6.3-5).

package dicomweb

import (
	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/imaging"
)

const (
	retrieveURL          dicom.Tag = 0x00081190
	modalitiesInStudy    dicom.Tag = 0x00080061
	instanceAvailability dicom.Tag = 0x00080056
)

var (
	studyDefaults = dicom.Tags("StudyDate", "StudyTime", "AccessionNumber", "InstanceAvailability", "ModalitiesInStudy", "ReferringPhysicianName",
		"TimezoneOffsetFromUTC", "RetrieveURL", "PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex",
		"StudyInstanceUID", "StudyID", "StudyDescription", "NumberOfStudyRelatedSeries", "NumberOfStudyRelatedInstances")
	seriesDefaults = dicom.Tags("Modality", "TimezoneOffsetFromUTC", "SeriesDescription", "RetrieveURL", "SeriesInstanceUID", "SeriesNumber",
		"NumberOfSeriesRelatedInstances", "PerformedProcedureStepStartDate", "PerformedProcedureStepStartTime", "RequestAttributesSequence",
		"InstanceAvailability", "StudyInstanceUID", "SeriesDate", "SeriesTime", "BodyPartExamined", "Laterality", "Manufacturer")
	instanceDefaults = dicom.Tags("SOPClassUID", "SOPInstanceUID", "InstanceAvailability", "TimezoneOffsetFromUTC", "RetrieveURL", "InstanceNumber",
		"Rows", "Columns", "BitsAllocated", "NumberOfFrames", "StudyInstanceUID", "SeriesInstanceUID", "AvailableTransferSyntaxUID")
)

// defaults are the attributes for a level. Those of the levels above belong to them where the address does not name the study
// or series (PS3.18 §10.6.3.3.2, §10.6.3.3.3).
func defaults(level imaging.Level, above imaging.UIDs) []dicom.Tag {
	var all []dicom.Tag
	switch level {
	case imaging.ImageLevel:
		all = append(all, instanceDefaults...)
		if above.Series == "" {
			all = append(all, seriesDefaults...)
		}
	case imaging.SeriesLevel:
		all = append(all, seriesDefaults...)
	}
	if above.Study == "" {
		all = append(all, studyDefaults...)
	}
	return all
}
