// Roles at institutions: who gives and takes them, and which exclude each other.

package authz

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Grant is a role at an institution.
type Grant struct {
	Role        string
	Institution record.InstitutionID
}

// grant checks and writes one role.
func grant(ctx context.Context, tx *store.Tx, s record.Scope, may []string, id record.UserID, g Grant) error {
	if err := mayHandle(s, may, id, g); err != nil {
		return err
	}
	have, err := grantsOf(ctx, tx, id)
	if err != nil {
		return err
	}
	if err := exclusive(have, g.Role); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO user_roles (user_id, role, institution_id, granted_by, granted_at)
		VALUES ($1, $2, $3, $4, $5) ON CONFLICT (user_id, role, institution_id) DO NOTHING`,
		string(id), g.Role, string(g.Institution), s.Actor.ID, record.Micros(tx.Now()))
	if err != nil {
		return fmt.Errorf("grant role: %w", err)
	}
	tx.Emit(roleEvent("people.granted", id, g).By(s))
	return nil
}

func roleEvent(act string, id record.UserID, g Grant) record.Event {
	return record.Event{
		Act: act, Kind: "user", Object: string(id), Institution: g.Institution,
		Detail: map[string]string{"role": g.Role},
	}
}

// mayHandle says whether the actor of s may give or take a role.
func mayHandle(s record.Scope, may []string, id record.UserID, g Grant) error {
	if err := manages(s, g.Institution); err != nil {
		return err
	}
	switch {
	case !slices.Contains(Roles(), g.Role):
		return record.Errorf(record.Invalid, "unknown role")
	case s.Actor.Kind == record.ActorUser && s.Actor.ID == string(id):
		return record.Errorf(record.Denied, "not permitted: nobody gives or takes his own roles")
	case !slices.Contains(may, g.Role):
		return record.Errorf(record.Denied, "not permitted: role %s is given by somebody else", g.Role)
	}
	return nil
}

// exclusive holds the three officers apart from each other and from patient data.
func exclusive(have []Grant, role string) error {
	for _, h := range have {
		a, b := slices.Contains(officers, h.Role), slices.Contains(officers, role)
		if h.Role != role && ((a && b) || (a && slices.Contains(medical, role)) || (b && slices.Contains(medical, h.Role))) {
			return record.Errorf(record.Precondition, "roles %s and %s exclude each other", h.Role, role)
		}
	}
	return nil
}

// GrantRole gives a role to a user that the scope sees.
func (b *Book) GrantRole(ctx context.Context, s record.Scope, id record.UserID, g Grant) (User, error) {
	return b.handle(ctx, s, id, func(tx *store.Tx, may []string) error { return grant(ctx, tx, s, may, id, g) })
}

// RevokeRole takes a role away.
func (b *Book) RevokeRole(ctx context.Context, s record.Scope, id record.UserID, g Grant) (User, error) {
	return b.handle(ctx, s, id, func(tx *store.Tx, may []string) error {
		if err := mayHandle(s, may, id, g); err != nil {
			return err
		}
		res, err := tx.Exec(ctx, `DELETE FROM user_roles WHERE user_id = $1 AND role = $2 AND institution_id = $3`,
			string(id), g.Role, string(g.Institution))
		if err != nil {
			return fmt.Errorf("revoke role: %w", err)
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, record.Errorf(record.NotFound, "no such role of user %s", id))
		}
		tx.Emit(roleEvent("people.revoked", id, g).By(s))
		return keepsAdmin(ctx, tx, []Grant{g})
	})
}

// keepsAdmin refuses to leave the platform without an administrator, when one of the roles lost was that.
func keepsAdmin(ctx context.Context, tx *store.Tx, lost []Grant) error {
	if !slices.ContainsFunc(lost, func(g Grant) bool { return g.Role == PlatformAdmin }) {
		return nil
	}
	var n int
	err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM user_roles r JOIN users u ON u.id = r.user_id
		WHERE r.role = $1 AND u.active = 1`, PlatformAdmin).Scan(&n)
	if err == nil && n == 0 {
		err = record.Errorf(record.Precondition, "the platform needs an administrator")
	}
	return err
}

// grantsOf are all roles of a user, by institution.
func grantsOf(ctx context.Context, q store.Querier, id record.UserID) ([]Grant, error) {
	return store.List(ctx, q, `SELECT role, institution_id FROM user_roles WHERE user_id = $1 ORDER BY institution_id, role`,
		[]any{string(id)}, func(g *Grant) []any { return []any{&g.Role, &g.Institution} })
}

// rolesBetween are the roles inside s of the users from first to last.
func (b *Book) rolesBetween(ctx context.Context, s record.Scope, first, last record.UserID) (map[record.UserID][]Grant, error) {
	type held struct {
		Grant
		user record.UserID
	}
	rows, err := store.List(ctx, b.db, `SELECT user_id, role, institution_id FROM user_roles WHERE user_id >= $1 AND user_id <= $2
		ORDER BY user_id, institution_id, role`, []any{string(first), string(last)},
		func(h *held) []any { return []any{&h.user, &h.Role, &h.Institution} })
	out := make(map[record.UserID][]Grant)
	for _, h := range rows {
		if s.Reaches(h.Institution) {
			out[h.user] = append(out[h.user], h.Grant)
		}
	}
	return out, err
}

// grantable is which roles each administrator may give to others, at the institutions of his scope.
var grantable = map[string][]string{
	InstitutionAdmin: {Technician, Clinician, Reader, Reviewer, CentreAdmin},
	CommunityAdmin:   {Technician, Clinician, Reader, Reviewer, CentreAdmin, InstitutionAdmin},
	PlatformAdmin:    {InstitutionAdmin, CommunityAdmin, CentreAdmin, Supervisor, PlatformAdmin, SecurityAdmin, AuditAdmin},
}

// Grantable lists the roles that somebody with the given roles may give to others.
func Grantable(roles []string) []string {
	var out []string
	for _, r := range roles {
		out = append(out, grantable[r]...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// mayGrant are the roles that the actor of s may give and take, looked up now: a scope may be older than a revocation.
// The program itself may give any.
func mayGrant(ctx context.Context, tx *store.Tx, s record.Scope) ([]string, error) {
	switch s.Actor.Kind {
	case record.ActorSystem:
		return Roles(), nil
	case record.ActorUser:
		roles, err := store.List(ctx, tx, `SELECT r.role FROM user_roles r JOIN users u ON u.id = r.user_id
			WHERE r.user_id = $1 AND r.institution_id = $2 AND u.active = 1`,
			[]any{s.Actor.ID, string(s.Actor.Institution)}, func(r *string) []any { return []any{r} })
		return Grantable(roles), err
	}
	return nil, nil
}
