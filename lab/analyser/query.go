// What an analyser asks: which orders are there for a specimen (LIS2-A2 13).

package analyser

import (
	"strings"

	"github.com/lianzhen/lianzhen/codec/astm"
)

// Query asks for the orders of one specimen, or of all.
type Query struct {
	Barcode string   // empty where All is set
	All     bool     // of whatever specimen
	Tests   []string // codes asked for; none: all
	Cancel  bool     // the analyser takes back what it asked

	record astm.Record
	header astm.Record
}

// maxQuery is how many specimens one Q record may name.
const maxQuery = 100

// isQuery tells a query from what some programs put into Q records, the results of control material: the end of a range has the
// components of its beginning (LIS2-A2 13.1.4), so that a first one says that it is something else.
func isQuery(r astm.Record) bool {
	end := r.Field(4).Component(1)
	return end == "" || strings.EqualFold(end, "ALL") || r.Field(3).Component(2) == ""
}

// queriesOf reads a Q record; it may name several specimens.
func (p *Profile) queriesOf(in records) []Query {
	q := Query{record: in["Q"], header: in["H"], Cancel: in["Q"].Field(13).Component(1) == p.Query.Cancels}
	for _, s := range p.Query.Tests.each(in) {
		if s = clip(s, 64); s != "" && !strings.EqualFold(s, "ALL") && len(q.Tests) < 500 {
			q.Tests = append(q.Tests, s)
		}
	}
	barcodes := p.Query.Barcode.each(in)
	if len(barcodes) == 0 {
		if s := p.Query.Barcode.get(in); s != "" {
			barcodes = []string{s}
		}
	}
	var out []Query
	for _, s := range barcodes {
		one := q
		if one.Barcode = clip(s, 64); strings.EqualFold(one.Barcode, "ALL") {
			one.Barcode, one.All = "", true
		}
		if len(out) < maxQuery {
			out = append(out, one)
		}
	}
	if len(out) == 0 {
		q.All = strings.EqualFold(in["Q"].Field(3).Component(1), "ALL")
		out = []Query{q}
	}
	return out
}
