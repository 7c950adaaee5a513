// Profile: what differs between senders of tables, as data.

package table

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/lianzhen/lianzhen/record"
)

// Profile is how the tables of one sender are read. The zero Profile takes what the template has and what it recognises, with the zone of China.
type Profile struct {
	Hash string `yaml:"-"` // SHA-256 of the text, hexadecimal

	Charset   string `yaml:"charset"`   // of CSV: UTF-8, GB18030, UTF-16LE, UTF-16BE; default: by what it is
	Separator string `yaml:"separator"` // of CSV: one character, or "tab"; default: by what it is
	Sheet     string `yaml:"sheet"`     // of a workbook; default: the first that has a heading
	Layout    string `yaml:"layout"`    // "long": a row a result; "wide": a column an analyte; default: by the heading
	Zone      string `yaml:"zone"`      // of times; default Asia/Shanghai
	Final     bool   `yaml:"final"`     // rows with a verifier are final; else they wait for the validation of this house
	Local     string `yaml:"local"`     // name of the code system of the codes; default L

	Columns  map[string]string  `yaml:"columns"`  // headings as they are -> fields of this package, "" or "ignore" to leave out
	Analytes map[string]Analyte `yaml:"analytes"` // headings of wide tables -> what they measure

	Specimen   string `yaml:"specimen"`   // type where the table has none
	Device     string `yaml:"device"`     // analyser where the table has none
	Laboratory string `yaml:"laboratory"` // who measured where the table has none

	zone     *time.Location
	fields   map[string]field // Columns by what heading makes of them
	analytes map[string]Analyte
}

// Analyte is what a column of a wide table measures.
type Analyte struct {
	Code  string `yaml:"code"`
	Name  string `yaml:"name"`
	Unit  string `yaml:"unit"`
	Range string `yaml:"range"`
}

const maxProfile = 256 << 10

// ParseProfile reads YAML; unknown fields are errors. No text is the default.
func ParseProfile(text []byte) (Profile, error) {
	var p Profile
	if len(text) > maxProfile || !utf8.Valid(text) {
		return p, record.Errorf(record.Invalid, "profile: want at most %d bytes of UTF-8", maxProfile)
	}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&p); err != nil && !errors.Is(err, io.EOF) {
		return p, record.Wrap(record.Invalid, err, "profile: "+err.Error())
	}
	sum := sha256.Sum256(text)
	p.Hash = hex.EncodeToString(sum[:])
	return p.settled()
}

// settled checks the words and fills in what is usual.
func (p Profile) settled() (Profile, error) {
	if p.zone == nil {
		p.zone = china
		if p.Zone != "" && p.Zone != "Asia/Shanghai" {
			z, err := time.LoadLocation(p.Zone)
			if err != nil {
				return p, record.Errorf(record.Invalid, "profile: zone: no such")
			}
			p.zone = z
		}
	}
	if p.Local == "" {
		p.Local = "L"
	}
	switch p.Layout {
	case "", "long", "wide":
	default:
		return p, record.Errorf(record.Invalid, "profile: layout: want long or wide")
	}
	if _, err := separatorOf(p.Separator); err != nil {
		return p, err
	}
	if p.Charset != "" && decoders[p.Charset] == nil {
		return p, record.Errorf(record.Invalid, "profile: charset: want UTF-8, GB18030, UTF-16LE or UTF-16BE")
	}
	for heading, f := range p.Columns {
		if f != "" && f != "ignore" && !known(field(f)) {
			return p, record.Errorf(record.Invalid, "profile: columns: %.40q is given an unknown field", heading)
		}
	}
	p.headings()
	return p, nil
}

// headings prepares the words of the profile for comparing.
func (p *Profile) headings() {
	p.fields, p.analytes = make(map[string]field, len(p.Columns)), make(map[string]Analyte, len(p.Analytes))
	for text, f := range p.Columns {
		if f == "" {
			f = string(fIgnored)
		}
		p.fields[heading(text)] = field(f)
	}
	for text, a := range p.Analytes {
		if a.Code == "" && a.Name == "" {
			a.Name = strings.TrimSpace(text)
		}
		p.analytes[heading(text)] = a
	}
}

// china is the zone of the whole country.
var china = time.FixedZone("Asia/Shanghai", 8*60*60)
