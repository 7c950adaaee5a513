// What must hold of a set of packs before it may decide anything.

package recognition

import (
	"cmp"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"github.com/lianzhen/lianzhen/record"
)

// Lint lists everything wrong or doubtful in the packs of fsys, in the order of files and lines. Load refuses packs
// with a problem that is not a warning.
func Lint(fsys fs.FS) []Problem {
	sources, problems := readAll(fsys)
	if len(problems) == 0 {
		problems = check(sources)
	}
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	return problems
}

const (
	maxPacks      = 64 // one bit each
	maxWindowDays = 3650
	maxSkewS      = 3600
)

var packID = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,23}$`)

// linter walks the packs and remembers what only makes sense across them.
type linter struct {
	sources   []source
	out       []Problem
	packs     map[string]bool
	scopes    map[string]string // scope -> the pack that applies to it
	regions   map[string]bool
	citations map[string]string // id -> status; with "<pack>/" before it for those of one pack
	codes     map[string]*Item  // upper case
	aliases   map[string]string // upper case -> upper-case code
	groups    map[string]bool
	parted    map[string]bool // codes that some pack finds by modality
	markSpans series
}

func check(sources []source) []Problem {
	l := &linter{
		sources: sources, packs: map[string]bool{}, scopes: map[string]string{}, regions: map[string]bool{},
		citations: map[string]string{}, codes: map[string]*Item{}, aliases: map[string]string{}, groups: map[string]bool{}, parted: map[string]bool{},
		markSpans: series{gaps: true},
	}
	if len(sources) > maxPacks {
		l.at(sources[0], "pack", -1, "%d packs: at most %d", len(sources), maxPacks)
	}
	for i := range sources {
		l.collect(&sources[i])
	}
	for i := range sources {
		l.pack(sources[i])
	}
	if _, ok := l.scopes[national]; !ok && len(sources) > 0 {
		l.at(sources[0], "applies_to", -1, "no pack applies to national")
	}
	return l.out
}

func (l *linter) at(s source, section string, i int, format string, args ...any) {
	l.out = append(l.out, Problem{File: s.name, Line: s.line(section, i), Text: fmt.Sprintf(format, args...)})
}

func (l *linter) warn(s source, section string, i int, format string, args ...any) {
	l.out = append(l.out, Problem{File: s.name, Line: s.line(section, i), Warning: true, Text: fmt.Sprintf(format, args...)})
}

// collect gathers names first, since packs may use each other's.
func (l *linter) collect(s *source) {
	for i, r := range s.Regions {
		if l.regions["region:"+r.ID] {
			l.at(*s, "regions", i, "region %q is there twice", r.ID)
		}
		l.regions["region:"+r.ID] = true
	}
	for i, c := range s.Citations {
		if _, twice := l.citations[s.ID+"/"+c.ID]; twice || c.ID == "" {
			l.at(*s, "citations", i, "citation %q: empty or there twice", c.ID)
		}
		l.citations[s.ID+"/"+c.ID] = c.Status
		if _, ok := l.citations[c.ID]; !ok {
			l.citations[c.ID] = c.Status
		}
	}
	for i := range s.Items {
		it := &s.Items[i]
		if it.Group != "" {
			l.groups[it.Group] = true
		}
		code := strings.ToUpper(it.Code)
		l.parted[code] = l.parted[code] || len(it.Modalities) > 0
		if first := l.codes[code]; first == nil {
			l.codes[code] = it
		} else if first.Kind != it.Kind || first.Group != it.Group {
			l.at(*s, "items", i, "item %s: another entry has another kind or group", it.Code)
		}
	}
}

func (l *linter) pack(s source) {
	switch {
	case !packID.MatchString(s.ID):
		l.at(s, "pack", -1, "pack %q: want a-z, 0-9 and -, at most 24", s.ID)
	case l.packs[s.ID]:
		l.at(s, "pack", -1, "pack %s is there twice", s.ID)
	}
	l.packs[s.ID] = true
	l.texts(s, "title", -1, "title", s.Title)
	l.appliesTo(s)
	if s.ClockSkewS < 0 || s.ClockSkewS > maxSkewS || (s.ClockSkewS != 0 && s.rank() != scopeRank(national)) {
		l.at(s, "clock_skew_s", -1, "clock_skew_s: 0 to %d, and only in the national pack", maxSkewS)
	}
	for i, r := range s.Regions {
		l.region(s, i, r)
	}
	for i, c := range s.Citations {
		l.texts(s, "citations", i, "citation "+c.ID, c.Text)
		l.oneOf(s, "citations", i, "status", c.Status, "verified", "secondary", "recollection")
	}
	l.items(s)
	l.policies(s)
	l.reasons(s)
	l.conditions(s)
	l.marks(s)
}

func (l *linter) appliesTo(s source) {
	if len(s.AppliesTo) == 0 {
		l.at(s, "applies_to", -1, "applies_to: want at least one scope")
	}
	for i, scope := range s.AppliesTo {
		l.scope(s, "applies_to", i, scope)
		if scopeRank(scope) != s.rank() {
			l.at(s, "applies_to", i, "applies_to: scopes of one kind only")
		}
		if other, taken := l.scopes[scope]; taken {
			l.at(s, "applies_to", i, "%s has pack %s already", scope, other)
		}
		l.scopes[scope] = s.ID
	}
}

func (l *linter) scope(s source, section string, i int, scope string) {
	switch {
	case scopeRank(scope) < 0:
		l.at(s, section, i, "unknown scope %q: want national, or region: province: city: county: community: and a name", scope)
	case strings.HasPrefix(scope, "region:") && !l.regions[scope]:
		l.at(s, section, i, "unknown scope %q: no pack defines that region", scope)
	}
}

func (l *linter) region(s source, i int, r Region) {
	if !record.ValidID(r.ID) || len(r.Members) == 0 {
		l.at(s, "regions", i, "region %q: want an id and members", r.ID)
	}
	l.texts(s, "regions", i, "region "+r.ID, r.Name)
	for _, m := range r.Members {
		if rank := scopeRank(m); rank < 0 || rank >= scopeRank("region:x") {
			l.at(s, "regions", i, "region %s: unknown scope %q", r.ID, m)
		}
	}
}

func (l *linter) texts(s source, section string, i int, what string, t Text) {
	if strings.TrimSpace(t.ZH) == "" || strings.TrimSpace(t.EN) == "" {
		l.at(s, section, i, "%s: want a zh and an en text", what)
	}
}

func (l *linter) oneOf(s source, section string, i int, what, got string, want ...string) {
	if !slices.Contains(want, got) {
		l.at(s, section, i, "%s %q: want one of %s", what, got, strings.Join(want, " "))
	}
}

// source of a rule: it must be known, and what rests on recollection must say so to its readers.
func (l *linter) cited(s source, section string, i int, id string, confirmed bool) {
	status, ok := l.citations[s.ID+"/"+id]
	if !ok {
		status, ok = l.citations[id]
	}
	switch {
	case !ok:
		l.at(s, section, i, "citation %q is not there", id)
	case status == "recollection" && confirmed:
		l.at(s, section, i, "citation %s is recollection: want to_be_confirmed: true", id)
	}
}

func (l *linter) span(s source, section string, i int, d Span) {
	switch {
	case d.From.IsZero():
		l.at(s, section, i, "from: want a day")
	case !d.To.IsZero() && d.To.at(0) <= d.From.at(0):
		l.at(s, section, i, "to %s is not after from %s", d.To, d.From)
	}
}

func (l *linter) days(s source, section string, i, days int) {
	if days < 1 || days > maxWindowDays {
		l.at(s, section, i, "window_days %d: want 1 to %d", days, maxWindowDays)
	}
}

func (l *linter) items(s source) {
	codes, parts := series{}, series{gaps: true}
	for i := range s.Items {
		it := &s.Items[i]
		l.item(s, i, it)
		codes.add(strings.ToUpper(it.Code), it.Span, i, "item "+it.Code)
		seen := map[string]bool{}
		for _, m := range it.Modalities {
			for _, b := range append([]string{""}, it.BodyParts...) {
				if (b == "") != (len(it.BodyParts) == 0) {
					continue
				}
				key := strings.ToUpper(m) + " " + strings.ToUpper(b)
				if seen[key] {
					l.at(s, "items", i, "item %s: %s is there twice", it.Code, key)
				}
				seen[key] = true
				parts.add(key, it.Span, i, "item "+it.Code+" on "+key)
			}
		}
	}
	l.timelines(s, "items", codes)
	l.timelines(s, "items", parts)
}

func (l *linter) item(s source, i int, it *Item) {
	if !record.ValidID(ruleID(it.Code, s.ID, it.From)) || strings.Contains(it.Code, ":") || strings.EqualFold(it.Code, allItems) {
		l.at(s, "items", i, "item code %q: want letters, digits, . _ -, short, and not %s", it.Code, allItems)
	}
	l.texts(s, "items", i, "item "+it.Code, it.Name)
	if !slices.Contains(kinds, it.Kind) {
		l.at(s, "items", i, "item %s: unknown kind %q", it.Code, it.Kind)
	}
	l.span(s, "items", i, it.Span)
	l.days(s, "items", i, it.WindowDays)
	l.oneOf(s, "items", i, "basis", it.Basis, "", "performed", "reported")
	l.cited(s, "items", i, it.Citation, !it.ToBeConfirmed)
	if len(it.BodyParts) > 0 && len(it.Modalities) == 0 {
		l.at(s, "items", i, "item %s: body parts without modalities", it.Code)
	}
	for _, w := range append(append(slices.Clone(it.Modalities), it.BodyParts...), it.Codes...) {
		if w == "" || len(w) > foldMax || w != strings.TrimSpace(w) {
			l.at(s, "items", i, "item %s: code or word %q: empty, padded or over %d bytes", it.Code, w, foldMax)
		}
	}
	code := strings.ToUpper(it.Code)
	for _, c := range it.Codes {
		c = strings.ToUpper(c)
		if other := l.aliases[c]; (other != "" && other != code) || l.codes[c] != nil {
			l.at(s, "items", i, "item %s: code %s is that of another item", it.Code, c)
		}
		l.aliases[c] = code
	}
	if it.Kind == record.Imaging && !l.parted[code] {
		l.warn(s, "items", i, "item %s: found by code only, it names no modality", it.Code)
	}
}

func (l *linter) policies(s source) {
	community, tiers, exemptions := series{}, series{}, series{}
	for i, c := range s.Community {
		l.span(s, "community", i, c.Span)
		l.cited(s, "community", i, c.Citation, !c.ToBeConfirmed)
		l.oneOf(s, "community", i, "basis", c.Basis, "", "performed", "reported")
		l.oneOf(s, "community", i, "certificate", c.Lab.Certificate, "", "required", "advised")
		for k, d := range c.WindowDays {
			l.days(s, "community", i, d)
			if !slices.Contains(kinds, k) {
				l.at(s, "community", i, "unknown kind %q", k)
			}
		}
		community.add("", c.Span, i, "community rule")
	}
	for i, t := range s.Tiers {
		l.span(s, "tiers", i, t.Span)
		l.cited(s, "tiers", i, t.Citation, !t.ToBeConfirmed)
		for _, w := range []string{t.Same, t.Upward, t.Downward} {
			l.oneOf(s, "tiers", i, "tier", w, "recognise", "advise", "decline")
		}
		tiers.add("", t.Span, i, "tier rule")
	}
	for i, e := range s.Exemptions {
		l.span(s, "exemptions", i, e.Span)
		l.cited(s, "exemptions", i, e.Citation, !e.ToBeConfirmed)
		l.oneOf(s, "exemptions", i, "setting", e.Setting, "EMERGENCY", "PREOPERATIVE", "FORENSIC")
		exemptions.add(e.Setting, e.Span, i, "exemption "+e.Setting)
	}
	l.timelines(s, "community", community)
	l.timelines(s, "tiers", tiers)
	l.timelines(s, "exemptions", exemptions)
}

// nationalReasons are the six situations of the national rule; the last is a catch-all and must be explained.
var nationalReasons = []string{"S1", "S2", "S3", "S4", "S5", "S6"}

func (l *linter) reasons(s source) {
	spans := series{}
	var have []string
	for i, r := range s.Reasons {
		l.span(s, "reasons", i, r.Span)
		l.cited(s, "reasons", i, r.Citation, !r.ToBeConfirmed)
		l.texts(s, "reasons", i, "reason "+r.Code, r.Text)
		if !record.ValidID(r.Code) || len(r.Code) > 32 {
			l.at(s, "reasons", i, "reason code %q: want an identifier of at most 32", r.Code)
		}
		if (r.Code == "S6" || r.Code == "OTHER") && !r.ExplanationRequired {
			l.at(s, "reasons", i, "reason %s: want explanation_required: true", r.Code)
		}
		have = append(have, r.Code)
		spans.add(r.Code, r.Span, i, "reason "+r.Code)
	}
	l.timelines(s, "reasons", spans)
	if slices.Contains(s.AppliesTo, national) {
		l.all(s, "reasons", nationalReasons, have)
	}
}

func (l *linter) conditions(s source) {
	var have []string
	for i, c := range s.Conditions {
		l.oneOf(s, "conditions", i, "condition", c.Code, conditionCodes[:]...)
		if slices.Contains(have, c.Code) {
			l.at(s, "conditions", i, "condition %s is there twice", c.Code)
		}
		l.texts(s, "conditions", i, "condition "+c.Code, c.Text)
		l.texts(s, "conditions", i, "remedy of "+c.Code, c.Remedy)
		l.cited(s, "conditions", i, c.Citation, false)
		have = append(have, c.Code)
	}
	switch {
	case slices.Contains(s.AppliesTo, national):
		l.all(s, "conditions", conditionCodes[:], have)
	case len(have) > 0:
		l.at(s, "conditions", -1, "conditions: only in the national pack")
	}
}

func (l *linter) all(s source, section string, want, have []string) {
	for _, w := range want {
		if !slices.Contains(have, w) {
			l.at(s, section, -1, "%s: %s is missing", section, w)
		}
	}
}

func (l *linter) marks(s source) {
	l.markSpans.entries = nil
	for i, m := range s.Marks {
		l.span(s, "marks", i, m.Span)
		l.scope(s, "marks", i, m.Scope)
		if text := l.coverage(m); text != "" {
			l.at(s, "marks", i, "mark of %q: %s", m.Institution, text)
		}
		by, subject := m.mark(s.ID).subject()
		l.markSpans.add(fmt.Sprintf("%s %c:%s %s", m.Institution, by, subject, m.Scope), m.Span, i, fmt.Sprintf("mark of %s", m.Institution))
	}
	l.timelines(s, "marks", l.markSpans)
}

func (l *linter) coverage(m PackMark) string {
	named := 0
	for _, w := range []string{m.Item, m.Group, string(m.Kind)} {
		if w != "" {
			named++
		}
	}
	switch {
	case !record.ValidID(string(m.Institution)):
		return "want an institution"
	case strings.TrimSpace(m.Source) == "":
		return "want a source"
	case named != 1:
		return "want one of item, group and kind"
	case m.Item != "" && l.codes[strings.ToUpper(m.Item)] == nil:
		return "unknown item " + m.Item
	case m.Group != "" && !l.groups[m.Group]:
		return "unknown group " + m.Group
	case m.Kind != "" && !slices.Contains(kinds, m.Kind):
		return "unknown kind " + string(m.Kind)
	}
	return ""
}
