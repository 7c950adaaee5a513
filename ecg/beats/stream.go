// The stream: samples come in blocks of any size, are brought to a working rate of 200 to 400 Hz and are analysed in overlapping
// frames on a fixed grid, so that the size of the blocks does not change the result.

package beats

import "math"

const (
	workHz  = 200.0 // the lowest rate that a higher one is decimated to
	hopS    = 40.0  // seconds of a frame whose beats are reported
	marginS = 5.0   // seconds of a frame before and after them
	limitUV = 1e7   // a sample beyond it is no voltage of a body
)

// Stream finds beats of a recording of any length in bounded memory.
type Stream struct {
	rateHz float64
	by     int     // input samples of one working sample
	hz     float64 // rateHz / by
	leads  []front
	base   int // working index of the first sample in the buffers
	next   int // working index from which beats are still to be reported
	last   int // working index of the last beat reported
	any    bool
	frame  frame
	shapes shapes
}

// NewStream starts a recording of a rate from 100 to 2000 Hz. A Stream without leads, or of a rate that is none, finds nothing.
func NewStream(rateHz float64, leads int) *Stream {
	s := &Stream{rateHz: rateHz}
	if !(rateHz >= 50 && rateHz <= 1e5) || leads <= 0 {
		return s
	}
	s.by = max(1, int(rateHz/workHz))
	s.hz = rateHz / float64(s.by)
	s.leads = make([]front, leads)
	for i := range s.leads {
		s.leads[i] = newFront(s.by, rateHz)
	}
	return s
}

// Push takes the next samples of every lead, microvolts, NaN for missing ones, and gives the beats that are certain by now.
func (s *Stream) Push(block [][]float64) []Beat {
	if len(s.leads) == 0 || len(block) < len(s.leads) {
		return nil
	}
	n := len(block[0])
	for _, b := range block[:len(s.leads)] {
		n = min(n, len(b))
	}
	var out []Beat
	for at := 0; at < n; {
		step := min(n-at, s.room())
		for i := range s.leads {
			s.leads[i].take(block[i][at : at+step])
		}
		at += step
		if s.room() <= 0 {
			out = append(out, s.analyse(s.next+s.hop())...)
			s.slide()
		}
	}
	return out
}

// Flush gives the beats that are left. The Stream is at its end then.
func (s *Stream) Flush() []Beat {
	if len(s.leads) == 0 {
		return nil
	}
	for i := range s.leads {
		s.leads[i].finish()
	}
	out := s.analyse(math.MaxInt)
	s.leads = nil
	return out
}

func (s *Stream) hop() int    { return int(hopS * s.hz) }
func (s *Stream) margin() int { return int(marginS * s.hz) }

// room is how many input samples are missing to a full frame.
func (s *Stream) room() int {
	want := (s.next + s.hop() + s.margin() - s.base) * s.by
	return want - len(s.leads[0].x)*s.by - s.leads[0].part
}

// slide forgets what the next frame does not need.
func (s *Stream) slide() {
	s.next += s.hop()
	drop := s.next - s.margin() - s.base
	if drop <= 0 {
		return
	}
	for i := range s.leads {
		s.leads[i].drop(drop)
	}
	s.base += drop
}

// sample is the input sample at the middle of a working one.
func (s *Stream) sample(work int) int { return work*s.by + s.by/2 }
