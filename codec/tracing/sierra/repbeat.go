// Representative beats: a block of samples for each lead, and the points that were measured in it.

package sierra

import (
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/codec/tracing/xmlin"
)

// repbeats reads the representative beats.
func (d *document) repbeats() {
	x := d.x
	g := tracing.Group{Kind: tracing.Median, Label: x.Attr("repbeatmethod"), Rate: rate(x.Attr("samplespersec")), Filters: d.filters}
	if g.Rate.Num <= 0 {
		g.Rate = rate(x.Attr("samplespersecond"))
	}
	k := block{size: microvolts(x.Attr("resolution"))}
	numbers := strings.EqualFold(x.Attr("dataencoding"), "Plain")
	var points map[string]string
	x.Children(func(name string) {
		if name != "repbeat" {
			return
		}
		k.labels = []string{x.Attr("leadname")}
		f := map[string]string{}
		var raw []byte
		cut := false
		own := x.ChildrenAndText(func(name string) { // version 1.03 has the samples right here
			if name == "waveform" {
				raw, cut = x.Raw()
			} else if len(f) < 50 {
				f[name] = x.Text()
			}
		})
		if raw == nil {
			raw, cut = own, x.Truncated()
		}
		xmlin.AddLead(d.t, &g, k.lead(0, d.beatSamples(raw, cut, numbers)))
		if points == nil {
			points = f
		}
	})
	if at, ok := xmlin.AddGroup(d.t, g); ok {
		d.markBeat(at, points)
	}
}

func (d *document) beatSamples(raw []byte, cut, numbers bool) []int32 {
	if numbers {
		all, _ := xmlin.Integers(raw, cut)
		return all
	}
	data, clean := xmlin.Base64(raw)
	if !clean {
		d.t.Warn(tracing.BadValue, "samples that are no base64: what is before the fault is shown")
	}
	return xmlin.Int16(data)
}

// markBeat marks the waves of the representative beat; the times are milliseconds, the same at each lead.
func (d *document) markBeat(group int, f map[string]string) {
	ms := func(name string) time.Duration {
		v, ok := xmlin.Number(f[name])
		if !ok || v <= 0 || v > 1e5 {
			return 0
		}
		return time.Duration(v * float64(time.Millisecond))
	}
	q := ms("qonset")
	if q == 0 {
		return
	}
	mark := func(code string, at, length time.Duration) {
		if length > 0 && at > 0 {
			xmlin.Mark(d.t, tracing.Annotation{Group: group, At: at, For: length, Code: code})
		}
	}
	if pr := ms("print"); pr > 0 {
		mark(tracing.WaveP, q-pr, ms("pdur"))
	}
	mark(tracing.WaveQRS, q, ms("qrsdur"))
	if t := ms("tonset"); t > 0 {
		mark(tracing.WaveT, t, q+ms("qtint")-t)
	}
}
