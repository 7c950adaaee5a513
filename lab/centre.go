// Centre: what the laboratory centre is made of.

package lab

import (
	"cmp"
	"context"
	"sync/atomic"
	"time"

	"github.com/lianzhen/lianzhen/lab/analyser"
	"github.com/lianzhen/lianzhen/lab/table"
	"github.com/lianzhen/lianzhen/lab/v2"
	"github.com/lianzhen/lianzhen/reading"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Modality of laboratory exams, as worklists say it.
const Modality = "LAB"

// Options of a Centre; a zero field takes its default.
type Options struct {
	MaxMessage      int64          // bytes of one message; default 16 MiB
	QuarantineQuota int            // unresolved messages kept for one institution; default 10 000
	Zone            *time.Location // of instants without a zone; default China Standard Time
	Pack            store.PackOptions
	TickEvery       time.Duration                                      // default 2 seconds
	Link            func(ctx context.Context, id string) (Link, error) // a registered device with its profile of now; NotFound for others
	ConfirmWithin   time.Duration                                      // a critical value that nobody has validated is told after this; default 10 minutes
}

func (o Options) withDefaults() Options {
	o.MaxMessage = cmp.Or(o.MaxMessage, 16<<20)
	o.QuarantineQuota = cmp.Or(o.QuarantineQuota, 10_000)
	o.TickEvery = cmp.Or(o.TickEvery, 2*time.Second)
	o.ConfirmWithin = cmp.Or(o.ConfirmWithin, 10*time.Minute)
	o.Pack.Quiet = cmp.Or(o.Pack.Quiet, time.Millisecond)
	o.Pack.MaxWait = cmp.Or(o.Pack.MaxWait, 10*time.Millisecond)
	o.Pack.Writers = cmp.Or(o.Pack.Writers, 32) // each institution has packs of its own, whose rows are committed together
	if o.Zone == nil {
		o.Zone = time.FixedZone("CST", 8*60*60)
	}
	return o
}

// Centre takes, keeps, judges, releases and finds results.
type Centre struct {
	db      *store.DB
	blobs   store.Blobs
	room    *reading.Room
	desks   Desks
	reads   *store.ReadNotes
	opt     Options
	packer  *store.Packer[*arrival]
	commits *store.Committer
	refused *store.Quarantine
	watched atomic.Int64 // events of quality control below this are followed; 0: since a start nothing was looked at

	hl7    profiles[v2.Profile]
	astm   profiles[*analyser.Profile]
	tables profiles[table.Profile]
}

// New makes a Centre over its stores and desks. Close it before them.
func New(db *store.DB, blobs store.Blobs, room *reading.Room, desks Desks, opt Options) *Centre {
	c := &Centre{
		db: db, blobs: blobs, room: room, desks: desks, reads: store.NewReadNotes(db), opt: opt.withDefaults(), commits: store.NewCommitter(db),
	}
	c.opt.Pack.NewKey = func(group string) string { return group + "/" + record.NewID(db.Now()) + packExtension }
	if _, local := blobs.(*store.Dir); local { // an S3 server takes too long to keep a transaction open
		c.opt.Pack.Early = earlyCommit
	}
	c.refused = c.newQuarantine()
	c.packer = store.NewPacker(blobs, c.opt.Pack, c.commitPack)
	room.Publishes(record.Lab, c.publish)
	return c
}

// earlyCommit is the size of packs whose rows are written while their bytes go to the disk.
const earlyCommit = 2 << 20

// Close waits for the messages under way.
func (c *Centre) Close(ctx context.Context) error { return c.packer.Close(ctx) }

// site is the sender's place in the region: whose message it is, and which centre has it.
type site struct {
	institution record.InstitutionID
	centre      store.Centre
}

func (c *Centre) siteOf(ctx context.Context, s record.Scope) (site, error) {
	centre, err := c.db.CentreOf(ctx, s, record.Lab)
	return site{s.Actor.Institution, centre}, err
}

var (
	actor  = record.Actor{Kind: record.ActorSystem, ID: "lab", Display: "检验中心 Laboratory centre"}
	system = record.Scope{All: true, Actor: actor, Purpose: record.Operations}
)
