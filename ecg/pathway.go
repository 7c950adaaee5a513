// The chest-pain pathway 胸痛救治时间节点: instants that people enter, and the clocks over them.

package ecg

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/lianzhen/lianzhen/ecg/critical"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Pathway are instants beside the first contact; zero: not said.
type Pathway struct {
	DoorInAt   time.Time `json:"door_in_at,omitzero"`
	DoorOutAt  time.Time `json:"door_out_at,omitzero"`
	NeedleAt   time.Time `json:"needle_at,omitzero"`
	OnsetAt    time.Time `json:"onset_at,omitzero"`
	PCIDoorAt  time.Time `json:"pci_door_at,omitzero"`
	WireAt     time.Time `json:"wire_at,omitzero"`
	TroponinAt time.Time `json:"troponin_at,omitzero"`
}

func pathwayOf(s string) Pathway {
	var p Pathway
	_ = json.Unmarshal([]byte(s), &p) // we wrote it
	return p
}

// SetPathway keeps the instants that are given; zero ones stay as they were. The case shows the first contact and becomes STAT.
func (c *Centre) SetPathway(ctx context.Context, s record.Scope, id record.ExamID, firstContact time.Time, p Pathway) (Kept, error) {
	now := c.db.Now()
	for _, at := range []time.Time{firstContact, p.DoorInAt, p.DoorOutAt, p.NeedleAt, p.OnsetAt, p.PCIDoorAt, p.WireAt, p.TroponinAt} {
		if at.After(now.Add(contactAhead)) {
			return Kept{}, record.Errorf(record.Invalid, "an instant of the pathway lies in the future")
		}
	}
	err := c.db.Tx(ctx, func(tx *store.Tx) error {
		tx.As(s)
		if err := tx.Lock(ctx, "tracing:"+string(id)); err != nil {
			return err
		}
		args := []any{string(id)}
		all, err := store.Collect(ctx, tx, `SELECT `+keptColumns+` FROM tracings t WHERE t.id = $1 AND `+
			c.db.ScopeSQL(s, "t.institution_id", "t.patient_id", &args), args, scanKept)
		if err != nil {
			return err
		}
		if len(all) == 0 {
			return record.Errorf(record.NotFound, "no tracing %s", id)
		}
		return c.setPathway(ctx, tx, s, all[0], firstContact, p)
	})
	if err != nil {
		return Kept{}, err
	}
	return c.Get(ctx, s, id)
}

func (c *Centre) setPathway(ctx context.Context, tx *store.Tx, s record.Scope, t Kept, firstContact time.Time, p Pathway) error {
	for _, f := range []struct{ to, from *time.Time }{
		{&t.FirstContactAt, &firstContact},
		{&t.Pathway.DoorInAt, &p.DoorInAt},
		{&t.Pathway.DoorOutAt, &p.DoorOutAt},
		{&t.Pathway.NeedleAt, &p.NeedleAt},
		{&t.Pathway.OnsetAt, &p.OnsetAt},
		{&t.Pathway.PCIDoorAt, &p.PCIDoorAt},
		{&t.Pathway.WireAt, &p.WireAt},
		{&t.Pathway.TroponinAt, &p.TroponinAt},
	} {
		if !f.from.IsZero() {
			*f.to = f.from.UTC()
		}
	}
	text, err := json.Marshal(t.Pathway)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `UPDATE tracings SET first_contact_at = $2, pathway = $3 WHERE id = $1`, string(t.ID), record.Micros(t.FirstContactAt), string(text))
	if err != nil {
		return fmt.Errorf("keep pathway: %w", err)
	}
	tx.Emit(record.Event{Act: "tracing.pathway", Institution: t.Institution, Patient: t.Patient, Kind: "tracing", Object: string(t.ID), Outcome: record.Success}.By(s))
	if t.FirstContactAt.IsZero() {
		return nil
	}
	return c.room.Pathway(ctx, tx, t.Case, t.FirstContactAt)
}

// Clocks over the pathway of a tracing, by the county's targets; nil without a first contact.
func (c *Centre) Clocks(ctx context.Context, t Kept) ([]critical.Clock, error) {
	if t.FirstContactAt.IsZero() {
		return nil, nil
	}
	pack, _, err := c.rules.Of(ctx, c.db, t.Centre)
	if err != nil {
		return nil, err
	}
	signed, err := c.room.SignedAt(ctx, t.Case)
	if err != nil {
		return nil, err
	}
	return pack.ChestPain(critical.ChestPainTimes{
		OnsetAt: t.Pathway.OnsetAt, FirstContactAt: t.FirstContactAt, FirstECGAt: t.RecordedAt, DiagnosisAt: signed, TroponinAt: t.Pathway.TroponinAt,
		NeedleAt: t.Pathway.NeedleAt, DoorInAt: t.Pathway.DoorInAt, DoorOutAt: t.Pathway.DoorOutAt, PCIDoorAt: t.Pathway.PCIDoorAt, WireAt: t.Pathway.WireAt,
	}, c.db.Now()), nil
}
