package dicomecg

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/tracing"
)

// PDFMeta is what an encapsulated report says of itself. UIDs that are empty are made from the document.
type PDFMeta struct {
	Identity

	Patient   tracing.Patient
	Device    tracing.Device // that made the document, if it is to be named
	Site      tracing.Site
	Title     string
	At        time.Time // of the content; may be zero
	ZoneKnown bool      // false: At is a wall clock, given as if it were UTC
	Recorded  time.Time // when the ECG was taken; may be zero

	// Of is the ECG that the report is about, if it is a DICOM object.
	Of struct{ SOPClassUID, SOPInstanceUID dicom.UID }
}

// EncapsulatePDF wraps a report as an Encapsulated PDF object (PS3.3 A.45.1).
func EncapsulatePDF(w io.Writer, pdf []byte, meta PDFMeta) error {
	if !strings.HasPrefix(string(pdf[:min(len(pdf), 5)]), "%PDF-") {
		return errors.New("dicomecg: encapsulate: no PDF document")
	}
	return meta.write(w, pdf)
}

func (m *PDFMeta) write(w io.Writer, pdf []byte) error {
	sum := sha256.Sum256(pdf)
	for i, u := range []*dicom.UID{&m.StudyInstanceUID, &m.SeriesInstanceUID, &m.SOPInstanceUID} {
		if *u == "" {
			*u = uidFrom(append([]byte{'P', byte(i)}, sum[:]...))
		}
	}
	d := dicom.NewDataSet()
	d.SetText(dicom.SOPClassUID, string(PDF))
	d.SetText(dicom.SOPInstanceUID, string(m.SOPInstanceUID))
	m.place(d, m.At, m.ZoneKnown)
	d.SetText(dicom.Modality, "DOC")
	d.SetText(dicom.ConversionType, "WSD")
	d.SetText(dicom.AccessionNumber, clean(m.AccessionNumber, 16))
	setPatient(d, &m.Patient, m.IssuerOfID)
	setDevice(d, &tracing.Tracing{Device: m.Device, Site: m.Site})
	d.SetText(dicom.InstanceNumber, fmt.Sprint(max(1, m.InstanceNumber)))
	setDateTime(d, dicom.ContentDate, dicom.ContentTime, m.At, m.ZoneKnown)
	if m.ZoneKnown && !m.At.IsZero() {
		d.SetText(dicom.TimezoneOffsetFromUTC, m.At.Format("-0700"))
	}
	setAcquired(d, m.Recorded, m.ZoneKnown)
	d.SetText(dicom.BurnedInAnnotation, "YES")
	d.SetText(documentTitle, clean(m.Title, 1024))
	d.SetItems(conceptNameCodeSequence, concept{"11524-6", "LN", "", "EKG study"}.item())
	if m.Of.SOPInstanceUID != "" {
		ref := dicom.NewDataSet()
		ref.SetText(dicom.ReferencedSOPClassUID, string(m.Of.SOPClassUID))
		ref.SetText(dicom.ReferencedSOPInstanceUID, string(m.Of.SOPInstanceUID))
		d.SetItems(sourceInstanceSequence, ref)
	}
	d.SetText(dicom.MIMETypeOfEncapsulatedDocument, "application/pdf")
	d.SetBytes(dicom.EncapsulatedDocument, dicom.OB, pdf)
	d.SetInt(encapsulatedDocumentLength, len(pdf))
	return part10Of(w, d, PDF, m.SOPInstanceUID)
}

func setAcquired(d *dicom.DataSet, at time.Time, zone bool) {
	switch {
	case at.IsZero():
		d.SetEmpty(acquisitionDateTime)
	case zone:
		d.SetText(acquisitionDateTime, at.Format("20060102")+timeOfDay(at)+at.Format("-0700"))
	default:
		d.SetText(acquisitionDateTime, at.UTC().Format("20060102")+timeOfDay(at.UTC()))
	}
}
