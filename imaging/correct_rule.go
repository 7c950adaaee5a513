// Rules: what the corrections of an institution make of an object. An object's place and identity are a function of what was
// sent and of the corrections that stand, in their order; so a correction also holds for what arrives later, and undoing it
// leaves no trace.

package imaging

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// CorrectionID names a correction.
type CorrectionID string

// CorrectionKind is what a correction does.
type CorrectionKind string

// The kinds of correction.
const (
	Assign CorrectionKind = "assign" // a study is another patient's
	Merge  CorrectionKind = "merge"  // a study is part of another
	Split  CorrectionKind = "split"  // series or objects of a study are another study's
	undo   CorrectionKind = "undo"   // in blobs only
)

const correctionFormat = "lianzhen.correction/1"

// correctionDocument is a correction as its blob keeps it.
type correctionDocument struct {
	Format      string               `json:"format"`
	ID          CorrectionID         `json:"id"` // of an undoing: the correction that it undoes
	Kind        CorrectionKind       `json:"kind"`
	Institution record.InstitutionID `json:"institution_id"`
	StudyUID    dicom.UID            `json:"study_uid"`
	TargetUID   dicom.UID            `json:"target_uid,omitempty"`
	Series      []dicom.UID          `json:"series,omitempty"`     // only these; with none of both all
	Objects     []dicom.UID          `json:"objects,omitempty"`    // only these
	Numbers     []string             `json:"numbers,omitempty"`    // patient numbers that such objects come with
	Replaces    []string             `json:"replaces,omitempty"`   // tags of the attributes that are replaced
	Attributes  json.RawMessage      `json:"attributes,omitempty"` // DICOM JSON: with these
	By          string               `json:"by"`
	ByName      string               `json:"by_name,omitempty"`
	At          time.Time            `json:"at"`
	Reason      string               `json:"reason"`
	Before      []keptIdentity       `json:"before,omitempty"`
}

// rule is a correction ready to be applied.
type rule struct {
	correctionDocument
	replaces   []dicom.Tag
	attributes *dicom.DataSet
}

func newRule(doc []byte) (*rule, error) {
	r := &rule{}
	if err := json.Unmarshal(doc, &r.correctionDocument); err != nil || r.Format != correctionFormat {
		return nil, record.Errorf(record.Invalid, "not a correction document of format %s", correctionFormat)
	}
	for _, hex := range r.Replaces {
		t, err := dicom.ParseTag(hex)
		if err != nil {
			return nil, record.Errorf(record.Invalid, "correction %s: a tag cannot be read", r.ID)
		}
		r.replaces = append(r.replaces, t)
	}
	if len(r.Attributes) == 0 {
		r.attributes = dicom.NewDataSet()
		return r, nil
	}
	var err error
	if r.attributes, err = dicom.ParseJSON(r.Attributes, dicom.Limits{}); err != nil {
		return nil, record.Errorf(record.Invalid, "correction %s: its attributes cannot be read", r.ID)
	}
	return r, nil
}

// whereabouts is how far an object has come on its way through the rules.
type whereabouts struct {
	study, series, sop dicom.UID
	number             string
	applied            []*rule
}

func (f *facts) whereabouts() whereabouts {
	return whereabouts{study: f.study, series: f.series, sop: f.sop, number: f.who.LocalID.Reveal()}
}

// chain names the rules that hold for an object.
func (w *whereabouts) chain() string {
	ids := make([]string, len(w.applied))
	for i, r := range w.applied {
		ids[i] = string(r.ID)
	}
	return strings.Join(ids, ",")
}

// follow leads an object through the rules. Conflict for an object of another patient than those whom the rule knows.
func follow(rules []*rule, w whereabouts) (whereabouts, error) {
	for _, r := range rules {
		if r.StudyUID != w.study || !r.about(w) {
			continue
		}
		if !slices.Contains(r.Numbers, w.number) {
			return w, clash("", w.sop, "the patient number is not that of the study's other objects")
		}
		w.applied = append(w.applied, r)
		w.study = cmp.Or(r.TargetUID, w.study)
		w.series = r.seriesOf(w.series)
		if slices.Contains(r.replaces, dicom.PatientID) {
			w.number = record.Clip(r.attributes.Str(dicom.PatientID), 64)
		}
	}
	return w, nil
}

func (r *rule) about(w whereabouts) bool {
	return len(r.Series)+len(r.Objects) == 0 || slices.Contains(r.Series, w.series) || slices.Contains(r.Objects, w.sop)
}

// seriesOf: objects that leave a series get one of their own, since a series is of one study.
func (r *rule) seriesOf(series dicom.UID) dicom.UID {
	if len(r.Objects) == 0 {
		return series
	}
	return derivedUID("series|" + string(r.ID) + "|" + string(series))
}

// apply changes attributes as the rule says and notes in them what they were (PS3.3 C.12.1.1.9).
func (r *rule) apply(d *dicom.DataSet) {
	was := dicom.NewDataSet()
	replaces := r.replaces
	if len(r.Objects) > 0 {
		replaces = append(slices.Clip(replaces), dicom.SeriesInstanceUID)
	}
	was.CopyFrom(d, replaces...)
	from := d.UID(dicom.StudyInstanceUID)
	series := d.UID(dicom.SeriesInstanceUID)
	for _, t := range replaces {
		d.Delete(t)
	}
	d.CopyFrom(r.attributes)
	if len(r.Objects) > 0 {
		d.SetText(dicom.SeriesInstanceUID, string(r.seriesOf(series)))
	}
	if r.Kind == Merge {
		renameStudy(d, from, d.UID(dicom.StudyInstanceUID), 0)
	}
	if a := r.attributes.Find(dicom.AccessionNumber); a != nil {
		renumber(d, r.attributes.Str(dicom.AccessionNumber))
	}
	r.note(d, was)
}

// Attributes of the Original Attributes Sequence (PS3.3 C.12.1.1.9).
const (
	originalAttributes    dicom.Tag = 0x04000561
	modifiedAttributes    dicom.Tag = 0x04000550
	modificationDateTime  dicom.Tag = 0x04000562
	modifyingSystem       dicom.Tag = 0x04000563
	sourceOfPrevious      dicom.Tag = 0x04000564
	reasonForModification dicom.Tag = 0x04000565
	maxOriginalAttributes           = 100
	maxReferenceDepth               = 16
	dicomDateTime                   = "20060102150405.000000-0700"
	modifyingSystemOfOurs           = dicom.ImplementationName
	reasonCorrect, coerce           = "CORRECT", "COERCE"
)

func (r *rule) note(d, was *dicom.DataSet) {
	it := dicom.NewDataSet()
	it.SetItems(modifiedAttributes, was)
	it.SetText(modificationDateTime, r.At.UTC().Format(dicomDateTime))
	it.SetText(modifyingSystem, modifyingSystemOfOurs)
	it.SetText(sourceOfPrevious, record.Clip(d.Str(dicom.InstitutionName), 64))
	why := coerce
	if r.Kind == Assign {
		why = reasonCorrect
	}
	it.SetText(reasonForModification, why)
	items := []*dicom.DataSet{}
	before := d.Items(originalAttributes)
	for i := range before[:min(len(before), maxOriginalAttributes)] {
		items = append(items, &before[i])
	}
	d.SetItems(originalAttributes, append(items, it)...)
}

// renameStudy makes references to a study that is gone references to the one it has become part of.
func renameStudy(d *dicom.DataSet, from, to dicom.UID, depth int) {
	for i := range d.Elements {
		el := &d.Elements[i]
		if el.Tag == originalAttributes || depth > maxReferenceDepth {
			continue
		}
		for j := range el.Items {
			if el.Items[j].UID(dicom.StudyInstanceUID) == from {
				el.Items[j].SetText(dicom.StudyInstanceUID, string(to))
			}
			renameStudy(&el.Items[j], from, to, depth+1)
		}
	}
}

// renumber makes the requests that the object answers those of the new accession number.
func renumber(d *dicom.DataSet, accession string) {
	el := d.Find(dicom.RequestAttributesSequence)
	if el == nil {
		return
	}
	for i := range el.Items {
		if el.Items[i].Find(dicom.AccessionNumber) != nil {
			el.Items[i].SetText(dicom.AccessionNumber, accession)
		}
	}
}

// ruleBook holds the rules of institutions as they were at a mark.
type ruleBook struct {
	mu sync.Mutex
	of map[record.InstitutionID]markedRules
}

type markedRules struct {
	mark  int64
	rules []*rule
}

// markOf is 0 where nothing was ever corrected.
func markOf(ctx context.Context, q store.Querier, i record.InstitutionID) (int64, error) {
	var mark int64
	err := q.QueryRow(ctx, `SELECT mark FROM correction_marks WHERE institution_id = $1`, string(i)).Scan(&mark)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return mark, err
}

// rulesOf gives the standing rules of an institution in their order, and the mark that they belong to: rules of a later mark
// are never taken for those of an earlier one, since the mark is read first.
func (c *Centre) rulesOf(ctx context.Context, i record.InstitutionID) ([]*rule, int64, error) {
	mark, err := markOf(ctx, c.db, i)
	if err != nil || mark == 0 {
		return nil, mark, err
	}
	c.rules.mu.Lock()
	have, ok := c.rules.of[i]
	c.rules.mu.Unlock()
	if ok && have.mark == mark {
		return have.rules, mark, nil
	}
	rules, err := readRules(ctx, c.db, i)
	if err != nil {
		return nil, 0, err
	}
	again, err := markOf(ctx, c.db, i)
	if err != nil || again != mark {
		return rules, mark, err // not kept: they may be newer than the mark, and the transaction will see that
	}
	c.rules.mu.Lock()
	defer c.rules.mu.Unlock()
	if c.rules.of == nil {
		c.rules.of = map[record.InstitutionID]markedRules{}
	}
	c.rules.of[i] = markedRules{mark, rules}
	return rules, mark, nil
}

func readRules(ctx context.Context, q store.Querier, i record.InstitutionID) ([]*rule, error) {
	docs, err := store.List(ctx, q, `SELECT document FROM corrections WHERE institution_id = $1 AND undone_at = 0 ORDER BY id`,
		[]any{string(i)}, func(s *string) []any { return []any{s} })
	if err != nil {
		return nil, fmt.Errorf("corrections: %w", err)
	}
	out := make([]*rule, len(docs))
	for k, doc := range docs {
		if out[k], err = newRule([]byte(doc)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (d *correctionDocument) bytes() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(d)
	return b.Bytes(), err
}
