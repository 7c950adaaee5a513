// Laboratory results in the words of the API.

package gateway

import (
	"github.com/lianzhen/lianzhen/lab"
	"github.com/lianzhen/lianzhen/lab/observation"
	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
	"github.com/lianzhen/lianzhen/record"
)

var labStatuses = words[observation.Status, pb.LabStatus]{
	{observation.Registered, pb.LabStatus_LAB_STATUS_REGISTERED},
	{observation.Unverified, pb.LabStatus_LAB_STATUS_UNVERIFIED},
	{observation.Preliminary, pb.LabStatus_LAB_STATUS_PRELIMINARY},
	{observation.Final, pb.LabStatus_LAB_STATUS_FINAL},
	{observation.Corrected, pb.LabStatus_LAB_STATUS_CORRECTED},
	{observation.Amended, pb.LabStatus_LAB_STATUS_AMENDED},
	{observation.Withdrawn, pb.LabStatus_LAB_STATUS_WITHDRAWN},
	{observation.Cancelled, pb.LabStatus_LAB_STATUS_CANCELLED},
}

func codingFromPB(c *pb.LabCoding) observation.Coding {
	return observation.Coding{Code: c.GetCode(), Text: c.GetText(), System: c.GetSystem()}
}

func codingToPB(c observation.Coding) *pb.LabCoding {
	return &pb.LabCoding{Code: c.Code, Text: c.Text, System: c.System}
}

func labWarningToPB(w observation.Warning) *pb.LabWarning {
	return &pb.LabWarning{Code: w.Code, Place: w.Place, Note: w.Note}
}

func submissionFromPB(req *pb.SendLabResultsRequest) (lab.Submission, error) {
	var at instants
	out := lab.Submission{ControlID: req.GetControlId(), SentAt: at.of(req.GetSentAt()), Final: req.GetFinal()}
	for _, r := range req.GetReports() {
		x := lab.SubmissionReport{
			LocalNumber: r.GetLocalPatientNumber(), Name: r.GetPatientName(), IDNumber: r.GetIdentityNumber(), BirthDate: r.GetPatientBirthDate(),
			Sex: string(sexes.in(r.GetPatientSex())), Visit: r.GetVisitNumber(), Ward: r.GetWard(), Filler: r.GetFillerNumber(), Placer: r.GetPlacerNumber(),
			Barcode: r.GetBarcode(), Service: codingFromPB(r.GetService()), SpecimenType: codingFromPB(r.GetSpecimenType()),
			Priority: priorityFromPB(r.GetPriority()), Clinical: r.GetClinicalInformation(), CollectedAt: at.of(r.GetCollectedAt()),
			ReceivedAt: at.of(r.GetReceivedAt()), ReportedAt: at.of(r.GetReportedAt()), Performer: r.GetPerformer(), Notes: r.GetNotes(),
		}
		for _, v := range r.GetResults() {
			x.Results = append(x.Results, lab.SubmissionResult{
				Code: codingFromPB(v.GetCode()), Value: v.GetValue(), Unit: v.GetUnit(), Range: v.GetRange(), Flags: v.GetFlags(), Status: v.GetStatus(),
				SubID: v.GetSubId(), Method: v.GetMethod(), Device: v.GetDevice(), AnalysedAt: at.of(v.GetAnalysedAt()), Notes: v.GetNotes(),
			})
		}
		out.Reports = append(out.Reports, x)
	}
	return out, at.err
}

func storedLabToPB(st lab.Stored) *pb.StoredLabMessage {
	return &pb.StoredLabMessage{
		MessageId: st.Message, Type: st.Type, AlreadyStored: st.Already, OrderIds: st.Orders, Patients: int32(st.Patients),
		Warnings: each(st.Warnings, labWarningToPB),
		Reports: each(st.Reports, func(r lab.StoredReport) *pb.StoredLabReport {
			return &pb.StoredLabReport{
				ReportId: string(r.Report), CaseId: string(r.Case), PatientId: string(r.Patient), Rows: int32(r.Rows), NewRows: int32(r.New),
				StaleRows: int32(r.Stale), UnmappedRows: int32(r.Unmapped), WaitingRows: int32(r.Waiting), Alarms: r.Alarms, Parked: r.Parked, Control: r.Control,
			}
		}),
	}
}

func labReportToPB(k lab.Kept) *pb.LabReport {
	return &pb.LabReport{
		ReportId: string(k.ID), InstitutionId: string(k.Institution), LaboratoryId: string(k.Laboratory), CentreId: string(k.Centre),
		PatientId: string(k.Patient), Identity: gradeToPB(k.Grade), LocalPatientNumber: k.LocalNumber.Reveal(), PatientName: k.Name.Reveal(),
		PatientBirthDate: k.BirthDate, PatientSex: sexToPB(k.Sex), AgeDays: int32(k.AgeDays), VisitNumber: k.Visit, Ward: k.Ward, PlacerNumber: k.Placer,
		FillerNumber: k.Filler, Barcode: k.Barcode, SpecimenId: k.SpecimenID, SpecimenType: codingToPB(k.Specimen.Type),
		SpecimenConditions: each(k.Specimen.Condition, codingToPB), ServiceCode: k.Service, Title: k.Title, Priority: priorities.out(k.Priority),
		ClinicalInformation: k.ClinicalInfo, Performer: k.Performer, Notes: k.Notes, Warnings: each(k.Warnings, labWarningToPB),
		CollectedAt: instant(k.CollectedAt), LaboratoryAt: instant(k.LabAt), ReportedAt: instant(k.ReportedAt), ReceivedAt: instant(k.ReceivedAt),
		ReleasedAt: instant(k.ReleasedAt), Status: labStatuses.out(k.Status), Verified: k.Verified, AbnormalRows: int32(k.Abnormal),
		CriticalRows: int32(k.Critical), UnmappedRows: int32(k.Unmapped), WaitingRows: int32(k.Waiting), Version: int32(k.Version), CaseId: string(k.Case),
		Rows: each(k.Rows, labRowToPB), Isolates: each(k.Isolates, isolateToPB), ParentReportId: string(k.Parent),
		ChildReportIds: each(k.Children, func(x lab.Kept) string { return string(x.ID) }),
	}
}

func isolateToPB(x lab.Isolate) *pb.LabIsolate {
	organism := x.Organism.Coding
	if x.Organism.Kind != observation.Coded {
		organism = observation.Coding{Text: x.Organism.String()}
	}
	return &pb.LabIsolate{
		Number: x.Number, RowId: x.Row, ReportId: string(x.Report), Organism: codingToPB(organism), Status: labStatuses.out(x.Status), Quantity: x.Quantity,
		Comments: x.Notes, Susceptibilities: each(x.Susceptibilities, susceptibilityToPB),
	}
}

func susceptibilityToPB(x lab.Susceptibility) *pb.LabSusceptibility {
	return &pb.LabSusceptibility{
		RowId: x.Row, Version: int32(x.Version), ReportId: string(x.Report), Drug: codingToPB(x.Drug), Method: x.Method, Value: x.Value, Unit: x.Unit,
		Breakpoints: x.Breakpoints, Interpretation: x.Interpretation, Status: labStatuses.out(x.Status), Notes: x.Notes,
	}
}

func labRowToPB(r lab.Row) *pb.LabRow {
	if r.ID == "" { // a cell of a table where nothing was measured
		return &pb.LabRow{}
	}
	x := r.Result
	return &pb.LabRow{
		RowId: r.ID, Version: int32(r.Version), Latest: r.Latest, Shown: r.Shown, Code: codingToPB(x.Code), Analyte: r.Analyte, Loinc: r.LOINC, SubId: x.SubID,
		ValueKind: string(x.Value.Kind), Value: x.Value.String(), Unit: x.Unit.Display(), Ucum: r.UCUM, SenderRange: x.Range, SenderFlags: x.Flags,
		Status: labStatuses.out(x.Status), ObservedAt: instant(r.ObservedAt), AnalysedAt: instant(x.AnalysedAt), Method: x.Method.Display(), Device: x.Device,
		Notes: x.Notes, Warnings: each(x.Warnings, labWarningToPB), Validation: r.Validation, Judgement: judgedToPB(r.Judged), ValidatedBy: r.ValidatedName,
		ValidatedAt: instant(r.ValidatedAt), ReleasedBy: r.ReleasedName, ReleasedAt: instant(r.ReleasedAt), HiddenAt: instant(r.HiddenAt), MediaType: x.Value.Media,
	}
}

func judgedToPB(j lab.Judged) *pb.LabJudgement {
	out := &pb.LabJudgement{
		Flags: j.Flags, Interval: j.Interval, IntervalSource: j.Source, Findings: j.Findings, Rules: j.Rules, Held: j.Held, Notes: j.Notes,
		Quality: labQualityToPB(j.Quality),
	}
	if j.Critical != nil {
		out.Critical, out.CriticalRule = j.Critical.ZH, j.Critical.Rule+":"+j.Critical.Version
	}
	return out
}

func labQualityToPB(q record.Quality) *pb.LabRowQuality {
	if q.At.IsZero() {
		return nil
	}
	return &pb.LabRowQuality{
		Internal: string(q.Internal), InternalAt: instant(q.InternalAt), Certificate: q.External, CertificateScope: q.ExternalScope,
		CertificateUntil: instant(q.ExternalUntil),
	}
}

func trendPointToPB(p lab.Point) *pb.LabTrendPoint {
	out := &pb.LabTrendPoint{
		ReportId: string(p.Report), RowId: p.Row, At: instant(p.At), LaboratoryId: string(p.Laboratory), Device: p.Device, Method: p.Method, Value: p.Value,
		Unit: p.Unit, Comparator: p.Comparator, Flags: p.Flags, Interval: p.Interval, Status: labStatuses.out(p.Status), Breaks: p.Break,
	}
	if p.Compared != nil {
		out.Compared = observation.Digits(p.Compared)
	}
	return out
}

func cumulativeLineToPB(l lab.CumulativeLine) *pb.CumulativeLine {
	return &pb.CumulativeLine{Analyte: l.Analyte, Name: l.Name, Unit: l.Unit, Cells: each(l.Cells, labRowToPB)}
}

func recallToPB(r lab.Recall) *pb.LabRecall {
	return &pb.LabRecall{
		RecallId: r.ID, ReportId: string(r.Report), InstitutionId: string(r.Institution), PatientId: string(r.Patient), ReaderId: r.Reader.ID,
		ReaderName: r.Reader.Display, SeenAt: instant(r.SeenAt), RaisedAt: instant(r.RaisedAt), Reason: r.Reason, AcknowledgedAt: instant(r.AcknowledgedAt),
		AcknowledgedBy: r.AcknowledgedBy,
	}
}

func labChangeToPB(c lab.Change) *pb.LabChange {
	return &pb.LabChange{
		Seq: c.Seq, Act: c.Act, At: instant(c.At), ReportId: string(c.Report), PatientId: string(c.Patient), InstitutionId: string(c.Institution),
		Version: int32(c.Version),
	}
}

func quarantinedLabToPB(q lab.Quarantined) *pb.QuarantinedLabMessage {
	return &pb.QuarantinedLabMessage{
		QuarantineId: string(q.ID), InstitutionId: string(q.Institution), Reason: q.Reason, Size: q.Size, Sha256: q.SHA256, ReceivedAt: instant(q.ReceivedAt),
		Resolution: q.Resolution, ResolvedBy: q.ResolvedBy, Format: string(q.Format), LinkId: q.Link,
	}
}

func parkedToPB(p lab.Parked) *pb.ParkedResult {
	return &pb.ParkedResult{
		MessageId: p.Message, InstitutionId: string(p.Institution), Barcode: p.Barcode, Reason: p.Reason, ParkedAt: instant(p.ParkedAt), LinkId: p.Link,
	}
}
