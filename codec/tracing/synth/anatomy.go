// The body around the heart: which way it lies and where the electrodes are. A little different for each seed.

package synth

import (
	"math"
	"math/rand/v2"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

// dower projects Frank's X, Y, Z onto the eight independent leads (Dower, Machado, Osborne 1980).
var dower = map[tracing.Code]vec{
	tracing.LeadI:  {.632, -.235, .059},
	tracing.LeadII: {.235, 1.066, -.132},
	tracing.LeadV1: {-.515, .157, -.917},
	tracing.LeadV2: {.044, .164, -1.387},
	tracing.LeadV3: {.882, .098, -1.277},
	tracing.LeadV4: {1.213, .127, -.601},
	tracing.LeadV5: {1.125, .127, -.086},
	tracing.LeadV6: {.831, .076, .230},
}

// body is one person's anatomy.
type body struct {
	rows   [8]vec // of tracing.Eight
	lie    rotation
	size   float64 // of QRS
	tSize  float64
	pSize  float64
	breath float64 // radians that the heart turns with each breath
	rate   float64 // breaths a second
	phase  float64
}

func newBody(seed uint64) body {
	r := rand.New(rand.NewPCG(seed, 0x616e61746f6d79))
	within := func(x float64) float64 { return (2*r.Float64() - 1) * x }
	b := body{
		lie: rotate(within(.22), within(.15)), size: 1 + within(.2), tSize: 1 + within(.2), pSize: 1 + within(.15),
		breath: .02 + .02*r.Float64(), rate: .2 + .08*r.Float64(), phase: 2 * math.Pi * r.Float64(),
	}
	for i, c := range tracing.Eight {
		gain := 1 + within(.06)
		for k := range 3 {
			b.rows[i][k] = dower[c][k]*gain + within(.015)
		}
	}
	return b
}

// fit makes a form of this person's.
func (b *body) fit(f form) *form {
	f.p, f.qrs = f.p.turned(b.lie, b.pSize), f.qrs.turned(b.lie, b.size)
	f.st, f.t = f.st.turned(b.lie, 1), f.t.turned(b.lie, b.tSize)
	return &f
}

// exchanged are the leads of a person whose arm electrodes are exchanged: I upside down, II and III in each other's place.
func (b *body) exchanged() {
	i, ii := b.rows[0], b.rows[1]
	for k := range 3 {
		b.rows[0][k] = -i[k]
		b.rows[1][k] = ii[k] - i[k]
	}
}

// lead is the projection of v on the i-th of tracing.Eight.
func (b *body) lead(i int, v vec) float64 {
	row := &b.rows[i]
	return row[0]*v[0] + row[1]*v[1] + row[2]*v[2]
}
