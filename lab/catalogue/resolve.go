// Resolving: which analyte a row of a sender is. Explicit map, then LOINC, then our own code of senders that use ours; never a guess.

package catalogue

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/lab/unit"
	"github.com/lianzhen/lianzhen/lab/verify"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// By is the way in which a code was understood.
type By string

// The ways.
const (
	Unmapped By = "" // it was not
	ByMap    By = "map"
	ByLOINC  By = "loinc"
	ByOwn    By = "own" // the sender uses our codes
)

// How says by what a code was understood, or why it was not.
type How struct {
	By      By
	Mapping MappingID // of ByMap and ByOwn
	Pack    string    // version of the catalogue
	Why     Why       // of Unmapped
}

// Why a code was not understood.
type Why string

// The reasons.
const (
	NoCode        Why = "no-code"        // the row has neither code nor name
	UnknownCode   Why = "unknown"        // nobody said what it means
	WrongSpecimen Why = "wrong-specimen" // its LOINC is of another specimen than it was measured in
	WrongUnit     Why = "wrong-unit"     // its unit does not convert into that of the analyte
	Ambiguous     Why = "ambiguous"      // its LOINC is of several analytes
	Ended         Why = "ended"          // its mapping was taken back
)

// Resolve finds the analyte of a row. link is the device that sent it. Given a *store.Tx it also lists a code that nothing maps. A row that is not
// understood is no error: How.By is Unmapped.
func (d *Desk) Resolve(ctx context.Context, q store.Querier, sender record.InstitutionID, link string, r observation.Result, specimen observation.Specimen) (Analyte, How, error) {
	s, err := d.Snapshot(ctx, q)
	if err != nil {
		return Analyte{}, How{}, err
	}
	a, how := s.Resolve(sender, link, r, specimen)
	if tx, ok := q.(*store.Tx); ok && how.By == Unmapped {
		d.counts.add(sender, link, s.now(), false)
		if how.Why != NoCode {
			err = noteUnmapped(ctx, tx, s.unmapped(sender, link, &r, &specimen, how.Why))
		}
	}
	return a, how, err
}

// Resolve finds the analyte of a row in a picture that is held already, for many rows at once. A row that is understood is counted; one that is not is
// for Desk.Resolve to count and list.
func (s *Snapshot) Resolve(sender record.InstitutionID, link string, r observation.Result, specimen observation.Specimen) (Analyte, How) {
	at := cmp.Or(record.Micros(r.ObservedAt), record.Micros(r.AnalysedAt), record.Micros(specimen.CollectedAt), record.Micros(s.now()))
	p := s.Pack(s.Centre(sender), record.FromMicros(at))
	l := lookup{s: s, pack: p, sender: sender, link: word(link), unit: sentUnit(&r), specimen: p.Specimen(specimen.Type.Code, specimen.Type.Text), at: record.FromMicros(at)}
	l.foreign = l.specimen == "" && !specimen.Type.Empty()
	codes := codings(&r)
	if len(codes) == 0 {
		return Analyte{}, How{Why: NoCode, Pack: p.Version}
	}
	a, how := l.find(codes, &r)
	how.Pack = p.Version
	if how.By != Unmapped {
		s.counts.add(sender, link, s.now(), true)
	}
	return a, how
}

// codings are the codes of a row as keys of maps: its own first; a row with a name alone is found by its name.
func codings(r *observation.Result) []observation.Coding {
	var out []observation.Coding
	for _, c := range append([]observation.Coding{r.Code}, r.Code.Alternates...) {
		c.Code, c.System = word(strings.TrimSpace(cmp.Or(strings.TrimSpace(c.Code), c.Text))), word(strings.TrimSpace(c.System))
		if c.Code != "" {
			out = append(out, c)
		}
	}
	return out
}

func sentUnit(r *observation.Result) string {
	return word(strings.TrimSpace(cmp.Or(r.Unit.Code, r.Unit.Text)))
}

// lookup is one row that is being understood.
type lookup struct {
	s        *Snapshot
	pack     *Pack
	sender   record.InstitutionID
	link     string
	unit     string
	specimen string
	foreign  bool // a specimen that the catalogue does not know
	at       time.Time
}

func (l *lookup) find(codes []observation.Coding, r *observation.Result) (Analyte, How) {
	ended := false
	for _, c := range codes {
		m, ok := l.mapping(c.Code, c.System)
		if !ok {
			continue
		}
		if m.Analyte == "" {
			ended = true
			continue
		}
		if a, ok := l.pack.Analyte(m.Analyte); ok {
			if l.contradicts(&a, r) {
				return Analyte{}, How{Why: WrongUnit}
			}
			return a, How{By: ByMap, Mapping: m.ID}
		}
	}
	if ended {
		return Analyte{}, How{Why: Ended} // a person said that it means nothing: LOINC does not say otherwise
	}
	why := UnknownCode
	if code := r.Code.In(observation.LOINC); code != "" {
		a, w := l.byLOINC(strings.TrimSpace(code), r)
		if w == "" {
			return a, How{By: ByLOINC}
		}
		why = w
	}
	if m, ok := l.mapping(OurCodes, ""); ok && m.Analyte == OurCodes {
		for _, c := range codes {
			if a, ok := l.pack.Analyte(c.Code); ok && c.System != observation.LOINC && l.fits(&a, r) == "" {
				return a, How{By: ByOwn, Mapping: m.ID}
			}
		}
	}
	return Analyte{}, How{Why: why}
}

// mapping is what a person said of a code: of the keys that fit the one that says most; of that, the newest that counts at the time of the result.
func (l *lookup) mapping(code, system string) (Mapping, bool) {
	var best Mapping
	found := false
	for _, link := range either(l.link) {
		for _, sys := range either(system) {
			for _, m := range l.s.maps[mapKey{l.sender, link, code, sys}] {
				if m.Unit != "" && m.Unit != l.unit || m.Specimen != "" && m.Specimen != l.specimen || m.From.After(l.at) {
					continue
				}
				if !found || m.weight() > best.weight() || m.Key == best.Key && newer(m, best) {
					best, found = m, true
				}
			}
		}
	}
	return best, found
}

func newer(a, b Mapping) bool {
	return a.From.After(b.From) || a.From.Equal(b.From) && a.Number > b.Number
}

func either(s string) []string {
	if s == "" {
		return []string{""}
	}
	return []string{s, ""}
}

func (l *lookup) byLOINC(code string, r *observation.Result) (Analyte, Why) {
	why := UnknownCode
	var fit []*Analyte
	for _, a := range l.pack.byLOINC[code] {
		if w := l.fits(a, r); w != "" {
			why = w
			continue
		}
		fit = append(fit, a)
	}
	switch len(fit) {
	case 0:
		return Analyte{}, why
	case 1:
		return *fit[0], ""
	}
	return Analyte{}, Ambiguous
}

// fits reports why a row cannot be an analyte, nothing if it can.
func (l *lookup) fits(a *Analyte, r *observation.Result) Why {
	switch {
	case l.foreign, l.specimen != "" && !slices.Contains(a.Specimens, l.specimen):
		return WrongSpecimen
	case !l.measurable(a, r):
		return WrongUnit
	case a.Kind == Quantity && l.unit == "" && r.Value.Exact() != nil && !verify.Bare(a.Unit):
		return WrongUnit // a number without a unit, where several are in use, is no measurement
	}
	return ""
}

// measurable reports that the unit of a row, if it has one, is one of the analyte.
func (l *lookup) measurable(a *Analyte, r *observation.Result) bool {
	return l.unit == "" || !numeric(a, r) || l.pack.unitFits(a, l.unit)
}

// contradicts reports a unit that is understood and is none of the analyte. One that nobody can read is not held against what a person said: its
// value is kept as sent and compared with nothing.
func (l *lookup) contradicts(a *Analyte, r *observation.Result) bool {
	return l.unit != "" && numeric(a, r) && l.pack.unitClashes(a, l.unit)
}

func numeric(a *Analyte, r *observation.Result) bool {
	return a.Kind == Quantity && r.Value.Kind != observation.Text && r.Value.Kind != observation.Coded
}

// unitFits reports whether a unit as sent is known and converts into that of an analyte.
func (p *Pack) unitFits(a *Analyte, sent string) bool {
	u, ok := unit.Resolve(sent, nil)
	return ok && p.Convertible(u.Code, a.Unit, a.Code)
}

// unitClashes reports whether a unit as sent is known and does not convert.
func (p *Pack) unitClashes(a *Analyte, sent string) bool {
	u, ok := unit.Resolve(sent, nil)
	return ok && !p.Convertible(u.Code, a.Unit, a.Code)
}
