// Waveforms: all leads of the rhythm in one block of base64, and representative beats in one each.

package sierra

import (
	"strconv"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/codec/tracing/xmlin"
)

func (d *document) waveforms(name string) {
	switch name {
	case "parsedwaveforms":
		d.parsed()
	case "repbeats":
		d.repbeats()
	}
}

// block is what a waveform element says of its samples.
type block struct {
	rate, size tracing.Ratio
	labels     []string
	leads      int
	want       int  // samples of a lead
	xli, plain bool // compressed so, or not at all
	numbers    bool // not base64 but decimal numbers
	filters    tracing.Filters
}

// describe reads what the element says; version 1.03 says most of it in signalcharacteristics.
func (d *document) describe() block {
	x := d.x
	k := block{rate: d.rate, size: d.size, leads: d.channels, filters: d.filters}
	method := strings.ToUpper(x.Attr("compression") + x.Attr("compressmethod"))
	off := strings.EqualFold(x.Attr("compressflag"), "False")
	k.xli = strings.Contains(method, "XLI") && !off
	k.plain = !k.xli && (off || method == "" || method == "NONE" || method == "UNCOMPRESSED")
	k.numbers = strings.EqualFold(x.Attr("dataencoding"), "Plain")
	if r := rate(x.Attr("samplespersecond")); r.Num > 0 {
		k.rate = r
	}
	if r := microvolts(x.Attr("resolution")); r.Num > 0 {
		k.size = r
	}
	if l := strings.Fields(x.Attr("leadlabels")); len(l) > 0 && len(l) <= tracing.MaxLeads {
		k.labels = l
	}
	if n, err := strconv.Atoi(x.Attr("numberofleads")); err == nil && n > 0 && n <= tracing.MaxLeads {
		k.leads = n
	}
	if ms, ok := xmlin.Number(x.Attr("durationperchannel")); ok && ms > 0 {
		k.want = count(ms, k.rate)
	}
	if hz, ok := xmlin.Number(x.Attr("hipass")); ok && hz > 0 {
		k.filters.HighPassHz = hz
	}
	if hz, ok := xmlin.Number(x.Attr("lowpass")); ok && hz > 0 {
		k.filters.LowPassHz = hz
	}
	return k
}

// parsed reads the rhythm.
func (d *document) parsed() {
	k := d.describe()
	raw, cut := d.x.Raw()
	at, ok := xmlin.AddGroup(d.t, tracing.Group{Kind: tracing.Rhythm, Rate: k.rate, Filters: k.filters})
	if !ok {
		return
	}
	if !k.xli && !k.plain {
		d.t.Warn(tracing.Unsupported, "a compression that is not known: the waveform was left out")
		return
	}
	if k.rate.Num <= 0 {
		d.t.Warn(tracing.BadValue, "samples without a rate: the time of a group is not known")
	}
	leads := d.samples(raw, cut, &k)
	if k.xli {
		leads = restore(leads, k.labels)
	}
	for i, s := range leads {
		xmlin.AddLead(d.t, &d.t.Groups[at], k.lead(i, s))
	}
	d.markPulse(at)
}

// markPulse marks the calibration pulse with which these carts end every lead: samples that are the same at all leads, zero or one height.
func (d *document) markPulse(group int) {
	g := &d.t.Groups[group]
	n := g.Len()
	if len(g.Leads) < 8 || g.Rate.Num <= 0 {
		return
	}
	for i := range g.Leads {
		if len(g.Leads[i].Samples) != n {
			return
		}
	}
	from, height := n, int32(0)
	for ; from > 0; from-- {
		v := g.Leads[0].Samples[from-1]
		for i := range g.Leads {
			if g.Leads[i].Samples[from-1] != v {
				v = tracing.Missing
				break
			}
		}
		if v == tracing.Missing || v != 0 && height != 0 && v != height {
			break
		}
		if v != 0 {
			height = v
		}
	}
	at := g.Rate.Duration(int64(from))
	if length := g.Duration() - at; height > 0 && length >= 100*time.Millisecond {
		xmlin.Mark(d.t, tracing.Annotation{Group: group, At: at, For: length, Code: tracing.Pulse})
	}
}

// count is the number of samples of a time; 0 where it is out of bounds.
func count(ms float64, r tracing.Ratio) int {
	n := ms * r.Float() / 1000
	if n < 1 || n > tracing.MaxSamples {
		return 0
	}
	return int(n + 0.5)
}

// samples unpacks the leads of a block and settles how many and which they are.
func (d *document) samples(raw []byte, cut bool, k *block) [][]int32 {
	if k.leads == 0 {
		k.leads = len(k.labels)
	}
	if k.leads == 0 {
		k.leads = len(tracing.Twelve)
	}
	if len(k.labels) == 0 { // version 1.03 does not say; the order on its paper is another matter
		for _, c := range tracing.Twelve {
			k.labels = append(k.labels, c.Label())
		}
	}
	if k.numbers {
		all, clean := xmlin.Integers(raw, cut)
		if !clean {
			d.t.Warn(tracing.BadValue, "samples that are no number are missing")
		}
		return d.split(all, k, !cut)
	}
	data, clean := xmlin.Base64(raw)
	if !clean {
		d.t.Warn(tracing.BadValue, "samples that are no base64: what is before the fault is shown")
	}
	if k.xli {
		leads, f := unpackXLI(data, k.leads, k.want)
		if f.cut && !cut && clean {
			d.t.Warn(tracing.Truncated, "the compressed samples end early: what is there is shown")
		}
		if f.another {
			d.t.Warn(tracing.Inconsistent, "a lead has another number of samples than the file says")
		}
		if f.damaged {
			d.t.Warn(tracing.BadValue, "the compressed samples of a lead are damaged: what is shown of it may be wrong")
		}
		return leads
	}
	return d.split(xmlin.Int16(data), k, clean && !cut)
}

// split divides samples that stand lead after lead.
func (d *document) split(all []int32, k *block, whole bool) (out [][]int32) {
	n := k.want
	if there := len(all) / k.leads; n == 0 || whole && n != there {
		if n = there; k.want != 0 {
			d.t.Warn(tracing.Inconsistent, "a lead has another number of samples than the file says")
		}
	}
	for ; n > 0 && len(all) > 0 && len(out) < k.leads; all = all[min(n, len(all)):] {
		out = append(out, all[:min(n, len(all)):min(n, len(all))])
	}
	return out
}

func (k *block) lead(i int, s []int32) tracing.Lead {
	l := tracing.Lead{NVPerLSB: k.size, Samples: s, Label: "lead " + strconv.Itoa(i+1)}
	if i < len(k.labels) {
		l.Label = k.labels[i]
	}
	if l.Code = tracing.LeadNamed(l.Label); l.Code != "" {
		l.Label = l.Code.Label()
	}
	return l
}

// restore turns what is stored of III and the augmented leads in compressed waveforms, the difference from what I and II let expect, into
// those leads. A lead that ends early ends those that need it.
func restore(leads [][]int32, labels []string) [][]int32 {
	at := map[tracing.Code][]int32{}
	place := map[tracing.Code]int{}
	for i, s := range leads {
		if i < len(labels) {
			c := tracing.LeadNamed(labels[i])
			if _, twice := at[c]; !twice {
				at[c], place[c] = s, i
			}
		}
	}
	i, ii := at[tracing.LeadI], at[tracing.LeadII]
	iii := at[tracing.LeadIII]
	for _, l := range []struct {
		code tracing.Code
		a, b []int32
		f    func(a, b, r int32) int32
	}{
		{tracing.LeadIII, i, ii, func(a, b, r int32) int32 { return b - a - r }},
		{tracing.LeadAVR, i, ii, func(a, b, r int32) int32 { return -r - (a+b)>>1 }},
		{tracing.LeadAVL, i, iii, func(a, b, r int32) int32 { return (a-b)>>1 - r }},
		{tracing.LeadAVF, ii, iii, func(a, b, r int32) int32 { return (a+b)>>1 - r }},
	} {
		s, ok := at[l.code]
		if !ok {
			continue
		}
		n := min(len(s), len(l.a), len(l.b))
		for k := range n {
			s[k] = l.f(l.a[k], l.b[k], s[k])
		}
		leads[place[l.code]] = s[:n]
	}
	return leads
}
