package jpegls

import "math/bits"

// context is what is remembered of one of the 365 kinds of neighbourhood (A.2.1), in the standard's letters.
type context struct{ a, b, c, n int32 }

// runContext is the same of the two kinds of sample that end a run; below is Nn, how many errors were negative.
type runContext struct{ a, n, below int32 }

const (
	gradients   = 1 << 17 // differences of two 16-bit samples, as two's complement in 17 bits
	maxRunIndex = 31
)

// runBits is J of A.2.1: run lengths are counted in units of 1<<J.
var runBits = [maxRunIndex + 1]uint8{
	0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13, 14, 15,
}

// state is what coder and decoder must have alike: parameters, contexts, and the lines above.
type state struct {
	model
	quantum  [gradients]int8 // Q of figure A.6 for each difference
	known    [4]int          // what quantum was made for: T1, T2, T3, NEAR
	ctx      [512]context    // 365 of them; the rest spares bounds checks
	run      [2]runContext
	runIndex [maxComponents]int
}

// begin prepares for a scan.
func (s *state) begin(m model) {
	s.model = m
	if key := [4]int{m.t1, m.t2, m.t3, m.near}; key != s.known {
		s.known = key
		s.quantise()
	}
	s.restart()
}

// restart is the state at the beginning of a scan and of each restart interval (A.8).
func (s *state) restart() {
	a := int32(max(2, (s.span+32)/64))
	for i := range s.ctx {
		s.ctx[i] = context{a: a, n: 1}
	}
	s.run = [2]runContext{{a: a, n: 1}, {a: a, n: 1}}
	s.runIndex = [maxComponents]int{}
}

// quantise fills the table of figure A.6, a range of differences at a time.
func (s *state) quantise() {
	last := [...]int{-s.t3, -s.t2, -s.t1, -s.near - 1, s.near, s.t1 - 1, s.t2 - 1, s.t3 - 1, gradients/2 - 1}
	d := -gradients / 2
	for q, end := range last {
		for ; d <= end; d++ {
			s.quantum[d&(gradients-1)] = int8(q - 4)
		}
	}
}

// golombK is k of A.5.1: the least with n<<k at least a.
func golombK(a, n int32) int {
	k := bits.Len32(uint32(a)) - bits.Len32(uint32(n))
	if k < 0 {
		return 0
	}
	if n<<(k&31) < a {
		k++
	}
	return k
}

// predict is the median edge detector of A.4.1: a+b-c, but not beyond a and b.
func predict(a, b, c int32) int32 {
	return min(max(a+b-c, min(a, b)), max(a, b))
}

// update learns from an error (A.6). The bias B is brought between -N+1 and 0 and C follows it, without branches since
// they could not be foretold.
func (c *context) update(err, weighted int32, reset int32) {
	sign := err >> 31
	a, b, n := c.a+(err^sign)-sign, c.b+weighted, c.n
	if n == reset {
		a, b, n = a>>1, b>>1, n>>1
	}
	n++
	below, above := (b+n-1)>>31, -b>>31
	c.a, c.n = a, n
	c.b = min(max(b+n&below-n&above, 1-n), 0)
	c.c = min(max(c.c+below-above, -128), 127)
}

// correct is the prediction with the learnt bias, inside the samples' range (A.4.2).
func (s *state) correct(px, c, sign int32) int32 {
	return min(max(px+(c^sign)-sign, 0), int32(s.maxVal))
}

// index is the number of the neighbourhood of the samples left, above, above left and above right, and its sign: those
// that mirror each other share a context (A.3.4). Zero begins a run.
func (s *state) index(a, b, c, d int32) int32 {
	q1 := int32(s.quantum[uint32(d-b)%gradients])
	q2 := int32(s.quantum[uint32(b-c)%gradients])
	q3 := int32(s.quantum[uint32(c-a)%gradients])
	return (q1*9+q2)*9 + q3
}

// fix is an error back to a sample (A.4.5): times the step, wrapped at the range, inside it.
func (s *state) fix(v int32) int32 {
	wrap := int32(s.span * (2*s.near + 1))
	switch {
	case v < -int32(s.near):
		v += wrap
	case v > int32(s.maxVal+s.near):
		v -= wrap
	}
	return min(max(v, 0), int32(s.maxVal))
}

// k is the code's parameter for the sample that ends a run (A.7.2); kind is RItype.
func (r *runContext) k(kind int32) int { return golombK(r.a+r.n>>1*kind, r.n) }

// update learns from the error of a sample that ended a run, mapped being EMErrval.
func (r *runContext) update(err, mapped, kind, reset int32) {
	if err < 0 {
		r.below++
	}
	r.a += (mapped + 1 - kind) >> 1
	if r.n == reset {
		r.a, r.n, r.below = r.a>>1, r.n>>1, r.below>>1
	}
	r.n++
}
