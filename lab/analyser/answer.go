// Orders to a message that the analyser reads (LIS2-A2 9 and 13).

package analyser

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/codec/astm"
	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/record"
)

var hole = regexp.MustCompile(`\{([a-z]+(?:\.[a-z]+)?|q[0-9]{1,2}\.[0-9]{1,2}|h[0-9]{1,2}\.[0-9]{1,2})\}`)

// words are what may stand in the braces of a template.
var words = []string{
	"barcode", "tests", "priority", "control", "specimen", "collected", "ordered", "now", "placer", "orderer", "code",
	"patient.id", "patient.name", "patient.birth", "patient.sex", "number",
}

func (a *Answer) check() error {
	for _, all := range []map[int]string{a.Header, a.Patient, a.Order, {3: a.Test}} {
		for n, text := range all {
			if n < 3 || n > 60 {
				return fmt.Errorf("answer: field %d: want 3 to 60", n)
			}
			for _, m := range hole.FindAllStringSubmatch(text, -1) {
				if strings.ContainsAny(m[1], "0123456789") || slices.Contains(words, m[1]) {
					continue
				}
				return fmt.Errorf("answer: field %d: {%s} is not known", n, m[1])
			}
			if strings.ContainsAny(hole.ReplaceAllString(text, ""), "{}") {
				return fmt.Errorf("answer: field %d: braces without a word", n)
			}
		}
	}
	if a.Each && a.Test == "" {
		return errors.New("answer: each: needs test")
	}
	return nil
}

// fill takes what LIS2-A2 has for what the profile left out.
func (a *Answer) fill() {
	for _, x := range []struct {
		to   *map[int]string
		with map[int]string
	}{
		{&a.Header, map[int]string{5: "LIANZHEN", 10: "{h5.1}", 12: "P", 13: "LIS2-A2", 14: "{now}"}},
		{&a.Patient, map[int]string{3: "{patient.id}", 6: "{patient.name}", 8: "{patient.birth}", 9: "{patient.sex}"}},
		{&a.Order, map[int]string{
			3: "{barcode}", 5: "{tests}", 6: "{priority}", 7: "{ordered}", 8: "{collected}", 12: "{control}", 16: "{specimen}",
			17: "{orderer}", 26: "Q",
		}},
	} {
		if *x.to == nil {
			*x.to = x.with
		}
	}
	if a.Test == "" {
		a.Test = "^^^{code}"
	}
	if a.Last == "" {
		a.Last = "N"
	}
	if a.Empty == "" {
		a.Empty = "I"
	}
}

// Answer writes the orders of a specimen as an answer to a query. Without orders it says that there are none. A zero Query is for
// orders that are sent unasked. now is the time in the header.
func (p *Profile) Answer(q Query, orders []observation.Order, now time.Time) astm.Message {
	w := writer{p: p, q: q, now: now, w: astm.NewWriter(p.Reply.delimiters())}
	w.w.Header(w.fields(p.Reply.Header, nil)...)
	for i, same := range bySpecimen(orders) {
		w.specimen(i+1, same)
	}
	last := p.Reply.Last
	if len(orders) == 0 {
		last = p.Reply.Empty
	}
	w.w.Terminator(last)
	messages, err := astm.Parse(w.w.Bytes(astm.UTF8), astm.UTF8)
	if err != nil { // the header is ours
		panic(err)
	}
	return messages[0]
}

func (a *Answer) delimiters() astm.Delimiters {
	if len(a.Delimiters) != 4 {
		return astm.Standard
	}
	return astm.Delimiters{Field: a.Delimiters[0], Repeat: a.Delimiters[1], Component: a.Delimiters[2], Escape: a.Delimiters[3]}
}

// bySpecimen puts the orders of one specimen and patient together, in the order of their coming.
func bySpecimen(orders []observation.Order) [][]observation.Order {
	var out [][]observation.Order
	at := map[string]int{}
	for _, o := range orders {
		if o.Control == observation.CancelOrder || o.Control == observation.HoldOrder {
			continue
		}
		i, ok := at[o.Specimen.ID]
		if !ok {
			i = len(out)
			at[o.Specimen.ID] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], o)
	}
	return out
}

type writer struct {
	p   *Profile
	q   Query
	now time.Time
	w   *astm.Writer
}

// maxTests is how many tests one specimen may be sent with.
const maxTests = 500

func (w *writer) specimen(n int, orders []observation.Order) {
	data := w.data(n, orders[0])
	w.w.Record("P", append([]astm.Value{astm.Sequence(n)}, w.fields(w.p.Reply.Patient, data)...)...)
	var tests []string
	for _, o := range orders {
		for _, c := range codes(w.p, o) {
			if !slices.Contains(tests, c) && len(tests) < maxTests && (len(w.q.Tests) == 0 || slices.Contains(w.q.Tests, c)) {
				tests = append(tests, c)
			}
		}
	}
	groups := [][]string{tests}
	if w.p.Reply.Each {
		groups = slices.Collect(slices.Chunk(tests, 1))
	}
	for i, group := range groups {
		fields := w.fields(w.p.Reply.Order, data)
		for at, template := range w.p.Reply.Order {
			if template == "{tests}" {
				fields[at-3] = w.tests(group)
			}
		}
		w.w.Record("O", append([]astm.Value{astm.Sequence(i + 1)}, fields...)...)
	}
}

// codes are what is ordered, in the analyser's own codes where the catalogue knows them: a coding of the system that is named as
// the profile.
func codes(p *Profile, o observation.Order) []string {
	items := o.Items
	if len(items) == 0 {
		items = []observation.Coding{o.Service}
	}
	var out []string
	for _, c := range items {
		code := c.In(strings.ToUpper(p.ID))
		if code == "" {
			code = c.Code
		}
		if code != "" {
			out = append(out, code)
		}
	}
	return out
}

func (w *writer) tests(codes []string) astm.Value {
	var all astm.Value
	for _, c := range codes {
		all = append(all, w.value(w.p.Reply.Test, map[string]string{"code": c})...)
	}
	return all
}

// fields are templates filled in, from field 3 on.
func (w *writer) fields(templates map[int]string, data map[string]string) []astm.Value {
	if len(templates) == 0 {
		return nil
	}
	out := make([]astm.Value, slices.Max(slices.Collect(maps.Keys(templates)))-2)
	for n, t := range templates {
		out[n-3] = w.value(t, data)
	}
	return out
}

// value fills one template. Its own ^ and \ are delimiters; those in the data are text.
func (w *writer) value(template string, data map[string]string) astm.Value {
	var v astm.Value
	some := false
	for _, repeat := range strings.Split(template, `\`) {
		var components []string
		for _, c := range strings.Split(repeat, "^") {
			text := hole.ReplaceAllStringFunc(c, func(m string) string { return w.word(m[1:len(m)-1], data) })
			some = some || text != ""
			components = append(components, text)
		}
		v = append(v, components)
	}
	if !some {
		return nil
	}
	return v
}

func (w *writer) word(name string, data map[string]string) string {
	if s, ok := data[name]; ok {
		return s
	}
	if name == "now" {
		return w.time(w.now)
	}
	if len(name) < 4 || name[0] != 'q' && name[0] != 'h' {
		return ""
	}
	r := w.q.record
	if name[0] == 'h' {
		r = w.q.header
	}
	field, component, _ := strings.Cut(name[1:], ".")
	n, _ := strconv.Atoi(field)
	c, _ := strconv.Atoi(component)
	return r.Field(n).Component(c)
}

func (w *writer) time(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(w.p.location()).Format("20060102150405")
}

func (w *writer) data(n int, o observation.Order) map[string]string {
	birth := ""
	if d := o.Patient.BirthDate; !d.IsZero() {
		birth = strings.ReplaceAll(d.String(), "-", "")
	}
	sex := string(o.Patient.Sex)
	if o.Patient.Sex == record.SexUnknown {
		sex = "U"
	}
	control := "N" // a new order (LIS2-A2 9.4.12)
	if o.Control == observation.ChangeOrder {
		control = "A"
	}
	priority := "R"
	switch o.Priority {
	case record.Stat:
		priority = "S"
	case record.Urgent:
		priority = "A"
	}
	return map[string]string{
		"barcode": o.Specimen.ID, "specimen": o.Specimen.Type.Code, "priority": priority, "control": control, "placer": o.Placer,
		"orderer": o.Orderer, "collected": w.time(o.Specimen.CollectedAt), "ordered": w.time(o.OrderedAt), "number": strconv.Itoa(n),
		"patient.id": o.Patient.LocalID.Reveal(), "patient.name": o.Patient.Name.Reveal(), "patient.birth": birth, "patient.sex": sex,
	}
}
