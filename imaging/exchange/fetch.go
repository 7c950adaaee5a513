// Fetch: studies that an archive has come here, above all what was made of a patient before.

package exchange

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/imaging"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// FetchRequest says what is wanted of whom. Objects become the institution's of the device, as if it had sent them.
type FetchRequest struct {
	From          string          // AE title of a registered device with an address
	PatientNumber record.Personal // all studies of the patient, or
	Study         dicom.UID       // this one
	Modality      string          // only studies that have it
	Model         Model
	Priority      record.Priority
}

// kept is how the wish is kept until it is fulfilled. The patient's number is wanted in the end, so it is text.
type kept struct {
	Patient  string `json:"patient,omitempty"`
	Study    string `json:"study,omitempty"`
	Modality string `json:"modality,omitempty"`
	Model    Model  `json:"model,omitempty"`
}

// Fetch queues the fetching from a device of the scope.
func (x *Exchange) Fetch(ctx context.Context, s record.Scope, r FetchRequest) (Transfer, error) {
	switch {
	case r.PatientNumber == "" && r.Study == "":
		return Transfer{}, record.Errorf(record.Invalid, "a patient number or a study is to be named")
	case r.Study != "" && !r.Study.Valid():
		return Transfer{}, record.Errorf(record.Invalid, "the Study Instance UID is not valid")
	}
	if _, known := services[r.Model]; !known && r.Model != AnyModel {
		return Transfer{}, record.Errorf(record.Invalid, "model: want study or patient")
	}
	d, err := x.archive(ctx, s, r.From)
	if err != nil {
		return Transfer{}, err
	}
	if !d.Write.Reaches(d.Institution) {
		return Transfer{}, record.Errorf(record.Precondition, "device %s may not store for its institution", d.AETitle)
	}
	request, err := json.Marshal(kept{r.PatientNumber.Reveal(), string(r.Study), r.Modality, r.Model})
	if err != nil {
		return Transfer{}, err
	}
	t := Transfer{
		Kind: Fetches, Institution: d.Institution, AETitle: d.AETitle, Priority: priorityRanks[rankOf(r.Priority)], by: askerOf(s), request: string(request),
	}
	err = x.db.Tx(ctx, func(tx *store.Tx) error { return t.insert(ctx, tx) })
	nudge(x.due)
	return t, err
}

// fetch is one try. What is here already is not fetched again, so that a try goes on where the one before ended.
func (r *run) fetch(ctx context.Context) error {
	var want kept
	if err := json.Unmarshal([]byte(r.t.request), &want); err != nil {
		return errForGood{err}
	}
	f, err := r.x.finder(ctx, r.d, want.Model)
	if err != nil {
		if record.KindOf(err) == record.Precondition {
			err = errForGood{err}
		}
		return err
	}
	defer f.Abort() // after a release it does nothing
	studies, err := f.studies(ctx, PeerQuery{
		PatientNumber: record.Personal(want.Patient), Study: dicom.UID(want.Study), Modality: want.Modality,
	}, maxPeerStudies)
	if err != nil {
		return err
	}
	if len(studies) == 0 {
		return errForGood{record.Errorf(record.NotFound, "the device has no such study")}
	}
	var wanted []retrieval
	for _, st := range studies {
		one := retrieval{run: r, f: f, study: st.Study, patient: st.PatientNumber}
		if err := one.list(ctx, max(st.Instances, 0)); err != nil {
			return err
		}
		wanted = append(wanted, one)
	}
	if err := r.begin(ctx, wanted); err != nil {
		return err
	}
	var last error
	for i := range wanted {
		if err := wanted[i].get(ctx); err != nil {
			last = err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	_ = f.Release(ctx)
	return last
}

// retrieval is one study on its way here.
type retrieval struct {
	*run
	f       *finder
	study   dicom.UID
	patient record.Personal
	refs    []imaging.Reference // all instances as the device lists them; none: it does not
	told    int                 // how many there are when it does not
}

// list asks for the instances of the study, series by series (PS3.4 C.6.2.1). Devices that do not say the SOP class, or
// fail at this level, are asked for the study as a whole.
func (v *retrieval) list(ctx context.Context, told int) error {
	v.told = told
	keys := dicom.NewDataSet()
	keys.SetText(queryRetrieveLevel, "SERIES")
	keys.SetText(dicom.StudyInstanceUID, string(v.study))
	keys.SetEmpty(dicom.SeriesInstanceUID)
	v.under(keys)
	var series []string
	err := v.f.ask(ctx, keys, func(ds *dicom.DataSet) bool {
		series = append(series, ds.Str(dicom.SeriesInstanceUID))
		return len(series) < maxSeries
	})
	for _, uid := range series {
		if err != nil {
			break
		}
		keys := dicom.NewDataSet()
		keys.SetText(queryRetrieveLevel, "IMAGE")
		keys.SetText(dicom.StudyInstanceUID, string(v.study))
		keys.SetText(dicom.SeriesInstanceUID, uid)
		keys.SetEmpty(dicom.SOPInstanceUID)
		keys.SetEmpty(dicom.SOPClassUID)
		v.under(keys)
		err = v.f.ask(ctx, keys, func(ds *dicom.DataSet) bool {
			v.refs = append(v.refs, imaging.Reference{SOPClass: ds.UID(dicom.SOPClassUID), SOPInstance: ds.UID(dicom.SOPInstanceUID)})
			return len(v.refs) <= maxReferences
		})
	}
	if broken := v.f.Err(); broken != nil {
		return broken
	}
	unclear := func(r imaging.Reference) bool { return !r.SOPClass.Valid() || !r.SOPInstance.Valid() }
	if err != nil || len(v.refs) > maxReferences || slices.ContainsFunc(v.refs, unclear) {
		v.refs = nil
	}
	return nil
}

const maxSeries = 5000

// under adds the key that the patient root model wants above the study (PS3.4 C.6.1.1).
func (v *retrieval) under(keys *dicom.DataSet) {
	if v.f.model == PatientRoot {
		keys.SetText(dicom.PatientID, v.patient.Reveal())
	}
}

// begin writes how many objects there are, and takes back what a former try has counted.
func (r *run) begin(ctx context.Context, wanted []retrieval) error {
	total := 0
	for _, v := range wanted {
		total += max(len(v.refs), v.told*one(len(v.refs) == 0))
	}
	return r.x.db.Tx(ctx, func(tx *store.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM transfer_objects WHERE transfer_id = $1`, string(r.t.ID)); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE transfers SET total = $2, sent = 0, failed = 0, refused = 0 WHERE id = $1 AND owner = $3`, string(r.t.ID), total, r.t.owner)
		return err
	})
}

func one(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// missing lists the instances that are not here yet.
func (v *retrieval) missing(ctx context.Context) ([]imaging.Reference, error) {
	status, err := v.x.centre.Kept(ctx, v.d.Write, v.refs)
	if err != nil {
		return nil, err
	}
	var out []imaging.Reference
	for i, s := range status {
		if s != imaging.StatusStored {
			out = append(out, v.refs[i])
		}
	}
	return out, nil
}

// get fetches the study: by C-GET, and what that does not bring by C-MOVE to us.
func (v *retrieval) get(ctx context.Context) error {
	before, err := v.missing(ctx)
	if err != nil {
		return err
	}
	if len(v.refs) > 0 && len(before) == 0 {
		return v.count(ctx)
	}
	refusal := v.byGet(ctx, before)
	left, err := v.missing(ctx)
	if err != nil || ctx.Err() != nil {
		return err
	}
	if len(left) > 0 || len(v.refs) == 0 && refusal != nil {
		refusal = v.byMove(ctx, refusal)
	}
	if err := v.count(ctx); err != nil {
		return err
	}
	left, err = v.missing(ctx)
	switch {
	case err != nil:
		return err
	case len(left) == 0 && len(v.refs) > 0:
		return nil
	case refusal == nil && len(left) > 0:
		return record.Errorf(record.Unavailable, "%d of %d objects of a study did not come", len(left), len(v.refs))
	}
	return refusal
}

// count enters what of the study is here. Of a device that lists nothing it is what is kept of the study.
func (v *retrieval) count(ctx context.Context) error {
	found, err := v.x.centre.Locate(ctx, v.d.Write, imaging.UIDs{Study: v.study})
	if err != nil && record.KindOf(err) != record.NotFound {
		return err
	}
	wanted := map[string]bool{}
	for _, r := range v.refs {
		wanted[string(r.SOPInstance)] = true
	}
	var ids []imaging.InstanceID
	for _, o := range found {
		if len(v.refs) == 0 || wanted[o.SOPUID] {
			ids = append(ids, o.ID)
		}
	}
	return v.x.db.Tx(ctx, func(tx *store.Tx) error {
		var from int
		if err := tx.QueryRow(ctx, `SELECT COALESCE(MAX(position) + 1, 0) FROM transfer_objects WHERE transfer_id = $1`, string(v.t.ID)).Scan(&from); err != nil {
			return err
		}
		if err := v.t.putObjects(ctx, tx, from, ids, "received"); err != nil {
			return err
		}
		now, sent := record.Micros(tx.Now()), from+len(ids)
		if sent > v.t.Sent { // more than at the end of the try before
			if _, err := tx.Exec(ctx, `UPDATE transfers SET moved_at = $2, tries = 0 WHERE id = $1`, string(v.t.ID), now); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, `UPDATE transfers SET sent = $2, total = CASE WHEN total < $2 THEN $2 ELSE total END, changed_at = $3 WHERE id = $1`,
			string(v.t.ID), sent, now)
		return err
	})
}
