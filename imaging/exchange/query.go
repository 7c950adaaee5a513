// What an archive has: C-FIND at a registered device.

package exchange

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/dicom/dimse"
	"github.com/lianzhen/lianzhen/record"
)

// Model of a query (PS3.4 C.3).
type Model string

// The models. AnyModel takes the one that the device offers, the study root first.
const (
	AnyModel    Model = ""
	StudyRoot   Model = "study"
	PatientRoot Model = "patient"
)

// service are the SOP classes of a model.
type service struct{ find, get, move dicom.UID }

var services = map[Model]service{
	StudyRoot:   {dimse.StudyRootFind, dimse.StudyRootGet, dimse.StudyRootMove},
	PatientRoot: {dimse.PatientRootFind, dimse.PatientRootGet, dimse.PatientRootMove},
}

func (m Model) choices() []Model {
	if m == AnyModel {
		return []Model{StudyRoot, PatientRoot}
	}
	return []Model{m}
}

// PeerQuery asks for studies. Something besides dates and modality must be named.
type PeerQuery struct {
	PatientNumber record.Personal
	PatientName   record.Personal // with wildcards
	Study         dicom.UID
	Accession     string
	From, To      record.Date // of the study, inclusive
	Modality      string
	Model         Model
	Limit         int // default 100
}

// PeerStudy is a study that a device has.
type PeerStudy struct {
	Study             dicom.UID
	PatientNumber     record.Personal
	PatientName       record.Personal
	BirthDate, Sex    string // as DICOM writes them
	Date, Time        string
	Accession         string
	Description       string
	Modalities        []string
	Series, Instances int // -1: not told
}

const maxPeerStudies = 1000

// findFor is how long a person waits for answers.
const findFor = time.Minute

var studyKeys = []dicom.Tag{
	dicom.StudyDate, dicom.StudyTime, dicom.AccessionNumber, modalitiesInStudy, dicom.StudyDescription, dicom.PatientName, dicom.PatientID,
	dicom.PatientBirthDate, dicom.PatientSex, dicom.StudyInstanceUID, dicom.StudyID, numberOfStudySeries, numberOfStudyInstances,
}

const (
	queryRetrieveLevel     dicom.Tag = 0x00080052
	modalitiesInStudy      dicom.Tag = 0x00080061
	numberOfStudySeries    dicom.Tag = 0x00201206
	numberOfStudyInstances dicom.Tag = 0x00201208
)

// QueryPeer lists the studies that a device of the scope has. More tells that there are more than Limit.
func (x *Exchange) QueryPeer(ctx context.Context, s record.Scope, aeTitle string, q PeerQuery) (found []PeerStudy, more bool, err error) {
	if q.PatientNumber == "" && q.PatientName == "" && q.Study == "" && q.Accession == "" {
		return nil, false, record.Errorf(record.Invalid, "a patient number, a name, an accession number or a study is to be named")
	}
	d, err := x.archive(ctx, s, aeTitle)
	if err != nil {
		return nil, false, err
	}
	if q.Limit <= 0 {
		q.Limit = 100
	}
	q.Limit = min(q.Limit, maxPeerStudies)
	ctx, cancel := context.WithTimeout(ctx, findFor)
	defer cancel()
	f, err := x.finder(ctx, d, q.Model)
	if err == nil {
		defer f.Abort() // after a release it does nothing
		found, err = f.studies(ctx, q, q.Limit+1)
	}
	if err != nil {
		return nil, false, unavailable(err)
	}
	if len(found) > q.Limit {
		found, more = found[:q.Limit], true
	} else {
		_ = f.Release(ctx)
	}
	return found, more, x.db.Note(ctx, record.Event{
		Act: "archive.searched", Institution: d.Institution, Kind: "search", Outcome: record.Success,
		Detail: map[string]string{"ae_title": d.AETitle, "studies": strconv.Itoa(len(found))},
	}.By(s))
}

// unavailable is trouble with a device as an error that a caller may read.
func unavailable(err error) error {
	_, text := troubleOf(err)
	if k := record.KindOf(err); k != record.Internal {
		return err
	}
	return record.Wrap(record.Unavailable, err, "the device cannot be asked: "+text)
}

// finder is an association for queries.
type finder struct {
	*dimse.Association
	pc    dimse.Context
	model Model
}

func (x *Exchange) finder(ctx context.Context, d Device, m Model) (*finder, error) {
	var contexts []dimse.Proposal
	for _, m := range m.choices() {
		for _, class := range []dicom.UID{services[m].find, services[m].move} {
			contexts = append(contexts, dimse.Proposal{AbstractSyntax: class, TransferSyntaxes: plain})
		}
	}
	a, err := x.dial(ctx, d.Peer, contexts, nil)
	if err != nil {
		return nil, err
	}
	for _, m := range m.choices() {
		if pc, err := a.ContextFor(services[m].find); err == nil {
			return &finder{a, pc, m}, nil
		}
	}
	_ = a.Release(ctx)
	return nil, record.Wrap(record.Precondition, dimse.ErrNoContext, "the device does not answer queries")
}

// ask sends one query and hands on each answer until there are enough.
func (f *finder) ask(ctx context.Context, keys *dicom.DataSet, each func(*dicom.DataSet) bool) error {
	b, err := dicom.AppendDataSet(nil, keys, f.pc.TransferSyntax, "GB18030")
	if err != nil {
		return err
	}
	for match, err := range f.Find(ctx, f.pc, b) {
		if err != nil {
			return err
		}
		ds, err := dicom.ReadDataSet(match, f.pc.TransferSyntax, dicom.Limits{})
		if err != nil {
			return record.Errorf(record.Precondition, "an answer of the device cannot be read")
		}
		if !each(ds) {
			return nil
		}
	}
	return nil
}

func (q PeerQuery) keys() *dicom.DataSet {
	keys := dicom.NewDataSet()
	for _, t := range studyKeys {
		keys.SetEmpty(t)
	}
	keys.SetText(queryRetrieveLevel, "STUDY")
	set := func(t dicom.Tag, v string) {
		if v != "" {
			keys.SetText(t, v)
		}
	}
	set(dicom.PatientID, q.PatientNumber.Reveal())
	set(dicom.PatientName, q.PatientName.Reveal())
	set(dicom.StudyInstanceUID, string(q.Study))
	set(dicom.AccessionNumber, q.Accession)
	set(modalitiesInStudy, q.Modality)
	from, to := strings.ReplaceAll(q.From.String(), "-", ""), strings.ReplaceAll(q.To.String(), "-", "")
	if from+to != "" {
		keys.SetText(dicom.StudyDate, from+"-"+to)
	}
	return keys
}

// studies asks at the study level. A device that leaves a key out of account may not widen what was asked for: answers of
// another patient number or study are passed over.
func (f *finder) studies(ctx context.Context, q PeerQuery, limit int) ([]PeerStudy, error) {
	var out []PeerStudy
	err := f.ask(ctx, q.keys(), func(ds *dicom.DataSet) bool {
		p := peerStudy(ds)
		switch {
		case !p.Study.Valid(), q.Study != "" && p.Study != q.Study:
		case q.PatientNumber != "" && strings.TrimSpace(p.PatientNumber.Reveal()) != strings.TrimSpace(q.PatientNumber.Reveal()):
		default:
			out = append(out, p)
		}
		return len(out) < limit
	})
	return out, err
}

func peerStudy(ds *dicom.DataSet) PeerStudy {
	p := PeerStudy{
		Study: ds.UID(dicom.StudyInstanceUID), PatientNumber: record.Personal(ds.Str(dicom.PatientID)), PatientName: nameOf(ds),
		BirthDate: ds.Str(dicom.PatientBirthDate), Sex: ds.Str(dicom.PatientSex), Date: ds.Str(dicom.StudyDate), Time: ds.Str(dicom.StudyTime),
		Accession: ds.Str(dicom.AccessionNumber), Description: ds.Str(dicom.StudyDescription), Series: -1, Instances: -1,
	}
	for _, m := range ds.Strs(modalitiesInStudy) {
		if m != "" {
			p.Modalities = append(p.Modalities, m)
		}
	}
	if n, ok := ds.Int(numberOfStudySeries); ok {
		p.Series = n
	}
	if n, ok := ds.Int(numberOfStudyInstances); ok {
		p.Instances = n
	}
	return p
}

// nameOf prefers the name in characters to the one in letters.
func nameOf(ds *dicom.DataSet) record.Personal {
	p := ds.Person(dicom.PatientName)
	if p.Ideographic != "" {
		return record.Personal(p.Ideographic)
	}
	return record.Personal(p.Alphabetic)
}
