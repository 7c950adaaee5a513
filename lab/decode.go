// Decode: from the bytes of a message to the one model, by the profile of its link.

package lab

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"sync"

	"github.com/lianzhen/lianzhen/codec/hl7"
	"github.com/lianzhen/lianzhen/lab/analyser"
	"github.com/lianzhen/lianzhen/lab/table"
	"github.com/lianzhen/lianzhen/lab/v2"
	"github.com/lianzhen/lianzhen/record"
)

// placed is a fault with its place in the message.
type placed struct {
	place string
	err   error
}

func (p *placed) Error() string { return p.err.Error() }
func (p *placed) Unwrap() error { return p.err }
func (p *placed) Place() string { return p.place }

func (c *Centre) decode(src Source) (*message, error) {
	m, err := c.decodeAs(src)
	if err == nil {
		growTree(m.reports)
	}
	return m, err
}

func (c *Centre) decodeAs(src Source) (*message, error) {
	switch src.Format {
	case HL7:
		return c.decodeHL7(src)
	case ASTM:
		return c.decodeASTM(src)
	case Table:
		return c.decodeTable(src)
	case JSON:
		return c.decodeJSON(src)
	}
	return nil, record.Errorf(record.Invalid, "format: want %s, %s, %s or %s", HL7, ASTM, Table, JSON)
}

// profiles remembers profiles that were parsed, by their text.
type profiles[P any] struct {
	mu    sync.Mutex
	known map[string]P
	size  int // of the texts
}

const (
	maxProfiles    = 1000
	maxProfileText = 8 << 20 // bytes of their texts together
)

func (p *profiles[P]) of(text string, parse func([]byte) (P, error)) (P, error) {
	p.mu.Lock()
	known, ok := p.known[text]
	p.mu.Unlock()
	if ok {
		return known, nil
	}
	fresh, err := parse([]byte(text)) // without the lock: who sends a long one of their own holds nobody up
	if err != nil {
		return fresh, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known == nil || len(p.known) >= maxProfiles || p.size+len(text) > maxProfileText {
		p.known, p.size = map[string]P{}, 0
	}
	p.known[text] = fresh
	p.size += len(text)
	return fresh, nil
}

func (c *Centre) decodeHL7(src Source) (*message, error) {
	profile, err := c.hl7.of(src.Link.Profile, v2.ParseProfile)
	if err != nil {
		return nil, err
	}
	m, err := hl7.Parse(src.Body, profile.Options())
	if err != nil {
		return nil, placeOf(err)
	}
	d, err := v2.Decode(m, profile)
	if err != nil {
		return nil, placeOf(err)
	}
	if d.Query != nil {
		return nil, record.Errorf(record.Invalid, "a query is answered, not kept")
	}
	if d.Test {
		return nil, &placed{"MSH-11", record.Wrap(record.Invalid, &hl7.FormatError{Offset: -1, Place: "MSH-11", Code: hl7.UnsupportedProcess, Reason: "a message of training or debugging is not taken"}, "MSH-11: a message of training or debugging is not taken")}
	}
	out := &message{kind: d.Type, sentAt: d.SentAt, reports: d.Reports, orders: d.Orders, warnings: d.Warnings}
	out.control, out.hash = v2.Identity(m)
	for _, p := range d.Patients {
		out.patients = append(out.patients, patientNews{patient: p.Patient})
	}
	for _, x := range d.Merges {
		out.patients = append(out.patients, patientNews{patient: x.Survivor, merged: x.Abandoned})
	}
	return out, nil
}

func placeOf(err error) error {
	var format *hl7.FormatError
	if errors.As(err, &format) {
		if record.KindOf(err) == record.Internal {
			err = record.Wrap(record.Invalid, err, format.Place+": "+format.Reason)
		}
		return &placed{format.Place, err}
	}
	return err
}

func (c *Centre) decodeASTM(src Source) (*message, error) {
	profile, err := c.astm.of(src.Link.Profile, analyser.Parse)
	if err != nil {
		return nil, err
	}
	reports, _, warnings, err := analyser.Read(src.Body, profile)
	if err != nil {
		return nil, err
	}
	digest := digestBytes(src.Body)
	return &message{kind: "ASTM", control: digest, hash: digest, reports: reports, warnings: warnings}, nil
}

func (c *Centre) decodeTable(src Source) (*message, error) {
	profile, err := c.tables.of(src.Link.Profile, table.ParseProfile)
	if err != nil {
		return nil, err
	}
	reports, warnings, err := table.Read(bytes.NewReader(src.Body), int64(len(src.Body)), profile)
	if err != nil {
		return nil, err
	}
	digest := digestBytes(src.Body)
	return &message{kind: "table", control: digest, hash: digest, reports: reports, warnings: warnings}, nil
}

// linkOf is a link by its id with the profile that it has now; a link that is not registered has the defaults.
func (c *Centre) linkOf(ctx context.Context, id string) (Link, error) {
	if c.opt.Link == nil {
		return Link{ID: id}, nil
	}
	l, err := c.opt.Link(ctx, id)
	if record.KindOf(err) == record.NotFound {
		return Link{ID: id}, nil
	}
	return l, err
}

// CheckProfile says what is wrong with the profile of a link of a protocol.
func CheckProfile(f Format, text string) error {
	var err error
	switch f {
	case HL7:
		_, err = v2.ParseProfile([]byte(text))
	case ASTM:
		_, err = analyser.Parse([]byte(text))
	default:
		_, err = table.ParseProfile([]byte(text))
	}
	return err
}

// rowPlace names a row of a message in an error.
func rowPlace(report, row int) string {
	return "reports[" + strconv.Itoa(report) + "].results[" + strconv.Itoa(row) + "]"
}
