// Persons: PID, PV1, MRG (HL7 v2.5.1 3.4.2, 3.4.3, 3.4.9).

package v2

import (
	"strings"
	"unicode"

	"github.com/lianzhen/lianzhen/codec/hl7"
	"github.com/lianzhen/lianzhen/record"
)

// patient reads ADT: one person and the visit.
func (w *walk) patient() {
	var c PatientChange
	for s := range w.m.Segments() {
		switch s.Name() {
		case "PID":
			c.Patient = w.person(s)
			c.Deleted = append(c.Deleted, w.nulls(s)...)
		case "PV1":
			c.Visit, c.Ward = w.visitOf(s)
		}
	}
	if nobody(c.Patient) {
		w.refuse("PID[1]-3", hl7.RequiredMissing, "the message names no person")
		return
	}
	_, c.Event, _ = strings.Cut(w.out.Type, "^")
	w.out.Patients = append(w.out.Patients, c)
}

// merge reads pairs of PID and MRG: A40 may have several.
func (w *walk) merge() {
	_, event, _ := strings.Cut(w.out.Type, "^")
	for s := range w.m.Segments() {
		switch s.Name() {
		case "PID":
			w.who = w.person(s)
		case "MRG":
			x := Merge{Event: event, Survivor: w.who, Abandoned: w.numbers(s, 1, 4)}
			if nobody(x.Survivor) || x.Abandoned.LocalID == "" && x.Abandoned.IDNumber == "" {
				w.refuse(s.Place(1), hl7.RequiredMissing, "the merge does not name both persons")
				return
			}
			w.out.Merges = append(w.out.Merges, x)
		}
	}
	if len(w.out.Merges) == 0 {
		w.refuse("MRG", hl7.SegmentSequence, "the merge has no MRG segment")
	}
}

func nobody(d record.Demographics) bool { return d.LocalID == "" && d.IDNumber == "" && d.Name == "" }

// person reads PID.
func (w *walk) person(s hl7.Segment) record.Demographics {
	d := w.numbers(s, 3, 2)
	if d.IDNumber == "" { // PID-19 is where 2.3 systems here put the identity card
		if id, err := record.ParseIDNumber(s.Get(19)); err == nil {
			d.IDNumber = id
		}
	}
	w.names(s, &d)
	d.BirthDate = w.birthDate(s)
	d.Sex = w.sex(s.Get(8))
	if v := strings.TrimSpace(s.Get(8)); d.Sex == record.SexUnknown && v != "" && !contains([]string{"U", "A", "N", "0", "9"}, strings.ToUpper(v)) {
		w.warn("sex-unread", s.Place(8))
	}
	return d
}

var sexWords = map[string]record.Sex{"男": record.Male, "女": record.Female, "1": record.Male, "2": record.Female, "MALE": record.Male, "FEMALE": record.Female}

func (w *walk) sex(s string) record.Sex {
	s = strings.ToUpper(strings.TrimSpace(s))
	for from, to := range w.p.Sexes {
		if strings.EqualFold(from, s) {
			return record.ParseSex(to)
		}
	}
	if x, ok := sexWords[s]; ok {
		return x
	}
	return record.ParseSex(s)
}

// numbers reads the identifiers in field n: the identity number by its type or authority, the sender's own by the order of the profile.
func (w *walk) numbers(s hl7.Segment, n, older int) record.Demographics {
	var d record.Demographics
	best := len(w.p.Patient.Number) + 1
	f := s.Field(n)
	if !f.Said() {
		f = s.Field(older)
	}
	for _, rep := range f.Reps() {
		x := rep.CX()
		if x.ID == "" {
			continue
		}
		if w.isIdentity(x) {
			id, err := record.ParseIDNumber(x.ID)
			if err != nil {
				w.warn("identity-number-invalid", s.Place(n))
			} else if d.IDNumber == "" {
				d.IDNumber = id
			}
			continue
		}
		if rank := w.rank(x.Type); rank < best {
			d.LocalID, best = record.Personal(clip(x.ID, 64)), rank
		}
	}
	if id, err := record.ParseIDNumber(d.LocalID.Reveal()); err == nil && d.IDNumber == "" {
		d.IDNumber = id // an identity number is one, wherever the sender put it
	}
	return d
}

func (w *walk) isIdentity(x hl7.CX) bool {
	p := w.p.Patient
	return x.Type != "" && contains(p.Identity, x.Type) ||
		x.Authority.Namespace != "" && contains(p.Authorities, x.Authority.Namespace) || x.Authority.Universal != "" && contains(p.Authorities, x.Authority.Universal)
}

func (w *walk) rank(kind string) int {
	for i, t := range w.p.Patient.Number {
		if t == kind {
			return i
		}
	}
	return len(w.p.Patient.Number)
}

// names reads PID-5: the name in the person's own script, and the alphabetic one beside it.
func (w *walk) names(s hl7.Segment, d *record.Demographics) {
	for _, rep := range s.Field(5).Reps() {
		x := rep.XPN()
		if x.Family == "" && x.Given == "" {
			continue
		}
		own := strings.ContainsFunc(x.Family+x.Given, func(r rune) bool { return r >= 0x2E80 })
		name := record.Personal(clip(joinName(x, own), 128))
		switch {
		case own && (d.Name == "" || d.Name == d.Latin):
			d.Name = name
		case !own && d.Latin == "":
			d.Latin = name
			if d.Name == "" {
				d.Name = name
			}
		}
	}
}

// joinName writes Chinese names without spaces, others family name first.
func joinName(x hl7.XPN, own bool) string {
	if own {
		return x.Family + x.Given + x.Middle
	}
	return strings.Join(strings.FieldsFunc(x.Family+" "+x.Given+" "+x.Middle, unicode.IsSpace), " ")
}

func (w *walk) birthDate(s hl7.Segment) record.Date {
	at, err := hl7.ParseDTM(s.Get(7), nil) // a date has no zone to move it
	switch {
	case err != nil:
		w.warn("time-unread", s.Place(7))
		return record.Date{}
	case at.IsZero():
		return record.Date{}
	case at.Precision < hl7.Day:
		w.warn("birth-date-imprecise", s.Place(7))
		return record.Date{}
	}
	t := at.At
	if at.Zoned { // the day as written, not as it was in Greenwich
		if plain, err := hl7.ParseDTM(strings.TrimSpace(s.Get(7))[:8], nil); err == nil {
			t = plain.At
		}
	}
	return record.Date{Year: t.Year(), Month: t.Month(), Day: t.Day()}
}

// nulls lists the fields of a person that are explicitly null.
func (w *walk) nulls(s hl7.Segment) []string {
	var out []string
	for _, n := range []int{3, 5, 7, 8, 11, 13, 19} {
		if s.Field(n).Null() {
			out = append(out, s.Place(n))
		}
	}
	return out
}

func (w *walk) visitOf(s hl7.Segment) (visit, ward string) {
	return clip(first(w.p.Fields.Visit, s), 64), clip(first(w.p.Fields.Ward, s), 64)
}
