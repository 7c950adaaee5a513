// Cultures: organisms, and the susceptibilities of each isolate.

package analyser

import (
	"slices"
	"strings"

	"github.com/lianzhen/lianzhen/lab/observation"
)

// micro collects susceptibilities until the order ends.
type micro struct {
	rows    map[string][]observation.Result // by isolate
	order   []string
	parents map[string]observation.Parent
}

// take reads a row of a culture. An organism becomes a coded value under the number of its isolate, and stays with the order; a
// susceptibility is taken for the report of its isolate: then true.
func (m *micro) take(p *Microbiology, in records, r *observation.Result) bool {
	if p == nil {
		return false
	}
	isolate := clip(p.Isolate.get(in), 16)
	if isolate == "" {
		isolate = "1"
	}
	switch {
	case slices.Contains(p.Organism, r.Code.Code):
		r.SubID = isolate
		code, name := clip(p.OrganismID.get(in), 64), clip(p.Name.get(in), 128)
		r.Value = observation.Value{Kind: observation.Coded, Coding: observation.Coding{Code: code, Text: name, System: "L"}}
		if code == "" {
			r.Value = observation.Value{Kind: observation.Text, Text: name}
		}
		m.parent(isolate, observation.Parent{Code: r.Code.Code, SubID: isolate, Text: r.Value.String()})
		return false
	case slices.ContainsFunc(p.Is, func(x string) bool { return strings.EqualFold(x, p.Kind.get(in)) }):
		m.add(isolate, p.susceptibility(in, *r))
		return true
	}
	return false
}

func (m *micro) parent(isolate string, p observation.Parent) {
	if m.parents == nil {
		m.parents = map[string]observation.Parent{}
	}
	m.parents[isolate] = p
}

func (m *micro) add(isolate string, r observation.Result) {
	if m.rows == nil {
		m.rows = map[string][]observation.Result{}
	}
	if m.rows[isolate] == nil {
		m.order = append(m.order, isolate)
	}
	r.Number = len(m.rows[isolate]) + 1
	m.rows[isolate] = append(m.rows[isolate], r)
}

// susceptibility is one antibiotic: the MIC as value, S, I or R as flag.
func (p *Microbiology) susceptibility(in records, r observation.Result) observation.Result {
	r.Code = observation.Coding{Code: clip(p.Antibiotic.get(in), 64), Text: clip(p.Drug.get(in), 128), System: "L"}
	verdict := clip(p.Verdict.get(in), 8)
	r.Value = observation.ParseValue(clip(p.MIC.get(in), 64))
	if verdict == "" {
		return r
	}
	r.Flags = []string{verdict}
	if r.Value.Kind == observation.Empty {
		r.Value = observation.Value{Kind: observation.Coded, Coding: observation.Coding{Code: verdict, System: "L"}}
	}
	return r
}

// reports are those of the susceptibilities, one for each isolate.
func (m *micro) reports(culture *observation.Report) []observation.Report {
	var out []observation.Report
	for _, isolate := range m.order {
		r := *culture
		r.Parent = m.parents[isolate]
		if r.Parent == (observation.Parent{}) {
			r.Parent = observation.Parent{SubID: isolate}
		}
		r.Parent.Filler = culture.Filler
		r.Results, r.Notes, r.Warnings = m.rows[isolate], nil, nil
		r.Status = statusOf(r.Results)
		out = append(out, r)
	}
	return out
}
