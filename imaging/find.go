// Find: studies, series and instances inside a scope.

package imaging

import (
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Study as the index knows it.
type Study struct {
	ID                   record.ExamID
	UID                  string
	Institution          record.InstitutionID
	Centre               record.CentreID
	Patient              record.PatientID
	Grade                record.Grade
	LocalNumber          record.Personal
	Name                 record.Personal
	BirthDate            string
	Sex                  record.Sex
	Accession            string
	Date, Time           string // YYYY-MM-DD, HH:MM:SS
	Description          string
	Referring            record.Personal
	Modalities           []string
	BodyPart             string
	NumSeries, Instances int
	Bytes                int64
	Complete             bool
	ReceivedAt           time.Time
}

// StudyQuery selects studies; empty fields select nothing out. Newest study date first.
type StudyQuery struct {
	Patient     record.PatientID
	LocalNumber string // exact
	Name        string // PS3.4 C.2.2.2.4 wildcards; a prefix without them
	UID         string
	Accession   string
	From, To    string // YYYY-MM-DD, inclusive
	Modalities  []string
	Institution record.InstitutionID
	Description string // part of it
	Limit       int
	Page        string // token of the page before
}

const studyColumns = `st.id, st.study_uid, st.institution_id, st.centre_id, st.patient_id, st.grade, st.local_number, st.name, st.birth_date,
	st.sex, st.accession, st.study_date, st.study_time, st.description, st.referring, st.modalities, st.body_part, st.series_count,
	st.instance_count, st.bytes, st.open, st.last_at`

func scanStudy(scan func(...any) error) (Study, error) {
	var st Study
	var local, name, referring, modalities string
	var open int
	var at int64
	err := scan(&st.ID, &st.UID, &st.Institution, &st.Centre, &st.Patient, &st.Grade, &local, &name, &st.BirthDate, &st.Sex,
		&st.Accession, &st.Date, &st.Time, &st.Description, &referring, &modalities, &st.BodyPart, &st.NumSeries, &st.Instances,
		&st.Bytes, &open, &at)
	st.LocalNumber, st.Name, st.Referring = record.Personal(local), record.Personal(name), record.Personal(referring)
	st.Modalities, st.Complete, st.ReceivedAt = splitList(modalities), open == 0, record.FromMicros(at)
	return st, err
}

// FindStudies answers a page and the token of the next one, empty at the end.
func (c *Centre) FindStudies(ctx context.Context, s record.Scope, q StudyQuery) ([]Study, string, error) {
	query, args, err := c.studySQL(s, studyFilter{StudyQuery: q, name: parseName(q.Name)}, studyColumns)
	if err != nil {
		return nil, "", err
	}
	out, err := store.Collect(ctx, c.db, query, args, scanStudy)
	if err != nil {
		return nil, "", fmt.Errorf("find studies: %w", err)
	}
	next := ""
	if len(out) > q.Limit {
		out = out[:q.Limit]
		next = pageToken(out[q.Limit-1])
	}
	return out, next, c.noteSearch(ctx, s, q, len(out))
}

func (c *Centre) noteSearch(ctx context.Context, s record.Scope, q StudyQuery, n int) error {
	return c.db.Note(ctx, record.Event{
		Act: "study.searched", Institution: q.Institution, Patient: q.Patient, Kind: "search", Outcome: record.Success,
		Detail: map[string]string{"count": fmt.Sprint(n)},
	}.By(s))
}

// studyFilter is what studies are selected by.
type studyFilter struct {
	StudyQuery
	name   nameQuery
	more   func(b *sqlText) // further conditions
	narrow bool             // they leave few
}

// studySQL drives the query by what selects most: an identifier, then the name's tokens, then the modality by date.
// CROSS JOIN keeps that order on SQLite, and is a plain join on PostgreSQL.
func (c *Centre) studySQL(s record.Scope, q studyFilter, columns string) (string, []any, error) {
	b := &sqlText{}
	from, order := "studies st", "st.study_date DESC, st.id DESC"
	key := "(st.study_date, st.id)"
	name := q.name
	narrow := q.narrow || q.Patient != "" || q.LocalNumber != "" || q.UID != "" || q.Accession != ""
	date := "st.study_date"
	switch {
	case !narrow && name.lo != "" && name.lo == name.hi:
		from, order, key, date = "study_names n CROSS JOIN studies st", "n.study_date DESC, n.study_id DESC", "(n.study_date, n.study_id)", "n.study_date"
		b.And("st.id = n.study_id AND n.token = " + b.Arg(name.lo))
	case name.lo != "" && name.lo == name.hi:
		b.And("st.id IN (SELECT study_id FROM study_names WHERE token = " + b.Arg(name.lo) + ")")
	case name.lo != "":
		b.And("st.id IN (SELECT study_id FROM study_names WHERE token >= " + b.Arg(name.lo) + " AND token < " + b.Arg(name.hi) + ")")
	case !narrow && len(q.Modalities) == 1 && q.Institution == "" && (s.All || len(s.Institutions) > 8):
		from, order, key, date = "study_modalities m CROSS JOIN studies st", "m.study_date DESC, m.study_id DESC", "(m.study_date, m.study_id)", "m.study_date"
		b.And("st.id = m.study_id AND m.modality = " + b.Arg(q.Modalities[0]))
		q.Modalities = nil
	}
	if name.like != "" {
		b.And("st.name_key LIKE " + b.Arg(name.like) + ` ESCAPE '\'`)
	}
	b.Equal("st.patient_id", string(q.Patient))
	b.Equal("st.local_number", q.LocalNumber)
	b.Equal("st.study_uid", q.UID)
	b.Equal("st.accession", q.Accession)
	b.Equal("st.institution_id", string(q.Institution))
	if q.From != "" {
		b.And(date + " >= " + b.Arg(q.From))
	}
	if q.To != "" {
		b.And(date + " <= " + b.Arg(q.To))
	}
	if len(q.Modalities) > 0 {
		marks := make([]string, len(q.Modalities))
		for i, m := range q.Modalities {
			marks[i] = b.Arg(strings.ToUpper(m))
		}
		b.And("EXISTS (SELECT 1 FROM study_modalities x WHERE x.study_id = st.id AND x.study_date = st.study_date AND x.modality IN (" + strings.Join(marks, ",") + "))")
	}
	if q.Description != "" {
		esc := strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(q.Description)
		b.And("st.description LIKE " + b.Arg("%"+esc+"%") + ` ESCAPE '\'`)
	}
	if q.more != nil {
		q.more(b)
	}
	if q.Page != "" {
		d, id, err := parsePage(q.Page)
		if err != nil {
			return "", nil, err
		}
		b.And(key + " < (" + b.Arg(d) + ", " + b.Arg(id) + ")")
	}
	b.And(c.db.ScopeSQL(s, "st.institution_id", "st.patient_id", &b.Args))
	text := "SELECT " + columns + " FROM " + from + " WHERE " + strings.Join(b.Conds, " AND ") + " ORDER BY " + order +
		" LIMIT " + b.Arg(q.Limit+1)
	return text, b.Args, nil
}

func pageToken(st Study) string {
	return base64.RawURLEncoding.EncodeToString([]byte(st.Date + "|" + string(st.ID)))
}

func parsePage(token string) (date, id string, err error) {
	b, err := base64.RawURLEncoding.DecodeString(token)
	date, id, ok := strings.Cut(string(b), "|")
	if err != nil || !ok || !record.ValidID(id) {
		return "", "", record.Errorf(record.Invalid, "page token is not one of ours")
	}
	return date, id, nil
}

// Study gives one study.
func (c *Centre) Study(ctx context.Context, s record.Scope, id record.ExamID) (Study, error) {
	st, err := c.study(ctx, s, id)
	if err != nil {
		return Study{}, err
	}
	return st, c.noteRead(ctx, s, st)
}

func (c *Centre) study(ctx context.Context, s record.Scope, id record.ExamID) (Study, error) {
	args := []any{string(id)}
	cond := c.db.ScopeSQL(s, "st.institution_id", "st.patient_id", &args)
	st, err := scanStudy(c.db.QueryRow(ctx, "SELECT "+studyColumns+" FROM studies st WHERE st.id = $1 AND "+cond, args...).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return Study{}, record.Errorf(record.NotFound, "no study %s", id)
	}
	return st, err
}

func (c *Centre) noteRead(ctx context.Context, s record.Scope, st Study) error {
	return c.reads.Note(ctx, s, record.Event{Act: "study.read", Institution: st.Institution, Patient: st.Patient, Kind: "study", Object: string(st.ID)})
}

// Series of a study.
type Series struct {
	ID          SeriesID
	UID         string
	Modality    string
	Number      int
	Description string
	BodyPart    string
	Instances   int
}

// Series lists the series of a study by number.
func (c *Centre) Series(ctx context.Context, s record.Scope, id record.ExamID) ([]Series, error) {
	if _, err := c.Study(ctx, s, id); err != nil {
		return nil, err
	}
	return store.List(ctx, c.db, `SELECT id, series_uid, modality, number, description, body_part, instance_count
		FROM series WHERE study_id = $1 ORDER BY number, id`, []any{string(id)}, func(r *Series) []any {
		return []any{&r.ID, &r.UID, &r.Modality, &r.Number, &r.Description, &r.BodyPart, &r.Instances}
	})
}

// Instance of a series.
type Instance struct {
	ID                       InstanceID
	Study                    record.ExamID
	Series                   SeriesID
	Institution              record.InstitutionID
	Patient                  record.PatientID
	SOPUID, SOPClass, Syntax string
	Number                   int
	Rows, Columns, Frames    int
	Size                     int64
	SHA256                   string
	key                      string
	offset                   int64
	chain                    string // corrections that it is under
	bytes                    Digest // as it is stored
}

const instanceColumns = `i.id, i.study_id, i.series_id, i.institution_id, i.patient_id, i.sop_uid, i.sop_class, i.transfer_syntax, i.number,
	i.pixel_rows, i.pixel_cols, i.frames, i.size, i.sha256, i.blob_key, i.blob_offset, i.corrections, i.form_size, i.form_sha256`

func scanInstance(scan func(...any) error) (Instance, error) {
	var i Instance
	err := scan(&i.ID, &i.Study, &i.Series, &i.Institution, &i.Patient, &i.SOPUID, &i.SOPClass, &i.Syntax, &i.Number,
		&i.Rows, &i.Columns, &i.Frames, &i.bytes.Size, &i.bytes.SHA256, &i.key, &i.offset, &i.chain, &i.Size, &i.SHA256)
	if i.chain == "" {
		i.Size, i.SHA256 = i.bytes.Size, i.bytes.SHA256
	}
	return i, err
}

// Instances lists the instances of a study, or of one of its series, by series and number.
func (c *Centre) Instances(ctx context.Context, s record.Scope, id record.ExamID, series SeriesID, limit int, page string) ([]Instance, string, error) {
	if _, err := c.Study(ctx, s, id); err != nil {
		return nil, "", err
	}
	out, err := c.instances(ctx, id, series, limit+1, page)
	if err != nil || len(out) <= limit {
		return out, "", err
	}
	return out[:limit], instancePage(out[limit-1]), nil
}

func instancePage(last Instance) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%s|%d|%s", last.Series, last.Number, last.ID))
}

func (c *Centre) instances(ctx context.Context, id record.ExamID, series SeriesID, limit int, page string) ([]Instance, error) {
	return c.instancesOf(ctx, id, series, nil, limit, page)
}

// instancesOf lists instances by series and number; only those of the given SOP Instance UIDs, where there are any.
func (c *Centre) instancesOf(ctx context.Context, id record.ExamID, series SeriesID, uids []string, limit int, page string) ([]Instance, error) {
	b := &sqlText{}
	b.And("i.study_id = " + b.Arg(string(id)))
	b.Equal("i.series_id", string(series))
	b.in("i.sop_uid", uids)
	if page != "" {
		raw, err := base64.RawURLEncoding.DecodeString(page)
		p := strings.Split(string(raw), "|")
		var n int
		if err == nil && len(p) == 3 {
			_, err = fmt.Sscan(p[1], &n)
		}
		if err != nil || len(p) != 3 {
			return nil, record.Errorf(record.Invalid, "page token is not one of ours")
		}
		b.And("(i.series_id, i.number, i.id) > (" + b.Arg(p[0]) + "," + b.Arg(n) + "," + b.Arg(p[2]) + ")")
	}
	query := "SELECT " + instanceColumns + " FROM instances i WHERE " + b.String() +
		" ORDER BY i.series_id, i.number, i.id LIMIT " + b.Arg(limit)
	return store.Collect(ctx, c.db, query, b.Args, scanInstance)
}
