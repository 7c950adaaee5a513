// Specimens: SPM, SAC, and OBR-15 of versions before 2.5 (HL7 v2.5.1 7.4.3, 13.4.3; 2.3.1 7.3.1.15).

package v2

import (
	"strings"

	"github.com/lianzhen/lianzhen/codec/hl7"
	"github.com/lianzhen/lianzhen/lab/observation"
)

// tube is a specimen that is being read.
type tube struct {
	s       observation.Specimen
	segs    []hl7.Segment // SPM and SAC, for the paths of the profile
	control bool
	box     bool // a container was named: what follows are results
}

// specimen reads SPM.
func (w *walk) specimen(s hl7.Segment) *tube {
	t := &tube{segs: []hl7.Segment{s}}
	placer, filler := s.Field(2).Component(1).SubEI(), s.Field(2).Component(2).SubEI()
	t.s.Placer, t.s.Filler = clip(placer.ID, 64), clip(filler.ID, 64)
	t.s.Type = w.coding(s.Field(4))
	t.s.Site = w.coding(s.Field(8))
	t.s.Volume = strings.TrimSpace(s.Get(12, 1) + " " + s.Get(12, 2))
	if at := w.time(s, 17); at.Precision >= hl7.Day {
		t.s.CollectedAt = at.At
	}
	if at := w.time(s, 18); at.Precision >= hl7.Day {
		t.s.ReceivedAt = at.At
	}
	t.s.Rejected = w.codings(s.Field(21))
	t.s.Condition = w.codings(s.Field(24))
	for n, rep := range s.Field(14).Reps() {
		if n > maxRepetitions {
			break
		}
		t.s.Notes = append(t.s.Notes, clip(rep.Whole(), 1000))
	}
	t.control = strings.EqualFold(s.Get(11), "Q")
	t.number(w)
	return t
}

// container reads SAC: numbers of the tube (HL7 v2.5.1 13.4.3).
func (w *walk) container(t *tube, s hl7.Segment) {
	t.segs = append(t.segs, s)
	t.box = true
	t.number(w)
}

func (t *tube) number(w *walk) {
	t.s.ID = clip(first(w.p.Fields.Barcode, t.segs...), 64)
}

// maxRepetitions bounds lists that have a few entries in life.
const maxRepetitions = 50

func (w *walk) codings(f hl7.Field) []observation.Coding {
	var out []observation.Coding
	for n, rep := range f.Reps() {
		if n > maxRepetitions {
			w.warn("too-many-repetitions", "")
			break
		}
		if c := w.coding(rep); !c.Empty() {
			out = append(out, c)
		}
	}
	return out
}

// older fills a specimen from OBR: 15.1 what, 15.4 where from, 7 taken, 14 received (HL7 2.3.1).
func (w *walk) older(s *observation.Specimen, obr hl7.Segment) {
	if source := obr.Field(15); source.Said() {
		what := source.Component(1)
		c := hl7.CWE{Code: what.Sub(1).String(), Text: what.Sub(2).String(), System: what.Sub(3).String()}
		if s.Type.Empty() {
			s.Type = w.codingOf(c)
		}
		where := source.Component(4)
		if site := (hl7.CWE{Code: where.Sub(1).String(), Text: where.Sub(2).String(), System: where.Sub(3).String()}); s.Site.Empty() {
			s.Site = w.codingOf(site)
		}
	}
	if at := w.time(obr, 14); at.Precision >= hl7.Day && s.ReceivedAt.IsZero() {
		s.ReceivedAt = at.At
	}
	if s.Volume == "" {
		s.Volume = strings.TrimSpace(obr.Get(9, 1) + " " + obr.Get(9, 2))
	}
}
