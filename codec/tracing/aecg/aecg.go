// Package aecg reads and writes the HL7 V3 Annotated ECG (ANSI/HL7 V3 ECG, R1-2004; Implementation Guide of 2005-03-21): root element
// AnnotatedECG, sequences of digits on a common time, measurements and marks in annotation sets. The flavour of Mindray's carts, with
// its local codes, is among what it reads.
package aecg

import (
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/codec/tracing/xmlin"
)

// Sniff reports whether a file that begins with head is an annotated ECG.
func Sniff(head []byte) bool { return xmlin.RootName(head) == "AnnotatedECG" }

// Read reads a file. A FormatError where it is no annotated ECG, is hostile, or has no samples.
func Read(b []byte) (*tracing.Tracing, error) {
	d := &document{x: xmlin.New(tracing.AECG, b), t: &tracing.Tracing{Format: tracing.AECG}, said: map[said]bool{}}
	if err := d.x.Expect(d.t, "AnnotatedECG", nil); err != nil {
		return nil, err
	}
	d.x.Children(d.root)
	d.settle()
	return d.x.Close(d.t)
}

// document is what is known while a file is read.
type document struct {
	x *xmlin.Reader
	t *tracing.Tracing

	effective  stamp // of the document
	trialSite  string
	samples    int             // of the last lead: the next will be as long
	starts     []stamp         // of the groups; their times become offsets when all is read
	lags       []time.Duration // of relative time: the head of a group's sequence
	seriesFrom []stamp
	beats      []tracing.Measurement // of single beats: what stands for the recording if nothing else does
	said       map[said]bool
	marks      []mark
}

func (d *document) root(name string) {
	switch name {
	case "effectiveTime":
		d.effective = d.interval()
	case "reasonCode":
		d.t.Indication = d.codeText()
	case "componentOf":
		d.x.Children(d.visit)
	case "location":
		d.t.Site.Institution = d.siteName()
	case "controlVariable":
		d.x.Children(d.related)
	case "component":
		d.x.Children(func(name string) {
			if name == "series" {
				d.series(tracing.Rhythm)
			}
		})
	}
}

// visit leads to the subject and the trial.
func (d *document) visit(name string) {
	switch name {
	case "timepointEvent", "componentOf", "subjectAssignment", "subject":
		d.x.Children(d.visit)
	case "trialSubject":
		d.x.Children(d.subject)
	case "clinicalTrial":
		d.x.Children(d.trial)
	}
}

// trial finds the place of the trial: that of the recording, unless the document names another.
func (d *document) trial(name string) {
	if name == "location" {
		d.trialSite = d.siteName()
	}
}

// siteName is the name inside a location: the nearest to the outside.
func (d *document) siteName() (out string) {
	var visit func(name string)
	visit = func(name string) {
		switch name {
		case "trialSite", "testingSite", "location":
			d.x.Children(visit)
		case "name":
			if s := d.x.Text(); out == "" {
				out = s
			}
		}
	}
	d.x.Children(visit)
	return out
}

func (d *document) codeText() string {
	if s := d.x.Attr("displayName"); s != "" {
		return s
	}
	return d.x.Attr("code")
}

// settle turns absolute times into offsets, now that all of them are known.
func (d *document) settle() {
	t := d.t
	if t.Site.Institution == "" {
		t.Site.Institution = d.trialSite
	}
	from := d.effective
	for i, s := range d.starts {
		if t.Groups[i].Kind != tracing.Rhythm || len(t.Groups[i].Leads) == 0 {
			continue
		}
		if s.known() {
			from = s
		} else if d.seriesFrom[i].known() {
			from = d.seriesFrom[i]
		}
		break
	}
	t.RecordedAt, t.ZoneKnown = from.at, from.zone
	for i, s := range d.starts {
		switch {
		case s.known() && from.known():
			t.Groups[i].Offset = s.at.Sub(from.at)
		case !s.known():
			t.Groups[i].Offset = d.lags[i]
		}
		if o := t.Groups[i].Offset; o < -24*time.Hour || o > 1000*time.Hour {
			t.Groups[i].Offset = 0
			t.Warn(tracing.BadValue, "the time of a sequence is far from that of the recording: left out")
		}
	}
	d.placeMarks()
	d.placeBeats()
}

// placeBeats gives the first beat's measurements for those that the file does not give for the recording.
func (d *document) placeBeats() {
	global := map[string]bool{}
	for _, m := range d.t.Measurements {
		global[m.Code+"|"+string(m.Lead)] = true
	}
	for _, m := range d.beats {
		if k := m.Code + "|" + string(m.Lead); !global[k] {
			global[k] = true
			xmlin.Measure(d.t, m)
		}
	}
}

// stamp is a point in time as HL7 writes it: TS, YYYYMMDDHHMMSS.ffff+ZZZZ, shortened from the right.
type stamp struct {
	at   time.Time
	zone bool
}

func (s stamp) known() bool { return !s.at.IsZero() }

// interval reads an IVL_TS or TS: its low end, else its centre, else its high end.
func (d *document) interval() stamp {
	best, value := map[string]stamp{}, parseTS(d.x.Attr("value"))
	d.x.Children(func(name string) { best[name] = parseTS(d.x.Attr("value")) })
	for _, s := range []stamp{best["low"], value, best["center"], best["high"]} {
		if s.known() {
			return s
		}
	}
	return stamp{}
}

// punctuation of ISO 8601, which does not belong into a TS but occurs.
var punctuation = strings.NewReplacer("-", "", ":", "", "T", "", " ", "")

func parseTS(s string) stamp {
	zone, fraction := "", ""
	if i := strings.LastIndexAny(s, "+-"); i >= 8 && (len(s) < 10 || s[4] != '-' || i > 10) {
		s, zone = s[:i], strings.ReplaceAll(s[i:], ":", "")
	} else if strings.HasSuffix(s, "Z") {
		s, zone = s[:len(s)-1], "+0000"
	}
	s, fraction, _ = strings.Cut(s, ".")
	s = punctuation.Replace(s)
	const layout = "20060102150405"
	if len(s) < 8 || len(s) > len(layout) || len(s)%2 != 0 {
		return stamp{}
	}
	form := layout[:len(s)]
	if fraction != "" {
		s, form = s+"."+fraction[:min(len(fraction), 9)], form+".999999999"
	}
	if len(zone) == 5 {
		s, form = s+zone, form+"-0700"
	}
	at, err := time.Parse(form, s)
	if err != nil || at.Year() < 1900 {
		return stamp{}
	}
	return stamp{at, len(zone) == 5}
}
