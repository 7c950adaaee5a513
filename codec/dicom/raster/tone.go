package raster

import (
	"encoding/binary"
	"math"
)

// tone maps stored values of a grey frame to display values of eight bits: modality, values of interest, presentation.
type tone struct {
	d        *Desc
	values   Values
	interest func(float64) float64 // 0 to 1; nil takes the whole range of what is there
	present  func(float64) float64 // 0 to 1 again
}

// newTone chooses the transformations of a frame: the view's window, the presentation state's, the frame's first window, its
// first VOI LUT; without any, see whole.
func newTone(d *Desc, native []byte, frame int, v View) *tone {
	t := &tone{d: d, values: d.ValuesOf(frame)}
	inverse := d.Photometric == Monochrome1 || d.Inverse
	windows, luts := t.values.Windows, t.values.VOILUTs
	if s := v.Presentation; s != nil {
		if s.values != nil {
			t.values.Slope, t.values.Intercept, t.values.Modality = s.values.Slope, s.values.Intercept, s.values.Modality
		}
		if w, l := s.interest(v.Instance, frame); w != nil || l != nil {
			windows, luts = w, l
		}
		// The state's shape stands for the image's polarity (PS3.3 C.11.6).
		inverse = s.inverse
		if s.lut != nil {
			t.present = s.lut.presentation()
		}
	}
	switch {
	case v.Window != nil && v.Window.Valid():
		t.interest = v.Window.Map
	case len(windows) > 0:
		t.interest = windows[0].Map
	case len(luts) > 0:
		t.interest = luts[0].Map
	default:
		t.interest = t.whole(native)
	}
	if inverse {
		t.present = inverted
	}
	return t
}

func inverted(v float64) float64 { return 1 - v }

// presentation spreads the display values over the table's input (PS3.3 C.11.6.1).
func (l *LUT) presentation() func(float64) float64 {
	n := float64(len(l.Data) - 1)
	return func(v float64) float64 { return l.Map(v*n + float64(l.First)) }
}

// whole maps everything there is: what eight bits can hold, when they are what is meant to be seen (PS3.4 §N.2.2, no values of
// interest), else from the least to the greatest value of the frame that is not padding.
func (t *tone) whole(native []byte) func(float64) float64 {
	var low, high float64
	if t.d.BitsStored <= 8 && !t.d.Signed && t.values.Modality == nil && t.values.Slope == 1 && t.values.Intercept == 0 {
		low, high = 0, float64(int(1)<<t.d.BitsStored-1)
	} else {
		low, high = t.extent(native)
	}
	if !(high > low) {
		return func(float64) float64 { return 0 }
	}
	return func(x float64) float64 { return clamp((x - low) / (high - low)) }
}

// extent is the least and the greatest value of the frame behind the modality transformation.
func (t *tone) extent(native []byte) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	see := func(x float64) {
		if !math.IsNaN(x) && !math.IsInf(x, 0) {
			low, high = min(low, x), max(high, x)
		}
	}
	if t.d.BitsAllocated > 16 {
		for i := 0; i < len(native); i += t.d.BitsAllocated / 8 {
			see(t.values.Rescale(t.d.wide(native[i:])))
		}
		return low, high
	}
	least, greatest, ok := t.d.storedExtent(native)
	switch {
	case !ok:
	case t.values.Modality != nil:
		for v := least; v <= greatest; v++ {
			see(t.values.Rescale(float64(v)))
		}
	default:
		see(t.values.Rescale(float64(least)))
		see(t.values.Rescale(float64(greatest)))
	}
	return low, high
}

// storedExtent is the least and the greatest stored value up to 16 bits, padding left out; false if all is padding.
func (d *Desc) storedExtent(native []byte) (least, greatest int, ok bool) {
	least, greatest = math.MaxInt, math.MinInt
	see := func(v int) {
		if (v < least || v > greatest) && !d.Padding.In(v) {
			least, greatest = min(least, v), max(greatest, v)
		}
	}
	switch d.BitsAllocated {
	case 1:
		return 0, 1, true
	case 8:
		var seen [256]bool
		for _, b := range native {
			seen[b] = true
		}
		for b, ok := range seen {
			if ok {
				see(d.stored(uint16(b)))
			}
		}
	case 16:
		if d.Padding.Set || d.HighBit != 15 || d.BitsStored != 16 {
			for i := 0; i+1 < len(native); i += 2 {
				see(d.stored(binary.LittleEndian.Uint16(native[i:])))
			}
			break
		}
		flip := uint16(0)
		if d.Signed {
			flip = 0x8000
		}
		low, high := uint16(math.MaxUint16), uint16(0)
		for i := 0; i+1 < len(native); i += 2 {
			v := binary.LittleEndian.Uint16(native[i:]) ^ flip
			low, high = min(low, v), max(high, v)
		}
		least, greatest = d.stored(low^flip), d.stored(high^flip)
	}
	return least, greatest, least <= greatest
}

// stored takes the value out of a sample of 8 or 16 bits: the bits below High Bit, with their sign.
func (d *Desc) stored(raw uint16) int {
	v := raw >> (d.HighBit + 1 - d.BitsStored) & uint16(1<<d.BitsStored-1)
	if d.Signed {
		shift := 16 - d.BitsStored
		return int(int16(v<<shift) >> shift)
	}
	return int(v)
}

// wide takes the value out of a sample of 32 or 64 bits.
func (d *Desc) wide(b []byte) float64 {
	switch {
	case d.BitsAllocated == 64:
		return math.Float64frombits(binary.LittleEndian.Uint64(b))
	case d.Float:
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
	}
	v := binary.LittleEndian.Uint32(b) >> (d.HighBit + 1 - d.BitsStored) & uint32(1<<d.BitsStored-1)
	if d.Signed {
		shift := 32 - d.BitsStored
		return float64(int32(v<<shift) >> shift)
	}
	return float64(v)
}

// level is the display value of a stored one.
func (t *tone) level(stored float64) byte {
	if math.IsNaN(stored) {
		return 0
	}
	v := t.interest(t.values.Rescale(stored))
	if t.present != nil {
		v = t.present(v)
	}
	return byte(clamp(v)*255 + 0.5)
}

// table gives the display value for every sample of 8 or 16 bits as it lies in memory. Padding is black.
func (t *tone) table() []byte {
	bits := max(8, t.d.BitsAllocated)
	out := make([]byte, 1<<bits)
	n, low := 1<<t.d.BitsStored, t.d.HighBit+1-t.d.BitsStored
	if t.d.BitsAllocated == 1 {
		out[0], out[1] = t.level(0), t.level(1)
		return out
	}
	for v := range n {
		stored := t.d.stored(uint16(v << low))
		if !t.d.Padding.In(stored) {
			out[v<<low] = t.level(float64(stored))
		}
	}
	if low > 0 {
		for raw := range out {
			out[raw] = out[raw>>low&(n-1)<<low]
		}
		return out
	}
	for at := n; at < len(out); at *= 2 {
		copy(out[at:], out[:at])
	}
	return out
}
