package quality

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// CertificateID names a certificate.
type CertificateID string

// Certificate says that a laboratory passed an external quality assessment for some analytes, in [From, Until).
type Certificate struct {
	ID          CertificateID
	Laboratory  record.InstitutionID
	Number      string
	Issuer      string
	Scope       string // national province:x city:x county:x
	Analytes    []string
	From, Until time.Time
	Note        string
	RecordedAt  time.Time
	RecordedBy  string

	RevokedFrom  time.Time // not valid from here on; its From when it was wrong from the start
	RevokedAt    time.Time
	RevokedBy    string
	RevokeReason string
}

const (
	national            = "national"
	mostOfACertificate  = 500
	longestCertificate  = 10 * 366 * 24 * time.Hour
	mostCertificatesRow = 200
)

var scopeKinds = []string{"county", "city", "province", national}

// scopeRank orders the scopes, narrow to wide; -1 for a text that is no scope.
func scopeRank(scope string) int {
	kind, name, named := strings.Cut(scope, ":")
	if named != (kind != national) || named && !record.ValidID(name) {
		return -1
	}
	return slices.Index(scopeKinds, kind)
}

func (c *Certificate) check() error {
	if scopeRank(c.Scope) < 0 {
		return record.Errorf(record.Invalid, "scope: want national, or province:, city: or county: and an institution")
	}
	if c.From.IsZero() || !c.Until.After(c.From) || c.Until.Sub(c.From) > longestCertificate {
		return record.Errorf(record.Invalid, "validity: want from before until, at most ten years")
	}
	if len(c.Analytes) == 0 || len(c.Analytes) > mostOfACertificate {
		return record.Errorf(record.Invalid, "analytes: want 1 to %d", mostOfACertificate)
	}
	c.Analytes = slices.Sorted(slices.Values(c.Analytes))
	c.Analytes = slices.Compact(c.Analytes)
	for _, a := range c.Analytes {
		if err := word("analyte", a, 1, 64); err != nil {
			return err
		}
	}
	if err := word("number", c.Number, 1, 64); err != nil {
		return err
	}
	if err := word("issuer", c.Issuer, 1, 128); err != nil {
		return err
	}
	return prose("note", c.Note, 0, 1000)
}

// Certify enters a certificate. The same number of the same issuer is kept once for a laboratory.
func (d *Desk) Certify(ctx context.Context, s record.Scope, c Certificate) (Certificate, error) {
	if err := c.check(); err != nil {
		return c, err
	}
	if s.Actor.Institution == c.Laboratory { // who is assessed does not attest it: recognition rests on it
		return c, record.Errorf(record.Denied, "a laboratory does not certify itself: the organiser's or the community's administrator does")
	}
	err := d.act(ctx, s, c.Laboratory, func(tx *store.Tx) error {
		c.RecordedAt, c.RecordedBy, c.From, c.Until = stamp(tx.Now()), s.Actor.ID, stamp(c.From), stamp(c.Until)
		c.ID = CertificateID(record.NewID(c.RecordedAt))
		res, err := tx.Exec(ctx, `INSERT INTO eqa_certificates (id, institution_id, number, issuer, scope, from_at, until_at, note, recorded_at, recorded_by)
			VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10) ON CONFLICT DO NOTHING`, string(c.ID), string(c.Laboratory), c.Number, c.Issuer, c.Scope,
			record.Micros(c.From), record.Micros(c.Until), c.Note, record.Micros(c.RecordedAt), c.RecordedBy)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return record.Errorf(record.Conflict, "a certificate of this number and issuer is kept already")
		}
		for _, a := range c.Analytes {
			if _, err := tx.Exec(ctx, `INSERT INTO eqa_certificate_analytes (institution_id, analyte, certificate_id) VALUES ($1,$2,$3)`,
				string(c.Laboratory), a, string(c.ID)); err != nil {
				return err
			}
		}
		tx.Emit(record.Event{Act: "qc.certificate", Institution: c.Laboratory, Kind: "eqa_certificate", Object: string(c.ID)})
		return nil
	})
	return c, err
}

// Revoke ends a certificate from an instant on, with a reason; from the start when the instant is zero. States of the past as they were known
// then stay as they were.
func (d *Desk) Revoke(ctx context.Context, s record.Scope, id CertificateID, from time.Time, reason string) (Certificate, error) {
	if err := prose("reason", reason, 1, 1000); err != nil {
		return Certificate{}, err
	}
	c, err := d.Certificate(ctx, s, id)
	if err != nil {
		return c, err
	}
	if from.IsZero() || from.Before(c.From) {
		from = c.From
	}
	c.RevokedFrom, c.RevokedBy, c.RevokeReason = stamp(from), s.Actor.ID, reason
	err = d.act(ctx, s, c.Laboratory, func(tx *store.Tx) error {
		c.RevokedAt = stamp(tx.Now())
		res, err := tx.Exec(ctx, `UPDATE eqa_certificates SET revoked_from = $2, revoked_at = $3, revoked_by = $4, revoke_reason = $5 WHERE id = $1 AND revoked_at = 0`,
			string(id), record.Micros(c.RevokedFrom), record.Micros(c.RevokedAt), c.RevokedBy, reason)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return record.Errorf(record.Precondition, "the certificate is revoked already")
		}
		if _, err := tx.RevokeCertificate(ctx, c.Laboratory, c.Number, c.RevokedFrom, c.RevokedAt); err != nil { // released results say so
			return err
		}
		tx.Emit(record.Event{
			Act: "qc.revoked", Institution: c.Laboratory, Kind: "eqa_certificate", Object: string(id),
			Detail: map[string]string{"number": c.Number, "from": c.RevokedFrom.Format(time.RFC3339Nano)},
		})
		return nil
	})
	return c, err
}

// Certificate gives one certificate.
func (d *Desk) Certificate(ctx context.Context, s record.Scope, id CertificateID) (Certificate, error) {
	b := d.within(s, "institution_id", "")
	b.Equal("id", string(id))
	found, err := d.certificates(ctx, b, store.Page{})
	if err == nil && (len(found) == 0 || id == "") {
		err = record.Errorf(record.NotFound, "no certificate %s", id)
	}
	if err != nil {
		return Certificate{}, err
	}
	return found[0], nil
}

// CertificateFilter selects certificates; empty fields select nothing out.
type CertificateFilter struct {
	Laboratory record.InstitutionID
	Analyte    string
	ValidAt    time.Time // valid at this instant, as is known now
	Page       store.Page
}

// Certificates lists certificates in the order of their entry.
func (d *Desk) Certificates(ctx context.Context, s record.Scope, f CertificateFilter) ([]Certificate, error) {
	b := d.within(s, "institution_id", f.Laboratory)
	b.after("id", f.Page)
	if f.Analyte != "" {
		b.And("id IN (SELECT certificate_id FROM eqa_certificate_analytes WHERE analyte = " + b.Arg(f.Analyte) + ")")
	}
	if !f.ValidAt.IsZero() {
		at := b.Arg(record.Micros(f.ValidAt))
		b.And("from_at <= " + at + " AND until_at > " + at + " AND (revoked_at = 0 OR revoked_from > " + at + ")")
	}
	f.Page.Limit = min(limit(f.Page), mostCertificatesRow+1)
	return d.certificates(ctx, b, f.Page)
}

func (d *Desk) certificates(ctx context.Context, b *sqlText, page store.Page) ([]Certificate, error) {
	query := `SELECT id, institution_id, number, issuer, scope, from_at, until_at, note, recorded_at, recorded_by, revoked_from, revoked_at, revoked_by, revoke_reason
		FROM eqa_certificates WHERE ` + b.String() + ` ORDER BY id LIMIT ` + b.Arg(limit(page))
	out, err := store.Collect(ctx, d.db, query, b.Args, func(scan func(...any) error) (c Certificate, err error) {
		var from, until, recorded, revokedFrom, revoked int64
		err = scan(&c.ID, &c.Laboratory, &c.Number, &c.Issuer, &c.Scope, &from, &until, &c.Note, &recorded, &c.RecordedBy, &revokedFrom, &revoked, &c.RevokedBy, &c.RevokeReason)
		c.From, c.Until, c.RecordedAt = record.FromMicros(from), record.FromMicros(until), record.FromMicros(recorded)
		c.RevokedFrom, c.RevokedAt = record.FromMicros(revokedFrom), record.FromMicros(revoked)
		return c, err
	})
	if err != nil {
		return nil, err
	}
	for i := range out {
		out[i].Analytes, err = store.List(ctx, d.db, `SELECT analyte FROM eqa_certificate_analytes WHERE certificate_id = $1 ORDER BY analyte`,
			[]any{string(out[i].ID)}, func(a *string) []any { return []any{a} })
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}
