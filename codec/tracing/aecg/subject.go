// Whom the recording is of, as far as the document says.

package aecg

import (
	"strings"

	"github.com/lianzhen/lianzhen/codec/tracing/xmlin"
)

// Codes of what is told of the subject in control variables.
const (
	loincAge    = "21612-7"
	loincHeight = "8302-2"
	loincWeight = "29463-7"
	paced       = "LIANZHEN_PACEMAKER"
	drug        = "LIANZHEN_DRUG"
)

func (d *document) subject(name string) {
	p := &d.t.Patient
	switch name {
	case "id":
		if p.ID == "" {
			if p.ID = d.x.Attr("extension"); p.ID == "" {
				p.ID = d.x.Attr("root")
			}
		}
	case "subjectDemographicPerson", "subjectPerson", "person":
		d.x.Children(d.person)
	}
}

func (d *document) person(name string) {
	p := &d.t.Patient
	switch name {
	case "name":
		p.Name = d.personName()
	case "administrativeGenderCode":
		p.Sex = xmlin.Sex(d.x.Attr("code"))
	case "birthTime":
		if s := parseTS(d.x.Attr("value")); s.known() {
			p.BirthDate = s.at.Format("20060102")
		}
	case "raceCode":
		p.Race = d.codeText()
	}
}

// personName reads a PN: parts, or one text.
func (d *document) personName() string {
	var family, given []string
	whole := d.x.ChildrenAndText(func(name string) {
		switch name {
		case "family":
			family = append(family, d.x.Text())
		case "given":
			given = append(given, d.x.Text())
		}
	})
	if len(family)+len(given) == 0 {
		return d.x.Decode(whole)
	}
	return xmlin.Name(append(family, given...)...)
}

// related reads a control variable of the document: an observation of the subject.
func (d *document) related(name string) {
	if name != "relatedObservation" {
		return
	}
	var code, value, unit, text string
	d.x.Children(func(name string) {
		switch name {
		case "code":
			code = d.x.Attr("code")
		case "value":
			value, unit = d.x.Attr("value"), d.x.Attr("unit")
			text = d.x.Text()
		}
	})
	p := &d.t.Patient
	n, number := xmlin.Number(value)
	switch {
	case code == paced:
		p.Pacemaker = value == "true"
	case code == drug && text != "" && len(p.Drugs) < 100:
		p.Drugs = append(p.Drugs, text)
	case !number || n <= 0:
	case code == loincAge:
		p.AgeYears = years(n, unit)
	case code == loincHeight:
		p.HeightCM = centimetres(n, unit)
	case code == loincWeight, code == "3141-9":
		p.WeightKG = kilograms(n, unit)
	}
}

func years(n float64, unit string) float64 {
	switch strings.ToLower(unit) {
	case "mo", "month", "months":
		return n / 12
	case "wk", "week", "weeks":
		return n * 7 / 365.25
	case "d", "day", "days":
		return n / 365.25
	}
	return n
}

func centimetres(n float64, unit string) float64 {
	switch strings.ToLower(unit) {
	case "m":
		return n * 100
	case "mm":
		return n / 10
	case "[in_i]", "in", "inch":
		return n * 2.54
	}
	return n
}

func kilograms(n float64, unit string) float64 {
	switch strings.ToLower(unit) {
	case "g":
		return n / 1000
	case "[lb_av]", "lb", "lbs":
		return n * 0.45359237
	}
	return n
}
