package store

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParametersByPlace(t *testing.T) {
	for _, x := range []struct{ name, text, want string }{
		{"in order", `INSERT INTO t (a, b) VALUES ($1,$2),($3,$4)`, `INSERT INTO t (a, b) VALUES (?,?),(?,?)`},
		{"ten and more", `VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11)`, `VALUES (?,?,?,?,?,?,?,?,?,?,?)`},
		{"none", `SELECT 1`, `SELECT 1`},
		{"twice the same", `SELECT $1 UNION SELECT $1`, `SELECT $1 UNION SELECT $1`},
		{"not in order", `UPDATE t SET a = $2 WHERE b = $1`, `UPDATE t SET a = $2 WHERE b = $1`},
		{"texts stay as they are", `SELECT '$1' WHERE a = $1`, `SELECT '$1' WHERE a = $1`},
	} {
		t.Run(x.name, func(t *testing.T) {
			if diff := cmp.Diff(x.want, positional(x.text)); diff != "" {
				t.Error(diff)
			}
		})
	}
	if diff := cmp.Diff(`($1,$2,$3),($4,$5,$6)`, marks(2, 3)); diff != "" {
		t.Error(diff)
	}
}
