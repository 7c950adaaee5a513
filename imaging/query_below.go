// Series and instances of a query, and the attributes of each level that are answered.

package imaging

import (
	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/store"
)

// Attributes that are counted or known here and stand in no object (PS3.4 table C.3-1, C.6.1.1).
const (
	instanceAvailability            dicom.Tag = 0x00080056
	modalitiesInStudy               dicom.Tag = 0x00080061
	sopClassesInStudy               dicom.Tag = 0x00080062
	numberOfPatientRelatedStudies   dicom.Tag = 0x00201200
	numberOfPatientRelatedSeries    dicom.Tag = 0x00201202
	numberOfPatientRelatedInstances dicom.Tag = 0x00201204
	numberOfStudyRelatedSeries      dicom.Tag = 0x00201206
	numberOfStudyRelatedInstances   dicom.Tag = 0x00201208
	numberOfSeriesRelatedInstances  dicom.Tag = 0x00201209
	availableTransferSyntaxUID      dicom.Tag = 0x00083002
)

// studyAttributes are those of the study's first object with what is known here.
func (a *asking) studyAttributes(r *studyRow) (*dicom.DataSet, error) {
	d, err := storedAttributes(r.raw)
	if err != nil {
		return nil, err
	}
	if len(r.raw) == 0 {
		r.fill(d)
	}
	if d.Find(dicom.IssuerOfPatientID) == nil {
		d.SetText(dicom.IssuerOfPatientID, string(r.Institution))
	}
	if len(r.Modalities) > 0 {
		d.SetText(modalitiesInStudy, r.Modalities...)
	}
	d.SetText(instanceAvailability, "ONLINE")
	d.SetInt(numberOfStudyRelatedSeries, r.NumSeries)
	d.SetInt(numberOfStudyRelatedInstances, r.Instances)
	if a.wants(sopClassesInStudy) && a.q.Level == StudyLevel && a.wanted != nil {
		classes, err := store.List(a.ctx, a.c.db, `SELECT DISTINCT sop_class FROM instances WHERE study_id = $1 ORDER BY sop_class`,
			[]any{string(r.ID)}, func(s *string) []any { return []any{s} })
		if err != nil {
			return nil, err
		}
		d.SetText(sopClassesInStudy, classes...)
	}
	return d, nil
}

// storedAttributes reads what attributes has written.
func storedAttributes(raw []byte) (*dicom.DataSet, error) {
	if len(raw) == 0 {
		return dicom.NewDataSet(), nil
	}
	return dicom.ReadDataSet(raw, dicom.ExplicitLE, dicom.Limits{})
}

// fill makes attributes of the columns where none were kept.
func (r *studyRow) fill(d *dicom.DataSet) {
	for _, v := range []struct {
		tag   dicom.Tag
		value string
	}{
		{dicom.StudyInstanceUID, r.UID},
		{dicom.StudyDate, dashless(r.Date)},
		{dicom.StudyTime, dashless(r.Time)},
		{dicom.AccessionNumber, r.Accession},
		{dicom.StudyDescription, r.Description},
		{dicom.PatientID, r.LocalNumber.Reveal()},
		{dicom.PatientName, r.Name.Reveal()},
		{dicom.PatientBirthDate, dashless(r.BirthDate)},
		{dicom.PatientSex, string(r.Sex)},
	} {
		d.SetText(v.tag, v.value)
	}
}

// seriesRow is a series with its attributes.
type seriesRow struct {
	Series
	raw []byte
}

func (a *asking) series(m Match, study *dicom.DataSet) error {
	b := &sqlText{}
	b.And("study_id = " + b.Arg(string(m.Study)))
	b.in("series_uid", a.q.Keys.Strs(dicom.SeriesInstanceUID))
	b.in("modality", literals(a.q.Keys.Strs(dicom.Modality)))
	rows, err := store.List(a.ctx, a.c.db, `SELECT id, series_uid, modality, number, description, body_part, instance_count, attributes
		FROM series WHERE `+b.String()+` ORDER BY number, id`, b.Args, func(r *seriesRow) []any {
		return []any{&r.ID, &r.UID, &r.Modality, &r.Number, &r.Description, &r.BodyPart, &r.Instances, &r.raw}
	})
	if err != nil {
		return err
	}
	for i := range rows {
		if err := a.oneSeries(m, study, &rows[i]); err != nil || a.ended {
			return err
		}
	}
	return nil
}

func (a *asking) oneSeries(m Match, study *dicom.DataSet, r *seriesRow) error {
	d, err := storedAttributes(r.raw)
	if err != nil {
		return err
	}
	if len(r.raw) == 0 {
		d.SetText(dicom.SeriesInstanceUID, r.UID)
		d.SetText(dicom.Modality, r.Modality)
		d.SetText(dicom.SeriesDescription, r.Description)
		d.SetInt(dicom.SeriesNumber, r.Number)
	}
	d.SetInt(numberOfSeriesRelatedInstances, r.Instances)
	if !a.keys.series.match(d, a.q.Fuzzy) {
		return nil
	}
	m.Series = r.ID
	join(d, study)
	if a.q.Level == SeriesLevel {
		m.Attributes = a.only(d, dicom.StudyInstanceUID, dicom.SeriesInstanceUID)
		a.answer(m)
		return nil
	}
	return a.instances(m, d)
}

// join adds what a level above says and the one below does not.
func join(d, above *dicom.DataSet) {
	var missing []dicom.Tag
	for i := range above.Elements {
		if t := above.Elements[i].Tag; d.Find(t) == nil {
			missing = append(missing, t)
		}
	}
	if len(missing) > 0 { // none would mean all
		d.CopyFrom(above, missing...)
	}
}

// instances walks those of a series.
func (a *asking) instances(m Match, above *dicom.DataSet) error {
	deep := a.deep()
	uids := a.q.Keys.Strs(dicom.SOPInstanceUID)
	page := ""
	for {
		rows, err := a.c.instancesOf(a.ctx, m.Study, m.Series, uids, fetchPage, page)
		if err != nil {
			return err
		}
		for i := range rows {
			if err := a.oneInstance(m, above, &rows[i], deep); err != nil || a.ended {
				return err
			}
		}
		if len(rows) < fetchPage {
			return nil
		}
		page = instancePage(rows[len(rows)-1])
	}
}

// instanceTags are the attributes of an instance that its row knows.
var instanceTags = tagSet("SOPClassUID", "SOPInstanceUID", "InstanceNumber", "Rows", "Columns", "NumberOfFrames",
	"InstanceAvailability", "AvailableTransferSyntaxUID")

// deep tells whether an instance's own attributes are asked for.
func (a *asking) deep() bool {
	if a.wanted == nil {
		return true
	}
	for t := range a.wanted {
		if levelOf(t) == ImageLevel && !instanceTags[t] {
			return true
		}
	}
	return false
}

func (a *asking) oneInstance(m Match, above *dicom.DataSet, r *Instance, deep bool) error {
	d := dicom.NewDataSet()
	if deep {
		var err error
		if d, err = a.c.attributesOf(a.ctx, r.ID); err != nil {
			return err
		}
	}
	d.SetText(dicom.SOPClassUID, r.SOPClass)
	d.SetText(dicom.SOPInstanceUID, r.SOPUID)
	if !deep {
		d.SetInt(dicom.InstanceNumber, r.Number)
		if r.Rows > 0 {
			d.SetInt(dicom.Rows, r.Rows)
			d.SetInt(dicom.Columns, r.Columns)
		}
		if r.Frames > 1 {
			d.SetInt(dicom.NumberOfFrames, r.Frames)
		}
	}
	d.SetText(availableTransferSyntaxUID, r.Syntax)
	if !a.keys.image.match(d, a.q.Fuzzy) {
		return nil
	}
	join(d, above)
	m.Instance = r.ID
	m.Attributes = a.only(d, dicom.StudyInstanceUID, dicom.SeriesInstanceUID, dicom.SOPInstanceUID)
	a.answer(m)
	return nil
}
