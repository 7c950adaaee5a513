// Whose examination is it: certain, probable, or a new patient. The machine never merges.

package store

import (
	"context"
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/text/width"

	"github.com/lianzhen/lianzhen/record"
)

// Match is the answer of MatchPatient.
type Match struct {
	Patient record.PatientID
	Grade   record.Grade
	Created bool
	Reason  string // why; no personal data
}

// Why a match is as it is, and why two patients are linked.
const (
	reasonNational   = "identity number known"
	reasonLocal      = "local id known"
	reasonNew        = "not known before"
	reasonNoID       = "no identifier"
	reasonReused     = "local id reused or wrong person"
	reasonSameDemo   = "same demographics"
	reasonNumberOdd  = "identity number contradicts birth date or sex"
	reasonTwoNumbers = "identifiers belong to two patients"
	reasonOtherName  = "identity number with another name"
)

var errNoKeys = record.Errorf(record.Precondition, "identity numbers need keys")

// MatchPatient finds the patient of a new examination, or makes one:
//
//	identity number                known, birth date and sex agree    that patient            certain
//	identity number                known, with another name           not trusted, see below  probable, link to its patient
//	identity number                contradicts the birth date or sex  not trusted, see below  probable, link to its patient
//	local id of the same issuer    known, demographics agree          that patient            certain
//	local id of the same issuer    known, demographics contradict     new patient             probable, link
//	neither known, name + birth date + sex of another patient         new patient             certain for itself, link
//	nothing known                                                     new patient             certain for itself
//	no identifier at all                                              new patient each time   probable
//
// A new patient that was sent with an identifier is certain for itself: its own number names it. That it may be
// somebody whom we know already stands in the link until a person decides; until then nothing is shared between them.
// As long as an identifier belongs to two patients whose link is open, its matches are probable. What the found patient
// lacked (an identity number, a birth date, a name) is filled in by a certain match and never replaced.
//
// Calls with the same identifiers or the same demographics follow each other, so that two senders at once make one patient.
func (tx *Tx) MatchPatient(ctx context.Context, d record.Demographics) (Match, error) {
	m := matcher{tx: tx, d: d, nameKey: foldName(d.Name.Reveal())}
	match, err := m.match(ctx)
	if err == nil && d.Issuer != "" {
		err = m.identify(ctx, match.Patient, systemKnown+string(d.Issuer), string(match.Patient))
	}
	if err != nil {
		return Match{}, fmt.Errorf("match patient: %w", err)
	}
	return match, nil
}

type matcher struct {
	tx      *Tx
	d       record.Demographics
	nameKey string
	local   string // system of the local id, "" without one
	index   string // blind index of the trusted identity number, "" without one
	odd     string // blind index of a number that contradicts, "" otherwise

	oddReason string // what it contradicts
	sentBirth record.Date
	sentSex   record.Sex
}

func (m *matcher) match(ctx context.Context) (Match, error) {
	if err := m.prepare(); err != nil {
		return Match{}, err
	}
	if err := m.tx.Lock(ctx, m.locks()...); err != nil {
		return Match{}, err
	}
	if m.index != "" {
		if found, ok, err := m.byNumber(ctx); ok || err != nil {
			return found, err
		}
	}
	if m.local != "" {
		if found, ok, err := m.byLocal(ctx); ok || err != nil {
			return found, err
		}
	}
	return m.byDemographics(ctx)
}

func (m *matcher) prepare() error {
	d := &m.d
	if d.LocalID != "" && d.Issuer == "" {
		return record.Errorf(record.Invalid, "local id without an issuer")
	}
	if d.LocalID != "" {
		m.local = systemLocal + string(d.Issuer)
		d.LocalID = record.Personal(clean(strings.TrimSpace(d.LocalID.Reveal())))
		if d.LocalID == "" {
			m.local = ""
		}
	}
	d.Name, d.Latin = record.Personal(clean(d.Name.Reveal())), record.Personal(clean(d.Latin.Reveal()))
	if d.IDNumber == "" {
		return nil
	}
	if m.tx.db.keys == nil {
		return errNoKeys
	}
	number, err := record.ParseIDNumber(d.IDNumber.Reveal())
	if err != nil {
		return err
	}
	index := m.tx.db.keys.Index(systemNational, number.Reveal())
	if differ(d.BirthDate.String(), number.BirthDate().String()) || differ(sexed(d.Sex), sexed(number.Sex())) {
		m.odd, m.oddReason, d.IDNumber = index, reasonNumberOdd, ""
		return nil
	}
	m.sentBirth, m.sentSex = d.BirthDate, d.Sex
	m.index, d.IDNumber, d.BirthDate = index, number, number.BirthDate()
	if d.Sex == record.SexUnknown {
		d.Sex = number.Sex()
	}
	return nil
}

// sexed leaves out what no document can contradict.
func sexed(s record.Sex) string {
	if s == record.OtherSex {
		return ""
	}
	return string(s)
}

func differ(a, b string) bool { return a != "" && b != "" && a != b }

func (m *matcher) locks() []string {
	var names []string
	if m.index != "" {
		names = append(names, "patient/"+m.index)
	}
	if m.local != "" {
		names = append(names, "patient/"+m.local+"/"+m.d.LocalID.Reveal())
	}
	if m.comparable() {
		names = append(names, "patient/"+m.nameKey+"/"+m.d.BirthDate.String()+string(m.d.Sex))
	}
	return names
}

func (m *matcher) comparable() bool {
	return m.nameKey != "" && !m.d.BirthDate.IsZero() && m.d.Sex != record.SexUnknown
}

const heldColumns = `p.id, p.person, p.name, p.latin, p.birth_date, p.sex, p.id_sealed, p.created_at`

// holders are the patients that have an identifier, the oldest first.
func (m *matcher) holders(ctx context.Context, system, value string) ([]patientRow, error) {
	return List(ctx, m.tx, `SELECT `+heldColumns+` FROM patient_identifiers i JOIN patients p ON p.id = i.patient_id
		WHERE i.system = $1 AND i.value = $2 ORDER BY p.id`, []any{system, value}, func(r *patientRow) []any { return r.fields() })
}

func (m *matcher) byNumber(ctx context.Context) (Match, bool, error) {
	held, err := m.holders(ctx, systemNational, m.index)
	if err != nil {
		return Match{}, false, err
	}
	var other *patientRow // has the number and another name
	for i := range held {
		r := &held[i]
		if differ(r.birth, m.d.BirthDate.String()) || differ(sexed(r.Sex), sexed(m.d.Sex)) {
			continue // cannot be: both agree with the number. A row edited by hand is not trusted
		}
		if same, known := sameName(m.d.Name, m.d.Latin, r.Name, r.Latin); same || !known {
			return m.byNumberOf(ctx, r)
		}
		if other == nil {
			other = r
		}
	}
	if other == nil {
		return Match{}, false, nil
	}
	renamed, err := m.renamed(ctx, other)
	if err != nil {
		return Match{}, false, err
	}
	if renamed != nil {
		return m.byNumberOf(ctx, renamed)
	}
	m.distrust()
	return Match{}, false, nil
}

// renamed is the patient of the name that was sent whom a person has called the same as r, nil where there is none.
func (m *matcher) renamed(ctx context.Context, r *patientRow) (*patientRow, error) {
	group, err := List(ctx, m.tx, `SELECT `+heldColumns+` FROM patients p WHERE p.person = $1 AND p.id <> $2 ORDER BY p.id`,
		[]any{string(r.Person), string(r.ID)}, func(r *patientRow) []any { return r.fields() })
	if err != nil {
		return nil, err
	}
	for i := range group {
		if same, _ := sameName(m.d.Name, m.d.Latin, group[i].Name, group[i].Latin); same {
			return &group[i], nil
		}
	}
	return nil, nil
}

// distrust goes on without the number: it names another person, so the card was borrowed or mistaken. What was read from
// it goes too.
func (m *matcher) distrust() {
	m.odd, m.oddReason, m.index, m.d.IDNumber = m.index, reasonOtherName, "", ""
	m.d.BirthDate, m.d.Sex = m.sentBirth, m.sentSex
}

// byNumberOf takes r, certain unless a person has still to say whose the number is.
func (m *matcher) byNumberOf(ctx context.Context, r *patientRow) (Match, bool, error) {
	found := Match{Patient: r.ID, Grade: record.Certain, Reason: reasonNational}
	var open int
	err := m.tx.QueryRow(ctx, `SELECT COUNT(*) FROM patient_links WHERE state = 'open' AND reason = $2 AND (patient_id = $1 OR other_id = $1)`,
		string(r.ID), reasonOtherName).Scan(&open)
	if err != nil {
		return Match{}, false, err
	}
	if open > 0 {
		found.Grade, found.Reason = record.Probable, reasonOtherName
		return found, true, nil
	}
	if err := m.learn(ctx, r); err != nil {
		return Match{}, false, err
	}
	return found, true, m.claimLocal(ctx, found.Patient)
}

// claimLocal adds the local id to a patient known by number. When it belongs to another patient already, that stays so
// and a person looks at the pair.
func (m *matcher) claimLocal(ctx context.Context, id record.PatientID) error {
	if m.local == "" {
		return nil
	}
	held, err := m.holders(ctx, m.local, m.d.LocalID.Reveal())
	if err != nil {
		return err
	}
	if len(held) == 0 {
		return m.identify(ctx, id, m.local, m.d.LocalID.Reveal())
	}
	for i := range held {
		if held[i].ID == id {
			return nil
		}
	}
	return m.link(ctx, id, held[0].ID, reasonTwoNumbers)
}

func (m *matcher) byLocal(ctx context.Context) (Match, bool, error) {
	held, err := m.holders(ctx, m.local, m.d.LocalID.Reveal())
	if err != nil || len(held) == 0 {
		return Match{}, false, err
	}
	best, agreed := -1, -1
	for i := range held {
		if n, ok := m.agrees(&held[i]); ok && n > agreed {
			best, agreed = i, n
		}
	}
	if best < 0 {
		return m.contradicted(ctx, held[0].ID)
	}
	found := Match{Patient: held[best].ID, Grade: record.Certain, Reason: reasonLocal}
	open, err := m.disputed(ctx, found.Patient, held)
	if err != nil {
		return Match{}, false, err
	}
	switch {
	case open:
		found.Grade, found.Reason = record.Probable, reasonReused
	case m.odd != "":
		found.Grade, found.Reason = record.Probable, m.oddReason
	default:
		if err := m.learn(ctx, &held[best]); err != nil {
			return Match{}, false, err
		}
	}
	return found, true, m.linkOdd(ctx, found.Patient)
}

// contradicted makes a new patient under a local id that somebody else has.
func (m *matcher) contradicted(ctx context.Context, holder record.PatientID) (Match, bool, error) {
	match, err := m.create(ctx, record.Probable, reasonReused)
	if err != nil {
		return Match{}, false, err
	}
	if err := m.link(ctx, match.Patient, holder, reasonReused); err != nil {
		return Match{}, false, err
	}
	return match, true, m.linkOdd(ctx, match.Patient)
}

// disputed reports whether a patient shares its local id with another and nobody has decided who is who.
func (m *matcher) disputed(ctx context.Context, id record.PatientID, held []patientRow) (bool, error) {
	for i := range held {
		if held[i].ID == id {
			continue // nobody is in question with itself
		}
		var n int
		err := m.tx.QueryRow(ctx, `SELECT COUNT(*) FROM patient_links WHERE state = 'open'
			AND ((patient_id = $1 AND other_id = $2) OR (patient_id = $2 AND other_id = $1))`,
			string(id), string(held[i].ID)).Scan(&n)
		if err != nil || n > 0 {
			return n > 0, err
		}
	}
	return false, nil
}

// agrees compares what was sent with a patient: how many details are equal, and whether none contradicts.
func (m *matcher) agrees(r *patientRow) (int, bool) {
	if m.index != "" && r.sealed != "" {
		return 0, false // it has a number, and byNumber has shown that it is another
	}
	n := 0
	for _, pair := range [][2]string{{r.birth, m.d.BirthDate.String()}, {string(r.Sex), string(m.d.Sex)}} {
		if differ(pair[0], pair[1]) {
			return 0, false
		}
		if pair[0] != "" && pair[0] == pair[1] {
			n++
		}
	}
	same, known := sameName(m.d.Name, m.d.Latin, r.Name, r.Latin)
	if known && !same {
		return 0, false
	}
	if same {
		n++
	}
	return n, true
}

func (m *matcher) byDemographics(ctx context.Context) (Match, error) {
	grade, reason := record.Certain, reasonNew
	switch {
	case m.odd != "":
		grade, reason = record.Probable, m.oddReason
	case m.local == "" && m.index == "":
		grade, reason = record.Probable, reasonNoID
	}
	var alike []patientRow
	if m.comparable() {
		var err error
		alike, err = List(ctx, m.tx, `SELECT `+heldColumns+` FROM patients p WHERE name_key = $1 AND birth_date = $2 AND sex = $3
			ORDER BY p.id LIMIT 5`, []any{m.nameKey, m.d.BirthDate.String(), string(m.d.Sex)},
			func(r *patientRow) []any { return r.fields() })
		if err != nil {
			return Match{}, err
		}
	}
	match, err := m.create(ctx, grade, reason)
	if err != nil {
		return Match{}, err
	}
	for i := range alike {
		if m.index != "" && alike[i].sealed != "" {
			continue // two identity numbers are two persons
		}
		if err := m.link(ctx, match.Patient, alike[i].ID, reasonSameDemo); err != nil {
			return Match{}, err
		}
		if match.Reason == reasonNew {
			match.Reason = reasonSameDemo
		}
	}
	return match, m.linkOdd(ctx, match.Patient)
}

// create keeps what was sent as a new patient.
func (m *matcher) create(ctx context.Context, grade record.Grade, reason string) (Match, error) {
	now := m.tx.Now()
	id := record.PatientID(record.NewID(now))
	sealed := ""
	if m.index != "" {
		sealed = m.tx.db.keys.Seal([]byte(m.d.IDNumber.Reveal()), sealedFor(id))
	}
	_, err := m.tx.Exec(ctx, `INSERT INTO patients (id, person, name, name_key, latin, birth_date, sex, id_sealed, created_at)
		VALUES ($1, $1, $2, $3, $4, $5, $6, $7, $8)`, string(id), m.d.Name.Reveal(), m.nameKey, m.d.Latin.Reveal(),
		m.d.BirthDate.String(), string(m.d.Sex), sealed, record.Micros(now))
	if err == nil && m.index != "" {
		err = m.identify(ctx, id, systemNational, m.index)
	}
	if err == nil && m.local != "" {
		err = m.identify(ctx, id, m.local, m.d.LocalID.Reveal())
	}
	if err != nil {
		return Match{}, err
	}
	m.tx.Emit(record.Event{
		Act: "patient.created", Kind: "patient", Object: string(id), Patient: id, Institution: m.d.Issuer,
		Detail: map[string]string{"grade": string(grade), "reason": reason},
	})
	return Match{Patient: id, Grade: grade, Created: true, Reason: reason}, nil
}

// learn fills in what the found patient lacked.
func (m *matcher) learn(ctx context.Context, r *patientRow) error {
	sealed := ""
	if m.index != "" && r.sealed == "" {
		sealed = m.tx.db.keys.Seal([]byte(m.d.IDNumber.Reveal()), sealedFor(r.ID))
		if err := m.identify(ctx, r.ID, systemNational, m.index); err != nil {
			return err
		}
	}
	news := sealed != "" || lacks(r.Name.Reveal(), m.d.Name.Reveal()) || lacks(r.Latin.Reveal(), m.d.Latin.Reveal()) ||
		lacks(r.birth, m.d.BirthDate.String()) || lacks(string(r.Sex), string(m.d.Sex))
	if !news {
		return nil
	}
	_, err := m.tx.Exec(ctx, `UPDATE patients SET
		id_sealed = CASE WHEN id_sealed = '' THEN $1 ELSE id_sealed END,
		name_key = CASE WHEN name = '' THEN $2 ELSE name_key END, name = CASE WHEN name = '' THEN $3 ELSE name END,
		latin = CASE WHEN latin = '' THEN $4 ELSE latin END, birth_date = CASE WHEN birth_date = '' THEN $5 ELSE birth_date END,
		sex = CASE WHEN sex = '' THEN $6 ELSE sex END WHERE id = $7`,
		sealed, m.nameKey, m.d.Name.Reveal(), m.d.Latin.Reveal(), m.d.BirthDate.String(), string(m.d.Sex), string(r.ID))
	return err
}

func lacks(have, got string) bool { return have == "" && got != "" }

func (m *matcher) identify(ctx context.Context, id record.PatientID, system, value string) error {
	_, err := m.tx.Exec(ctx, `INSERT INTO patient_identifiers (system, value, patient_id) VALUES ($1, $2, $3)
		ON CONFLICT DO NOTHING`, system, value, string(id))
	return err
}

// linkOdd links to the patient whose number was sent with a name, birth date or sex that is not its own.
func (m *matcher) linkOdd(ctx context.Context, id record.PatientID) error {
	if m.odd == "" {
		return nil
	}
	held, err := m.holders(ctx, systemNational, m.odd)
	if err != nil || len(held) == 0 || held[0].ID == id {
		return err
	}
	return m.link(ctx, id, held[0].ID, m.oddReason)
}

// link puts a pair before a person, once: a decision already made stays.
func (m *matcher) link(ctx context.Context, id, other record.PatientID, reason string) error {
	res, err := m.tx.Exec(ctx, `INSERT INTO patient_links (patient_id, other_id, reason, created_at)
		SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS BIGINT)
		WHERE NOT EXISTS (SELECT 1 FROM patient_links WHERE patient_id = $2 AND other_id = $1) ON CONFLICT DO NOTHING`,
		string(id), string(other), reason, record.Micros(m.tx.Now()))
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return err
	}
	m.tx.Emit(record.Event{
		Act: "patient.linked", Kind: "patient", Object: string(id), Patient: id, Institution: m.d.Issuer,
		Detail: map[string]string{"reason": reason, "other": string(other)},
	})
	return nil
}

// foldName takes from a name what writers differ in: width, case, spaces, and the separators of DICOM and of Chinese
// transcriptions.
func foldName(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r), unicode.IsControl(r), strings.ContainsRune("^=·・•.,'-\u2019", r):
			return -1
		}
		return unicode.ToLower(r)
	}, width.Fold.String(name))
}

// sameName compares names in the scripts that both sides have. known is false when there is no such script: a cart that
// sends pinyin does not contradict a name in characters.
func sameName(name, latin, otherName, otherLatin record.Personal) (same, known bool) {
	a, b := scripts(name, latin), scripts(otherName, otherLatin)
	for script := range len(a) {
		if a[script] == "" || b[script] == "" {
			continue
		}
		if a[script] == b[script] {
			return true, true
		}
		known = true
	}
	return false, known
}

// scripts sorts the folded names into [0] those written in Latin letters only and [1] all others.
func scripts(names ...record.Personal) [2]string {
	var out [2]string
	for _, n := range names {
		key := foldName(n.Reveal())
		i := 0
		for _, r := range key {
			if !unicode.Is(unicode.Latin, r) && !unicode.IsDigit(r) {
				i = 1
			}
		}
		if out[i] == "" {
			out[i] = key
		}
	}
	return out
}
