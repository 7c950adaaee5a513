// People: their accounts, and the roles they have at institutions.

package authz

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// User is one person's account.
type User struct {
	ID           record.UserID
	Login        string
	DisplayName  record.Personal
	Active       bool
	MustChange   bool                 // the password was set by somebody else
	Home         record.InstitutionID // whose administrator manages the account
	Roles        []Grant              // those inside the scope that asked
	CreatedAt    time.Time
	LastSignInAt time.Time
}

// NewUser is what CreateUser needs. The institution of the first role is the user's home.
type NewUser struct {
	Login       string
	DisplayName record.Personal
	Password    string
	Roles       []Grant
	Keep        bool // the password need not be changed; only the program itself may say so
}

// UserChange is what UpdateUser changes; nil leaves a thing as it is.
type UserChange struct {
	DisplayName *record.Personal
	Active      *bool
	Password    *string // a new one, to be changed at the next sign-in
}

var loginForm = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

func tidyLogin(login string) string { return strings.ToLower(strings.TrimSpace(login)) }

func (n *NewUser) check(s record.Scope) error {
	n.Login = tidyLogin(n.Login)
	n.Keep = n.Keep && s.Actor.Kind == record.ActorSystem
	if !loginForm.MatchString(n.Login) {
		return record.Errorf(record.Invalid, "login: want letters, digits, . _ or -, at most 64")
	}
	if len(n.Roles) == 0 {
		return record.Errorf(record.Invalid, "user: want at least one role at an institution")
	}
	if err := checkName(n.DisplayName.Reveal(), 64); err != nil {
		return err
	}
	return checkPassword(n.Login, n.Password)
}

// CreateUser makes an account with its first roles.
func (b *Book) CreateUser(ctx context.Context, s record.Scope, n NewUser) (User, error) {
	if err := manages(s, homeOf(n)); err != nil {
		return User{}, err
	}
	if err := n.check(s); err != nil {
		return User{}, err
	}
	hash, err := b.hasher.hash(ctx, n.Password)
	if err != nil {
		return User{}, err
	}
	id := record.UserID(record.NewID(b.db.Now()))
	var u User
	err = b.change(ctx, s, func(tx *store.Tx) error {
		if err := putUser(ctx, tx, s, id, n, hash); err != nil {
			return err
		}
		may, err := mayGrant(ctx, tx, s)
		if err != nil {
			return err
		}
		for _, g := range n.Roles {
			if err := grant(ctx, tx, s, may, id, g); err != nil {
				return err
			}
		}
		u, err = userIn(ctx, tx, s, id)
		return err
	})
	return u, err
}

func homeOf(n NewUser) record.InstitutionID {
	if len(n.Roles) == 0 {
		return ""
	}
	return n.Roles[0].Institution
}

func putUser(ctx context.Context, tx *store.Tx, s record.Scope, id record.UserID, n NewUser, hash string) error {
	_, err := tx.Exec(ctx, `INSERT INTO users (id, login, display_name, password, must_change, active, home, created_at)
		VALUES ($1, $2, $3, $4, $5, 1, $6, $7)`,
		string(id), n.Login, n.DisplayName.Reveal(), hash, !n.Keep, string(homeOf(n)), record.Micros(tx.Now()))
	if err := store.Fault(err); record.KindOf(err) == record.Conflict {
		return record.Wrap(record.Conflict, err, "the login is taken")
	} else if err != nil {
		return fmt.Errorf("create user: %w", err)
	}
	tx.Emit(record.Event{Act: "people.created", Kind: "user", Object: string(id), Institution: homeOf(n)}.By(s))
	return nil
}

// handle changes the user id, which s must see, and answers what became of it.
func (b *Book) handle(ctx context.Context, s record.Scope, id record.UserID, fn func(tx *store.Tx, may []string) error) (User, error) {
	var u User
	err := b.change(ctx, s, func(tx *store.Tx) error {
		before, err := userIn(ctx, tx, s, id)
		if err != nil {
			return err
		}
		may, err := mayGrant(ctx, tx, s)
		if err != nil {
			return err
		}
		if err := fn(tx, may); err != nil {
			return err
		}
		if u, err = userIn(ctx, tx, s, id); record.KindOf(err) == record.NotFound {
			u, err = before, nil // the last role that made the user visible is gone
			u.Roles = nil
		}
		return err
	})
	return u, err
}

// UpdateUser changes an account. Who does it must be able to give every role that the user has: else the administrator
// of one institution could take over an account that is powerful in another.
func (b *Book) UpdateUser(ctx context.Context, s record.Scope, id record.UserID, c UserChange) (User, error) {
	hash, err := b.changed(ctx, s, id, c)
	if err != nil {
		return User{}, err
	}
	return b.handle(ctx, s, id, func(tx *store.Tx, may []string) error {
		all, err := grantsOf(ctx, tx, id)
		if err != nil {
			return err
		}
		for _, g := range all {
			if !s.Reaches(g.Institution) || !slices.Contains(may, g.Role) {
				return record.Errorf(record.Denied, "not permitted: the user has a role that somebody else gives")
			}
		}
		if err := updateUser(ctx, tx, s, id, c, hash); err != nil || c.Active == nil || *c.Active {
			return err
		}
		return keepsAdmin(ctx, tx, all)
	})
}

// changed checks a change before the transaction and hashes its password.
func (b *Book) changed(ctx context.Context, s record.Scope, id record.UserID, c UserChange) (string, error) {
	if s.Actor.Kind == record.ActorUser && s.Actor.ID == string(id) && (c.Active != nil || c.Password != nil) {
		return "", record.Errorf(record.Denied, "not permitted: somebody else closes your account or resets your password")
	}
	if c.DisplayName != nil {
		if err := checkName(c.DisplayName.Reveal(), 64); err != nil {
			return "", err
		}
	}
	if c.Password == nil {
		return "", nil
	}
	if err := checkPassword("", *c.Password); err != nil {
		return "", err
	}
	return b.hasher.hash(ctx, *c.Password)
}

func updateUser(ctx context.Context, tx *store.Tx, s record.Scope, id record.UserID, c UserChange, hash string) error {
	var what []string
	var failed error
	set := func(name, column string, v any) {
		what = append(what, name)
		_, err := tx.Exec(ctx, `UPDATE users SET `+column+` = $1 WHERE id = $2`, v, string(id))
		failed = errors.Join(failed, err)
	}
	if c.DisplayName != nil {
		set("display_name", "display_name", c.DisplayName.Reveal())
	}
	if c.Active != nil {
		set(map[bool]string{true: "opened", false: "closed"}[*c.Active], "active", *c.Active)
	}
	if c.Password != nil {
		set("password", "must_change = 1, password", hash)
	}
	if (c.Active != nil && !*c.Active) || c.Password != nil {
		_, err := tx.Exec(ctx, `DELETE FROM sessions WHERE user_id = $1`, string(id))
		failed = errors.Join(failed, err)
	}
	if failed != nil || len(what) == 0 {
		return failed
	}
	tx.Emit(record.Event{
		Act: "people.updated", Kind: "user", Object: string(id), Institution: s.Actor.Institution,
		Detail: map[string]string{"changed": strings.Join(what, " ")},
	}.By(s))
	return nil
}

const userColumns = `u.id, u.login, u.display_name, u.active, u.must_change, u.home, u.created_at, u.last_sign_in_at`

type userRow struct {
	User
	name            string
	created, signIn int64
}

func (u *userRow) fields() []any {
	return []any{&u.ID, &u.Login, &u.name, &u.Active, &u.MustChange, &u.Home, &u.created, &u.signIn}
}

func (u *userRow) user() User {
	u.DisplayName = record.Personal(u.name)
	u.CreatedAt, u.LastSignInAt = record.FromMicros(u.created), record.FromMicros(u.signIn)
	return u.User
}

// visible is the condition for users inside s: at home there, or with a role there.
func visible(s record.Scope, args *[]any) string {
	return "(" + store.ScopeSQL(s, "u.home", "", args) +
		" OR EXISTS (SELECT 1 FROM user_roles r WHERE r.user_id = u.id AND " + store.ScopeSQL(s, "r.institution_id", "", args) + "))"
}

// userIn reads a user inside s, with the roles inside s.
func userIn(ctx context.Context, q store.Querier, s record.Scope, id record.UserID) (User, error) {
	args := []any{string(id)}
	var u userRow
	err := q.QueryRow(ctx, `SELECT `+userColumns+` FROM users u WHERE u.id = $1 AND `+visible(s, &args), args...).Scan(u.fields()...)
	if errors.Is(err, sql.ErrNoRows) {
		return User{}, record.Errorf(record.NotFound, "user %s", id)
	}
	if err != nil {
		return User{}, fmt.Errorf("user: %w", err)
	}
	all, err := grantsOf(ctx, q, id)
	u.Roles = slices.DeleteFunc(all, func(g Grant) bool { return !s.Reaches(g.Institution) })
	return u.user(), err
}

// User reads one account inside the scope.
func (b *Book) User(ctx context.Context, s record.Scope, id record.UserID) (User, error) {
	return userIn(ctx, b.db, s, id)
}

// ListUsers lists accounts inside the scope by id; of one institution where it is named. next is where to go on.
func (b *Book) ListUsers(ctx context.Context, s record.Scope, institution record.InstitutionID, p store.Page) (users []User, next string, err error) {
	within := s
	if institution != "" {
		if err := manages(s, institution); err != nil {
			return nil, "", err
		}
		within.All, within.Institutions = false, []record.InstitutionID{institution}
	}
	within.RelatedAt = ""
	args := []any{p.After}
	where := visible(within, &args)
	args = append(args, pageOf(p))
	rows, err := store.List(ctx, b.db, fmt.Sprintf(`SELECT %s FROM users u WHERE u.id > $1 AND %s ORDER BY u.id LIMIT $%d`,
		userColumns, where, len(args)), args, (*userRow).fields)
	if err != nil || len(rows) == 0 {
		return nil, "", err
	}
	roles, err := b.rolesBetween(ctx, s, rows[0].ID, rows[len(rows)-1].ID)
	if err != nil {
		return nil, "", err
	}
	for i := range rows {
		u := rows[i].user()
		u.Roles = roles[u.ID]
		users = append(users, u)
	}
	return users, nextOf(users, pageOf(p), func(u User) string { return string(u.ID) }), nil
}

// CallerOf is the caller that a user would be at an institution, to explain what he may do.
func (b *Book) CallerOf(ctx context.Context, s record.Scope, id record.UserID, at record.InstitutionID) (Caller, error) {
	u, err := userIn(ctx, b.db, s, id)
	if err != nil {
		return Caller{}, err
	}
	c := Caller{Actor: record.Actor{Kind: record.ActorUser, ID: string(id), Institution: at, Display: u.DisplayName.Reveal()}}
	for _, g := range u.Roles {
		if g.Institution == at {
			c.Roles = append(c.Roles, g.Role)
		}
	}
	return c, nil
}

// CreateFirstAdmin makes the institution "platform" and its first administrator. It refuses when any user exists.
func (b *Book) CreateFirstAdmin(ctx context.Context, login, password string, name record.Personal) (User, error) {
	s := record.Scope{
		Actor:   record.Actor{Kind: record.ActorSystem, ID: seedAuthor, Institution: Root},
		Purpose: record.Operations, All: true, Rule: "first-admin",
	}
	n := NewUser{Login: login, Password: password, DisplayName: name, Keep: true, Roles: []Grant{{PlatformAdmin, Root}}}
	if err := n.check(s); err != nil {
		return User{}, err
	}
	hash, err := b.hasher.hash(ctx, password)
	if err != nil {
		return User{}, err
	}
	id := record.UserID(record.NewID(b.db.Now()))
	var u User
	err = b.change(ctx, s, func(tx *store.Tx) error {
		if err := firstOnly(ctx, tx); err != nil {
			return err
		}
		if err := putUser(ctx, tx, s, id, n, hash); err != nil {
			return err
		}
		if err := grant(ctx, tx, s, Roles(), id, n.Roles[0]); err != nil {
			return err
		}
		u, err = userIn(ctx, tx, s, id)
		return err
	})
	return u, err
}

// firstOnly refuses when there is a user, and makes the root institution where it is missing.
func firstOnly(ctx context.Context, tx *store.Tx) error {
	var users, roots int
	err := tx.QueryRow(ctx, `SELECT (SELECT COUNT(*) FROM users), (SELECT COUNT(*) FROM institutions WHERE id = $1)`,
		string(Root)).Scan(&users, &roots)
	switch {
	case err != nil:
		return err
	case users > 0:
		return record.Errorf(record.Precondition, "there are users already: an administrator makes new ones")
	case roots > 0:
		return nil
	}
	return tx.PutInstitution(ctx, store.Institution{ID: Root, Name: "联诊平台", NameEN: "Lianzhen platform", Kind: store.Bureau, Active: true})
}
