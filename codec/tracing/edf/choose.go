// Which signals are the tracing: a file may have any, of several sampling rates.

package edf

import (
	"fmt"
	"strings"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

// choose takes the signals of one rate: that of the most leads, of the most signals if there are none.
func (f *file) choose() error {
	type votes struct{ leads, signals int }
	rates := map[int64]votes{}
	ordinary := 0
	for _, s := range f.signals {
		if s.annotations || s.samples == 0 {
			continue
		}
		ordinary++
		v := rates[s.samples]
		v.signals++
		if electrocardiogram(s.label) {
			v.leads++
		}
		rates[s.samples] = v
	}
	if ordinary == 0 {
		return nil // EDF+: a file may have annotations only
	}
	var found votes
	for _, s := range f.signals {
		if v := rates[s.samples]; !s.annotations && (v.leads > found.leads || v.leads == found.leads && v.signals > found.signals) {
			f.per, found = s.samples, v
		}
	}
	if f.duration.Num <= 0 {
		return bad(f.format, 244, "signals without a sampling rate: the duration of a record is %s", f.duration)
	}
	if err := f.take(); err != nil {
		return err
	}
	f.left = ordinary - len(f.chosen)
	f.repair()
	if f.there == 0 {
		return bad(f.format, f.size, "the file has no samples")
	}
	return nil
}

// electrocardiogram reports whether a label is that of a lead, or says that it is one: "EKG1-EKG2".
func electrocardiogram(label string) bool {
	upper := strings.ToUpper(label)
	return tracing.LeadNamed(label) != "" || strings.Contains(upper, "ECG") || strings.Contains(upper, "EKG")
}

// take makes a group of the signals of the rate.
func (f *file) take() error {
	g := tracing.Group{Kind: tracing.Rhythm, Rate: tracing.Whole(f.per).Div(f.duration)}
	if g.Rate.Num <= 0 || g.Rate.Float() > 1e6 {
		return bad(f.format, 244, "the sampling rate is not one")
	}
	f.chosen = nil
	for i := range f.signals {
		if s := &f.signals[i]; !s.annotations && s.samples == f.per && len(f.chosen) < tracing.MaxLeads {
			f.chosen = append(f.chosen, i)
			g.Leads = append(g.Leads, f.lead(s))
		}
	}
	f.head.Single(&g)
	g.Filters = f.filters()
	f.head.Groups = append(f.head.Groups, g)
	return nil
}

func (f *file) lead(s *signal) tracing.Lead {
	label := s.label
	if i := strings.LastIndexByte(label, '-'); i > 0 && strings.EqualFold(label[i+1:], "ref") {
		label = label[:i]
	}
	l := tracing.Lead{Code: tracing.LeadNamed(label), Label: s.label}
	l.NVPerLSB, l.OffsetNV = f.sizeOf(s)
	if !l.Calibrated() {
		l.Code = ""
		f.head.Warn(tracing.Uncalibrated, "a signal has no size in volts")
	}
	return l
}

// others reads the signals of the other rates into groups of their own, as many as can be read whole.
func (f *file) others(t *tracing.Tracing) error {
	done := map[int64]bool{f.per: true, 0: true}
	room := tracing.MaxLeadTotal - f.samples*int64(len(f.chosen))
	left := f.left
	for _, s := range f.signals {
		if s.annotations || done[s.samples] || f.left == 0 {
			continue
		}
		done[s.samples] = true
		v := f.view(s.samples)
		if v.take() != nil {
			continue
		}
		if room -= v.samples * int64(len(v.chosen)); room < 0 || v.samples > tracing.MaxSamples {
			break
		}
		if err := v.findPadding(); err != nil {
			return err
		}
		loaded, err := v.stream().Load()
		if err != nil {
			return err
		}
		left -= len(v.chosen)
		t.Groups = append(t.Groups, loaded.Groups[0])
		for _, w := range loaded.Warnings {
			t.Warn(w.Code, w.Detail)
		}
	}
	if left > 0 {
		t.Warn(tracing.Unsupported, fmt.Sprintf("%d signals were left out: they are too many or too long", left))
	}
	return nil
}

// view is the same file with the signals of another rate.
func (f *file) view(per int64) *file {
	v := *f
	head := *f.head
	head.Groups = nil
	v.head, v.per, v.runs = &head, per, nil
	for _, r := range f.runs {
		r.first = r.first * per / f.per
		v.runs = append(v.runs, r)
	}
	last := v.runs[len(v.runs)-1]
	v.samples = last.first + last.records*per
	return &v
}
