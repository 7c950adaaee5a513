// The annotation sets of the writer.

package aecg

import (
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

// findings writes measurements and statements, a set for each who says them.
func (o *output) findings() {
	var sources []tracing.Source
	seen := map[tracing.Source]bool{}
	note := func(s tracing.Source) {
		if !seen[s] {
			seen[s] = true
			sources = append(sources, s)
		}
	}
	for _, m := range o.t.Measurements {
		note(m.Source)
	}
	for _, s := range o.t.Statements {
		note(s.Source)
	}
	for _, src := range sources {
		o.raw("<subjectOf><annotationSet>")
		o.author(src)
		for _, m := range o.t.Measurements {
			if m.Source == src {
				o.measurement(m)
			}
		}
		for _, s := range o.t.Statements {
			if s.Source == src {
				o.statement(s)
			}
		}
		o.raw("</annotationSet></subjectOf>\n")
	}
}

func (o *output) author(s tracing.Source) {
	o.raw("<author><assignedEntity><id/><assignedAuthorType>")
	if s.Kind == tracing.ByPerson {
		o.raw("<assignedPerson>")
		o.named("name", s.Name)
		o.raw("</assignedPerson>")
	} else {
		code := "RESTING_ECG"
		if s.Kind == tracing.ByAlgorithm {
			code = "ALGORITHM"
		}
		o.raw("<assignedDevice>").element("code", "code", code, "codeSystemName", "LIANZHEN")
		o.named("manufacturerModelName", s.Name)
		o.named("softwareName", s.Version)
		o.raw("</assignedDevice>")
	}
	o.raw("</assignedAuthorType></assignedEntity></author>")
}

func (o *output) code(code, display string) {
	if strings.HasPrefix(code, "MDC_") {
		o.element("code", "code", code, "codeSystem", mdcSystem, "codeSystemName", "MDC", "displayName", display)
		return
	}
	o.element("code", "code", code, "codeSystemName", "LIANZHEN", "displayName", display)
}

func (o *output) measurement(m tracing.Measurement) {
	o.raw("<component><annotation>")
	o.code(m.Code, "")
	o.element("value", "xsi:type", "PQ", "value", number(m.Value), "unit", m.Unit)
	if m.Lead != "" {
		o.region(m.Lead, nil)
	}
	o.raw("</annotation></component>")
}

func (o *output) statement(s tracing.Statement) {
	o.raw("<component><annotation>")
	o.code("MDC_ECG_INTERPRETATION_STATEMENT", "")
	if s.Code == "" {
		o.open("value", "xsi:type", "ST").raw(">").text(s.Text).raw("</value>")
	} else {
		o.element("value", "xsi:type", "CE", "code", s.Code, "codeSystemName", s.System, "displayName", s.Text)
	}
	o.raw("</annotation></component>")
}

// region writes a supportingROI: a time, a lead, or both.
func (o *output) region(lead tracing.Code, timing func()) {
	o.raw(`<support><supportingROI classCode="ROIBND">`).element("code", "code", "ROIPS", "codeSystem", actSystem, "codeSystemName", "HL7V3")
	if timing != nil {
		o.raw("<component><boundary>").element("code", "code", "TIME_RELATIVE", "codeSystem", actSystem, "codeSystemName", "ActCode")
		timing()
		o.raw("</boundary></component>")
	}
	if lead != "" {
		o.raw("<component><boundary>").element("code", "code", string(lead), "codeSystem", mdcSystem, "codeSystemName", "MDC").raw("</boundary></component>")
	}
	o.raw("</supportingROI></support>")
}

// marks writes the annotations of a group, and where its samples only hold a value because this format has no missing ones.
func (o *output) marks(group int) {
	all := o.held(group)
	for _, a := range o.t.Annotations {
		if a.Group == group {
			all = append(all, a)
		}
	}
	if len(all) == 0 {
		return
	}
	o.raw("<subjectOf><annotationSet>")
	for _, a := range all {
		o.raw("<component><annotation>")
		o.mark(a, &o.t.Groups[group])
		o.raw("</annotation></component>")
	}
	o.raw("</annotationSet></subjectOf>\n")
}

// held are the spans without samples, with the name of the lead as text.
func (o *output) held(group int) (out []tracing.Annotation) {
	g := &o.t.Groups[group]
	for _, l := range g.Leads {
		n := len(l.Samples)
		for i := 0; i < n; i++ {
			from := i
			for i < n && l.Samples[i] == tracing.Missing {
				i++
			}
			if i > from && len(out) < tracing.MaxTexts {
				at := g.Rate.Duration(int64(from))
				out = append(out, tracing.Annotation{Group: group, Lead: l.Code, At: at, For: g.Rate.Duration(int64(i)) - at, Code: heldCode, Text: l.Label})
			}
		}
	}
	return out
}

func (o *output) mark(a tracing.Annotation, g *tracing.Group) {
	wave := strings.HasPrefix(a.Code, wavePrefix)
	switch {
	case wave && a.Text == "peak" && a.For == 0:
		o.code(wavePrefix, "")
		o.element("value", "xsi:type", "CE", "code", a.Code, "codeSystem", mdcSystem, "codeSystemName", "MDC")
		o.raw("<component><annotation>")
		o.code(wavePrefix, "")
		o.element("value", "xsi:type", "CE", "code", wavePrefix+"_PEAK", "codeSystem", mdcSystem, "codeSystemName", "MDC")
		o.region(a.Lead, func() { o.span(a, g) })
		o.raw("</annotation></component>")
		return
	case wave && (a.For == 0 && (a.Text == "onset" || a.Text == "offset") || a.Text == ""):
		o.code(wavePrefix, "")
		o.element("value", "xsi:type", "CE", "code", a.Code, "codeSystem", mdcSystem, "codeSystemName", "MDC")
	default:
		o.element("code", "code", a.Code, "codeSystemName", markSystem)
		o.open("value", "xsi:type", "ST").raw(">").text(a.Text).raw("</value>")
	}
	o.region(a.Lead, func() { o.span(a, g) })
}

// span writes the time of a mark in milliseconds from where the sequence of its group counts.
func (o *output) span(a tracing.Annotation, g *tracing.Group) {
	base := a.At
	if !o.absolute(g) {
		base += g.Offset
	}
	ms := func(d time.Duration) []string {
		return []string{"value", decimal(tracing.NewRatio(int64(d), int64(time.Millisecond))), "unit", "ms"}
	}
	o.raw(`<value xsi:type="IVL_PQ">`)
	if a.Text != "offset" || a.For > 0 {
		o.element("low", ms(base)...)
	}
	if a.Text != "onset" || a.For > 0 {
		o.element("high", ms(base+a.For)...)
	}
	o.raw("</value>")
}
