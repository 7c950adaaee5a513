// The words of package lab/catalogue in those of the API.

package gateway

import (
	"slices"

	"github.com/lianzhen/lianzhen/lab/catalogue"
	"github.com/lianzhen/lianzhen/lab/packfile"
	"github.com/lianzhen/lianzhen/lab/verify"
	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
)

var analyteKinds = words[catalogue.Kind, pb.AnalyteKind]{
	{catalogue.Quantity, pb.AnalyteKind_ANALYTE_KIND_QUANTITY},
	{catalogue.Ordinal, pb.AnalyteKind_ANALYTE_KIND_ORDINAL},
	{catalogue.Text, pb.AnalyteKind_ANALYTE_KIND_TEXT},
	{catalogue.Micro, pb.AnalyteKind_ANALYTE_KIND_MICRO},
}

func analyteToPB(p *catalogue.Pack, a catalogue.Analyte) *pb.Analyte {
	out := &pb.Analyte{
		Code: a.Code, Name: a.Name.ZH, NameEn: a.Name.EN, ShortName: a.Short, Aliases: a.Aliases, Loinc: a.LOINC, OtherLoincs: a.LOINCs, Specimens: a.Specimens,
		Unit: a.Unit, Decimals: int32(a.Decimals), Kind: analyteKinds.out(a.Kind), Group: a.Group, RecognitionItems: a.Items,
	}
	if i := slices.IndexFunc(p.Groups, func(g catalogue.Group) bool { return g.Code == a.Group }); i >= 0 {
		out.GroupName = p.Groups[i].Name.ZH
	}
	return out
}

func intervalToPB(p *catalogue.Pack, x catalogue.Interval) *pb.ReferenceInterval {
	s, _ := packfile.SourceOf(p.Sources, x.Source)
	return &pb.ReferenceInterval{
		IntervalId: x.ID, Text: x.Text(), AgeFromDays: int32(x.Ages.From), AgeToDays: int32(x.Ages.To), Sex: x.Sex, Specimens: x.Specimens, Method: x.Method,
		Pregnant: x.Pregnant, Source: s.Text.ZH, SourceStatus: string(s.Status), ToBeConfirmed: x.ToBeConfirmed,
	}
}

func panelToPB(p *catalogue.Pack, x catalogue.Panel) *pb.LabPanel {
	out := &pb.LabPanel{
		Code: x.Code, Name: x.Name.ZH, NameEn: x.Name.EN, Loinc: x.LOINC, Group: x.Group, Members: x.Members, Specimen: x.Specimen, Tube: x.Tube,
		VolumeMl: x.VolumeML.String(), Fasting: x.Fasting,
	}
	if i := slices.IndexFunc(p.Tubes, func(t catalogue.Tube) bool { return t.Code == x.Tube }); i >= 0 {
		out.TubeName, out.TubeColour = p.Tubes[i].Name.ZH, p.Tubes[i].Colour
	}
	return out
}

func labPackToPB(k catalogue.Kept) *pb.LabPack {
	return &pb.LabPack{
		CentreId: string(k.Centre), Version: k.Version, Number: int32(k.Number), FromAt: instant(k.From), Yaml: k.YAML, RecordedAt: instant(k.RecordedAt),
		RecordedBy: k.RecordedBy, Reason: k.Reason,
	}
}

func rulesTrialToPB(t verify.Trial) *pb.LabRulesTrial {
	return &pb.LabRulesTrial{
		Results: int64(t.Results), WouldRelease: int64(t.WouldAuto), DidRelease: int64(t.DidAuto), NewlyReleased: int64(t.NewlyAuto), NewlyHeld: int64(t.NewlyHeld),
		WouldAlarm: int64(t.WouldAlarm), DidAlarm: int64(t.DidAlarm), OtherFlags: int64(t.FlagsOther),
		Rules: each(t.Rules, func(r verify.RuleTrial) *pb.LabRuleTrial {
			return &pb.LabRuleTrial{RuleId: r.Rule, Fired: int64(r.Fired), DidRaise: int64(r.Did)}
		}),
	}
}

func trialVerdictToPB(v verify.Verdict) *pb.TrialVerdict {
	out := &pb.TrialVerdict{
		Analyte: v.Inputs.Analyte, Flag: string(v.Flag), Passes: v.Auto, Released: v.Release, RulesVersion: v.Version,
		Warnings: each(v.Warnings, func(w verify.Warning) string { return w.Code }),
		Steps: each(v.Steps, func(s verify.Step) *pb.TrialStep {
			return &pb.TrialStep{RuleId: s.Rule, RuleVersion: s.Version, Outcome: string(s.Outcome), Why: s.Why.ZH, WhyEn: s.Why.EN}
		}),
		Alarms: each(v.Alarms, func(a verify.Alarm) *pb.TrialAlarm {
			return &pb.TrialAlarm{
				RuleId: a.Rule, RuleVersion: a.Version, Name: a.Name.ZH, NameEn: a.Name.EN, Text: a.Text.ZH, RespondMinutes: int32(a.Minutes),
				EscalateMinutes: each(a.Escalate, func(m int) int32 { return int32(m) }),
			}
		}),
	}
	if v.Inputs.Interval != nil {
		out.Interval = v.Inputs.Interval.Text
	}
	return out
}

func unmappedToPB(u catalogue.UnmappedCode) *pb.UnmappedCode {
	return &pb.UnmappedCode{
		UnmappedId: string(u.ID), SenderId: string(u.Sender), Link: u.Link, Code: u.Code, System: u.System, Text: u.Text, Loinc: u.LOINC, Unit: u.Unit,
		Specimen: u.Specimen, Why: string(u.Why), Count: u.Count, FirstAt: instant(u.FirstAt), LastAt: instant(u.LastAt), MappingId: string(u.Mapping),
	}
}

func mappingToPB(m catalogue.Mapping) *pb.CodeMapping {
	return &pb.CodeMapping{
		MappingId: string(m.ID), SenderId: string(m.Sender), Link: m.Link, Code: m.Code, System: m.System, Unit: m.Unit, Specimen: m.Specimen,
		Number: int32(m.Number), Analyte: m.Analyte, FromAt: instant(m.From), RecordedAt: instant(m.RecordedAt), ReviewedBy: m.ReviewedBy, Reason: m.Reason,
	}
}
