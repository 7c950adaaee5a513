package jpegls

import "math/bits"

// preset are the coding parameters of an LSE marker segment of type 1 (T.87 C.2.4.1.1). A zero takes its default.
type preset struct{ maxVal, t1, t2, t3, reset int }

// clamp is CLAMP of T.87 figure C.3: what lies outside becomes the lower bound.
func clamp(v, low, high int) int {
	if v > high || v < low {
		return low
	}
	return v
}

// orDefault fills in the parameters that are zero (C.2.4.1.1.1).
func (p preset) orDefault(bits, near int) preset {
	if p.maxVal == 0 {
		p.maxVal = 1<<bits - 1
	}
	var t1, t2, t3 int
	if p.maxVal >= 128 {
		f := (min(p.maxVal, 4095) + 128) / 256
		t1, t2, t3 = f+2+3*near, 4*f+3+5*near, 17*f+4+7*near
	} else {
		f := 256 / (p.maxVal + 1)
		t1, t2, t3 = max(2, 3/f+3*near), max(3, 7/f+5*near), max(4, 21/f+7*near)
	}
	if p.t1 == 0 {
		p.t1 = clamp(t1, near+1, p.maxVal)
	}
	if p.t2 == 0 {
		p.t2 = clamp(t2, p.t1, p.maxVal)
	}
	if p.t3 == 0 {
		p.t3 = clamp(t3, p.t2, p.maxVal)
	}
	if p.reset == 0 {
		p.reset = 64
	}
	return p
}

// valid holds the bounds of T.87 table C.1.
func (p preset) valid(bits, near int) bool {
	return p.maxVal >= 1 && p.maxVal < 1<<bits && near <= min(255, p.maxVal/2) &&
		p.t1 > near && p.t2 >= p.t1 && p.t3 >= p.t2 && p.t3 <= p.maxVal &&
		p.reset >= 3 && p.reset <= max(255, p.maxVal)
}

// model are the numbers that follow from the preset (A.2.1).
type model struct {
	preset
	near  int
	span  int  // RANGE
	qbpp  int  // bits of a mapped error
	limit int  // LIMIT, the longest code of a sample
	whole bool // lossless, and MAXVAL is all ones: errors wrap by masking
}

func newModel(p preset, near int) model {
	m := model{preset: p, near: near}
	m.span = (p.maxVal+2*near)/(2*near+1) + 1
	m.qbpp = bits.Len(uint(m.span - 1))
	bpp := max(2, bits.Len(uint(p.maxVal)))
	m.limit = 2 * (bpp + max(8, bpp))
	m.whole = near == 0 && p.maxVal&(p.maxVal+1) == 0
	return m
}
