// Packer: group commit of small objects. Objects of one group that arrive close together become one tar, one put and
// one commit.

package store

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/lianzhen/lianzhen/record"
)

// Packed says where an item lies: length bytes from offset in the blob key are the object itself, without tar header.
type Packed[T any] struct {
	Item           T
	Key            string
	Offset, Length int64

	durable func() error
}

// Durable waits until the blob is durable and tells whether it is. With PackOptions.Early a commit that has not asked must
// not end.
func (p Packed[T]) Durable() error {
	if p.durable == nil {
		return nil
	}
	return p.durable()
}

// PackOptions bound the packs.
type PackOptions struct {
	MaxBytes int           // of objects in one pack; default 16 MiB
	MaxItems int           // default 1000
	Quiet    time.Duration // a pack is written when nothing came for so long; default 2 ms
	MaxWait  time.Duration // ... and at the latest after this; default 25 ms
	InFlight int64         // bytes of all objects not yet done; default 128 MiB. Beyond it Add and Go wait
	Writers  int           // packs written at the same time; default 4
	NewKey   func(group string) string

	// Early is the size up to which a pack's commit begins while the pack is still being written; it must ask
	// Packed.Durable before it ends. 0: every commit begins when its pack is durable.
	Early int

	// More tells whether other objects are on their way, which a pack should wait for; nil: it is not known, so they may be.
	More func() bool
}

func (o PackOptions) filled() PackOptions {
	o.MaxBytes = positive(o.MaxBytes, 16<<20)
	o.MaxItems = positive(o.MaxItems, 1000)
	o.Quiet = positive(o.Quiet, 2*time.Millisecond)
	o.MaxWait = positive(o.MaxWait, 25*time.Millisecond)
	o.InFlight = positive(o.InFlight, 128<<20)
	o.Writers = positive(o.Writers, 4)
	if o.NewKey == nil {
		o.NewKey = func(group string) string { return group + "/" + record.NewID(time.Now()) + ".tar" }
	}
	return o
}

func positive[N int | int64 | time.Duration](n, otherwise N) N {
	if n > 0 {
		return n
	}
	return otherwise
}

// Packer packs objects by group. While one pack of a group is written the next one collects, so that a fast sender gets
// large packs. Senders that wait for each answer are counted, and a pack is not held back when all of them wait.
type Packer[T any] struct {
	blobs  Blobs
	opt    PackOptions
	commit func(ctx context.Context, items []Packed[T]) []error
	room   *semaphore.Weighted
	slots  chan struct{}
	stop   context.CancelFunc
	ctx    context.Context

	mu     sync.Mutex
	groups map[string]*group[T]
	closed bool
	open   sync.WaitGroup // packs not yet answered
}

// group is one key prefix. Its fields are held by Packer.mu.
type group[T any] struct {
	name    string
	next    *pack[T] // collects; nil when nothing does
	writing int      // packs that are being put and committed
	out     int      // objects not yet answered
	level   int      // as many were out at once lately: so many senders wait for an answer before they send the next
}

type pack[T any] struct {
	group       *group[T]
	entries     []entry[T]
	bytes       int
	first, last time.Time
	timer       *time.Timer
}

type entry[T any] struct {
	name string
	data []byte
	item T
	done func(error)
}

// NewPacker makes a packer. commit is called once for each durable tar with its items and answers one error per item;
// nil means that all are fine. It may run at the same time for different tars.
func NewPacker[T any](blobs Blobs, opt PackOptions, commit func(ctx context.Context, items []Packed[T]) []error) *Packer[T] {
	opt = opt.filled()
	p := &Packer[T]{
		blobs: blobs, opt: opt, commit: commit,
		room:   semaphore.NewWeighted(opt.InFlight),
		slots:  make(chan struct{}, opt.Writers),
		groups: make(map[string]*group[T]),
	}
	p.ctx, p.stop = context.WithCancel(context.Background())
	return p
}

// Add packs one object and returns when it is durable and committed. The group is the key prefix
// <bucket>/<site>/<study>; name is the file name inside the tar. data must not change until Add returns. When ctx ends
// first, the object may still be kept and data is still in use: use Go to learn when it is not.
func (p *Packer[T]) Add(ctx context.Context, group, name string, data []byte, item T) error {
	done := make(chan error, 1)
	if err := p.Go(ctx, group, name, data, item, func(err error) { done <- err }); err != nil {
		return err
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Go is Add without waiting: done is called once with the outcome, from another goroutine, and should be quick. It
// waits only while too many bytes are in flight. When it returns an error, done is not called.
func (p *Packer[T]) Go(ctx context.Context, group, name string, data []byte, item T, done func(error)) error {
	if err := ValidKey(group + "/x"); err != nil {
		return err
	}
	if !validSegment(name, maxSegment) {
		return record.Errorf(record.Invalid, "pack: name of an object: want the letters of an id")
	}
	weight := min(int64(len(data))+1, p.opt.InFlight)
	if err := p.room.Acquire(ctx, weight); err != nil {
		return err
	}
	e := entry[T]{name: name, data: data, item: item, done: func(err error) { p.room.Release(weight); done(err) }}
	if !p.collect(group, e) {
		p.room.Release(weight)
		return record.Errorf(record.Unavailable, "the packer is closed")
	}
	return nil
}

// collect puts an entry into the pack of its group.
func (p *Packer[T]) collect(name string, e entry[T]) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	g := p.groups[name]
	if g == nil {
		p.forget()
		g = &group[T]{name: name}
		p.groups[name] = g
	}
	now := time.Now()
	if g.next != nil && g.next.bytes+len(e.data) > p.opt.MaxBytes {
		p.write(g.next)
	}
	if g.next == nil {
		k := &pack[T]{group: g, first: now}
		k.timer = time.AfterFunc(p.opt.Quiet, func() { p.due(k) })
		g.next = k
		p.open.Add(1)
	}
	k := g.next
	g.out++
	g.level = max(g.level, g.out)
	k.entries = append(k.entries, e)
	k.bytes += len(e.data)
	k.last = now
	if k.bytes >= p.opt.MaxBytes || len(k.entries) >= p.opt.MaxItems || g.writing == 0 && p.complete(g) {
		p.write(k)
	}
	return true
}

// complete tells that nothing is to be expected that a pack should wait for: all senders that there were lately wait for
// their answers, and no object is on its way.
func (p *Packer[T]) complete(g *group[T]) bool {
	return g.out >= g.level && (g.out == 1 || p.opt.More != nil && !p.opt.More())
}

// forget drops idle groups when there are many.
func (p *Packer[T]) forget() {
	const many = 1024
	if len(p.groups) < many {
		return
	}
	for name, g := range p.groups {
		if g.next == nil && g.out == 0 {
			delete(p.groups, name)
		}
	}
}

// due runs when a pack may have become quiet.
func (p *Packer[T]) due(k *pack[T]) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.check(k, time.Now())
}

// check writes the pack when its time has come and nothing of its group is being written; else it looks again later.
func (p *Packer[T]) check(k *pack[T], now time.Time) {
	if k.group.next != k || k.group.writing > 0 {
		return // written already, or the end of that write will look again
	}
	at := k.last.Add(p.opt.Quiet)
	if latest := k.first.Add(p.opt.MaxWait); latest.Before(at) {
		at = latest
	}
	if wait := at.Sub(now); wait > 0 && !p.complete(k.group) {
		k.timer.Reset(wait)
		return
	}
	k.group.level = k.group.out // nobody else came
	p.write(k)
}

// write takes the pack out of its group and starts its goroutine.
func (p *Packer[T]) write(k *pack[T]) {
	k.timer.Stop()
	g := k.group
	g.next = nil
	g.writing++
	go p.run(k)
}

func (p *Packer[T]) run(k *pack[T]) {
	defer p.open.Done()
	p.slots <- struct{}{}
	errs := p.keep(k)
	<-p.slots
	p.wrote(k.group, len(k.entries))
	for i := range k.entries {
		var err error
		if errs != nil {
			err = errs[i]
		}
		k.entries[i].done(err)
	}
}

func (p *Packer[T]) wrote(g *group[T], n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	g.writing--
	g.out -= n
	if g.next != nil {
		p.check(g.next, time.Now())
	}
}

// keep writes the tar and commits it; one error per entry, or nil.
func (p *Packer[T]) keep(k *pack[T]) []error {
	key := p.opt.NewKey(k.group.name)
	b, items, err := bundled(key, k.entries)
	if err == nil {
		err = p.put(b, key, items)
	}
	var errs []error
	if err == nil {
		errs = p.commit(p.ctx, items)
		err = items[0].Durable()
	}
	if err == nil && errs != nil && len(errs) != len(items) {
		err = fmt.Errorf("commit of a pack answered %d errors for %d items", len(errs), len(items))
	}
	if err == nil {
		return errs
	}
	return slices.Repeat([]error{err}, len(k.entries))
}

// put writes a pack, or begins to when the commit may begin too.
func (p *Packer[T]) put(b *bundle, key string, items []Packed[T]) error {
	put := func() error {
		_, err := p.blobs.Put(p.ctx, key, b, b.size)
		return err
	}
	if b.size > int64(p.opt.Early) {
		return put()
	}
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		err = put()
	}()
	for i := range items {
		items[i].durable = func() error { <-done; return err }
	}
	return nil
}

// Close writes what is collected and waits for it; when ctx ends first, what is under way is broken off and fails.
func (p *Packer[T]) Close(ctx context.Context) error {
	p.mu.Lock()
	p.closed = true
	for _, g := range p.groups {
		if g.next != nil {
			p.write(g.next)
		}
	}
	p.mu.Unlock()
	done := make(chan struct{})
	go func() { p.open.Wait(); close(done) }()
	defer p.stop()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		p.stop()
		<-done
		return ctx.Err()
	}
}

// bundle is a tar as a list of slices: the objects are not copied into it.
type bundle struct {
	slices [][]byte
	starts []int64 // where each slice begins
	size   int64
	at     int64
}

const tarBlock = 512

var zeros [2 * tarBlock]byte

// bundled lays out a plain tar of the entries.
func bundled[T any](key string, entries []entry[T]) (*bundle, []Packed[T], error) {
	b := &bundle{slices: make([][]byte, 0, 3*len(entries)+1), starts: make([]int64, 0, 3*len(entries)+1)}
	items := make([]Packed[T], len(entries))
	at := time.Now().UTC().Truncate(time.Second)
	var headers bytes.Buffer
	headers.Grow(tarBlock * len(entries))
	for i, e := range entries {
		begin := headers.Len()
		w := tar.NewWriter(&headers)
		if err := w.WriteHeader(&tar.Header{Name: e.name, Size: int64(len(e.data)), Mode: 0o600, ModTime: at}); err != nil {
			return nil, nil, fmt.Errorf("pack %s: %w", key, err)
		}
		b.add(headers.Bytes()[begin:])
		items[i] = Packed[T]{Item: e.item, Key: key, Offset: b.size, Length: int64(len(e.data))}
		b.add(e.data)
		if over := len(e.data) % tarBlock; over > 0 {
			b.add(zeros[:tarBlock-over])
		}
	}
	b.add(zeros[:]) // the end of a tar
	return b, items, nil
}

func (b *bundle) add(s []byte) {
	b.slices = append(b.slices, s)
	b.starts = append(b.starts, b.size)
	b.size += int64(len(s))
}

// Read implements io.Reader.
func (b *bundle) Read(p []byte) (int, error) {
	n := 0
	for i := b.slice(b.at); i < len(b.slices) && n < len(p); i++ {
		c := copy(p[n:], b.slices[i][b.at-b.starts[i]:])
		n += c
		b.at += int64(c)
	}
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// slice finds the slice that holds position at.
func (b *bundle) slice(at int64) int {
	lo, hi := 0, len(b.slices)
	for lo < hi {
		mid := (lo + hi) / 2
		if b.starts[mid]+int64(len(b.slices[mid])) > at {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo
}

// WriteTo implements io.WriterTo.
func (b *bundle) WriteTo(w io.Writer) (int64, error) {
	var n int64
	for i := b.slice(b.at); i < len(b.slices); i++ {
		c, err := w.Write(b.slices[i][b.at-b.starts[i]:])
		n += int64(c)
		b.at += int64(c)
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// Seek implements io.Seeker, so that a put can be tried again.
func (b *bundle) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += b.at
	case io.SeekEnd:
		offset += b.size
	}
	if offset < 0 || offset > b.size {
		return 0, fmt.Errorf("seek outside of a pack")
	}
	b.at = offset
	return offset, nil
}
