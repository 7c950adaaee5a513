// Facts: what the index wants to know of an object, in our words.

package imaging

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/record"
)

// facts of one object; texts are UTF-8 and bounded.
type facts struct {
	who                          record.Demographics
	study, series, sop, sopClass dicom.UID
	syntax                       dicom.UID
	studyDate, studyTime         string // YYYY-MM-DD, HH:MM:SS
	performedAt                  time.Time
	accession, description       string
	referring                    record.Personal
	modality, bodyPart           string
	procedure                    string
	seriesNumber                 int
	seriesDescription            string
	number, rows, cols, frames   int
	warnings                     []string
}

func (c *Centre) factsOf(o *dicom.Object, issuer record.InstitutionID, now time.Time) facts {
	h := o.Header
	f := facts{
		study: h.StudyUID, series: h.SeriesUID, sop: h.SOPInstanceUID, sopClass: h.SOPClassUID,
		syntax:            o.TransferSyntax,
		accession:         record.Clip(h.Str(dicom.AccessionNumber), 64),
		description:       record.Clip(h.Str(dicom.StudyDescription), 128),
		referring:         record.Personal(record.Clip(display(h.Person(dicom.ReferringPhysicianName)), 128)),
		modality:          record.Clip(strings.ToUpper(h.Str(dicom.Modality)), 16),
		bodyPart:          record.Clip(strings.ToUpper(h.Str(dicom.BodyPartExamined)), 64),
		seriesDescription: record.Clip(h.Str(dicom.SeriesDescription), 128),
		warnings:          h.Warnings,
	}
	f.seriesNumber, _ = h.Int(dicom.SeriesNumber)
	f.number, _ = h.Int(dicom.InstanceNumber)
	f.rows, _ = h.Int(dicom.Rows)
	f.cols, _ = h.Int(dicom.Columns)
	if o.Pixels != nil {
		f.frames = o.Pixels.NumFrames
	}
	if codes := h.Items(dicom.ProcedureCodeSequence); len(codes) > 0 {
		f.procedure = record.Clip(codes[0].Str(dicom.CodeValue), 64)
	}
	if d, ok := h.Date(dicom.StudyDate); ok {
		f.studyDate = d.Format(time.DateOnly)
	}
	if t, ok := h.Time(dicom.StudyTime); ok {
		f.studyTime = clock(t)
	}
	f.performedAt = c.performed(h, now)
	if f.performedAt.After(now.Add(24 * time.Hour)) {
		f.warnings = append(f.warnings, "the study date lies in the future")
	}
	f.who = demographics(h, issuer)
	return f
}

func clock(d time.Duration) string {
	s := int(d.Seconds())
	return fmt.Sprintf("%02d:%02d:%02d", s/3600, s/60%60, s%60)
}

// performed is when the pixels were made, else when the study began, else now.
func (c *Centre) performed(h *dicom.Header, now time.Time) time.Time {
	zone := c.opt.Zone
	if z, err := time.Parse("-0700", h.Str(dicom.TimezoneOffsetFromUTC)); err == nil {
		zone = z.Location()
	}
	for _, p := range [][2]dicom.Tag{
		{dicom.AcquisitionDate, dicom.AcquisitionTime},
		{dicom.StudyDate, dicom.StudyTime},
		{dicom.SeriesDate, dicom.SeriesTime},
	} {
		if d, ok := h.Date(p[0]); ok {
			t, _ := h.Time(p[1])
			return time.Date(d.Year(), d.Month(), d.Day(), 0, 0, 0, 0, zone).Add(t).UTC()
		}
	}
	return now
}

// demographics is what the object says of its patient. A number that is a valid national identity number is one,
// wherever the sender put it.
func demographics(h *dicom.Header, issuer record.InstitutionID) record.Demographics {
	n := h.Person(dicom.PatientName)
	who := record.Demographics{
		Issuer:  issuer,
		LocalID: record.Personal(record.Clip(h.Str(dicom.PatientID), 64)),
		Name:    record.Personal(record.Clip(display(n), 128)),
		Latin:   record.Personal(record.Clip(spaced(n.Alphabetic), 128)),
		Sex:     record.ParseSex(h.Str(dicom.PatientSex)),
	}
	if d, ok := h.Date(dicom.PatientBirthDate); ok {
		who.BirthDate = record.Date{Year: d.Year(), Month: d.Month(), Day: d.Day()}
	}
	for _, v := range otherNumbers(h) {
		if id, err := record.ParseIDNumber(v); err == nil {
			who.IDNumber = id
			break
		}
	}
	return who
}

func otherNumbers(h *dicom.Header) []string {
	all := append([]string{h.Str(dicom.PatientID)}, h.Strs(dicom.OtherPatientIDs)...)
	for _, it := range h.Items(dicom.OtherPatientIDsSequence) {
		all = append(all, it.Str(dicom.PatientID))
	}
	return all
}

// display is the name that people of the place read.
func display(n dicom.PersonName) string {
	if n.Ideographic != "" {
		return strings.ReplaceAll(strings.Trim(n.Ideographic, "^ "), "^", "")
	}
	return spaced(n.Alphabetic)
}

func spaced(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '^' || r == ' ' }), " ")
}

// title is what a worklist shows: no personal data.
func title(modality, bodyPart, description string) string {
	return strings.TrimSpace(strings.Join([]string{modality, cmp.Or(description, bodyPart)}, " "))
}

var zippers = sync.Pool{New: func() any {
	z, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	return z
}}

// metadata is the object's DICOM JSON, compressed. Bulk data are referred to relative to the instance.
func metadata(o *dicom.Object) ([]byte, error) {
	js := o.Header.AppendJSON(make([]byte, 0, 8<<10), dicom.JSONOptions{
		BulkURI: func(path string, _, _ int64) string { return "bulkdata/" + path },
	})
	var buf bytes.Buffer
	z := zippers.Get().(*gzip.Writer)
	defer zippers.Put(z)
	z.Reset(&buf)
	if _, err := z.Write(js); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}
