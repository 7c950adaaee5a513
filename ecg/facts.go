// Facts: what the index wants to know of a tracing, in our words.

package ecg

import (
	"cmp"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/record"
)

// facts of one tracing; texts are UTF-8 and bounded.
type facts struct {
	who             record.Demographics
	ageYears        int // -1: not known
	pacemaker       bool
	ambulatory      bool
	format, version string
	device          string
	accession       string
	title           string
	priority        record.Priority
	clinicalInfo    string
	firstContactAt  time.Time
	recordedAt      time.Time
	duration        time.Duration
	rate            tracing.Ratio
	leads           []string
	warnings        []tracing.Warning
}

const (
	maxWarnings  = 50
	contactAhead = 5 * time.Minute // that a cart's clock may be fast
)

func (c *Centre) factsOf(rec *tracing.Recording, issuer record.InstitutionID, said Said, received time.Time) facts {
	t, g := rec.Head, rec.Head.Rhythm()
	f := facts{
		who: demographics(t.Patient, issuer, said), pacemaker: t.Patient.Pacemaker,
		format: string(t.Format), version: record.Clip(t.Version, 32),
		device:    record.Clip(strings.TrimSpace(t.Device.Manufacturer+" "+t.Device.Model), 64),
		accession: record.Clip(cmp.Or(said.Accession, t.Order), 64), priority: said.Priority,
		clinicalInfo:   record.Clip(cmp.Or(said.ClinicalInfo, t.Indication), 2000),
		firstContactAt: said.FirstContactAt,
		duration:       g.Rate.Duration(rec.Count), rate: g.Rate, warnings: t.Warnings,
	}
	for i := range g.Leads {
		if !g.Leads[i].Derived {
			f.leads = append(f.leads, g.Leads[i].Label)
		}
	}
	f.recordedAt = c.recorded(t, received)
	if t.RecordedAt.IsZero() {
		f.warn(tracing.BadValue, "the file does not say when it was recorded: the time of its arrival stands instead")
	}
	if f.firstContactAt.After(received.Add(contactAhead)) { // a clock that starts in the future counts backwards
		f.firstContactAt = received
		f.warn(tracing.BadValue, "the first contact lies in the future: the time of arrival stands instead")
	}
	if f.recordedAt.After(received.Add(24 * time.Hour)) {
		f.warn(tracing.BadValue, "the time of the recording lies in the future")
	}
	f.ambulatory = f.duration > c.opt.AmbulatoryFrom
	f.title = titleOf(f)
	if f.ageYears = age(t.Patient, f.who.BirthDate, f.recordedAt); said.Whole && f.who.BirthDate.IsZero() {
		f.ageYears = -1
	}
	if len(f.warnings) > maxWarnings {
		f.warnings = f.warnings[:maxWarnings]
	}
	return f
}

func (f *facts) warn(code tracing.WarningCode, detail string) {
	f.warnings = append(f.warnings[:len(f.warnings):len(f.warnings)], tracing.Warning{Code: code, Detail: detail})
}

// recorded is the instant of the first sample. A wall clock without a zone is one of the county.
func (c *Centre) recorded(t *tracing.Tracing, received time.Time) time.Time {
	at := t.RecordedAt
	switch {
	case at.IsZero():
		return received
	case !t.ZoneKnown:
		at = time.Date(at.Year(), at.Month(), at.Day(), at.Hour(), at.Minute(), at.Second(), at.Nanosecond(), c.opt.Zone)
	}
	return at.UTC().Truncate(time.Microsecond)
}

// titleOf is what a worklist shows: no personal data.
func titleOf(f facts) string {
	if f.ambulatory {
		return fmt.Sprintf("动态心电图 %d h %d leads", int(math.Ceil(f.duration.Hours())), len(f.leads))
	}
	n := len(f.leads)
	if n == 8 { // the four that follow are not stored
		n = 12
	}
	return fmt.Sprintf("心电图 %d-lead", n)
}

// age in whole years at the time of the recording: by the birth date, else as the cart says.
func age(p tracing.Patient, birth record.Date, at time.Time) int {
	if !birth.IsZero() && !at.IsZero() {
		years := at.Year() - birth.Year
		if at.Month() < birth.Month || at.Month() == birth.Month && at.Day() < birth.Day {
			years--
		}
		if years >= 0 && years < 150 {
			return years
		}
	}
	if p.AgeYears > 0 && p.AgeYears < 150 {
		return int(p.AgeYears)
	}
	return -1
}

// demographics is what file and sender say of the patient. A number that is a valid national identity number is one.
func demographics(p tracing.Patient, issuer record.InstitutionID, said Said) record.Demographics {
	if said.Whole {
		p.ID, p.Name, p.Sex, p.BirthDate = "", "", "", ""
	}
	name := spaced(record.Clip(p.Name, 128))
	who := record.Demographics{
		Issuer: issuer, LocalID: record.Personal(record.Clip(p.ID, 64)), Name: record.Personal(name), Sex: record.ParseSex(p.Sex),
	}
	if ascii(name) {
		who.Latin = who.Name
	}
	if d, err := record.ParseDate(p.BirthDate); err == nil {
		who.BirthDate = d
	}
	if id, err := record.ParseIDNumber(p.ID); err == nil {
		who.IDNumber = id
	}
	who.LocalID, who.Name = cmp.Or(said.LocalID, who.LocalID), cmp.Or(said.Name, who.Name)
	who.IDNumber, who.Sex = cmp.Or(said.IDNumber, who.IDNumber), cmp.Or(said.Sex, who.Sex)
	if !said.BirthDate.IsZero() {
		who.BirthDate = said.BirthDate
	}
	return who
}

func spaced(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '^' || r == ' ' }), " ")
}

func ascii(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII })
}
