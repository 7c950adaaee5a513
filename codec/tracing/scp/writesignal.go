// Sections 2 to 6 of a record that is written.

package scp

import (
	"math"
	"slices"
	"time"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

// stored is a lead that is written, with its samples in units of its group.
type stored struct {
	id    byte
	first int64 // number of its first sample in the recording, from 1
	x     []int32
}

// signals lays out leads, beats, median and rhythm.
func (x *writer) signals() error {
	groups, err := x.groups()
	if err != nil {
		return err
	}
	interval, err := intervalOf(groups[0].Rate)
	if err != nil {
		return err
	}
	var all []tracing.Lead
	var offsets []int64
	for _, g := range groups {
		if g.Rate != groups[0].Rate {
			return refuse("the groups of the rhythm are of different sampling rates")
		}
		at, err := offsetOf(g.Offset-groups[0].Offset, interval)
		if err != nil {
			return err
		}
		for _, l := range essential(g) {
			all, offsets = append(all, l), append(offsets, at)
		}
	}
	if len(all) == 0 || len(all) > tracing.MaxLeads {
		return refuse("a recording of %d leads", len(all))
	}
	unit, values, err := unify(all)
	if err != nil {
		return err
	}
	for i, l := range all {
		s, err := trim(values[i])
		if err != nil {
			return err
		}
		s.id, s.first = numberOf(l), s.first+offsets[i]+1
		x.leads = append(x.leads, s)
	}
	if !slices.ContainsFunc(x.leads, func(s stored) bool { return len(s.x) > 0 }) {
		return refuse("there is no sample")
	}
	x.bodies[secLeads] = x.layout(len(groups) == 1)
	x.bodies[secBeats] = x.beats(interval)
	return x.encode(unit, interval)
}

// groups are the rhythm groups; it notes the median.
func (x *writer) groups() ([]*tracing.Group, error) {
	var out []*tracing.Group
	for i := range x.t.Groups {
		switch g := &x.t.Groups[i]; {
		case g.Kind == tracing.Rhythm:
			out = append(out, g)
		case x.median != nil:
			return nil, refuse("more than one median beat")
		default:
			x.median = g
		}
	}
	if len(out) == 0 {
		return nil, refuse("there is no rhythm")
	}
	return out, nil
}

// intervalOf is the time between samples in microseconds.
func intervalOf(rate tracing.Ratio) (int, error) {
	if us := tracing.Whole(1_000_000).Div(rate); us.Den == 1 && us.Num > 0 && us.Num <= math.MaxUint16 {
		return int(us.Num), nil
	}
	return 0, refuse("a sampling rate of %s a second: the format has whole microseconds between samples, up to 65535", rate)
}

func offsetOf(d time.Duration, interval int) (int64, error) {
	step := time.Duration(interval) * time.Microsecond
	if d < 0 || d%step != 0 || d/step > math.MaxInt32 {
		return 0, refuse("a group begins before the first one or between two samples")
	}
	return int64(d / step), nil
}

// essential are the leads of a group without those that a reader derives to the same samples.
func essential(g *tracing.Group) []tracing.Lead {
	base := tracing.Group{}
	for _, l := range g.Leads {
		if !l.Derived {
			base.Leads = append(base.Leads, l)
		}
	}
	n := len(base.Leads)
	base.DeriveLimb()
	out := slices.Clone(base.Leads[:n])
	for _, l := range g.Leads {
		if !l.Derived {
			continue
		}
		d := base.Lead(l.Code)
		if d == nil || d.NVPerLSB != l.NVPerLSB || d.OffsetNV.Float() != l.OffsetNV.Float() || !slices.Equal(d.Samples, l.Samples) {
			out = append(out, l)
		}
	}
	return out
}

// numberOf is the number of a lead; 0, unspecified, where it has none.
func numberOf(l tracing.Lead) byte {
	for id := range leadNames {
		if own := leadOf(byte(id)); id > 0 && (l.Code != "" && own.Code == l.Code || l.Code == "" && own.Label == l.Label) {
			return byte(id)
		}
	}
	return 0
}

// unify brings leads to one whole number of nanovolts a unit, exactly.
func unify(leads []tracing.Lead) (int64, [][]int32, error) {
	var unit int64
	for _, l := range leads {
		if !l.Calibrated() {
			return 0, nil, refuse("lead %s is not calibrated", l.Label)
		}
		if l.NVPerLSB.Den != 1 || l.OffsetNV.Den > 1 {
			return 0, nil, refuse("lead %s: samples of %s nV: the format has whole nanovolts", l.Label, l.NVPerLSB)
		}
		if l.Skew != 0 {
			return 0, nil, refuse("lead %s is skewed in time", l.Label)
		}
		unit = gcd(gcd(unit, l.NVPerLSB.Num), l.OffsetNV.Num)
	}
	if unit = part(unit); unit == 0 {
		return 0, nil, refuse("the size of a sample is too large")
	}
	values := make([][]int32, len(leads))
	for i, l := range leads {
		k, offset := l.NVPerLSB.Num/unit, l.OffsetNV.Num/unit
		values[i] = make([]int32, len(l.Samples))
		for j, v := range l.Samples {
			if v == tracing.Missing {
				values[i][j] = v
				continue
			}
			y := int64(v)*k + offset
			if k > math.MaxInt32 || k < math.MinInt32 || offset > math.MaxInt32 || offset < math.MinInt32 || y < math.MinInt16 || y > math.MaxInt16 {
				return 0, nil, refuse("lead %s: amplitudes of more than 16 bits in steps of %d nV", l.Label, unit)
			}
			values[i][j] = int32(y)
		}
	}
	return unit, values, nil
}

// part is the largest part of a unit that 16 bits hold; 0 if there is none within reason.
func part(unit int64) int64 {
	for n := int64(1); n <= math.MaxUint16; n++ {
		if unit%n == 0 && unit/n <= math.MaxUint16 {
			return unit / n
		}
	}
	return 0
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return max(a, -a)
}

// trim leaves out what is missing at both ends.
func trim(x []int32) (stored, error) {
	present := func(v int32) bool { return v != tracing.Missing }
	first := slices.IndexFunc(x, present)
	if first < 0 {
		return stored{}, nil
	}
	x = x[first:]
	for len(x) > 0 && x[len(x)-1] == tracing.Missing {
		x = x[:len(x)-1]
	}
	if slices.Contains(x, tracing.Missing) {
		return stored{}, refuse("samples are missing inside a lead: the format cannot tell")
	}
	return stored{first: int64(first), x: x}, nil
}

// layout is section 3.
func (x *writer) layout(simultaneous bool) []byte {
	flags := byte(min(len(x.leads), 31)) << 3
	if simultaneous {
		flags |= 4
	}
	b := []byte{byte(len(x.leads)), flags}
	for _, l := range x.leads {
		b = le.AppendUint32(b, uint32(l.first))
		b = le.AppendUint32(b, uint32(l.first+int64(len(l.x))-1))
		b = append(b, l.id)
	}
	return b
}

// beats is section 4, nil if there is nothing to tell: the length of the reference beat, and beats without zones.
func (x *writer) beats(interval int) []byte {
	ms := 0
	if x.median != nil {
		ms = int(x.median.Duration().Round(time.Millisecond).Milliseconds())
	}
	var list []byte
	n := 0
	for _, a := range x.t.Annotations {
		if a.Code != tracing.Beat || a.Lead != "" || x.kindOf(a) != tracing.Rhythm || n == notComputed-1 {
			continue
		}
		at := x.t.Groups[a.Group].Offset - x.t.Rhythm().Offset + a.At
		sample := int64(math.Round(at.Seconds()*1e6/float64(interval))) + 1
		list = u16(list, numberIn(a.Text, beatTypeText, ""))
		list = append(le.AppendUint32(append(list, 0, 0, 0, 0), uint32(sample)), 0, 0, 0, 0)
		n++
	}
	if n == 0 && ms == 0 {
		return nil
	}
	b := u16(nil, min(ms, math.MaxUint16), 0, n)
	return append(append(b, list...), make([]byte, n*protectedSize)...)
}

// encode makes sections 2, 5 and 6: of Huffman codes where that is shorter and possible, else of plain numbers.
func (x *writer) encode(unit int64, interval int) error {
	rhythm := make([][]int32, len(x.leads))
	for i, l := range x.leads {
		rhythm[i] = l.x
	}
	median, medianUnit, medianInterval, err := x.beat()
	if err != nil {
		return err
	}
	if s6 := pack(rhythm, true); s6 != nil {
		x.bodies[secHuffman] = u16(nil, defaultTable)
		x.bodies[secRhythm] = s6.section(unit, interval)
		if median == nil {
			return nil
		}
		if s5 := pack(median, true); s5 != nil {
			x.bodies[secReference] = s5.section(medianUnit, medianInterval)
			return nil
		}
	}
	x.bodies[secHuffman] = nil
	s6 := pack(rhythm, false)
	if s6 == nil {
		return refuse("a lead is too long: the format has 65535 bytes for each")
	}
	x.bodies[secRhythm] = s6.section(unit, interval)
	if median == nil {
		return nil
	}
	s5 := pack(median, false)
	if s5 == nil {
		return refuse("the median beat is too long: the format has 65535 bytes for a lead")
	}
	x.bodies[secReference] = s5.section(medianUnit, medianInterval)
	return nil
}

// beat is the median for every lead that is written; nil for those that it does not have.
func (x *writer) beat() ([][]int32, int64, int, error) {
	if x.median == nil {
		return nil, 0, 0, nil
	}
	interval, err := intervalOf(x.median.Rate)
	if err != nil {
		return nil, 0, 0, err
	}
	if x.median.Rate != x.t.Rhythm().Rate { // other readers take one rate for both, and would show a rhythm of another heart rate
		return nil, 0, 0, refuse("the median beat is of %s samples a second, the rhythm of %s", x.median.Rate, x.t.Rhythm().Rate)
	}
	leads := essential(x.median)
	unit, values, err := unify(leads)
	if err != nil {
		return nil, 0, 0, err
	}
	out := make([][]int32, len(x.leads))
	for i, l := range leads {
		id := numberOf(l)
		k := slices.IndexFunc(x.leads, func(s stored) bool { return s.id == id })
		if k < 0 || out[k] != nil {
			return nil, 0, 0, refuse("the median beat has a lead that the rhythm has not")
		}
		if slices.Contains(values[i], tracing.Missing) {
			return nil, 0, 0, refuse("samples are missing in the median beat: the format cannot tell")
		}
		out[k] = values[i]
	}
	return out, unit, interval, nil
}
