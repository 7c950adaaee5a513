// Desk: subscriptions and their outboxes.

package dispatch

import (
	"cmp"
	"crypto/tls"
	"math/rand/v2"
	"time"

	"github.com/lianzhen/lianzhen/lab"
	"github.com/lianzhen/lianzhen/store"
)

// Options of a Desk; a zero field takes its default.
type Options struct {
	TLS     *tls.Config   // certificates of ours for receivers that ask for one
	Local   bool          // receivers on this machine, and http:// on private addresses, are allowed
	Workers int           // subscriptions served at once; default 8
	Lease   time.Duration // after which the work of a server that was killed is taken over; default 90 seconds
	Poll    time.Duration // how often is looked for what became due; default 1 second
	Dial    time.Duration // until a connection stands; default 10 seconds
	Answer  time.Duration // from the message to its answer; default 30 seconds
	Pauses  []time.Duration
	GiveUp  time.Duration // of trying; default 72 hours
	Keep    time.Duration // of deliveries that have ended, for people to look at; default 90 days
}

func (o Options) filled() Options {
	o.Workers = cmp.Or(o.Workers, 8)
	o.Dial, o.Answer = cmp.Or(o.Dial, 10*time.Second), cmp.Or(o.Answer, 30*time.Second)
	o.Lease = max(cmp.Or(o.Lease, 90*time.Second), 2*(o.Dial+o.Answer))
	o.Poll = cmp.Or(o.Poll, time.Second)
	o.GiveUp, o.Keep = cmp.Or(o.GiveUp, 72*time.Hour), cmp.Or(o.Keep, 90*24*time.Hour)
	if len(o.Pauses) == 0 {
		o.Pauses = []time.Duration{
			5 * time.Second, 15 * time.Second, 45 * time.Second, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute,
		}
	}
	return o
}

// Desk keeps subscriptions and delivers. Several may work over one database.
type Desk struct {
	db     *store.DB
	centre *lab.Centre
	opt    Options
}

// New makes a Desk. Nothing is delivered before Run.
func New(db *store.DB, centre *lab.Centre, opt Options) *Desk {
	return &Desk{db: db, centre: centre, opt: opt.filled()}
}

// pause is how long to wait after so many tries in vain, a little more or less so that not all begin again at once.
func (d *Desk) pause(tries int) time.Duration {
	p := d.opt.Pauses[min(max(tries, 0), len(d.opt.Pauses)-1)]
	return p + rand.N(p/5+1)
}
