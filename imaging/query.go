// Query: the Query/Retrieve information model (PS3.4 C.6), which C-FIND and QIDO-RS ask in the same way: a data set of
// keys against the attributes of one level.

package imaging

import (
	"context"
	"iter"
	"strings"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Level of the information model (PS3.4 C.6.1.1): what an answer is about.
type Level int

// The levels, from above.
const (
	PatientLevel Level = iota + 1
	StudyLevel
	SeriesLevel
	ImageLevel
)

// Query asks for what matches Keys (PS3.4 C.2.2.2): an attribute with a value must match, one without is only wanted
// back. Keys of levels above the answer's select too (relational, PS3.4 C.4.1.2.2.1).
type Query struct {
	Level  Level
	Keys   *dicom.DataSet
	Return []dicom.Tag // wanted back besides Keys
	All    bool        // everything that is kept of the level is wanted back
	Fuzzy  bool        // names also match by their beginning, in pinyin and by initials
	Offset int         // answers to leave out
	Limit  int         // 0: no limit
}

// Match is one answer: the wanted attributes that there are, in UTF-8, and always the unique keys of its level and those
// above it. The newest study comes first, then series and instances by number.
type Match struct {
	Attributes  *dicom.DataSet
	Institution record.InstitutionID
	Study       record.ExamID
	Series      SeriesID
	Instance    InstanceID
}

// Query answers inside the scope. Invalid for a key that cannot be read. The search is noted before the first answer.
func (c *Centre) Query(ctx context.Context, s record.Scope, q Query) iter.Seq2[Match, error] {
	return func(yield func(Match, error) bool) {
		a, err := c.newAsking(ctx, s, q)
		if err != nil {
			yield(Match{}, err)
			return
		}
		if err := c.noteQuery(ctx, s, q.Level); err != nil {
			yield(Match{}, err)
			return
		}
		a.yield = yield
		if err := a.studies(); err != nil {
			yield(Match{}, err)
		}
	}
}

var levelNames = [...]string{PatientLevel: "patient", StudyLevel: "study", SeriesLevel: "series", ImageLevel: "image"}

func (c *Centre) noteQuery(ctx context.Context, s record.Scope, l Level) error {
	return c.db.NoteSoon(ctx, record.Event{
		Act: "study.searched", Kind: "search", Outcome: record.Success, Detail: map[string]string{"level": levelNames[l]},
	}.By(s))
}

// asking is one query under way: studies, below them series, below them instances; each narrowed by SQL as far as there
// are columns, and by its attributes for the rest.
type asking struct {
	c      *Centre
	ctx    context.Context
	scope  record.Scope
	q      Query
	wanted map[dicom.Tag]bool // nil: all
	keys   keysByLevel
	left   int // answers to leave out
	given  int
	yield  func(Match, error) bool
	ended  bool
}

func (c *Centre) newAsking(ctx context.Context, s record.Scope, q Query) (*asking, error) {
	a := &asking{c: c, ctx: ctx, scope: s, q: q, left: q.Offset}
	if q.Level < PatientLevel || q.Level > ImageLevel {
		return nil, record.Errorf(record.Invalid, "query level: want PATIENT, STUDY, SERIES or IMAGE")
	}
	if !q.All {
		a.wanted = map[dicom.Tag]bool{}
		for _, t := range q.Return {
			a.wanted[t] = true
		}
		for i := range q.Keys.Elements {
			a.wanted[q.Keys.Elements[i].Tag] = true
		}
	}
	var err error
	a.keys, err = sortKeys(q.Keys, q.Level)
	return a, err
}

// wants tells whether any of the attributes is wanted back.
func (a *asking) wants(tags ...dicom.Tag) bool {
	for _, t := range tags {
		if a.wanted == nil || a.wanted[t] {
			return true
		}
	}
	return false
}

// answer hands on what is wanted of the attributes.
func (a *asking) answer(m Match) {
	if a.left > 0 {
		a.left--
		return
	}
	if !a.yield(m, nil) {
		a.ended = true
		return
	}
	a.given++
	a.ended = a.q.Limit > 0 && a.given >= a.q.Limit
}

// studyRow is a study with its attributes.
type studyRow struct {
	Study
	raw []byte
}

func scanStudyRow(scan func(...any) error) (r studyRow, err error) {
	r.Study, err = scanStudy(func(to ...any) error { return scan(append(to, &r.raw)...) })
	return r, err
}

// studiesAtOnce is how many rows one statement brings: the first few quickly, then more.
const (
	studiesFirst  = 64
	studiesAtOnce = 512
)

// studies walks the studies that may match.
func (a *asking) studies() error {
	if a.q.Level == PatientLevel {
		return a.patients()
	}
	page := ""
	for n := a.studiesNeeded(studiesFirst); ; n = a.studiesNeeded(studiesAtOnce) {
		text, args, err := a.studySQL(page, n)
		if err != nil {
			return err
		}
		rows, err := store.Collect(a.ctx, a.c.db, text, args, scanStudyRow)
		if err != nil {
			return err
		}
		for i := range rows {
			if err := a.study(&rows[i]); err != nil || a.ended {
				return err
			}
		}
		if len(rows) < n {
			return nil
		}
		page = pageToken(rows[n-1].Study)
	}
}

// studiesNeeded is how many rows to bring: those of the answer where all of them match, else so many.
func (a *asking) studiesNeeded(usual int) int {
	if a.q.Level != StudyLevel || len(a.keys.study) > 0 || a.q.Limit <= 0 {
		return usual
	}
	return min(a.left+a.q.Limit-a.given, studiesAtOnce)
}

// study looks at one study and what is below it.
func (a *asking) study(r *studyRow) error {
	if a.q.Level == StudyLevel && len(a.keys.study) == 0 && a.left > 0 {
		a.left--
		return nil
	}
	d, err := a.studyAttributes(r)
	if err != nil || !a.keys.study.match(d, a.q.Fuzzy) {
		return err
	}
	m := Match{Institution: r.Institution, Study: r.ID}
	if a.q.Level == StudyLevel {
		m.Attributes = a.only(d, dicom.StudyInstanceUID)
		a.answer(m)
		return nil
	}
	return a.series(m, d)
}

// only keeps what is wanted, and the unique keys.
func (a *asking) only(d *dicom.DataSet, unique ...dicom.Tag) *dicom.DataSet {
	if a.wanted == nil {
		return d
	}
	out := *d
	out.Elements = nil
	for _, el := range d.Elements {
		keep := a.wanted[el.Tag] || el.Tag == dicom.SpecificCharacterSet
		for _, t := range unique {
			keep = keep || el.Tag == t
		}
		if keep {
			out.Elements = append(out.Elements, el)
		}
	}
	return &out
}

// patients answers one row for each number of an institution: a number says nothing outside of the place that gave it.
func (a *asking) patients() error {
	text, args, err := a.patientSQL()
	if err != nil {
		return err
	}
	type patient struct {
		newest                     string // date | id
		studies, series, instances int
	}
	rows, err := store.List(a.ctx, a.c.db, text, args, func(p *patient) []any {
		return []any{&p.newest, &p.studies, &p.series, &p.instances}
	})
	if err != nil {
		return err
	}
	for _, p := range rows {
		_, id, _ := strings.Cut(p.newest, "|")
		r, err := scanStudyRow(a.c.db.QueryRow(a.ctx, "SELECT "+studyRowColumns+" FROM studies st WHERE st.id = $1", id).Scan)
		if err != nil {
			return err
		}
		d, err := a.studyAttributes(&r)
		if err != nil {
			return err
		}
		if !a.keys.study.match(d, a.q.Fuzzy) {
			continue
		}
		d.SetInt(numberOfPatientRelatedStudies, p.studies)
		d.SetInt(numberOfPatientRelatedSeries, p.series)
		d.SetInt(numberOfPatientRelatedInstances, p.instances)
		a.answer(Match{Attributes: a.only(d, dicom.PatientID), Institution: r.Institution, Study: r.ID})
		if a.ended {
			return nil
		}
	}
	return nil
}

// dashless gives a date or time as DICOM writes it.
func dashless(s string) string { return strings.NewReplacer("-", "", ":", "").Replace(s) }
