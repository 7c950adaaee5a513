// Profile: what differs between links, as data. A profile is kept in all its versions; its hash names the one that read a message.

package v2

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // zones by name on machines without a zone database

	"go.yaml.in/yaml/v3"

	"github.com/lianzhen/lianzhen/codec/hl7"
	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/record"
)

// Profile is how the messages of one link are read and written. The zero Profile after ParseProfile(nil) is what the standard says, with the
// zone of China.
type Profile struct {
	Hash string `yaml:"-"` // SHA-256 of the text, hexadecimal

	Charset string `yaml:"charset"` // overrules MSH-18: GB18030, UTF-8, 8859/1 ...
	Lenient bool   `yaml:"lenient"` // bytes that are not of the character set do not refuse the message
	Zone    string `yaml:"zone"`    // of times without one; default Asia/Shanghai
	Final   bool   `yaml:"final"`   // the sender verifies before it sends

	Ours   Party `yaml:"ours"`   // MSH-3, MSH-4 of what we send
	Theirs Party `yaml:"theirs"` // MSH-5, MSH-6 of what we send

	Version string `yaml:"version"` // of what we send; default 2.5.1
	Order   string `yaml:"order"`   // how orders are sent: OML^O21 (default) or ORM^O01
	Local   string `yaml:"local"`   // name of the code system of codes that name none; default L

	Systems map[string]string `yaml:"systems"` // names of code systems as sent -> as kept (LOINC: LN)
	Sexes   map[string]string `yaml:"sexes"`   // PID-8 as sent -> M F O

	Patient Patient  `yaml:"patient"`
	Fields  Fields   `yaml:"fields"`
	Status  Statuses `yaml:"status"`
	Numbers string   `yaml:"numbers"` // numbers in ST with a unit or range: "read" (default) or "keep" as text
	Lines   string   `yaml:"lines"`   // following TX rows of one code: "join" (default) or "keep" apart
	Control []Rule   `yaml:"control"` // which reports are of control materials, beside SPM-11 and OBR-11 = Q
	Skip    []Rule   `yaml:"skip"`    // rows that are no results: histograms, take modes, reminders

	zone    *time.Location
	charset hl7.Charset
}

// Party is an application at a facility.
type Party struct {
	Application string `yaml:"application"`
	Facility    string `yaml:"facility"`
}

// Patient says where the numbers of a person are.
type Patient struct {
	Number      []string `yaml:"number"`      // types of PID-3.5 that are the sender's own number, the best first
	Identity    []string `yaml:"identity"`    // types of PID-3.5 that are the national identity number
	Authorities []string `yaml:"authorities"` // assigning authorities of the national identity number, names or OIDs
}

// Fields says which fields hold what, the first that says something counts.
type Fields struct {
	Barcode  []Path `yaml:"barcode"`
	Placer   []Path `yaml:"placer"`
	Filler   []Path `yaml:"filler"`
	Specimen []Path `yaml:"specimen_type"` // where it is neither SPM-4 nor OBR-15.1
	Visit    []Path `yaml:"visit"`
	Ward     []Path `yaml:"ward"`
	Lot      []Path `yaml:"lot"`
	Level    []Path `yaml:"level"`
	Device   []Path `yaml:"device"` // of a row that names none
	Query    []Path `yaml:"query"`  // barcode of a host query
}

// Statuses says what is meant where a sender says nothing.
type Statuses struct {
	Missing string            `yaml:"missing"` // OBX-11 that is empty; default F
	Letters map[string]string `yaml:"letters"` // OBX-11 as sent -> letter of table 0085
}

// Rule tells a report or a row by one field.
type Rule struct {
	Field  Path     `yaml:"field"`
	Equals []string `yaml:"equals"`
	Prefix string   `yaml:"prefix"`
	Match  string   `yaml:"match"` // regular expression of the whole value

	re *regexp.Regexp
}

// Path names a leaf: SEG-field[.component[.subcomponent]].
type Path struct {
	Segment                string
	Field, Component, Part int
}

var pathForm = regexp.MustCompile(`^([A-Z][A-Z0-9]{2})-([1-9][0-9]?)(?:\.([1-9][0-9]?)(?:\.([1-9][0-9]?))?)?$`)

// ParsePath reads "SPM-2.1".
func ParsePath(s string) (Path, error) {
	x := pathForm.FindStringSubmatch(s)
	if x == nil {
		return Path{}, errors.New("want a path such as SPM-2.1")
	}
	n := func(i int) int {
		v, _ := strconv.Atoi(x[i])
		return v
	}
	return Path{x[1], n(2), n(3), n(4)}, nil
}

// UnmarshalYAML reads a path from its text.
func (p *Path) UnmarshalYAML(n *yaml.Node) error {
	var s string
	if err := n.Decode(&s); err != nil {
		return err
	}
	parsed, err := ParsePath(s)
	if err != nil {
		return fmt.Errorf("line %d: %w", n.Line, err)
	}
	*p = parsed
	return nil
}

// String writes the path as it is read.
func (p Path) String() string {
	s := p.Segment + "-" + strconv.Itoa(p.Field)
	for _, n := range []int{p.Component, p.Part} {
		if n > 0 {
			s += "." + strconv.Itoa(n)
		}
	}
	return s
}

// of reads the leaf in a segment.
func (p Path) of(s hl7.Segment) string {
	switch {
	case s.Name() != p.Segment:
		return ""
	case p.Component == 0:
		return strings.TrimSpace(s.Get(p.Field))
	case p.Part == 0:
		return strings.TrimSpace(s.Get(p.Field, p.Component))
	}
	return strings.TrimSpace(s.Get(p.Field, p.Component, p.Part))
}

func paths(list ...string) []Path {
	out := make([]Path, len(list))
	for i, s := range list {
		out[i], _ = ParsePath(s)
	}
	return out
}

func defaults() Profile {
	return Profile{
		Zone: "Asia/Shanghai", Version: "2.5.1", Order: "OML^O21", Local: "L", Numbers: "read", Lines: "join", Status: Statuses{Missing: "F"},
		Patient: Patient{
			Number:      []string{"PI", "MR", "PT", "PN", "AN", "VN", ""},
			Identity:    []string{"NNCHN", "NI", "NN", "IDN", "SS", "身份证"},
			Authorities: []string{"2.16.156.10011.1.3", "NNCHN", "身份证"},
		},
		Fields: Fields{
			Barcode: paths("SPM-2.1", "SAC-3", "SPM-2.2"), Placer: paths("OBR-2", "ORC-2"), Filler: paths("OBR-3", "ORC-3"),
			Visit: paths("PV1-19"), Ward: paths("PV1-3"), Lot: paths("INV-16", "SPM-30"), Query: paths("QPD-3", "QRD-8"),
		},
	}
}

const maxProfile = 256 << 10 // bytes

// ParseProfile reads a profile. Nothing is the profile of the standard. A name that is not known, and a value that cannot be, is Invalid.
func ParseProfile(text []byte) (Profile, error) {
	if len(text) > maxProfile {
		return Profile{}, record.Errorf(record.Invalid, "profile: want at most %d bytes", maxProfile)
	}
	p := defaults()
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&p); err != nil && !errors.Is(err, io.EOF) {
		return Profile{}, record.Wrap(record.Invalid, err, "profile: "+strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if err := d.Decode(new(any)); !errors.Is(err, io.EOF) {
		return Profile{}, record.Errorf(record.Invalid, "profile: want one document")
	}
	sum := sha256.Sum256(text)
	p.Hash = hex.EncodeToString(sum[:])
	return p, p.check()
}

func (p *Profile) check() error {
	var known bool
	if p.Charset != "" {
		if p.charset, known = hl7.CharsetOf(p.Charset); !known {
			return record.Errorf(record.Invalid, "profile: charset: not one that can be read")
		}
	}
	zone, err := time.LoadLocation(p.Zone)
	if err != nil {
		return record.Errorf(record.Invalid, "profile: zone: want a name such as Asia/Shanghai")
	}
	p.zone = zone
	for _, c := range []struct {
		name, value string
		want        []string
	}{
		{"order", p.Order, []string{"OML^O21", "ORM^O01"}},
		{"numbers", p.Numbers, []string{"read", "keep"}},
		{"lines", p.Lines, []string{"join", "keep"}},
		{"version", p.Version, []string{"2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.7.1", "2.8", "2.8.1", "2.8.2"}},
	} {
		if !contains(c.want, c.value) {
			return record.Errorf(record.Invalid, "profile: %s: want one of %s", c.name, strings.Join(c.want, ", "))
		}
	}
	for _, letter := range append(values(p.Status.Letters), p.Status.Missing) {
		if _, ok := observation.StatusOf(letter); !ok {
			return record.Errorf(record.Invalid, "profile: status: want letters of table 0085")
		}
	}
	for _, sex := range values(p.Sexes) {
		if record.ParseSex(sex) == record.SexUnknown {
			return record.Errorf(record.Invalid, "profile: sexes: want M, F or O")
		}
	}
	for _, list := range [][]Rule{p.Control, p.Skip} {
		for i := range list {
			if err := list[i].check(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *Rule) check() error {
	if r.Field.Segment == "" || (len(r.Equals) == 0 && r.Prefix == "" && r.Match == "") {
		return record.Errorf(record.Invalid, "profile: a rule wants a field, and equals, prefix or match")
	}
	if r.Match != "" {
		re, err := regexp.Compile("^(?:" + r.Match + ")$")
		if err != nil {
			return record.Errorf(record.Invalid, "profile: a rule's match is no regular expression")
		}
		r.re = re
	}
	return nil
}

// holds tells whether a segment is what the rule looks for.
func (r *Rule) holds(s hl7.Segment) bool {
	if s.Name() != r.Field.Segment {
		return false
	}
	v := r.Field.of(s)
	return contains(r.Equals, v) || r.Prefix != "" && strings.HasPrefix(v, r.Prefix) || r.re != nil && r.re.MatchString(v)
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

func values(m map[string]string) []string {
	var out []string
	for _, v := range m {
		out = append(out, v)
	}
	return out
}

// Options are how hl7.Parse reads the link's messages.
func (p Profile) Options() hl7.Options { return hl7.Options{Charset: p.charset, Lenient: p.Lenient} }

// location is the zone; a Profile that was not parsed has that of China.
func (p *Profile) location() *time.Location {
	if p.zone == nil {
		return time.FixedZone("CST", 8*60*60)
	}
	return p.zone
}
