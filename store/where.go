// Where: the conditions of a query, with their arguments.

package store

import (
	"fmt"
	"strings"
)

// Where gathers conditions and their arguments. ScopeSQL takes Args.
type Where struct {
	Conds []string
	Args  []any
}

// Arg adds an argument and gives its mark.
func (w *Where) Arg(v any) string {
	w.Args = append(w.Args, v)
	return fmt.Sprintf("$%d", len(w.Args))
}

// And adds a condition.
func (w *Where) And(cond string) { w.Conds = append(w.Conds, cond) }

// Equal asks for a value of a column, where there is one.
func (w *Where) Equal(column, v string) {
	if v != "" {
		w.And(column + " = " + w.Arg(v))
	}
}

// In asks for one of the values, of which there is at least one.
func In[S ~string](w *Where, column string, values []S) {
	marks := make([]string, len(values))
	for i, v := range values {
		marks[i] = w.Arg(string(v))
	}
	w.And(column + " IN (" + strings.Join(marks, ",") + ")")
}

// String is the conditions as SQL; without any it is one that holds always.
func (w *Where) String() string {
	if len(w.Conds) == 0 {
		return "1=1"
	}
	return strings.Join(w.Conds, " AND ")
}
