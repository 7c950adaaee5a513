// Codes that nothing maps: listed without values until a person says what they mean.

package catalogue

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// UnmappedID names one code that nothing maps: a digest of its key.
type UnmappedID string

// UnmappedCode is a code of a sender that nothing maps. It has no values and nothing of any patient.
type UnmappedCode struct {
	ID UnmappedID
	Key
	Text    string // name of the test as sent
	LOINC   string
	Why     Why
	Count   int64 // rows of results that came with it
	FirstAt time.Time
	LastAt  time.Time
	Mapping MappingID // that settled it; empty while it is open
}

const unmappedColumns = `id, sender_id, link, code, system, text, loinc, unit, specimen, why, count, first_at, last_at, map_id`

func readUnmapped(scan func(...any) error) (u UnmappedCode, err error) {
	var first, last int64
	err = scan(&u.ID, &u.Sender, &u.Link, &u.Code, &u.System, &u.Text, &u.LOINC, &u.Unit, &u.Specimen, &u.Why, &u.Count, &first, &last, &u.Mapping)
	u.FirstAt, u.LastAt = record.FromMicros(first), record.FromMicros(last)
	return u, err
}

// unmapped is the row of a code that was not understood.
func (s *Snapshot) unmapped(sender record.InstitutionID, link string, r *observation.Result, specimen *observation.Specimen, why Why) UnmappedCode {
	c := codings(r)[0]
	p := s.Pack(s.Centre(sender), time.Time{})
	u := UnmappedCode{
		Key: Key{Sender: sender, Link: word(link), Code: c.Code, System: c.System, Unit: sentUnit(r), Specimen: p.Specimen(specimen.Type.Code, specimen.Type.Text)},
		Why: why, LOINC: word(r.Code.In(observation.LOINC)), Text: word(r.Code.Text), LastAt: s.now(),
	}
	k := u.Key
	u.ID = UnmappedID(record.DigestID("lab-code", sender, strings.Join([]string{k.Link, k.Code, k.System, k.Unit, k.Specimen}, "\x00")))
	return u
}

// word keeps what senders write as code or name short and printable.
func word(s string) string {
	s = strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return -1
		}
		return c
	}, strings.ToValidUTF8(s, ""))
	if utf8.RuneCountInString(s) > maxWord {
		return string([]rune(s)[:maxWord])
	}
	return s
}

func noteUnmapped(ctx context.Context, tx *store.Tx, u UnmappedCode) error {
	_, err := tx.Exec(ctx, `INSERT INTO lab_unmapped (`+unmappedColumns+`) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,1,$11,$11,'')
		ON CONFLICT (id) DO UPDATE SET count = lab_unmapped.count + 1, last_at = excluded.last_at, why = excluded.why, map_id = '',
		text = CASE WHEN excluded.text = '' THEN lab_unmapped.text ELSE excluded.text END`,
		string(u.ID), string(u.Sender), u.Link, u.Code, u.System, u.Text, u.LOINC, u.Unit, u.Specimen, string(u.Why), record.Micros(u.LastAt))
	if err != nil {
		return fmt.Errorf("unmapped code: %w", err)
	}
	return nil
}

// settle marks the unmapped codes that a mapping is of, or opens them again where it ended.
func (d *Desk) settle(ctx context.Context, tx *store.Tx, m Mapping) error {
	id, where := m.ID, ``
	if m.Analyte == "" {
		id, where = "", ` AND map_id <> ''`
	}
	args := []any{string(m.Sender)}
	for _, x := range []struct{ column, value string }{
		{"link", m.Link}, {"code", m.Code}, {"system", m.System}, {"unit", m.Unit}, {"specimen", m.Specimen},
	} {
		if x.value == "" || x.value == OurCodes && x.column == "code" {
			continue
		}
		args = append(args, x.value)
		where += fmt.Sprintf(" AND %s = $%d", x.column, len(args))
	}
	all, err := store.Collect(ctx, tx, `SELECT `+unmappedColumns+` FROM lab_unmapped WHERE sender_id = $1`+where, args, readUnmapped)
	if err != nil {
		return fmt.Errorf("settle code: %w", err)
	}
	p, err := d.packOf(ctx, tx, m.Sender)
	if err != nil {
		return err
	}
	for _, u := range all {
		if _, ours := p.Analyte(u.Code); m.Code == OurCodes && !ours {
			continue
		}
		if _, err := tx.Exec(ctx, `UPDATE lab_unmapped SET map_id = $1 WHERE id = $2`, string(id), string(u.ID)); err != nil {
			return fmt.Errorf("settle code: %w", err)
		}
	}
	return nil
}

func (d *Desk) packOf(ctx context.Context, q store.Querier, i record.InstitutionID) (*Pack, error) {
	s, err := d.Snapshot(ctx, q)
	if err != nil {
		return nil, err
	}
	return s.Pack(s.Centre(i), time.Time{}), nil
}

// UnmappedFilter says which codes to list.
type UnmappedFilter struct {
	Sender  record.InstitutionID
	Link    string
	Settled bool // those that are mapped by now, too
	After   UnmappedID
	Limit   int
}

// Unmapped lists codes that nothing maps within the scope, by id.
func (d *Desk) Unmapped(ctx context.Context, s record.Scope, f UnmappedFilter) ([]UnmappedCode, error) {
	args := []any{string(f.After)}
	where := d.db.ScopeSQL(s, "sender_id", "", &args)
	for _, x := range []struct{ column, value string }{{"sender_id", string(f.Sender)}, {"link", f.Link}} {
		if x.value != "" {
			args = append(args, x.value)
			where += fmt.Sprintf(" AND %s = $%d", x.column, len(args))
		}
	}
	if !f.Settled {
		where += ` AND map_id = ''`
	}
	args = append(args, max(f.Limit, 1))
	return store.Collect(ctx, d.db, `SELECT `+unmappedColumns+` FROM lab_unmapped WHERE id > $1 AND `+where+fmt.Sprintf(` ORDER BY id LIMIT $%d`, len(args)),
		args, readUnmapped)
}

// UnmappedCode finds one of them within the scope.
func (d *Desk) UnmappedCode(ctx context.Context, s record.Scope, id UnmappedID) (UnmappedCode, error) {
	args := []any{string(id)}
	all, err := store.Collect(ctx, d.db, `SELECT `+unmappedColumns+` FROM lab_unmapped WHERE id = $1 AND `+d.db.ScopeSQL(s, "sender_id", "", &args), args, readUnmapped)
	if err != nil {
		return UnmappedCode{}, err
	}
	if len(all) == 0 {
		return UnmappedCode{}, record.Errorf(record.NotFound, "no such unmapped code")
	}
	return all[0], nil
}

// Wider says which parts of the key of a listed code a mapping leaves open.
type Wider struct{ Link, Unit, Specimen bool }

// KeyOf is the key of a mapping for a listed code.
func (d *Desk) KeyOf(ctx context.Context, s record.Scope, id UnmappedID, w Wider) (Key, error) {
	u, err := d.UnmappedCode(ctx, s, id)
	if err != nil {
		return Key{}, err
	}
	k := u.Key
	if w.Link {
		k.Link = ""
	}
	if w.Unit {
		k.Unit = ""
	}
	if w.Specimen {
		k.Specimen = ""
	}
	return k, nil
}
