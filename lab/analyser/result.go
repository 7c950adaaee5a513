// Result records to rows.

package analyser

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/lianzhen/lianzhen/codec/astm"
	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/record"
)

// reader collects the rows of one order.
type reader struct {
	p        *Profile
	report   *observation.Report
	micro    micro
	attached int // bytes
}

// child reads a record that hangs on an order.
func (rd *reader) child(in records, n *astm.Node) error {
	switch n.Record.Type {
	case "R":
		return rd.result(in.with("R", n.Record), n)
	case "C":
		rd.report.Notes = rd.p.note(rd.report.Notes, n.Record)
		return nil
	}
	return rd.attach(n.Record)
}

func (rd *reader) result(in records, n *astm.Node) error {
	r, err := rd.p.row(in)
	if err != nil {
		return err
	}
	for _, c := range n.Children {
		if c.Record.Type == "C" {
			r.Notes = rd.p.note(r.Notes, c.Record)
		}
	}
	if !rd.micro.take(rd.p.Microbiology, in, &r) {
		if err := rd.add(r); err != nil {
			return err
		}
	}
	for _, c := range n.Children {
		if c.Record.Type != "C" {
			if err := rd.attach(c.Record); err != nil {
				return err
			}
		}
	}
	return nil
}

func (rd *reader) add(r observation.Result) error {
	if len(rd.report.Results) >= observation.MaxResults {
		return record.Errorf(record.Invalid, "record of an order: more than %d results", observation.MaxResults)
	}
	r.Number = len(rd.report.Results) + 1
	rd.report.Results = append(rd.report.Results, r)
	return nil
}

// attach keeps a manufacturer's, scientific or unknown record as it was sent: histograms, matrices, lots of reagents.
func (rd *reader) attach(r astm.Record) error {
	text := r.Text()
	if rd.attached += len(text); rd.attached > observation.MaxAttachment {
		return record.Errorf(record.Invalid, "record %d: attachments of more than %d bytes", r.Number, observation.MaxAttachment)
	}
	var name []string
	for i := 3; i <= 5; i++ {
		if s := clip(r.Field(i).Component(1), 40); s != "" && len(name) < 3 {
			name = append(name, s)
		}
	}
	row := observation.Result{
		Code:   observation.Coding{Code: clip(r.Type, 16) + ":" + strings.Join(name, "/"), System: "L"},
		Value:  observation.Value{Kind: observation.Attachment, Media: "text/plain; charset=utf-8", Data: []byte(text)},
		Status: observation.Final,
	}
	if r.Type != "M" && r.Type != "S" {
		row.Warnings = []observation.Warning{{Code: "unknown-record", Place: fmt.Sprintf("record %d", r.Number), Note: "kept as it was sent"}}
	}
	return rd.add(row)
}

// finish settles repetitions and the status of the whole.
func (rd *reader) finish() []observation.Report {
	rd.p.repetitions(rd.report.Results)
	rd.report.Status = statusOf(rd.report.Results)
	isolates := rd.micro.reports(rd.report)
	if len(rd.report.Results) == 0 {
		return isolates
	}
	return append([]observation.Report{*rd.report}, isolates...)
}

// row reads an R record (LIS2-A2 10).
func (p *Profile) row(in records) (observation.Result, error) {
	at := fmt.Sprintf("record %d", in["R"].Number)
	f := &p.Result
	r := observation.Result{
		Unit:  observation.Coding{Text: clip(p.unit(f.Unit.get(in)), 64)},
		Range: clip(rangeText(in, f.Range), 256), Flags: flags(in, f.Flags), Nature: clip(f.Nature.get(in), 16),
		Device: clip(f.Instrument.get(in), 128), Reagent: clip(f.Reagent.get(in), 64), Responsible: clip(f.Operator.get(in), 128),
	}
	warn := func(code, note string) {
		r.Warnings = append(r.Warnings, observation.Warning{Code: code, Place: at, Note: note})
	}
	r.Code, r.SubID = p.code(in)
	if r.Code.Empty() {
		warn("no-code", "the row does not say what was measured")
	}
	if m := clip(f.Method.get(in), 64); m != "" {
		r.Method = observation.Coding{Code: m, System: "L"}
	}
	raw := f.Value.get(in)
	if len(raw) > observation.MaxText {
		return r, record.Errorf(record.Invalid, "%s: a value of more than %d bytes", at, observation.MaxText)
	}
	r.Value = p.value(r.Code.Code, raw)
	if also := clip(f.Also.get(in), 200); also != "" && also != raw {
		r.Notes = append(r.Notes, also)
	}
	p.statusOf(in, raw, &r, warn)
	if r.Unit.Text == "" && r.Value.Kind != observation.Text && r.Value.Kind != observation.Attachment {
		if r.Unit.Text = p.Tests[r.Code.Code].Unit; r.Unit.Text != "" {
			warn("unit-of-profile", "the message has no unit: that of the profile is taken")
		}
	}
	if fixed, ok := latinMicro(r.Unit.Text); ok {
		r.Unit.Text = fixed
		warn("unit-charset", "the micro sign was in another character set than the message")
	}
	var ok bool
	if r.AnalysedAt, ok = p.time(f.Analysed.get(in)); !ok {
		warn("time-unread", "the time of the analysis is none")
	}
	if r.AnalysedAt.IsZero() {
		r.AnalysedAt, _ = p.time(f.Started.get(in))
	}
	return r, nil
}

// code is what the row says it measured, and which run of it.
func (p *Profile) code(in records) (observation.Coding, string) {
	f := &p.Result
	code, run := clip(f.Code.get(in), 128), f.Replicate.get(in)
	if f.CodeUntil != "" {
		var rest string
		code, rest, _ = strings.Cut(code, f.CodeUntil)
		if run == "" {
			run = strings.Trim(rest, f.CodeUntil)
		}
	}
	c := p.coding(code, clip(f.Name.get(in), 128))
	if loinc := f.LOINC.get(in); loincForm(loinc) {
		c.Alternates = []observation.Coding{{Code: loinc, System: observation.LOINC}}
	}
	if aspect := clip(f.Aspect.get(in), 32); aspect != "" && aspect != f.Main {
		c.Code += "/" + aspect
	}
	return c, clip(run, 32)
}

func loincForm(s string) bool {
	head, check, ok := strings.Cut(s, "-")
	return ok && len(check) == 1 && len(head) >= 3 && len(head) <= 6 && strings.Trim(head+check, "0123456789") == ""
}

func (p *Profile) value(code, raw string) observation.Value {
	for _, pattern := range p.Result.Pointers {
		if raw != "" && like(pattern, code) {
			return observation.Value{Kind: observation.Attachment, Pointer: clip(raw, 512), Media: mediaOf(raw)}
		}
	}
	return observation.ParseValue(clip(raw, observation.MaxText))
}

func mediaOf(name string) string {
	for suffix, media := range map[string]string{".PNG": "image/png", ".JPG": "image/jpeg", ".JPEG": "image/jpeg", ".BMP": "image/bmp"} {
		if strings.HasSuffix(strings.ToUpper(name), suffix) {
			return media
		}
	}
	return "application/octet-stream"
}

// letters are those of R-9 (LIS2-A2 10.1.9). W means there that the validity is questionable, not that the patient is wrong.
var letters = map[string]observation.Status{
	"C": observation.Corrected, "P": observation.Preliminary, "S": observation.Preliminary, "W": observation.Preliminary,
	"F": observation.Final, "V": observation.Final, "R": observation.Final, "Q": observation.Final, "M": observation.Final,
	"X": observation.Cancelled, "I": observation.Registered, "N": observation.Registered,
	"": observation.Final, // nothing said: the analyser has measured it
}

// statusOf reads the status of a row.
func (p *Profile) statusOf(in records, raw string, r *observation.Result, warn func(code, note string)) {
	letter := strings.ToUpper(p.Result.Status.get(in))
	status, known := letters[letter]
	if mine, ok := p.Status[letter]; ok {
		status, known = observation.StatusOf(mine)
	}
	r.Status = status
	switch {
	case !known:
		r.Status = observation.Preliminary
		warn("status-unknown", "taken as preliminary")
	case letter == "W":
		warn("validity", "the analyser questions the validity of the row")
	}
	if raw != "" && slices.Contains(p.Result.NoValue, raw) {
		r.Status = observation.Cancelled
		warn("no-value", "the analyser obtained no value")
	}
}

func (p *Profile) unit(s string) string {
	if slices.Contains(p.Result.NoUnit, s) {
		return ""
	}
	return s
}

// latinMicro finds a unit whose micro sign was Latin-1 (B5) in a message read as GB18030: "祄ol/L" is "µmol/L".
func latinMicro(unit string) (string, bool) {
	first := strings.IndexFunc(unit, func(r rune) bool { return r >= 0x4E00 })
	if first < 0 {
		return "", false
	}
	b, err := simplifiedchinese.GB18030.NewEncoder().Bytes([]byte(unit))
	if err != nil {
		return "", false
	}
	out := make([]rune, len(b))
	for i, c := range b {
		if c >= 0x80 && (c != 0xB5 || i+1 == len(b) || !strings.ContainsRune("mgLlUkKMI", rune(b[i+1]))) {
			return "", false
		}
		out[i] = rune(c)
	}
	return string(out), true
}

// rangeText is the reference interval as it was sent; low and high in two components are written with "-".
func rangeText(in records, p Path) string {
	s := p.get(in)
	low, high, two := strings.Cut(s, "^")
	if !two {
		return s
	}
	_, lowErr := observation.ParseNumber(strings.TrimSpace(low))
	_, highErr := observation.ParseNumber(strings.TrimSpace(high))
	switch {
	case lowErr == nil && highErr == nil:
		return strings.TrimSpace(low) + "-" + strings.TrimSpace(high)
	case low != "" && highErr != nil: // the second is a name of the interval
		return low
	}
	return s
}

func flags(in records, p Path) []string {
	var out []string
	for _, s := range p.each(in) {
		if s = clip(s, 32); s != "" && len(out) < 20 {
			out = append(out, s)
		}
	}
	return out
}

// note reads a comment (LIS2-A2 11): its text, or what the profile says that its code means.
func (p *Profile) note(notes []string, c astm.Record) []string {
	text := strings.Trim(strings.ReplaceAll(c.Field(4).String(), string('^'), " "), " ")
	if means, ok := p.Comments[text]; ok {
		text = means
	}
	if text = clip(text, 2000); text == "" || len(notes) >= 200 {
		return notes
	}
	return append(notes, text)
}

// repetitions tells rows of one code apart, and which of them count.
func (p *Profile) repetitions(rows []observation.Result) {
	seen := map[string][]int{}
	for i := range rows {
		if rows[i].Value.Kind != observation.Attachment && rows[i].Code.Code != "" {
			seen[rows[i].Code.Code] = append(seen[rows[i].Code.Code], i)
		}
	}
	for _, same := range seen {
		for n, i := range same {
			switch {
			case p.Microbiology != nil && slices.Contains(p.Microbiology.Organism, rows[i].Code.Code): // the number of the isolate
			case len(same) == 1:
				rows[i].SubID = ""
			case rows[i].SubID == "" || n > 0 && rows[i].SubID == rows[same[n-1]].SubID:
				rows[i].SubID = fmt.Sprint(n + 1)
			}
			if len(same) > 1 && (p.Result.Keep == "last" && n < len(same)-1 || p.Result.Keep == "first" && n > 0) {
				rows[i].Status = observation.Unverified
				rows[i].Warnings = append(rows[i].Warnings, observation.Warning{
					Code: "repeated", Place: fmt.Sprintf("row %d", rows[i].Number), Note: "the profile counts another run",
				})
			}
		}
	}
}

// statusOf is the status of a report: that of the row furthest from final, and corrected if a row is.
func statusOf(rows []observation.Result) observation.Status {
	worst := observation.Status("")
	for _, r := range rows {
		switch {
		case r.Status == observation.Unverified || r.Status == observation.Cancelled:
		case worst == "" || worst.Settled() && !r.Status.Settled():
			worst = r.Status
		case worst.Settled() && r.Status.Rank() > worst.Rank():
			worst = r.Status
		}
	}
	if worst == "" && len(rows) > 0 {
		return observation.Cancelled
	}
	return worst
}

// times reads those of the order.
func (p *Profile) times(r *observation.Report, in records) {
	for _, x := range []struct {
		to   *time.Time
		path Path
		what string
	}{
		{&r.Specimen.CollectedAt, p.Order.Collected, "collection"},
		{&r.Specimen.ReceivedAt, p.Order.Received, "receipt"},
		{&r.ReportedAt, p.Order.Reported, "report"},
	} {
		var ok bool
		if *x.to, ok = p.time(x.path.get(in)); !ok {
			r.Warnings = append(r.Warnings, observation.Warning{
				Code: "time-unread", Place: fmt.Sprintf("record %d", in["O"].Number), Note: "the time of the " + x.what + " is none",
			})
		}
	}
	r.ObservedAt = r.Specimen.CollectedAt
}

// layouts of times by their length (LIS2-A2 6.6.2).
var layouts = map[int]string{8: "20060102", 10: "2006010215", 12: "200601021504", 14: "20060102150405"}

// time reads a time of the model's zone; an empty text is the zero time. False for what is no time.
func (p *Profile) time(s string) (time.Time, bool) {
	if strings.Trim(s, "0") == "" {
		return time.Time{}, true
	}
	layout, ok := layouts[len(s)]
	if !ok {
		return time.Time{}, false
	}
	t, err := time.ParseInLocation(layout, s, p.location())
	if err != nil || t.Year() < 1990 {
		return time.Time{}, false
	}
	return t.UTC(), true
}
