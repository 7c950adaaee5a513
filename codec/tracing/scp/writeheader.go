// Section 1 of a record that is written.

package scp

import (
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

const (
	maxTextBytes  = math.MaxUint16 - 1
	levelII       = 0xC0 // data format category: rhythm, reference beat, no high compression
	acquiresECG   = 0x08 // device capabilities: stores
	otherMaker    = 255
	unspecified   = 9
	scpSoftware   = "Lianzhen"
	deviceProgram = 35 // length of the text that follows
)

// plain reports whether every text of t is ASCII.
func plain(t *tracing.Tracing) bool {
	p, d, s := t.Patient, t.Device, t.Site
	texts := []string{
		p.ID, p.Name, d.Manufacturer, d.Model, d.Serial, d.Software, d.AcquiredBy, s.Institution, s.Department, s.Room, t.Indication, t.Order,
	}
	texts = append(texts, p.Drugs...)
	for _, x := range t.Statements {
		texts = append(texts, x.Text)
	}
	return !slices.ContainsFunc(texts, func(s string) bool { return !ascii([]byte(s)) })
}

// encode8 is a text in the character set of the record, with its NUL, of at most a number of bytes.
func (x *writer) encode8(s string, most int) []byte {
	var b []byte
	for _, c := range s {
		if c == 0 {
			continue
		}
		one := utf8.AppendRune(nil, c)
		if x.chinese {
			one, _ = simplifiedchinese.GB18030.NewEncoder().Bytes(one)
		}
		if len(b)+len(one)+1 > most {
			break
		}
		b = append(b, one...)
	}
	return append(b, 0)
}

// header is section 1. Tags 2, 14, 25 and 26 must be there, whatever is known.
func (x *writer) header() error {
	var b []byte
	put := func(tag byte, value []byte) {
		b = append(le.AppendUint16(append(b, tag), uint16(len(value))), value...)
	}
	text := func(tag byte, s string) {
		if s != "" || tag == tagPatientID {
			put(tag, x.encode8(s, maxTextBytes))
		}
	}
	p, t := x.t.Patient, x.t
	text(tagLastName, p.Name)
	text(tagPatientID, p.ID)
	x.patient(put)
	for _, s := range p.Drugs {
		put(tagDrug, append([]byte{0, 0, 0}, x.encode8(s, maxTextBytes-3)...))
	}
	for s := range strings.SplitSeq(t.Indication, "\n") {
		text(tagIndication, s)
	}
	put(tagDevice, x.device())
	text(tagInstitution, t.Site.Institution)
	text(tagDepartment, t.Site.Department)
	text(tagRoom, t.Site.Room)
	at := t.RecordedAt.UTC()
	put(tagDate, appendDate(nil, at))
	put(tagTime, appendClock(nil, at))
	putFilters(put, t.Rhythm().Filters)
	if p.Pacemaker {
		put(tagHistory, []byte{0, historyPacemaker})
	}
	if t.ZoneKnown {
		put(tagZone, []byte{0, 0, 0, 0, 0})
	}
	if x.shortModel() != t.Device.Model || t.Order != "" {
		put(tagOwn, slices.Concat([]byte(ownMark), x.encode8(t.Device.Model, maxTextBytes/2), x.encode8(t.Order, maxTextBytes/2-len(ownMark))))
	}
	x.bodies[secHeader] = append(b, tagEnd, 0, 0)
	return nil
}

// patient puts what is not text.
func (x *writer) patient(put func(byte, []byte)) {
	p := x.t.Patient
	quantity := func(tag byte, v float64, units []float64) {
		if v > 0 {
			put(tag, quantityOf(v, units))
		}
	}
	quantity(tagAge, p.AgeYears, ageUnits)
	if at, err := time.Parse("20060102", p.BirthDate); err == nil {
		put(tagBirthDate, appendDate(nil, at))
	}
	quantity(tagHeight, p.HeightCM, heightUnits)
	quantity(tagWeight, p.WeightKG, weightUnits)
	if code, ok := map[string]byte{"M": 1, "F": 2, "O": unspecified}[p.Sex]; ok {
		put(tagSex, []byte{code})
	}
	for code, race := range races {
		if race == p.Race {
			put(tagRace, []byte{code})
		}
	}
}

// quantityOf is a number with the unit in which it is whole, else with the one that comes nearest.
func quantityOf(v float64, units []float64) []byte {
	best, miss, unit := 0.0, math.Inf(1), 0
	for i := 1; i < len(units); i++ {
		n := math.Round(v / units[i])
		if d := math.Abs(n*units[i] - v); n <= math.MaxUint16 && d < miss {
			best, miss, unit = n, d, i
		}
	}
	return append(u16(nil, int(best)), byte(unit))
}

func putFilters(put func(byte, []byte), f tracing.Filters) {
	if n := math.Round(f.HighPassHz * 100); n > 0 && n <= math.MaxUint16 {
		put(tagHighPass, u16(nil, int(n)))
	}
	if n := math.Round(f.LowPassHz); n > 0 && n <= math.MaxUint16 {
		put(tagLowPass, u16(nil, int(n)))
	}
	switch f.NotchHz {
	case 60:
		put(tagFilters, []byte{1})
	case 50:
		put(tagFilters, []byte{2})
	}
}

// shortModel is as much of the model as tag 14 has room for.
func (x *writer) shortModel() string {
	if ascii([]byte(x.t.Device.Model)) && len(x.t.Device.Model) < modelSize {
		return x.t.Device.Model
	}
	return ""
}

// device is tag 14.
func (x *writer) device() []byte {
	d := x.t.Device
	b := make([]byte, deviceTexts)
	b[deviceMaker] = otherMaker
	if i := slices.Index(makers, d.Manufacturer); i >= 0 {
		b[deviceMaker] = byte(i)
	}
	copy(b[deviceModel:], x.encode8(d.Model, modelSize))
	b[deviceProtocol], b[deviceLevel], b[deviceLevel+2] = writtenVersion, levelII, acquiresECG
	if x.chinese {
		b[deviceLanguage] = languageChinese
	}
	program := x.encode8(d.AcquiredBy, maxTextBytes/8)
	b[deviceProgram] = byte(min(len(program), 255))
	b = append(b, program...)
	for _, s := range []string{d.Serial, d.Software, scpSoftware, d.Manufacturer} {
		b = append(b, x.encode8(s, maxTextBytes/8)...)
	}
	return b
}
