// Centre: what the imaging centre is made of.

package imaging

import (
	"cmp"
	"context"
	"io"
	"time"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/reading"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Options of a Centre; a zero field takes its default.
type Options struct {
	Quiet           time.Duration  // a study with nothing new for so long is complete; default 2 minutes
	MaxObject       int64          // bytes of one object; default 16 GiB
	MaxQuarantine   int64          // bytes kept of an object that is refused; larger ones are noted only; default 256 MiB
	QuarantineQuota int            // unresolved objects kept for one institution; default 10 000
	Zone            *time.Location // of study dates without an offset; default China Standard Time
	Limits          dicom.Limits
	Pack            store.PackOptions

	// OnStored is told of every object that is kept, also of one that was kept before, before its sender is: another centre may want it. Its
	// warning goes to the sender; after an error the sender is told to send again.
	OnStored func(ctx context.Context, s record.Scope, st Stored, open func() (io.ReadCloser, error)) (warning string, err error)
	// ReadElsewhere reports whether another centre reads a complete study that is kept and served here: then it gets no case. objects are the SOP
	// Instance UIDs of the study. It is asked inside the transaction that would open the case.
	ReadElsewhere func(ctx context.Context, q store.Querier, e record.Exam, objects func() ([]string, error)) (bool, error)
}

func (o Options) withDefaults() Options {
	o.Quiet = cmp.Or(o.Quiet, 2*time.Minute)
	o.MaxObject = cmp.Or(o.MaxObject, 16<<30)
	o.MaxQuarantine = cmp.Or(o.MaxQuarantine, 256<<20)
	o.QuarantineQuota = cmp.Or(o.QuarantineQuota, 10_000)
	if o.Zone == nil {
		o.Zone = time.FixedZone("CST", 8*60*60)
	}
	return o
}

// Centre takes, keeps and finds imaging studies.
type Centre struct {
	db       *store.DB
	blobs    store.Blobs
	spool    *store.Spool
	room     *reading.Room
	packer   *store.Packer[*arrival]
	reads    *store.ReadNotes
	waiting  *store.Quarantine
	arriving arrivals
	commits  *store.Committer
	opt      Options

	metadata *metadataCache
	rules    ruleBook
}

// New makes a Centre over its stores. Close it before them.
func New(db *store.DB, blobs store.Blobs, spool *store.Spool, room *reading.Room, opt Options) *Centre {
	c := &Centre{db: db, blobs: blobs, spool: spool, room: room, opt: opt.withDefaults(), reads: store.NewReadNotes(db), metadata: newMetadataCache()}
	c.waiting = store.NewQuarantine(db, blobs, c.reads, quarantineOptions(c.opt))
	c.opt.Pack.NewKey, c.opt.Pack.More = c.packKey, c.arriving.some
	if _, local := blobs.(*store.Dir); local { // an S3 server takes too long to keep a transaction open
		c.opt.Pack.Early = earlyCommit
	}
	c.commits = store.NewCommitter(db)
	c.packer = store.NewPacker(blobs, c.opt.Pack, c.commitPack)
	return c
}

// earlyCommit is the size of packs whose index is written while their bytes go to the disk.
const earlyCommit = 2 << 20

// Close waits for the objects under way.
func (c *Centre) Close(ctx context.Context) error { return c.packer.Close(ctx) }

func (c *Centre) packKey(group string) string { return group + "/" + record.NewID(c.db.Now()) + ".tar" }

// site is the sender's place in the region: whose object it is, and who reads it.
type site struct {
	institution record.InstitutionID
	centre      store.Centre
}

// siteOf says where objects of the caller belong.
func (c *Centre) siteOf(ctx context.Context, s record.Scope) (site, error) {
	centre, err := c.db.CentreOf(ctx, s, record.Imaging)
	return site{s.Actor.Institution, centre}, err
}

// group is the place of a study's blobs: <bucket>/<institution>/<study UID>.
func (p site) group(studyUID dicom.UID) string {
	return p.centre.Bucket + "/" + string(p.institution) + "/" + string(studyUID)
}
