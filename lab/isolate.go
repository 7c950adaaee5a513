// Isolates: which rows of a message are susceptibilities, and what grew that they belong to (HL7 v2.5.1 7.1.1, OBR-26, OBR-29, OBX-4).

package lab

import (
	"cmp"
	"slices"
	"strings"

	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/lab/verify"
	"github.com/lianzhen/lianzhen/record"
)

// letters of a susceptibility (HL7 table 0078), and what laboratories write for them.
var interpretations = map[string]string{
	"S": "S", "SDD": "SDD", "I": "I", "R": "R", "NS": "NS", "MS": "MS", "VS": "VS", "SYN-R": "SYN-R", "SYN-S": "SYN-S", "WT": "WT", "NWT": "NWT",
	"敏感": "S", "剂量依赖性敏感": "SDD", "剂量依赖敏感": "SDD", "中介": "I", "中度敏感": "I", "耐药": "R", "非敏感": "NS", "不敏感": "NS",
	"SUSCEPTIBLE": "S", "SENSITIVE": "S", "SUSCEPTIBLE-DOSE DEPENDENT": "SDD", "SUSCEPTIBLE DOSE DEPENDENT": "SDD", "INTERMEDIATE": "I", "RESISTANT": "R",
	"NONSUSCEPTIBLE": "NS", "NON-SUSCEPTIBLE": "NS", "NOT SUSCEPTIBLE": "NS",
}

// interpretation is the letter of a susceptibility: of the flags, else of the value itself. Empty for a row that is none.
func interpretation(x *observation.Result) string {
	for _, f := range x.Flags {
		if l := interpretations[strings.ToUpper(strings.TrimSpace(f))]; l != "" {
			return l
		}
	}
	return interpreted(x.Value)
}

func interpreted(v observation.Value) string {
	switch v.Kind {
	case observation.Coded:
		return cmp.Or(interpretations[strings.ToUpper(v.Coding.Code)], interpretations[strings.ToUpper(v.Coding.Text)])
	case observation.Text:
		if len(v.Text) > 40 {
			return ""
		}
		return interpretations[strings.ToUpper(strings.TrimSpace(v.Text))]
	}
	return ""
}

// measured reports a concentration or a zone.
func measured(v observation.Value) bool {
	return v.Kind == observation.Quantity || v.Kind == observation.Range || v.Kind == observation.Ratio
}

// methodOf is how a susceptibility was measured: as its sender says, else as its unit tells.
func methodOf(x *observation.Result) string {
	if m := x.Method.Display(); m != "" {
		return m
	}
	return methods[strings.ToLower(strings.NewReplacer("µ", "u", "μ", "u", " ", "").Replace(cmp.Or(x.Unit.Code, x.Unit.Text)))]
}

var methods = map[string]string{"ug/ml": "MIC", "mg/l": "MIC", "mcg/ml": "MIC", "mm": "KB"}

// cultures are LOINC codes of rows that name what grew.
var cultures = []string{
	"600-7", "580-1", "606-4", "625-4", "626-2", "630-4", "634-6", "635-3", "6460-0", "6462-6", "6463-4", "11475-1", "17928-3", "17934-1", "41852-5",
}

// maxName is the longest name of what grew, in bytes: what is longer is a remark.
const maxName = 300

// names tells how surely a row names what grew: 0 it does not. Words that say that nothing grew are no name.
func names(x *observation.Result, loinc string) int {
	coded, text := x.Value.Kind == observation.Coded, x.Value.String()
	switch {
	case !coded && x.Value.Kind != observation.Text, text == "", len(text) > maxName, interpretation(x) != "", x.Probe != observation.Parent{}, verify.Ordinal(text) != "", verify.Denies(text):
		return 0
	case slices.Contains(cultures, cmp.Or(x.Code.In(observation.LOINC), loinc)) && (verify.Grows(text) || coded && x.SubID != ""):
		return 3
	case verify.Grows(text):
		return 2
	case coded && x.SubID != "" && !strings.Contains(x.SubID, "."):
		return 1
	}
	return 0
}

// tied reports a report that says what it grew from.
func tied(p observation.Parent) bool { return p != observation.Parent{} }

// growTree tells the susceptibilities of a message from other rows, and says of each to which isolate it belongs.
func growTree(reports []observation.Report) {
	for i := range reports {
		r := &reports[i]
		switch {
		case !tied(r.Parent):
			branch(r.Results)
		case r.Parent.SubID != "" || slices.ContainsFunc(r.Results, func(x observation.Result) bool { return interpretation(&x) != "" }):
			if r.Parent.Filler == "" && r.Parent.Placer == "" {
				r.Parent.Filler, r.Parent.Placer = cultureIn(reports, i)
			}
			for k := range r.Results {
				r.Results[k].Probe = r.Parent
			}
		}
	}
}

// cultureIn finds the numbers of the culture of report n in its message: of the last before it that has the row, else of one behind it.
func cultureIn(reports []observation.Report, n int) (filler, placer string) {
	order := make([]int, 0, len(reports))
	for i := n - 1; i >= 0; i-- {
		order = append(order, i)
	}
	for i := n + 1; i < len(reports); i++ {
		order = append(order, i)
	}
	child := &reports[n]
	for _, i := range order {
		r := &reports[i]
		if !tied(r.Parent) && !disagrees(r.Specimen.ID, child.Specimen.ID) && isolateFor(r.Results, nil, child.Parent) >= 0 {
			return r.Filler, r.Placer
		}
	}
	return "", ""
}

// isolateFor is the place of the row that a susceptibility belongs to, -1 if it is not there. loincs are those that the catalogue gives the rows.
func isolateFor(rows []observation.Result, loincs []string, p observation.Parent) int {
	best, score, many := -1, 0, false
	for i := range rows {
		x := &rows[i]
		loinc := ""
		if loincs != nil {
			loinc = loincs[i]
		}
		n := names(x, loinc)
		switch {
		case x.Probe != observation.Parent{}:
			continue
		case p.SubID != "" && x.SubID != p.SubID, p.SubID == "" && p.Code != "" && !coded(x.Code, p.Code):
			continue
		case p.Code != "" && coded(x.Code, p.Code):
			n += 10
		case n == 0:
			continue
		}
		many = many || score > 0 && p.SubID == "" && p.Code == ""
		if n > score {
			best, score = i, n
		}
	}
	if many { // it does not say which of several
		return -1
	}
	return best
}

func coded(c observation.Coding, code string) bool {
	return c.Code == code || slices.ContainsFunc(c.Alternates, func(a observation.Coding) bool { return a.Code == code })
}

// rootOf is the number of the isolate in OBX-4: that before the first point.
func rootOf(sub string) string {
	root, _, _ := strings.Cut(sub, ".")
	return root
}

// branch finds the susceptibilities among rows of one report: those that share OBX-4 with what grew, or stand below it ("1.2").
func branch(rows []observation.Result) {
	if !slices.ContainsFunc(rows, func(x observation.Result) bool { return strings.Contains(x.SubID, ".") || interpretation(&x) != "" }) {
		return
	}
	groups := map[string][]int{}
	for i := range rows {
		root := rootOf(rows[i].SubID)
		groups[root] = append(groups[root], i)
	}
	for root, group := range groups {
		at, score, some := -1, 0, false
		for _, i := range group {
			some = some || interpretation(&rows[i]) != "" || root != "" && rows[i].SubID != root
			if n := names(&rows[i], ""); n > score && rows[i].SubID == root && (root != "" || n > 1) {
				at, score = i, n
			}
		}
		if at < 0 || !some {
			continue
		}
		isolate := observation.Parent{Code: rows[at].Code.Code, SubID: root, Text: record.Clip(rows[at].Value.String(), 500)}
		for _, i := range group {
			if i != at && susceptible(&rows[i], root) {
				rows[i].Probe = isolate
			}
		}
	}
}

// susceptible reports a row of an isolate's group that is a susceptibility, not a count of colonies or a remark.
func susceptible(x *observation.Result, root string) bool {
	return interpretation(x) != "" || measured(x.Value) && (methodOf(x) == "MIC" || methodOf(x) == "KB" || x.SubID != root && !colonies(x))
}

// colonies reports a count of what grew.
func colonies(x *observation.Result) bool {
	unit := strings.ToUpper(cmp.Or(x.Unit.Code, x.Unit.Text) + " " + x.Value.String())
	name := strings.ToLower(x.Code.Text)
	return x.Code.In(observation.LOINC) == "564-5" || strings.Contains(unit, "CFU") || strings.Contains(name, "colony") || strings.Contains(name, "菌落") ||
		strings.Contains(name, "计数") || strings.Contains(name, "quantity")
}

// cultureNumber is the number by which the culture of a susceptibility report is known: of the work, of the order, of the tube. Empty for a report
// that has no susceptibilities of another.
func cultureNumber(r *observation.Report) string {
	p := r.Parent
	if !tied(p) || len(r.Results) == 0 || r.Results[0].Probe != p {
		return ""
	}
	switch {
	case p.Filler != "":
		return "f:" + p.Filler
	case p.Placer != "":
		return "p:" + p.Placer
	case r.Specimen.ID != "":
		return "s:" + r.Specimen.ID
	}
	return ""
}

// branchKey parts susceptibility reports from each other and from their culture where the sender gives them all one number.
func branchKey(r *observation.Report) string {
	p := r.Parent
	if cultureNumber(r) == "" || p.Filler != "" && r.Filler != "" && p.Filler != r.Filler || p.Filler == "" && p.Placer != "" && disagrees(p.Placer, r.Placer) {
		return ""
	}
	return "|<" + cmp.Or(p.SubID, p.Code)
}
