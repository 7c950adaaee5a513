// Samples as XML carries them: base64 of 16-bit integers, and the groups that they make.

package xmlin

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

var sextet = func() (t [256]int8) {
	for i := range t {
		t[i] = -1
	}
	for i, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") {
		t[c] = int8(i)
	}
	for _, c := range []byte(" \t\r\n") {
		t[c] = -2
	}
	return t
}()

// Base64 decodes until the end, the padding or the first character that is not of it; clean is false after such a character. White space
// is passed over.
func Base64(b []byte) (data []byte, clean bool) {
	data = make([]byte, 0, len(b)/4*3+3)
	acc, bits := uint32(0), 0
	for i := 0; i < len(b); i++ {
		v := sextet[b[i]]
		if v < 0 {
			if v == -2 {
				continue
			}
			return data, b[i] == '='
		}
		acc, bits = acc<<6|uint32(v), bits+6
		if bits >= 8 {
			bits -= 8
			data = append(data, byte(acc>>bits))
		}
	}
	return data, true
}

// Int16 makes samples of little-endian 16-bit integers; a last odd byte is left out.
func Int16(b []byte) []int32 {
	out := make([]int32, len(b)/2)
	for i := range out {
		out[i] = int32(int16(binary.LittleEndian.Uint16(b[2*i:])))
	}
	return out
}

// Integers reads decimal integers between white space, commas or semicolons. What is none, or needs more than 32 bits, is a missing
// sample; clean is false then. Of a text that was cut the last number may be incomplete and is left out.
func Integers(b []byte, cut bool) (out []int32, clean bool) { return IntegersLike(b, cut, 0) }

// IntegersLike is Integers where about as many are expected.
func IntegersLike(b []byte, cut bool, expect int) (out []int32, clean bool) {
	for cut && len(b) > 0 && !separates(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	out = make([]int32, 0, min(max(expect, 16), len(b)/2+1))
	clean = true
	for i := 0; i < len(b); {
		c := b[i]
		if separates(c) {
			i++
			continue
		}
		negative := c == '-'
		if negative || c == '+' {
			i++
		}
		from, v := i, int64(0)
		for i < len(b) && b[i]-'0' <= 9 && i-from < 11 {
			v = v*10 + int64(b[i]-'0')
			i++
		}
		if negative {
			v = -v
		}
		if i == from || i < len(b) && !separates(b[i]) || v > math.MaxInt32 || v <= math.MinInt32 {
			for i < len(b) && !separates(b[i]) {
				i++
			}
			v, clean = tracing.Missing, false
		}
		if out = append(out, int32(v)); len(out) > tracing.MaxSamples {
			break
		}
	}
	return out, clean
}

func separates(c byte) bool { return c <= ' ' || c == ',' || c == ';' }

// AddLead adds a lead to a group. One that the group has already, one without samples, one too many or one too long is left out, with a
// warning; too long for its rhythm to be shown whole means that it is shown up to tracing.MaxSamples.
func AddLead(t *tracing.Tracing, g *tracing.Group, l tracing.Lead) {
	switch {
	case len(l.Samples) == 0:
		t.Warn(tracing.BadValue, "a lead without samples was left out")
		return
	case len(g.Leads) >= tracing.MaxLeads:
		t.Warn(tracing.Unsupported, "leads beyond the number that can be shown were left out")
		return
	case l.Code != "" && g.Lead(l.Code) != nil:
		t.Warn(tracing.Inconsistent, "a lead is there twice: the first is shown")
		return
	case len(l.Samples) > tracing.MaxSamples:
		t.Warn(tracing.Unsupported, "a lead is too long to be shown whole")
		l.Samples = l.Samples[:tracing.MaxSamples:tracing.MaxSamples]
	}
	if !l.Calibrated() {
		t.Warn(tracing.Uncalibrated, "a lead without the size of a sample: it can be shown but not measured")
	}
	if l.Off {
		t.Warn(tracing.LeadsOff, "the device says that an electrode was off")
	}
	g.Leads = append(g.Leads, l)
}

const maxGroups = 64

// AddGroup adds a group and tells its place; false where there are more than any recording has, and it was left out.
func AddGroup(t *tracing.Tracing, g tracing.Group) (at int, ok bool) {
	if len(t.Groups) >= maxGroups {
		t.Warn(tracing.Unsupported, "groups beyond the number that can be shown were left out")
		return 0, false
	}
	t.Groups = append(t.Groups, g)
	return len(t.Groups) - 1, true
}

// Settle brings the groups of a tracing that was read into their final shape: groups without leads go, leads of a group become equally
// long, limb leads are derived, rhythm stands before median beats, and annotations follow their groups.
func Settle(t *tracing.Tracing) {
	total, order := 0, make([]int, 0, len(t.Groups))
	for i := range t.Groups {
		g := &t.Groups[i]
		if len(g.Leads) == 0 {
			continue
		}
		for _, l := range g.Leads {
			total += len(l.Samples)
		}
		if total > tracing.MaxLeadTotal {
			t.Warn(tracing.Unsupported, "more samples than can be shown: groups were left out")
			break
		}
		dropStubs(t, g)
		if g.Even() {
			t.Warn(tracing.Inconsistent, "leads of one group have different lengths: the shorter end earlier")
		}
		g.Complete()
		order = append(order, i)
	}
	slices.SortStableFunc(order, func(a, b int) int { return rank(t.Groups[a].Kind) - rank(t.Groups[b].Kind) })
	groups, place := make([]tracing.Group, len(order)), make(map[int]int, len(order))
	for to, from := range order {
		groups[to], place[from] = t.Groups[from], to
	}
	t.Groups = groups
	t.Annotations = slices.DeleteFunc(t.Annotations, func(a tracing.Annotation) bool { _, ok := place[a.Group]; return !ok })
	for i := range t.Annotations {
		t.Annotations[i].Group = place[t.Annotations[i].Group]
	}
}

// dropStubs leaves out leads much shorter than the others where filling them up would cost far more memory than the file.
func dropStubs(t *tracing.Tracing, g *tracing.Group) {
	n := 0
	for _, l := range g.Leads {
		n = max(n, len(l.Samples))
	}
	if n*len(g.Leads) <= 1<<20 {
		return
	}
	was := len(g.Leads)
	g.Leads = slices.DeleteFunc(g.Leads, func(l tracing.Lead) bool { return 2*len(l.Samples) < n })
	if len(g.Leads) < was {
		t.Warn(tracing.Inconsistent, "leads much shorter than the others of their group were left out")
	}
}

func rank(k tracing.Kind) int {
	if k == tracing.Rhythm {
		return 0
	}
	return 1
}

// Close ends the reading of a tracing: the reader's warnings are added and the groups settled. A FormatError where the file is not to be
// trusted, or has nothing that could be shown: no samples, and of a file that ends early no measurement or statement either.
func (r *Reader) Close(t *tracing.Tracing) (*tracing.Tracing, error) {
	if err := r.Finish(t); err != nil {
		return nil, err
	}
	Settle(t)
	if len(t.Groups) > 0 {
		return t, nil
	}
	if r.cut && len(t.Measurements)+len(t.Statements) > 0 {
		t.Warn(tracing.Truncated, "the file ends before its samples")
		return t, nil
	}
	if r.cut {
		return nil, tracing.Errorf(r.format, int64(len(r.b)), "the file ends before anything that could be shown")
	}
	return nil, tracing.Errorf(r.format, -1, "no waveform: the file has no lead with samples")
}
