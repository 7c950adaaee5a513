// Format 8: first differences, read from the start; the state is kept every so often.

package wfdb

import "io"

const deltaStep = 1 << 12 // frames between kept states

// deltas is a stream of format 8.
type deltas struct {
	r      io.ReaderAt
	start  int64
	size   int64
	signal []int     // of each sample in a frame
	states [][]int32 // of each signal, before frame i x deltaStep
}

// openDeltas reads the file once to be able to start anywhere.
func openDeltas(r io.ReaderAt, start, size int64, signals []*signal) (*deltas, error) {
	d := &deltas{r: r, start: start, size: size}
	state := make([]int32, len(signals))
	for i, s := range signals {
		state[i] = int32(s.initial)
		for range s.perFrame {
			d.signal = append(d.signal, i)
		}
	}
	frame := int64(len(d.signal))
	raw := make([]byte, min(frame*256, 1<<20))
	raw = raw[:int64(len(raw))/frame*frame]
	for at := int64(0); at < size; {
		if at%(frame*deltaStep) == 0 {
			d.states = append(d.states, append([]int32(nil), state...))
		}
		n := min(int64(len(raw)), size-at, frame*deltaStep-at%(frame*deltaStep))
		if err := readFull(r, raw[:n], start+at); err != nil {
			return nil, err
		}
		for i, b := range raw[:n] {
			state[d.signal[i%len(d.signal)]] += int32(int8(b))
		}
		at += n
	}
	return d, nil
}

func (d *deltas) len() int64 { return d.size }

func (d *deltas) step() int { return 1 << 15 }

func (d *deltas) read(dst []int32, first int64) error {
	if len(dst) == 0 {
		return nil
	}
	frame := int64(len(d.signal))
	step := first / (frame * deltaStep)
	state := append([]int32(nil), d.states[step]...)
	at, end := step*frame*deltaStep, first+int64(len(dst))
	raw := make([]byte, frame*min(1024, (end-at+frame-1)/frame))
	for at < end {
		n := min(int64(len(raw)), end-at)
		if err := readFull(d.r, raw[:n], d.start+at); err != nil {
			return err
		}
		for i, b := range raw[:n] {
			s := d.signal[i%len(d.signal)]
			state[s] += int32(int8(b))
			if at+int64(i) >= first {
				dst[at+int64(i)-first] = state[s]
			}
		}
		at += n
	}
	return nil
}
