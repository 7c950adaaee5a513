package deid

import (
	"slices"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/codec/dicom"
)

// clean applies the rules to one data set and its items.
func (r *run) clean(d *dicom.DataSet) {
	safe := r.safeBlocks(d)
	work := slices.Clone(d.Elements)
	for i := range work {
		el := &work[i]
		if el.Tag.Private() {
			if !safe[el.Tag] {
				d.Delete(el.Tag)
			}
			continue
		}
		r.element(d, el.Tag, r.actionFor(el))
	}
}

// safeBlocks lists the private attributes that stay, with their creators.
func (r *run) safeBlocks(d *dicom.DataSet) map[dicom.Tag]bool {
	safe := map[dicom.Tag]bool{}
	if len(r.SafePrivate) == 0 {
		return safe
	}
	for i := range d.Elements {
		t := d.Elements[i].Tag
		creator := d.Creator(t)
		if creator != "" && d.Elements[i].Items == nil && d.Elements[i].Kept() &&
			slices.Contains(r.SafePrivate, SafePrivate{creator, t.Group(), byte(t)}) {
			safe[t] = true
			safe[t&0xFFFF0000|dicom.Tag(t.Element()>>8)] = true
		}
	}
	return safe
}

// actionFor is the rule for an attribute under the options chosen.
func (r *run) actionFor(el *dicom.Element) action {
	t, vr := el.Tag, el.VR
	if vr == dicom.UN {
		vr = t.VR()
	}
	listed, ok := rules[t]
	switch g := t.Group(); {
	case t == dicom.EncapsulatedDocument: // its text is out of reach
		return dummy
	case t == documentTitle:
		return empty
	case g>>8 == 0x50, g>>8 == 0x60 && (t.Element() == 0x3000 || t.Element() == 0x4000):
		return remove
	case ok:
		return r.chosen(listed, vr)
	case t.Keyword() == "" && t.Element() != 0: // nobody knows what it says
		return remove
	}
	switch vr {
	case dicom.UI:
		if !classUID(t) {
			return newUID
		}
	case dicom.DA, dicom.DT:
		if r.ModifiedDates {
			return dummy
		}
		return remove
	case dicom.TM:
		if !r.ModifiedDates {
			return remove
		}
	case dicom.PN:
		return empty
	case dicom.LT, dicom.ST, dicom.UT, dicom.UC, dicom.UR:
		if r.CleanDescriptor || !el.Kept() {
			return remove
		}
	}
	return keep
}

func (r *run) chosen(listed rule, vr dicom.VR) action {
	switch listed.options {
	case byUIDs:
		if r.RetainUIDs {
			return keep
		}
	case byPatient:
		if r.RetainPatient {
			return keep
		}
	case byDevice:
		if r.RetainDevice {
			return keep
		}
	case byInstitution:
		if r.RetainHospital {
			return keep
		}
	case byDates:
		switch {
		case !r.ModifiedDates || vr != dicom.DA && vr != dicom.DT && vr != dicom.TM:
		case vr == dicom.TM:
			return keep
		default:
			return dummy // which moves dates
		}
	}
	return listed.action
}

// classUID tells whether a UID says what kind of thing something is, not which one.
func classUID(t dicom.Tag) bool {
	switch t {
	case sopClassesInStudy, codingSchemeIdentifiers:
		return true
	}
	name := t.Keyword()
	for _, part := range []string{"ClassUID", "TransferSyntaxUID", "CodingSchemeUID", "MappingResourceUID", "ContextUID", "ContextGroupExtensionCreatorUID"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

func (r *run) element(d *dicom.DataSet, t dicom.Tag, do action) {
	el := d.Find(t)
	if el == nil {
		return
	}
	switch do {
	case remove:
		d.Delete(t)
	case empty:
		d.SetEmpty(t)
	case newUID:
		r.uids(d, t)
	case dummy:
		r.dummy(d, el)
	default:
		for i := range el.Items {
			r.clean(&el.Items[i])
		}
	}
}

func (r *run) uids(d *dicom.DataSet, t dicom.Tag) {
	values := d.Strs(t)
	for i, v := range values {
		if v != "" && !strings.HasPrefix(v, standardRoot) {
			values[i] = string(r.UID(dicom.UID(v)))
		}
	}
	d.SetText(t, values...)
}

// dummy replaces a value by one of its VR that says nothing; dates it moves if that was asked for.
func (r *run) dummy(d *dicom.DataSet, el *dicom.Element) {
	t, vr := el.Tag, el.VR
	if vr == dicom.UN {
		vr = t.VR()
	}
	if el.Length == 0 && el.Items == nil {
		return
	}
	switch vr {
	case dicom.SQ:
		r.dummyItems(d, el)
	case dicom.DA:
		d.SetTextAs(t, vr, r.dates(d.Strs(t), "19000101")...)
	case dicom.DT:
		d.SetTextAs(t, vr, r.dates(d.Strs(t), "19000101000000")...)
	case dicom.TM:
		d.SetTextAs(t, vr, "000000")
	case dicom.UI:
		r.uids(d, t)
	case dicom.PN, dicom.LO, dicom.SH, dicom.CS, dicom.ST, dicom.LT, dicom.UT, dicom.UC, dicom.AE:
		d.SetTextAs(t, vr, "ANONYMIZED")
	case dicom.DS, dicom.IS:
		d.SetTextAs(t, vr, "0")
	case dicom.AS:
		d.SetTextAs(t, vr, "000Y")
	default:
		d.SetBytes(t, vr, make([]byte, min(el.Length, 8)))
	}
}

// dummyItems keeps the form of a sequence and none of its values. The content of a report becomes one remark.
func (r *run) dummyItems(d *dicom.DataSet, el *dicom.Element) {
	if el.Tag == contentSequence {
		note := dicom.NewDataSet()
		note.SetText(relationshipType, "CONTAINS")
		note.SetText(valueType, "TEXT")
		note.SetItems(conceptNameCodeSequence, code("121106", "Comment"))
		note.SetText(textValue, "Content removed by de-identification")
		d.SetItems(el.Tag, note)
		return
	}
	for i := range el.Items {
		it := &el.Items[i]
		for _, in := range slices.Clone(it.Elements) {
			switch {
			case in.Tag.Private():
				it.Delete(in.Tag)
			case in.Tag != dicom.SpecificCharacterSet:
				r.dummy(it, it.Find(in.Tag))
			}
		}
	}
}

// dates moves whole dates by the patient's offset. One that is not whole, or that may not be known at all, becomes the other.
func (r *run) dates(values []string, other string) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = other
		bare := strings.ReplaceAll(v, ".", "")
		if v == "" {
			out[i] = ""
			continue
		}
		if !r.ModifiedDates || len(bare) < 8 {
			continue
		}
		day, err := time.Parse("20060102", bare[:8])
		if err != nil {
			continue
		}
		out[i] = day.AddDate(0, 0, r.shift).Format("20060102")
		if len(other) > 8 && len(v) > 8 { // the time of day of a DT stays
			out[i] += v[8:]
		}
	}
	return out
}
