// What is not the heart: muscles, breath, mains. All of it is a function of the position.

package synth

import "math"

// hash is splitmix64.
func hash(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// unit is noise of mean 0 and variance 1, nearly normal: the sum of four numbers of 16 bits.
func unit(key uint64) float64 {
	h := hash(key)
	sum := float64(h&0xffff) + float64(h>>16&0xffff) + float64(h>>32&0xffff) + float64(h>>48)
	return (sum/65535 - 2) * math.Sqrt(3)
}

// noise is the disturbance of one lead.
type noise struct {
	key                  uint64
	muscle, drift, mains float64 // uV
	phase                [4]float64
}

func newNoise(s Spec, lead int) noise {
	n := noise{key: hash(s.Seed*64 + uint64(lead)), muscle: s.NoiseUV, drift: s.WanderUV, mains: s.MainsUV}
	for i := range n.phase {
		n.phase[i] = 2 * math.Pi * float64(hash(n.key+uint64(i))&0xffff) / 65536
	}
	return n
}

// at is the disturbance of sample i at time t, in microvolts.
func (n *noise) at(i int64, t float64) float64 {
	v := 0.0
	if n.muscle > 0 {
		k := n.key + uint64(i)
		v += n.muscle * (unit(k) + .6*unit(k-1)) / math.Sqrt(1.36)
	}
	if n.drift > 0 {
		v += n.drift * (.55*math.Sin(2*math.Pi*.11*t+n.phase[0]) + .3*math.Sin(2*math.Pi*.27*t+n.phase[1]) + .15*math.Sin(2*math.Pi*.43*t+n.phase[2]))
	}
	if n.mains > 0 {
		v += n.mains * math.Sin(2*math.Pi*50.02*t+n.phase[3]) * (1 + .1*math.Sin(2*math.Pi*.2*t))
	}
	return v
}
