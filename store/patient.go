// Patients: rows, search, and the links that a person decides.

package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/record"
)

// Identifier is a number that an institution gave to a patient.
type Identifier struct {
	Issuer  record.InstitutionID
	LocalID record.Personal
}

// Patient is one person as far as certain identity reaches.
type Patient struct {
	ID          record.PatientID
	Person      record.PatientID // the same for patients that a person declared to be the same
	Name        record.Personal
	Latin       record.Personal
	BirthDate   record.Date
	Sex         record.Sex
	IDNumber    record.IDNumber
	Identifiers []Identifier
	CreatedAt   time.Time
}

// LinkState says what a person decided about a pair of patients.
type LinkState string

// The states of a link.
const (
	LinkOpen      LinkState = "open"
	LinkSame      LinkState = "same"
	LinkDifferent LinkState = "different"
)

// Link is a pair of patients that a person should look at. Patient was made after Other, by what Reason says.
type Link struct {
	Patient, Other record.PatientID
	Reason         string
	State          LinkState
	DecidedBy      string
	DecidedAt      time.Time
	CreatedAt      time.Time
}

const (
	systemNational = "cn-id"
	systemLocal    = "local:"
	systemKnown    = "known:" // + institution: it registered or examined the patient; the value is the patient
)

type patientRow struct {
	Patient
	birth, sealed string
	created       int64
}

const patientColumns = `id, person, name, latin, birth_date, sex, id_sealed, created_at`

func (r *patientRow) fields() []any {
	return []any{&r.ID, &r.Person, &r.Name, &r.Latin, &r.birth, &r.Sex, &r.sealed, &r.created}
}

// patient finishes a row. A number sealed with a key that is not here stays hidden; the patient is still found.
func (r *patientRow) patient(keys *Keys) Patient {
	r.BirthDate, _ = record.ParseDate(r.birth)
	r.CreatedAt = record.FromMicros(r.created)
	if r.sealed != "" && keys != nil {
		if plain, err := keys.Open(r.sealed, sealedFor(r.ID)); err == nil {
			r.IDNumber = record.IDNumber(plain)
		}
	}
	return r.Patient
}

func sealedFor(id record.PatientID) string { return "patient:" + string(id) }

// Patient reads one patient with the identifiers. The caller has admitted the reader already.
func (db *DB) Patient(ctx context.Context, id record.PatientID) (Patient, error) {
	var r patientRow
	err := db.QueryRow(ctx, `SELECT `+patientColumns+` FROM patients WHERE id = $1`, string(id)).Scan(r.fields()...)
	if err != nil {
		return Patient{}, missing(err, "patient %s", id)
	}
	p := r.patient(db.keys)
	type pair struct{ system, value string }
	pairs, err := List(ctx, db, `SELECT system, value FROM patient_identifiers WHERE patient_id = $1 ORDER BY system, value`,
		[]any{string(id)}, func(x *pair) []any { return []any{&x.system, &x.value} })
	for _, x := range pairs {
		if issuer, ok := strings.CutPrefix(x.system, systemLocal); ok {
			p.Identifiers = append(p.Identifiers, Identifier{record.InstitutionID(issuer), record.Personal(x.value)})
		}
	}
	return p, err
}

// PatientIn is Patient for those whom the scope reaches: known at one of its institutions, or treated at RelatedAt. All
// others are NotFound, as if they were not there.
func (db *DB) PatientIn(ctx context.Context, s record.Scope, id record.PatientID) (Patient, error) {
	args := []any{string(id), systemKnown}
	at, related := s, s
	at.RelatedAt, related.Institutions = "", nil
	query := fmt.Sprintf(`SELECT COUNT(*) FROM patients p WHERE p.id = $1 AND (%s OR EXISTS (
		SELECT 1 FROM patient_identifiers i WHERE i.patient_id = p.id AND substr(i.system, 1, 6) = $2 AND %s))`,
		db.ScopeSQL(related, "''", "p.id", &args), db.ScopeSQL(at, "substr(i.system, 7)", "p.id", &args))
	var n int
	if err := db.QueryRow(ctx, query, args...).Scan(&n); err != nil {
		return Patient{}, fmt.Errorf("reach patient: %w", err)
	}
	if n == 0 {
		return Patient{}, record.Errorf(record.NotFound, "patient %s", id)
	}
	return db.Patient(ctx, id)
}

// KnownAt reports whether the institution itself registered or examined the patient.
func (db *DB) KnownAt(ctx context.Context, id record.PatientID, at record.InstitutionID) (bool, error) {
	var n int
	err := db.QueryRow(ctx, `SELECT COUNT(*) FROM patient_identifiers WHERE system = $1 AND value = $2 AND patient_id = $2`,
		systemKnown+string(at), string(id)).Scan(&n)
	return n > 0, err
}

// PatientQuery says which patients to find. At least one of IDNumber, LocalID, Name and BirthDate must be given.
type PatientQuery struct {
	IDNumber  record.IDNumber
	Issuer    record.InstitutionID // with LocalID; empty for any
	LocalID   record.Personal
	Name      record.Personal // the beginning of the name
	BirthDate record.Date
	Sex       record.Sex
	Page      Page
}

// FindPatients finds patients inside the scope: those who have an identifier, an encounter or a result at an institution
// that the scope reaches.
func (db *DB) FindPatients(ctx context.Context, scope record.Scope, q PatientQuery) ([]Patient, error) {
	args := []any{q.Page.After}
	conds := []string{"p.id > $1"}
	add := func(format string, v any) {
		args = append(args, v)
		conds = append(conds, fmt.Sprintf(format, len(args)))
	}
	if q.IDNumber != "" {
		if db.keys == nil {
			return nil, errNoKeys
		}
		add(`p.id IN (SELECT patient_id FROM patient_identifiers WHERE system = 'cn-id' AND value = $%d)`, db.keys.Index(systemNational, q.IDNumber.Reveal()))
	}
	if q.LocalID != "" {
		cond := `p.id IN (SELECT patient_id FROM patient_identifiers WHERE value = $%d AND system <> 'cn-id')`
		if q.Issuer != "" {
			args = append(args, systemLocal+string(q.Issuer))
			cond = fmt.Sprintf(`p.id IN (SELECT patient_id FROM patient_identifiers WHERE system = $%d AND value = $%%d)`, len(args))
		}
		add(cond, q.LocalID.Reveal())
	}
	if key := foldName(q.Name.Reveal()); key != "" {
		add(`p.name_key LIKE $%d ESCAPE '\'`, LikeText(key)+"%")
	}
	if !q.BirthDate.IsZero() {
		add("p.birth_date = $%d", q.BirthDate.String())
	}
	if len(conds) == 1 {
		return nil, record.Errorf(record.Invalid, "patient search: nothing to search for")
	}
	if q.Sex != "" {
		add("p.sex = $%d", string(q.Sex))
	}
	conds = append(conds, db.knownTo(scope, &args))
	args = append(args, q.Page.limit())
	query := fmt.Sprintf(`SELECT p.id, p.person, p.name, p.latin, p.birth_date, p.sex, p.id_sealed, p.created_at
		FROM patients p WHERE %s ORDER BY p.id LIMIT $%d`, strings.Join(conds, " AND "), len(args))
	rows, err := List(ctx, db, query, args, func(r *patientRow) []any { return r.fields() })
	if err != nil {
		return nil, fmt.Errorf("find patients: %w", err)
	}
	out := make([]Patient, len(rows))
	for i := range rows {
		out[i] = rows[i].patient(db.keys)
	}
	return out, nil
}

// knownTo is the scope for rows of patients, which belong to no single institution.
func (db *DB) knownTo(scope record.Scope, args *[]any) string {
	if scope.All {
		return db.ScopeSQL(scope, "''", "p.id", args)
	}
	related := scope
	related.Institutions = nil
	at := scope
	at.RelatedAt = ""
	return fmt.Sprintf(`(EXISTS (SELECT 1 FROM patient_identifiers i WHERE i.patient_id = p.id AND %s)
		OR EXISTS (SELECT 1 FROM encounters e WHERE e.patient_id = p.id AND %s)
		OR EXISTS (SELECT 1 FROM results r WHERE r.patient_id = p.id AND %s) OR %s)`,
		db.ScopeSQL(at, "substr(i.system, 7)", "p.id", args), db.ScopeSQL(at, "e.institution_id", "p.id", args),
		db.ScopeSQL(at, "r.institution_id", "p.id", args), db.ScopeSQL(related, "''", "p.id", args))
}

type linkRow struct {
	Link
	decided, created int64
}

const linkRowColumns = `patient_id, other_id, reason, state, decided_by, decided_at, created_at`

func (r *linkRow) fields() []any {
	return []any{&r.Patient, &r.Other, &r.Reason, &r.State, &r.DecidedBy, &r.decided, &r.created}
}

// Links lists the pairs of a patient; with an empty id all open pairs, the oldest first, at most 500.
func (db *DB) Links(ctx context.Context, id record.PatientID) ([]Link, error) {
	where, args := `patient_id = $1 OR other_id = $1`, []any{string(id)}
	if id == "" {
		where, args = `state = 'open'`, nil
	}
	rows, err := List(ctx, db, `SELECT `+linkRowColumns+` FROM patient_links WHERE `+where+` ORDER BY created_at, patient_id LIMIT 500`,
		args, func(r *linkRow) []any { return r.fields() })
	out := make([]Link, len(rows))
	for i, r := range rows {
		r.DecidedAt, r.CreatedAt = record.FromMicros(r.decided), record.FromMicros(r.created)
		out[i] = r.Link
	}
	return out, err
}

// LinkPatients puts a pair of patients before a person, once: a decision already made stays.
func (tx *Tx) LinkPatients(ctx context.Context, patient, other record.PatientID, reason string) error {
	m := matcher{tx: tx}
	return m.link(ctx, patient, other, reason)
}

// DecideLink records what a person decided about a pair: LinkSame or LinkDifferent. Nothing is moved or rewritten:
// patients declared the same get the same Person, which ResultsOf and ScopeSQL follow, and a later "different" undoes it.
func (tx *Tx) DecideLink(ctx context.Context, patient, other record.PatientID, state LinkState, by record.UserID) error {
	if state != LinkSame && state != LinkDifferent {
		return record.Errorf(record.Invalid, "link: want same or different")
	}
	if err := tx.Lock(ctx, "patient-links"); err != nil {
		return err
	}
	res, err := tx.Exec(ctx, `UPDATE patient_links SET state = $1, decided_by = $2, decided_at = $3
		WHERE (patient_id = $4 AND other_id = $5) OR (patient_id = $5 AND other_id = $4)`,
		string(state), string(by), record.Micros(tx.Now()), string(patient), string(other))
	if err != nil {
		return fmt.Errorf("decide link: %w", err)
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, record.Errorf(record.NotFound, "no link of %s and %s", patient, other))
	}
	for _, id := range []record.PatientID{patient, other} {
		if err := tx.setPerson(ctx, id); err != nil {
			return fmt.Errorf("decide link: %w", err)
		}
		confirmed, err := tx.confirm(ctx, id)
		if err != nil {
			return fmt.Errorf("decide link: %w", err)
		}
		tx.Emit(record.Event{
			Act: "patient.link_decided", Kind: "patient", Object: string(id), Patient: id,
			Detail: map[string]string{"state": string(state), "by": string(by), "results_confirmed": fmt.Sprint(confirmed)},
		})
	}
	return nil
}

// confirm makes results certain whose patient has an identifier and no question left: a person has said who it is.
func (tx *Tx) confirm(ctx context.Context, id record.PatientID) (int64, error) {
	res, err := tx.Exec(ctx, `UPDATE results SET grade = 'certain' WHERE patient_id = $1 AND grade = 'probable'
		AND EXISTS (SELECT 1 FROM patient_identifiers i WHERE i.patient_id = $1 AND substr(i.system, 1, 6) <> $2)
		AND NOT EXISTS (SELECT 1 FROM patient_links l WHERE l.state = 'open' AND (l.patient_id = $1 OR l.other_id = $1))`,
		string(id), systemKnown)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// setPerson gives all patients that are the same as id, directly or through others, the smallest of their ids as person.
func (tx *Tx) setPerson(ctx context.Context, id record.PatientID) error {
	group := map[record.PatientID]bool{id: true}
	person := id
	for todo := []record.PatientID{id}; len(todo) > 0; {
		at := todo[0]
		todo = todo[1:]
		person = min(person, at)
		next, err := List(ctx, tx, `SELECT other_id FROM patient_links WHERE patient_id = $1 AND state = 'same'
			UNION SELECT patient_id FROM patient_links WHERE other_id = $1 AND state = 'same'`, []any{string(at)},
			func(p *record.PatientID) []any { return []any{p} })
		if err != nil {
			return err
		}
		for _, n := range next {
			if !group[n] {
				group[n] = true
				todo = append(todo, n)
			}
		}
	}
	for member := range group {
		if _, err := tx.Exec(ctx, `UPDATE patients SET person = $1 WHERE id = $2`, string(person), string(member)); err != nil {
			return err
		}
	}
	return nil
}
