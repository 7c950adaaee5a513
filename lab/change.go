// Change: what a transaction does to a report: versions come, are shown, are hidden; then the sums, the case, the alarms, what others may recognise.

package lab

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/reading"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// change gathers what is done to one report.
type change struct {
	centre *Centre
	tx     *store.Tx
	scope  record.Scope
	rep    *reportRow

	fresh   []*Row // versions that are to be written
	showed  []Row  // versions that came into view
	hid     []seen // versions that were taken out of view
	alarms  []Row  // rows in view with a critical value
	dropped string // items that rows had before a code got another meaning
	touched bool
	settled bool // its status has become final or corrected
	quiet   bool // a message that is taken again from its pack: nobody is told once more
	signing bool // inside the reading room's own transaction: the case is not to be touched
}

// seen is a version that somebody may have seen, and why it no longer stands.
type seen struct {
	Row     string `json:"row"`
	Version int    `json:"version"`
	Reason  string `json:"reason"` // corrected withdrawn, or confirmed: what follows says the same

	since time.Time // nobody can have seen it before
}

// replacedBy is why a version goes where another comes into view.
func replacedBy(old, r *Row) string {
	a, b := old.state(), r.state()
	if a.value == b.value && a.unit == b.unit && old.flags() == r.flags() && old.interval() == r.interval() {
		return "confirmed"
	}
	return "corrected"
}

// take writes an arriving row.
func (ch *change) take(ctx context.Context, in *incoming, a *arrival) error {
	if in.fate == same {
		return ch.repeated(ctx, in)
	}
	ch.touched = true
	row := &in.row
	if in.before != nil { // stale versions are numbered too
		n, err := nextVersion(ctx, ch.tx, row.ID)
		if err != nil {
			return err
		}
		row.Version = n
	}
	if in.fate == stale {
		row.Latest, row.Shown = false, false
		ch.fresh = append(ch.fresh, row)
		return nil
	}
	row.Shown = row.Result.Status.Shown() && validation(row.Validation).done() && row.Judged.Held == ""
	if row.Shown {
		row.ReleasedAt = a.receivedAt
	}
	if in.before != nil {
		if _, err := ch.tx.Exec(ctx, `UPDATE lab_results SET latest = 0 WHERE id = $1 AND latest = 1`, row.ID); err != nil {
			return err
		}
	}
	if in.shown != nil && in.hides() {
		reason := replacedBy(in.shown, row)
		if row.Result.Status == observation.Withdrawn {
			reason = "withdrawn"
		}
		if err := ch.hide(ctx, *in.shown, reason); err != nil {
			return err
		}
	}
	ch.fresh = append(ch.fresh, row)
	if row.Shown {
		ch.show(*row)
	}
	return nil
}

// repeated takes the later instant of a version that says nothing new: what was said between the two is older than it.
func (ch *change) repeated(ctx context.Context, in *incoming) error {
	if !in.row.OrderedBy.After(in.before.OrderedBy) {
		return nil
	}
	_, err := ch.tx.Exec(ctx, `UPDATE lab_results SET ordered_by = $3 WHERE id = $1 AND version = $2`, in.row.ID, in.before.Version, record.Micros(in.row.OrderedBy))
	return err
}

// hide takes a version out of view; it stays for the law.
func (ch *change) hide(ctx context.Context, r Row, reason string) error {
	_, err := ch.tx.Exec(ctx, `UPDATE lab_results SET shown = 0, hidden_at = $3 WHERE id = $1 AND version = $2`, r.ID, r.Version, record.Micros(ch.tx.Now()))
	if err != nil {
		return fmt.Errorf("hide laboratory result: %w", err)
	}
	ch.hid = append(ch.hid, seen{Row: r.ID, Version: r.Version, Reason: reason, since: r.RecordedAt})
	ch.touched = true
	return nil
}

// show notes a version that has come into view.
func (ch *change) show(r Row) {
	ch.showed, ch.touched = append(ch.showed, r), true
	if r.Judged.Critical != nil {
		ch.alarms = append(ch.alarms, r)
	}
}

// write writes the versions that came, together.
func (ch *change) write(ctx context.Context) error {
	err := store.InsertRows(ctx, ch.tx, insertRows, "", ch.fresh, ch.rep.rowValues)
	if err != nil {
		return fmt.Errorf("keep laboratory result: %w", err)
	}
	ch.fresh = nil
	return nil
}

// finish writes the report with its sums, the case and the alarms, what others may recognise, and tells who saw what no longer stands. rows are all
// that count or are shown.
func (ch *change) finish(ctx context.Context, rows []Row, out *StoredReport) error {
	if err := ch.write(ctx); err != nil {
		return err
	}
	if err := ch.witherOwn(ctx, rows); err != nil {
		return err
	}
	k := &ch.rep.Kept
	slices.SortFunc(rows, func(a, b Row) int {
		return cmp.Or(cmp.Compare(a.Result.Number, b.Result.Number), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Version, b.Version))
	})
	was := k.Status
	k.sum(rows)
	ch.settled = ch.rep.known && was != k.Status && k.Status.Settled() // the last open row was set aside: what is shown is all there will be
	if len(ch.showed)+len(ch.hid) > 0 || ch.settled {
		k.Version++
	}
	if len(ch.showed) > 0 && k.ReleasedAt.IsZero() {
		k.ReleasedAt = ch.tx.Now()
	}
	if !ch.touched && ch.rep.known {
		out.Case, out.Waiting = k.Case, k.Waiting
		return nil
	}
	if err := ch.openCase(ctx, rows); err != nil {
		return err
	}
	ch.alarmLater(rows)
	if err := putReport(ctx, ch.tx, ch.rep); err != nil {
		return err
	}
	for _, step := range []func(context.Context, []Row) error{ch.share, ch.alarm, ch.retract, ch.recall, ch.tellTube, ch.tend} {
		if err := step(ctx, rows); err != nil {
			return err
		}
	}
	out.Case, out.Waiting = k.Case, k.Waiting
	for _, r := range ch.alarms {
		out.Alarms = append(out.Alarms, r.Judged.Critical.Rule)
	}
	ch.tell()
	return nil
}

// tell says what has changed for who ordered.
func (ch *change) tell() {
	act := ""
	switch {
	case slices.ContainsFunc(ch.hid, func(s seen) bool { return s.Reason == "withdrawn" }):
		act = "lab.withdrawn"
	case slices.ContainsFunc(ch.hid, func(s seen) bool { return s.Reason == "corrected" }):
		act = "lab.corrected"
	case len(ch.showed) > 0, ch.settled:
		act = "lab.released"
	default:
		return
	}
	k := &ch.rep.Kept
	ch.tx.Emit(record.Event{
		Act: act, Institution: k.Institution, Patient: k.Patient, Kind: "lab-report", Object: string(k.ID), Outcome: record.Success,
		Detail: map[string]string{"version": fmt.Sprint(k.Version), "rows": fmt.Sprint(len(ch.showed)), "hidden": fmt.Sprint(len(ch.hid)), "status": string(k.Status)},
	}.By(ch.scope))
}

// sum makes the sums of a report from the rows that count or are shown.
func (k *Kept) sum(rows []Row) {
	k.Abnormal, k.Critical, k.Unmapped, k.Waiting, k.Verified = 0, 0, 0, 0, ""
	shown, open := observation.Status(""), false
	for i := range rows {
		r := &rows[i]
		if r.Latest {
			if r.unmapped() {
				k.Unmapped++
			}
			if r.awaited() {
				k.Waiting++
			}
			open = open || !r.Shown && !r.Result.Status.Settled() && r.Result.Status != observation.Withdrawn && r.Result.Status != observation.Cancelled
		}
		if !r.Shown {
			continue
		}
		if r.abnormal() {
			k.Abnormal++
		}
		if r.Judged.Critical != nil {
			k.Critical++
		}
		shown = worse(shown, r.Result.Status)
		k.Verified = weaker(k.Verified, r.Validation)
	}
	k.Status = reportStatus(k.Status, shown, k.Waiting > 0 || open)
}

// reportStatus is the status of the whole: what is not all there yet is preliminary, what had to be changed stays corrected.
func reportStatus(was, shown observation.Status, more bool) observation.Status {
	switch {
	case shown == "" && (was == observation.Registered || was == "" || more):
		if was.Shown() && more {
			return observation.Withdrawn
		}
		return observation.Registered
	case shown == "":
		return observation.Withdrawn
	case was == observation.Corrected || was == observation.Withdrawn || shown == observation.Corrected || shown == observation.Amended:
		return observation.Corrected
	case more || shown == observation.Preliminary:
		return observation.Preliminary
	}
	return observation.Final
}

var settledness = map[observation.Status]int{observation.Preliminary: 4, observation.Corrected: 3, observation.Amended: 2, observation.Final: 1}

// worse is the status of two rows together.
func worse(a, b observation.Status) observation.Status {
	if settledness[b] > settledness[a] {
		return b
	}
	return a
}

var weakness = map[string]int{"": 0, string(released): 1, string(byRules): 2, string(bySender): 3}

func weaker(a, b string) string {
	if weakness[b] > weakness[a] {
		return b
	}
	return a
}

// unmapped reports a row whose code means nothing here yet. A drug is shown as its sender names it.
func (r *Row) unmapped() bool { return r.Analyte == "" && !tied(r.Result.Probe) }

// awaited reports a row that a person must validate.
func (r *Row) awaited() bool {
	v := validation(r.Validation)
	return (v == waiting || v == technical || r.Judged.Held != "" && !r.Shown && v != setAside) && r.Result.Status.Shown() || v == waiting && r.Result.Status == observation.Unverified
}

// abnormal reports a value outside its interval, by the recomputed flags, else by the sender's.
func (r *Row) abnormal() bool {
	if tied(r.Result.Probe) { // it is of the organism, not of the person
		return false
	}
	flags := r.Judged.Flags
	if flags == nil {
		flags = r.Result.Flags
	}
	return slices.ContainsFunc(flags, func(f string) bool { return f != "" && f != "N" })
}

// openCase gives the reading room the report where a person must validate it; a critical value of a verified report has a case that nobody waits for.
func (ch *change) openCase(ctx context.Context, rows []Row) error {
	k := &ch.rep.Kept
	if ch.signing || k.Waiting == 0 && len(ch.alarms) == 0 {
		return nil
	}
	e := k.exam(rows)
	id, err := record.CaseID(""), error(nil)
	if ch.quiet { // a message that is taken again: what became of its case stands
		if id, err = ch.centre.room.CaseOf(ctx, ch.tx, k.ID); err != nil || id != "" {
			k.Case = id
			return err
		}
	}
	if k.Waiting > 0 {
		id, err = ch.centre.room.Open(ctx, ch.tx, e, k.ClinicalInfo)
	} else {
		id, err = ch.centre.room.OpenSettled(ctx, ch.tx, e, k.ClinicalInfo)
	}
	k.Case = id
	return err
}

// exam is the report as the reading room knows it.
func (k *Kept) exam(rows []Row) record.Exam {
	e := record.Exam{
		ID: k.ID, Kind: record.Lab, Centre: k.Centre, Institution: k.Institution, Patient: k.Patient, Grade: k.Grade, Modality: Modality,
		Procedure: k.Service, Accession: cmp.Or(k.Barcode, k.Filler), Title: cmp.Or(k.Title, k.Specimen.Type.Display(), "检验"), Priority: k.Priority,
		PerformedAt: k.observed(k.ReceivedAt), ReceivedAt: k.ReceivedAt, Complete: true,
	}
	if e.Priority == "" {
		e.Priority = record.Routine
	}
	if slices.ContainsFunc(rows, func(r Row) bool { return r.Latest && r.Judged.Critical != nil && r.awaited() }) {
		e.Priority = record.Stat // it looks critical: somebody must confirm it at once
	}
	return e
}

// alarmLater notes when critical values are told at the latest: of a row that a person must validate after a while, of one that is being signed when
// the signature is done.
func (ch *change) alarmLater(rows []Row) {
	k := &ch.rep.Kept
	k.alarmDue = time.Time{}
	switch {
	case ch.signing && len(ch.alarms) > 0:
		k.alarmDue = ch.tx.Now()
	case slices.ContainsFunc(rows, func(r Row) bool { return r.Latest && r.Judged.Critical != nil && r.awaited() }):
		k.alarmDue = ch.tx.Now().Add(ch.centre.opt.ConfirmWithin)
	}
}

// alarm raises the critical values that have come into view.
func (ch *change) alarm(ctx context.Context, _ []Row) error {
	if ch.quiet || ch.signing || len(ch.alarms) == 0 || ch.rep.Case == "" {
		return nil
	}
	var raise []reading.Alarm
	for _, r := range ch.alarms {
		raise = append(raise, r.alarm())
	}
	return ch.centre.room.Alarm(ctx, ch.tx, actor, ch.rep.Case, raise...)
}

// retract ends the alarms of critical values that nobody says any more: corrected, withdrawn, set aside. Nobody shall act on them, or be called for them.
func (ch *change) retract(ctx context.Context, rows []Row) error {
	if ch.quiet || !ch.rep.known || ch.rep.Case == "" {
		return nil
	}
	standing := map[string]bool{}
	for i := range rows {
		if r := &rows[i]; r.Judged.Critical != nil && (r.Shown || r.Latest && r.awaited()) {
			standing[r.Judged.Critical.Rule] = true
		}
	}
	return ch.centre.room.Retract(ctx, ch.tx, actor, ch.rep.Case, standing, "结果已更正、撤回或待复查 the result was corrected, withdrawn or set aside")
}

// alarm is a critical value as the reading room tells it.
func (r *Row) alarm() reading.Alarm {
	x := r.Judged.Critical
	zh, en := "", ""
	if !r.Shown {
		zh, en = "（尚未审核）", " (not validated yet)"
	}
	out := reading.Alarm{Rule: x.Rule + ":" + x.Version, Finding: x.ZH + zh + "\n" + x.EN + en, Within: time.Duration(x.Minutes) * time.Minute}
	for _, minutes := range x.Steps {
		out.Escalate = append(out.Escalate, time.Duration(minutes)*time.Minute)
	}
	return out
}
