// Reading a profile: strictly, with the line of what is wrong.

package analyser

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/lianzhen/lianzhen/codec/astm"
	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/record"
)

// MaxProfile is the most that a profile may be, in bytes.
const MaxProfile = 256 << 10

var profileID = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{1,63}$`)

// Parse reads a profile. What it leaves out is as in the profile of the program that based_on names, else as in LIS2-A2; an empty text
// is LIS2-A2 itself. Errors are of kind Invalid and name the line.
func Parse(text []byte) (*Profile, error) {
	if len(text) > MaxProfile {
		return nil, record.Errorf(record.Invalid, "profile: more than %d bytes", MaxProfile)
	}
	if len(bytes.TrimSpace(text)) == 0 {
		text = []byte("based_on: " + Generic)
	}
	var p Profile
	if err := overlay(&p, text); err != nil {
		return nil, err
	}
	if base := p.BasedOn; base != "" {
		p = Profile{}
		below, err := builtinText(base)
		if err != nil {
			return nil, record.Errorf(record.Invalid, "profile: based_on: the program has no profile of this name")
		}
		if err := errors.Join(overlay(&p, below), overlay(&p, text)); err != nil {
			return nil, err
		}
	}
	if err := p.check(); err != nil {
		return nil, record.Errorf(record.Invalid, "profile %s: %v", record.Clip(p.ID, 64), err)
	}
	p.fill()
	return &p, nil
}

// overlay reads a text over what is there.
func overlay(p *Profile, text []byte) error {
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(p); err != nil {
		return record.Errorf(record.Invalid, "profile: %v", err)
	}
	if err := d.Decode(new(any)); !errors.Is(err, io.EOF) {
		return record.Errorf(record.Invalid, "profile: want one YAML document")
	}
	return nil
}

// Load reads every *.yaml of a folder. Two profiles of one name are an error.
func Load(files fs.FS) (map[string]*Profile, error) {
	names, err := fs.Glob(files, "*.yaml")
	if err != nil {
		return nil, fmt.Errorf("profiles: %w", err)
	}
	all := map[string]*Profile{}
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, fmt.Errorf("profiles: %w", err)
		}
		p, err := Parse(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path.Base(name), err)
		}
		if all[p.ID] != nil {
			return nil, record.Errorf(record.Conflict, "%s: profile %s is there twice", path.Base(name), p.ID)
		}
		all[p.ID] = p
	}
	return all, nil
}

func oneOf(what, s string, all ...string) error {
	if s == "" || slices.Contains(all, s) {
		return nil
	}
	return fmt.Errorf("%s: want %s", what, strings.Join(all, ", "))
}

func (p *Profile) check() error {
	if !profileID.MatchString(p.ID) {
		return errors.New("profile: want an id of small letters, digits and -")
	}
	if p.Protocol == "HL7" && p.Speaks == "" {
		return errors.New("speaks: an HL7 model names its profile of the HL7 door")
	}
	if !p.Charset.Valid() || !p.Reply.Charset.Valid() {
		return errors.New("charset: want UTF-8, GB18030 or ISO-8859-1")
	}
	if p.Zone != "" {
		zone, err := time.LoadLocation(p.Zone)
		if err != nil {
			return errors.New("zone: not known")
		}
		p.zone = zone
	}
	for letter, means := range p.Status {
		if _, ok := observation.StatusOf(means); !ok {
			return fmt.Errorf("status: %s: want a letter of HL7 table 0085", letter)
		}
	}
	if n := len(p.Reply.Delimiters); n != 0 && n != 4 {
		return errors.New("answer: delimiters: want four characters")
	}
	if len(p.Result.CodeUntil) > 1 {
		return errors.New("result: code_until: want one character")
	}
	return errors.Join(
		oneOf("protocol", p.Protocol, "ASTM", "HL7"),
		oneOf("line: checksum", p.Line.Checksum, "verified", "ignored", "absent"),
		oneOf("line: numbers", p.Line.Numbers, "counted", "any"),
		oneOf("result: keep", p.Result.Keep, "all", "first", "last"),
		p.Reply.check(),
	)
}

// standard are the places of LIS2-A2, for what a profile does not say.
var standard = func() (s Profile) {
	for _, x := range []struct {
		to   *Path
		path string
	}{
		{&s.Patient.ID, "P-3 | P-4 | P-5"},
		{&s.Patient.Name, "P-6"},
		{&s.Patient.Birth, "P-8"},
		{&s.Patient.Sex, "P-9"},
		{&s.Patient.Ward, "P-26"},
		{&s.Order.Barcode, "O-3.1"},
		{&s.Order.Specimen, "O-16.1"},
		{&s.Order.Priority, "O-6.1"},
		{&s.Order.Collected, "O-8.1"},
		{&s.Order.Received, "O-15.1"},
		{&s.Order.Reported, "O-23.1"},
		{&s.Order.Orderer, "O-17"},
		{&s.Result.Code, "R-3.4 | R-3.1"},
		{&s.Result.Name, "R-3.5"},
		{&s.Result.Value, "R-4"},
		{&s.Result.Unit, "R-5"},
		{&s.Result.Range, "R-6"},
		{&s.Result.Flags, "R-7"},
		{&s.Result.Nature, "R-8"},
		{&s.Result.Status, "R-9.1"},
		{&s.Result.Operator, "R-11.1"},
		{&s.Result.Started, "R-12.1"},
		{&s.Result.Analysed, "R-13.1"},
		{&s.Result.Instrument, "R-14 | H-5"},
		{&s.Query.Barcode, "Q-3.2"},
		{&s.Query.Tests, "Q-5.4"},
	} {
		*x.to, _ = ParsePath(x.path)
	}
	return s
}()

// fill takes from the standard what the profile left out.
func (p *Profile) fill() {
	p.Protocol = cmp.Or(p.Protocol, "ASTM")
	s := &standard
	for _, x := range []struct{ to, from *Path }{
		{&p.Patient.ID, &s.Patient.ID},
		{&p.Patient.Name, &s.Patient.Name},
		{&p.Patient.Birth, &s.Patient.Birth},
		{&p.Patient.Sex, &s.Patient.Sex},
		{&p.Patient.Ward, &s.Patient.Ward},
		{&p.Order.Barcode, &s.Order.Barcode},
		{&p.Order.Specimen, &s.Order.Specimen},
		{&p.Order.Priority, &s.Order.Priority},
		{&p.Order.Collected, &s.Order.Collected},
		{&p.Order.Received, &s.Order.Received},
		{&p.Order.Reported, &s.Order.Reported},
		{&p.Order.Orderer, &s.Order.Orderer},
		{&p.Result.Code, &s.Result.Code},
		{&p.Result.Name, &s.Result.Name},
		{&p.Result.Value, &s.Result.Value},
		{&p.Result.Unit, &s.Result.Unit},
		{&p.Result.Range, &s.Result.Range},
		{&p.Result.Flags, &s.Result.Flags},
		{&p.Result.Nature, &s.Result.Nature},
		{&p.Result.Status, &s.Result.Status},
		{&p.Result.Operator, &s.Result.Operator},
		{&p.Result.Started, &s.Result.Started},
		{&p.Result.Analysed, &s.Result.Analysed},
		{&p.Result.Instrument, &s.Result.Instrument},
		{&p.Query.Barcode, &s.Query.Barcode},
		{&p.Query.Tests, &s.Query.Tests},
	} {
		if x.to.text == "" {
			*x.to = *x.from
		}
	}
	p.Query.Cancels = cmp.Or(p.Query.Cancels, "A")
	p.Reply.fill()
	p.Reply.Charset = cmp.Or(p.Reply.Charset, p.Charset, astm.UTF8)
}
