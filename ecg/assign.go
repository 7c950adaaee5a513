// Assigning: an administrator of the centre says whose tracing it really is.

package ecg

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/lianzhen/lianzhen/reading"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Identity is whose tracing it is, all of it: what is empty is not known.
type Identity struct {
	LocalID   record.Personal
	Name      record.Personal
	IDNumber  record.IDNumber
	BirthDate record.Date
	Sex       record.Sex
}

// Assigned is a tracing after it was assigned.
type Assigned struct {
	Kept
	ReportWithdrawn bool // a signed report was of the other person, and counts no more
}

const (
	leastReason = 4
	mostReason  = 500
)

// Assign gives a tracing to another person. The file stays as it came; what was said of it is kept as a further document, so that reindex
// knows. It is measured and asked about critical values again, since limits depend on age and sex; a signed report is taken back, and the
// case comes back to the worklist. Assigning it back is how it is undone.
func (c *Centre) Assign(ctx context.Context, s record.Scope, id record.ExamID, who Identity, reason string) (Assigned, error) {
	s.RelatedAt = "" // who corrects serves the hospital
	if n := utf8.RuneCountInString(strings.TrimSpace(reason)); n < leastReason || n > mostReason || !utf8.ValidString(reason) {
		return Assigned{}, record.Errorf(record.Invalid, "reason: want %d to %d characters", leastReason, mostReason)
	}
	args := []any{string(id)}
	all, err := c.getWhere(ctx, "t.id = $1 AND "+c.db.ScopeSQL(s, "t.institution_id", "", &args), args)
	if err != nil {
		return Assigned{}, err
	}
	if len(all) == 0 {
		return Assigned{}, record.Errorf(record.NotFound, "no tracing %s", id)
	}
	if who.LocalID == "" && who.IDNumber == "" || who.Name == "" {
		return Assigned{}, record.Errorf(record.Invalid, "a name and a patient number or identity number are needed")
	}
	taken, err := c.assign(ctx, s, all[0], who, reason)
	if err != nil {
		return Assigned{}, err
	}
	all, err = c.getWhere(ctx, "t.id = $1", []any{string(id)}) // whoever it is now, also one who has withdrawn consent
	if err != nil || len(all) == 0 {
		return Assigned{}, err
	}
	t := all[0]
	return Assigned{t, taken}, c.reads.Note(ctx, s, record.Event{
		Act: "tracing.read", Institution: t.Institution, Patient: t.Patient, Kind: "tracing", Object: string(id),
	})
}

// Follow assigns the tracing of a DICOM object, where there is one, after its study was corrected.
func (c *Centre) Follow(ctx context.Context, s record.Scope, institution record.InstitutionID, sopUID string, who Identity, reason string) error {
	all, err := c.getWhere(ctx, "t.institution_id = $1 AND t.sop_uid = $2", []any{string(institution), sopUID})
	if err != nil {
		return err
	}
	for _, t := range all {
		if _, err := c.assign(ctx, s, t, who, reason); err != nil {
			return err
		}
	}
	return nil
}

func (c *Centre) assign(ctx context.Context, s record.Scope, t Kept, who Identity, reason string) (taken bool, err error) {
	was, _, err := c.readSaid(ctx, t.said)
	if err != nil {
		return false, err
	}
	was.Whole = true
	was.LocalID, was.Name, was.IDNumber, was.BirthDate, was.Sex = who.LocalID, who.Name, who.IDNumber, who.BirthDate, who.Sex
	a, err := c.again(ctx, t, was)
	if err != nil {
		return false, err
	}
	a.scope = s
	a.saidKey = a.site.group(t.ID) + "/" + record.NewID(c.db.Now()) + saidExtension
	if err := c.putSaid(ctx, a.saidKey, a); err != nil {
		return false, fmt.Errorf("keep whose it is: %w", err)
	}
	err = c.db.Tx(ctx, func(tx *store.Tx) error {
		tx.As(s)
		if err := tx.Lock(ctx, "tracing:"+string(t.ID)); err != nil {
			return err
		}
		taken, err = c.assignIn(ctx, tx, s, t, a, reason)
		return err
	})
	if err != nil && record.KindOf(err) != record.Unavailable && record.KindOf(err) != record.Internal { // nothing of it stays
		_ = c.blobs.Delete(ctx, a.saidKey)
	}
	return taken, err
}

// again reads a kept tracing as if it arrived with something else said.
func (c *Centre) again(ctx context.Context, t Kept, said Said) (*arrival, error) {
	centres, err := c.db.Centres(ctx)
	if err != nil {
		return nil, err
	}
	a := &arrival{id: t.ID, said: said, sopUID: t.SOPUID, key: t.key, size: t.Size, sha256: t.SHA256, receivedAt: t.ReceivedAt, caseID: t.Case}
	for _, x := range centres {
		if x.ID == t.Centre {
			a.site = site{t.Institution, x}
		}
	}
	rec, err := c.recording(ctx, t)
	if err != nil {
		return nil, err
	}
	if err := c.readRecording(a, rec); err != nil {
		return nil, err
	}
	if t.Ambulatory && t.State != pending { // what was summed up of the samples stays true
		a.analysis, a.state = t.analysis, t.State
	}
	return a, nil
}

func (c *Centre) assignIn(ctx context.Context, tx *store.Tx, s record.Scope, t Kept, a *arrival, reason string) (bool, error) {
	m, err := tx.MatchPatient(ctx, a.facts.who)
	if err != nil {
		return false, fmt.Errorf("match patient: %w", err)
	}
	f := a.facts
	name, latin := f.who.Name.Reveal(), f.who.Latin.Reveal()
	res, err := tx.Exec(ctx, `UPDATE tracings SET patient_id = $2, grade = $3, local_number = $4, name = $5, name_key = $6, birth_date = $7, sex = $8,
		age_years = $9, said_key = $10 WHERE id = $1 AND said_key = $11`,
		string(t.ID), string(m.Patient), string(m.Grade), f.who.LocalID.Reveal(), name, store.NameKey(name, latin), f.who.BirthDate.String(),
		string(f.who.Sex), f.ageYears, a.saidKey, t.said)
	if err != nil {
		return false, err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		if err == nil {
			err = record.Errorf(record.Conflict, "tracing %s was assigned by somebody else; look again", t.ID)
		}
		return false, err
	}
	if err := putTerms(ctx, tx, t.ID, nameTerm, nameTerms(name, latin)); err != nil {
		return false, err
	}
	if err := putAnalysis(ctx, tx, a); err != nil {
		return false, err
	}
	e := a.exam(m)
	e.FirstContactAt = t.FirstContactAt
	id, taken, err := c.room.Correct(ctx, tx, s, reading.Correction{Exam: e, ClinicalInfo: f.clinicalInfo, Reason: reason})
	if err != nil {
		return false, err
	}
	if _, err := c.alarm(ctx, tx, a, m.Patient, id); err != nil {
		return false, err
	}
	tx.Emit(record.Event{
		Act: "tracing.corrected", Institution: t.Institution, Patient: m.Patient, Kind: "tracing", Object: string(t.ID), Outcome: record.Success,
		Detail: map[string]string{"patient_before": string(t.Patient)},
	}.By(s))
	return taken, nil
}

// Readers lists who has opened a tracing in the last 90 days, and must be told when it was another person's.
func (c *Centre) Readers(ctx context.Context, s record.Scope, id record.ExamID) ([]reading.Reader, error) {
	s.RelatedAt = ""
	t, err := c.Get(ctx, s, id)
	if err != nil {
		return nil, err
	}
	return c.room.Readers(ctx, t.ID, "tracing.read", "tracing.exported")
}
