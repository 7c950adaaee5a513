// Package quality is the quality control of laboratories: which controls were measured, what the rules said of them, what was done, and what
// others attest. It is the precondition of recognition: every shared result carries the state of its analyte, on its analyser, at its time.
//
// A series is one analyte on one analyser of one laboratory. All that is judged together is one series: levels, lots, runs. Nothing is deleted:
// a wrong point is voided, a verdict that changes is kept beside the new one, so that the state of any past instant can be read again as it
// was known then.
//
// Where things are:
//
//	material.go plan.go target.go   what is measured, how it is judged, against what
//	point.go take.go stray.go       points from people and from analysers
//	judge.go                        verdicts, when points come, are voided, or a target changes
//	hold.go action.go               results that wait after a failing control, and what was done
//	state.go board.go               the state of a series at an instant; of all series of a laboratory
//	levey.go month.go               the Levey-Jennings chart; the month
//	certificate.go round.go score.go  external quality assessment 室间质评
//
// Events of this room; ids only:
//
//	qc.lot qc.plan qc.target qc.entered qc.voided qc.stray qc.resolved   object: lot, series, target, point or stray
//	qc.rejected qc.restored qc.released qc.repeat qc.withdrawn           object: the hold; detail: device, analyte, since, good
//	qc.action qc.certificate qc.revoked eqa.programme eqa.round eqa.published eqa.submitted
package quality

import (
	"cmp"
	"context"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Options of a Desk; a zero field takes its default.
type Options struct {
	Zone *time.Location // of calendar days; default China Standard Time

	// Together is how long after one another controls may be measured and still be one run, where nobody named the run; default one hour.
	Together time.Duration
}

// Desk is the room of quality control.
type Desk struct {
	db  *store.DB
	opt Options
}

// New makes the room over its database.
func New(db *store.DB, opt Options) *Desk {
	if opt.Zone == nil {
		opt.Zone = time.FixedZone("CST", 8*60*60)
	}
	opt.Together = cmp.Or(opt.Together, time.Hour)
	return &Desk{db: db, opt: opt}
}

// SeriesID names a series; it is a digest of laboratory, analyser and analyte.
type SeriesID string

// Series is one analyte on one analyser of one laboratory.
type Series struct {
	Laboratory record.InstitutionID
	Device     string // as the results name it
	Analyte    string // code of the catalogue
}

// ID is the id of the series, which need not exist.
func (s Series) ID() SeriesID {
	return SeriesID(record.DigestID("qc-series", s.Laboratory, s.Device+"\x00"+s.Analyte))
}

func (s Series) check() error {
	if err := word("device", s.Device, 0, 64); err != nil {
		return err
	}
	return word("analyte", s.Analyte, 1, 64)
}

func (s Series) event(act, kind, object string) record.Event {
	return record.Event{
		Act: act, Institution: s.Laboratory, Kind: kind, Object: object,
		Detail: map[string]string{"device": s.Device, "analyte": s.Analyte},
	}
}

// act runs fn in one transaction for the scope, if it may write for the laboratory.
func (d *Desk) act(ctx context.Context, s record.Scope, laboratory record.InstitutionID, fn func(tx *store.Tx) error) error {
	if err := writesAt(s, laboratory); err != nil {
		return err
	}
	return d.db.Tx(ctx, func(tx *store.Tx) error {
		tx.As(s)
		return fn(tx)
	})
}

// open finds or makes the series and makes those who write it follow each other.
func (d *Desk) open(ctx context.Context, tx *store.Tx, s Series) (SeriesID, error) {
	if err := s.check(); err != nil {
		return "", err
	}
	id := s.ID()
	if err := tx.Lock(ctx, "qc-"+string(id)); err != nil {
		return "", err
	}
	_, err := tx.Exec(ctx, `INSERT INTO qc_series (id, institution_id, device, analyte, created_at) VALUES ($1,$2,$3,$4,$5) ON CONFLICT DO NOTHING`,
		string(id), string(s.Laboratory), s.Device, s.Analyte, record.Micros(tx.Now()))
	return id, err
}

// writesAt refuses scopes that do not hold the institution for which something is written.
func writesAt(s record.Scope, i record.InstitutionID) error {
	if i == "" || !s.Reaches(i) {
		return record.Errorf(record.Denied, "not permitted for institution %s", i)
	}
	return nil
}

// word checks a short text: its length in characters and that it is one line without controls.
func word(field, s string, least, most int) error {
	n := utf8.RuneCountInString(s)
	switch {
	case n < least && n == 0:
		return record.Errorf(record.Invalid, "%s: missing", field)
	case n < least || n > most:
		return record.Errorf(record.Invalid, "%s: want %d to %d characters", field, least, most)
	case !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) || s != strings.TrimSpace(s):
		return record.Errorf(record.Invalid, "%s: want one line of text", field)
	}
	return nil
}

// prose checks a longer text, which may have lines.
func prose(field, s string, least, most int) error {
	n := utf8.RuneCountInString(strings.TrimSpace(s))
	if n < least || n > most || !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
		return record.Errorf(record.Invalid, "%s: want %d to %d characters", field, least, most)
	}
	return nil
}

// stamp is the time of the clock as it will be kept.
func stamp(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// list splits a column of words with a comma between.
func list(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}

// day is the first instant of a civil date where the laboratories are.
func (d *Desk) day(on record.Date) time.Time {
	return time.Date(on.Year, on.Month, on.Day, 0, 0, 0, 0, d.opt.Zone)
}
