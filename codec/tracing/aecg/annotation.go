// Annotation sets: measurements, waves, beats, statements; nested as their author liked.

package aecg

import (
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/codec/tracing/xmlin"
)

const (
	wavePrefix = "MDC_ECG_WAVC"
	beatPrefix = "MDC_ECG_BEAT"
	markSystem = "LIANZHEN_MARK" // of our own marks, whatever their code
	heldCode   = "LIANZHEN_HELD" // samples that were missing and hold the value before
)

// bound is one end of a region of interest: absolute, or relative to its series.
type bound struct {
	at   stamp
	rel  time.Duration
	said bool
}

// mark is an annotation whose place is not known before all groups are.
type mark struct {
	first, end int // groups of its series
	low, high  bound
	a          tracing.Annotation
}

// scope is what an annotation has from those around it.
type scope struct {
	source tracing.Source
	lead   tracing.Code
	wave   string
	beat   *beat
}

// beat collects what belongs to one beat.
type beat struct {
	class string
	qrs   mark
	said  bool
}

func (s *series) annotationSet() {
	sc := scope{source: tracing.Source{Kind: tracing.ByDevice, Name: s.device.Model, Version: s.device.Software}}
	x := s.d.x
	x.Children(func(name string) {
		switch name {
		case "author":
			sc.source = s.source()
		case "component":
			s.component(sc)
		}
	})
}

func (s *series) component(sc scope) {
	s.d.x.Children(func(name string) {
		if name == "annotation" {
			s.annotation(sc)
		}
	})
}

// source reads the author of an annotation set.
func (s *series) source() tracing.Source {
	x, out := s.d.x, tracing.Source{Kind: tracing.ByDevice}
	var visit func(name string)
	visit = func(name string) {
		switch name {
		case "assignedEntity", "assignedAuthorType", "assignedDevice":
			x.Children(visit)
		case "code":
			if x.Attr("code") == "ALGORITHM" {
				out.Kind = tracing.ByAlgorithm
			}
		case "manufacturerModelName":
			out.Name = x.Text()
		case "softwareName":
			out.Version = x.Text()
		case "assignedPerson":
			out.Kind = tracing.ByPerson
			x.Children(func(name string) {
				if name == "name" {
					out.Name = s.d.personName()
				}
			})
		}
	}
	x.Children(visit)
	return out
}

// note is one annotation as it stands in the file.
type note struct {
	code, system, display string // of the annotation
	value, unit           string // PQ
	coded, codedSystem    string // CE
	text                  string // of any
	leads                 []tracing.Code
	low, high             bound
}

func (s *series) annotation(sc scope) {
	x := s.d.x
	n, done := note{}, false
	finish := func() {
		if !done {
			done = true
			sc = s.take(n, sc)
		}
	}
	x.Children(func(name string) {
		switch name {
		case "code":
			n.code, n.system, n.display = x.Attr("code"), x.Attr("codeSystemName"), x.Attr("displayName")
		case "text":
			n.text = x.Text()
		case "value":
			n.value, n.unit, n.coded = x.Attr("value"), x.Attr("unit"), x.Attr("code")
			if n.codedSystem = x.Attr("codeSystemName"); n.codedSystem == "" {
				n.codedSystem = x.Attr("codeSystem")
			}
			display := x.Attr("displayName")
			if t := x.Text(); t != "" {
				n.text = t
			} else if n.text == "" {
				n.text = display
			}
		case "support":
			x.Children(func(name string) {
				if name == "supportingROI" {
					x.Children(func(name string) {
						if name == "component" {
							x.Children(func(string) { s.boundary(&n) })
						}
					})
				}
			})
		case "component":
			finish()
			s.component(sc)
		}
	})
	finish()
	if b := sc.beat; b != nil && strings.HasPrefix(n.coded, beatPrefix) && b.class != "" && b.said {
		b.qrs.a.Code, b.qrs.a.Text, b.qrs.high = tracing.Beat, b.class, bound{}
		s.d.mark(b.qrs)
	}
}

// boundary reads one end or side of a region: a lead, or a time.
func (s *series) boundary(n *note) {
	x, code := s.d.x, ""
	x.Children(func(name string) {
		switch {
		case name == "code":
			code = x.Attr("code")
			if l := leadOf(code); l != "" && len(n.leads) < tracing.MaxLeads {
				n.leads = append(n.leads, l)
			}
		case name == "value" && strings.HasPrefix(code, "TIME_"):
			if at := s.d.bound(); at.said {
				n.low, n.high = at, at
			}
			x.Children(func(name string) {
				switch name {
				case "low":
					n.low = s.d.bound()
				case "high":
					n.high = s.d.bound()
				case "center":
					n.low = s.d.bound()
					n.high = n.low
				}
			})
		}
	})
}

func (d *document) bound() bound {
	v, unit := d.x.Attr("value"), d.x.Attr("unit")
	if v == "" {
		return bound{}
	}
	if unit == "" && len(v) >= 8 {
		at := parseTS(v)
		return bound{at: at, said: at.known()}
	}
	r, ok := tracing.ParseRatio(v)
	if !ok {
		return bound{}
	}
	return bound{rel: seconds(r.Mul(perSecond(unit))), said: true}
}

// take makes of a note what it is, and tells what those inside it have from it.
func (s *series) take(n note, sc scope) scope {
	if len(n.leads) > 0 {
		sc.lead = n.leads[0]
	}
	m := mark{first: s.first, end: len(s.d.t.Groups), low: n.low, high: n.high, a: tracing.Annotation{Lead: sc.lead, Text: n.text}}
	switch {
	case n.system == markSystem:
		m.a.Code = n.code
		s.d.mark(m)
	case n.value != "":
		s.measurement(n, sc)
	case strings.HasPrefix(n.coded, wavePrefix):
		return s.wave(n, m, sc)
	case strings.HasPrefix(n.coded, beatPrefix), n.code == beatPrefix:
		sc.beat = &beat{}
		if n.coded != beatPrefix {
			sc.beat.class = n.coded
		}
		if m.low.said || m.high.said {
			if m.a.Code = tracing.Beat; m.a.Text == "" {
				m.a.Text = sc.beat.class
			}
			sc.beat.class = ""
			s.d.mark(m)
		}
	case n.coded != "":
		text := n.text
		if text == "" {
			text = n.coded
		}
		s.state(tracing.Statement{Code: n.coded, System: n.codedSystem, Text: text}, sc)
	case n.text != "":
		s.state(tracing.Statement{Text: n.text}, sc)
	}
	return sc
}

func (s *series) state(st tracing.Statement, sc scope) {
	st.Source, st.Confirmed = sc.source, sc.source.Kind == tracing.ByPerson
	xmlin.State(s.d.t, st)
}

// wave keeps a wave, or the peak, onset or offset inside a wave.
func (s *series) wave(n note, m mark, sc scope) scope {
	m.a.Code = n.coded
	for _, end := range []string{"PEAK", "ONSET", "OFFSET"} {
		if n.coded == wavePrefix+"_"+end && sc.wave != "" {
			m.a.Code, m.a.Text = sc.wave, strings.ToLower(end)
		}
	}
	sc.wave = m.a.Code
	if !m.low.said && !m.high.said {
		return sc
	}
	if b := sc.beat; b != nil && m.a.Code == tracing.WaveQRS && m.low.said {
		b.qrs, b.said = m, true
		b.qrs.a.Lead = ""
	}
	s.d.mark(m)
	return sc
}

func (d *document) mark(m mark) {
	if len(d.marks) >= 2*tracing.MaxTexts {
		d.t.Warn(tracing.Unsupported, "annotations beyond the number that can be kept were left out")
		return
	}
	d.marks = append(d.marks, m)
}
