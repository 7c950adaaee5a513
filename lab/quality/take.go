// Controls from analysers. What no chart can take is kept as a stray; nothing of a control report is dropped, and nothing of it stops the
// message that brought it.

package quality

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Take enters the control results of an analyser in the transaction that keeps its message. A result that names its analyser is of that one, any
// other of device. analyte gives the code of the catalogue; a result
// without one, without a number, of another unit than its plan, or of an unclear level becomes a stray. A lot that nobody registered yet is
// made. The same results again change nothing.
func (d *Desk) Take(ctx context.Context, tx *store.Tx, s record.Scope, laboratory record.InstitutionID, device string, r observation.Report,
	analyte func(observation.Result) (code string, ok bool),
) error {
	if err := writesAt(s, laboratory); err != nil {
		return err
	}
	lot, err := d.lotOf(ctx, tx, s, laboratory, r)
	if err != nil {
		return err
	}
	var entries []Entry
	for _, x := range r.Results {
		if x.Status == observation.Withdrawn || x.Status == observation.Cancelled || x.Status == observation.Registered || x.Value.Kind == observation.Empty {
			continue
		}
		t := d.tell(laboratory, device, r, x, tx.Now())
		code, mapped := analyte(x)
		e, reason, err := d.fits(ctx, tx, t, lot, code, mapped, x)
		if err != nil {
			return err
		}
		if reason == "" {
			entries = append(entries, e)
		} else if err := d.stray(ctx, tx, t, reason); err != nil {
			return err
		}
	}
	if len(entries) == 0 {
		return nil
	}
	_, err = d.enter(ctx, tx, s, ByAnalyser, entries)
	return err
}

// tell is what the analyser said, made to fit our rows.
func (d *Desk) tell(laboratory record.InstitutionID, device string, r observation.Report, x observation.Result, now time.Time) Stray {
	at := firstTime(x.AnalysedAt, x.ObservedAt, r.ObservedAt, r.ReportedAt, now)
	if at.After(now.Add(ahead)) || at.Year() < 1990 {
		at = now // the clock of the analyser is wrong
	}
	unit := x.Unit.Code
	if unit == "" {
		unit = x.Unit.Text
	}
	t := Stray{
		Laboratory: laboratory, Device: cmp.Or(oneLine(x.Device, 64), oneLine(device, 64)), Code: oneLine(x.Code.Code, 64), System: oneLine(x.Code.System, 32), Text: oneLine(x.Code.Text, 128),
		Value: oneLine(x.Value.String(), 64), Unit: oneLine(unit, 32), Lot: oneLine(r.Lot, 64), Level: oneLine(r.Level, 16), ReagentLot: oneLine(x.Reagent, 64),
		At: stamp(at),
	}
	said := []string{t.Device, t.Lot, t.Level, t.Code, t.System, x.SubID, t.Value, t.Unit, r.Specimen.ID}
	if !at.Equal(now) {
		said = append(said, t.At.Format(time.RFC3339Nano))
	}
	t.client = record.DigestID("qc-analyser", laboratory, strings.Join(said, "\x00"))
	return t
}

func firstTime(ts ...time.Time) time.Time {
	i := slices.IndexFunc(ts, func(t time.Time) bool { return !t.IsZero() })
	return ts[i] // the last is the clock
}

// oneLine makes a text of an analyser one line of at most n characters.
func oneLine(s string, n int) string {
	s = strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == utf8.RuneError {
			return ' '
		}
		return r
	}, s))
	if utf8.RuneCountInString(s) > n {
		s = strings.TrimSpace(string([]rune(s)[:n]))
	}
	return s
}

// fits makes the entry of a result, or says why it is none.
func (d *Desk) fits(ctx context.Context, tx *store.Tx, t Stray, lot Lot, code string, mapped bool, x observation.Result) (Entry, Reason, error) {
	e := Entry{
		Of: Series{t.Laboratory, t.Device, code}, Level: t.Level, Lot: lot.ID, Value: x.Value.Exact(), Unit: t.Unit, At: t.At,
		Operator: oneLine(x.Responsible, 64), ReagentLot: t.ReagentLot, ClientID: t.client,
	}
	if e.Level == "" && len(lot.Levels) == 1 {
		e.Level = lot.Levels[0]
	}
	switch {
	case !mapped || code == "":
		return e, NoCode, nil
	case e.Value == nil:
		return e, NoNumber, nil
	case checkLevel(e.Level) != nil, len(lot.Levels) > 0 && !slices.Contains(lot.Levels, e.Level):
		return e, NoLevel, nil
	}
	if e.check(tx.Now()) != nil {
		return e, NoNumber, nil
	}
	plan, err := planAt(ctx, tx, e.Of.ID(), tx.Now())
	if err == nil && plan.Unit != "" && e.Unit != "" && e.Unit != plan.Unit {
		return e, OtherUnit, nil
	}
	return e, "", err
}

// unnamedLot is the number of the lot of controls that told none.
const unnamedLot = "?"

// lotOf finds the lot that an analyser names, or makes it. Of several with the number it is one that is in use, has the level, and is the newest.
func (d *Desk) lotOf(ctx context.Context, tx *store.Tx, s record.Scope, laboratory record.InstitutionID, r observation.Report) (Lot, error) {
	name := cmp.Or(oneLine(r.Lot, 64), unnamedLot)
	if err := tx.Lock(ctx, "qc-lot-"+string(laboratory)); err != nil {
		return Lot{}, err
	}
	found, err := lots(ctx, tx, `institution_id = $1 AND number = $2 ORDER BY material_id DESC, id DESC`, string(laboratory), name)
	if err != nil {
		return Lot{}, err
	}
	if len(found) > 0 {
		level := oneLine(r.Level, 16)
		return slices.MaxFunc(found, func(a, b Lot) int { return cmp.Compare(a.suits(level), b.suits(level)) }), nil
	}
	l := Lot{Laboratory: laboratory, Number: name, CreatedAt: stamp(tx.Now())}
	return l, putLot(ctx, tx, s, &l)
}

// suits tells how well a lot fits a control of a level.
func (l Lot) suits(level string) int {
	fit := 0
	if l.ClosedAt.IsZero() {
		fit += 4
	}
	if slices.Contains(l.Levels, level) {
		fit += 2
	}
	if l.Material != "" {
		fit++
	}
	return fit
}
