// The header of a file that is written.

package edf

import (
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

// fields are texts of fixed length, one after the other.
type fields struct {
	b    []byte
	long bool
}

func (f *fields) put(text string, length int) {
	if len(text) > length {
		f.long = true
		text = text[:length]
	}
	f.b = append(append(f.b, text...), strings.Repeat(" ", length-len(text))...)
}

func (p *planned) writeHeader(w io.Writer) error {
	n := len(p.group.Leads) + 1
	date, clock, started := "01.01.85", "00.00.00", "X"
	if !p.RecordedAt.IsZero() {
		date, clock, started = p.start.Format("02.01.06"), p.start.Format("15.04.05"), strings.ToUpper(p.start.Format("02-Jan-2006"))
		if y := p.start.Year(); y < 1985 || y > 2084 {
			date = p.start.Format("02.01.") + "yy" // EDF+ 2.1.3.2
		}
	}
	f := &fields{}
	f.put("0", 8)
	f.put(p.person(), 80)
	f.put("Startdate "+started+" "+sub(p.Order)+" X "+sub(strings.TrimSpace(p.Device.Manufacturer+" "+p.Device.Model)), 80)
	f.put(date, 8)
	f.put(clock, 8)
	f.put(strconv.Itoa(fixedSize*(n+1)), 8)
	f.put("EDF+C", 44)
	f.put(strconv.Itoa(p.records), 8)
	f.put(p.duration, 8)
	f.put(strconv.Itoa(n), 4)
	p.signals(f)
	if f.long {
		return refuse("a text is too long for its field")
	}
	_, err := w.Write(f.b)
	return err
}

// signals writes each field of all signals before the next field; the last signal is that of the annotations.
func (p *planned) signals(f *fields) {
	column := func(length int, annotations string, of func(i int) string) {
		for i := range p.group.Leads {
			f.put(of(i), length)
		}
		f.put(annotations, length)
	}
	filters := filterText(p.group.Filters)
	column(16, "EDF Annotations", func(i int) string { return labelOf(&p.group.Leads[i]) })
	column(80, "", func(int) string { return "" })
	column(8, "", func(i int) string { return p.scales[i].unit })
	column(8, "-1", func(i int) string { return p.scales[i].pmin })
	column(8, "1", func(i int) string { return p.scales[i].pmax })
	column(8, "-32768", func(i int) string { return p.scales[i].dmin })
	column(8, "32767", func(i int) string { return p.scales[i].dmax })
	column(80, "", func(int) string { return filters })
	column(8, strconv.Itoa(p.room/2), func(int) string { return strconv.Itoa(p.per) })
	column(32, "", func(int) string { return "" })
}

func labelOf(l *tracing.Lead) string {
	if l.Code != "" {
		return "ECG " + l.Code.Label() // the standard texts of EDF+
	}
	text := strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, l.Label)
	for len(text) > 16 { // a label may be cut, between characters
		_, n := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-n]
	}
	return text
}

// person is "code sex birthdate name" of EDF+.
func (p *planned) person() string {
	sex, born := "X", "X"
	if p.Patient.Sex == "M" || p.Patient.Sex == "F" {
		sex = p.Patient.Sex
	}
	if d, err := time.Parse("20060102", p.Patient.BirthDate); err == nil {
		born = strings.ToUpper(d.Format("02-Jan-2006"))
	}
	return sub(p.Patient.ID) + " " + sex + " " + born + " " + sub(p.Patient.Name)
}

// sub is a subfield: underscores stand for spaces, "X" for what is not said.
func sub(text string) string {
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r <= ' ' }), "_")
	if text == "" {
		return "X"
	}
	return text
}

func filterText(f tracing.Filters) string {
	var words []string
	for _, x := range []struct {
		name string
		hz   float64
	}{{"HP", f.HighPassHz}, {"LP", f.LowPassHz}, {"N", f.NotchHz}} {
		if x.hz > 0 {
			words = append(words, x.name+":"+strconv.FormatFloat(x.hz, 'f', -1, 64)+"Hz")
		}
	}
	return strings.Join(words, " ")
}
