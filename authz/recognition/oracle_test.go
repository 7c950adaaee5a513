// A second decision, written from the law and not from the engine: rules exploded to flat rows, each condition a
// predicate over them, everything found by walking. Slow and plain on purpose.

package recognition

import (
	"fmt"
	"math/rand/v2"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/lianzhen/lianzhen/record"
)

type oracle struct {
	packs []Pack
	marks []Mark
}

func spanHas(s Span, at time.Time) bool {
	begin := time.Date(s.From.Year, s.From.Month, s.From.Day, 0, 0, 0, 0, chinaTime)
	if at.Before(begin) {
		return false
	}
	return s.To.IsZero() || at.Before(time.Date(s.To.Year, s.To.Month, s.To.Day, 0, 0, 0, 0, chinaTime))
}

// regionMembers: the scopes that stand for a scope.
func (o oracle) stand(scope string) map[string]bool {
	out := map[string]bool{scope: true}
	for _, p := range o.packs {
		for _, r := range p.Regions {
			if scope == "region:"+r.ID {
				for _, m := range r.Members {
					out[m] = true
				}
			}
		}
	}
	return out
}

func (o oracle) inside(scope string, receiver []string) bool {
	if scope == "national" {
		return true
	}
	stand := o.stand(scope)
	for _, s := range receiver {
		if stand[s] {
			return true
		}
	}
	return false
}

// mine lists the packs of a receiver, narrow to wide.
func (o oracle) mine(receiver []string) []Pack {
	width := map[string]int{"community": 1, "county": 2, "city": 3, "province": 4, "region": 5, "national": 6}
	var out []Pack
	for _, p := range o.packs {
		for _, s := range p.AppliesTo {
			if o.inside(s, receiver) {
				out = append(out, p)
				break
			}
		}
	}
	sort.SliceStable(out, func(i, j int) bool {
		a, b := width[strings.Split(out[i].AppliesTo[0], ":")[0]], width[strings.Split(out[j].AppliesTo[0], ":")[0]]
		if a != b {
			return a < b
		}
		return out[i].ID < out[j].ID
	})
	return out
}

type row struct {
	Item
	pack string
}

func hasFold(list []string, s string) bool {
	for _, x := range list {
		if strings.EqualFold(x, s) {
			return true
		}
	}
	return false
}

func (o oracle) item(packs []Pack, at time.Time, code, modality, part string) *row {
	var rows []row
	for _, p := range packs {
		for _, it := range p.Items {
			if spanHas(it.Span, at) {
				rows = append(rows, row{it, p.ID})
			}
		}
	}
	canonical := code
	for _, p := range o.packs {
		for _, it := range p.Items {
			if hasFold(it.Codes, code) {
				canonical = it.Code
			}
		}
	}
	first := func(keep func(r row) bool) *row {
		for i := range rows {
			if keep(rows[i]) {
				return &rows[i]
			}
		}
		return nil
	}
	byCode := func(c string) *row { return first(func(r row) bool { return c != "" && strings.EqualFold(r.Code, c) }) }
	if r := byCode(canonical); r != nil {
		return r
	}
	if modality == "" {
		return nil
	}
	r := first(func(r row) bool { return hasFold(r.Modalities, modality) && hasFold(r.BodyParts, part) })
	if r == nil {
		r = first(func(r row) bool { return hasFold(r.Modalities, modality) && len(r.BodyParts) == 0 })
	}
	if r == nil {
		return nil
	}
	return byCode(r.Code)
}

func (o oracle) decide(a Ask, p Prior) Verdict {
	packs := o.mine(a.Scopes)
	asked := o.item(packs, a.At, a.Item, a.Modality, a.BodyPart)
	have := o.item(packs, a.At, p.Item, p.Modality, p.BodyPart)
	var community *Community
	var communityPack string
	var tier *Tier
	exempt := ""
	for i := len(packs) - 1; i >= 0; i-- { // narrower ones overwrite
		for _, c := range packs[i].Community {
			if spanHas(c.Span, a.At) {
				community, communityPack = &c, packs[i].ID
			}
		}
		for _, t := range packs[i].Tiers {
			if spanHas(t.Span, a.At) {
				tier = &t
			}
		}
		for _, e := range packs[i].Exemptions {
			if spanHas(e.Span, a.At) && e.Setting == a.Setting.String() {
				exempt = map[bool]string{true: e.Setting}[e.Exempt]
			}
		}
	}
	own := a.Institution == p.Institution || a.Institution == p.Laboratory
	local := own || (p.SameCommunity && community != nil)

	var days int
	basis, ruleID, code := "performed", "", a.Item
	var end Day
	both := asked != nil && have != nil
	defaulted := !both && local && community != nil && community.WindowDays[p.Kind] > 0
	same := false
	switch {
	case both:
		same = asked.Code == have.Code
	case asked == nil && have == nil && a.Item != "" && p.Item != "":
		same = strings.EqualFold(a.Item, p.Item)
	case asked == nil && have == nil:
		same = a.Modality != "" && a.BodyPart != "" && strings.EqualFold(a.Modality, p.Modality) && strings.EqualFold(a.BodyPart, p.BodyPart)
	}
	if asked != nil {
		days, basis, code, end = asked.WindowDays, asked.Basis, asked.Code, asked.To
		ruleID = fmt.Sprintf("%s:%s:%s", asked.Code, asked.pack, asked.From)
	} else if defaulted && have == nil {
		days, basis, end = community.WindowDays[p.Kind], community.Basis, community.To
		ruleID = fmt.Sprintf("ALL:%s:%s", communityPack, community.From)
	}

	mark, lapsed := o.mark(a, p, have)
	hadMark := mark != ""
	laboratory := p.Kind == record.Lab || (have != nil && have.Kind == record.Lab)
	certificate := laboratory && o.certificate(a, p)
	if laboratory && !certificate {
		mark = ""
	}
	controlled := p.Quality != nil && (p.Quality.Internal == "in_control" || p.Quality.Internal == "warning")
	lenient := local && !own && community.Lab.Certificate == "advised"
	skew := 0
	for _, q := range o.packs {
		if q.ClockSkewS > skew {
			skew = q.ClockSkewS
		}
	}
	limit := a.At.Add(time.Duration(skew) * time.Second)
	start := p.PerformedAt
	if basis == "reported" {
		start = p.ReportedAt
	}
	windowed := ruleID != "" && same
	until := start.Add(time.Duration(days) * 24 * time.Hour)
	word := ""
	if mark != "" && !local && tier != nil && a.Level > 0 && p.Level > 0 {
		word = tier.Same
		if a.Level < p.Level {
			word = tier.Upward
		}
		if a.Level > p.Level {
			word = tier.Downward
		}
	}
	failed := map[string]bool{
		"CONCLUSION_NOT_COVERED": p.Conclusion,
		"NOT_IN_CATALOGUE":       !both && !defaulted,
		"ITEM_MISMATCH":          !same,
		"NOT_FINAL":              !strings.Contains("|final|corrected|", "|"+string(p.Status)+"|"),
		"INCOMPLETE":             !p.Complete,
		"IDENTITY_UNCERTAIN":     p.Grade != record.Certain,
		"TIME_UNKNOWN":           p.PerformedAt.IsZero() || (windowed && start.IsZero()),
		"FUTURE_DATED":           p.PerformedAt.After(limit) || p.ReportedAt.After(limit),
		"NO_MARK_FOR_SCOPE":      !hadMark && !local && !lapsed,
		"MARK_LAPSED_AT_EXAM":    mark == "" && !local && lapsed,
		"TIER_NOT_ACCEPTED":      word == "decline",
		"TIER_ADVISED":           word == "advise",
		"OUT_OF_WINDOW":          windowed && !start.IsZero() && a.At.After(until),

		"QC_NOT_IN_CONTROL":       laboratory && !controlled,
		"NO_EQA_CERTIFICATE":      laboratory && !own && !certificate && !lenient,
		"EQA_CERTIFICATE_ADVISED": laboratory && !own && !certificate && lenient,
	}
	out := Verdict{Item: code, RuleID: ruleID, Mark: mark}
	if mark == "" && own {
		out.Mark = "own"
	} else if mark == "" && local {
		out.Mark = "community"
	}
	if windowed && !start.IsZero() {
		out.ValidUntil = until.UTC()
		if e := time.Date(end.Year, end.Month, end.Day, 0, 0, 0, 0, chinaTime); !end.IsZero() && e.Before(until) {
			out.ValidUntil = e.UTC()
		}
	}
	n, soft := 0, 0
	for c, f := range failed {
		if f {
			n++
			if c == "TIER_ADVISED" || c == "OUT_OF_WINDOW" || c == "EQA_CERTIFICATE_ADVISED" {
				soft++
			}
		}
	}
	switch {
	case n > soft:
		out.State = NotEligible
	case exempt != "":
		out.State = Exempt
		failed[map[string]string{"EMERGENCY": "S4_EMERGENCY", "PREOPERATIVE": "S3_MAJOR_DECISION", "FORENSIC": "S5_FORENSIC"}[exempt]] = true
	case soft > 0:
		out.State = Advise
	default:
		out.State = Recognise
	}
	for i, c := range conditionCodes {
		if failed[c] {
			out.Failed |= 1 << i
		}
	}
	return out
}

func (o oracle) certificate(a Ask, p Prior) bool {
	q := p.Quality
	if q == nil || q.External == "" || p.PerformedAt.IsZero() || !o.inside(q.ExternalScope, a.Scopes) {
		return false
	}
	late := !q.ExternalUntil.IsZero() && !q.ExternalUntil.After(p.PerformedAt)
	return !q.ExternalFrom.After(p.PerformedAt) && !late
}

func (o oracle) mark(a Ask, p Prior, have *row) (best string, lapsed bool) {
	width := map[string]int{"community": 1, "county": 2, "city": 3, "province": 4, "region": 5, "national": 6}
	kind, group, code := p.Kind, "", p.Item
	if have != nil {
		kind, group, code = have.Kind, have.Group, have.Code
	}
	trusted := p.Institution
	if p.Laboratory != "" {
		trusted = p.Laboratory
	}
	for _, m := range o.marks {
		covered := m.Item != "" && strings.EqualFold(m.Item, code) || m.Group != "" && m.Group == group || m.Kind != "" && m.Kind == kind
		if m.Revoked || m.Institution != trusted || !covered || !o.inside(m.Scope, a.Scopes) {
			continue
		}
		if p.PerformedAt.Before(m.From) || (!m.To.IsZero() && !p.PerformedAt.Before(m.To)) {
			lapsed = true
			continue
		}
		w, b := width[strings.Split(m.Scope, ":")[0]], width[strings.Split(best, ":")[0]]
		if w > b || w == b && m.Scope < best {
			best = m.Scope
		}
	}
	return best, lapsed
}

// ---- random rules, marks, questions and results, with instants that like to meet borders

type dice struct{ *rand.Rand }

func (d dice) chance(n int) bool { return d.IntN(n) == 0 }

func one[T any](d dice, of ...T) T { return of[d.IntN(len(of))] }

var (
	diceCodes  = []string{"CT.CHEST", "CT.HEAD", "LAB.K", "ECG12"}
	diceScopes = []string{"national", "region:r1", "region:r2", "province:p1", "province:p2", "city:c1", "county:k1", "community:m1", "community:m2"}
	diceDays   = []Day{day(2024, 1, 1), day(2025, 1, 1), day(2026, 1, 1), day(2026, 10, 20), day(2026, 11, 1)}
)

func (d dice) span() Span {
	i := d.IntN(len(diceDays) - 1)
	s := Span{From: diceDays[i]}
	if d.chance(3) {
		s.To = diceDays[i+1+d.IntN(len(diceDays)-1-i)]
	}
	return s
}

// spans are in order and without overlap, as the loader demands.
func (d dice) spans() []Span {
	s := d.span()
	if s.To.IsZero() || d.chance(2) {
		return []Span{s}
	}
	return []Span{s, {From: s.To}}
}

func (d dice) pack(id, scope string) Pack {
	p := Pack{ID: id, AppliesTo: []string{scope}}
	kindsOf := map[string]record.CentreKind{"CT.CHEST": record.Imaging, "CT.HEAD": record.Imaging, "LAB.K": record.Lab, "ECG12": record.ECG}
	for _, c := range diceCodes {
		if scope != "national" && d.chance(2) {
			continue
		}
		for _, s := range d.spans() {
			it := Item{Code: c, Kind: kindsOf[c], Group: "g" + c[:2], Span: s, WindowDays: one(d, 3, 7, 14, 30), Basis: one(d, "", "performed", "reported")}
			if c[:2] == "CT" && (scope == "national" || d.chance(2)) {
				it.Modalities, it.BodyParts = []string{"CT"}, []string{strings.TrimPrefix(c, "CT."), strings.ToLower(c[3:5])}
			}
			if c == "ECG12" && d.chance(2) {
				it.Modalities = []string{"ECG"}
			}
			if c == "LAB.K" && scope == "national" {
				it.Codes = []string{"2823-3"}
			}
			p.Items = append(p.Items, it)
		}
	}
	words := []string{"recognise", "advise", "decline"}
	for _, s := range d.spans() {
		if d.chance(2) {
			p.Tiers = append(p.Tiers, Tier{Span: s, Same: one(d, words...), Upward: one(d, words...), Downward: one(d, words...)})
		}
		if d.chance(2) {
			p.Community = append(p.Community, Community{
				Span: s, Basis: one(d, "", "reported"),
				WindowDays: map[record.CentreKind]int{record.Imaging: 14, record.Lab: one(d, 3, 7)},
				Lab:        CommunityLab{one(d, "", "required", "advised", "advised")},
			})
		}
		for _, set := range []string{"EMERGENCY", "PREOPERATIVE", "FORENSIC"} {
			if d.chance(2) {
				p.Exemptions = append(p.Exemptions, Exemption{Span: s, Setting: set, Exempt: !d.chance(3)})
			}
		}
	}
	return p
}

func (d dice) packs() []Pack {
	nation := d.pack("n", "national")
	nation.ClockSkewS = one(d, 0, 300)
	nation.Regions = []Region{{ID: "r1", Members: []string{"province:p1", "province:p3"}}, {ID: "r2", Members: []string{"city:c1", "province:p2"}}}
	out := []Pack{nation}
	for i, s := range diceScopes[1:] {
		if d.chance(2) {
			out = append(out, d.pack(fmt.Sprintf("x%d", i), s))
		}
	}
	return out
}

func (d dice) marks() []Mark {
	var out []Mark
	for range d.IntN(12) {
		m := Mark{Institution: one[record.InstitutionID](d, "A", "B"), Scope: one(d, diceScopes...), From: d.instant(), Revoked: d.chance(10)}
		switch d.IntN(3) {
		case 0:
			m.Item = one(d, append(diceCodes, "X.1")...)
		case 1:
			m.Group = one(d, "gCT", "gLA", "gEC")
		default:
			m.Kind = one(d, kinds...)
		}
		if d.chance(2) {
			m.To = m.From.Add(time.Duration(1+d.IntN(60)) * 24 * time.Hour)
		}
		out = append(out, m)
	}
	return out
}

func (d dice) instant() time.Time {
	at := t0.Add(-time.Duration(d.IntN(45)) * 24 * time.Hour)
	return at.Add(one(d, 0, 0, 0, time.Microsecond, -time.Microsecond, 5*time.Minute, 5*time.Minute+time.Microsecond)).UTC()
}

// item makes a code or a modality with a part, at times in another case or unknown.
func (d dice) item() (code, modality, part string) {
	switch d.IntN(8) {
	case 0:
		return strings.ToLower(one(d, diceCodes...)), "", ""
	case 1:
		return one(d, "2823-3", "X.1", "x.1", "Y.1"), one(d, "", "CT"), one(d, "", "CHEST", "toe")
	case 2:
		return "", one(d, "CT", "ct", "ECG", "MR", ""), one(d, "CHEST", "ch", "HE", "Head", "TOE", "")
	}
	return one(d, diceCodes...), "", ""
}

func (d dice) question() (Ask, Prior) {
	var a Ask
	var p Prior
	a.Item, a.Modality, a.BodyPart = d.item()
	p.Item, p.Modality, p.BodyPart = a.Item, a.Modality, a.BodyPart
	if d.chance(5) {
		p.Item, p.Modality, p.BodyPart = d.item()
	}
	a.Institution, a.Level, a.Setting, a.At = one[record.InstitutionID](d, "A", "C", "C", "C"), d.IntN(4), Setting(d.IntN(int(settings))), t0
	if d.chance(3) {
		a.At = d.instant()
	}
	if d.chance(6) { // a rule begins or ends now
		a.At = time.UnixMicro(one(d, diceDays[3:]...).at(0) + int64(d.IntN(3)-1)).UTC()
	}
	for _, s := range diceScopes[3:] {
		if d.chance(2) {
			a.Scopes = append(a.Scopes, s)
		}
	}
	p.Institution, p.Level, p.SameCommunity, p.Kind = one[record.InstitutionID](d, "A", "B"), d.IntN(4), d.chance(4), one(d, kinds...)
	if p.Laboratory = one[record.InstitutionID](d, "", "", "A", "B", "C"); !d.chance(6) {
		p.Quality = d.quality()
	}
	p.Conclusion, p.Complete = d.chance(25), !d.chance(25)
	p.Status, p.Grade = record.Final, record.Certain
	if d.chance(6) {
		p.Status = one(d, record.Preliminary, record.Corrected, record.Withdrawn, "")
	}
	if d.chance(15) {
		p.Grade = one(d, record.Probable, record.NoMatch, "")
	}
	p.PerformedAt, p.ReportedAt = d.instant(), d.instant()
	if d.chance(40) {
		p.PerformedAt = time.Time{}
	}
	if d.chance(40) {
		p.ReportedAt = time.Time{}
	}
	return a, p
}

func (d dice) quality() *record.Quality {
	q := &record.Quality{Internal: record.QCInControl, External: "EQA-1", ExternalScope: one(d, "national", "national", one(d, diceScopes...)), At: t0}
	if d.chance(5) {
		q.Internal = one(d, record.QCWarning, record.QCOutOfControl, record.QCEstablishing, record.QCNone, "")
	}
	if d.chance(6) {
		q.External = ""
	}
	if d.chance(3) {
		q.ExternalFrom, q.ExternalUntil = one(d, d.instant(), time.Time{}), one(d, d.instant(), time.Time{})
	}
	if d.chance(3) {
		q.RevokedAt = d.instant() // is shown and judges nothing
	}
	return q
}

func TestTheNaiveOracleAgrees(t *testing.T) {
	books, each := 400, 500 // 200,000
	d := dice{rand.New(rand.NewPCG(20261101, 6))}
	seen := map[State]int{}
	masks := map[Mask]bool{}
	for range books {
		packs, marks := d.packs(), d.marks()
		compiled, err := compile(packs)
		if err != nil {
			t.Fatal(err)
		}
		rb := compiled.WithMarks(marks)
		o := oracle{packs, marks}
		for range each {
			a, p := d.question()
			got, want := rb.Decide(a, &p), o.decide(a, p)
			if got != want {
				t.Fatalf("ask %+v\nprior %+v\nengine %+v %v\noracle %+v %v", a, p, got, got.Failed.Codes(), want, want.Failed.Codes())
			}
			seen[got.State]++
			masks[got.Failed] = true
		}
	}
	t.Logf("%d questions: %v, %d different sets of conditions", books*each, seen, len(masks))
	for s := Recognise; s < states; s++ {
		if seen[s] < books*each/100 {
			t.Errorf("%v came up %d times: the dice are loaded", s, seen[s])
		}
	}
	for i, c := range conditionCodes {
		found := false
		for m := range masks {
			found = found || m&(1<<i) != 0
		}
		if !found {
			t.Errorf("%s never came up", c)
		}
	}
}
