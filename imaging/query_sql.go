// Keys as SQL: what there are columns for, so that few rows are looked at by their attributes.

package imaging

import (
	"context"
	"strings"
	"time"
	"unicode"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

const studyRowColumns = studyColumns + ", st.attributes"

// studySQL is a page of the studies that may match.
func (a *asking) studySQL(page string, limit int) (string, []any, error) {
	f, err := a.filter()
	if err != nil {
		return "", nil, err
	}
	f.Page, f.Limit = page, limit-1 // one is added for the page after
	return a.c.studySQL(a.scope, f, studyRowColumns)
}

// patientSQL groups the studies that may match by the number of their patient.
func (a *asking) patientSQL() (string, []any, error) {
	f, err := a.filter()
	if err != nil {
		return "", nil, err
	}
	f.Limit = maxPatients - 1
	text, args, err := a.c.studySQL(a.scope, f, "st.study_date || '|' || st.id AS newest, st.institution_id AS place, st.local_number AS local, st.series_count AS series, st.instance_count AS instances")
	if err != nil {
		return "", nil, err
	}
	return `SELECT MAX(newest), COUNT(*), SUM(series), SUM(instances) FROM (` + text + `) AS p GROUP BY place, local ORDER BY MAX(newest) DESC`, args, nil
}

// maxPatients bounds the studies that a query for patients looks at.
const maxPatients = 100_000

func (a *asking) filter() (studyFilter, error) {
	k := a.q.Keys
	f := studyFilter{name: a.nameQuery()}
	var err error
	if f.From, f.To, err = dateRange(k.Str(dicom.StudyDate)); err != nil {
		return f, err
	}
	f.Modalities = literals(k.Strs(modalitiesInStudy))
	if len(f.Modalities) == 0 && a.q.Level >= SeriesLevel {
		f.Modalities = literals(k.Strs(dicom.Modality))
	}
	objects, err := a.objects()
	if err != nil {
		return f, err
	}
	series := k.Strs(dicom.SeriesInstanceUID)
	studies := k.Strs(dicom.StudyInstanceUID)
	if max(len(objects), len(k.Strs(dicom.SOPInstanceUID)))+len(series)+len(studies)+len(f.Modalities) > maxListed {
		return f, errListed
	}
	number, accession := k.Str(dicom.PatientID), k.Str(dicom.AccessionNumber)
	f.narrow = some(studies) || some(series) || len(objects) > 0 || leads(number) || leads(accession)
	f.more = func(b *sqlText) {
		b.in("st.study_uid", studies)
		if some(series) {
			b.And("st.id IN (SELECT study_id FROM series WHERE " + b.list("series_uid", series) + ")")
		}
		if len(objects) > 0 {
			b.And("st.id IN (SELECT study_id FROM instances WHERE " + b.list("id", objects) + ")")
		}
		b.pattern("st.local_number", number)
		b.pattern("st.accession", accession)
	}
	return f, nil
}

// some tells whether a list of UIDs selects.
func some(values []string) bool { return len(values) > 0 && values[0] != "" && values[0] != "*" }

// leads tells whether a pattern begins with what an index can find.
func leads(pattern string) bool { return pattern != "" && pattern[0] != '*' && pattern[0] != '?' }

// literals gives the values of a list when none of them has a wildcard, else none: then attributes decide.
func literals(values []string) []string {
	for _, v := range values {
		if v == "" || strings.ContainsAny(v, "*?") {
			return nil
		}
	}
	return values
}

// sqlText gathers the conditions of a query.
type sqlText struct{ store.Where }

func (b *sqlText) list(column string, values []string) string {
	marks := make([]string, len(values))
	for i, v := range values {
		marks[i] = b.Arg(v)
	}
	return column + " IN (" + strings.Join(marks, ",") + ")"
}

func (b *sqlText) in(column string, values []string) {
	if some(values) {
		b.And(b.list(column, values))
	}
}

// pattern is an equality, or with wildcards (PS3.4 C.2.2.2.4) a LIKE.
func (b *sqlText) pattern(column, p string) {
	switch {
	case strings.Trim(p, "*") == "":
	case !strings.ContainsAny(p, "*?"):
		b.And(column + " = " + b.Arg(p))
	default:
		b.And(column + " LIKE " + b.Arg(likePattern(p)) + ` ESCAPE '\'`)
	}
}

func likePattern(p string) string {
	return strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`, "*", "%", "?", "_").Replace(p)
}

// nameQuery narrows by the group of the name that says most. What the index knows of a name is folded, so that this
// selects at least what matches.
func (a *asking) nameQuery() nameQuery {
	best := ""
	for group := range strings.SplitSeq(a.q.Keys.Str(dicom.PatientName), "=") {
		if strings.ContainsFunc(group, func(r rune) bool { return unicode.Is(unicode.Han, r) }) {
			group = strings.NewReplacer("^", "", " ", "").Replace(group)
		}
		if len(strings.Trim(group, "*?^ ")) > len(strings.Trim(best, "*?^ ")) {
			best = group
		}
	}
	return parseName(best)
}

// maxListed bounds the values of all lists in one query, and the ids that SOP Instance UIDs may become: SQLite takes 32 766.
const maxListed = 20_000

var errListed = record.Errorf(record.Invalid, "lists of more than %d values in one query: ask for less at once", maxListed)

// objects gives the ids of the instances asked for by UID: an id is a digest of institution and UID, so that no index of
// UIDs is needed.
func (a *asking) objects() ([]string, error) {
	uids := a.q.Keys.Strs(dicom.SOPInstanceUID)
	if a.q.Level != ImageLevel || !some(uids) || some(a.q.Keys.Strs(dicom.StudyInstanceUID)) {
		return nil, nil
	}
	places, err := a.c.placesOf(a.ctx, a.scope)
	if err != nil {
		return nil, err
	}
	if len(places)*len(uids) > maxListed {
		return nil, record.Errorf(record.Invalid, "too many SOP Instance UIDs in one query: name their study")
	}
	var ids []string
	for _, p := range places {
		for _, u := range uids {
			ids = append(ids, string(instanceID(p, dicom.UID(u))))
		}
	}
	return ids, nil
}

// placesOf lists the institutions whose objects may be inside the scope.
func (c *Centre) placesOf(ctx context.Context, s record.Scope) ([]record.InstitutionID, error) {
	if !s.All && s.RelatedAt == "" {
		return s.Institutions, nil
	}
	g, err := c.db.Graph(ctx)
	if err != nil {
		return nil, err
	}
	return g.Institutions(), nil
}

// dateRange reads a date or a range of dates (PS3.4 C.2.2.2.5) as our columns write them.
func dateRange(v string) (from, to string, err error) {
	lo, hi, ranged := strings.Cut(v, "-")
	if !ranged {
		hi = lo
	}
	if from, err = dayOf(lo); err == nil {
		to, err = dayOf(hi)
	}
	return from, to, err
}

func dayOf(v string) (string, error) {
	v = strings.ReplaceAll(strings.TrimSpace(v), ".", "")
	if v == "" || v == "*" {
		return "", nil
	}
	d, err := time.Parse("20060102", v)
	if err != nil {
		return "", record.Errorf(record.Invalid, "a date: want YYYYMMDD, or a range of them with - between")
	}
	return d.Format(time.DateOnly), nil
}
