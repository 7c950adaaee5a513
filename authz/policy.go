// Policy text: reading the rows and saying what is wrong with them, before casbin or a request sees them.

package authz

import (
	_ "embed"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/lianzhen/lianzhen/record"
)

//go:embed model.conf
var modelText string

//go:embed policy.csv
var policyText string

// row is one line of the policy.
type row struct {
	ID, Role, Rel, Kind, Act, Purpose, Guard, Eft string
	line                                          int
}

func (r row) deny() bool { return r.Eft == "deny" }

// columns are the fields in the order of the model's policy definition.
func (r row) columns() []string {
	return []string{r.ID, r.Role, r.Rel, r.Kind, r.Act, r.Purpose, r.Guard, r.Eft}
}

func (r row) String() string { return "p, " + strings.Join(r.columns(), ", ") }

// anything is the wildcard of a column.
const anything = "*"

const (
	maxRows      = 4096
	maxPolicyLen = 256 << 10
)

// parseRows reads casbin CSV. Problems name the line; rows that have one are left out.
func parseRows(text string) (rows []row, problems []string) {
	if len(text) > maxPolicyLen {
		return nil, []string{fmt.Sprintf("longer than %d bytes", maxPolicyLen)}
	}
	r := csv.NewReader(strings.NewReader(text))
	r.Comment, r.TrimLeadingSpace, r.FieldsPerRecord = '#', true, -1
	for {
		fields, err := r.Read()
		if errors.Is(err, io.EOF) {
			return rows, problems
		}
		if err != nil {
			return rows, append(problems, err.Error())
		}
		line, _ := r.FieldPos(0)
		for i := range fields {
			fields[i] = strings.TrimSpace(fields[i])
		}
		switch {
		case fields[0] != "p":
			problems = append(problems, fmt.Sprintf("line %d: a row begins with p: roles are granted to people, not here", line))
		case len(fields) != 9:
			problems = append(problems, fmt.Sprintf("line %d: want p and 8 columns, have %d", line, len(fields)-1))
		case len(rows) == maxRows:
			return rows, append(problems, fmt.Sprintf("more than %d rows", maxRows))
		default:
			f := fields[1:]
			rows = append(rows, row{f[0], f[1], f[2], f[3], f[4], f[5], f[6], f[7], line})
		}
	}
}

// lint says what is wrong with rows by themselves: unknown words, and combinations that no scope can express.
func lint(rows []row) (problems []string) {
	ids := make(map[string]bool)
	for _, r := range rows {
		for _, p := range r.problems() {
			problems = append(problems, fmt.Sprintf("line %d: %s", r.line, p))
		}
		if ids[r.ID] {
			problems = append(problems, fmt.Sprintf("line %d: the id %q is used twice", r.line, r.ID))
		}
		ids[r.ID] = true
	}
	return problems
}

func (r row) problems() (out []string) {
	check := func(ok bool, format string, args ...any) {
		if !ok {
			out = append(out, fmt.Sprintf(format, args...))
		}
	}
	check(record.ValidID(r.ID) && !strings.Contains(r.ID, "+"), "the id %q is not a valid id", r.ID)
	check(r.Role == anything || slices.Contains(roleWords, r.Role), "unknown role %q", r.Role)
	check(slices.Contains(relationWords, r.Rel), "unknown relation %q", r.Rel)
	check(r.Kind == anything || vocabulary[r.Kind] != nil, "unknown kind %q", r.Kind)
	check(r.Act == anything || r.Kind == anything || slices.Contains(vocabulary[r.Kind], r.Act), "unknown act %q of kind %q", r.Act, r.Kind)
	check(r.Purpose == anything || slices.Contains(purposes, record.Purpose(r.Purpose)), "unknown purpose %q", r.Purpose)
	check(slices.Contains(guardWords, r.Guard), "unknown guard %q", r.Guard)
	switch r.Eft {
	case "allow":
		return append(out, r.allowProblems()...)
	case "deny":
		check(r.Rel == "any", "a deny row has relation any: a scope cannot leave out single institutions")
		check(r.Guard == "none" || r.Guard == "withdrawn", "a deny row has guard none or withdrawn")
		check(r.Guard != "withdrawn" || r.Purpose == anything, "withdrawn consent counts for every purpose")
		return out
	}
	return append(out, fmt.Sprintf("unknown effect %q", r.Eft))
}

func (r row) allowProblems() (out []string) {
	check := func(ok bool, text string) {
		if !ok {
			out = append(out, text)
		}
	}
	check(r.Kind != anything && r.Act != anything && r.Purpose != anything, "an allow row names kind, act and purpose")
	check(r.Guard != "withdrawn", "the guard withdrawn is for deny rows")
	check(r.Guard != "relationship" || (r.Rel == "any" && patientKinds[r.Kind]), "the guard relationship goes with relation any and a kind about patients")
	check(r.Guard != "breakglass" || (r.Rel == "any" && patientKinds[r.Kind] && r.Purpose == string(record.EmergencyTreatment)),
		"the guard breakglass goes with relation any, purpose ETREAT and a kind about patients")
	check(!patientKinds[r.Kind] || r.Guard == "breakglass" || r.Purpose != string(record.EmergencyTreatment),
		"the purpose ETREAT goes with the guard breakglass")
	check(!patientKinds[r.Kind] || slices.Contains(medical, r.Role), "patient data only for the medical roles: "+strings.Join(medical, ", "))
	check(!patientKinds[r.Kind] || r.Rel != "any" || r.Guard != "none", "patient data of any institution only with a guard")
	return out
}

// unreachable names the acts that no allow row lets anybody do.
func unreachable(rows []row) (problems []string) {
	reached := make(map[string]bool)
	for _, r := range rows {
		if !r.deny() {
			reached[r.Kind+"."+r.Act] = true
		}
	}
	for _, k := range Kinds() {
		for _, a := range vocabulary[k] {
			if !reached[k+"."+a] {
				problems = append(problems, fmt.Sprintf("nobody may %s %s", a, k))
			}
		}
	}
	return problems
}
