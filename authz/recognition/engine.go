// The decision: a pure function of what is asked, what is known and the rules. No clock, no database, no allocation.

package recognition

import (
	"time"

	"github.com/lianzhen/lianzhen/record"
)

// Setting is where and how the patient is treated.
type Setting uint8

// The settings; the unspecified one counts as outpatient.
const (
	Unspecified Setting = iota
	Outpatient
	Inpatient
	Emergency
	Preoperative
	Forensic
	settings
)

var settingNames = [settings]string{"UNSPECIFIED", "OUTPATIENT", "INPATIENT", "EMERGENCY", "PREOPERATIVE", "FORENSIC"}

func (s Setting) String() string { return nameOf(settingNames[:], int(s)) }

// exemptOf: the re-examination situations S3 to S5 that a setting shows.
var exemptOf = [settings]Mask{Emergency: EmergencyCare, Preoperative: MajorDecision, Forensic: ForensicAppraisal}

// State is the verdict in one word.
type State uint8

// The states, best first.
const (
	_           State = iota
	Recognise         // to be used; repeating needs a reason
	Advise            // the doctor may accept it
	Exempt            // one of the situations in which the rule lets the doctor repeat freely
	NotEligible       // a condition failed
	states
)

var stateNames = [states]string{"", "RECOGNISE", "ADVISE", "EXEMPT", "NOT_ELIGIBLE"}

func (s State) String() string { return nameOf(stateNames[:], int(s)) }

func nameOf(names []string, i int) string {
	if i < len(names) {
		return names[i]
	}
	return ""
}

// Mask is a set of conditions.
type Mask uint32

// The conditions in the order in which they are told. A set bit means: failed, or for S3 to S5: present. The bits are kept with every
// check: a new condition comes after the others.
const (
	ConclusionNotCovered Mask = 1 << iota // only a physician's conclusion, no images or data
	NotInCatalogue
	ItemMismatch
	NotFinal
	Incomplete
	IdentityUncertain
	TimeUnknown
	FutureDated
	NoMarkForScope
	MarkLapsedAtExam
	TierNotAccepted // the receiver's rule declines results of that level
	TierAdvised     // the receiver's rule leaves results of that level to the doctor
	MajorDecision
	EmergencyCare
	ForensicAppraisal
	OutOfWindow
	QCNotInControl        // the laboratory's own control of the analyte was not in control, or nobody said that it was
	NoEQACertificate      // no certificate of external quality assessment that held at the examination and reaches the receiver
	EQACertificateAdvised // the same inside a community whose rule leaves it to the doctor
)

const conditionCount = 19

var conditionCodes = [conditionCount]string{
	"CONCLUSION_NOT_COVERED", "NOT_IN_CATALOGUE", "ITEM_MISMATCH", "NOT_FINAL", "INCOMPLETE",
	"IDENTITY_UNCERTAIN", "TIME_UNKNOWN", "FUTURE_DATED", "NO_MARK_FOR_SCOPE", "MARK_LAPSED_AT_EXAM", "TIER_NOT_ACCEPTED",
	"TIER_ADVISED", "S3_MAJOR_DECISION", "S4_EMERGENCY", "S5_FORENSIC", "OUT_OF_WINDOW",
	"QC_NOT_IN_CONTROL", "NO_EQA_CERTIFICATE", "EQA_CERTIFICATE_ADVISED",
}

const (
	exempting = MajorDecision | EmergencyCare | ForensicAppraisal
	advising  = TierAdvised | OutOfWindow | EQACertificateAdvised
)

// Codes lists the conditions of the mask by name.
func (m Mask) Codes() []string {
	var out []string
	for i, c := range conditionCodes {
		if m&(1<<i) != 0 {
			out = append(out, c)
		}
	}
	return out
}

// Ask is the question: what is ordered, by whom, where and when.
type Ask struct {
	Institution record.InstitutionID `json:"institution"`
	Level       int                  `json:"level,omitempty"`  // hospital level 1..3; 0 unknown
	Scopes      []string             `json:"scopes,omitempty"` // that hold the institution: store.Graph.ScopesOf
	Item        string               `json:"item,omitempty"`
	Modality    string               `json:"modality,omitempty"`
	BodyPart    string               `json:"body_part,omitempty"`
	Setting     Setting              `json:"setting,omitempty"`
	At          time.Time            `json:"at"`
}

// Prior is an earlier result as the decision needs it.
type Prior struct {
	Result        record.ResultID      `json:"result"`
	Institution   record.InstitutionID `json:"institution"`              // whose result it is
	Laboratory    record.InstitutionID `json:"laboratory,omitempty"`     // who measured it; empty: the institution itself
	Level         int                  `json:"level,omitempty"`          // of who made it
	SameCommunity bool                 `json:"same_community,omitempty"` // one community holds who made it and the receiver
	Kind          record.CentreKind    `json:"kind"`
	Conclusion    bool                 `json:"conclusion,omitempty"` // no images or data, only what a physician concluded
	Item          string               `json:"item,omitempty"`
	Modality      string               `json:"modality,omitempty"`
	BodyPart      string               `json:"body_part,omitempty"`
	Status        record.ResultStatus  `json:"status"`
	Grade         record.Grade         `json:"grade"`
	Complete      bool                 `json:"complete,omitempty"`
	PerformedAt   time.Time            `json:"performed_at"`
	ReportedAt    time.Time            `json:"reported_at"`
	Quality       *record.Quality      `json:"quality,omitempty"` // of a laboratory result, as it was released
}

// maker is whose marks, level and community count.
func (r *Prior) maker() record.InstitutionID {
	if r.Laboratory != "" {
		return r.Laboratory
	}
	return r.Institution
}

// Verdict is the answer.
type Verdict struct {
	State      State
	Failed     Mask
	Item       string    // catalogue code of what was asked; the sender's code when unlisted
	RuleID     string    // <item>:<pack>:<first day>; "ALL" for the community default; empty when no rule applies
	Mark       string    // why the maker is trusted: a mark's scope, "own", "community", or nothing
	ValidUntil time.Time // the last instant at which this rule recognises it; zero when no rule applies to the pair
}

// view is an Ask looked up once, for any number of priors.
type view struct {
	*Ask
	packs     uint64 // the packs that apply to the receiver
	at        int64
	rule      *rule // what is ordered; nil when unlisted
	community *communityRule
	tier      *tierRule
	exempt    Mask
}

// Decide judges one earlier result. It depends on its arguments and on nothing else.
func (rb *Rulebook) Decide(a Ask, r *Prior) Verdict {
	v := rb.view(&a)
	return rb.decide(&v, rb.resolve(v.packs, v.at, r.Item, r.Modality, r.BodyPart), r)
}

func (rb *Rulebook) view(a *Ask) view {
	v := view{Ask: a, packs: rb.packsFor(a.Scopes), at: a.At.UnixMicro()}
	v.rule = rb.resolve(v.packs, v.at, a.Item, a.Modality, a.BodyPart)
	v.community = pick(rb.community, v.packs, v.at)
	v.tier = pick(rb.tiers, v.packs, v.at)
	if a.Setting < settings && exemptOf[a.Setting] != 0 {
		if e := pick(rb.exemptions[a.Setting], v.packs, v.at); e != nil && e.exempt {
			v.exempt = exemptOf[a.Setting]
		}
	}
	return v
}

// decide follows the order of the conditions and stops at none of them. own is the catalogue item of the result.
func (rb *Rulebook) decide(v *view, own *rule, r *Prior) Verdict {
	f := facts(r) | rb.timely(v, r)
	home := v.Institution != "" && (r.Institution == v.Institution || r.Laboratory == v.Institution)
	local := home || (r.SameCommunity && v.community != nil)

	rule, item := v.rule, v.Item
	same, listed := pairUp(v, own, r)
	if !listed && local && v.community != nil {
		if d := v.community.byKind(r.Kind); d != nil {
			listed = true
			if v.rule == nil && own == nil {
				rule = d
			}
		}
	}
	if !listed {
		f |= NotInCatalogue
	}
	if !same {
		f |= ItemMismatch
	}
	mark, lapsed := rb.markFor(v, own, r)
	marked := mark != ""
	if r.Kind == record.Lab || own != nil && own.kind == record.Lab {
		bad, certified := rb.quality(v, r, home, local)
		if !certified {
			mark = "" // the mark of a laboratory item counts only under a certificate
		}
		f |= bad
	}
	switch {
	case mark != "" && !local:
		f |= v.tier.judge(v.Level, r.Level)
	case mark != "":
	case home:
		mark = "own"
	case local:
		mark = "community"
	case lapsed:
		f |= MarkLapsedAtExam
	case !marked:
		f |= NoMarkForScope
	}
	out := Verdict{Mark: mark, Item: item}
	if rule != nil {
		out.RuleID = rule.id
		if rule.code != "" {
			out.Item = rule.code
		}
		if same {
			until, late := rule.window(v.at, r)
			out.ValidUntil = until
			f |= late
		}
	}
	out.Failed, out.State = conclude(f, v.exempt)
	return out
}

// facts are the conditions that the result fails by itself.
func facts(r *Prior) Mask {
	var f Mask
	if r.Conclusion {
		f |= ConclusionNotCovered
	}
	if r.Status != record.Final && r.Status != record.Corrected {
		f |= NotFinal
	}
	if !r.Complete {
		f |= Incomplete
	}
	if r.Grade != record.Certain {
		f |= IdentityUncertain
	}
	return f
}

func (rb *Rulebook) timely(v *view, r *Prior) Mask {
	var f Mask
	if r.PerformedAt.IsZero() {
		f |= TimeUnknown
	}
	if limit := v.at + rb.skewUS; r.PerformedAt.UnixMicro() > limit || r.ReportedAt.UnixMicro() > limit {
		f |= FutureDated
	}
	return f
}

// quality is what a laboratory result fails for its control and its certificate, and whether there is a certificate that counts. Control is
// asked of everybody. The certificate is not asked at home; inside a community its rule says what a missing one means.
func (rb *Rulebook) quality(v *view, r *Prior, home, local bool) (f Mask, certified bool) {
	q := r.Quality
	if q == nil || !q.Internal.InControl() {
		f |= QCNotInControl
	}
	certified = q != nil && !r.PerformedAt.IsZero() && q.CertifiedAt(r.PerformedAt) && reaches(q.ExternalScope, rb.regions[q.ExternalScope], v.Scopes)
	switch {
	case certified || home:
	case local && v.community.certificateAdvised:
		f |= EQACertificateAdvised
	default:
		f |= NoEQACertificate
	}
	return f, certified
}

// pairUp: is it the same item, and are both listed? Unlisted ones are the same by code, or by modality and body part.
func pairUp(v *view, own *rule, r *Prior) (same, listed bool) {
	switch {
	case v.rule != nil && own != nil:
		return v.rule.code == own.code, true
	case v.rule != nil || own != nil:
		return false, false
	case v.Item != "" && r.Item != "":
		return equalFold(v.Item, r.Item), false
	}
	return v.Modality != "" && v.BodyPart != "" && equalFold(v.Modality, r.Modality) && equalFold(v.BodyPart, r.BodyPart), false
}

// window answers the last good instant, and whether it has passed. The instant may be that of the examination or of
// its report, as the rule says; the end of the rule itself is an end too.
func (r *rule) window(at int64, p *Prior) (time.Time, Mask) {
	basis := p.PerformedAt
	if r.reported {
		basis = p.ReportedAt
	}
	if basis.IsZero() {
		return time.Time{}, TimeUnknown
	}
	until := basis.UnixMicro() + r.windowUS
	var late Mask
	if at > until {
		late = OutOfWindow
	}
	return time.UnixMicro(min(until, r.to)).UTC(), late
}

// conclude: ineligibility explains more than an exemption does, and an exemption more than age.
func conclude(f, exempt Mask) (Mask, State) {
	switch {
	case f&^advising != 0:
		return f, NotEligible
	case exempt != 0:
		return f | exempt, Exempt
	case f != 0:
		return f, Advise
	}
	return 0, Recognise
}
