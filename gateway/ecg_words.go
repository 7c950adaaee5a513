// Tracings in the words of the API.

package gateway

import (
	"math"
	"time"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/ecg"
	"github.com/lianzhen/lianzhen/ecg/conclusion"
	"github.com/lianzhen/lianzhen/ecg/critical"
	"github.com/lianzhen/lianzhen/ecg/finding"
	"github.com/lianzhen/lianzhen/ecg/holter"
	"github.com/lianzhen/lianzhen/ecg/measure"
	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
)

// tracingRowToPB is a row of a search: findings by code alone.
func tracingRowToPB(t ecg.Kept) *pb.Tracing {
	out := &pb.Tracing{
		TracingId: string(t.ID), InstitutionId: string(t.Institution), CentreId: string(t.Centre), PatientId: string(t.Patient),
		Identity: gradeToPB(t.Grade), LocalPatientNumber: t.LocalNumber.Reveal(), PatientName: t.Name.Reveal(), PatientBirthDate: t.BirthDate,
		PatientSex: sexToPB(t.Sex), Kind: pb.TracingKind_TRACING_KIND_RESTING, Format: t.Format, Device: t.DeviceName, AccessionNumber: t.Accession,
		Title: t.Title, Priority: priorities.out(t.Priority), ClinicalInformation: t.ClinicalInfo, RecordedAt: instant(t.RecordedAt),
		ReceivedAt: instant(t.ReceivedAt), DurationMs: t.Duration.Milliseconds(), RateHz: t.Rate.Float(), Leads: t.Leads,
		Warnings: each(t.Warnings, tracingWarningToPB), CaseId: string(t.Case), Size: t.Size, Sha256: t.SHA256,
		Analysis: pb.AnalysisState_ANALYSIS_STATE_DONE, Algorithm: t.Algorithm, FirstContactAt: instant(t.FirstContactAt), RulesVersion: t.RulesVersion,
		Alarms: each(t.Alarms, alarmToPB),
	}
	if t.Version != "" {
		out.Format += " " + t.Version
	}
	if t.Ambulatory {
		out.Kind = pb.TracingKind_TRACING_KIND_AMBULATORY
	}
	switch {
	case t.Pending():
		out.Analysis = pb.AnalysisState_ANALYSIS_STATE_PENDING
	case t.Failed():
		out.Analysis = pb.AnalysisState_ANALYSIS_STATE_FAILED
	}
	out.Findings = each(t.Findings, func(c finding.Code) *pb.EcgFinding { return &pb.EcgFinding{Code: string(c)} })
	return out
}

// tracingToPB is the whole of it: the device's numbers, then ours.
func tracingToPB(t ecg.Kept) *pb.Tracing {
	out := tracingRowToPB(t)
	measured, said := t.Device()
	out.Measurements, out.Statements = each(measured, measurementToPB), each(said, ecgStatementToPB)
	if r := t.Result(); r != nil {
		out.Measurements = append(out.Measurements, each(r.Measurements, measurementToPB)...)
		out.Quality = each(r.Quality, qualityToPB)
	}
	out.Findings = each(t.Described(), findingToPB)
	return out
}

func measurementToPB(m tracing.Measurement) *pb.EcgMeasurement {
	return &pb.EcgMeasurement{Code: m.Code, Value: m.Value, Unit: m.Unit, Lead: leadLabel(m.Lead), Source: sourceToPB(m.Source)}
}

func leadLabel(c tracing.Code) string {
	if c == "" {
		return ""
	}
	return c.Label()
}

func sourceToPB(s tracing.Source) *pb.EcgSource {
	return &pb.EcgSource{Kind: string(s.Kind), Name: s.Name, Version: s.Version}
}

func ecgStatementToPB(s tracing.Statement) *pb.EcgStatement {
	return &pb.EcgStatement{Code: s.Code, System: s.System, Text: s.Text, Confirmed: s.Confirmed, Source: sourceToPB(s.Source)}
}

func qualityToPB(q measure.LeadQuality) *pb.LeadQuality {
	return &pb.LeadQuality{Lead: leadLabel(q.Lead), Off: q.Off, NoiseUv: finite(q.NoiseUV), WanderUv: finite(q.WanderUV), Usable: q.Usable}
}

func finite(v float64) float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0
	}
	return v
}

func findingToPB(f finding.Finding) *pb.EcgFinding {
	return &pb.EcgFinding{
		Code: string(f.Code), FromMs: f.From.Milliseconds(), ToMs: f.To.Milliseconds(), Leads: each(f.Leads, leadLabel), Evidence: f.Evidence, Note: f.Note,
	}
}

func alarmToPB(a critical.Alarm) *pb.EcgAlarm {
	return &pb.EcgAlarm{
		RuleId: a.Rule, RuleVersion: a.Version, Name: a.Name.ZH, NameEn: a.Name.EN, Tier: a.Tier, Evidence: a.Evidence.ZH, EvidenceEn: a.Evidence.EN,
		Source: a.Source.ZH,
	}
}

func clockToPB(c critical.Clock) *pb.PathwayClock {
	return &pb.PathwayClock{
		Code: c.ID, Name: c.Name.ZH, NameEn: c.Name.EN, StartedAt: instant(c.StartedAt), EndedAt: instant(c.DoneAt),
		TargetSeconds: int64(c.TargetAt.Sub(c.StartedAt) / time.Second), State: string(c.State),
	}
}

func statementToPB(s conclusion.Statement) *pb.EcgConclusion {
	return &pb.EcgConclusion{
		Code: s.Code, System: s.System, Text: s.ZH, TextEn: s.EN, Category: s.Category, Snomed: s.SNOMED, Minnesota: s.Minnesota,
		ShortCode: s.Short, Key: s.Key,
	}
}

// draftItemToPB is a drafted statement as it would be said, with its place in the catalogue.
func draftItemToPB(i conclusion.Item) *pb.EcgConclusion {
	out := &pb.EcgConclusion{}
	if s, ok := conclusion.Find(i.Code); ok {
		out = statementToPB(s)
	}
	out.Text, out.Source, out.Urgency, out.Leads = i.Text, string(i.Source.Kind), int32(i.Urgency), each(i.Leads, leadLabel)
	return out
}

func comparisonToPB(x ecg.Compared, language string) *pb.TracingComparison {
	return &pb.TracingComparison{
		TracingId: string(x.Now.ID), WithTracingId: string(x.Before.ID), RecordedAt: instant(x.Now.RecordedAt), WithRecordedAt: instant(x.Before.RecordedAt),
		Summary: x.Text(language), NewFindings: each(x.New, findingText), GoneFindings: each(x.Gone, findingText),
		Differences: each(x.Differences, func(d conclusion.Difference) *pb.EcgDifference {
			return &pb.EcgDifference{
				Code: d.Code, Lead: leadLabel(d.Lead), Now: d.Now, Before: d.Before, Change: d.Change, Unit: d.Unit, Significant: d.Significant,
			}
		}),
		Overlays: each(x.Overlays, func(o conclusion.Overlay) *pb.EcgOverlay {
			return &pb.EcgOverlay{Lead: leadLabel(o.Lead), RateHz: o.RateHz, NowUv: o.Now, BeforeUv: o.Before}
		}),
	}
}

func findingText(c finding.Code) string { return string(c) }

func summaryToPB(t ecg.Kept, s *holter.Summary) *pb.AmbulatorySummary {
	total := &pb.AmbulatoryHour{
		ForMs: s.Duration.Milliseconds(), Beats: int64(s.Beats), RateMin: finite(s.Slowest.Rate), RateMean: finite(s.RateMean), RateMax: finite(s.Fastest.Rate),
		Ventricular: int64(s.Ventricular), Supraventricular: int64(s.Supraventricular), Pauses: int64(s.Pauses2s), Noise: finite(s.Noise),
	}
	return &pb.AmbulatorySummary{
		Algorithm: t.Algorithm, Total: total, LongestRrMs: int64(finite(s.LongestRR.MS)), LongestRrAtMs: s.LongestRR.At.Milliseconds(),
		SdnnMs: finite(s.Variability.SDNN), SdannMs: finite(s.Variability.SDANN), RmssdMs: finite(s.Variability.RMSSD),
		Hours: each(s.Hours, func(h holter.Hour) *pb.AmbulatoryHour {
			return &pb.AmbulatoryHour{
				FromMs: h.From.Milliseconds(), ForMs: min(time.Hour, s.Duration-h.From).Milliseconds(), Beats: int64(h.Beats), RateMin: finite(h.RateMin),
				RateMean: finite(h.RateMean), RateMax: finite(h.RateMax), Ventricular: int64(h.Ventricular), Supraventricular: int64(h.Supraventricular),
				Pauses: int64(h.Pauses), Noise: finite(h.Noise),
			}
		}),
		Events: each(s.Events, func(e holter.Event) *pb.AmbulatoryEvent {
			return &pb.AmbulatoryEvent{Code: string(e.Code), FromMs: e.From.Milliseconds(), ToMs: e.To.Milliseconds(), Evidence: e.Evidence}
		}),
		PauseCount_2S: int64(s.Pauses2s), PauseCount_3S: int64(s.Pauses3s), VtRuns: int64(s.VTRuns), SvtRuns: int64(s.SVTRuns),
		AfEpisodes: int64(s.AFEpisodes), AfShare: finite(s.AFShare),
	}
}
