package e2e

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/dicom/phantom"
)

// encapsulatedPDF is a document in the study of s (PS3.3 A.45.1).
func encapsulatedPDF(t testing.TB, s phantom.Spec, pdf []byte) []byte {
	t.Helper()
	e := dicom.NewEncoder(dicom.ExplicitLE, "ISO_IR 192")
	e.Text(dicom.SOPClassUID, "1.2.840.10008.5.1.4.1.1.104.1")
	e.Text(dicom.SOPInstanceUID, string(documentUID))
	e.Text(dicom.StudyDate, s.At.Format("20060102"))
	e.Text(dicom.StudyTime, s.At.Format("150405"))
	e.Text(dicom.Modality, "DOC")
	e.Text(dicom.PatientName, s.Patient.Name)
	e.Text(dicom.PatientID, s.Patient.ID)
	e.Text(dicom.PatientBirthDate, s.Patient.BirthDate)
	e.Text(dicom.PatientSex, s.Patient.Sex)
	e.Text(dicom.StudyInstanceUID, string(s.StudyUID()))
	e.Text(dicom.SeriesInstanceUID, string(documentUID)+".1")
	e.Int(dicom.SeriesNumber, 9)
	e.Int(dicom.InstanceNumber, 1)
	e.Bytes(dicom.EncapsulatedDocument, dicom.OB, pdf)
	e.Text(dicom.MIMETypeOfEncapsulatedDocument, "application/pdf")
	var b bytes.Buffer
	if err := e.Part10(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

const documentUID dicom.UID = "2.25.47110815"

// onePage is a PDF of one page, some kilobytes long.
func onePage() []byte {
	text := append([]byte("BT /F1 24 Tf 72 700 Td (Lianzhen e2e) Tj ET\n"), bytes.Repeat([]byte("% nothing to see here\n"), 200)...)
	objects := []string{
		"<< /Type /Catalog /Pages 2 0 R >>",
		"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
		"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
		fmt.Sprintf("<< /Length %d >>\nstream\n%sendstream", len(text), text),
		"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
	}
	var b, table bytes.Buffer
	b.WriteString("%PDF-1.4\n")
	for i, o := range objects {
		fmt.Fprintf(&table, "%010d 00000 n \n", b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	at := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n%s", len(objects)+1, table.Bytes())
	fmt.Fprintf(&b, "trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(objects)+1, at)
	return even(b.Bytes())
}
