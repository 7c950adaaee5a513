// The writer: what Read gives comes back exactly from what Write makes of it.

package aecg

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/xml"
	"fmt"
	"io"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

const (
	mdcSystem = "2.16.840.1.113883.6.24"
	actSystem = "2.16.840.1.113883.5.4"
)

// Write writes a tracing as an annotated ECG: a series for each group of the rhythm, representative beats derived from the first, and the
// measurements, statements and marks in annotation sets. Skews of leads have no place in it. The errors are those of w.
func Write(w io.Writer, t *tracing.Tracing) error {
	o := &output{w: bufio.NewWriterSize(w, 64<<10), t: t}
	o.raw(xml.Header)
	o.raw(`<AnnotatedECG xmlns="urn:hl7-org:v3" xmlns:voc="urn:hl7-org:v3/voc" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" ` +
		`xsi:schemaLocation="urn:hl7-org:v3 ../schema/PORT_MT020001.xsd" type="Observation">`)
	o.element("id", "root", identifier(t))
	o.element("code", "code", "93000", "codeSystem", "2.16.840.1.113883.6.12", "codeSystemName", "CPT-4")
	o.effectiveTime(nil)
	if t.Indication != "" {
		o.element("reasonCode", "code", "INDICATION", "displayName", t.Indication)
	}
	o.subject()
	if t.Site.Institution != "" {
		o.raw("<location><testingSite><id/><location><name>").text(t.Site.Institution).raw("</name></location></testingSite></location>")
	}
	o.related()
	o.allSeries()
	o.raw("</AnnotatedECG>\n")
	return o.w.Flush()
}

// identifier is a UUID (of version 8, RFC 9562 5.8) made of the samples: the same recording has the same.
func identifier(t *tracing.Tracing) string {
	h := sha256.New()
	room := make([]byte, 0, 4096)
	for _, g := range t.Groups {
		for _, l := range g.Leads {
			for _, v := range l.Samples {
				if room = binary.LittleEndian.AppendUint32(room, uint32(v)); len(room) == cap(room) {
					_, _ = h.Write(room) // a hash takes everything
					room = room[:0]
				}
			}
		}
	}
	_, _ = h.Write(room)
	u := h.Sum(nil)[:16]
	u[6], u[8] = u[6]&0x0F|0x80, u[8]&0x3F|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}

// output writes elements; bufio keeps the first error.
type output struct {
	w *bufio.Writer
	t *tracing.Tracing
}

func (o *output) raw(s string) *output {
	_, _ = o.w.WriteString(s) // the error stays in the writer until Flush
	return o
}

func (o *output) text(s string) *output {
	_ = xml.EscapeText(o.w, []byte(s))
	return o
}

// open writes a start tag without its ">", with those attributes that have a value.
func (o *output) open(name string, attrs ...string) *output {
	o.raw("<").raw(name)
	for i := 0; i+1 < len(attrs); i += 2 {
		if attrs[i+1] != "" {
			o.raw(" ").raw(attrs[i]).raw(`="`).text(attrs[i+1]).raw(`"`)
		}
	}
	return o
}

func (o *output) element(name string, attrs ...string) *output {
	return o.open(name, attrs...).raw("/>")
}

func (o *output) named(name, value string) {
	if value != "" {
		o.open(name).raw(">").text(value).raw("</").raw(name).raw(">")
	}
}

// effectiveTime is that of a group, or of the document.
func (o *output) effectiveTime(g *tracing.Group) {
	if o.t.RecordedAt.IsZero() {
		if g == nil {
			o.raw(`<effectiveTime nullFlavor="UNK"/>`)
		}
		return
	}
	if g == nil {
		o.raw("<effectiveTime>").element("center", "value", o.stamp(o.t.RecordedAt)).raw("</effectiveTime>")
		return
	}
	from := o.t.RecordedAt.Add(g.Offset)
	o.raw("<effectiveTime>").element("low", "value", o.stamp(from), "inclusive", "true")
	o.element("high", "value", o.stamp(from.Add(g.Duration())), "inclusive", "false").raw("</effectiveTime>")
}

func (o *output) stamp(at time.Time) string {
	s := at.Format("20060102150405.000000000")
	for strings.HasSuffix(s, "000000") || len(s) > len("20060102150405.000") && strings.HasSuffix(s, "0") {
		s = s[:len(s)-1]
	}
	if o.t.ZoneKnown {
		s += at.Format("-0700")
	}
	return s
}

func (o *output) subject() {
	p := o.t.Patient
	o.raw("<componentOf><timepointEvent><componentOf><subjectAssignment><subject><trialSubject>")
	o.element("id", "extension", p.ID)
	if p.Name+p.Sex+p.BirthDate+p.Race != "" {
		o.raw("<subjectDemographicPerson>")
		o.named("name", p.Name)
		sex := map[string]string{"M": "M", "F": "F", "O": "UN"}[p.Sex]
		if sex != "" {
			o.element("administrativeGenderCode", "code", sex, "codeSystem", "2.16.840.1.113883.5.1")
		}
		if p.BirthDate != "" {
			o.element("birthTime", "value", p.BirthDate)
		}
		if p.Race != "" {
			o.element("raceCode", "displayName", p.Race)
		}
		o.raw("</subjectDemographicPerson>")
	}
	o.raw("</trialSubject></subject><componentOf><clinicalTrial><id/></clinicalTrial></componentOf>")
	o.raw("</subjectAssignment></componentOf></timepointEvent></componentOf>")
}

// related writes what is known of the subject besides, as observations.
func (o *output) related() {
	p := o.t.Patient
	const loinc = "2.16.840.1.113883.6.1"
	for _, v := range []struct {
		code, unit string
		value      float64
	}{{loincAge, "a", p.AgeYears}, {loincHeight, "cm", p.HeightCM}, {loincWeight, "kg", p.WeightKG}} {
		if v.value > 0 {
			o.observation(v.code, loinc, func() { o.element("value", "xsi:type", "PQ", "value", number(v.value), "unit", v.unit) })
		}
	}
	if p.Pacemaker {
		o.observation(paced, "", func() { o.element("value", "xsi:type", "BL", "value", "true") })
	}
	for _, name := range p.Drugs {
		o.observation(drug, "", func() { o.open("value", "xsi:type", "ST").raw(">").text(name).raw("</value>") })
	}
}

func (o *output) observation(code, system string, value func()) {
	o.raw("<controlVariable><relatedObservation>").element("code", "code", code, "codeSystem", system)
	value()
	o.raw("</relatedObservation></controlVariable>")
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// allSeries writes the groups: the first of the rhythm has the derived beats and what concerns the whole recording.
func (o *output) allSeries() {
	first := true
	for i := range o.t.Groups {
		if g := &o.t.Groups[i]; g.Kind == tracing.Rhythm {
			o.raw("<component><series>")
			o.series(i, "RHYTHM")
			if first {
				o.findings()
				for k := range o.t.Groups {
					if o.t.Groups[k].Kind == tracing.Median {
						o.raw("<derivation><derivedSeries>")
						o.series(k, "REPRESENTATIVE_BEAT")
						o.raw("</derivedSeries></derivation>")
					}
				}
			}
			first = false
			o.raw("</series></component>\n")
		}
	}
	if !first {
		return
	}
	for i := range o.t.Groups { // beats without the rhythm that they are of
		o.raw("<component><series>")
		o.series(i, "REPRESENTATIVE_BEAT")
		if i == 0 {
			o.findings()
		}
		o.raw("</series></component>\n")
	}
}

func (o *output) series(i int, kind string) {
	g := &o.t.Groups[i]
	o.element("code", "code", kind, "codeSystem", actSystem, "codeSystemName", "ActCode")
	o.effectiveTime(g)
	if d := o.t.Device; d != (tracing.Device{}) {
		o.raw("<author><seriesAuthor><manufacturedSeriesDevice>").element("id", "extension", d.Serial)
		o.named("manufacturerModelName", d.Model)
		o.named("softwareName", d.Software)
		o.raw("</manufacturedSeriesDevice><manufacturerOrganization>")
		o.named("name", d.Manufacturer)
		o.raw("</manufacturerOrganization></seriesAuthor></author>")
	}
	o.filter("LOW_PASS", "CUTOFF_FREQ", g.Filters.LowPassHz)
	o.filter("HIGH_PASS", "CUTOFF_FREQ", g.Filters.HighPassHz)
	o.filter("NOTCH", "NOTCH_FREQ", g.Filters.NotchHz)
	o.raw("<component><sequenceSet>\n")
	o.timeSequence(g)
	for k := range g.Leads {
		o.lead(&g.Leads[k])
	}
	o.raw("</sequenceSet></component>\n")
	o.marks(i)
}

func (o *output) filter(kind, corner string, hz float64) {
	if hz <= 0 {
		return
	}
	const prefix = "MDC_ECG_CTL_VBL_ATTR_FILTER_"
	o.raw("<controlVariable><controlVariable>").element("code", "code", prefix+kind, "codeSystem", mdcSystem, "codeSystemName", "MDC")
	o.raw("<component><controlVariable>").element("code", "code", prefix+corner, "codeSystem", mdcSystem, "codeSystemName", "MDC")
	o.element("value", "xsi:type", "PQ", "value", number(hz), "unit", "Hz")
	o.raw("</controlVariable></component></controlVariable></controlVariable>")
}

// absolute reports whether the times of a group are written as points in time.
func (o *output) absolute(g *tracing.Group) bool {
	return !o.t.RecordedAt.IsZero() && g.Kind == tracing.Rhythm
}

func (o *output) timeSequence(g *tracing.Group) {
	code, kind := "TIME_RELATIVE", "GLIST_PQ"
	head := []string{"value", decimal(tracing.NewRatio(int64(g.Offset), int64(time.Second))), "unit", "s"}
	if o.absolute(g) {
		code, kind, head = "TIME_ABSOLUTE", "GLIST_TS", []string{"value", o.stamp(o.t.RecordedAt.Add(g.Offset))}
	}
	o.raw("<component><sequence>").element("code", "code", code, "codeSystem", actSystem, "codeSystemName", "ActCode")
	o.open("value", "xsi:type", kind).raw(">").element("head", head...)
	o.element("increment", "value", decimal(tracing.Whole(1).Div(g.Rate)), "unit", "s")
	o.raw("</value></sequence></component>\n")
}

// decimal writes a ratio exactly where that is possible, else in as many digits as Read takes, from which it finds rates again.
func decimal(r tracing.Ratio) string {
	if r.Den == 0 || r.Num == 0 {
		return "0"
	}
	for places := range 19 {
		if s := big.NewRat(r.Num, r.Den).FloatString(places); same(s, r) {
			return s
		}
	}
	whole := len(strconv.FormatInt(r.Num/r.Den, 10))
	return big.NewRat(r.Num, r.Den).FloatString(max(18-whole, 0))
}

func same(decimal string, r tracing.Ratio) bool {
	v, ok := tracing.ParseRatio(decimal)
	return ok && v == r
}

func (o *output) lead(l *tracing.Lead) {
	code := string(l.Code)
	if code == "" {
		code = "MDC_ECG_LEAD_" + l.Label
	}
	o.raw("<component><sequence>").element("code", "code", code, "codeSystem", mdcSystem, "codeSystemName", "MDC")
	if l.Calibrated() {
		o.raw(`<value xsi:type="SLIST_PQ">`)
		o.size("origin", l.OffsetNV)
		o.size("scale", l.NVPerLSB)
	} else {
		o.raw(`<value xsi:type="SLIST_INT"><origin value="0"/><scale value="1"/>`)
	}
	o.raw("<digits>")
	room, held := make([]byte, 0, 16), int32(0)
	for i, v := range l.Samples {
		if v == tracing.Missing {
			v = held // a mark says that it is not one
		}
		held = v
		if room = room[:0]; i > 0 {
			room = append(room, ' ')
		}
		_, _ = o.w.Write(strconv.AppendInt(room, int64(v), 10))
	}
	o.raw("</digits></value></sequence></component>\n")
}

// size writes nanovolts in microvolts, or as they are where microvolts would need too many digits.
func (o *output) size(name string, nv tracing.Ratio) {
	if nv.Den == 0 {
		nv = tracing.Whole(0)
	}
	uv := nv.Div(tracing.Whole(1000))
	if s := decimal(uv); same(s, uv) {
		o.element(name, "value", s, "unit", "uV")
		return
	}
	o.element(name, "value", decimal(nv), "unit", "nV")
}
