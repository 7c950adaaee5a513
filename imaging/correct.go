// Correct: an administrator says that a study is another patient's, part of another study, or two studies in one. The stored
// bytes stay as they came; a correction is a row and a small blob, and every object it is about is given out with its header
// rewritten (PS3.3 C.12.1.1.9).

package imaging

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Assignment is whose study it is. Size and weight stay: they were entered for the person on the table.
type Assignment struct {
	LocalNumber record.Personal // Patient ID
	Name        record.Personal // as PN writes it: "Wang^Xiaoming=王^小明"
	BirthDate   record.Date
	Sex         record.Sex
	Accession   *string // nil: stays
}

// Splitting says what is another study's: series, or single instances.
type Splitting struct {
	Series    []SeriesID
	Instances []InstanceID
	Into      record.ExamID // empty: a new study
	Accession *string       // of the new study; nil: stays
}

// CorrectionRequest is a correction asked for: exactly one of Assign, MergeInto and Split.
type CorrectionRequest struct {
	Study     record.ExamID
	Assign    *Assignment
	MergeInto record.ExamID
	Split     *Splitting
	Reason    string
	DryRun    bool // says what would be, and changes nothing
}

// Identity is a study before or after a correction.
type Identity struct {
	Study                record.ExamID
	UID                  string
	Patient              record.PatientID
	LocalNumber          record.Personal
	Name                 record.Personal
	BirthDate            string
	Sex                  record.Sex
	Accession            string
	NumSeries, Instances int
}

// Correction is what was decided about a study.
type Correction struct {
	ID          CorrectionID
	Kind        CorrectionKind
	Institution record.InstitutionID
	Study       record.ExamID // whose objects it is about
	Target      record.ExamID // where they are now; the same for an assignment
	StudyUID    dicom.UID
	TargetUID   dicom.UID
	Instances   int // that it changed when it was made
	By, ByName  string
	At          time.Time
	Reason      string
	Before      []Identity
	After       []Identity

	UndoneAt   time.Time
	UndoneBy   string
	UndoReason string

	states []keptState // of its studies before it
}

// Corrected says what a correction, or its undoing, has done.
type Corrected struct {
	Correction
	ReportsWithdrawn []record.ExamID // whose signed report was taken back
}

const (
	leastCorrectionReason = 4
	mostCorrectionReason  = 500
	maxSplit              = 2000
)

// Correct makes a correction of a study inside the scope. Precondition where it cannot be made, with the reason.
func (c *Centre) Correct(ctx context.Context, s record.Scope, q CorrectionRequest) (Corrected, error) {
	s.RelatedAt = "" // who corrects serves the hospital
	if err := checkReason(q.Reason); err != nil {
		return Corrected{}, err
	}
	st, err := c.study(ctx, s, q.Study)
	if err != nil {
		return Corrected{}, err
	}
	if q.DryRun { // what is done is noted where it is done
		if err := c.noteRead(ctx, s, st); err != nil {
			return Corrected{}, err
		}
	}
	doc := &correctionDocument{
		Format: correctionFormat, ID: CorrectionID(record.NewID(c.db.Now())), Institution: st.Institution, StudyUID: dicom.UID(st.UID),
		By: s.Actor.ID, ByName: s.Actor.Display, At: c.db.Now().Truncate(time.Microsecond), Reason: q.Reason, Numbers: []string{st.LocalNumber.Reveal()},
		Before: []keptIdentity{identityOf(st).kept()},
	}
	switch {
	case q.Assign != nil && q.MergeInto == "" && q.Split == nil:
		err = assign(doc, *q.Assign)
	case q.Assign == nil && q.MergeInto != "" && q.Split == nil:
		err = c.merge(ctx, s, doc, st, q.MergeInto)
	case q.Assign == nil && q.MergeInto == "" && q.Split != nil:
		err = c.split(ctx, s, doc, st, *q.Split)
	default:
		err = record.Errorf(record.Invalid, "correction: want exactly one of assign, merge and split")
	}
	if err != nil {
		return Corrected{}, err
	}
	raw, err := doc.bytes()
	if err != nil {
		return Corrected{}, err
	}
	r, err := newRule(raw)
	if err != nil {
		return Corrected{}, err
	}
	return c.change(ctx, s, &change{doc: doc, rule: r, dry: q.DryRun})
}

func checkReason(reason string) error {
	n := utf8.RuneCountInString(strings.TrimSpace(reason))
	if !utf8.ValidString(reason) || n < leastCorrectionReason || n > mostCorrectionReason || strings.ContainsRune(reason, 0) {
		return record.Errorf(record.Invalid, "reason: want %d to %d characters", leastCorrectionReason, mostCorrectionReason)
	}
	return nil
}

// wrongPatient are the attributes that came with the wrong patient (PS3.3 C.7.1.1, C.7.1.4, C.7.2.2).
var wrongPatient = append(dicom.Tags("PatientName", "PatientID", "TypeOfPatientID", "PatientBirthDate", "PatientBirthTime", "PatientSex",
	"OtherPatientIDs", "OtherPatientIDsSequence", "OtherPatientNames", "PatientAge", "EthnicGroup", "Occupation", "AdditionalPatientHistory",
	"PatientComments", "ReferencedPatientSequence", "AdmissionID", "AdmittingDiagnosesDescription", "AdmittingDiagnosesCodeSequence",
	"CurrentPatientLocation"),
	0x00100035, 0x00100050, 0x00100101, 0x00100102, 0x00101005, 0x00101010, 0x00101040, 0x00101050, 0x00101060, 0x00101080, 0x00101081,
	0x00101090, 0x00102000, 0x00102110, 0x00102150, 0x00102152, 0x00102154, 0x00102155, 0x001021A0, 0x001021C0, 0x001021D0, 0x001021F0,
	0x00102297, 0x00102298, 0x00102299, 0x00380050, 0x00380500)

// whichStudy are the attributes that all objects of a study have in common (PS3.3 C.7.1.1, C.7.2.1).
var whichStudy = dicom.Tags("PatientName", "PatientID", "IssuerOfPatientID", "IssuerOfPatientIDQualifiersSequence", "TypeOfPatientID",
	"PatientBirthDate", "PatientBirthTime", "PatientSex", "OtherPatientIDs", "OtherPatientIDsSequence", "OtherPatientNames", "EthnicGroup",
	"PatientComments", "StudyInstanceUID", "StudyDate", "StudyTime", "StudyID", "AccessionNumber", "IssuerOfAccessionNumberSequence",
	"ReferringPhysicianName", "ReferringPhysicianIdentificationSequence", "StudyDescription", "ProcedureCodeSequence", "PhysiciansOfRecord",
	"ReferencedPatientSequence")

// replace says which attributes are replaced, and by which.
func (d *correctionDocument) replace(tags []dicom.Tag, by *dicom.DataSet) {
	for _, t := range tags {
		d.Replaces = append(d.Replaces, t.Hex())
	}
	d.Attributes = by.AppendJSON(nil, dicom.JSONOptions{})
}

func assign(doc *correctionDocument, to Assignment) error {
	number := record.Clip(to.LocalNumber.Reveal(), 64)
	name := record.Clip(to.Name.Reveal(), 256)
	if number == "" || name == "" {
		return record.Errorf(record.Invalid, "assign: want a patient number and a name")
	}
	by := dicom.NewDataSet()
	by.SetText(dicom.PatientID, number)
	by.SetText(dicom.PatientName, name)
	by.SetText(dicom.PatientBirthDate, dashless(to.BirthDate.String()))
	by.SetText(dicom.PatientSex, string(to.Sex))
	tags := slices.Clone(wrongPatient)
	if to.Accession != nil {
		tags = append(tags, dicom.AccessionNumber, issuerOfAccession)
		by.SetText(dicom.AccessionNumber, record.Clip(*to.Accession, 16))
	}
	doc.Kind, doc.TargetUID = Assign, doc.StudyUID
	if !slices.Contains(doc.Numbers, number) {
		doc.Numbers = append(doc.Numbers, number)
	}
	doc.replace(tags, by)
	return nil
}

const issuerOfAccession dicom.Tag = 0x00080051

func (c *Centre) merge(ctx context.Context, s record.Scope, doc *correctionDocument, st Study, into record.ExamID) error {
	target, by, err := c.target(ctx, s, st, into)
	if err != nil {
		return err
	}
	if target.LocalNumber != st.LocalNumber {
		return record.Errorf(record.Precondition, "the two studies have different patient numbers: assign one to the other's patient first")
	}
	doc.Kind, doc.TargetUID = Merge, dicom.UID(target.UID)
	doc.Before = append(doc.Before, identityOf(target).kept())
	doc.replace(whichStudy, by)
	return nil
}

// target is the study that objects go to, with the attributes that make them its own.
func (c *Centre) target(ctx context.Context, s record.Scope, from Study, id record.ExamID) (Study, *dicom.DataSet, error) {
	st, err := c.study(ctx, s, id)
	switch {
	case err != nil:
		return st, nil, err
	case st.ID == from.ID:
		return st, nil, record.Errorf(record.Invalid, "the study and its target are the same")
	case st.Institution != from.Institution:
		return st, nil, record.Errorf(record.Invalid, "the studies are of two institutions: what one sent cannot become the other's")
	}
	r, err := scanStudyRow(c.db.QueryRow(ctx, "SELECT "+studyRowColumns+" FROM studies st WHERE st.id = $1", string(id)).Scan)
	if err != nil {
		return st, nil, err
	}
	d, err := storedAttributes(r.raw)
	if err != nil {
		return st, nil, err
	}
	if len(r.raw) == 0 {
		r.fill(d)
	}
	by := dicom.NewDataSet()
	by.CopyFrom(d, whichStudy...)
	return st, by, nil
}

func (c *Centre) split(ctx context.Context, s record.Scope, doc *correctionDocument, st Study, q Splitting) error {
	if err := c.splitWhat(ctx, doc, st, q); err != nil {
		return err
	}
	doc.Kind = Split
	if q.Into != "" {
		target, by, err := c.target(ctx, s, st, q.Into)
		if err != nil {
			return err
		}
		if n := target.LocalNumber.Reveal(); !slices.Contains(doc.Numbers, n) {
			doc.Numbers = append(doc.Numbers, n)
		}
		doc.TargetUID = dicom.UID(target.UID)
		doc.Before = append(doc.Before, identityOf(target).kept())
		doc.replace(whichStudy, by)
		return nil
	}
	doc.TargetUID = derivedUID("study|" + string(doc.ID))
	by := dicom.NewDataSet()
	by.SetText(dicom.StudyInstanceUID, string(doc.TargetUID))
	tags := []dicom.Tag{dicom.StudyInstanceUID}
	if q.Accession != nil {
		tags = append(tags, dicom.AccessionNumber, issuerOfAccession)
		by.SetText(dicom.AccessionNumber, record.Clip(*q.Accession, 16))
	}
	doc.replace(tags, by)
	return nil
}

// splitWhat finds the UIDs of what is split off: a part of the study, never all.
func (c *Centre) splitWhat(ctx context.Context, doc *correctionDocument, st Study, q Splitting) error {
	n := len(q.Series) + len(q.Instances)
	if n == 0 || n > maxSplit || len(q.Series) > 0 && len(q.Instances) > 0 {
		return record.Errorf(record.Invalid, "split: want series or instances, at most %d of them", maxSplit)
	}
	table, column, ids := "series", "series_uid", texts(q.Series)
	if len(q.Instances) > 0 {
		table, column, ids = "instances", "sop_uid", texts(q.Instances)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	b := &sqlText{}
	b.And("study_id = " + b.Arg(string(st.ID)))
	b.And(b.list("id", ids))
	uids, err := store.List(ctx, c.db, "SELECT "+column+" FROM "+table+" WHERE "+b.String()+" ORDER BY 1", b.Args, func(u *dicom.UID) []any { return []any{u} })
	if err != nil {
		return err
	}
	if len(uids) != len(ids) {
		return record.Errorf(record.NotFound, "split: not all of these are in study %s", st.ID)
	}
	all := st.NumSeries
	doc.Series = uids
	if len(q.Instances) > 0 {
		doc.Series, doc.Objects, all = nil, uids, st.Instances
	}
	if len(uids) == all {
		return record.Errorf(record.Invalid, "split: this is the whole study; merge it, or assign it to another patient")
	}
	return nil
}

func texts[T ~string](in []T) []string {
	out := make([]string, len(in))
	for i, v := range in {
		out[i] = string(v)
	}
	return out
}

// Undo takes a correction back, exactly: what it changed is again as it was. Precondition when a later correction builds on
// it. Reports that were taken back stay so: only a doctor signs.
func (c *Centre) Undo(ctx context.Context, s record.Scope, id CorrectionID, reason string, dry bool) (Corrected, error) {
	s.RelatedAt = ""
	if err := checkReason(reason); err != nil {
		return Corrected{}, err
	}
	was, err := c.correction(ctx, s, id)
	switch {
	case err != nil:
		return Corrected{}, err
	case !was.UndoneAt.IsZero():
		return Corrected{}, record.Errorf(record.Precondition, "correction %s is undone already", id)
	}
	return c.change(ctx, s, &change{undoes: &was, dry: dry, doc: &correctionDocument{
		Format: correctionFormat, ID: id, Kind: undo, Institution: was.Institution, StudyUID: was.StudyUID, TargetUID: was.TargetUID,
		By: s.Actor.ID, ByName: s.Actor.Display, At: c.db.Now().Truncate(time.Microsecond), Reason: reason,
	}})
}
