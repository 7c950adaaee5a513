// Orders out (OML^O21, ORM^O01) and answers to host queries (RSP^K11, ORF^R04).

package v2

import (
	"strconv"

	"github.com/lianzhen/lianzhen/codec/hl7"
	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/record"
)

// EncodeOrder writes the lines of one order of one person, as OML^O21 or ORM^O01 by the profile.
func EncodeOrder(lines []observation.Order, p Profile, r hl7.Reply) ([]byte, error) {
	if len(lines) == 0 {
		return nil, record.Errorf(record.Invalid, "no order to send")
	}
	for i := range lines {
		if lines[i].Patient != lines[0].Patient {
			return nil, record.Errorf(record.Invalid, "an order is of one person")
		}
	}
	kind := [3]string{"OML", "O21", "OML_O21"}
	if p.Order == "ORM^O01" {
		kind = [3]string{"ORM", "O01", "ORM_O01"}
	}
	w := p.write(kind, r)
	w.person(lines[0].Patient, lines[0].Visit, lines[0].Ward)
	for i := range lines {
		w.order(i+1, &lines[i], kind[0] == "OML")
	}
	return w.Bytes()
}

// order writes one line. ORM has no place for SPM: what the specimen is stands in OBR-15 there.
func (w writer) order(n int, o *observation.Order, tubes bool) {
	w.Add("ORC").Set(1, string(o.Control)).Set(2, o.Placer).Set(3, o.Filler).Set(4, o.Group).Set(9, w.time(o.OrderedAt))
	if tubes && w.tubes() {
		w.urgency(nil, o.Priority)
	}
	obr := w.Add("OBR").Set(1, strconv.Itoa(n)).Set(2, o.Placer).Set(3, o.Filler).Set(4, components(o.Service)...)
	obr.Set(7, w.time(o.Specimen.CollectedAt)).Set(13, o.Clinical)
	if o.Orderer != "" {
		obr.Set(16, "", o.Orderer)
	}
	w.barcode(obr, o.Specimen)
	if !tubes || !w.tubes() {
		w.source(obr, o.Specimen)
		old := w
		old.version = "2.4"
		old.urgency(obr, o.Priority)
	}
	w.notes(o.Notes)
	if tubes && w.tubes() {
		w.specimen(o.Specimen, false)
	}
}

// EncodeAnswer writes the answer to a host query: RSP^K11 to QBP, ORF^R04 to QRY. No orders is an answer too: nothing is to be measured.
func EncodeAnswer(query *hl7.Message, orders []observation.Order, p Profile, r hl7.Reply) ([]byte, error) {
	asked := query.Header()
	kind, echo := [3]string{"RSP", "K11", "RSP_K11"}, "QPD"
	if asked.Type[0] == "QRY" {
		kind, echo = [3]string{"ORF", "R04", "ORF_R04"}, "QRD"
	}
	h := asked.Answer(kind, r)
	h.Zone = p.location()
	w := writer{hl7.NewBuilder(h), &p, firstOf(h.Version, "2.5.1")}
	w.Acknowledge(asked, hl7.Ack{Code: hl7.AA})
	s, _ := query.First(echo)
	if echo == "QPD" {
		found := "OK"
		if len(orders) == 0 {
			found = "NF"
		}
		w.Add("QAK").Set(1, s.Get(2)).Set(2, found).Set(3, s.Get(1, 1), s.Get(1, 2), s.Get(1, 3)).Set(4, strconv.Itoa(len(orders)))
	}
	w.Copy(s)
	for i := range orders {
		o := &orders[i]
		if i == 0 || o.Patient != orders[i-1].Patient {
			w.person(o.Patient, o.Visit, o.Ward)
		}
		w.order(i+1, o, true)
	}
	return w.Bytes()
}
