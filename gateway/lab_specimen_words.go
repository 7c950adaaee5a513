// Orders and tubes in the words of the API, and back.

package gateway

import (
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/lab/specimen"
	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
	"github.com/lianzhen/lianzhen/record"
)

var (
	labLineStates = words[specimen.LineStatus, pb.LabLineStatus]{
		{specimen.LineOpen, pb.LabLineStatus_LAB_LINE_STATUS_OPEN},
		{specimen.LineAnalysis, pb.LabLineStatus_LAB_LINE_STATUS_IN_ANALYSIS},
		{specimen.LineReported, pb.LabLineStatus_LAB_LINE_STATUS_REPORTED},
		{specimen.LineCancelled, pb.LabLineStatus_LAB_LINE_STATUS_CANCELLED},
	}
	specimenStates = words[specimen.State, pb.SpecimenState]{
		{specimen.Planned, pb.SpecimenState_SPECIMEN_STATE_PLANNED},
		{specimen.Collected, pb.SpecimenState_SPECIMEN_STATE_COLLECTED},
		{specimen.Packed, pb.SpecimenState_SPECIMEN_STATE_PACKED},
		{specimen.Transport, pb.SpecimenState_SPECIMEN_STATE_TRANSPORT},
		{specimen.Received, pb.SpecimenState_SPECIMEN_STATE_RECEIVED},
		{specimen.Analysis, pb.SpecimenState_SPECIMEN_STATE_ANALYSIS},
		{specimen.Reported, pb.SpecimenState_SPECIMEN_STATE_REPORTED},
		{specimen.Rejected, pb.SpecimenState_SPECIMEN_STATE_REJECTED},
		{specimen.Stored, pb.SpecimenState_SPECIMEN_STATE_STORED},
		{specimen.Discarded, pb.SpecimenState_SPECIMEN_STATE_DISCARDED},
		{specimen.Lost, pb.SpecimenState_SPECIMEN_STATE_LOST},
		{specimen.Cancelled, pb.SpecimenState_SPECIMEN_STATE_CANCELLED},
	}
	specimenActs = words[specimen.Act, pb.SpecimenAct]{
		{specimen.Collect, pb.SpecimenAct_SPECIMEN_ACT_COLLECT},
		{specimen.Pack, pb.SpecimenAct_SPECIMEN_ACT_PACK},
		{specimen.Unpack, pb.SpecimenAct_SPECIMEN_ACT_UNPACK},
		{specimen.Dispatch, pb.SpecimenAct_SPECIMEN_ACT_DISPATCH},
		{specimen.Receive, pb.SpecimenAct_SPECIMEN_ACT_RECEIVE},
		{specimen.Reject, pb.SpecimenAct_SPECIMEN_ACT_REJECT},
		{specimen.Start, pb.SpecimenAct_SPECIMEN_ACT_START},
		{specimen.Report, pb.SpecimenAct_SPECIMEN_ACT_REPORT},
		{specimen.Store, pb.SpecimenAct_SPECIMEN_ACT_STORE},
		{specimen.Discard, pb.SpecimenAct_SPECIMEN_ACT_DISCARD},
		{specimen.Lose, pb.SpecimenAct_SPECIMEN_ACT_LOSE},
		{specimen.Cancel, pb.SpecimenAct_SPECIMEN_ACT_CANCEL},
	}
	scanOutcomes = words[specimen.Outcome, pb.ScanOutcome]{
		{specimen.Applied, pb.ScanOutcome_SCAN_OUTCOME_APPLIED},
		{specimen.Waiting, pb.ScanOutcome_SCAN_OUTCOME_WAITING},
		{specimen.Conflict, pb.ScanOutcome_SCAN_OUTCOME_CONFLICT},
		{specimen.Already, pb.ScanOutcome_SCAN_OUTCOME_ALREADY},
		{specimen.Refused, pb.ScanOutcome_SCAN_OUTCOME_REFUSED},
		{specimen.Settled, pb.ScanOutcome_SCAN_OUTCOME_SETTLED},
	}
	specimenLists = words[specimen.List, pb.SpecimenList]{
		{specimen.ToCollect, pb.SpecimenList_SPECIMEN_LIST_TO_COLLECT},
		{specimen.AtClinic, pb.SpecimenList_SPECIMEN_LIST_AT_CLINIC},
		{specimen.OnTheWay, pb.SpecimenList_SPECIMEN_LIST_ON_THE_WAY},
		{specimen.AtLaboratory, pb.SpecimenList_SPECIMEN_LIST_AT_LABORATORY},
		{specimen.InAnalysis, pb.SpecimenList_SPECIMEN_LIST_IN_ANALYSIS},
		{specimen.AllReported, pb.SpecimenList_SPECIMEN_LIST_REPORTED},
		{specimen.AllRejected, pb.SpecimenList_SPECIMEN_LIST_REJECTED},
		{specimen.InStore, pb.SpecimenList_SPECIMEN_LIST_STORED},
		{specimen.AllDiscarded, pb.SpecimenList_SPECIMEN_LIST_DISCARDED},
		{specimen.AllLost, pb.SpecimenList_SPECIMEN_LIST_LOST},
		{specimen.AllCancelled, pb.SpecimenList_SPECIMEN_LIST_CANCELLED},
	}
	boxStates = words[specimen.BoxState, pb.BoxState]{
		{specimen.BoxOpen, pb.BoxState_BOX_STATE_OPEN},
		{specimen.BoxSealed, pb.BoxState_BOX_STATE_SEALED},
		{specimen.BoxHanded, pb.BoxState_BOX_STATE_HANDED},
		{specimen.BoxArrived, pb.BoxState_BOX_STATE_ARRIVED},
		{specimen.BoxClosed, pb.BoxState_BOX_STATE_CLOSED},
	}
	boxFindings = words[specimen.Finding, pb.BoxFinding]{
		{specimen.FoundReceived, pb.BoxFinding_BOX_FINDING_RECEIVED},
		{specimen.FoundMissing, pb.BoxFinding_BOX_FINDING_MISSING},
		{specimen.FoundUnexpected, pb.BoxFinding_BOX_FINDING_UNEXPECTED},
		{specimen.FoundRejected, pb.BoxFinding_BOX_FINDING_REJECTED},
	}
	turnaroundSegments = words[specimen.Segment, pb.TurnaroundSegment]{
		{specimen.OrderToCollect, pb.TurnaroundSegment_TURNAROUND_SEGMENT_ORDER_TO_COLLECT},
		{specimen.CollectToReceive, pb.TurnaroundSegment_TURNAROUND_SEGMENT_COLLECT_TO_RECEIVE},
		{specimen.ReceiveToStart, pb.TurnaroundSegment_TURNAROUND_SEGMENT_RECEIVE_TO_START},
		{specimen.StartToReport, pb.TurnaroundSegment_TURNAROUND_SEGMENT_START_TO_REPORT},
		{specimen.OrderToReport, pb.TurnaroundSegment_TURNAROUND_SEGMENT_ORDER_TO_REPORT},
	}
)

func labCodingFromPB(c *pb.SpecimenCoding) observation.Coding {
	return observation.Coding{Code: c.GetCode(), Text: c.GetText(), System: c.GetSystem()}
}

func labCodingToPB(c observation.Coding) *pb.SpecimenCoding {
	if c.Empty() {
		return nil
	}
	return &pb.SpecimenCoding{Code: c.Code, Text: c.Text, System: c.System}
}

func labOrderFromPB(m *pb.LabOrder) (o specimen.Order, err error) {
	o = specimen.Order{
		Institution: record.InstitutionID(m.GetInstitutionId()), Laboratory: record.InstitutionID(m.GetLaboratoryId()),
		Patient: record.PatientID(m.GetPatientId()), Number: m.GetNumber(), Priority: priorityFromPB(m.GetPriority()), Visit: m.GetVisitNumber(),
		Ward: m.GetWard(), Orderer: record.Personal(m.GetOrderer()), Clinical: m.GetClinicalInformation(), Preprinted: m.GetPreprinted(),
	}
	if o.OrderedAt, err = timeOf(m.GetOrderedAt()); err != nil {
		return o, err
	}
	for _, l := range m.GetLines() {
		o.Lines = append(o.Lines, specimen.Line{ID: specimen.LineID(l.GetLineId()), Item: labCodingFromPB(l.GetItem()), Placer: l.GetPlacerNumber()})
	}
	o.Who, err = orderPatient(m.GetPatient())
	return o, err
}

func labPatientToPB(d record.Demographics) *pb.OrderPatient {
	return &pb.OrderPatient{
		LocalPatientNumber: d.LocalID.Reveal(), PatientName: d.Name.Reveal(), LatinName: d.Latin.Reveal(), BirthDate: d.BirthDate.String(), Sex: sexToPB(d.Sex),
	}
}

func labOrderToPB(o specimen.Order) *pb.LabOrder {
	return &pb.LabOrder{
		LabOrderId: string(o.ID), InstitutionId: string(o.Institution), LaboratoryId: string(o.Laboratory), PatientId: string(o.Patient),
		Identity: gradeToPB(o.Grade), Patient: labPatientToPB(o.Who), Number: o.Number, Priority: priorities.out(o.Priority), VisitNumber: o.Visit, Ward: o.Ward,
		Orderer: o.Orderer.Reveal(), ClinicalInformation: o.Clinical, OrderedAt: instant(o.OrderedAt), Lines: each(o.Lines, labLineToPB),
		Preprinted: o.Preprinted, Specimens: each(o.Specimens, tubeToPB), Status: labLineStates.out(o.Status()), CreatedAt: instant(o.CreatedAt),
		ChangedAt: instant(o.ChangedAt), Etag: o.Etag(),
	}
}

func labLineToPB(l specimen.Line) *pb.LabOrderLine {
	return &pb.LabOrderLine{
		LineId: string(l.ID), Item: labCodingToPB(l.Item), PlacerNumber: l.Placer, Code: l.Code, Title: l.Title, Analytes: l.Analytes,
		MissingAnalytes: l.Missing(), Status: labLineStates.out(l.Status), SpecimenId: string(l.Specimen), CancelReason: l.CancelReason,
		OrderedAt: instant(l.OrderedAt), ReportedAt: instant(l.ReportedAt),
	}
}

func testedToPB(t specimen.Tested) *pb.LabOrderWarning {
	return &pb.LabOrderWarning{Code: t.Item, Title: t.Title, InstitutionId: string(t.Institution), At: instant(t.At), Reported: t.Reported}
}

func tubeToPB(sp specimen.Specimen) *pb.LabSpecimen {
	out := &pb.LabSpecimen{
		SpecimenId: string(sp.ID), LabOrderId: string(sp.Order), InstitutionId: string(sp.Institution), LaboratoryId: string(sp.Laboratory),
		PatientId: string(sp.Patient), Barcode: sp.Barcode, IssuerId: string(sp.Issuer), ParentId: string(sp.Parent), Type: labCodingToPB(sp.Type),
		Container: labCodingToPB(sp.Container), Volume: sp.Volume, Labels: int32(sp.Labels), Temperature: sp.Temperature, Priority: priorities.out(sp.Priority),
		State: specimenStates.out(sp.State), Since: instant(sp.Since), Flags: sp.Flags, BoxId: string(sp.Box), OrderedAt: instant(sp.OrderedAt),
		CollectedAt: instant(sp.CollectedAt), ReceivedAt: instant(sp.ReceivedAt), StartedAt: instant(sp.StartedAt), ReportedAt: instant(sp.ReportedAt),
		DeadlineAt: instant(sp.DeadlineAt), DeadlineAnalyte: sp.DeadlineAnalyte, RejectCode: sp.RejectCode, RejectNote: sp.RejectNote,
		ReplacesId: string(sp.Replaces), ReplacedById: string(sp.ReplacedBy), Lines: each(sp.Lines, labLineToPB),
	}
	took := sp.Turnaround()
	for _, seg := range specimen.Segments {
		if d, ok := took[seg]; ok {
			out.Turnaround = append(out.Turnaround, &pb.SegmentTime{Segment: turnaroundSegments.out(seg), Took: durationpb.New(d)})
		}
	}
	return out
}

func (s *labSpecimenServer) specimenToPB(sp specimen.Specimen) *pb.LabSpecimen {
	out := tubeToPB(sp)
	out.List = specimenLists.out(s.Specimens.ListOf(&sp))
	return out
}

func scanFromPB(m *pb.SpecimenScan) (specimen.Scan, error) {
	at, err := timeOf(m.GetAt())
	if m.GetAct() == pb.SpecimenAct_SPECIMEN_ACT_REPORT {
		err = record.Errorf(record.Invalid, "act: results tell that a tube is reported")
	}
	return specimen.Scan{
		ClientID: m.GetClientId(), Specimen: specimen.SpecimenID(m.GetSpecimenId()), Barcode: m.GetBarcode(), Act: specimenActs.in(m.GetAct()), At: at,
		Device: m.GetDevice(), Place: m.GetPlace(), Reason: m.GetReason(), Note: m.GetNote(), Box: m.GetBox(),
	}, err
}

func scannedToPB(r specimen.Scanned) *pb.ScanAnswer {
	return &pb.ScanAnswer{
		ClientId: r.ClientID, SpecimenId: string(r.Specimen), Barcode: r.Barcode, Outcome: scanOutcomes.out(r.Outcome), State: specimenStates.out(r.State),
		Flags: r.Flags, Reason: record.Public(r.Err),
	}
}

func pastToPB(p specimen.Past) *pb.PastScan {
	return &pb.PastScan{
		ScanId: string(p.ID), Act: specimenActs.out(p.Act), At: instant(p.At), RecordedAt: instant(p.RecordedAt), ActorId: p.Actor,
		InstitutionId: string(p.Institution), ClientId: p.ClientID, Outcome: scanOutcomes.out(p.Outcome), Flags: p.Flags, Device: p.Device, Place: p.Place,
		Reason: p.Reason, Note: p.Note, BoxId: string(p.Box),
	}
}

func blockToPB(b specimen.Block) *pb.BarcodeBlock {
	return &pb.BarcodeBlock{
		BlockId: b.ID, InstitutionId: string(b.Institution), Prefix: int32(b.Prefix), FirstNumber: b.First, LastNumber: b.Last, Device: b.Device,
		ReservedAt: instant(b.ReservedAt),
	}
}

func labelToPB(l specimen.Label) *pb.SpecimenLabel {
	return &pb.SpecimenLabel{
		SpecimenId: string(l.Specimen), Barcode: l.Barcode, PatientName: l.Name.Reveal(), Sex: sexToPB(l.Sex), Age: l.Age, LocalPatientNumber: l.Number,
		Ward: l.Ward, Container: l.Container, Items: l.Items, Priority: priorities.out(l.Priority), Date: l.Date, Copies: int32(l.Copies),
	}
}

func specimenChangeToPB(e record.Event) *pb.SpecimenChange {
	return &pb.SpecimenChange{
		Cursor: cursor(e.Seq), Act: e.Act, At: instant(e.At), ObjectId: e.Object, InstitutionId: string(e.Institution), Detail: e.Detail,
	}
}

func labWorkToPB(o observation.Order) *pb.LabWork {
	return &pb.LabWork{
		Barcode: o.Specimen.ID, SpecimenId: o.Specimen.Filler, LineId: o.Filler, Code: o.Service.Code, Title: o.Service.Text,
		Analytes: each(o.Items, func(c observation.Coding) string { return c.Code }), Priority: priorities.out(o.Priority),
		Type: labCodingToPB(o.Specimen.Type), CollectedAt: instant(o.Specimen.CollectedAt), ReceivedAt: instant(o.Specimen.ReceivedAt),
		Patient: labPatientToPB(o.Patient), Ward: o.Ward, ClinicalInformation: o.Clinical, PlacerNumber: o.Placer,
	}
}

func turnaroundToPB(t specimen.Summary) *pb.TurnaroundSummary {
	return &pb.TurnaroundSummary{
		InstitutionId: string(t.Institution), LaboratoryId: string(t.Laboratory), Priority: priorities.out(t.Priority),
		Segment: turnaroundSegments.out(t.Segment), Count: int32(t.Count), Median: durationpb.New(t.Median),
		P90: durationpb.New(t.P90), Longest: durationpb.New(t.Longest),
	}
}
