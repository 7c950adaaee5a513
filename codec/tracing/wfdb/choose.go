// Which signals are the tracing: a record may have any, of several sampling rates.

package wfdb

import (
	"fmt"
	"math"
	"strings"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

// choose takes the signals of one rate: that of the most leads, of the most signals if there are none.
func (r *record) choose() error {
	type votes struct{ leads, signals int }
	rates := map[int]votes{}
	for i := range r.layout.signals {
		s := &r.layout.signals[i]
		if !r.has(i) {
			continue
		}
		v := rates[s.perFrame]
		v.signals++
		if electrocardiogram(s.name) {
			v.leads++
		}
		rates[s.perFrame] = v
	}
	best, found := 0, votes{}
	for i := range r.layout.signals {
		v := rates[r.layout.signals[i].perFrame]
		if v.leads > found.leads || v.leads == found.leads && v.signals > found.signals {
			best, found = r.layout.signals[i].perFrame, v
		}
	}
	if best == 0 {
		return bad(-1, "the record has no signals")
	}
	r.take(best)
	for i := range r.layout.signals {
		if r.has(i) && r.layout.signals[i].perFrame != best {
			r.left++
		}
	}
	return nil
}

// has reports whether a signal has samples.
func (r *record) has(i int) bool { return r.present == nil || r.present[i] }

// electrocardiogram reports whether a name is that of a lead, or says that it is one: "ECG1".
func electrocardiogram(name string) bool {
	upper := strings.ToUpper(name)
	return tracing.LeadNamed(name) != "" || strings.Contains(upper, "ECG") || strings.Contains(upper, "EKG")
}

// take makes a group of the signals of a rate.
func (r *record) take(perFrame int) {
	r.perFrame, r.chosen = int64(perFrame), nil
	g := tracing.Group{Kind: tracing.Rhythm, Rate: r.layout.rate.Mul(tracing.Whole(r.perFrame))}
	for i := range r.layout.signals {
		if r.has(i) && r.layout.signals[i].perFrame == perFrame {
			r.chosen = append(r.chosen, i)
			g.Leads = append(g.Leads, r.lead(&r.layout.signals[i]))
		}
	}
	r.head.Single(&g)
	r.head.Groups = []tracing.Group{g}
}

func (r *record) lead(s *signal) tracing.Lead {
	l := tracing.Lead{Code: tracing.LeadNamed(s.name), Label: tracing.Text([]byte(s.name))}
	l.NVPerLSB, l.OffsetNV = s.size()
	switch {
	case !l.Calibrated():
		l.Code = ""
		r.head.Warn(tracing.Uncalibrated, "a signal is not a voltage")
	case !s.gainSaid:
		r.head.Warn(tracing.Uncalibrated, "a signal has no gain: 200 units a millivolt are taken, as WFDB does")
	}
	return l
}

// nanovolts of the units of a signal line.
var nanovolts = map[string]int64{"nv": 1, "uv": 1e3, "\u00b5v": 1e3, "\u03bcv": 1e3, "\xb5v": 1e3, "mv": 1e6, "v": 1e9}

// size is what a unit of sample and the sample 0 are, in nanovolts.
func (s *signal) size() (perUnit, offset tracing.Ratio) {
	nv, ok := nanovolts[strings.ToLower(s.units)]
	if !ok {
		nv, ok = nanovolts[s.units]
	}
	if !ok {
		return tracing.Ratio{}, tracing.Ratio{}
	}
	perUnit = tracing.Whole(nv).Div(s.gain)
	if perUnit.Num == 0 {
		perUnit, _ = nearest(float64(nv) / s.gain.Float())
	}
	if s.baseline == 0 {
		return perUnit, tracing.Ratio{}
	}
	if offset = perUnit.Mul(tracing.Whole(-s.baseline)); offset.Den == 0 { // more than 64 bits: to the nanovolt
		offset, _ = nearest(math.Round(-float64(s.baseline) * perUnit.Float()))
	}
	return perUnit, offset
}

// others reads the signals of the other rates into groups of their own, as many as can be read whole.
func (r *record) others(t *tracing.Tracing) error {
	left, room := r.left, tracing.MaxLeadTotal-r.frames*r.perFrame*int64(len(r.chosen))
	done := map[int]bool{int(r.perFrame): true}
	for i := range r.layout.signals {
		per := r.layout.signals[i].perFrame
		if done[per] || !r.has(i) || len(r.parts) != 1 || r.parts[0].segment == nil {
			continue
		}
		done[per] = true
		v, head := *r, *t
		head.Groups, v.head = nil, &head
		v.take(per)
		n := v.frames * v.perFrame
		if room -= n * int64(len(v.chosen)); room < 0 || n > tracing.MaxSamples {
			break
		}
		p := r.parts[0]
		p.rows, p.convert = v.chosen, make([]*rescale, len(v.chosen))
		v.parts = []part{p}
		loaded, err := v.stream().Load()
		if err != nil {
			return err
		}
		loaded.Warnings = nil
		v.check(loaded)
		t.Groups = append(t.Groups, loaded.Groups[0])
		for _, w := range loaded.Warnings {
			t.Warn(w.Code, w.Detail)
		}
		left -= len(v.chosen)
	}
	if left > 0 {
		t.Warn(tracing.Unsupported, fmt.Sprintf("%d signals of another sampling rate were left out", left))
	}
	return nil
}
