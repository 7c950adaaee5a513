// TLS client certificates of programs, bound to an institution by the SHA-256 of their DER form.

package authz

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"database/sql"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

var errCertificate = record.Errorf(record.Unauthenticated, "the certificate is unknown, expired or revoked")

// Certificate is a client certificate that stands for an institution's program.
type Certificate struct {
	Fingerprint string // lower-case hex SHA-256 of the DER form
	Institution record.InstitutionID
	Name        string
	Scopes      []string
	NotBefore   time.Time
	NotAfter    time.Time
	CreatedAt   time.Time
	RevokedAt   time.Time
}

// Fingerprint names a certificate as ByCertificate wants it.
func Fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}

// orgURI begins the SAN URI in which a certificate names its institution.
const orgURI = "urn:org:"

// parseCertificate reads one PEM certificate and checks that it is not over and names no other institution.
func parseCertificate(text string, institution record.InstitutionID, now time.Time) (*x509.Certificate, error) {
	block, rest := pem.Decode([]byte(text))
	if block == nil || block.Type != "CERTIFICATE" || len(bytes.TrimSpace(rest)) > 0 {
		return nil, record.Errorf(record.Invalid, "certificate: want one CERTIFICATE in PEM")
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, record.Wrap(record.Invalid, err, "certificate: not readable")
	}
	if !now.Before(c.NotAfter) {
		return nil, record.Errorf(record.Invalid, "certificate: expired")
	}
	for _, u := range c.URIs {
		if id, ok := strings.CutPrefix(u.String(), orgURI); ok && id != string(institution) {
			return nil, record.Errorf(record.Invalid, "certificate: it names another institution")
		}
	}
	return c, nil
}

// ByCertificate finds the caller of a client certificate. That the peer holds its key has been proved by TLS.
func (b *Book) ByCertificate(ctx context.Context, fingerprint string) (Caller, error) {
	if len(fingerprint) != 2*sha256.Size || !record.ValidID(fingerprint) {
		return Caller{}, errCertificate
	}
	return b.caller(credentialOf("certificate", fingerprint), func(now time.Time) (Caller, error) {
		var r certificateRow
		err := b.db.QueryRow(ctx, `SELECT `+certificateColumns+` FROM certificates WHERE fingerprint = $1`, fingerprint).Scan(r.fields()...)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return Caller{}, fmt.Errorf("certificate: %w", err)
		}
		c := r.certificate()
		if err != nil || !c.RevokedAt.IsZero() || now.Before(c.NotBefore) || !now.Before(c.NotAfter) {
			return Caller{}, errCertificate
		}
		return Caller{
			Actor: record.Actor{Kind: record.ActorCert, ID: c.Fingerprint, Institution: c.Institution, Display: c.Name},
			Roles: []string{HISRole}, KeyScopes: c.Scopes,
		}, nil
	})
}

const certificateColumns = `fingerprint, institution_id, name, scopes, not_before, not_after, created_at, revoked_at`

type certificateRow struct {
	Certificate
	scopes                        string
	before, after, created, ended int64
}

func (r *certificateRow) fields() []any {
	return []any{&r.Fingerprint, &r.Institution, &r.Name, &r.scopes, &r.before, &r.after, &r.created, &r.ended}
}

func (r *certificateRow) certificate() Certificate {
	r.Scopes = scopesOf(r.scopes)
	r.NotBefore, r.NotAfter = record.FromMicros(r.before), record.FromMicros(r.after)
	r.CreatedAt, r.RevokedAt = record.FromMicros(r.created), record.FromMicros(r.ended)
	return r.Certificate
}

// CreateCertificate binds a PEM certificate to an institution: Institution, Name and Scopes of c.
func (b *Book) CreateCertificate(ctx context.Context, s record.Scope, c Certificate, text string) (Certificate, error) {
	if err := errors.Join(manages(s, c.Institution), checkName(c.Name, 128), checkScopes(c.Scopes)); err != nil {
		return Certificate{}, err
	}
	cert, err := parseCertificate(text, c.Institution, b.db.Now())
	if err != nil {
		return Certificate{}, err
	}
	var r certificateRow
	err = b.change(ctx, s, func(tx *store.Tx) error {
		err := tx.QueryRow(ctx, `INSERT INTO certificates (fingerprint, institution_id, name, scopes, not_before, not_after, created_by, created_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING `+certificateColumns, Fingerprint(cert.Raw), string(c.Institution), c.Name,
			joinScopes(c.Scopes), record.Micros(cert.NotBefore), record.Micros(cert.NotAfter), s.Actor.ID, record.Micros(tx.Now())).Scan(r.fields()...)
		if record.KindOf(err) == record.Conflict {
			return record.Wrap(record.Conflict, err, "the certificate is bound already, or was revoked")
		}
		if err != nil {
			return fmt.Errorf("create certificate: %w", err)
		}
		tx.Emit(record.Event{
			Act: "certificate.created", Kind: "certificate", Object: r.Fingerprint, Institution: c.Institution,
			Detail: map[string]string{"scopes": joinScopes(c.Scopes)},
		}.By(s))
		return nil
	})
	return r.certificate(), err
}

// ListCertificates lists the certificates inside the scope; of one institution where it is named.
func (b *Book) ListCertificates(ctx context.Context, s record.Scope, institution record.InstitutionID, p store.Page) (
	list []Certificate, next string, err error,
) {
	where, args := within(s, institution, p)
	rows, err := store.List(ctx, b.db, `SELECT `+certificateColumns+` FROM certificates WHERE fingerprint > $1 AND `+where, args, (*certificateRow).fields)
	for i := range rows {
		list = append(list, rows[i].certificate())
	}
	return list, nextOf(list, pageOf(p), func(c Certificate) string { return c.Fingerprint }), err
}

// RevokeCertificate ends a certificate for good. Revoking twice is no fault.
func (b *Book) RevokeCertificate(ctx context.Context, s record.Scope, fingerprint string) (Certificate, error) {
	var r certificateRow
	err := b.change(ctx, s, func(tx *store.Tx) error {
		v := revocation{table: "certificates", column: "fingerprint", id: fingerprint, kind: "certificate"}
		if err := b.revoke(ctx, tx, s, v); err != nil {
			return err
		}
		return tx.QueryRow(ctx, `SELECT `+certificateColumns+` FROM certificates WHERE fingerprint = $1`, fingerprint).Scan(r.fields()...)
	})
	return r.certificate(), err
}
