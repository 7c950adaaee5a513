// What follows from a scan: the fold, its rows and events, the lines of the tube, and the tube that is collected instead.

package specimen

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// deed is who does an act, and where that one stands to the tube.
type deed struct {
	actor record.Actor
	by    place
}

func program(sp *Specimen) deed {
	return deed{record.Actor{Kind: record.ActorSystem, ID: "lianzhen", Institution: sp.Laboratory}, desk}
}

// apply takes one scan of a tube whose lock is held.
func (d *Desk) apply(ctx context.Context, tx *store.Tx, sp *Specimen, sc Scan, w deed) (Outcome, error) {
	if again, err := sc.said(ctx, tx, w.actor.Institution, sp.ID); again || err != nil {
		return Already, err
	}
	scans, err := scansOf(ctx, tx, sp.ID)
	if err != nil {
		return "", err
	}
	one, err := d.timed(ctx, tx, sp, sc, w, scans)
	if err != nil {
		return "", err
	}
	l := fold(append(slices.Clone(scans), one))
	out := Applied
	switch {
	case !l.keeps(scans, one.id):
		out, one.conflict = Conflict, true
	case !l.applied[one.id]:
		out = Waiting
	}
	if out != Applied && sc.At.IsZero() {
		return "", record.Errorf(record.Precondition, "a tube that is %s cannot be %s", sp.State, done[sc.Act])
	}
	if out != Conflict && sc.Act == Collect && sc.Barcode != "" {
		if err := activate(ctx, tx, sp, sc.Barcode); err != nil {
			return "", err
		}
	}
	if err := insertScan(ctx, tx, sp, sc, one, w); err != nil {
		return "", err
	}
	return out, d.refold(ctx, tx, sp, append(scans, one))
}

// timed puts a scan into time: ours, where the scanner tells none or one to come.
func (d *Desk) timed(ctx context.Context, tx *store.Tx, sp *Specimen, sc Scan, w deed, before []scanned) (scanned, error) {
	now := stamp(tx.Now())
	one := scanned{
		id: ScanID(record.NewID(now)), number: len(before) + 1, act: sc.Act, by: w.by, at: record.Micros(stamp(sc.At)), recorded: record.Micros(now), reason: sc.Reason, note: sc.Note,
	}
	switch {
	case sc.At.IsZero():
		one.at = one.recorded
		for _, s := range before { // now is after all that was: clocks of servers differ a little
			if s.applied {
				one.at = max(one.at, s.at)
			}
		}
	case sc.At.Sub(now) > clockAhead:
		one.at = one.recorded
		one.flags = append(one.flags, FlagClock)
	case now.Sub(sc.At) > lateAfter:
		one.flags = append(one.flags, FlagLate)
	}
	if slices.ContainsFunc(before, func(s scanned) bool { return s.applied && s.at > one.at }) {
		one.flags = append(one.flags, FlagOrder)
	}
	if sc.Box != "" {
		box, err := boxNamed(ctx, tx, sc.Box)
		if err != nil {
			return one, err
		}
		one.box = box.ID
		return one, d.intoBox(ctx, tx, sp, sc, box, w)
	}
	return one, nil
}

func scansOf(ctx context.Context, q store.Querier, id SpecimenID) ([]scanned, error) {
	return store.Collect(ctx, q, `SELECT c.id, c.number, c.act, c.by_place, c.at, c.recorded_at, c.applied, c.conflict, c.settled_at <> 0, c.flags, c.reason, c.note, c.box_id
		FROM specimen_scans c WHERE c.specimen_id = $1 ORDER BY c.at, c.number`, []any{string(id)}, func(scan func(...any) error) (s scanned, err error) {
		var flags string
		err = scan(&s.id, &s.number, &s.act, &s.by, &s.at, &s.recorded, &s.applied, &s.conflict, &s.settled, &flags, &s.reason, &s.note, &s.box)
		s.flags = strings.Fields(flags)
		return s, err
	})
}

func insertScan(ctx context.Context, tx *store.Tx, sp *Specimen, sc Scan, one scanned, w deed) error {
	res, err := tx.Exec(ctx, `INSERT INTO specimen_scans (id, specimen_id, act, by_place, at, recorded_at, actor_kind, actor_id, institution_id, client_id,
		digest, applied, conflict, flags, device, place, reason, note, box_id, number) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,0,$12,$13,$14,$15,$16,$17,$18,$19)
		ON CONFLICT DO NOTHING`,
		string(one.id), string(sp.ID), string(one.act), int(one.by), one.at, one.recorded, string(w.actor.Kind), w.actor.ID, string(w.actor.Institution),
		cmp.Or(sc.ClientID, string(one.id)), sc.digest(), one.conflict, strings.Join(one.flags, " "), sc.Device, sc.Place, one.reason, one.note, string(one.box),
		one.number)
	return exactlyOne(res, err) // the same number at the same moment, for another tube: look again
}

// refold brings a tube's row up to its scans, and does what follows from each that was applied anew.
func (d *Desk) refold(ctx context.Context, tx *store.Tx, sp *Specimen, scans []scanned) error {
	l := fold(scans)
	was, wasBox := sp.State, sp.Box
	var fresh []scanned
	for i := range scans {
		s := &scans[i]
		if l.applied[s.id] == s.applied {
			continue
		}
		if _, err := tx.Exec(ctx, `UPDATE specimen_scans SET applied = $2 WHERE id = $1`, string(s.id), l.applied[s.id]); err != nil {
			return err
		}
		if l.applied[s.id] {
			fresh = append(fresh, *s)
		}
	}
	l.onto(sp)
	if sp.State != Packed && sp.State != Transport {
		sp.unmark(FlagMissing)
	}
	d.dated(ctx, sp)
	if err := saveSpecimen(ctx, tx, sp, l.flags); err != nil {
		return err
	}
	for _, s := range fresh {
		e := sp.event(done[s.act])
		for k, v := range map[string]string{"flags": strings.Join(s.flags, " "), "reason": s.reason, "box": string(s.box)} {
			if v != "" {
				e.Detail[k] = v
			}
		}
		e.Detail["at"] = record.FromMicros(s.at).Format(time.RFC3339)
		tx.Emit(e)
	}
	if err := boxFollows(ctx, tx, sp, wasBox); err != nil {
		return err
	}
	return d.follow(ctx, tx, sp, was)
}

// onto writes what was folded.
func (l *life) onto(sp *Specimen) {
	if l.at != 0 {
		sp.Since = record.FromMicros(l.at)
	}
	sp.State, sp.Box = l.state, l.box
	sp.CollectedAt, sp.ReceivedAt = record.FromMicros(l.collected), record.FromMicros(l.received)
	sp.StartedAt, sp.ReportedAt = record.FromMicros(l.started), record.FromMicros(l.reported)
	sp.RejectCode, sp.RejectNote = l.reason, l.note
}

// Gone reports a state in which a tube gives no result any more.
func (st State) Gone() bool { return st == Rejected || st == Lost }

// follow does what a change of state asks for beyond the tube.
func (d *Desk) follow(ctx context.Context, tx *store.Tx, sp *Specimen, was State) error {
	switch {
	case sp.State == was:
		return nil
	case sp.State.Gone() && !was.Gone():
		return d.recollect(ctx, tx, sp)
	case !sp.State.Gone() && was == Lost && sp.ReplacedBy != "":
		if err := d.takeBack(ctx, tx, sp); err != nil {
			return err
		}
	}
	return setLines(ctx, tx, sp)
}

// setLines lets open lines say whether their tube is being analysed.
func setLines(ctx context.Context, tx *store.Tx, sp *Specimen) error {
	want := LineOpen
	switch sp.State {
	case Analysis:
		want = LineAnalysis
	case Reported, Stored, Discarded: // as far as it was when it came there
		return nil
	}
	for i := range sp.Lines {
		l := &sp.Lines[i]
		if !l.Open() || l.Status == want {
			continue
		}
		l.Status = want
		if err := saveLine(ctx, tx, l); err != nil {
			return err
		}
	}
	return nil
}

// recollect plans another tube for what is still open, and tells who collects: the lines stand on their worklist again.
func (d *Desk) recollect(ctx context.Context, tx *store.Tx, sp *Specimen) error {
	open := openLines(sp.Lines)
	if len(open) == 0 || sp.ReplacedBy != "" {
		return nil
	}
	o, err := orderByID(ctx, tx, sp.Order)
	if err != nil {
		return err
	}
	next := Specimen{
		Laboratory: sp.Laboratory, Type: sp.Type, Container: sp.Container, Volume: sp.Volume, Labels: sp.Labels, Temperature: sp.Temperature, Replaces: sp.ID,
	}
	tube, err := d.planTube(ctx, tx, &o, next, "")
	if err != nil {
		return err
	}
	for _, l := range open {
		l.Specimen, l.Status, l.Done = tube.ID, LineOpen, nil
		if err := saveLine(ctx, tx, l); err != nil {
			return err
		}
	}
	sp.ReplacedBy = tube.ID
	sp.Lines = slices.DeleteFunc(sp.Lines, func(l Line) bool { return l.Specimen != sp.ID })
	e := tube.event("recollect")
	e.Detail["replaces"], e.Detail["reason"] = string(sp.ID), cmp.Or(sp.RejectCode, string(sp.State))
	tx.Emit(e)
	_, err = tx.Exec(ctx, `UPDATE specimens SET replaced_by = $2, deadline_at = 0, deadline_analyte = '' WHERE id = $1`, string(sp.ID), string(tube.ID))
	return err
}

// takeBack gives a lost tube that was found its lines again, if nobody was pricked a second time meanwhile.
func (d *Desk) takeBack(ctx context.Context, tx *store.Tx, sp *Specimen) error {
	if err := tx.Lock(ctx, specimenLock(sp.ReplacedBy)); err != nil {
		return err
	}
	next, err := specimenOf(ctx, tx, sp.ReplacedBy)
	if err != nil {
		return err
	}
	if next.State != Planned {
		return nil
	}
	for _, l := range openLines(next.Lines) {
		l.Specimen = sp.ID
		if err := saveLine(ctx, tx, l); err != nil {
			return err
		}
		sp.Lines = append(sp.Lines, *l)
	}
	sp.ReplacedBy = ""
	if _, err := tx.Exec(ctx, `UPDATE specimens SET replaced_by = '' WHERE id = $1`, string(sp.ID)); err != nil {
		return err
	}
	if err := d.settle(ctx, tx, next.ID); err != nil {
		return err
	}
	return d.saveDeadline(ctx, tx, sp)
}

func openLines(lines []Line) (out []*Line) {
	for i := range lines {
		if lines[i].Open() {
			out = append(out, &lines[i])
		}
	}
	return out
}

func orderByID(ctx context.Context, q store.Querier, id OrderID) (Order, error) {
	b := &sqlText{}
	b.And("o.id = " + b.Arg(string(id)))
	return orderWhere(ctx, q, b, "no order "+string(id))
}

// settle looks at a tube after its lines changed: one that was planned for nothing any more is cancelled.
func (d *Desk) settle(ctx context.Context, tx *store.Tx, id SpecimenID) error {
	if id == "" {
		return nil
	}
	if err := tx.Lock(ctx, specimenLock(id)); err != nil {
		return err
	}
	sp, err := specimenOf(ctx, tx, id)
	if err != nil {
		return err
	}
	if sp.State == Planned && len(openLines(sp.Lines)) == 0 {
		_, err := d.apply(ctx, tx, &sp, Scan{Act: Cancel}, program(&sp))
		return err
	}
	if allReported(sp.Lines) && (sp.State == Analysis || sp.State == Received) {
		_, err := d.apply(ctx, tx, &sp, Scan{Act: Report}, program(&sp))
		return err
	}
	return d.saveDeadline(ctx, tx, &sp)
}

// allReported: at least one line has its results, and none waits for any.
func allReported(lines []Line) bool {
	return len(openLines(lines)) == 0 && slices.ContainsFunc(lines, func(l Line) bool { return l.Status == LineReported })
}

func (d *Desk) saveDeadline(ctx context.Context, tx *store.Tx, sp *Specimen) error {
	was, analyte := sp.DeadlineAt, sp.DeadlineAnalyte
	d.dated(ctx, sp)
	if sp.DeadlineAt.Equal(was) && sp.DeadlineAnalyte == analyte {
		return nil
	}
	_, err := tx.Exec(ctx, `UPDATE specimens SET deadline_at = $2, deadline_analyte = $3 WHERE id = $1`,
		string(sp.ID), record.Micros(sp.DeadlineAt), sp.DeadlineAnalyte)
	return err
}
