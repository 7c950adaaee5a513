// Which attributes of a study and of a series are kept beside their rows (PS3.3 A.1.2: one value for all objects below).

package imaging

import (
	"github.com/lianzhen/lianzhen/codec/dicom"
)

// studyTags are the attributes of patient and study (PS3.3 C.7.1, C.7.2; PS3.4 tables C.6-1, C.6-2, C.6-5).
var studyTags = tagSet(
	"StudyDate", "StudyTime", "AccessionNumber", "IssuerOfAccessionNumberSequence", "InstitutionName", "InstitutionAddress",
	"ReferringPhysicianName", "ReferringPhysicianIdentificationSequence", "TimezoneOffsetFromUTC", "StudyDescription",
	"ProcedureCodeSequence", "PhysiciansOfRecord", "NameOfPhysiciansReadingStudy", "AdmittingDiagnosesDescription",
	"AdmittingDiagnosesCodeSequence", "ReferencedStudySequence", "ReferencedPatientSequence",
	"PatientName", "PatientID", "IssuerOfPatientID", "IssuerOfPatientIDQualifiersSequence", "TypeOfPatientID", "PatientBirthDate",
	"PatientBirthTime", "PatientSex", "OtherPatientIDs", "OtherPatientIDsSequence", "OtherPatientNames", "PatientAge", "PatientSize",
	"PatientWeight", "EthnicGroup", "Occupation", "AdditionalPatientHistory", "PatientComments", "PatientSpeciesDescription",
	"PatientIdentityRemoved", "DeidentificationMethod",
	"StudyInstanceUID", "StudyID", "RequestingPhysician", "RequestingService", "RequestedProcedureDescription",
	"RequestedProcedureCodeSequence", "ReasonForStudy", "AdmissionID", "CurrentPatientLocation",
)

// seriesTags are the attributes of series and equipment (PS3.3 C.7.3, C.7.5; PS3.4 table C.6-3).
var seriesTags = tagSet(
	"SeriesDate", "SeriesTime", "Modality", "Manufacturer", "StationName", "InstitutionalDepartmentName", "SeriesDescription",
	"SeriesDescriptionCodeSequence", "PerformingPhysicianName", "OperatorsName", "ManufacturerModelName",
	"ReferencedPerformedProcedureStepSequence", "BodyPartExamined", "ContrastBolusAgent", "ScanOptions", "DeviceSerialNumber",
	"SoftwareVersions", "ProtocolName", "PatientPosition", "ViewPosition", "SeriesInstanceUID", "SeriesNumber", "Laterality",
	"FrameOfReferenceUID", "PositionReferenceIndicator", "PerformedProcedureStepStartDate", "PerformedProcedureStepStartTime",
	"PerformedProcedureStepID", "PerformedProcedureStepDescription", "RequestAttributesSequence", "AnatomicRegionSequence",
)

func tagSet(keywords ...string) map[dicom.Tag]bool {
	set := make(map[dicom.Tag]bool, len(keywords))
	for _, t := range dicom.Tags(keywords...) {
		set[t] = true
	}
	return set
}

// keptAttributes bounds the stored form: a sender may put much into a sequence.
const keptAttributes = 64 << 10

// attributes gives those of a level in the form that is stored; nothing where they are too large or cannot be written.
func attributes(d *dicom.DataSet, level map[dicom.Tag]bool) []byte {
	kept := *d // with its character set
	kept.Elements = nil
	for _, el := range d.Elements {
		if (level[el.Tag] || el.Tag == dicom.SpecificCharacterSet) && el.Kept() {
			kept.Elements = append(kept.Elements, el)
		}
	}
	b, err := dicom.AppendDataSet(nil, &kept, dicom.ExplicitLE, "ISO_IR 192")
	if err != nil || len(b) > keptAttributes {
		return nil
	}
	return b
}
