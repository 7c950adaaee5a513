// The Rulebook: packs and marks compiled for asking. It never changes; a new set of marks makes a new one.

package recognition

import (
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/record"
)

//go:embed rules/*.yaml
var embedded embed.FS

const (
	dayUS        = int64(24 * time.Hour / time.Microsecond)
	forever      = math.MaxInt64
	national     = record.Nationwide
	allItems     = "ALL" // the item part of a community default's rule id
	versionChars = 12
)

// Rulebook is a set of rules and marks, safe for any number of readers.
type Rulebook struct {
	packs     []Pack
	text      []byte // canonical, of the packs
	packsHash string
	version   string
	skewUS    int64

	byScope    map[string]uint64 // which packs apply to members of a scope
	byCode     map[string]*family
	byPart     map[partKey][]*rule
	community  []*communityRule
	tiers      []*tierRule
	exemptions [settings][]*exemptRule
	reasons    []*reasonRule
	conditions [conditionCount]Condition
	regions    map[string][]string
	packMarks  []Mark
	marks      map[markKey][]mark
}

// Default is the Rulebook of the packs in the binary.
func Default() *Rulebook {
	rb, err := Load(Embedded())
	if err != nil {
		panic(err) // a test loads them
	}
	return rb
}

// Embedded is the packs in the binary, to copy and change.
func Embedded() fs.FS {
	sub, err := fs.Sub(embedded, "rules")
	if err != nil {
		panic(err)
	}
	return sub
}

// Load reads every *.yaml of fsys. Anything wrong in any of them fails it, each with file and line.
func Load(fsys fs.FS) (*Rulebook, error) {
	sources, problems := readAll(fsys)
	if len(problems) == 0 {
		problems = check(sources)
	}
	var errs []error
	for _, p := range problems {
		if !p.Warning {
			errs = append(errs, p)
		}
	}
	if len(errs) > 0 {
		return nil, record.Wrap(record.Invalid, errors.Join(errs...), fmt.Sprintf("rule packs: %d problems", len(errs)))
	}
	packs := make([]Pack, len(sources))
	for i, s := range sources {
		packs[i] = s.Pack
	}
	return compile(packs)
}

// parse reads a canonical text again.
func parse(text []byte) (*Rulebook, error) {
	var packs []Pack
	for line := range strings.Lines(string(text)) {
		s, problems := readPack("canonical", []byte(line))
		if len(problems) > 0 {
			return nil, problems[0]
		}
		packs = append(packs, s.Pack)
	}
	return compile(packs)
}

func readAll(fsys fs.FS) ([]source, []Problem) {
	files, err := fs.Glob(fsys, "*.yaml")
	if err != nil || len(files) == 0 {
		return nil, []Problem{{File: ".", Line: 1, Text: "no rule packs: want *.yaml"}}
	}
	var out []source
	var problems []Problem
	for _, f := range files {
		data, err := fs.ReadFile(fsys, f)
		if err != nil {
			problems = append(problems, Problem{File: f, Line: 1, Text: "cannot be read"})
			continue
		}
		s, p := readPack(path.Base(f), data)
		problems = append(problems, p...)
		out = append(out, s)
	}
	return out, problems
}

// compile expects packs that check passed.
func compile(packs []Pack) (*Rulebook, error) {
	packs = slices.Clone(packs)
	slices.SortFunc(packs, func(a, b Pack) int {
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), cmp.Compare(a.ID, b.ID))
	})
	text, err := canonical(packs)
	if err != nil {
		return nil, fmt.Errorf("canonical text: %w", err)
	}
	rb := &Rulebook{
		packs: packs, text: text, packsHash: short(text), byScope: make(map[string]uint64),
		byCode: make(map[string]*family), byPart: make(map[partKey][]*rule), regions: make(map[string][]string),
	}
	for i := range packs {
		for _, r := range packs[i].Regions {
			rb.regions["region:"+r.ID] = r.Members
		}
	}
	for i := range packs {
		rb.add(&packs[i], uint64(1)<<i)
	}
	return rb.WithMarks(nil), nil
}

func short(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])[:versionChars]
}

func (d Span) in(pack uint64) span { return span{pack, d.From.at(0), d.To.at(forever)} }

func (rb *Rulebook) add(p *Pack, bit uint64) {
	for _, s := range p.AppliesTo {
		for _, covered := range rb.covers(s) {
			rb.byScope[covered] |= bit
		}
	}
	rb.skewUS = max(rb.skewUS, int64(p.ClockSkewS)*int64(time.Second/time.Microsecond))
	for i := range p.Items {
		rb.addItem(p, &p.Items[i], bit)
	}
	for _, c := range p.Community {
		rb.community = append(rb.community, newCommunityRule(p, c, bit))
	}
	for _, t := range p.Tiers {
		rb.tiers = append(rb.tiers, &tierRule{t.in(bit), tierWords[t.Same], tierWords[t.Upward], tierWords[t.Downward]})
	}
	for _, e := range p.Exemptions {
		s := settingOf(e.Setting)
		rb.exemptions[s] = append(rb.exemptions[s], &exemptRule{e.in(bit), e.Exempt})
	}
	for _, r := range p.Reasons {
		r.Citation = rb.cite(p, r.Citation)
		rb.reasons = append(rb.reasons, &reasonRule{r.in(bit), r})
	}
	for _, c := range p.Conditions {
		if i := slices.Index(conditionCodes[:], c.Code); i >= 0 && rb.conditions[i].Code == "" {
			c.Citation = rb.cite(p, c.Citation)
			rb.conditions[i] = c
		}
	}
	for _, m := range p.Marks {
		rb.packMarks = append(rb.packMarks, m.mark(p.ID))
	}
}

// tierWords: what a word of a tier rule makes of a result.
var tierWords = map[string]Mask{"recognise": 0, "advise": TierAdvised, "decline": TierNotAccepted}

func settingOf(name string) Setting { return Setting(max(0, slices.Index(settingNames[:], name))) }

// cite answers the text behind a citation id of the pack or of any other.
func (rb *Rulebook) cite(p *Pack, id string) string {
	for _, q := range append([]Pack{*p}, rb.packs...) {
		for _, c := range q.Citations {
			if c.ID == id {
				return c.Text.ZH
			}
		}
	}
	return id
}

func (rb *Rulebook) addItem(p *Pack, it *Item, bit uint64) {
	code := strings.ToUpper(it.Code)
	fam := rb.byCode[code]
	if fam == nil {
		fam = &family{upper: code}
		rb.byCode[code] = fam
	}
	r := &rule{
		span: it.in(bit), id: ruleID(it.Code, p.ID, it.From), code: it.Code, group: it.Group, kind: it.Kind,
		windowUS: int64(it.WindowDays) * dayUS, reported: it.Basis == "reported", item: it, family: fam,
	}
	fam.rules = append(fam.rules, r)
	for _, c := range it.Codes {
		rb.byCode[strings.ToUpper(c)] = fam
	}
	parts := it.BodyParts
	if len(parts) == 0 {
		parts = []string{""}
	}
	for _, m := range it.Modalities {
		for _, b := range parts {
			k := partKey{strings.ToUpper(m), strings.ToUpper(b)}
			rb.byPart[k] = append(rb.byPart[k], r)
		}
	}
}

func newCommunityRule(p *Pack, c Community, bit uint64) *communityRule {
	out := &communityRule{span: c.in(bit), certificateAdvised: c.Lab.Certificate == "advised"}
	for _, k := range kinds {
		if days := c.WindowDays[k]; days > 0 {
			out.kinds = append(out.kinds, &rule{
				span: out.span, id: ruleID(allItems, p.ID, c.From), kind: k,
				windowUS: int64(days) * dayUS, reported: c.Basis == "reported",
			})
		}
	}
	return out
}

var kinds = []record.CentreKind{record.Imaging, record.ECG, record.Pathology, record.Lab}

func ruleID(item, pack string, from Day) string { return item + ":" + pack + ":" + from.String() }

// Version names rules and marks: the first 12 hex digits of the SHA-256 of their canonical text.
func (rb *Rulebook) Version() string { return rb.version }

// Conditions gives the words of every condition in the mask.
func (rb *Rulebook) Conditions(m Mask) []Condition {
	var out []Condition
	for i := range rb.conditions {
		if m&(1<<i) != 0 {
			c := rb.conditions[i]
			c.Code = conditionCodes[i]
			out = append(out, c)
		}
	}
	return out
}

// Reasons lists what a doctor in these scopes may give for repeating an examination; the narrowest pack's words win.
func (rb *Rulebook) Reasons(scopes []string, at time.Time) []Reason {
	packs, us := rb.packsFor(scopes), at.UnixMicro()
	var out []Reason
	for _, r := range rb.reasons {
		if r.holds(packs, us) && !slices.ContainsFunc(out, func(o Reason) bool { return o.Code == r.Code }) {
			out = append(out, r.Reason)
		}
	}
	slices.SortStableFunc(out, func(a, b Reason) int { return cmp.Compare(a.Code, b.Code) })
	return out
}

// Items is the catalogue in force for these scopes, by code.
func (rb *Rulebook) Items(scopes []string, at time.Time) []Item {
	packs, us := rb.packsFor(scopes), at.UnixMicro()
	seen := make(map[*family]bool)
	var out []Item
	for _, fam := range rb.byCode {
		if r := pick(fam.rules, packs, us); r != nil && !seen[fam] {
			seen[fam] = true
			it := *r.item
			it.RuleID = r.id
			out = append(out, it)
		}
	}
	slices.SortFunc(out, func(a, b Item) int { return cmp.Compare(a.Code, b.Code) })
	return out
}

func (rb *Rulebook) packsFor(scopes []string) uint64 {
	packs := rb.byScope[national]
	for _, s := range scopes {
		packs |= rb.byScope[s]
	}
	return packs
}

// resolve finds the item in force: by code, else by modality and body part, else by modality alone where the item says
// that the part does not matter.
func (rb *Rulebook) resolve(packs uint64, at int64, code, modality, part string) *rule {
	if fam := rb.familyOf(code); fam != nil {
		if r := pick(fam.rules, packs, at); r != nil {
			return r
		}
	}
	if modality == "" {
		return nil
	}
	r := pick(rb.partsOf(modality, part), packs, at)
	if r == nil && part != "" {
		r = pick(rb.partsOf(modality, ""), packs, at)
	}
	if r == nil {
		return nil
	}
	return pick(r.family.rules, packs, at) // a narrower pack may set the window of a code and say nothing of parts
}
