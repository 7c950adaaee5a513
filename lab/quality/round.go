// External quality assessment 室间质评: an organiser sends samples, laboratories submit what they measured, the organiser tells the targets.

package quality

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/cockroachdb/apd/v3"

	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// ProgrammeID names a programme, RoundID a round of one.
type (
	ProgrammeID string
	RoundID     string
)

// Programme is an assessment that an organiser runs in a year.
type Programme struct {
	ID        ProgrammeID
	Owner     record.InstitutionID // who keeps it here
	Organiser string               // as a person reads it: 国家卫生健康委临床检验中心
	Scope     string               // national province:x city:x county:x
	Name      string
	Year      int
	CreatedAt time.Time
}

// Round is one dispatch of samples.
type Round struct {
	ID           RoundID
	Programme    ProgrammeID
	Owner        record.InstitutionID
	Name         string
	OpensAt      time.Time
	ClosesAt     time.Time
	PublishedAt  time.Time // zero: the targets are not told yet
	Samples      []Sample
	Laboratories []record.InstitutionID // who takes part
}

// Sample is one analyte in one sample of a round. Target, TEa and SD are told when the round has closed.
type Sample struct {
	Sample   string
	Analyte  string
	Unit     string
	Target   *apd.Decimal
	TEa      *apd.Decimal // allowable error: percent of the target, or in its unit
	Absolute bool
	SD       *apd.Decimal // of the group, for z; nil: none
}

// Submission is what a laboratory measured in a sample.
type Submission struct {
	Sample  string
	Analyte string
	Value   *apd.Decimal
	Method  string
	Device  string
}

const (
	mostSamples      = 1000
	mostLaboratories = 1000
)

// AddProgramme enters a programme of an organiser.
func (d *Desk) AddProgramme(ctx context.Context, s record.Scope, p Programme) (Programme, error) {
	if scopeRank(p.Scope) < 0 {
		return p, record.Errorf(record.Invalid, "scope: want national, or province:, city: or county: and an institution")
	}
	if p.Year < 1990 || p.Year > 9999 {
		return p, record.Errorf(record.Invalid, "year: out of range")
	}
	for _, err := range []error{word("name", p.Name, 1, 128), word("organiser", p.Organiser, 1, 128)} {
		if err != nil {
			return p, err
		}
	}
	err := d.act(ctx, s, p.Owner, func(tx *store.Tx) error {
		p.CreatedAt = stamp(tx.Now())
		p.ID = ProgrammeID(record.NewID(p.CreatedAt))
		tx.Emit(record.Event{Act: "eqa.programme", Institution: p.Owner, Kind: "eqa_programme", Object: string(p.ID)})
		_, err := tx.Exec(ctx, `INSERT INTO eqa_programmes (id, institution_id, organiser, scope, name, year, created_at, created_by) VALUES ($1,$2,$3,$4,$5,$6,$7,$8)`,
			string(p.ID), string(p.Owner), p.Organiser, p.Scope, p.Name, p.Year, record.Micros(p.CreatedAt), s.Actor.ID)
		return err
	})
	return p, err
}

// Programmes lists programmes in the order of their entry. They hold nobody's data: everybody may read them.
func (d *Desk) Programmes(ctx context.Context, page store.Page) ([]Programme, error) {
	b := &sqlText{}
	b.And("1=1")
	b.after("id", page)
	query := `SELECT id, institution_id, organiser, scope, name, year, created_at FROM eqa_programmes WHERE ` + b.String() + ` ORDER BY id LIMIT ` + b.Arg(limit(page))
	return store.Collect(ctx, d.db, query, b.Args, func(scan func(...any) error) (p Programme, err error) {
		var at int64
		err = scan(&p.ID, &p.Owner, &p.Organiser, &p.Scope, &p.Name, &p.Year, &at)
		p.CreatedAt = record.FromMicros(at)
		return p, err
	})
}

func (r *Round) check() error {
	if !r.ClosesAt.After(r.OpensAt) || r.OpensAt.IsZero() {
		return record.Errorf(record.Invalid, "closes_at: want it behind opens_at")
	}
	if n := len(r.Samples); n == 0 || n > mostSamples {
		return record.Errorf(record.Invalid, "samples: want 1 to %d", mostSamples)
	}
	if n := len(r.Laboratories); n == 0 || n > mostLaboratories {
		return record.Errorf(record.Invalid, "laboratories: want 1 to %d", mostLaboratories)
	}
	for _, x := range r.Samples {
		for _, err := range []error{word("sample", x.Sample, 1, 32), word("analyte", x.Analyte, 1, 64), word("unit", x.Unit, 0, 32)} {
			if err != nil {
				return err
			}
		}
	}
	return word("name", r.Name, 1, 64)
}

// AddRound enters a round with its samples and who takes part; the targets come later.
func (d *Desk) AddRound(ctx context.Context, s record.Scope, r Round) (Round, error) {
	if err := r.check(); err != nil {
		return r, err
	}
	owner, err := d.ownerOf(ctx, `SELECT institution_id FROM eqa_programmes WHERE id = $1`, string(r.Programme))
	if err != nil {
		return r, err
	}
	err = d.act(ctx, s, owner, func(tx *store.Tx) error {
		now := stamp(tx.Now())
		r.ID, r.Owner, r.PublishedAt, r.OpensAt, r.ClosesAt = RoundID(record.NewID(now)), owner, time.Time{}, stamp(r.OpensAt), stamp(r.ClosesAt)
		if _, err := tx.Exec(ctx, `INSERT INTO eqa_rounds (id, programme_id, institution_id, name, opens_at, closes_at, created_at, created_by) VALUES ($1,$2,$3,$4,$5,$6,$7,$8)`,
			string(r.ID), string(r.Programme), string(owner), r.Name, record.Micros(r.OpensAt), record.Micros(r.ClosesAt), record.Micros(now), s.Actor.ID); err != nil {
			return err
		}
		for _, x := range r.Samples {
			if _, err := tx.Exec(ctx, `INSERT INTO eqa_samples (round_id, sample, analyte, unit) VALUES ($1,$2,$3,$4)`, string(r.ID), x.Sample, x.Analyte, x.Unit); err != nil {
				return err
			}
		}
		for _, l := range r.Laboratories {
			if _, err := tx.Exec(ctx, `INSERT INTO eqa_participants (round_id, institution_id) SELECT $1, id FROM institutions WHERE id = $2 ON CONFLICT DO NOTHING`,
				string(r.ID), string(l)); err != nil {
				return err
			}
		}
		tx.Emit(record.Event{Act: "eqa.round", Institution: owner, Kind: "eqa_round", Object: string(r.ID)})
		return nil
	})
	return r, err
}

func (d *Desk) ownerOf(ctx context.Context, query, id string) (owner record.InstitutionID, err error) {
	err = d.db.QueryRow(ctx, query, id).Scan(&owner)
	if errors.Is(err, sql.ErrNoRows) {
		err = record.Errorf(record.NotFound, "no programme or round %s", id)
	}
	return owner, err
}

// Publish tells targets and limits of a round that has closed. Every sample of the round must have both.
func (d *Desk) Publish(ctx context.Context, s record.Scope, id RoundID, told []Sample) (Round, error) {
	owner, err := d.ownerOf(ctx, `SELECT institution_id FROM eqa_rounds WHERE id = $1`, string(id))
	if err == nil && !s.Reaches(owner) { // programmes are known to everybody, rounds to who takes part
		err = record.Errorf(record.NotFound, "no programme or round %s", id)
	}
	if err != nil {
		return Round{}, err
	}
	err = d.act(ctx, s, owner, func(tx *store.Tx) error {
		for _, x := range told {
			if x.Target == nil || x.TEa == nil || x.TEa.Sign() <= 0 || x.SD != nil && x.SD.Sign() <= 0 {
				return record.Errorf(record.Invalid, "targets: want target, limit above zero and, if any, SD above zero")
			}
			res, err := tx.Exec(ctx, `UPDATE eqa_samples SET target = $4, tea = $5, absolute = $6, sd = $7 WHERE round_id = $1 AND sample = $2 AND analyte = $3`,
				string(id), x.Sample, x.Analyte, observation.Digits(x.Target), observation.Digits(x.TEa), x.Absolute, observation.Digits(x.SD))
			if err != nil {
				return err
			}
			if n, err := res.RowsAffected(); err != nil || n == 0 {
				return errors.Join(err, record.Errorf(record.NotFound, "targets: one is of no sample of the round"))
			}
		}
		return publish(ctx, tx, id, owner)
	})
	if err != nil {
		return Round{}, err
	}
	return d.Round(ctx, s, id)
}

func publish(ctx context.Context, tx *store.Tx, id RoundID, owner record.InstitutionID) error {
	var left int
	if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM eqa_samples WHERE round_id = $1 AND target = ''`, string(id)).Scan(&left); err != nil {
		return err
	}
	if left > 0 {
		return record.Errorf(record.Invalid, "targets: %d samples have none", left)
	}
	now := record.Micros(tx.Now())
	res, err := tx.Exec(ctx, `UPDATE eqa_rounds SET published_at = $2 WHERE id = $1 AND closes_at <= $2 AND published_at = 0`, string(id), now)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return record.Errorf(record.Precondition, "the round has not closed yet, or its targets were told before")
	}
	tx.Emit(record.Event{Act: "eqa.published", Institution: owner, Kind: "eqa_round", Object: string(id)})
	return nil
}

// Submit takes what a laboratory measured in a round, before it closes. A later value of the same sample replaces the earlier one, which is kept.
func (d *Desk) Submit(ctx context.Context, s record.Scope, laboratory record.InstitutionID, id RoundID, values []Submission) error {
	if len(values) == 0 || len(values) > mostSamples {
		return record.Errorf(record.Invalid, "values: want 1 to %d", mostSamples)
	}
	return d.act(ctx, s, laboratory, func(tx *store.Tx) error {
		if err := tx.Lock(ctx, "eqa-"+string(id)+"-"+string(laboratory)); err != nil {
			return err
		}
		var opens, closes int64
		err := tx.QueryRow(ctx, `SELECT r.opens_at, r.closes_at FROM eqa_rounds r JOIN eqa_participants p ON p.round_id = r.id WHERE r.id = $1 AND p.institution_id = $2`,
			string(id), string(laboratory)).Scan(&opens, &closes)
		now := record.Micros(tx.Now())
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return record.Errorf(record.NotFound, "the laboratory takes part in no round %s", id)
		case err != nil:
			return err
		case now < opens || now >= closes:
			return record.Errorf(record.Precondition, "the round is not open")
		}
		for _, v := range values {
			if err := submit(ctx, tx, s, laboratory, id, v, now); err != nil {
				return err
			}
		}
		tx.Emit(record.Event{Act: "eqa.submitted", Institution: laboratory, Kind: "eqa_round", Object: string(id)})
		return nil
	})
}

func submit(ctx context.Context, tx *store.Tx, s record.Scope, laboratory record.InstitutionID, id RoundID, v Submission, now int64) error {
	for _, err := range []error{word("method", v.Method, 0, 64), word("device", v.Device, 0, 64)} {
		if err != nil {
			return err
		}
	}
	if v.Value == nil || v.Value.NumDigits() > 40 {
		return record.Errorf(record.Invalid, "value: want a decimal number")
	}
	res, err := tx.Exec(ctx, `INSERT INTO eqa_values (round_id, institution_id, analyte, sample, number, value, method, device, submitted_at, submitted_by)
		SELECT $1, $2, x.analyte, x.sample, (SELECT COALESCE(MAX(number), 0) + 1 FROM eqa_values WHERE round_id = $1 AND institution_id = $2 AND analyte = $3 AND sample = $4),
		$5, $6, $7, $8, $9 FROM eqa_samples x WHERE x.round_id = $1 AND x.analyte = $3 AND x.sample = $4`,
		string(id), string(laboratory), v.Analyte, v.Sample, observation.Digits(v.Value), v.Method, v.Device, now, s.Actor.ID)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, record.Errorf(record.NotFound, "values: one is of no sample of the round"))
	}
	return nil
}

// Rounds lists rounds in which a laboratory of the scope takes part, or that the scope keeps; without samples.
func (d *Desk) Rounds(ctx context.Context, s record.Scope, laboratory record.InstitutionID, page store.Page) ([]Round, error) {
	b := &sqlText{}
	b.And("(" + d.db.ScopeSQL(s, "r.institution_id", "", &b.Args) + " OR EXISTS (SELECT 1 FROM eqa_participants p WHERE p.round_id = r.id AND " +
		d.db.ScopeSQL(s, "p.institution_id", "", &b.Args) + "))")
	if laboratory != "" {
		b.And("r.id IN (SELECT round_id FROM eqa_participants WHERE institution_id = " + b.Arg(string(laboratory)) + ")")
	}
	b.before("r.id", page)
	query := roundQuery + b.String() + ` ORDER BY r.id DESC LIMIT ` + b.Arg(limit(page))
	return store.Collect(ctx, d.db, query, b.Args, scanRound)
}

const roundQuery = `SELECT r.id, r.programme_id, r.institution_id, r.name, r.opens_at, r.closes_at, r.published_at FROM eqa_rounds r WHERE `

func scanRound(scan func(...any) error) (r Round, err error) {
	var opens, closes, published int64
	err = scan(&r.ID, &r.Programme, &r.Owner, &r.Name, &opens, &closes, &published)
	r.OpensAt, r.ClosesAt, r.PublishedAt = record.FromMicros(opens), record.FromMicros(closes), record.FromMicros(published)
	return r, err
}

// Round gives a round with its samples and, of those who take part, the laboratories in the scope; all to who keeps it.
func (d *Desk) Round(ctx context.Context, s record.Scope, id RoundID) (Round, error) {
	r, err := scanRound(d.db.QueryRow(ctx, roundQuery+`r.id = $1`, string(id)).Scan)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return r, err
	}
	all, partErr := store.List(ctx, d.db, `SELECT institution_id FROM eqa_participants WHERE round_id = $1 ORDER BY institution_id`, []any{string(id)},
		func(l *record.InstitutionID) []any { return []any{l} })
	if partErr != nil {
		return r, partErr
	}
	for _, l := range all {
		if s.Reaches(r.Owner) || s.Reaches(l) {
			r.Laboratories = append(r.Laboratories, l)
		}
	}
	if err != nil || len(r.Laboratories) == 0 && !s.Reaches(r.Owner) {
		return Round{}, record.Errorf(record.NotFound, "no round %s", id)
	}
	r.Samples, err = store.Collect(ctx, d.db, `SELECT sample, analyte, unit, target, tea, absolute, sd FROM eqa_samples WHERE round_id = $1 ORDER BY analyte, sample`,
		[]any{string(id)}, func(scan func(...any) error) (x Sample, err error) {
			var target, tea, sd string
			var absolute int
			err = scan(&x.Sample, &x.Analyte, &x.Unit, &target, &tea, &absolute, &sd)
			if r.PublishedAt.IsZero() {
				return x, err // told to nobody before
			}
			x.Target, x.TEa, x.SD, x.Absolute = number(target), number(tea), number(sd), absolute == 1
			return x, err
		})
	return r, err
}
