// What the administrator does beside the server: check, rebuild, back up, the first accounts, the policy, the proof of
// the audit trail.

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/authz"
	"github.com/lianzhen/lianzhen/ecg"
	"github.com/lianzhen/lianzhen/imaging"
	"github.com/lianzhen/lianzhen/lab"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

type adminCmd struct {
	Fsck    fsckCmd    `cmd:"" help:"Check rows against bytes and their SHA-256."`
	Reindex reindexCmd `cmd:"" help:"Make the indexes of the centres again from the blobs. No server may run."`
	Compact compactCmd `cmd:"" help:"Keep objects in containers without loss, about half as large. A server may run."`
	Backup  backupCmd  `cmd:"" help:"Copy the database while the server runs (SQLite)."`
	User    userCmd    `cmd:"" help:"Accounts of people."`
	Key     keyCmd     `cmd:"" help:"API keys of programs."`
	Policy  policyCmd  `cmd:"" help:"The permission policy."`
	Verify  verifyCmd  `cmd:"" name:"verify-audit" help:"Walk the chain of the audit trail."`
}

// asSystem is the scope of a person who has the machine itself.
func asSystem() record.Scope {
	return record.Scope{
		Actor: record.Actor{Kind: record.ActorSystem, ID: "lianzhen-admin", Institution: authz.Root, Display: "lianzhen admin"},
		All:   true, Purpose: record.Operations, Rule: "admin-command",
	}
}

// with opens the rooms for one command.
func (w where) with(ctx context.Context, do func(a *app) error) error {
	cfg, err := w.load(nil)
	if err != nil {
		return err
	}
	cfg.Log.Format, cfg.Log.Level = "text", "warn"
	a, err := open(ctx, cfg, "spool-admin")
	if err != nil {
		return err
	}
	return errors.Join(do(a), a.close())
}

func printJSON(out io.Writer, v any) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

type fsckCmd struct {
	where
	Quick bool `help:"Sizes only, no SHA-256."`
	Sweep bool `help:"Delete bytes that no row points to and that are older than an hour."`
}

// Run prints what was found; damage is a failure.
func (c *fsckCmd) Run(ctx context.Context, out io.Writer) error {
	return c.with(ctx, func(a *app) error {
		found, err := a.imaging.Fsck(ctx, imaging.FsckOptions{Quick: c.Quick, Sweep: c.Sweep})
		if err != nil {
			return err
		}
		tracings, err := a.ecg.Fsck(ctx, ecg.FsckOptions{Quick: c.Quick, Sweep: c.Sweep})
		if err != nil {
			return err
		}
		results, err := a.lab.Fsck(ctx, store.FsckOptions{Quick: c.Quick, Sweep: c.Sweep})
		if err != nil {
			return err
		}
		var reports []string
		signed, err := a.room.Fsck(ctx, func(id record.ReportID, why error) {
			reports = append(reports, fmt.Sprintf("%s: %v", id, why))
		})
		if err != nil {
			return err
		}
		if err := printJSON(out, fsckResult{found, tracings, results, signed, reports}); err != nil {
			return err
		}
		if found.Damaged() || tracings.Damaged() || results.Damaged() || len(reports) > 0 {
			return errors.New("fsck: there is damage")
		}
		return nil
	})
}

// fsckResult is what the rooms found.
type fsckResult struct {
	Imaging        imaging.Fsck
	ECG            ecg.Fsck
	Lab            lab.Fsck
	Reports        int
	DamagedReports []string
}

type reindexCmd struct{ where }

// Run prints what was rebuilt.
func (c *reindexCmd) Run(ctx context.Context, out io.Writer) error {
	return c.with(ctx, func(a *app) error {
		release, err := lockFolder(a.cfg.Data)
		if err != nil {
			return err
		}
		a.later(release)
		var rebuilt struct {
			Imaging imaging.Rebuilt
			ECG     ecg.Rebuilt
			Lab     lab.Rebuilt
		}
		if rebuilt.Imaging, err = a.imaging.Reindex(ctx, func(imaging.Rebuilt) {}); err == nil {
			rebuilt.ECG, err = a.ecg.Reindex(ctx, func(ecg.Rebuilt) {})
		}
		if err == nil {
			rebuilt.Lab, err = a.lab.Reindex(ctx, func(lab.Rebuilt) {})
		}
		return errors.Join(err, printJSON(out, rebuilt))
	})
}

type backupCmd struct {
	where
	To string `arg:"" help:"File to write; it must not exist." type:"path"`
}

// Run writes the copy.
func (c *backupCmd) Run(ctx context.Context, out io.Writer) error {
	if _, err := os.Stat(c.To); err == nil {
		return wrong("%s is there already", c.To)
	}
	return c.with(ctx, func(a *app) error {
		if err := a.db.Backup(ctx, c.To); err != nil {
			return err
		}
		_, err := fmt.Fprintf(out, "%s\nThe keys folder is not in it: back it up apart.\n", c.To)
		return err
	})
}

type userCmd struct {
	Create userCreateCmd `cmd:"" help:"Make an account. The first one becomes the platform's administrator."`
	List   userListCmd   `cmd:"" help:"List accounts."`
}

type userCreateCmd struct {
	where
	Login       string `arg:"" help:"Login name."`
	Name        string `help:"Name that others see." required:""`
	Role        string `help:"Role, with --institution. Without it: the first administrator."`
	Institution string `help:"Where the role is."`
}

// Run reads the password from the terminal or the pipe, never from the command line, where others could see it.
func (c *userCreateCmd) Run(ctx context.Context, out io.Writer) error {
	if (c.Role == "") != (c.Institution == "") {
		return wrong("--role and --institution: want both or none")
	}
	password, err := readPassword(os.Stdin)
	if err != nil {
		return err
	}
	return c.with(ctx, func(a *app) error {
		var u authz.User
		if c.Role == "" {
			u, err = a.book.CreateFirstAdmin(ctx, c.Login, password, record.Personal(c.Name))
		} else {
			u, err = a.book.CreateUser(ctx, asSystem(), authz.NewUser{
				Login: c.Login, DisplayName: record.Personal(c.Name), Password: password,
				Roles: []authz.Grant{{Role: c.Role, Institution: record.InstitutionID(c.Institution)}},
			})
		}
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(out, u.ID)
		return err
	})
}

func readPassword(in *os.File) (string, error) {
	if info, err := in.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
		_, _ = fmt.Fprint(os.Stderr, "password (shown while typed; better: pipe it in): ")
	}
	line, err := io.ReadAll(io.LimitReader(in, 1024))
	password, _, _ := strings.Cut(string(line), "\n")
	if password = strings.TrimSuffix(password, "\r"); err != nil || password == "" {
		return "", wrong("password: nothing came on standard input")
	}
	return password, nil
}

type userListCmd struct{ where }

// Run lists one account a line.
func (c *userListCmd) Run(ctx context.Context, out io.Writer) error {
	return c.with(ctx, func(a *app) error {
		for after := ""; ; {
			users, next, err := a.book.ListUsers(ctx, asSystem(), "", store.Page{After: after, Limit: 1000})
			if err != nil {
				return err
			}
			for _, u := range users {
				var roles []string
				for _, g := range u.Roles {
					roles = append(roles, g.Role+"@"+string(g.Institution))
				}
				if _, err := fmt.Fprintf(out, "%s\t%s\tactive=%t\t%s\n", u.ID, u.Login, u.Active, strings.Join(roles, " ")); err != nil {
					return err
				}
			}
			if after = next; next == "" {
				return nil
			}
		}
	})
}

type keyCmd struct {
	Create keyCreateCmd `cmd:"" help:"Make an API key and print it, this once."`
}

type keyCreateCmd struct {
	where
	Name        string        `arg:"" help:"What the key is for."`
	Institution string        `required:"" help:"For which institution."`
	Scopes      []string      `required:"" name:"scope" help:"imaging:write, imaging:read, ..."`
	For         time.Duration `help:"How long it is valid; without it, until revoked."`
}

// Run prints the key.
func (c *keyCreateCmd) Run(ctx context.Context, out io.Writer) error {
	return c.with(ctx, func(a *app) error {
		k := authz.APIKey{Name: c.Name, Institution: record.InstitutionID(c.Institution), Scopes: c.Scopes}
		if c.For > 0 {
			k.ExpiresAt = a.db.Now().Add(c.For)
		}
		_, text, err := a.book.CreateKey(ctx, asSystem(), k)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(out, text)
		return err
	})
}

type policyCmd struct {
	Show  policyShowCmd  `cmd:"" help:"Print the rows in force."`
	Check policyCheckCmd `cmd:"" help:"Check a file of rows: problems, and what it would change."`
}

type policyShowCmd struct{ where }

// Run prints the policy.
func (c *policyShowCmd) Run(ctx context.Context, out io.Writer) error {
	return c.with(ctx, func(a *app) error {
		_, rows, version := a.guard.Policy()
		_, err := fmt.Fprintf(out, "# version %s\n%s", version, rows)
		return err
	})
}

type policyCheckCmd struct {
	where
	File string `arg:"" help:"Rows as casbin writes them." type:"existingfile"`
}

// Run fails when there are problems.
func (c *policyCheckCmd) Run(ctx context.Context, out io.Writer) error {
	rows, err := os.ReadFile(c.File)
	if err != nil {
		return err
	}
	return c.with(ctx, func(a *app) error {
		_, _, version := a.guard.Policy()
		change, err := a.guard.Update(ctx, asSystem(), string(rows), version, true)
		if err != nil {
			return err
		}
		if err := printJSON(out, change); err != nil {
			return err
		}
		if len(change.Problems) > 0 {
			return errors.New("policy: there are problems")
		}
		return nil
	})
}

type verifyCmd struct{ where }

// Run prints count and head, to be noted elsewhere.
func (c *verifyCmd) Run(ctx context.Context, out io.Writer) error {
	return c.with(ctx, func(a *app) error {
		proof, err := a.db.VerifyEvents(ctx)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(out, "intact: %d events, head %s\n", proof.Count, proof.Head)
		return err
	})
}
