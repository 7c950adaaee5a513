// The story's second part: equipment that speaks DICOM. An order stands on the worklist of a modality, which tells when it
// begins and ends (MPPS) and sends its images (C-STORE); a viewer looks over DICOMweb.

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/dicom/dimse"
	"github.com/lianzhen/lianzhen/codec/dicom/phantom"
	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
)

// modality is the radiography unit of the first clinic and what it does in the story.
type modality struct {
	*story
	ae    string
	who   demoPatient
	spec  phantom.Spec
	entry *dicom.DataSet // of the worklist
	line  *dimse.Association
	step  dicom.UID // the performed step
}

const theTechnician = "gulang-yunshan-tech"

// equipment is the chapter of the story.
func (s *story) equipment(ctx context.Context, now time.Time) error {
	m := &modality{
		story: s, ae: strings.ToUpper(demoCounties[0].id) + "_DR1", who: demoPatients[8],
		spec: phantom.Spec{Kind: phantom.DRChest, Seed: uint64(s.world.Runs)<<20 + 77, Count: 1, Rows: 1024, Columns: 1024, At: now},
	}
	m.step = dicom.UID(fmt.Sprintf("2.25.%d", now.UnixNano()))
	m.spec.Accession = fmt.Sprintf("DR%d", now.UnixMilli())
	m.spec.Patient = phantom.Patient{Name: m.who.dicomName, ID: m.who.number, BirthDate: m.who.birth, Sex: m.who.sex}
	defer func() {
		if m.line != nil {
			m.line.Abort()
		}
	}()
	return s.run(ctx, []demoStep{
		{theTechnician, "登记检查申请", "registers an order", m.order},
		{m.ae, "设备查询工作列表 (MWL)", "the modality asks its worklist (MWL)", m.ask},
		{m.ae, "开始检查,发送图像,完成 (MPPS, C-STORE)", "begins, sends its image, ends (MPPS, C-STORE)", m.examine},
		{theReader, "浏览器查看影像 (DICOMweb)", "a viewer looks at it (DICOMweb)", m.look},
	})
}

func (m *modality) order(ctx context.Context) (string, error) {
	v, err := m.as(ctx, theTechnician)
	if err != nil {
		return "", err
	}
	o, err := pb.NewWorklistServiceClient(v.conn).CreateOrder(ctx, &pb.CreateOrderRequest{Order: &pb.ImagingOrder{
		Patient: &pb.OrderPatient{
			LocalPatientNumber: m.who.number, IdentityNumber: m.who.number, PatientName: m.who.name, Sex: pb.Sex_SEX_MALE,
			BirthDate: m.who.birth[:4] + "-" + m.who.birth[4:6] + "-" + m.who.birth[6:],
		},
		AccessionNumber: m.spec.Accession, StudyInstanceUid: string(m.spec.StudyUID()), Priority: urgent, Reason: "外伤后胸痛",
		Procedure: &pb.RequestedProcedure{Description: "胸部正位片"},
		Steps: []*pb.ScheduledStep{{
			Modality: "DX", StationAeTitles: []string{m.ae}, StartAt: timestamppb.New(m.spec.At.Add(10 * time.Minute)), Description: "胸部正位",
		}},
	}})
	return o.GetAccessionNumber(), err
}

// ask opens the association and finds the order on the worklist.
func (m *modality) ask(ctx context.Context) (string, error) {
	plain := []dicom.UID{dicom.ExplicitLE, dicom.ImplicitLE}
	var err error
	m.line, err = dimse.Dial(ctx, m.dimse, dimse.Request{CalledAE: "LIANZHEN", CallingAE: m.ae, Contexts: []dimse.Proposal{
		{AbstractSyntax: dimse.ModalityWorklistFind, TransferSyntaxes: plain},
		{AbstractSyntax: dimse.ModalityPerformedProcedureStep, TransferSyntaxes: plain},
		{AbstractSyntax: "1.2.840.10008.5.1.4.1.1.1.1", TransferSyntaxes: plain[:1]},
	}}, dimse.Options{})
	if err != nil {
		return "", err
	}
	pc, err := m.line.ContextFor(dimse.ModalityWorklistFind)
	if err != nil {
		return "", err
	}
	step := dicom.NewDataSet()
	step.SetText(scheduledStationAETitle, m.ae)
	step.SetEmpty(dicom.Modality)
	keys := dicom.NewDataSet()
	for _, t := range []dicom.Tag{dicom.PatientName, dicom.PatientID, dicom.StudyInstanceUID} {
		keys.SetEmpty(t)
	}
	keys.SetText(dicom.AccessionNumber, m.spec.Accession)
	keys.SetItems(scheduledProcedureStepSequence, step)
	query, err := dicom.AppendDataSet(nil, keys, pc.TransferSyntax, dicom.UTF8)
	if err != nil {
		return "", err
	}
	for b, err := range m.line.Find(ctx, pc, query) {
		if err != nil {
			return "", err
		}
		if m.entry, err = dicom.ReadDataSet(b, pc.TransferSyntax, dicom.Limits{}); err != nil {
			return "", err
		}
	}
	if m.entry == nil || m.entry.UID(dicom.StudyInstanceUID) != m.spec.StudyUID() {
		return "", errors.New("the order is not on the worklist")
	}
	return m.entry.Person(dicom.PatientName).Ideographic, nil
}

// Attributes of worklist and performed steps (PS3.4 K.6.1.2.2, F.7.2.1.1).
const (
	scheduledStationAETitle        dicom.Tag = 0x00400001
	scheduledProcedureStepSequence dicom.Tag = 0x00400100
	performedStationAETitle        dicom.Tag = 0x00400241
	performedStartDate             dicom.Tag = 0x00400244
	performedStartTime             dicom.Tag = 0x00400245
	performedEndDate               dicom.Tag = 0x00400250
	performedEndTime               dicom.Tag = 0x00400251
	performedStatus                dicom.Tag = 0x00400252
	performedStepID                dicom.Tag = 0x00400253
	scheduledStepAttributes        dicom.Tag = 0x00400270
	performedSeries                dicom.Tag = 0x00400340
	referencedImages               dicom.Tag = 0x00081140
	protocolName                   dicom.Tag = 0x00181030
)

// examine tells that the step has begun, sends the image and tells that all was done: with the one image here, the study is
// complete at once and stands on the county's worklist.
func (m *modality) examine(ctx context.Context) (string, error) {
	pc, err := m.line.ContextFor(dimse.ModalityPerformedProcedureStep)
	if err != nil {
		return "", err
	}
	if err := m.tell(ctx, pc, m.line.NCreate, m.begun()); err != nil {
		return "", fmt.Errorf("MPPS N-CREATE: %w", err)
	}
	object, err := m.send(ctx)
	if err != nil {
		return "", err
	}
	if err := m.tell(ctx, pc, m.line.NSet, m.ended(object)); err != nil {
		return "", fmt.Errorf("MPPS N-SET: %w", err)
	}
	return "COMPLETED", m.line.Release(ctx)
}

type normalized func(ctx context.Context, pc dimse.Context, instance dicom.UID, data []byte) (*dimse.Reply, error)

func (m *modality) tell(ctx context.Context, pc dimse.Context, how normalized, d *dicom.DataSet) error {
	b, err := dicom.AppendDataSet(nil, d, pc.TransferSyntax, dicom.UTF8)
	if err == nil {
		_, err = how(ctx, pc, m.step, b)
	}
	return err
}

func (m *modality) begun() *dicom.DataSet {
	of := dicom.NewDataSet()
	of.SetText(dicom.StudyInstanceUID, string(m.spec.StudyUID()))
	of.SetText(dicom.AccessionNumber, m.spec.Accession)
	d := dicom.NewDataSet()
	d.SetText(dicom.Modality, "DX")
	d.SetText(dicom.PatientName, m.who.dicomName)
	d.SetText(dicom.PatientID, m.who.number)
	d.SetText(performedStationAETitle, m.ae)
	d.SetText(performedStartDate, m.spec.At.Format("20060102"))
	d.SetText(performedStartTime, m.spec.At.Format("150405"))
	d.SetText(performedStatus, "IN PROGRESS")
	d.SetText(performedStepID, "1")
	d.SetItems(scheduledStepAttributes, of)
	return d
}

func (m *modality) ended(object *dicom.Object) *dicom.DataSet {
	image := dicom.NewDataSet()
	image.SetText(dicom.ReferencedSOPClassUID, string(object.Header.SOPClassUID))
	image.SetText(dicom.ReferencedSOPInstanceUID, string(object.Header.SOPInstanceUID))
	series := dicom.NewDataSet()
	series.SetText(dicom.SeriesInstanceUID, string(object.Header.SeriesUID))
	series.SetText(protocolName, "CHEST PA")
	series.SetItems(referencedImages, image)
	d := dicom.NewDataSet()
	d.SetText(performedStatus, "COMPLETED")
	d.SetText(performedEndDate, m.spec.At.Format("20060102"))
	d.SetText(performedEndTime, m.spec.At.Add(2*time.Minute).Format("150405"))
	d.SetItems(performedSeries, series)
	return d
}

func (m *modality) send(ctx context.Context) (*dicom.Object, error) {
	var b bytes.Buffer
	for _, write := range phantom.Study(m.spec) {
		if err := write(&b); err != nil {
			return nil, err
		}
	}
	o, err := dicom.ScanHeader(bytes.NewReader(b.Bytes()), dicom.Options{})
	if err != nil {
		return nil, err
	}
	status, err := m.line.Store(ctx, dimse.Object{
		SOPClass: o.Header.SOPClassUID, SOPInstance: o.Header.SOPInstanceUID, TransferSyntax: o.TransferSyntax,
		Data: bytes.NewReader(b.Bytes()[o.DataSetOffset():]),
	})
	if err == nil && status != dimse.Success {
		err = fmt.Errorf("C-STORE: status %v", status)
	}
	return o, err
}

// look searches the study and asks for its picture, as a viewer does.
func (m *modality) look(ctx context.Context) (string, error) {
	v, err := m.as(ctx, theReader)
	if err != nil {
		return "", err
	}
	study := m.http + "/dicomweb/studies/" + string(m.spec.StudyUID())
	found, err := v.get(ctx, m.http+"/dicomweb/studies?StudyInstanceUID="+string(m.spec.StudyUID()), "application/dicom+json")
	if err != nil {
		return "", err
	}
	if !bytes.Contains(found, []byte(`"00100010"`)) {
		return "", errors.New("QIDO-RS does not find the study")
	}
	picture, err := v.get(ctx, study+"/thumbnail?viewport=512,512", "image/jpeg")
	if err == nil && !bytes.HasPrefix(picture, []byte{0xFF, 0xD8}) {
		err = errors.New("the thumbnail is no JPEG")
	}
	return fmt.Sprintf("JPEG %.1f kB", float64(len(picture))/1e3), err
}

// get fetches over HTTP with the visitor's session.
func (v *demoVisitor) get(ctx context.Context, url, accept string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+v.token)
	req.Header.Set("Accept", accept)
	resp, err := restClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: HTTP %d", strings.TrimPrefix(req.URL.Path, v.http), resp.StatusCode)
	}
	return b, err
}
