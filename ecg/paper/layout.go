// Where leads stand on the grid: a table of layouts, and what becomes of leads beside the twelve.

package paper

import (
	"github.com/lianzhen/lianzhen/codec/tracing"
)

// grids has the rows and columns of the twelve leads, which fill columns first, and the rhythm rows below.
var grids = map[Layout]struct{ rows, columns, rhythm int }{
	ThreeByFour1: {3, 4, 1},
	ThreeByFour:  {3, 4, 0},
	ThreeByFour3: {3, 4, 3},
	SixByTwo:     {6, 2, 0},
	SixByTwo1:    {6, 2, 1},
	TwelveByOne:  {12, 1, 0},
}

// cabrera orders the limb leads by the angle they look from; aVR stands there upside down.
var cabrera = []tracing.Code{tracing.LeadAVL, tracing.LeadI, tracing.LeadAVR, tracing.LeadII, tracing.LeadAVF, tracing.LeadIII}

// rhythms are the leads of three rhythm rows.
var rhythms = []tracing.Code{tracing.LeadII, tracing.LeadV1, tracing.LeadV5}

// slot is the place of one lead.
type slot struct {
	lead     int // in the group; -1: the tracing does not have it
	code     tracing.Code
	inverted bool
	row      int
	column   int
	columns  int // of its row
	rhythm   bool
}

const (
	rowsAPage = 18
	usualMost = 8 // with fewer of the twelve leads than this, a tracing gets a row for each lead that it has
)

// arrange gives every lead of g its slot. The number of rows comes with it.
func arrange(g *tracing.Group, o Options) ([]slot, int) {
	leads := g.Leads[:min(len(g.Leads), tracing.MaxLeads)]
	found := map[tracing.Code]int{}
	for i := range leads {
		if _, twice := found[leads[i].Code]; !twice && leads[i].Code != "" {
			found[leads[i].Code] = i
		}
	}
	usual := 0
	for _, c := range tracing.Twelve {
		if _, ok := found[c]; ok {
			usual++
		}
	}
	if usual < usualMost {
		return arrangeRows(leads)
	}
	grid := grids[o.Layout]
	taken := make([]bool, len(leads))
	var slots []slot
	for i, c := range order(o.Cabrera) {
		s := slot{lead: -1, code: c, row: i % grid.rows, column: i / grid.rows, columns: grid.columns, inverted: o.Cabrera && c == tracing.LeadAVR}
		if l, ok := found[c]; ok {
			s.lead, taken[l] = l, true
		}
		slots = append(slots, s)
	}
	rows, k := grid.rows, 0
	for i := range leads {
		if !taken[i] {
			slots = append(slots, slot{lead: i, code: leads[i].Code, row: grid.rows + k/grid.columns, column: k % grid.columns, columns: grid.columns})
			k++
		}
	}
	rows += (k + grid.columns - 1) / grid.columns
	return arrangeRhythm(slots, rows, grid.rhythm, found, o.RhythmLead)
}

func arrangeRows(leads []tracing.Lead) ([]slot, int) {
	slots := make([]slot, len(leads))
	for i := range leads {
		slots[i] = slot{lead: i, code: leads[i].Code, row: i, columns: 1}
	}
	return slots, len(slots)
}

// arrangeRhythm adds the rhythm rows. Where the wanted lead is not there, the first that is stands for it.
func arrangeRhythm(slots []slot, rows, n int, found map[tracing.Code]int, want tracing.Code) ([]slot, int) {
	codes := rhythms[:n]
	if n == 1 {
		codes = []tracing.Code{want}
	}
	for _, c := range codes {
		l, ok := found[c]
		if !ok && n == 1 {
			for _, s := range slots {
				if s.lead >= 0 {
					l, ok, c = s.lead, true, s.code
					break
				}
			}
		}
		if ok {
			slots = append(slots, slot{lead: l, code: c, row: rows, columns: 1, rhythm: true})
			rows++
		}
	}
	return slots, rows
}

func order(byAngle bool) []tracing.Code {
	limb := tracing.Twelve[:6]
	if byAngle {
		limb = cabrera
	}
	return append(append([]tracing.Code(nil), limb...), tracing.Twelve[6:]...)
}

// label is what stands over a lead.
func (s slot) label(g *tracing.Group) string {
	name := s.code.Label()
	if s.lead >= 0 && (s.code == "" || len(name) > 12) {
		name = line(g.Leads[s.lead].Label)
	}
	if r := []rune(name); len(r) > 12 {
		name = string(r[:12])
	}
	if s.inverted {
		return "-" + name
	}
	return name
}
