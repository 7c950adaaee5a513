// Quality control in the words of the API, and back.

package gateway

import (
	"context"
	"slices"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/lab/quality"
	"github.com/lianzhen/lianzhen/lab/westgard"
	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
	"github.com/lianzhen/lianzhen/record"
)

var (
	controlDecisions = words[quality.Decision, pb.ControlDecision]{
		{westgard.Accept, pb.ControlDecision_CONTROL_DECISION_ACCEPT},
		{westgard.Warning, pb.ControlDecision_CONTROL_DECISION_WARNING},
		{westgard.Reject, pb.ControlDecision_CONTROL_DECISION_REJECT},
		{westgard.Blocked, pb.ControlDecision_CONTROL_DECISION_BLOCKED},
		{quality.Establishing, pb.ControlDecision_CONTROL_DECISION_ESTABLISHING},
	}
	controlVerdicts = words[record.QCVerdict, pb.ControlVerdict]{
		{record.QCInControl, pb.ControlVerdict_CONTROL_VERDICT_IN_CONTROL},
		{record.QCWarning, pb.ControlVerdict_CONTROL_VERDICT_WARNING},
		{record.QCEstablishing, pb.ControlVerdict_CONTROL_VERDICT_ESTABLISHING},
		{record.QCNone, pb.ControlVerdict_CONTROL_VERDICT_NONE},
		{record.QCOutOfControl, pb.ControlVerdict_CONTROL_VERDICT_OUT_OF_CONTROL},
	}
	controlErrors = words[westgard.ErrorKind, pb.ControlErrorKind]{
		{westgard.Random, pb.ControlErrorKind_CONTROL_ERROR_KIND_RANDOM},
		{westgard.Systematic, pb.ControlErrorKind_CONTROL_ERROR_KIND_SYSTEMATIC},
	}
	targetSources = words[quality.Source, pb.TargetSource]{
		{quality.Assigned, pb.TargetSource_TARGET_SOURCE_ASSIGNED},
		{quality.Provisional, pb.TargetSource_TARGET_SOURCE_PROVISIONAL},
		{quality.Fixed, pb.TargetSource_TARGET_SOURCE_FIXED},
		{quality.Cumulative, pb.TargetSource_TARGET_SOURCE_CUMULATIVE},
	}
	controlOrigins = words[quality.Origin, pb.ControlOrigin]{
		{quality.ByPerson, pb.ControlOrigin_CONTROL_ORIGIN_PERSON},
		{quality.ByAnalyser, pb.ControlOrigin_CONTROL_ORIGIN_ANALYSER},
	}
	holdDecisions = words[quality.Ruling, pb.HoldDecision]{
		{quality.Release, pb.HoldDecision_HOLD_DECISION_RELEASE},
		{quality.Repeat, pb.HoldDecision_HOLD_DECISION_REPEAT},
		{quality.Withdrawn, pb.HoldDecision_HOLD_DECISION_WITHDRAWN},
	}
	strayReasons = words[quality.Reason, pb.StrayReason]{
		{quality.NoCode, pb.StrayReason_STRAY_REASON_CODE},
		{quality.NoNumber, pb.StrayReason_STRAY_REASON_VALUE},
		{quality.OtherUnit, pb.StrayReason_STRAY_REASON_UNIT},
		{quality.NoLevel, pb.StrayReason_STRAY_REASON_LEVEL},
	}
)

// ruleNames names a rule of control, or why none could be applied.
func ruleNames(r westgard.Rule) westgard.Description {
	if r == quality.ExpiredLot {
		return westgard.Description{Rule: r, Name: quality.ExpiredLotName}
	}
	d, _ := westgard.Describe(r)
	d.Rule = r
	return d
}

func controlRuleToPB(r westgard.Rule) *pb.ControlRule {
	d := ruleNames(r)
	return &pb.ControlRule{
		Rule: string(r), NameZh: d.Name.ZH, NameEn: d.Name.EN, ErrorKind: controlErrors.out(d.Error), Warns: r == westgard.R12s,
		Usual: slices.Contains(westgard.Default.Rules(), r),
	}
}

func controlSeriesToPB(s quality.Series) *pb.ControlSeries {
	return &pb.ControlSeries{LaboratoryId: string(s.Laboratory), Device: s.Device, Analyte: s.Analyte}
}

func controlMaterialToPB(m quality.Material) *pb.ControlMaterial {
	return &pb.ControlMaterial{
		MaterialId: string(m.ID), LaboratoryId: string(m.Laboratory), Name: m.Name, Manufacturer: m.Manufacturer, Matrix: m.Matrix, CreatedAt: instant(m.CreatedAt),
	}
}

func controlLotFromPB(ctx context.Context, m *pb.ControlLot) (l quality.Lot, err error) {
	var at instants
	l = quality.Lot{
		ID: quality.LotID(m.GetLotId()), Laboratory: laboratoryOf(ctx, m.GetLaboratoryId()), Material: quality.MaterialID(m.GetMaterialId()), Number: m.GetNumber(),
		Levels: m.GetLevels(), OpenedAt: at.of(m.GetOpenedAt()), OpenDays: int(m.GetOpenDays()), ClosedAt: at.of(m.GetClosedAt()),
	}
	if at.err != nil {
		return l, at.err
	}
	l.ExpiresOn, err = record.ParseDate(m.GetExpiresOn())
	return l, err
}

func controlLotToPB(l quality.Lot) *pb.ControlLot {
	return &pb.ControlLot{
		LotId: string(l.ID), LaboratoryId: string(l.Laboratory), MaterialId: string(l.Material), Number: l.Number, Levels: l.Levels,
		ExpiresOn: l.ExpiresOn.String(), OpenedAt: instant(l.OpenedAt), OpenDays: int32(l.OpenDays), ClosedAt: instant(l.ClosedAt), CreatedAt: instant(l.CreatedAt),
	}
}

func controlPlanFromPB(m *pb.ControlPlan) (p quality.Plan, err error) {
	p = quality.Plan{
		Unit: m.GetUnit(), Levels: m.GetLevels(), Daily: m.GetDaily(), Points: int(m.GetEstablishPoints()), Days: int(m.GetEstablishDays()),
	}
	if d := m.GetEvery(); d != nil {
		if d.CheckValid() != nil {
			return p, record.Errorf(record.Invalid, "every: out of range")
		}
		p.Every = d.AsDuration()
	}
	if len(m.GetRules()) > 0 {
		rules := each(m.GetRules(), func(r string) westgard.Rule { return westgard.Rule(r) })
		if p.Rules, err = westgard.NewSet(rules...); err != nil {
			return p, err
		}
	}
	p.TEa, err = decimalOf("tea_percent", m.GetTeaPercent())
	return p, err
}

func controlPlanToPB(of quality.Series, p quality.Plan) *pb.ControlPlan {
	out := &pb.ControlPlan{
		Series: controlSeriesToPB(of), Unit: p.Unit, Rules: texts(p.Rules.Rules()), Levels: p.Levels, Daily: p.Daily, TeaPercent: observation.Digits(p.TEa),
		EstablishPoints: int32(p.Points), EstablishDays: int32(p.Days),
	}
	if !p.Daily {
		out.Every = durationpb.New(p.Every)
	}
	return out
}

func controlTargetToPB(t quality.Target) *pb.ControlTarget {
	return &pb.ControlTarget{
		TargetId: string(t.ID), Series: controlSeriesToPB(t.Of), Level: t.Level, LotId: string(t.Lot), Mean: observation.Digits(t.Mean), Sd: observation.Digits(t.SD),
		Unit: t.Unit, Source: targetSources.out(t.Source), Points: int32(t.N), Dropped: int32(t.Dropped), FromAt: instant(t.From),
		RecordedAt: instant(t.RecordedAt), RecordedBy: t.RecordedBy, Reason: t.Reason,
		Bands: each(t.Bands(), func(b quality.Band) *pb.ControlBand {
			return &pb.ControlBand{Sd: int32(b.SD), Value: observation.Digits(b.Value)}
		}),
	}
}

func controlEntryFromPB(ctx context.Context, m *pb.ControlEntry) (e quality.Entry, err error) {
	e = quality.Entry{
		Of: seriesFromPB(ctx, m.GetSeries()), Level: m.GetLevel(), Lot: quality.LotID(m.GetLotId()), Run: m.GetRun(), Unit: m.GetUnit(),
		Operator: m.GetOperator(), ReagentLot: m.GetReagentLot(), Comment: m.GetComment(), ClientID: m.GetClientId(),
	}
	if e.Value, err = decimalOf("value", m.GetValue()); err == nil {
		e.At, err = timeOf(m.GetAt())
	}
	return e, err
}

func controlPointToPB(p quality.Point) *pb.ControlPoint {
	return &pb.ControlPoint{
		PointId: string(p.ID), Origin: controlOrigins.out(p.Origin), RecordedAt: instant(p.RecordedAt), RecordedBy: p.RecordedBy,
		Entry: &pb.ControlEntry{
			Series: controlSeriesToPB(p.Of), Level: p.Level, LotId: string(p.Lot), Run: p.Run, Value: observation.Digits(p.Value), Unit: p.Unit, At: instant(p.At),
			Operator: p.Operator, ReagentLot: p.ReagentLot, Comment: p.Comment, ClientId: p.ClientID,
		},
		Decision: controlDecisions.out(p.Decision), Z: p.Z, TargetId: string(p.Target), JudgedAt: instant(p.JudgedAt),
		Hits: each(p.Hits, func(h westgard.Hit) *pb.ControlHit {
			d := ruleNames(h.Rule)
			return &pb.ControlHit{Rule: string(h.Rule), NameZh: d.Name.ZH, NameEn: d.Name.EN, Across: h.Across, PointIds: h.Points}
		}),
		VoidedAt: instant(p.VoidedAt), VoidedBy: p.VoidedBy, VoidReason: p.VoidReason, AlreadyKept: p.Already,
	}
}

func controlRunToPB(r quality.RunVerdict) *pb.ControlRun {
	return &pb.ControlRun{Series: controlSeriesToPB(r.Of), Run: r.Run, Decision: controlDecisions.out(r.Decision), PointIds: texts(r.Points)}
}

func controlStateToPB(of quality.Series, st quality.State) *pb.ControlState {
	return &pb.ControlState{
		Series: controlSeriesToPB(of), Internal: controlVerdicts.out(st.Internal), InternalAt: instant(st.InternalAt), PointId: string(st.Point), Run: st.Run,
		Rules: each(st.Rules, controlRuleToPB), Provisional: st.Provisional, CertificateNumber: st.External, CertificateId: string(st.Certificate),
		CertificateScope: st.Scope, CertificateFromAt: instant(st.From), CertificateUntilAt: instant(st.Until),
	}
}

func controlLineToPB(l quality.Line) *pb.ControlState {
	out := controlStateToPB(l.Of, l.State)
	out.HoldsWaiting, out.LastControlAt, out.Plan = int32(l.Waiting), instant(l.LastAt), controlPlanToPB(l.Of, l.Plan)
	return out
}

func controlHoldToPB(h quality.Hold) *pb.ControlHold {
	return &pb.ControlHold{
		HoldId: string(h.ID), Series: controlSeriesToPB(h.Of), PointId: string(h.Point), Rules: each(h.Rules, controlRuleToPB), SinceAt: instant(h.Since),
		FailedAt: instant(h.FailedAt), LastFailedAt: instant(h.LastFailedAt), OpenedAt: instant(h.OpenedAt), GoodAt: instant(h.GoodAt),
		GoodPointId: string(h.GoodPoint), RestoredAt: instant(h.RestoredAt), Decision: holdDecisions.out(h.Ruling), DecidedAt: instant(h.RuledAt),
		DecidedBy: h.RuledBy, DecidedByName: h.RulerName, Reason: h.RuleReason,
	}
}

func controlActionToPB(a quality.Action) *pb.ControlAction {
	return &pb.ControlAction{
		ActionId: string(a.ID), Series: controlSeriesToPB(a.Of), HoldId: string(a.Hold), PointId: string(a.Point), At: instant(a.At),
		RecordedAt: instant(a.RecordedAt), RecordedBy: a.RecordedBy, RecordedByName: a.ByName, Cause: a.Cause, Correction: a.Correction,
		Comment: a.Comment, Restart: a.Restart,
	}
}

func strayControlToPB(t quality.Stray) *pb.StrayControl {
	return &pb.StrayControl{
		StrayId: string(t.ID), LaboratoryId: string(t.Laboratory), Device: t.Device, Reason: strayReasons.out(t.Reason), Code: t.Code, CodeSystem: t.System,
		CodeText: t.Text, Value: t.Value, Unit: t.Unit, LotNumber: t.Lot, Level: t.Level, ReagentLot: t.ReagentLot, At: instant(t.At),
		RecordedAt: instant(t.RecordedAt), PointId: string(t.Point), Dismissed: t.Resolution == "dismissed", ResolvedAt: instant(t.ResolvedAt),
		ResolvedBy: t.ResolvedBy, ResolveReason: t.ResolveReason,
	}
}

func statisticsToPB(s westgard.Statistics) *pb.ControlStatistics {
	return &pb.ControlStatistics{N: int32(s.N), Mean: observation.Digits(s.Mean), Sd: observation.Digits(s.SD), CvPercent: observation.Digits(s.CV)}
}

func controlMonthToPB(m quality.Month) *pb.ControlMonth {
	out := &pb.ControlMonth{
		Series: controlSeriesToPB(m.Of), Level: m.Level, LotId: string(m.Lot), Judged: int32(m.N), Warnings: int32(m.Warnings), Rejected: int32(m.Rejected),
		NotJudged: int32(m.Open), Voided: int32(m.Voided), InControl: statisticsToPB(m.In), All: statisticsToPB(m.All), InControlRatePercent: observation.Digits(m.Rate),
		BiasPercent: observation.Digits(m.Bias), TeaPercent: observation.Digits(m.TEa), Sigma: observation.Digits(m.Sigma),
	}
	if m.Target != nil {
		out.Target = controlTargetToPB(*m.Target)
	}
	return out
}

func eqaProgrammeToPB(p quality.Programme) *pb.EqaProgramme {
	return &pb.EqaProgramme{
		ProgrammeId: string(p.ID), OwnerId: string(p.Owner), Organiser: p.Organiser, Scope: p.Scope, Name: p.Name, Year: int32(p.Year), CreatedAt: instant(p.CreatedAt),
	}
}

func eqaSampleFromPB(m *pb.EqaSample) (x quality.Sample, err error) {
	x = quality.Sample{Sample: m.GetSample(), Analyte: m.GetAnalyte(), Unit: m.GetUnit(), Absolute: m.GetAbsolute()}
	if x.Target, err = decimalOf("target", m.GetTarget()); err == nil {
		x.TEa, err = decimalOf("allowable_error", m.GetAllowableError())
	}
	if err == nil {
		x.SD, err = decimalOf("group_sd", m.GetGroupSd())
	}
	return x, err
}

func eqaSampleToPB(x quality.Sample) *pb.EqaSample {
	return &pb.EqaSample{
		Sample: x.Sample, Analyte: x.Analyte, Unit: x.Unit, Target: observation.Digits(x.Target), AllowableError: observation.Digits(x.TEa),
		Absolute: x.Absolute, GroupSd: observation.Digits(x.SD),
	}
}

func eqaRoundToPB(r quality.Round) *pb.EqaRound {
	return &pb.EqaRound{
		RoundId: string(r.ID), ProgrammeId: string(r.Programme), OwnerId: string(r.Owner), Name: r.Name, OpensAt: instant(r.OpensAt), ClosesAt: instant(r.ClosesAt),
		PublishedAt: instant(r.PublishedAt), Samples: each(r.Samples, eqaSampleToPB), LaboratoryIds: texts(r.Laboratories),
	}
}

func eqaScoreToPB(sc quality.Score) *pb.EqaScore {
	return &pb.EqaScore{
		LaboratoryId: string(sc.Laboratory), Analyte: sc.Analyte, Acceptable: int32(sc.Acceptable), Percent: observation.Digits(sc.Percent), Passed: sc.Passed,
		Grades: each(sc.Samples, func(g quality.Graded) *pb.EqaGrade {
			return &pb.EqaGrade{
				Sample: eqaSampleToPB(g.Sample), Submitted: g.Submitted, Value: observation.Digits(g.Value), Method: g.Method, Device: g.Device,
				Acceptable: g.Acceptable, DeviationPercent: observation.Digits(g.Deviation), Z: observation.Digits(g.Z),
			}
		}),
	}
}

func eqaCertificateToPB(c quality.Certificate) *pb.EqaCertificate {
	return &pb.EqaCertificate{
		CertificateId: string(c.ID), LaboratoryId: string(c.Laboratory), Number: c.Number, Issuer: c.Issuer, Scope: c.Scope, Analytes: c.Analytes,
		FromAt: instant(c.From), UntilAt: instant(c.Until), Note: c.Note, RecordedAt: instant(c.RecordedAt), RecordedBy: c.RecordedBy,
		RevokedFromAt: instant(c.RevokedFrom), RevokedAt: instant(c.RevokedAt), RevokedBy: c.RevokedBy, RevokeReason: c.RevokeReason,
	}
}
