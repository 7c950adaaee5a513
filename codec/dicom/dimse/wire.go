package dimse

import (
	"errors"
	"os"
	"time"
)

// errOver ends reading when the association was ended from elsewhere; why is in Association.err.
var errOver = errors.New("dimse: association is over")

// patience says how long a read may wait.
type patience uint8

const (
	forARTIM   patience = iota // establishing, and after the end: until Association.artim
	forMessage                 // between messages: until idle for too long
	forRest                    // within a message: as long as there is budget
)

// rate is how many bytes of a message must come within Options.Stall.
const rate = 4 << 10

// wire reads the connection with the right deadline. Time within a message is a budget that is spent by waiting in a read and
// earned by bytes: a peer that sends one byte at a time runs out of it, and a handler that reads slowly costs its peer nothing.
type wire struct {
	a        *Association
	patience patience
	budget   time.Duration
	quickAck func()
}

// wait says what the coming bytes are.
func (w *wire) wait(p patience) {
	w.patience = p
	w.budget = w.a.opts.Stall
}

// Read reads what is there, and waits for the first byte of it only.
func (w *wire) Read(p []byte) (int, error) {
	for {
		began := time.Now()
		if err := w.arm(began); err != nil {
			return 0, err
		}
		w.quickAck()
		n, err := w.a.conn.Read(p)
		if n > 0 {
			w.earn(began, n)
			return n, nil // an error comes again with the next read
		}
		if err == nil {
			continue
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return 0, err
		}
		if err := w.expired(began); err != nil {
			return 0, err
		}
	}
}

// arm sets the deadline. It does so under the lock, so that the end of the association can shorten it.
func (w *wire) arm(now time.Time) error {
	a := w.a
	a.mu.Lock()
	defer a.mu.Unlock()
	var until time.Time
	switch {
	case w.patience == forARTIM:
		until = a.artim
	case a.over:
		return errOver
	case w.patience == forRest:
		until = now.Add(w.budget)
	case a.busy():
		until = now.Add(a.opts.Idle)
	default:
		until = a.active.Add(a.opts.Idle)
	}
	return a.conn.SetReadDeadline(until)
}

// expired says why a deadline came, nil if reading goes on.
func (w *wire) expired(began time.Time) error {
	a := w.a
	now := time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case w.patience == forARTIM:
		if now.Before(a.artim) {
			return nil
		}
		return ErrARTIM
	case a.over:
		return errOver
	case w.patience == forRest:
		if w.budget -= now.Sub(began); w.budget > 0 {
			return nil
		}
		return ErrStalled
	case a.busy(), now.Before(a.active.Add(a.opts.Idle)):
		return nil
	}
	return ErrIdle
}

func (w *wire) earn(began time.Time, n int) {
	if w.patience == forMessage {
		w.wait(forRest) // the first byte of a message
		return
	}
	stall := w.a.opts.Stall
	gain := stall
	if n < rate {
		gain = stall * time.Duration(n) / rate
	}
	w.budget = min(stall, w.budget-time.Since(began)+gain)
}

// busy tells whether an operation is open in either direction. The caller holds mu.
func (a *Association) busy() bool { return a.handlers > 0 || len(a.calls) > 0 }
