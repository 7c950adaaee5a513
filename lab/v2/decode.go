// Decode: which message is what, and the walk over its groups.

package v2

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/codec/hl7"
	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/record"
)

// Decoded is what a message says.
type Decoded struct {
	Type     string // ORU^R01
	SentAt   time.Time
	Test     bool // MSH-11 is T or D: not of a real person
	Reports  []observation.Report
	Orders   []observation.Order
	Patients []PatientChange
	Merges   []Merge
	Query    *Query
	Warnings []observation.Warning
}

// PatientChange is what an ADT message says of a person.
type PatientChange struct {
	Event   string // A08
	Patient record.Demographics
	Visit   string
	Ward    string
	Deleted []string // places that were explicitly null: what is known of them is to be deleted
}

// Merge says that a number is no longer used: its person is the survivor.
type Merge struct {
	Event     string // A40, A34
	Survivor  record.Demographics
	Abandoned record.Demographics
}

// Refusal is why a message is not taken: an *hl7.FormatError inside names place and code, and its kind is Invalid.
type Refusal struct{ format *hl7.FormatError }

func (r *Refusal) Error() string { return r.format.Place + ": " + r.format.Reason }

// Unwrap gives the place and the code of table 0357 for the acknowledgement.
func (r *Refusal) Unwrap() error { return r.format }

// As makes the refusal an Invalid one.
func (r *Refusal) As(target any) bool {
	e, ok := target.(**record.Error)
	if ok {
		*e = &record.Error{Kind: record.Invalid, Msg: r.Error()}
	}
	return ok
}

func refuse(place string, code hl7.Code, reason string) error {
	return &Refusal{&hl7.FormatError{Offset: -1, Place: place, Code: code, Reason: reason}}
}

// Identity says what makes a message the same one: control is a digest of who says it is (MSH-3, MSH-4) and its number (MSH-10), of the
// content where it has none; hash is of the text without its time of sending (MSH-7).
func Identity(m *hl7.Message) (control, hash string) {
	s, _ := m.First("MSH")
	content := sha256.New()
	for i := 1; i <= s.Len(); i++ {
		if i != 7 {
			content.Write([]byte(s.Field(i).Raw() + "\x00"))
		}
	}
	if m.Len() > 1 {
		content.Write([]byte(m.Text[strings.Index(m.Text, m.At(0).Raw())+len(m.At(0).Raw()):]))
	}
	hash = hex.EncodeToString(content.Sum(nil))
	id := strings.TrimSpace(s.Get(10))
	if id == "" {
		return hash, hash
	}
	sum := sha256.Sum256([]byte(s.Field(3).Raw() + "\x00" + s.Field(4).Raw() + "\x00" + id))
	return hex.EncodeToString(sum[:]), hash
}

// kinds are the messages that are taken (HL7 table 0354): the event, what reads it.
var kinds = map[string]func(*walk){
	"ORU^R01": (*walk).results, "ORU^R30": (*walk).results, "ORU^R31": (*walk).results, "ORU^R32": (*walk).results, "ORU^W01": (*walk).results,
	"OUL^R21": (*walk).results, "OUL^R22": (*walk).results, "OUL^R23": (*walk).results, "OUL^R24": (*walk).results,
	"OML^O21": (*walk).orders, "OML^O33": (*walk).orders, "OML^O35": (*walk).orders, "ORM^O01": (*walk).orders, "OMG^O19": (*walk).orders,
	"ADT^A01": (*walk).patient, "ADT^A04": (*walk).patient, "ADT^A05": (*walk).patient, "ADT^A08": (*walk).patient, "ADT^A28": (*walk).patient,
	"ADT^A31": (*walk).patient, "ADT^A02": (*walk).patient, "ADT^A03": (*walk).patient,
	"ADT^A34": (*walk).merge, "ADT^A40": (*walk).merge, "ADT^A18": (*walk).merge, "ADT^A47": (*walk).merge,
	"QBP^Q11": (*walk).query, "QRY^Q02": (*walk).query, "QRY^R02": (*walk).query, "QRY^Q01": (*walk).query, "QBP^WOS": (*walk).query,
}

// Decode reads a message by the profile of its link. The error is Invalid, with an *hl7.FormatError inside that names place and code.
func Decode(m *hl7.Message, p Profile) (Decoded, error) {
	w := &walk{m: m, p: &p}
	for _, x := range m.Warnings {
		w.warn(x.Code, x.Place)
	}
	for _, x := range m.EscapeFaults() {
		w.warn(x.Code, x.Place)
	}
	msh, _ := m.First("MSH")
	kind, event := strings.ToUpper(strings.TrimSpace(msh.Get(9, 1))), strings.ToUpper(strings.TrimSpace(msh.Get(9, 2)))
	if event == "" { // 2.3 allows the event in EVN-1 only, and results have no other
		event = map[string]string{"ORU": "R01", "ORM": "O01"}[kind]
		if evn, ok := m.First("EVN"); ok {
			event = strings.TrimSpace(evn.Get(1))
		}
		w.warn("event-missing", "MSH-9")
	}
	w.out.Type = kind + "^" + event
	if !supported(msh.Get(12)) {
		return Decoded{}, refuse("MSH-12", hl7.UnsupportedVersion, "the version is not one of 2.3 to 2.8")
	}
	read, ok := kinds[w.out.Type]
	if !ok {
		code := hl7.UnsupportedMessage
		for k := range kinds {
			if strings.HasPrefix(k, kind+"^") {
				code = hl7.UnsupportedEvent
			}
		}
		return Decoded{}, refuse("MSH-9", code, "messages of this type and event are not taken")
	}
	w.out.Test = contains([]string{"T", "D"}, strings.ToUpper(msh.Get(11)))
	if at := w.time(msh, 7); !at.IsZero() {
		w.out.SentAt = at.At
	}
	if msh.Field(10).Empty() {
		w.warn("control-id-missing", "MSH-10")
	}
	read(w)
	return w.out, w.err
}

func supported(version string) bool {
	version = strings.TrimSpace(version)
	return version == "" || strings.HasPrefix(version, "2.") && version >= "2.1" && version < "2.9"
}

// walk is a message being read.
type walk struct {
	m   *hl7.Message
	p   *Profile
	out Decoded
	err error // the first; it ends the walk

	who   record.Demographics
	visit string
	ward  string
	about []string // notes about the person
	group *group   // the order that is being read
}

const maxWarnings = 200

func (w *walk) warn(code, place string) {
	if len(w.out.Warnings) < maxWarnings {
		w.out.Warnings = append(w.out.Warnings, observation.Warning{Code: code, Place: place})
	}
}

func (w *walk) refuse(place string, code hl7.Code, reason string) {
	if w.err == nil {
		w.err = refuse(place, code, reason)
	}
}

// time reads a field as an instant; what cannot be read is warned of and counts as not said.
func (w *walk) time(s hl7.Segment, n int) hl7.DTM {
	d, err := hl7.ParseDTM(s.Get(n), w.p.location())
	if err != nil {
		w.warn("time-unread", s.Place(n))
	}
	return d
}

// first is what the first of the paths that says something says, in the segments given.
func first(list []Path, segments ...hl7.Segment) string {
	for _, p := range list {
		for _, s := range segments {
			if v := p.of(s); v != "" {
				return v
			}
		}
	}
	return ""
}

// coding reads a field as a code with its names. Where only the alternate says something it is the code.
func (w *walk) coding(f hl7.Field) observation.Coding { return w.codingOf(f.CWE()) }

func (w *walk) codingOf(c hl7.CWE) observation.Coding {
	all := [][3]string{{c.Code, c.Text, c.System}, c.Alternate, c.Second}
	var out observation.Coding
	for _, x := range all {
		if x[0] == "" && x[1] == "" || x[0] == `""` {
			continue
		}
		one := observation.Coding{Code: clip(x[0], 200), Text: clip(x[1], 500), System: w.system(x[2], x[0])}
		if out.Empty() {
			out = one
		} else {
			out.Alternates = append(out.Alternates, one)
		}
	}
	if out.Empty() && c.Original != "" {
		out.Text = clip(c.Original, 500)
	}
	return out
}

// system is the kept name of a code system; codes without one are local.
func (w *walk) system(s, code string) string {
	s = strings.ToUpper(strings.TrimSpace(s))
	for from, to := range w.p.Systems {
		if strings.EqualFold(from, s) {
			return to
		}
	}
	switch {
	case s == "LOINC" || s == "2.16.840.1.113883.6.1":
		return observation.LOINC
	case s == "" && code != "":
		return w.p.Local
	}
	return clip(s, 64)
}

// clip bounds a text of one line.
func clip(s string, n int) string {
	plain := len(s) <= n
	for i := 0; plain && i < len(s); i++ {
		plain = s[i] >= ' ' && s[i] < 0x7f
	}
	if plain {
		return strings.TrimSpace(s)
	}
	return record.Clip(strings.ReplaceAll(s, "\n", " "), n)
}
