package dicomdir

import (
	"slices"
	"strconv"
	"strings"

	"github.com/lianzhen/lianzhen/codec/dicom"
)

// recordKind is a type of directory record with its keys (PS3.3 F.5): those that must have a value and those that may be
// empty or absent.
type recordKind struct {
	name   string
	needed []dicom.Tag
	also   []dicom.Tag
	number dicom.Tag // gets the record's number if the object has none
}

var (
	patientRecord = recordKind{"PATIENT", []dicom.Tag{dicom.PatientName, dicom.PatientID}, []dicom.Tag{dicom.PatientBirthDate, dicom.PatientSex}, 0}
	studyRecord   = recordKind{
		"STUDY",
		[]dicom.Tag{dicom.StudyDate, dicom.StudyTime, dicom.StudyDescription, dicom.StudyInstanceUID, dicom.AccessionNumber},
		nil, dicom.StudyID,
	}
	seriesRecord = recordKind{
		"SERIES",
		[]dicom.Tag{dicom.Modality, dicom.SeriesInstanceUID},
		[]dicom.Tag{dicom.SeriesDescription, dicom.InstitutionName, dicom.BodyPartExamined},
		dicom.SeriesNumber,
	}
	imageRecord = recordKind{
		"IMAGE", nil,
		[]dicom.Tag{dicom.ImageType, dicom.Rows, dicom.Columns, dicom.NumberOfFrames, dicom.ContentDate, dicom.ContentTime},
		dicom.InstanceNumber,
	}
)

const (
	conceptName       dicom.Tag = 0x0040A043
	completionFlag    dicom.Tag = 0x0040A491
	verificationFlag  dicom.Tag = 0x0040A493
	verifiedAt        dicom.Tag = 0x0040A030
	contentLabel      dicom.Tag = 0x00700080
	contentDescribed  dicom.Tag = 0x00700081
	presentationDate  dicom.Tag = 0x00700082
	presentationTime  dicom.Tag = 0x00700083
	contentCreator    dicom.Tag = 0x00700084
	referencedSeries  dicom.Tag = 0x00081115
	documentTitle     dicom.Tag = 0x00420010
	documentIdentity  dicom.Tag = 0x0040E001
	doseSummation     dicom.Tag = 0x3004000A
	doseComment       dicom.Tag = 0x30040006
	structureLabel    dicom.Tag = 0x30060002
	structureDate     dicom.Tag = 0x30060008
	structureTime     dicom.Tag = 0x30060009
	planLabel         dicom.Tag = 0x300A0002
	planDate          dicom.Tag = 0x300A0006
	planTime          dicom.Tag = 0x300A0007
	treatmentDate     dicom.Tag = 0x30080250
	treatmentTime     dicom.Tag = 0x30080251
	storage                     = "1.2.840.10008.5.1.4.1.1."
	studyDateFallback           = dicom.SeriesDate
)

var content = []dicom.Tag{dicom.ContentDate, dicom.ContentTime}

func labelled(name string) recordKind {
	return recordKind{name, append([]dicom.Tag{contentLabel, contentDescribed, contentCreator}, content...), nil, dicom.InstanceNumber}
}

// kinds lists the records of classes that are not images, by the beginning of the class behind the storage root; the longest
// that fits counts.
var kinds = map[string]recordKind{
	"88.":      {"SR DOCUMENT", append([]dicom.Tag{completionFlag, verificationFlag, conceptName}, content...), []dicom.Tag{verifiedAt}, dicom.InstanceNumber},
	"88.59":    {"KEY OBJECT DOC", append([]dicom.Tag{conceptName}, content...), nil, dicom.InstanceNumber},
	"9.":       {"WAVEFORM", content, nil, dicom.InstanceNumber},
	"11.":      {"PRESENTATION", []dicom.Tag{presentationDate, presentationTime, contentLabel, contentDescribed, contentCreator}, []dicom.Tag{referencedSeries}, dicom.InstanceNumber},
	"104.":     {"ENCAP DOC", []dicom.Tag{documentTitle, dicom.MIMETypeOfEncapsulatedDocument, conceptName}, append([]dicom.Tag{documentIdentity}, content...), dicom.InstanceNumber},
	"66":       {"RAW DATA", content, nil, dicom.InstanceNumber},
	"66.1":     labelled("REGISTRATION"),
	"66.2":     labelled("FIDUCIAL"),
	"66.3":     labelled("REGISTRATION"),
	"66.4":     imageRecord, // segmentation
	"66.5":     labelled("SURFACE"),
	"66.6":     labelled("TRACT"),
	"67":       labelled("VALUE MAP"),
	"68.1":     labelled("SURFACE SCAN"),
	"68.2":     labelled("SURFACE SCAN"),
	"77.1.5.3": {"STEREOMETRIC", content, nil, dicom.InstanceNumber},
	"78.":      {"MEASUREMENT", content, nil, dicom.InstanceNumber},
	"90.1":     {"ASSESSMENT", content, nil, dicom.InstanceNumber},
	"4.2":      {"SPECTROSCOPY", append([]dicom.Tag{dicom.ImageType, dicom.NumberOfFrames, dicom.Rows, dicom.Columns}, content...), nil, dicom.InstanceNumber},
	"481.2":    {"RT DOSE", []dicom.Tag{doseSummation}, []dicom.Tag{doseComment}, dicom.InstanceNumber},
	"481.3":    {"RT STRUCTURE SET", []dicom.Tag{structureLabel, structureDate, structureTime}, nil, dicom.InstanceNumber},
	"481.4":    {"RT TREAT RECORD", []dicom.Tag{treatmentDate, treatmentTime}, nil, dicom.InstanceNumber},
	"481.5":    {"RT PLAN", []dicom.Tag{planLabel, planDate, planTime}, nil, dicom.InstanceNumber},
	"481.6":    {"RT TREAT RECORD", []dicom.Tag{treatmentDate, treatmentTime}, nil, dicom.InstanceNumber},
	"481.7":    {"RT TREAT RECORD", []dicom.Tag{treatmentDate, treatmentTime}, nil, dicom.InstanceNumber},
	"481.8":    {"RT PLAN", []dicom.Tag{planLabel, planDate, planTime}, nil, dicom.InstanceNumber},
	"481.9":    {"RT TREAT RECORD", []dicom.Tag{treatmentDate, treatmentTime}, nil, dicom.InstanceNumber},
}

// kindOf is the type of record for an object: by its SOP class, an image's for classes that we do not know.
func kindOf(object *dicom.DataSet) recordKind {
	class, ok := strings.CutPrefix(object.Str(dicom.SOPClassUID), storage)
	best, kind := "", imageRecord
	for prefix, k := range kinds {
		fits := class == prefix || strings.HasSuffix(prefix, ".") && strings.HasPrefix(class, prefix)
		if ok && fits && len(prefix) > len(best) {
			best, kind = prefix, k
		}
	}
	return kind
}

// take copies the keys out of an object.
func (k recordKind) take(object *dicom.DataSet, n int) *dicom.DataSet {
	d := dicom.NewDataSet()
	d.CopyFrom(object, slices.Concat(k.needed, k.also)...)
	for _, t := range k.needed {
		if d.Find(t) == nil {
			d.SetEmpty(t)
		}
	}
	for el := range d.Away() { // which none of the keys should be
		el.Resolve(nil)
	}
	if k.number != 0 {
		d.CopyFrom(object, k.number)
		if d.Str(k.number) == "" {
			d.SetText(k.number, strconv.Itoa(n))
		}
	}
	if k.name == studyRecord.name && d.Str(dicom.StudyDate) == "" {
		d.SetText(dicom.StudyDate, object.Str(studyDateFallback))
	}
	return d
}
