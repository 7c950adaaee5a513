package deid

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/lianzhen/lianzhen/codec/dicom"
)

// Names shorter than this are too likely part of other words to be looked for.
const (
	leastName    = 4
	leastChinese = 2
	leastID      = 4
	wholeDate    = 8
)

var identifiers = []dicom.Tag{
	dicom.PatientID, dicom.OtherPatientIDs, dicom.AccessionNumber, 0x00101090, 0x00380010, 0x00402016, 0x00402017, 0x00401001,
}

// secrets collects the patient's names, numbers and dates, and UIDs, to find them where nobody expects them.
func (r *run) secrets(d *dicom.DataSet) {
	for i := range d.Elements {
		el := &d.Elements[i]
		switch {
		case el.VR == dicom.PN && el.Tag.Group() == 0x0010:
			r.names(d.Strs(el.Tag))
		case slices.Contains(identifiers, el.Tag):
			r.learn(d.Strs(el.Tag), leastID, 0)
		case el.VR == dicom.DA, el.VR == dicom.DT:
			r.learn(d.Strs(el.Tag), wholeDate, wholeDate)
		case el.VR == dicom.UI && !r.RetainUIDs && !classUID(el.Tag):
			r.learn(d.Strs(el.Tag), len(standardRoot), 0)
		}
		for j := range el.Items {
			r.secrets(&el.Items[j])
		}
	}
}

func (r *run) names(values []string) {
	for _, v := range values {
		for part := range strings.FieldsFuncSeq(v, func(c rune) bool { return strings.ContainsRune("^=, ", c) }) {
			if n := utf8.RuneCountInString(part); n >= leastName || n >= leastChinese && len(part) >= 3*n {
				r.known[strings.ToLower(part)] = true
			}
		}
	}
}

// learn remembers values of at least so many bytes, or the first most bytes of them.
func (r *run) learn(values []string, least, most int) {
	for _, v := range values {
		if len(v) < least || strings.HasPrefix(v, standardRoot) {
			continue
		}
		if most > 0 {
			v = v[:most]
		}
		r.known[strings.ToLower(v)] = true
	}
}

// scrub empties free text in which a name or number of the patient's is still found.
func (r *run) scrub(d *dicom.DataSet) {
	for _, el := range slices.Clone(d.Elements) {
		for i := range el.Items {
			r.scrub(&el.Items[i])
		}
		switch el.VR {
		case dicom.LO, dicom.SH, dicom.ST, dicom.LT, dicom.UT, dicom.UC, dicom.UR, dicom.AE, dicom.PN:
			if r.tells(d.Strs(el.Tag)) {
				d.SetTextAs(el.Tag, el.VR)
			}
		}
	}
}

func (r *run) tells(values []string) bool {
	if len(values) == 0 {
		return false
	}
	all := strings.ToLower(strings.Join(values, `\`))
	for s := range r.known {
		if strings.Contains(all, s) {
			return true
		}
	}
	return false
}
