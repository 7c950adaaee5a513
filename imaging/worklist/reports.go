// Event reports (PS3.4 CC.2.4): kept for every subscriber until they were delivered.

package worklist

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// ReportType is the Event Type ID of a report (PS3.4 table CC.2.4-1).
type ReportType int

// The reports.
const (
	StateReport ReportType = iota + 1
	CancelRequested
	ProgressReport
	SCPStatusChange
	Assigned
)

// String names the report as PS3.4 does.
func (t ReportType) String() string {
	names := [...]string{"", "UPS State Report", "UPS Cancel Requested", "UPS Progress Report", "SCP Status Change", "UPS Assigned"}
	if t < 1 || int(t) >= len(names) {
		return ""
	}
	return names[t]
}

// Report is one event report for one subscriber.
type Report struct {
	Number   int64     // rises; Delivered takes it
	Workitem dicom.UID // GlobalSubscription for what is about the exchange itself
	Type     ReportType
	At       time.Time
	Info     *dicom.DataSet // event information
}

// Reports of one subscriber, the oldest first.
type Reports struct {
	Waiting []Report
	Dropped int64 // that were lost before these, because too many waited
}

func part(d *dicom.DataSet, tags ...dicom.Tag) *dicom.DataSet {
	out := dicom.NewDataSet()
	out.CopyFrom(d, tags...)
	return out
}

func (u *workitem) stateInfo() *dicom.DataSet {
	d := part(u.d, workitemState, inputReadiness)
	d.SetText(workitemState, u.state)
	if items := u.d.Items(workitemProgress); len(items) > 0 && u.state == Canceled {
		d.CopyFrom(&items[0], cancellationReason, discontinuationReasons)
	}
	return d
}

func (u *workitem) progressInfo() *dicom.DataSet { return part(u.d, workitemProgress) }

func (u *workitem) assigned() bool {
	return len(u.d.Items(workitemStationNames)) > 0 || len(u.d.Items(workitemHumanPerformers)) > 0
}

func (u *workitem) assignedInfo() *dicom.DataSet {
	d := part(u.d, workitemStationNames)
	if items := u.d.Items(workitemHumanPerformers); len(items) > 0 {
		d.CopyFrom(&items[0], performerCodes, performerOrganization)
	}
	return d
}

// report keeps a report for everybody who follows the workitem.
func (w *Worklist) report(ctx context.Context, tx *store.Tx, u *workitem, t ReportType, info *dicom.DataSet) error {
	type follower struct {
		subscriber
		own int
	}
	// The order of ids keeps two transactions that write to the same subscribers from waiting for each other.
	all, err := store.List(ctx, tx, `SELECT `+subscriberColumns+`, COALESCE(x.followed, -1) FROM workitem_subscribers f
		LEFT JOIN workitem_subscriptions x ON x.subscriber_id = f.id AND x.workitem_id = $1
		WHERE f.followed = 1 OR x.followed = 1 ORDER BY f.id`, []any{string(u.id)},
		func(f *follower) []any { return append(f.fields(), &f.own) })
	if err != nil {
		return err
	}
	for i := range all {
		wants, err := w.wants(&all[i].subscriber, u, all[i].own)
		if err != nil {
			return err
		}
		if !wants {
			continue
		}
		if err := w.enqueue(ctx, tx, all[i].id, u, t, info); err != nil {
			return err
		}
	}
	return nil
}

// enqueue keeps one report. Where too many wait the oldest goes, and the loss is counted and noted.
func (w *Worklist) enqueue(ctx context.Context, tx *store.Tx, to string, u *workitem, t ReportType, info *dicom.DataSet) error {
	text, err := kept(info)
	if err != nil {
		return err
	}
	var number int64
	if err := tx.QueryRow(ctx, `UPDATE workitem_subscribers SET last = last + 1 WHERE id = $1 RETURNING last`, to).Scan(&number); err != nil {
		return fmt.Errorf("number of the report: %w", err)
	}
	_, err = tx.Exec(ctx, `INSERT INTO workitem_reports (subscriber_id, number, institution_id, patient_id, uid, type, document, at)
		VALUES ($1,$2,$3,$4,$5,$6,$7,$8)`, to, number, string(u.institution), string(u.patient), string(u.uid), int(t), text, record.Micros(tx.Now()))
	if err != nil {
		return err
	}
	res, err := tx.Exec(ctx, `DELETE FROM workitem_reports WHERE subscriber_id = $1 AND number <= $2`, to, number-int64(w.opt.MaxReports))
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if err != nil || n == 0 {
		return err
	}
	return w.dropped(ctx, tx, to, n)
}

// dropped counts lost reports; the first loss since the last delivery is an event.
func (w *Worklist) dropped(ctx context.Context, tx *store.Tx, from string, n int64) error {
	var all int64
	var at record.InstitutionID
	err := tx.QueryRow(ctx, `UPDATE workitem_subscribers SET dropped = dropped + $2 WHERE id = $1 RETURNING dropped, institution_id`, from, n).
		Scan(&all, &at)
	if err == nil && all == n {
		tx.Emit(record.Event{
			Act: "workitem.reports", Institution: at, Kind: "subscriber", Object: from, Outcome: record.Failed,
			Detail: map[string]string{"reason": "too many waiting reports"},
		})
	}
	return err
}

// Reports gives what waits for the named subscriber of the caller's institution and is still inside its scope. It stays until
// Delivered.
func (w *Worklist) Reports(ctx context.Context, s record.Scope, name string, limit int) (Reports, error) {
	f, dropped, err := w.waiting(ctx, s, name)
	if err != nil {
		return Reports{}, err
	}
	b := &sqlText{}
	b.And("r.subscriber_id = " + b.Arg(f.id))
	b.And("(r.institution_id = '' OR " + w.db.ScopeSQL(s, "r.institution_id", "r.patient_id", &b.Args) + ")")
	out, err := store.Collect(ctx, w.db, `SELECT r.number, r.uid, r.type, r.at, r.document FROM workitem_reports r WHERE `+b.String()+
		` ORDER BY r.number LIMIT `+b.Arg(max(1, min(limit, w.opt.MaxReports))), b.Args, scanReport)
	if err != nil || len(out) == 0 {
		return Reports{Dropped: dropped}, err
	}
	e := f.event("workitem.reports")
	e.Detail = map[string]string{"count": fmt.Sprint(len(out))}
	return Reports{out, dropped}, w.db.Note(ctx, e.By(s))
}

func (w *Worklist) waiting(ctx context.Context, s record.Scope, name string) (*subscriber, int64, error) {
	at := s.Actor.Institution
	if err := writesAt(s, at); err != nil {
		return nil, 0, err
	}
	f, err := subscriberOf(ctx, w.db, at, name)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, 0, refuse(StatusUnknownSubscriber)
	}
	if err != nil {
		return nil, 0, err
	}
	var dropped int64
	err = w.db.QueryRow(ctx, `SELECT dropped FROM workitem_subscribers WHERE id = $1`, f.id).Scan(&dropped)
	return f, dropped, err
}

func scanReport(scan func(...any) error) (r Report, err error) {
	var at int64
	var text string
	if err := scan(&r.Number, &r.Workitem, &r.Type, &at, &text); err != nil {
		return r, err
	}
	r.At = record.FromMicros(at)
	r.Info, err = loaded(text)
	return r, err
}

// Delivered forgets reports up to a number, and the count of those lost before.
func (w *Worklist) Delivered(ctx context.Context, s record.Scope, name string, number int64) error {
	return w.following(ctx, s, name, false, func(tx *store.Tx, f *subscriber) error {
		if _, err := tx.Exec(ctx, `UPDATE workitem_subscribers SET dropped = 0 WHERE id = $1`, f.id); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `DELETE FROM workitem_reports WHERE subscriber_id = $1 AND number <= $2`, f.id, number)
		return err
	})
}

const (
	reportPage = 100
	// lag is how long a watcher rests that was woken for nothing, so that a busy log does not spin it.
	lag = 20 * time.Millisecond
)

// WatchReports hands the reports of a subscriber to send, each once it is there and until ctx ends or send fails. What send
// took without an error is delivered; a report may come twice after a crash, never get lost.
func (w *Worklist) WatchReports(ctx context.Context, s record.Scope, name string, send func(Report) error) error {
	for {
		head, err := w.db.Head(ctx)
		if err != nil {
			return err
		}
		page, err := w.Reports(ctx, s, name, reportPage)
		if err != nil {
			return err
		}
		for _, r := range page.Waiting {
			if err := send(r); err != nil {
				return err
			}
		}
		if n := len(page.Waiting); n > 0 {
			if err := w.Delivered(ctx, s, name, page.Waiting[n-1].Number); err != nil {
				return err
			}
			continue
		}
		if err := w.db.Wait(ctx, head); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lag):
		}
	}
}

// Announce tells all subscribers that the exchange goes down or has started again (SCP Status Change, PS3.4 CC.2.4.1): status
// is "RESTARTED" or "GOING DOWN". Subscriptions and workitems are kept over a restart: WARM START.
func (w *Worklist) Announce(ctx context.Context, status string) error {
	info := dicom.NewDataSet()
	info.SetText(scpStatus, status)
	info.SetText(subscriptionListStatus, "WARM START")
	info.SetText(workitemListStatus, "WARM START")
	return w.change(ctx, record.Scope{}, []string{"workitems"}, func(tx *store.Tx) error {
		all, err := store.List(ctx, tx, `SELECT `+subscriberColumns+` FROM workitem_subscribers f WHERE f.followed = 1
			OR EXISTS (SELECT 1 FROM workitem_subscriptions x WHERE x.subscriber_id = f.id AND x.followed = 1) ORDER BY f.id`, nil,
			func(f *subscriber) []any { return f.fields() })
		if err != nil || len(all) == 0 {
			return err
		}
		for i := range all {
			if err := w.enqueue(ctx, tx, all[i].id, &workitem{uid: GlobalSubscription}, SCPStatusChange, info); err != nil {
				return err
			}
		}
		tx.Emit(record.Event{Act: "workitem.reports", Kind: "subscriber", Object: "all", Detail: map[string]string{"status": status}})
		return nil
	})
}
