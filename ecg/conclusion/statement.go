// Statements and how they are read from the data.

package conclusion

import (
	"bytes"
	_ "embed" // the data
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/lianzhen/lianzhen/ecg/finding"
)

// Kind of a statement.
type Kind string

// The kinds.
const (
	Primary   Kind = "primary"    // stands alone
	Secondary Kind = "secondary"  // a clinical condition that the primary ones suggest
	Modifier  Kind = "modifier"   // of a primary one
	Compared  Kind = "comparison" // with the previous electrocardiogram
)

// Statement is one coded conclusion.
type Statement struct {
	Code       string   `yaml:"code"`   // "50" of AHA-2007, "LZ-STE" of ours
	System     string   `yaml:"system"` // AHA-2007 or LZ
	Kind       Kind     `yaml:"kind"`
	Group      string   `yaml:"group"` // A to N, S, T, X, Y
	ZH         string   `yaml:"zh"`
	EN         string   `yaml:"en"`
	SNOMED     string   `yaml:"snomed"`    // SNOMED CT concept id, empty if none is known
	Minnesota  string   `yaml:"minnesota"` // class of the Minnesota code, empty if none is certain
	Short      string   `yaml:"short"`     // to type: initials of the pinyin, unique
	Key        string   `yaml:"key"`       // a digit, for the commonest
	Also       []string `yaml:"also"`      // other names and abbreviations
	Category   string   `yaml:"-"`         // the group's name in Chinese
	CategoryEN string   `yaml:"-"`

	Findings []finding.Code `yaml:"-"` // from which it can be drafted
	initials []string       // the possible initials of each character of ZH
	aliases  []alias
}

// alias is one of Also.
type alias struct {
	text     string
	initials []string
}

// Text is the statement in a language: "en" or anything else for Chinese.
func (s Statement) Text(lang string) string { return pick(lang, s.ZH, s.EN) }

func pick(lang, zh, en string) string {
	if english(lang) {
		return en
	}
	return zh
}

func english(lang string) bool { return len(lang) >= 2 && (lang[:2] == "en" || lang[:2] == "EN") }

var (
	//go:embed statements.yaml
	statementsYAML []byte
	//go:embed drafts.yaml
	draftsYAML []byte
	//go:embed serial.yaml
	serialYAML []byte
)

type group struct {
	ID, ZH, EN string
}

// book is all the data.
type book struct {
	statements []Statement
	byCode     map[string]*Statement
	drafts     []draftRule
	templates  []Template
	serial     serialRules
}

var words = sync.OnceValue(func() *book {
	b, err := read(statementsYAML, draftsYAML, serialYAML)
	if err != nil {
		panic(err) // it is compiled in and tested
	}
	return b
})

func decode(data []byte, to any) error {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	return dec.Decode(to)
}

func read(statements, drafts, serial []byte) (*book, error) {
	var s struct {
		Groups     []group
		Statements []Statement
	}
	var d struct {
		Drafts    []draftRule
		Templates []Template
	}
	b := &book{byCode: map[string]*Statement{}}
	if err := errors.Join(decode(statements, &s), decode(drafts, &d), decode(serial, &b.serial)); err != nil {
		return nil, err
	}
	b.statements, b.drafts, b.templates = s.Statements, d.Drafts, d.Templates
	return b, errors.Join(b.index(s.Groups), b.link())
}

// index fills what follows from the words, and checks that codes, short codes and keys are unique.
func (b *book) index(groups []group) error {
	var errs []error
	short, keys := map[string]string{}, map[string]string{}
	for i := range b.statements {
		s := &b.statements[i]
		g := slices.IndexFunc(groups, func(g group) bool { return g.ID == s.Group })
		if g < 0 || s.ZH == "" || s.EN == "" || b.byCode[s.Code] != nil {
			errs = append(errs, fmt.Errorf("statement %s: without group or words, or there twice", s.Code))
			continue
		}
		s.Category, s.CategoryEN = groups[g].ZH, groups[g].EN
		s.initials = initials(s.ZH)
		for _, a := range s.Also {
			s.aliases = append(s.aliases, alias{strings.ToLower(a), initials(a)})
		}
		if s.Short == "" {
			s.Short = usual(s.initials)
		}
		if other := short[s.Short]; other != "" {
			errs = append(errs, fmt.Errorf("statements %s and %s: both are typed %q", other, s.Code, s.Short))
		}
		if other := keys[s.Key]; s.Key != "" && other != "" {
			errs = append(errs, fmt.Errorf("statements %s and %s: both have key %s", other, s.Code, s.Key))
		}
		short[s.Short], keys[s.Key], b.byCode[s.Code] = s.Code, s.Code, s
	}
	return errors.Join(errs...)
}

// link checks that drafts and templates name statements that there are, and notes from which findings a statement is drafted.
func (b *book) link() error {
	var errs []error
	known := func(codes ...string) {
		for _, c := range codes {
			if b.byCode[c] == nil {
				errs = append(errs, fmt.Errorf("no statement %q", c))
			}
		}
	}
	for _, d := range b.drafts {
		known(d.Code)
		known(d.Modifiers...)
		if s := b.byCode[d.Code]; s != nil && !slices.Contains(s.Findings, d.Finding) {
			s.Findings = append(s.Findings, d.Finding)
		}
		if d.Urgency < 1 || d.Urgency > technical {
			errs = append(errs, fmt.Errorf("draft of %s: urgency %d", d.Finding, d.Urgency))
		}
	}
	for _, t := range b.templates {
		known(t.Codes...)
	}
	return errors.Join(errs...)
}

// All are the statements in order of the list. The slice is the caller's.
func All() []Statement { return slices.Clone(words().statements) }

// Find is the statement of a code.
func Find(code string) (Statement, bool) {
	if s := words().byCode[code]; s != nil {
		return *s, true
	}
	return Statement{}, false
}
