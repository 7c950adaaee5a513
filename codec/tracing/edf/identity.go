// Who and what was recorded: the free fields, and their order in EDF+.

package edf

import (
	"strconv"
	"strings"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

// identify reads "code sex birthdate name" and "Startdate day code technician equipment"; other texts are kept as the id.
func (f *file) identify() {
	p := strings.Fields(f.patient)
	switch {
	case len(p) >= 4 && (p[1] == "M" || p[1] == "F" || p[1] == "X"):
		f.head.Patient.ID, f.head.Patient.Name = said(p[0]), said(p[3])
		if p[1] != "X" {
			f.head.Patient.Sex = p[1]
		}
		if d, ok := day(p[2]); ok {
			f.head.Patient.BirthDate = d.Format("20060102")
		} else if p[2] != "X" {
			f.head.Warn(tracing.BadValue, "the birth date is none")
		}
	case f.patient != "dd-MMM-yyyy":
		f.head.Patient.ID = f.patient
	}
	if r := strings.Fields(f.recording); len(r) >= 5 && r[0] == "Startdate" {
		f.head.Order, f.head.Device.Model = said(r[2]), said(strings.Join(r[4:], " "))
	}
}

// said is a subfield: "X" is not said, underscores stand for spaces.
func said(text string) string {
	if text == "X" {
		return ""
	}
	return strings.ReplaceAll(text, "_", " ")
}

// filters are those that all leads have in common: "HP:0.05Hz LP:150Hz N:50Hz".
func (f *file) filters() tracing.Filters {
	first := f.signals[f.chosen[0]].filter
	for _, i := range f.chosen {
		if f.signals[i].filter != first {
			return tracing.Filters{}
		}
	}
	var out tracing.Filters
	for _, w := range strings.Fields(first) {
		kind, value, ok := strings.Cut(w, ":")
		if len(value) > 2 && strings.EqualFold(value[len(value)-2:], "hz") {
			value = value[:len(value)-2]
		}
		v, err := strconv.ParseFloat(value, 64)
		if !ok || err != nil || !(v > 0 && v < 1e6) {
			continue
		}
		switch kind {
		case "HP":
			out.HighPassHz = v
		case "LP":
			out.LowPassHz = v
		case "N":
			out.NotchHz = v
		}
	}
	return out
}
