// Data sets as they are kept: DICOM JSON in a column.

package worklist

import (
	"strings"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/record"
)

// maxDocument bounds one kept data set; a performed step with 50 000 instances has 8 MiB.
const maxDocument = 16 << 20

// kept writes a data set as it goes into its column.
func kept(d *dicom.DataSet) (string, error) {
	for range d.Away() {
		return "", record.Errorf(record.Invalid, "values that are only referred to are not taken")
	}
	b := d.AppendJSON(nil, dicom.JSONOptions{BulkBytes: maxDocument})
	if len(b) > maxDocument {
		return "", record.Errorf(record.Invalid, "larger than %d bytes", maxDocument)
	}
	return string(b), nil
}

// loaded reads it back.
func loaded(text string) (*dicom.DataSet, error) {
	return dicom.ParseJSON([]byte(text), dicom.Limits{HeaderBytes: 2 * maxDocument, ValueBytes: maxDocument})
}

// sent copies what a caller sent into a data set of ours, UTF-8 and without what belongs to the message.
func sent(from *dicom.DataSet, not ...dicom.Tag) *dicom.DataSet {
	d := dicom.NewDataSet()
	d.CopyFrom(from)
	for _, t := range append([]dicom.Tag{dicom.SpecificCharacterSet}, not...) {
		d.Delete(t)
	}
	for len(d.Elements) > 0 && d.Elements[0].Tag.Group() <= 2 {
		d.Delete(d.Elements[0].Tag)
	}
	return d
}

// lacking lists attributes of type 1 that are not there or have no value.
func lacking(d *dicom.DataSet, tags ...dicom.Tag) (absent, empty []dicom.Tag) {
	for _, t := range tags {
		el := d.Find(t)
		switch {
		case el == nil:
			absent = append(absent, t)
		case len(el.Items) == 0 && d.Str(t) == "":
			empty = append(empty, t)
		}
	}
	return absent, empty
}

// demand refuses a data set without attributes of type 1, all of which are named.
func demand(absent, empty []dicom.Tag) error {
	switch {
	case len(absent) > 0:
		return refuse(StatusMissingAttribute, append(absent, empty...)...)
	case len(empty) > 0:
		return refuse(StatusMissingValue, empty...)
	}
	return nil
}

// longest text of a name or a number.
const longest = 64

// whoIs reads the patient of a data set. Nobody is told where there is neither name nor number.
func whoIs(d *dicom.DataSet, issuer record.InstitutionID) (who record.Demographics, told bool) {
	n := d.Person(dicom.PatientName)
	who = record.Demographics{
		Issuer: issuer, LocalID: record.Personal(record.Clip(d.Str(dicom.PatientID), longest)), Latin: record.Personal(record.Clip(blanks(n.Alphabetic), longest)),
	}
	who.Name = who.Latin
	if n.Ideographic != "" {
		who.Name = record.Personal(record.Clip(strings.ReplaceAll(n.Ideographic, "^", ""), longest))
	}
	who.Sex = record.ParseSex(d.Str(dicom.PatientSex))
	if t, ok := d.Date(dicom.PatientBirthDate); ok {
		who.BirthDate = record.Date{Year: t.Year(), Month: t.Month(), Day: t.Day()}
	}
	if id, err := record.ParseIDNumber(d.Str(dicom.PatientID)); err == nil {
		who.IDNumber = id
	}
	return who, who.Name != "" || who.LocalID != ""
}

func blanks(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '^' || r == ' ' }), " ")
}
