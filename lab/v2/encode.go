// Encode: results to hospital systems (ORU^R01), by the profile of who receives them.

package v2

import (
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/codec/hl7"
	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/record"
)

// writer is a message that is being written.
type writer struct {
	*hl7.Builder
	p       *Profile
	version string
}

func (p *Profile) write(kind [3]string, r hl7.Reply) writer {
	h := hl7.Header{
		SendingApplication: p.Ours.Application, SendingFacility: p.Ours.Facility, ReceivingApplication: p.Theirs.Application, ReceivingFacility: p.Theirs.Facility,
		At: r.At, Zone: p.location(), Type: kind, ControlID: r.ControlID, Version: firstOf(p.Version, "2.5.1"), Charset: p.outgoing(),
	}
	if h.Version < "2.3.2" { // the structure came with 2.3.1, and old readers stumble over it
		h.Type[2] = ""
	}
	return writer{hl7.NewBuilder(h), p, h.Version}
}

// outgoing is the character set of what we send: the link's, else UTF-8.
func (p *Profile) outgoing() hl7.Charset {
	if p.charset == "" {
		return hl7.UTF8
	}
	return p.charset
}

// tubes tells whether the version has SPM.
func (w writer) tubes() bool { return w.version >= "2.5" }

func (w writer) time(t time.Time) string { return hl7.FormatDTM(t, w.p.location()) }

// EncodeResults writes reports as one ORU^R01. Values of rows that are withdrawn are not written: the receiver learns that they are gone.
func EncodeResults(reports []observation.Report, p Profile, r hl7.Reply) ([]byte, error) {
	if len(reports) == 0 {
		return nil, record.Errorf(record.Invalid, "no report to send")
	}
	w := p.write([3]string{"ORU", "R01", "ORU_R01"}, r)
	for i := range reports {
		x := &reports[i]
		if i == 0 || x.Patient != reports[i-1].Patient || x.Visit != reports[i-1].Visit || x.Ward != reports[i-1].Ward {
			w.person(x.Patient, x.Visit, x.Ward)
		}
		w.report(i+1, x)
	}
	return w.Bytes()
}

// person writes PID and PV1.
func (w writer) person(d record.Demographics, visit, ward string) {
	pid := w.Add("PID").Set(1, "1")
	number, authority := "PI", "2.16.156.10011.1.3"
	if len(w.p.Patient.Number) > 0 && w.p.Patient.Number[0] != "" {
		number = w.p.Patient.Number[0]
	}
	if d.LocalID != "" {
		pid.Set(3, d.LocalID.Reveal(), "", "", string(d.Issuer), number)
	}
	if d.IDNumber != "" {
		pid.Again(3, d.IDNumber.Reveal(), "", "", "", "NNCHN")
		if d.LocalID == "" {
			pid.SetSub(3, 4, "", authority, "ISO")
		}
	}
	if d.Name != "" {
		family, given := splitName(d.Name.Reveal())
		pid.Set(5, family, given, "", "", "", "", "L")
	}
	if d.Latin != "" && d.Latin != d.Name {
		family, given := splitName(d.Latin.Reveal())
		pid.Again(5, family, given, "", "", "", "", "P")
	}
	pid.Set(7, strings.ReplaceAll(d.BirthDate.String(), "-", "")).Set(8, string(d.Sex))
	if visit != "" || ward != "" {
		w.Add("PV1").Set(1, "1").Set(2, "N").Set(3, ward).Set(19, visit)
	}
}

// splitName parts a Latin name at its first space; a Chinese one stays whole, since where its family name ends is not known.
func splitName(s string) (family, given string) {
	family, given, _ = strings.Cut(s, " ")
	return family, given
}

// letters of OBR-25 (table 0123), which has neither amended nor withdrawn: the rows say that.
var letters = map[observation.Status]string{
	observation.Registered: "I", observation.Unverified: "R", observation.Preliminary: "P", observation.Final: "F", observation.Corrected: "C",
	observation.Amended: "F", observation.Withdrawn: "C", observation.Cancelled: "X",
}

func (w writer) report(n int, r *observation.Report) {
	w.Add("ORC").Set(1, "RE").Set(2, r.Placer).Set(3, r.Filler).Set(4, r.Group)
	obr := w.Add("OBR").Set(1, strconv.Itoa(n)).Set(2, r.Placer).Set(3, r.Filler)
	obr.Set(4, components(r.Service)...).Set(7, w.time(r.ObservedAt)).Set(13, r.Clinical).Set(22, w.time(r.ReportedAt)).Set(25, letters[r.Status])
	if r.Orderer != "" {
		obr.Set(16, "", r.Orderer)
	}
	if r.Control {
		obr.Set(11, "Q")
	}
	if p := r.Parent; p.Code != "" || p.SubID != "" || p.Text != "" {
		obr.Set(26, p.Code, p.SubID, p.Text)
	}
	if p := r.Parent; p.Placer != "" || p.Filler != "" {
		obr.Set(29, p.Placer, p.Filler)
	}
	if r.Performer != "" {
		obr.SetSub(32, 1, "", r.Performer)
	}
	if !w.tubes() {
		w.source(obr, r.Specimen)
	}
	w.barcode(obr, r.Specimen)
	w.notes(r.Notes)
	w.urgency(obr, r.Priority)
	for i := range r.Results {
		w.result(&r.Results[i])
	}
	if w.tubes() {
		w.specimen(r.Specimen, r.Control)
	}
}

// barcode puts the number of the specimen where the profile says that the receiver looks for it.
func (w writer) barcode(obr *hl7.Line, s observation.Specimen) {
	if len(w.p.Fields.Barcode) == 0 {
		return
	}
	if at := w.p.Fields.Barcode[0]; at.Segment == "OBR" && at.Component < 2 && at.Part < 2 {
		obr.Set(at.Field, firstOf(s.ID, s.Placer))
	}
}

// source writes the specimen into OBR-15, for versions without SPM.
func (w writer) source(obr *hl7.Line, s observation.Specimen) {
	if !s.Type.Empty() {
		obr.SetSub(15, 1, s.Type.Code, s.Type.Text, s.Type.System)
	}
	if !s.Site.Empty() {
		obr.SetSub(15, 4, s.Site.Code, s.Site.Text, s.Site.System)
	}
	obr.Set(14, w.time(s.ReceivedAt))
}

// urgency is TQ1-9 from 2.5 on, OBR-5 before. Routine is not said.
func (w writer) urgency(obr *hl7.Line, p record.Priority) {
	letter := map[record.Priority]string{record.Stat: "S", record.Urgent: "A"}[p]
	switch {
	case letter == "":
	case w.tubes():
		w.Add("TQ1").Set(1, "1").Set(9, letter)
	default:
		obr.Set(5, letter).Set(27, "", "", "", "", "", letter)
	}
}

func (w writer) notes(list []string) {
	for i, n := range list {
		w.Add("NTE").Set(1, strconv.Itoa(i+1)).Set(2, "L").Set(3, n)
	}
}

func (w writer) specimen(s observation.Specimen, control bool) {
	id := firstOf(s.ID, s.Placer)
	if id == "" && s.Filler == "" && s.Type.Empty() && s.CollectedAt.IsZero() && s.ReceivedAt.IsZero() && len(s.Rejected) == 0 {
		return
	}
	spm := w.Add("SPM").Set(1, "1").Set(2, id, s.Filler).Set(4, components(s.Type)...).Set(8, components(s.Site)...)
	if control {
		spm.Set(11, "Q")
	}
	amount, unit, _ := strings.Cut(s.Volume, " ")
	spm.Set(12, amount, unit)
	for _, n := range s.Notes {
		spm.Again(14, n)
	}
	spm.Set(17, w.time(s.CollectedAt)).Set(18, w.time(s.ReceivedAt))
	for _, c := range s.Rejected {
		spm.Again(21, components(c)...)
	}
	for _, c := range s.Condition {
		spm.Again(24, components(c)...)
	}
}

// components of a coding: CWE with up to two alternates.
func components(c observation.Coding) []string {
	out := []string{c.Code, c.Text, c.System}
	if len(c.Alternates) > 0 {
		a := c.Alternates[0]
		out = append(out, a.Code, a.Text, a.System)
	}
	if len(c.Alternates) > 1 {
		a := c.Alternates[1]
		out = append(out, "", "", "", a.Code, a.Text, a.System)
	}
	return out
}

func (w writer) result(r *observation.Result) {
	obx := w.Add("OBX").Set(1, strconv.Itoa(r.Number)).Set(3, components(r.Code)...).Set(4, r.SubID).Set(7, r.Range).Set(10, r.Nature)
	switch {
	case r.Unit.Code == "":
		obx.Set(6, r.Unit.Text)
	default:
		obx.Set(6, r.Unit.Code, r.Unit.Text, r.Unit.System)
	}
	if r.Status != observation.Withdrawn {
		w.value(obx, r)
		for _, f := range r.Flags {
			obx.Again(8, f)
		}
	}
	obx.Set(11, r.Status.Letter()).Set(14, w.time(r.ObservedAt)).Set(17, components(r.Method)...).Set(18, r.Device)
	if r.Responsible != "" {
		obx.Set(16, "", r.Responsible)
	}
	if w.tubes() {
		obx.Set(19, w.time(r.AnalysedAt)).Set(23, r.Laboratory)
	} else {
		obx.Set(15, r.Laboratory)
	}
	w.notes(r.Notes)
}

const longText = 200 // beyond it a text is TX: ST of 2.5.1 has 199 characters

// value writes OBX-2 and OBX-5.
func (w writer) value(obx *hl7.Line, r *observation.Result) {
	v := r.Value
	low, high := observation.Digits(v.Number), observation.Digits(v.High)
	switch v.Kind {
	case observation.Quantity:
		if v.Comparator == "" {
			obx.Set(2, "NM").Set(5, low)
			return
		}
		obx.Set(2, "SN").Set(5, v.Comparator, low)
	case observation.Range:
		obx.Set(2, "SN").Set(5, "", low, "-", high)
	case observation.Ratio:
		obx.Set(2, "SN").Set(5, v.Comparator, low, ":", high)
	case observation.Coded:
		obx.Set(2, "CWE").Set(5, components(v.Coding)...)
	case observation.Time:
		obx.Set(2, "DTM").Set(5, v.Text)
	case observation.Text:
		kind := "ST"
		if strings.Contains(v.Text, "\n") || len([]rune(v.Text)) >= longText || observation.ParseValue(v.Text).Kind == observation.Quantity {
			kind = "TX"
		}
		obx.Set(2, kind).Set(5, v.Text)
	case observation.Attachment:
		kind, sub, _ := strings.Cut(v.Media, "/")
		if v.Pointer != "" {
			obx.Set(2, "RP").Set(5, v.Pointer, "", kind, sub)
			return
		}
		obx.Set(2, "ED").Set(5, "", kind, sub, "Base64", base64.StdEncoding.EncodeToString(v.Data))
	}
}
