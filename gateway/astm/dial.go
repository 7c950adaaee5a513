// Connections that go out: to analysers that are TCP servers. Most of them take one connection only, so that of two gateways the
// second waits at its back-off until the first is gone.

package astm

import (
	"context"
	"math/rand/v2"
	"net"
	"time"
)

// Run keeps connections to the analysers that are to be dialled, until ctx ends.
func (d *Door) Run(ctx context.Context) {
	if d.opt.Dials == nil {
		return
	}
	r := runner{door: d, running: map[Dial]func(){}}
	defer r.stop()
	for {
		r.refresh(ctx)
		select {
		case <-time.After(d.opt.Refresh):
		case <-ctx.Done():
			return
		}
	}
}

// runner has a loop for each analyser.
type runner struct {
	door    *Door
	running map[Dial]func() // ends the loop and waits for its end
}

// refresh begins and ends loops as the list of analysers says.
func (r *runner) refresh(ctx context.Context) {
	list, err := r.door.opt.Dials(ctx)
	if err != nil {
		if ctx.Err() == nil {
			r.door.opt.Log.Error("astm: analysers to dial", "error", err)
		}
		return
	}
	want := map[Dial]bool{}
	for _, x := range list {
		want[x] = true
	}
	for x, end := range r.running {
		if !want[x] {
			end()
			delete(r.running, x)
		}
	}
	for x := range want {
		if r.running[x] == nil && len(r.running) < r.door.opt.Connections {
			r.running[x] = r.begin(ctx, x)
		}
	}
}

func (r *runner) begin(ctx context.Context, x Dial) func() {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.door.dial(ctx, x)
	}()
	return func() { cancel(); <-done }
}

func (r *runner) stop() {
	for _, end := range r.running {
		end()
	}
}

const (
	dialFor = 10 * time.Second
	stable  = time.Minute // a connection that lived so long was a good one
)

// dial keeps one connection up, with pauses that grow while it does not last.
func (d *Door) dial(ctx context.Context, x Dial) {
	dialer := net.Dialer{Timeout: dialFor}
	pause := d.opt.Redial
	for ctx.Err() == nil {
		began := time.Now()
		conn, err := dialer.DialContext(ctx, "tcp", x.Address)
		if err == nil {
			d.connection(ctx, conn)
		} else if ctx.Err() == nil {
			d.opt.Log.Info("astm: analyser not reached", "link", x.Key, "error", err)
		}
		if time.Since(began) > stable {
			pause = d.opt.Redial
		}
		select {
		case <-time.After(pause + rand.N(pause/4+1)):
		case <-ctx.Done():
		}
		pause = min(2*pause, 32*d.opt.Redial)
	}
}
