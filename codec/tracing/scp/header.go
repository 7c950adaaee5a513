// Section 1: patient, device and circumstances, as tagged fields (EN 1064 5.4).

package scp

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

// Tags of section 1.
const (
	tagLastName      = 0
	tagFirstName     = 1
	tagPatientID     = 2
	tagSecondName    = 3
	tagAge           = 4
	tagBirthDate     = 5
	tagHeight        = 6
	tagWeight        = 7
	tagSex           = 8
	tagRace          = 9
	tagDrug          = 10
	tagIndication    = 13
	tagDevice        = 14
	tagAnalyser      = 15
	tagInstitution   = 16
	tagDepartment    = 18
	tagRoom          = 23
	tagDate          = 25
	tagTime          = 26
	tagHighPass      = 27
	tagLowPass       = 28
	tagFilters       = 29
	tagComment       = 30
	tagHistory       = 32
	tagZone          = 34
	tagOwn           = 240 // of those that manufacturers may use: what of a tracing has no tag
	tagEnd           = 255
	ownMark          = "LIANZHEN\x00"
	historyPacemaker = 42
)

// field is one tag.
type field struct {
	tag   byte
	value []byte
}

// fields reads the tags in their order. A field that runs out of the section is what is left of it.
func (r *record) fields() []field {
	var out []field
	b := r.sections[secHeader].body
	for len(b) >= 3 && b[0] != tagEnd && len(out) < tracing.MaxTexts {
		n := int(le.Uint16(b[1:]))
		f := field{b[0], b[3:min(3+n, len(b))]}
		if len(f.value) < n {
			r.t.Warn(tracing.BadValue, fmt.Sprintf("tag %d of section 1 is longer than the section", f.tag))
		}
		out = append(out, f)
		b = b[3+len(f.value):]
	}
	return out
}

// header reads section 1 into the tracing.
func (r *record) header() {
	fields := r.fields()
	for _, f := range fields { // it says how to read the others
		if f.tag == tagDevice {
			r.device(f.value)
		}
	}
	var last, first, second string
	for _, f := range fields {
		switch f.tag {
		case tagLastName:
			last = r.text(f.value)
		case tagFirstName:
			first = r.text(f.value)
		case tagSecondName:
			second = r.text(f.value)
		default:
			r.field(f)
		}
	}
	r.t.Patient.Name = fullName(last, second, first)
	r.recordedAt(fields)
	r.version()
}

// fullName is family and given names as one text; Chinese is written without spaces.
func fullName(parts ...string) string {
	var out string
	for _, p := range parts {
		if p == "" {
			continue
		}
		if out != "" && !(strings.ContainsFunc(out, han) && strings.ContainsFunc(p, han)) {
			out += " "
		}
		out += p
	}
	return out
}

func han(c rune) bool { return unicode.Is(unicode.Han, c) }

var races = map[byte]string{1: "Caucasian", 2: "Black", 3: "Oriental"}

// field reads one tag other than names, device and time.
func (r *record) field(f field) {
	p, v := &r.t.Patient, f.value
	switch f.tag {
	case tagPatientID:
		p.ID = r.text(v)
	case tagAge:
		p.AgeYears = measured(v, ageUnits)
	case tagBirthDate:
		p.BirthDate = r.date(v)
	case tagHeight:
		p.HeightCM = measured(v, heightUnits)
	case tagWeight:
		p.WeightKG = measured(v, weightUnits)
	case tagSex:
		p.Sex = map[byte]string{1: "M", 2: "F"}[firstOf(v)]
	case tagRace:
		p.Race = races[firstOf(v)]
	case tagDrug:
		if len(v) > 3 && len(p.Drugs) < tracing.MaxTexts {
			if s := r.text(v[3:]); s != "" {
				p.Drugs = append(p.Drugs, s)
			}
		}
	case tagIndication, tagComment:
		if s := r.text(v); s != "" && len(r.t.Indication) < tracing.MaxText {
			r.t.Indication = strings.TrimPrefix(r.t.Indication+"\n"+s, "\n")
		}
	case tagHistory:
		if len(v) > 1 && v[0] == 0 {
			p.Pacemaker = p.Pacemaker || strings.IndexByte(string(v[1:]), historyPacemaker) >= 0
		}
	case tagInstitution:
		r.t.Site.Institution = r.text(v)
	case tagDepartment:
		r.t.Site.Department = r.text(v)
	case tagRoom:
		r.t.Site.Room = r.text(v)
	case tagHighPass, tagLowPass, tagFilters:
		r.filter(f)
	case tagOwn:
		r.own(v)
	}
}

func firstOf(v []byte) byte {
	if len(v) == 0 {
		return 0
	}
	return v[0]
}

// Units of a number with a unit, as what one is in the unit of the model; the first is meant where the file says none.
var (
	ageUnits    = []float64{1, 1, 1.0 / 12, 7 / 365.25, 1 / 365.25, 1 / (24 * 365.25)}
	heightUnits = []float64{1, 1, 2.54, 0.1}
	weightUnits = []float64{1, 1, 0.001, 0.45359237, 0.028349523125}
)

// measured is a number with a unit; 0 stands for not said.
func measured(v []byte, units []float64) float64 {
	if len(v) < 3 || int(v[2]) >= len(units) {
		return 0
	}
	return float64(le.Uint16(v)) * units[v[2]]
}

// date is YYYYMMDD; empty if it is none.
func (r *record) date(v []byte) string {
	if len(v) < 4 || le.Uint16(v) == 0 {
		return ""
	}
	s := fmt.Sprintf("%04d%02d%02d", le.Uint16(v), v[2], v[3])
	if _, err := time.Parse("20060102", s); err != nil {
		r.t.Warn(tracing.BadValue, "a date that is none")
		return ""
	}
	return s
}

// filter reads what the cart did to the samples. Burdick and Spacelabs carts give the lower corner in 0.0001 Hz instead of 0.01 Hz.
func (r *record) filter(f field) {
	switch v := f.value; {
	case f.tag == tagFilters && firstOf(v)&1 != 0:
		r.filters.NotchHz = 60
	case f.tag == tagFilters && firstOf(v)&2 != 0:
		r.filters.NotchHz = 50
	case len(v) < 2 || f.tag == tagFilters:
	case f.tag == tagLowPass:
		r.filters.LowPassHz = float64(le.Uint16(v))
	default:
		r.filters.HighPassHz = float64(le.Uint16(v)) / 100
		if m := r.t.Device.Manufacturer; r.filters.HighPassHz > 2 && (m == makers[1] || m == makers[13]) {
			r.filters.HighPassHz = float64(le.Uint16(v)) / 10000
			r.t.Warn(tracing.Repaired, "the high-pass filter was stored in 0.0001 Hz")
		}
	}
}

// recordedAt reads date, time and zone of the acquisition.
func (r *record) recordedAt(fields []field) {
	var day, clock, zone []byte
	for _, f := range fields {
		switch f.tag {
		case tagDate:
			day = f.value
		case tagTime:
			clock = f.value
		case tagZone:
			zone = f.value
		}
	}
	s := r.date(day)
	if s == "" {
		return
	}
	at, _ := time.Parse("20060102", s)
	if len(clock) >= 3 && clock[0] < 24 && clock[1] < 60 && clock[2] < 60 {
		at = at.Add(time.Duration(clock[0])*time.Hour + time.Duration(clock[1])*time.Minute + time.Duration(clock[2])*time.Second)
	} else if len(clock) > 0 {
		r.t.Warn(tracing.BadValue, "a time of day that is none")
	}
	r.t.RecordedAt = at
	if len(zone) >= 2 {
		if minutes := int16(le.Uint16(zone)); minutes >= -780 && minutes <= 840 {
			r.t.RecordedAt, r.t.ZoneKnown = at.Add(-time.Duration(minutes)*time.Minute), true
		}
	}
}

// version is that of the record, else of the device.
func (r *record) version() {
	if v := r.protocol; v > 0 {
		r.t.Version = fmt.Sprintf("%d.%d", v/10, v%10)
	}
}
