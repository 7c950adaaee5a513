// Host queries: an analyser asks what is to be measured of a specimen (QBP^Q11 of IHE LAW, QRY of older analysers).

package v2

import (
	"strings"

	"github.com/lianzhen/lianzhen/codec/hl7"
)

// Query is what an analyser asks for.
type Query struct {
	Name    string // QPD-1: WOS, WOS_ALL ...
	Tag     string // QPD-2 or QRD-4: the answer repeats it
	Barcode string // of the specimen
	All     bool   // everything that is open for this link
}

// query reads QPD or QRD (HL7 v2.5.1 5.5.4, 5.10.5.3).
func (w *walk) query() {
	qpd, modern := w.m.First("QPD")
	qrd, old := w.m.First("QRD")
	q := &Query{Barcode: clip(first(w.p.Fields.Query, qpd, qrd), 64)}
	switch {
	case modern:
		q.Name, q.Tag = clip(qpd.Get(1), 60), clip(qpd.Get(2), 60)
	case old:
		q.Name, q.Tag = "QRY", clip(qrd.Get(4), 60)
	default:
		w.refuse("QPD", hl7.SegmentSequence, "the query has neither QPD nor QRD")
		return
	}
	q.All = strings.HasPrefix(q.Name, "WOS_ALL") || strings.EqualFold(q.Barcode, "ALL")
	if q.Barcode == "" && !q.All {
		w.refuse(firstOf(qpd.Place(3), qrd.Place(8)), hl7.RequiredMissing, "the query names no specimen")
		return
	}
	w.out.Query = q
}
