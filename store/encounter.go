// Who is being treated where, and who withdrew consent to sharing: both decide what a Scope reaches.

package store

import (
	"context"
	"fmt"
	"time"

	"github.com/lianzhen/lianzhen/record"
)

// Encounter is a treatment relationship: the patient is at this institution now. It ends when it is closed or expires.
type Encounter struct {
	ID          string
	Patient     record.PatientID
	Institution record.InstitutionID
	Class       string // HL7 v3 ActCode: AMB, IMP, EMER
	VisitNumber string // the institution's own number; empty when it has none
	OpenedAt    time.Time
	ClosedAt    time.Time // zero: open
	ExpiresAt   time.Time
}

// encounterLife is how long an encounter lasts that nobody closes, unless the caller says otherwise.
var encounterLife = map[string]time.Duration{"IMP": 60 * 24 * time.Hour, "EMER": 3 * 24 * time.Hour}

func (e Encounter) filled(now time.Time) Encounter {
	if e.ID == "" {
		e.ID = record.NewID(now)
	}
	if e.Class == "" {
		e.Class = "AMB"
	}
	if e.OpenedAt.IsZero() {
		e.OpenedAt = now
	}
	if e.ExpiresAt.IsZero() {
		life := encounterLife[e.Class]
		if life == 0 {
			life = 7 * 24 * time.Hour
		}
		e.ExpiresAt = e.OpenedAt.Add(life)
	}
	return e
}

// OpenEncounter opens an encounter. The same visit number of the same institution is the same encounter: told again, it
// is open again with the new class and expiry. Another patient under it is a Conflict.
func (tx *Tx) OpenEncounter(ctx context.Context, e Encounter) (Encounter, error) {
	e = e.filled(tx.Now())
	if e.Patient == "" || e.Institution == "" {
		return e, record.Errorf(record.Invalid, "encounter: no patient or institution")
	}
	var patient record.PatientID
	err := tx.QueryRow(ctx, `INSERT INTO encounters (id, patient_id, institution_id, class, visit_number, opened_at, closed_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, 0, $7)
		ON CONFLICT (institution_id, visit_number) WHERE visit_number <> ''
		DO UPDATE SET class = excluded.class, closed_at = 0, expires_at = excluded.expires_at
		RETURNING id, patient_id`,
		e.ID, string(e.Patient), string(e.Institution), e.Class, e.VisitNumber, record.Micros(e.OpenedAt), record.Micros(e.ExpiresAt)).
		Scan(&e.ID, &patient)
	if err != nil {
		return e, fmt.Errorf("encounter: %w", err)
	}
	if patient != e.Patient {
		return e, record.Errorf(record.Conflict, "encounter: the visit number belongs to another patient")
	}
	tx.Emit(record.Event{Act: "encounter.opened", Kind: "encounter", Object: e.ID, Institution: e.Institution, Patient: e.Patient})
	return e, nil
}

// CloseEncounter closes an encounter by its id. Closing twice is no error.
func (tx *Tx) CloseEncounter(ctx context.Context, id string) error {
	var e Encounter
	err := tx.QueryRow(ctx, `UPDATE encounters SET closed_at = CASE WHEN closed_at = 0 THEN $1 ELSE closed_at END
		WHERE id = $2 RETURNING institution_id, patient_id`, record.Micros(tx.Now()), id).Scan(&e.Institution, &e.Patient)
	if err != nil {
		return missing(err, "encounter %s", id)
	}
	tx.Emit(record.Event{Act: "encounter.closed", Kind: "encounter", Object: id, Institution: e.Institution, Patient: e.Patient})
	return nil
}

// CloseVisit closes an encounter by the institution's visit number.
func (tx *Tx) CloseVisit(ctx context.Context, at record.InstitutionID, visit string) error {
	var id string
	err := tx.QueryRow(ctx, `SELECT id FROM encounters WHERE institution_id = $1 AND visit_number = $2 AND visit_number <> ''`,
		string(at), visit).Scan(&id)
	if err != nil {
		return missing(err, "visit at %s", at)
	}
	return tx.CloseEncounter(ctx, id)
}

// Encounters lists the encounters of a patient, the newest first.
func (db *DB) Encounters(ctx context.Context, patient record.PatientID) ([]Encounter, error) {
	type row struct {
		Encounter
		opened, closed, expires int64
	}
	rows, err := List(ctx, db, `SELECT id, patient_id, institution_id, class, visit_number, opened_at, closed_at, expires_at
		FROM encounters WHERE patient_id = $1 ORDER BY opened_at DESC, id DESC LIMIT 1000`, []any{string(patient)},
		func(r *row) []any {
			return []any{&r.ID, &r.Patient, &r.Institution, &r.Class, &r.VisitNumber, &r.opened, &r.closed, &r.expires}
		})
	out := make([]Encounter, len(rows))
	for i, r := range rows {
		r.OpenedAt, r.ClosedAt, r.ExpiresAt = record.FromMicros(r.opened), record.FromMicros(r.closed), record.FromMicros(r.expires)
		out[i] = r.Encounter
	}
	return out, err
}

// WithdrawConsent records that the patient does not want to be shared from now on. Twice is no error.
func (tx *Tx) WithdrawConsent(ctx context.Context, patient record.PatientID) error {
	res, err := tx.Exec(ctx, `INSERT INTO consent_withdrawals (patient_id, withdrawn_at)
		SELECT $1, CAST($2 AS BIGINT) WHERE NOT EXISTS (SELECT 1 FROM consent_withdrawals WHERE patient_id = $1 AND restored_at = 0)
		ON CONFLICT DO NOTHING`, string(patient), record.Micros(tx.Now()))
	return tx.consent("withdrawn", patient, res, err)
}

// RestoreConsent ends the withdrawal. Twice is no error.
func (tx *Tx) RestoreConsent(ctx context.Context, patient record.PatientID) error {
	res, err := tx.Exec(ctx, `UPDATE consent_withdrawals SET restored_at = $1 WHERE patient_id = $2 AND restored_at = 0`,
		record.Micros(tx.Now()), string(patient))
	return tx.consent("restored", patient, res, err)
}

type affected interface{ RowsAffected() (int64, error) }

func (tx *Tx) consent(what string, patient record.PatientID, res affected, err error) error {
	if err != nil {
		return fmt.Errorf("consent %s: %w", what, err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return err
	}
	tx.Emit(record.Event{Act: "consent." + what, Kind: "patient", Object: string(patient), Patient: patient})
	return nil
}

// Withdrawn reports whether the person behind the patient withdrew consent.
func (db *DB) Withdrawn(ctx context.Context, patient record.PatientID) (bool, error) {
	var n int
	err := db.QueryRow(ctx, `SELECT COUNT(*) FROM scope_withdrawals WHERE scope_patient = $1`, string(patient)).Scan(&n)
	return n > 0, err
}
