// Tube: the specimen of our own list that a report belongs to.

package lab

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/lab/specimen"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// tube is what an arriving report needs of its specimen and order.
type tube struct {
	id          string
	institution record.InstitutionID
	patient     record.PatientID
	grade       record.Grade
	localNumber record.Personal
	title       string
	placer      string
	kind        observation.Coding
	collectedAt time.Time
	receivedAt  time.Time
	deadlineAt  time.Time
	priority    record.Priority
}

// tubeOf finds the specimen of a report by its barcode at the laboratory, nil if there is none.
func (c *Centre) tubeOf(ctx context.Context, tx *store.Tx, a *arrival, r *observation.Report) (*tube, error) {
	if r.Specimen.ID == "" {
		return nil, nil
	}
	sp, ok, err := c.desks.Specimens.ByBarcode(ctx, tx, a.site.institution, r.Specimen.ID)
	switch {
	case errors.Is(err, specimen.ErrAmbiguous):
		return nil, record.Errorf(record.Conflict, "several senders' tubes have this barcode; a person must say which it is")
	case err != nil || !ok:
		return nil, err
	case sp.State.Gone():
		return nil, record.Errorf(record.Conflict, "the tube of this barcode was rejected, lost or cancelled: its results do not count")
	}
	o, err := c.desks.Specimens.OrderOf(ctx, tx, sp.Order)
	if err != nil {
		return nil, err
	}
	t := &tube{
		id: string(sp.ID), institution: sp.Institution, patient: sp.Patient, grade: o.Grade, localNumber: o.Who.LocalID, kind: sp.Type,
		collectedAt: sp.CollectedAt, receivedAt: sp.ReceivedAt, deadlineAt: sp.DeadlineAt, priority: sp.Priority,
	}
	var titles []string
	for _, l := range sp.Lines {
		titles = append(titles, cmp.Or(l.Title, l.Item.Display()))
		t.placer = cmp.Or(t.placer, l.Placer)
	}
	slices.Sort(titles)
	t.title = strings.Join(slices.Compact(titles), "、")
	return t, nil
}

// tellTube tells the desk of specimens which analytes of a tube have results that may be seen, and which are to be measured again.
func (ch *change) tellTube(ctx context.Context, rows []Row) error {
	id := specimen.SpecimenID(ch.rep.SpecimenID)
	if id == "" || len(ch.showed)+len(ch.hid) == 0 {
		return nil
	}
	desk := ch.centre.desks.Specimens
	var done, again []string
	for i := range rows {
		r := &rows[i]
		switch {
		case r.Analyte == "":
		case r.Shown:
			done = append(done, r.Analyte)
		case slices.ContainsFunc(ch.hid, func(s seen) bool { return s.Row == r.ID && s.Reason == "withdrawn" }):
			again = append(again, r.Analyte)
		}
	}
	if len(again) > 0 {
		if err := desk.Reopened(ctx, ch.tx, id, again...); err != nil {
			return err
		}
	}
	if len(done) == 0 {
		return nil
	}
	if err := desk.Reported(ctx, ch.tx, id, done...); err != nil || ch.rep.Service == "" {
		return err
	}
	if ch.rep.Status == observation.Final || ch.rep.Status == observation.Corrected { // analysers leave out what they cannot measure
		return desk.Completed(ctx, ch.tx, id, ch.rep.Service)
	}
	return nil
}
