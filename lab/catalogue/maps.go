// Code maps: what a code of a sender means, said by a person, never changed but followed.

package catalogue

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// MappingID names one mapping.
type MappingID string

// OurCodes as the code and the analyte of a mapping says that a sender uses the codes of our catalogue.
const OurCodes = "*"

// Key is what a mapping is of. Empty Link, System, Unit and Specimen stand for any; Unit is as sent, Specimen a code of the catalogue.
type Key struct {
	Sender   record.InstitutionID
	Link     string
	Code     string
	System   string
	Unit     string
	Specimen string
}

// Mapping is what a code means from an instant on.
type Mapping struct {
	ID MappingID
	Key
	Number     int    // of the key, from 1
	Analyte    string // empty: the mapping ended
	From       time.Time
	RecordedAt time.Time
	Reviewer   string
	ReviewedBy string
	Reason     string
}

// mapKey finds mappings in memory.
type mapKey struct {
	sender             record.InstitutionID
	link, code, system string
}

// weight orders keys that fit: link says more than specimen, specimen more than unit, unit more than system.
func (k Key) weight() int {
	w := 0
	for _, said := range []bool{k.Link != "", k.Specimen != "", k.Unit != "", k.System != ""} {
		w <<= 1
		if said {
			w++
		}
	}
	return w
}

const mapColumns = `id, sender_id, link, code, system, unit, specimen, number, analyte, from_at, recorded_at, reviewer, reviewed_by, reason`

func readMapping(scan func(...any) error) (m Mapping, err error) {
	var from, at int64
	err = scan(&m.ID, &m.Sender, &m.Link, &m.Code, &m.System, &m.Unit, &m.Specimen, &m.Number, &m.Analyte, &from, &at, &m.Reviewer, &m.ReviewedBy, &m.Reason)
	m.From, m.RecordedAt = record.FromMicros(from), record.FromMicros(at)
	return m, err
}

func (d *Desk) loadMaps(ctx context.Context, q store.Querier, s *Snapshot) error {
	all, err := store.Collect(ctx, q, `SELECT `+mapColumns+` FROM lab_code_maps ORDER BY from_at DESC, number DESC`, nil, readMapping)
	if err != nil {
		return fmt.Errorf("code maps: %w", err)
	}
	for _, m := range all {
		k := mapKey{m.Sender, m.Link, m.Code, m.System}
		s.maps[k] = append(s.maps[k], m)
	}
	return nil
}

// mappedWithout are the analytes that codes of a centre's senders mean and a catalogue does not have.
func (s *Snapshot) mappedWithout(centre record.CentreID, p *Pack) []string {
	var out []string
	for k, all := range s.maps {
		if s.centres(k.sender) != centre {
			continue
		}
		for _, m := range all {
			if _, ok := p.Analyte(m.Analyte); !ok && m.Analyte != "" && m.Analyte != OurCodes && s.newest(m) {
				out = append(out, m.Analyte)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// newest reports whether a mapping is the last of its key and instant.
func (s *Snapshot) newest(m Mapping) bool {
	for _, x := range s.maps[mapKey{m.Sender, m.Link, m.Code, m.System}] { // newest instant, then highest number, first
		if x.Key == m.Key && x.From.Equal(m.From) {
			return x.ID == m.ID
		}
	}
	return false
}

// MapRequest asks to give a code a meaning. Base is the number of the mapping that the caller saw, 0 for none: a newer one is a Conflict.
type MapRequest struct {
	Key
	Analyte string // empty: the code is unmapped again
	From    time.Time
	Base    int
	Reason  string
}

const maxReason = 500

func (r *MapRequest) clean() error {
	r.Code, r.Unit, r.System, r.Link = strings.TrimSpace(r.Code), strings.TrimSpace(r.Unit), strings.TrimSpace(r.System), strings.TrimSpace(r.Link)
	for _, x := range []string{r.Code, r.Unit, r.System, r.Link, r.Specimen, r.Analyte} {
		if !utf8.ValidString(x) || utf8.RuneCountInString(x) > maxWord || strings.ContainsFunc(x, unicode.IsControl) {
			return record.Errorf(record.Invalid, "a code, unit or system is too long or not text")
		}
	}
	switch {
	case r.Code == "":
		return record.Errorf(record.Invalid, "code: which code of the sender is it")
	case (r.Code == OurCodes) != (r.Analyte == OurCodes) && r.Analyte != "":
		return record.Errorf(record.Invalid, "analyte: %s stands for all our codes, with code %s", OurCodes, OurCodes)
	case utf8.RuneCountInString(r.Reason) > maxReason || r.Base > 0 && r.Reason == "":
		return record.Errorf(record.Invalid, "reason: say in at most %d characters why a mapping changes", maxReason)
	}
	return nil
}

// Map gives a code of a sender a meaning, another one, or none. The centre reads the rows that it holds again in the same transaction.
func (d *Desk) Map(ctx context.Context, s record.Scope, r MapRequest) (Mapping, error) {
	if err := r.clean(); err != nil {
		return Mapping{}, err
	}
	if !s.Reaches(r.Sender) {
		return Mapping{}, record.Errorf(record.NotFound, "no institution %s", r.Sender)
	}
	var m Mapping
	err := d.db.Tx(ctx, func(tx *store.Tx) error {
		tx.As(s)
		if err := tx.Lock(ctx, "lab-map:"+string(r.Sender)); err != nil {
			return err
		}
		var err error
		m, err = d.mapIn(ctx, tx, s, r)
		return err
	})
	return m, err
}

func (d *Desk) mapIn(ctx context.Context, tx *store.Tx, s record.Scope, r MapRequest) (Mapping, error) {
	snap, err := d.Snapshot(ctx, tx)
	if err != nil {
		return Mapping{}, err
	}
	if err := snap.sensible(r); err != nil {
		return Mapping{}, err
	}
	var last int
	k := r.Key
	err = tx.QueryRow(ctx, `SELECT COALESCE(MAX(number), 0) FROM lab_code_maps WHERE sender_id = $1 AND link = $2 AND code = $3 AND system = $4 AND unit = $5
		AND specimen = $6`, string(k.Sender), k.Link, k.Code, k.System, k.Unit, k.Specimen).Scan(&last)
	if err != nil {
		return Mapping{}, fmt.Errorf("code map: %w", err)
	}
	if last != r.Base {
		return Mapping{}, record.Errorf(record.Conflict, "the code was mapped by somebody else: number %d counts now", last)
	}
	if last == 0 && r.Analyte == "" {
		return Mapping{}, record.Errorf(record.Invalid, "analyte: the code is not mapped")
	}
	m := Mapping{
		ID: MappingID(record.NewID(tx.Now())), Key: k, Number: last + 1, Analyte: r.Analyte, From: r.From.UTC().Truncate(time.Microsecond), RecordedAt: tx.Now(),
		Reviewer: s.Actor.ID, ReviewedBy: s.Actor.Display, Reason: r.Reason,
	}
	if r.From.IsZero() {
		m.From = time.Time{}
	}
	return m, d.putMapping(ctx, tx, s, m)
}

// sensible checks a mapping against the catalogue.
func (s *Snapshot) sensible(r MapRequest) error {
	p := s.Pack(s.Centre(r.Sender), time.Time{})
	if r.Specimen != "" && p.Specimen(r.Specimen) != r.Specimen {
		return record.Errorf(record.Invalid, "specimen: the catalogue has no %s", r.Specimen)
	}
	if r.Analyte == "" || r.Analyte == OurCodes {
		return nil
	}
	a, ok := p.Analyte(r.Analyte)
	if !ok {
		return record.Errorf(record.Invalid, "analyte: the catalogue has no %s", r.Analyte)
	}
	if r.Unit != "" && a.Kind == Quantity && p.unitClashes(&a, r.Unit) {
		return record.Errorf(record.Invalid, "unit: %s does not convert into %s of %s", r.Unit, a.Unit, a.Code)
	}
	if r.Specimen != "" && !slices.Contains(a.Specimens, r.Specimen) {
		return record.Errorf(record.Invalid, "specimen: %s is not measured in %s", a.Code, r.Specimen)
	}
	return nil
}

func (d *Desk) putMapping(ctx context.Context, tx *store.Tx, s record.Scope, m Mapping) error {
	_, err := tx.Exec(ctx, `INSERT INTO lab_code_maps (`+mapColumns+`) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14)`, string(m.ID), string(m.Sender),
		m.Link, m.Code, m.System, m.Unit, m.Specimen, m.Number, m.Analyte, record.Micros(m.From), record.Micros(m.RecordedAt), m.Reviewer, m.ReviewedBy, m.Reason)
	if err != nil {
		return fmt.Errorf("keep code map: %w", err)
	}
	if err := changed(ctx, tx); err != nil {
		return err
	}
	if err := d.settle(ctx, tx, m); err != nil {
		return err
	}
	tx.Emit(record.Event{
		Act: "lab.code.mapped", Institution: m.Sender, Kind: "code", Object: string(m.ID), Outcome: record.Success,
		Detail: map[string]string{"analyte": m.Analyte, "number": strconv.Itoa(m.Number), "link": m.Link},
	}.By(s))
	if d.OnMapped == nil {
		return nil
	}
	return d.OnMapped(ctx, tx, m)
}

// MapFilter says which mappings to list.
type MapFilter struct {
	Sender  record.InstitutionID
	Link    string
	Code    string
	Analyte string
	All     bool // those that were followed by others, too
	After   MappingID
	Limit   int
}

// Maps lists mappings within the scope, by id.
func (d *Desk) Maps(ctx context.Context, s record.Scope, f MapFilter) ([]Mapping, error) {
	args := []any{string(f.After)}
	where := d.db.ScopeSQL(s, "m.sender_id", "", &args)
	for _, x := range []struct{ column, value string }{
		{"sender_id", string(f.Sender)}, {"link", f.Link}, {"code", f.Code}, {"analyte", f.Analyte},
	} {
		if x.value != "" {
			args = append(args, x.value)
			where += fmt.Sprintf(" AND m.%s = $%d", x.column, len(args))
		}
	}
	if !f.All {
		where += ` AND NOT EXISTS (SELECT 1 FROM lab_code_maps n WHERE n.sender_id = m.sender_id AND n.link = m.link AND n.code = m.code AND n.system = m.system
			AND n.unit = m.unit AND n.specimen = m.specimen AND n.from_at = m.from_at AND n.number > m.number)`
	}
	args = append(args, cmp.Or(f.Limit, 100))
	return store.Collect(ctx, d.db, `SELECT `+qualified("m", mapColumns)+` FROM lab_code_maps m WHERE m.id > $1 AND `+where+
		fmt.Sprintf(` ORDER BY m.id LIMIT $%d`, len(args)), args, readMapping)
}

func qualified(table, columns string) string {
	return table + "." + strings.ReplaceAll(columns, ", ", ", "+table+".")
}
