// A Scope as SQL, so that rooms filter where the rows are.

package store

import (
	"fmt"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/record"
)

// ScopeSQL is DB.ScopeSQL by the clock of the machine.
func ScopeSQL(s record.Scope, institutionCol, patientCol string, args *[]any) string {
	return scopeSQL(s, time.Now(), institutionCol, patientCol, args)
}

// ScopeSQL writes a condition that holds for the rows inside s and appends its arguments, numbered on from those
// already in args. institutionCol and patientCol name the columns of the row, qualified or not; they come from the
// program, never from a caller. Without a patientCol only institutions count. The zero scope gives (1=0).
func (db *DB) ScopeSQL(s record.Scope, institutionCol, patientCol string, args *[]any) string {
	return scopeSQL(s, db.Now(), institutionCol, patientCol, args)
}

func scopeSQL(s record.Scope, now time.Time, institutionCol, patientCol string, args *[]any) string {
	arg := func(v any) string {
		*args = append(*args, v)
		return fmt.Sprintf("$%d", len(*args))
	}
	var reach []string
	if s.All {
		reach = append(reach, "1=1")
	} else {
		reach = inSQL(institutionCol, s.Institutions, arg)
		if s.RelatedAt != "" && patientCol != "" {
			reach = append(reach, fmt.Sprintf(
				"EXISTS (SELECT 1 FROM scope_encounters WHERE scope_patient = %s AND scope_institution = %s AND scope_expires > %s)",
				patientCol, arg(string(s.RelatedAt)), arg(record.Micros(now))))
		}
	}
	if len(reach) == 0 {
		return "(1=0)"
	}
	cond := "(" + strings.Join(reach, " OR ") + ")"
	if !s.HideWithdrawn || patientCol == "" {
		return cond
	}
	hide := fmt.Sprintf("NOT EXISTS (SELECT 1 FROM scope_withdrawals WHERE scope_patient = %s)", patientCol)
	if s.Own != "" {
		hide = fmt.Sprintf("(%s = %s OR %s)", institutionCol, arg(string(s.Own)), hide)
	}
	return "(" + cond + " AND " + hide + ")"
}

// inSQL splits a long list, so that no IN grows past what planners like.
func inSQL(column string, ids []record.InstitutionID, arg func(any) string) []string {
	const atOnce = 200
	var out []string
	for len(ids) > 0 {
		n := min(atOnce, len(ids))
		marks := make([]string, n)
		for i, id := range ids[:n] {
			marks[i] = arg(string(id))
		}
		out = append(out, fmt.Sprintf("%s IN (%s)", column, strings.Join(marks, ",")))
		ids = ids[n:]
	}
	return out
}
