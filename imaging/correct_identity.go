// What a study is before and after a correction, and how that is kept.

package imaging

import (
	"context"
	"database/sql"
	"errors"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

func identityOf(st Study) Identity {
	return Identity{
		Study: st.ID, UID: st.UID, Patient: st.Patient, LocalNumber: st.LocalNumber, Name: st.Name, BirthDate: st.BirthDate, Sex: st.Sex,
		Accession: st.Accession, NumSeries: st.NumSeries, Instances: st.Instances,
	}
}

// keptIdentity is an Identity as documents keep it, where personal data must be readable again.
type keptIdentity struct {
	Study     record.ExamID    `json:"study_id"`
	UID       string           `json:"study_uid"`
	Patient   record.PatientID `json:"patient_id"`
	Number    string           `json:"number"`
	Name      string           `json:"name"`
	BirthDate string           `json:"birth_date"`
	Sex       record.Sex       `json:"sex"`
	Accession string           `json:"accession"`
	Series    int              `json:"series"`
	Instances int              `json:"instances"`
}

func (i Identity) kept() keptIdentity {
	return keptIdentity{i.Study, i.UID, i.Patient, i.LocalNumber.Reveal(), i.Name.Reveal(), i.BirthDate, i.Sex, i.Accession, i.NumSeries, i.Instances}
}

func identities(all []keptIdentity) []Identity {
	var out []Identity
	for _, k := range all {
		out = append(out, Identity{
			k.Study, k.UID, k.Patient, record.Personal(k.Number), record.Personal(k.Name), k.BirthDate, k.Sex, k.Accession, k.Series, k.Instances,
		})
	}
	return out
}

func (i Identity) named() bool { return i.Study != "" }

// correctionDetails are what blobs do not tell of a correction.
type correctionDetails struct {
	After  []keptIdentity `json:"after,omitempty"`
	States []keptState    `json:"states,omitempty"`
}

// keptState is what objects do not tell of a study.
type keptState struct {
	Study    record.ExamID    `json:"study_id"`
	Patient  record.PatientID `json:"patient_id"`
	Grade    record.Grade     `json:"grade"`
	Open     int              `json:"open"`
	Expected int              `json:"expected"`
	Priority string           `json:"priority"`
	Info     string           `json:"clinical_info"`
	Case     string           `json:"case_id"`
	FirstAt  int64            `json:"first_at"`
	LastAt   int64            `json:"last_at"`
}

// stateOf reads the state of a study, nil where there is none.
func stateOf(ctx context.Context, tx *store.Tx, id record.ExamID) (*keptState, error) {
	s := &keptState{Study: id}
	err := tx.QueryRow(ctx, `SELECT patient_id, grade, open, expected, priority, clinical_info, case_id, first_at, last_at FROM studies WHERE id = $1`,
		string(id)).Scan(&s.Patient, &s.Grade, &s.Open, &s.Expected, &s.Priority, &s.Info, &s.Case, &s.FirstAt, &s.LastAt)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return s, err
}

func (s *keptState) restore(ctx context.Context, tx *store.Tx) error {
	_, err := tx.Exec(ctx, `UPDATE studies SET open = $2, expected = $3, priority = $4, clinical_info = $5, first_at = $6, last_at = $7, case_id = $8
		WHERE id = $1`, string(s.Study), s.Open, s.Expected, s.Priority, s.Info, s.FirstAt, s.LastAt, s.Case)
	return err
}

func identityIn(ctx context.Context, tx *store.Tx, id record.ExamID) (Identity, error) {
	st, err := scanStudy(tx.QueryRow(ctx, "SELECT "+studyColumns+" FROM studies st WHERE st.id = $1", string(id)).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return Identity{}, nil
	}
	return identityOf(st), err
}
