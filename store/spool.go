// Spool: the bytes of one object while they arrive. Small ones stay in memory, large ones go to a file, and a broken
// upload can be continued.

package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/lianzhen/lianzhen/record"
)

// SpoolOptions bound what arrives.
type SpoolOptions struct {
	MemoryLimit int   // an object up to this stays in memory; default 1 MiB
	TotalMemory int64 // of all objects in memory; default 256 MiB. Beyond it objects go to files at once
	MaxBytes    int64 // of one object; default 64 GiB
}

// Spool is one folder of arriving objects. One process uses it at a time.
type Spool struct {
	dir   string
	blobs Blobs
	opt   SpoolOptions
	small sync.Pool // *[]byte of smallBuffer
	large sync.Pool // *[]byte of MemoryLimit

	mu     sync.Mutex
	memory int64
	busy   map[string]bool // resume keys that somebody is writing to
}

const (
	smallBuffer   = 64 << 10
	partPrefix    = "part-"
	resumePrefix  = "resume-"
	longestResume = 200
)

// NewSpool opens the folder, makes it when it is missing, and removes parts of a former run that nobody can continue.
// In the same file system as a Dir, a file becomes a blob without another copy.
func NewSpool(dir string, blobs Blobs, opt SpoolOptions) (*Spool, error) {
	if opt.MemoryLimit <= 0 {
		opt.MemoryLimit = 1 << 20
	}
	if opt.TotalMemory <= 0 {
		opt.TotalMemory = 256 << 20
	}
	if opt.MaxBytes <= 0 {
		opt.MaxBytes = 64 << 30
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("spool: %w", diskFault(err))
	}
	s := &Spool{dir: dir, blobs: blobs, opt: opt, busy: make(map[string]bool)}
	s.small.New = func() any { return newBuffer(min(smallBuffer, opt.MemoryLimit)) }
	s.large.New = func() any { return newBuffer(opt.MemoryLimit) }
	_, err := s.sweep(func(name string, _ time.Time) bool { return strings.HasPrefix(name, partPrefix) })
	return s, err
}

func newBuffer(n int) *[]byte {
	b := make([]byte, n)
	return &b
}

// Sweep removes broken uploads that nobody continued for the given time, and says how many.
func (s *Spool) Sweep(olderThan time.Duration) (int, error) {
	limit := time.Now().Add(-olderThan)
	return s.sweep(func(name string, at time.Time) bool {
		return strings.HasPrefix(name, resumePrefix) && !at.After(limit)
	})
}

func (s *Spool) sweep(old func(name string, at time.Time) bool) (int, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return 0, fmt.Errorf("sweep spool: %w", diskFault(err))
	}
	n := 0
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() || !old(e.Name(), info.ModTime()) {
			continue
		}
		s.mu.Lock()
		if !s.busy[strings.TrimPrefix(e.Name(), resumePrefix)] {
			err = os.Remove(filepath.Join(s.dir, e.Name()))
			n++
		}
		s.mu.Unlock()
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return n, fmt.Errorf("sweep spool: %w", diskFault(err))
		}
	}
	return n, nil
}

// Held is how many bytes of a broken upload are here, 0 if none.
func (s *Spool) Held(resumeKey string) int64 {
	if !validSegment(resumeKey, longestResume) {
		return 0
	}
	info, err := os.Stat(filepath.Join(s.dir, resumePrefix+resumeKey))
	if err != nil {
		return 0
	}
	return info.Size()
}

// Begin starts a part. With a resumeKey it continues what is held under it, hashing that again; only one part per key
// at a time, a second is Unavailable. End every part with Store, Keep or Discard.
func (s *Spool) Begin(ctx context.Context, resumeKey string) (*Part, error) {
	p := &Part{spool: s, h: sha256.New(), key: resumeKey}
	if resumeKey == "" {
		return p, nil
	}
	if !validSegment(resumeKey, longestResume) {
		return nil, record.Errorf(record.Invalid, "resume key: want the letters of an id")
	}
	s.mu.Lock()
	taken := s.busy[resumeKey]
	s.busy[resumeKey] = true
	s.mu.Unlock()
	if taken {
		return nil, record.Errorf(record.Unavailable, "the object is being sent over another line; try again")
	}
	if err := p.resume(ctx); err != nil {
		p.close()
		return nil, fmt.Errorf("resume upload: %w", diskFault(err))
	}
	return p, nil
}

func (s *Spool) reserve(n int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.memory+n > s.opt.TotalMemory {
		return false
	}
	s.memory += n
	return true
}

// contents of an object, in memory or in a file.
type contents interface {
	io.ReadSeeker
	io.ReaderAt
}

// Part is one arriving object. It is an io.Writer for one goroutine.
type Part struct {
	spool  *Spool
	key    string
	h      hash.Hash
	size   int64
	prefix int64 // bytes that were here from a broken upload
	buf    *[]byte
	file   *os.File
	ended  bool
}

func (p *Part) path() string { return filepath.Join(p.spool.dir, resumePrefix+p.key) }

func (p *Part) resume(ctx context.Context) error {
	f, err := os.OpenFile(p.path(), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	p.file = f
	buf := pourBuffers.Get().(*[]byte)
	defer pourBuffers.Put(buf)
	p.prefix, err = io.CopyBuffer(&hashed{ctx: ctx, w: io.Discard, h: p.h}, struct{ io.Reader }{f}, *buf)
	p.size = p.prefix
	return err
}

// Write adds bytes. After an error the part holds what was written before, and can be kept.
func (p *Part) Write(b []byte) (int, error) {
	if p.ended {
		return 0, fs.ErrClosed
	}
	if p.size+int64(len(b)) > p.spool.opt.MaxBytes {
		return 0, record.Errorf(record.Invalid, "larger than %d bytes", p.spool.opt.MaxBytes)
	}
	if p.file == nil && !p.room(len(b)) {
		if err := p.spill(); err != nil {
			return 0, fmt.Errorf("spool: %w", diskFault(err))
		}
	}
	n := len(b)
	if p.file == nil {
		copy((*p.buf)[p.size:], b)
	} else {
		var err error
		if n, err = p.file.Write(b); err != nil {
			_, _ = p.h.Write(b[:n])
			p.size += int64(n)
			return n, fmt.Errorf("spool: %w", diskFault(err))
		}
	}
	_, _ = p.h.Write(b[:n])
	p.size += int64(n)
	return n, nil
}

// room makes place for n more bytes in memory, if the limits allow.
func (p *Part) room(n int) bool {
	need := int(p.size) + n
	if p.buf != nil && need <= len(*p.buf) {
		return true
	}
	if need > p.spool.opt.MemoryLimit {
		return false
	}
	pool, size := &p.spool.large, p.spool.opt.MemoryLimit
	if need <= smallBuffer && smallBuffer < size {
		pool, size = &p.spool.small, smallBuffer
	}
	have := 0
	if p.buf != nil {
		have = len(*p.buf)
	}
	if !p.spool.reserve(int64(size - have)) {
		return false
	}
	next := pool.Get().(*[]byte)
	if p.buf != nil {
		copy(*next, (*p.buf)[:p.size])
		p.spool.recycle(p.buf)
	}
	p.buf = next
	return true
}

// release gives the buffer back. Nobody may use InMemory after it.
func (p *Part) release() {
	if p.buf == nil {
		return
	}
	p.spool.mu.Lock()
	p.spool.memory -= int64(len(*p.buf))
	p.spool.mu.Unlock()
	p.spool.recycle(p.buf)
	p.buf = nil
}

func (s *Spool) recycle(buf *[]byte) {
	if len(*buf) == s.opt.MemoryLimit {
		s.large.Put(buf)
	} else {
		s.small.Put(buf)
	}
}

func (p *Part) spill() error {
	f, err := os.CreateTemp(p.spool.dir, partPrefix+"*") // mode 0600
	if err != nil {
		return err
	}
	if p.buf != nil {
		if _, err := f.Write((*p.buf)[:p.size]); err != nil {
			return errors.Join(err, f.Close(), os.Remove(f.Name()))
		}
	}
	p.file = f
	p.release()
	return nil
}

// Size is how many bytes are here, those of a resumed upload among them.
func (p *Part) Size() int64 { return p.size }

// SHA256 is the sum of all bytes so far, in hex.
func (p *Part) SHA256() string { return hex.EncodeToString(p.h.Sum(nil)) }

// InMemory is the object itself when it is in memory, else nil. It is valid until Store, Keep or Discard: end the part
// only when nobody (a Packer above all) uses the slice any more.
func (p *Part) InMemory() []byte {
	if p.buf == nil {
		return nil
	}
	return (*p.buf)[:p.size:p.size]
}

// Prefix reads again what was here before this part began.
func (p *Part) Prefix() io.Reader {
	if p.file == nil {
		return bytes.NewReader(nil)
	}
	return io.NewSectionReader(p.file, 0, p.prefix)
}

// ReaderAt reads any part of the object. It is valid until Store, Keep or Discard.
func (p *Part) ReaderAt() (io.ReaderAt, error) {
	if p.ended {
		return nil, fs.ErrClosed
	}
	return p.content(), nil
}

func (p *Part) content() contents {
	if p.file != nil {
		return io.NewSectionReader(p.file, 0, p.size)
	}
	return bytes.NewReader(p.InMemory())
}

// Reader reads the object from its beginning. It is valid until Store, Keep or Discard.
func (p *Part) Reader() (io.ReadCloser, error) {
	if p.ended {
		return nil, fs.ErrClosed
	}
	return struct {
		io.ReadSeeker
		io.Closer
	}{p.content(), io.NopCloser(nil)}, nil
}

// Store keeps the object as a blob and ends the part. After an error the part still stands, to be stored again, kept
// or discarded.
func (p *Part) Store(ctx context.Context, key string) (BlobInfo, error) {
	if p.ended {
		return BlobInfo{}, fs.ErrClosed
	}
	if d, ok := p.spool.blobs.(*Dir); ok && p.file != nil {
		info, moved, err := p.move(ctx, d, key)
		if moved || err != nil {
			return info, err
		}
	}
	sum := p.SHA256()
	info, err := p.spool.blobs.Put(ctx, key, known{p.content(), sum}, p.size)
	if err != nil {
		return BlobInfo{}, err
	}
	if info.SHA256 != sum {
		return BlobInfo{}, fmt.Errorf("store %s: the spool gave other bytes back than it was given", key)
	}
	p.Discard()
	return info, nil
}

// move renames the file into the folder of blobs; moved is false when that is another file system.
func (p *Part) move(ctx context.Context, d *Dir, key string) (info BlobInfo, moved bool, err error) {
	if err := ValidKey(key); err != nil {
		return BlobInfo{}, false, err
	}
	if err := p.file.Sync(); err != nil {
		return BlobInfo{}, false, fmt.Errorf("store %s: %w", key, diskFault(err))
	}
	name, temp := p.file.Name(), tempName()
	inDir := filepath.Join(d.path, filepath.FromSlash(temp))
	if err := os.Rename(name, inDir); err != nil {
		return BlobInfo{}, false, nil // Put copies it
	}
	info, err = d.place(ctx, temp, key, p.size, p.SHA256())
	if err != nil {
		return BlobInfo{}, true, errors.Join(err, os.Rename(inDir, name))
	}
	_ = d.root.Remove(temp) // its name is key now
	p.close()
	return info, true, nil
}

// Keep ends the part and leaves its bytes for a later Begin with the same resume key. Without one it is Discard.
func (p *Part) Keep() {
	if p.key == "" {
		p.Discard()
		return
	}
	if !p.ended {
		_ = p.file.Sync()
		p.close()
	}
}

// Discard ends the part and removes its bytes. After Store it does nothing.
func (p *Part) Discard() {
	if p.ended {
		return
	}
	if p.file != nil {
		_ = os.Remove(p.file.Name())
	}
	p.close()
}

func (p *Part) close() {
	if p.file != nil {
		_ = p.file.Close()
	}
	p.release()
	p.ended = true
	if p.key != "" {
		p.spool.mu.Lock()
		delete(p.spool.busy, p.key)
		p.spool.mu.Unlock()
	}
}
