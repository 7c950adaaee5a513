// Centre: what the ECG centre is made of.

package ecg

import (
	"cmp"
	"context"
	"time"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/ecg/critical"
	"github.com/lianzhen/lianzhen/reading"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Tracing is the one model of a recording.
type Tracing = tracing.Tracing

// Modalities of exams, as worklists and rules of recognition say them.
const (
	Resting    = "ECG"
	Ambulatory = "HOLTER"
)

// Options of a Centre; a zero field takes its default.
type Options struct {
	MaxFile         int64          // bytes of one file; default 4 GiB
	MaxQuarantine   int64          // bytes kept of a file that is refused; default 64 MiB
	QuarantineQuota int            // unresolved files kept for one institution; default 10 000
	Zone            *time.Location // of recordings without a zone; default China Standard Time
	AmbulatoryFrom  time.Duration  // a longer recording is ambulatory and analysed after it was stored; default 5 minutes
	TickEvery       time.Duration  // default 2 seconds
}

func (o Options) withDefaults() Options {
	o.MaxFile = cmp.Or(o.MaxFile, 4<<30)
	o.MaxQuarantine = cmp.Or(o.MaxQuarantine, 64<<20)
	o.QuarantineQuota = cmp.Or(o.QuarantineQuota, 10_000)
	o.AmbulatoryFrom = cmp.Or(o.AmbulatoryFrom, 5*time.Minute)
	o.TickEvery = cmp.Or(o.TickEvery, 2*time.Second)
	if o.Zone == nil {
		o.Zone = time.FixedZone("CST", 8*60*60)
	}
	return o
}

// Centre takes, keeps, measures and finds tracings.
type Centre struct {
	db      *store.DB
	blobs   store.Blobs
	spool   *store.Spool
	room    *reading.Room
	reads   *store.ReadNotes
	rules   store.RuleBook[critical.Pack]
	refused *store.Quarantine
	opt     Options
	wake    chan struct{} // an ambulatory recording has arrived
}

// New makes a Centre over its stores.
func New(db *store.DB, blobs store.Blobs, spool *store.Spool, room *reading.Room, opt Options) *Centre {
	opt = opt.withDefaults()
	reads := store.NewReadNotes(db)
	return &Centre{
		db: db, blobs: blobs, spool: spool, room: room, reads: reads, opt: opt, wake: make(chan struct{}, 1),
		rules: store.RuleBook[critical.Pack]{Packs: rulePacks, Parse: critical.Parse},
		refused: store.NewQuarantine(db, blobs, reads, store.QuarantineOptions{
			Table: "ecg_quarantine", Noun: "file", Act: "tracing", MaxBytes: opt.MaxQuarantine, Quota: opt.QuarantineQuota,
		}),
	}
}

// site is the sender's place in the region: whose tracing it is, and who reads it.
type site struct {
	institution record.InstitutionID
	centre      store.Centre
}

func (c *Centre) siteOf(ctx context.Context, s record.Scope) (site, error) {
	centre, err := c.db.CentreOf(ctx, s, record.ECG)
	return site{s.Actor.Institution, centre}, err
}

// group is the place of a tracing's blobs: <bucket>/<institution>/<tracing>.
func (p site) group(id record.ExamID) string {
	return p.centre.Bucket + "/" + string(p.institution) + "/" + string(id)
}

var (
	actor  = record.Actor{Kind: record.ActorSystem, ID: "ecg", Display: "心电中心 ECG centre"}
	system = record.Scope{All: true, Actor: actor, Purpose: record.Operations}
)
