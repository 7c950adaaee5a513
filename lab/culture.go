// Culture: what grew and what stops it, put together from the rows of a culture and of its susceptibility reports.

package lab

import (
	"cmp"
	"context"
	"slices"
	"strconv"

	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/record"
)

// Isolate 分离菌 is an organism that grew, with its susceptibilities.
type Isolate struct {
	Number           string            // OBX-4 of the row that names it, as sent
	Row              string            // of the organism; empty: its culture has not come, or is not released yet
	Report           record.ExamID     // that the row is in
	Organism         observation.Value // as its sender has it: coded, or a text
	Status           observation.Status
	Quantity         string   // "100000 {CFU}/mL", "+++"
	Notes            []string // comments, and what else is said of it: "ESBL: 阳性"
	Susceptibilities []Susceptibility

	rows []string // that it was made of
}

// Susceptibility 药敏 is one drug. The concentration keeps its comparator and its digits.
type Susceptibility struct {
	Row            string
	Version        int
	Report         record.ExamID
	Drug           observation.Coding
	Method         string // as sent; MIC or KB by the unit where nothing is said
	Value          string // "<=0.25", "22"; empty: only the letter was sent
	Unit           string
	Breakpoints    string // OBX-7
	Interpretation string // S SDD I R NS, other letters of HL7 table 0078; empty: there are no breakpoints
	Status         observation.Status
	Notes          []string

	rows []string
}

// cultureReports are the reports of the tree that a report belongs to: the culture first. One that belongs to none is alone.
func (c *Centre) cultureReports(ctx context.Context, s record.Scope, k Kept, v View) ([]Kept, error) {
	root := k.Parent
	if root == "" {
		if !slices.ContainsFunc(k.Rows, func(r Row) bool { return bears(&r) }) {
			return []Kept{k}, nil
		}
		root = k.ID
	}
	args := []any{string(root)}
	found, err := c.reportRows(ctx, c.db, `(r.id = $1 OR r.parent = $1) AND `+c.db.ScopeSQL(s, "r.institution_id", "r.patient_id", &args)+
		` ORDER BY CASE WHEN r.id = $1 THEN 0 ELSE 1 END, r.received_at, r.id LIMIT `+strconv.Itoa(maxBranches), args)
	if err != nil {
		return nil, err
	}
	out := make([]Kept, len(found))
	for i := range found {
		if out[i] = found[i].Kept; out[i].ID == k.ID {
			out[i] = k
		} else if err := c.branchRows(ctx, s, &out[i], v); err != nil {
			return nil, err
		}
	}
	return out, nil
}

var viewSQL = map[View]string{Shown: " AND x.shown = 1", Working: " AND (x.shown = 1 OR x.latest = 1)", History: ""}

// branchRows reads the rows of another report of a tree; the reading is noted before.
func (c *Centre) branchRows(ctx context.Context, s record.Scope, k *Kept, v View) (err error) {
	if err := c.noteFirst(ctx, s, record.Event{
		Act: reportRead, Institution: k.Institution, Patient: k.Patient, Kind: "lab-report", Object: string(k.ID),
		Detail: map[string]string{"version": strconv.Itoa(k.Version)},
	}, k.ID); err != nil {
		return err
	}
	k.Rows, err = c.rows(ctx, c.db, `x.report_id = $1`+viewSQL[v]+` ORDER BY x.number, x.id, x.version`, []any{string(k.ID)})
	if v != History {
		k.hideWithdrawn()
	}
	return err
}

// maxBranches is how many reports of one culture are shown.
const maxBranches = 100

// grow puts the tree of a report together, and notes that all of it was read.
func (c *Centre) grow(ctx context.Context, s record.Scope, k *Kept, v View) error {
	all, err := c.cultureReports(ctx, s, *k, v)
	if err != nil {
		return err
	}
	for i := range all {
		x := &all[i]
		if x.ID == k.ID {
			continue
		}
		if x.ID == k.Parent {
			k.culture = x
		} else if k.Parent == "" {
			k.Children = append(k.Children, *x)
		}
	}
	k.Isolates = isolatesOf(all, v == Working)
	return nil
}

// isolatesOf makes the isolates of a tree from the rows in view; working: and from those that wait for validation.
func isolatesOf(all []Kept, working bool) []Isolate {
	var g gathering
	for i := range all {
		for _, r := range inView(all[i].Rows, working) {
			if tied(r.Result.Probe) {
				g.tested = append(g.tested, r)
			} else {
				g.grown = append(g.grown, r)
			}
		}
	}
	g.organisms()
	g.susceptibilities()
	g.remarks()
	return g.out
}

// gathering is a tree on its way to isolates.
type gathering struct {
	grown, tested []*Row
	out           []Isolate
	at            map[string]int // by row of the organism; by number and text where that is not in view
}

// organisms finds the rows that name what grew: those that susceptibilities hang on, and those whose code says so.
func (g *gathering) organisms() {
	g.at = map[string]int{}
	wanted := map[string]bool{}
	results, loincs := resultsOf(g.grown)
	for _, r := range g.tested {
		if i := isolateFor(results, loincs, r.Result.Probe); i >= 0 {
			wanted[g.grown[i].ID] = true
		}
	}
	for i, r := range g.grown {
		if x := &r.Result; wanted[r.ID] || x.SubID != "" && names(x, loincs[i]) == 3 {
			g.at[r.ID] = len(g.out)
			g.out = append(g.out, Isolate{
				Number: x.SubID, Row: r.ID, Report: r.Report, Organism: x.Value, Status: x.Status, Notes: slices.Clone(x.Notes), rows: []string{r.ID},
			})
		}
	}
}

func resultsOf(rows []*Row) ([]observation.Result, []string) {
	results, loincs := make([]observation.Result, len(rows)), make([]string, len(rows))
	for i, r := range rows {
		results[i], loincs[i] = r.Result, r.LOINC
	}
	return results, loincs
}

// of is the isolate of a susceptibility. One whose organism is not in view is made of what the susceptibility says of it.
func (g *gathering) of(results []observation.Result, loincs []string, p observation.Parent) *Isolate {
	key := "?" + p.SubID + "|" + p.Code + "|" + p.Text
	if i := isolateFor(results, loincs, p); i >= 0 {
		key = g.grown[i].ID
	}
	n, ok := g.at[key]
	if !ok {
		n = len(g.out)
		g.at[key] = n
		g.out = append(g.out, Isolate{Number: p.SubID, Organism: observation.Value{Kind: observation.Text, Text: p.Text}})
	}
	return &g.out[n]
}

func (g *gathering) susceptibilities() {
	results, loincs := resultsOf(g.grown)
	pairs := map[string]int{}
	for _, r := range g.tested {
		pairs[pairKey(r)]++
	}
	for _, r := range g.tested {
		i, x := g.of(results, loincs, r.Result.Probe), &r.Result
		i.rows = append(i.rows, r.ID)
		letter := interpretation(x)
		if letter == "" && !measured(x.Value) {
			if text := remark(x); text != "" {
				i.Notes = append(i.Notes, text)
			}
			continue
		}
		if n := len(i.Susceptibilities); n > 0 && pairs[pairKey(r)] == 2 && i.Susceptibilities[n-1].join(r, letter) {
			continue
		}
		i.Susceptibilities = append(i.Susceptibilities, susceptibility(r, letter))
	}
}

// pairKey is what two rows share that say one drug's concentration and its letter: the report and OBX-4.
func pairKey(r *Row) string {
	return string(r.Report) + "|" + r.Result.Probe.SubID + "|" + r.Result.SubID
}

func susceptibility(r *Row, letter string) Susceptibility {
	x := &r.Result
	out := Susceptibility{
		Row: r.ID, Version: r.Version, Report: r.Report, Drug: x.Code, Method: methodOf(x), Unit: x.Unit.Display(), Breakpoints: x.Range, Interpretation: letter,
		Status: x.Status, Notes: slices.Clone(x.Notes), rows: []string{r.ID},
	}
	if interpreted(x.Value) == "" {
		out.Value = x.Value.String()
	}
	return out
}

// join takes the letter, or the concentration, that the row behind it says of the same drug. False where that is another drug.
func (s *Susceptibility) join(r *Row, letter string) bool {
	x := &r.Result
	switch {
	case s.Interpretation == "" && interpreted(x.Value) != "" && len(s.rows) == 1:
		s.Interpretation = letter
	case s.Value == "" && letter == "" && measured(x.Value) && len(s.rows) == 1:
		s.Value, s.Unit, s.Method = x.Value.String(), x.Unit.Display(), methodOf(x)
	default:
		return false
	}
	s.Breakpoints, s.rows = cmp.Or(s.Breakpoints, x.Range), append(s.rows, r.ID)
	s.Notes = append(s.Notes, x.Notes...)
	return true
}

// remarks gives the other rows of an isolate's number to it: how much grew, what else was seen.
func (g *gathering) remarks() {
	for _, r := range g.grown {
		x := &r.Result
		if _, organism := g.at[r.ID]; organism || x.SubID == "" {
			continue
		}
		for i := range g.out {
			b := &g.out[i]
			if b.Row == "" || b.Report != r.Report || b.Number != rootOf(x.SubID) {
				continue
			}
			b.rows = append(b.rows, r.ID)
			if colonies(x) && b.Quantity == "" {
				b.Quantity = valueUnit(x)
			} else if text := remark(x); text != "" {
				b.Notes = append(b.Notes, text)
			}
			break
		}
	}
}

func valueUnit(x *observation.Result) string {
	if u := x.Unit.Display(); u != "" {
		return x.Value.String() + " " + u
	}
	return x.Value.String()
}

func remark(x *observation.Result) string {
	v := valueUnit(x)
	if name := x.Code.Display(); name != "" && v != "" {
		return name + "：" + v
	}
	return v
}

// inView are the rows that isolates are made of: those in view, and for who works in the laboratory those that wait where none is.
func inView(rows []Row, working bool) []*Row {
	shown := map[string]bool{}
	for i := range rows {
		shown[rows[i].ID] = shown[rows[i].ID] || rows[i].Shown
	}
	var out []*Row
	for i := range rows {
		r := &rows[i]
		if r.Shown || working && r.Latest && !shown[r.ID] && r.awaited() {
			out = append(out, r)
		}
	}
	return out
}
