// Dir keeps blobs as files below one folder: temporary file, fsync, link to its name, fsync of the folder.

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
	"iter"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lianzhen/lianzhen/record"
)

// Dir is the embedded Blobs. Only what has its final name exists; leftovers of a crash lie in .tmp, which no key can
// name, and are removed at the next start.
type Dir struct {
	root *os.Root
	temp *os.Root // of tempFolder
	bin  *os.File // the same by its handle
	path string

	mu    sync.Mutex
	known map[string]bool // folders that are made and flushed
	lent  folders
}

const (
	tempFolder = ".tmp"
	knownMax   = 1 << 14
)

// NewDir opens the folder, makes it when it is missing, and removes what a crash left behind.
func NewDir(root string) (*Dir, error) {
	abs, err := filepath.Abs(root)
	if err != nil {
		return nil, fmt.Errorf("blobs: %w", err)
	}
	if err := os.MkdirAll(abs, 0o700); err != nil {
		return nil, fmt.Errorf("blobs: %w", diskFault(err))
	}
	r, err := os.OpenRoot(abs)
	if err != nil {
		return nil, fmt.Errorf("blobs: %w", err)
	}
	d := &Dir{root: r, path: abs, known: make(map[string]bool)}
	if err := d.root.MkdirAll(tempFolder, 0o700); err != nil {
		return nil, errors.Join(fmt.Errorf("blobs: %w", diskFault(err)), r.Close())
	}
	if d.temp, err = r.OpenRoot(tempFolder); err != nil {
		return nil, errors.Join(fmt.Errorf("blobs: %w", diskFault(err)), r.Close())
	}
	if d.bin, err = d.temp.Open("."); err != nil {
		return nil, errors.Join(fmt.Errorf("blobs: %w", diskFault(err)), d.temp.Close(), r.Close())
	}
	if _, err := d.Sweep(time.Hour); err != nil { // another process may be writing: only what is old
		return nil, errors.Join(err, d.Close())
	}
	return d, syncPath(filepath.Dir(abs))
}

// Close lets the folder go.
func (d *Dir) Close() error {
	d.lent.mu.Lock()
	defer d.lent.mu.Unlock()
	d.lent.forget()
	return errors.Join(d.bin.Close(), d.temp.Close(), d.root.Close())
}

// Sweep removes temporary files that nobody has written to for the given time, and says how many.
func (d *Dir) Sweep(olderThan time.Duration) (int, error) {
	entries, err := d.readDir(tempFolder)
	if err != nil {
		return 0, fmt.Errorf("sweep blobs: %w", err)
	}
	n := 0
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || time.Since(info.ModTime()) < olderThan {
			continue
		}
		if err := d.root.Remove(tempFolder + "/" + e.Name()); err != nil {
			return n, fmt.Errorf("sweep blobs: %w", err)
		}
		n++
	}
	return n, nil
}

// Put implements Blobs.
func (d *Dir) Put(ctx context.Context, key string, r io.Reader, size int64) (BlobInfo, error) {
	if err := ValidKey(key); err != nil {
		return BlobInfo{}, err
	}
	if b, ok := r.(*bundle); ok {
		return d.putPack(key, b)
	}
	temp := tempName()
	f, err := d.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return BlobInfo{}, fmt.Errorf("put %s: %w", key, diskFault(err))
	}
	defer func() { _ = d.root.Remove(temp) }()
	sum := sha256.New()
	n, err := pour(ctx, f, sum, r)
	if err == nil && size >= 0 && n != size {
		err = record.Errorf(record.Invalid, "blob %s: %d bytes came, %d were announced", key, n, size)
	}
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return BlobInfo{}, fmt.Errorf("put %s: %w", key, diskFault(err))
	}
	return d.place(ctx, temp, key, n, hex.EncodeToString(sum.Sum(nil)))
}

// putPack is Put for a pack, whose key is new. It is moved to its name whole, and then the file and its name go to the disk
// at the same time: what a power cut leaves between the two is a leftover that no row names.
func (d *Dir) putPack(key string, b *bundle) (BlobInfo, error) {
	if err := d.writePack(key, b); err != nil {
		return BlobInfo{}, fmt.Errorf("put %s: %w", key, diskFault(err))
	}
	return BlobInfo{Key: key, Size: b.size, ModifiedAt: time.Now().UTC()}, nil
}

func (d *Dir) writePack(key string, b *bundle) error {
	temp, folder, name := record.NewID(time.Now()), path.Dir(key), path.Base(key)
	f, err := d.temp.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	var in *openFolder
	if _, err = b.WriteTo(f); err == nil {
		in, err = d.moved(temp, folder, name)
	}
	if err != nil {
		return errors.Join(err, d.temp.Remove(temp))
	}
	defer d.lent.back(in)
	named := make(chan error, 1)
	go func() { named <- syncFolder(in.file) }()
	if err := errors.Join(f.Sync(), <-named); err != nil {
		_ = d.root.Remove(key)
		return err
	}
	return f.Close()
}

// moved gives a temporary file its name in a folder.
func (d *Dir) moved(temp, folder, name string) (*openFolder, error) {
	for again := false; ; again = true {
		in, err := d.into(folder)
		if err != nil {
			return nil, err
		}
		if err = d.move(temp, in, name); err == nil {
			return in, nil
		}
		d.lent.back(in)
		if again || !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		d.forgot(folder)
	}
}

func tempName() string { return tempFolder + "/" + record.NewID(time.Now()) }

// place gives a flushed temporary file its name. A link, not a rename: it never overwrites.
func (d *Dir) place(ctx context.Context, temp, key string, size int64, sum string) (BlobInfo, error) {
	err := d.link(temp, key)
	if errors.Is(err, fs.ErrExist) {
		err = d.same(ctx, key, size, sum)
	}
	if err == nil {
		err = d.syncDir(path.Dir(key))
	}
	if err != nil {
		return BlobInfo{}, fmt.Errorf("put %s: %w", key, diskFault(err))
	}
	return BlobInfo{Key: key, Size: size, SHA256: sum, ModifiedAt: time.Now().UTC()}, nil
}

func (d *Dir) link(temp, key string) error {
	if err := d.folder(path.Dir(key)); err != nil {
		return err
	}
	err := d.root.Link(temp, key)
	if errors.Is(err, fs.ErrNotExist) { // somebody removed the folder that we knew
		d.mu.Lock()
		clear(d.known)
		d.mu.Unlock()
		if err := d.folder(path.Dir(key)); err != nil {
			return err
		}
		err = d.root.Link(temp, key)
	}
	return err
}

// same reports a Conflict unless the object under key has this size and sum.
func (d *Dir) same(ctx context.Context, key string, size int64, sum string) error {
	f, info, err := d.Open(ctx, key)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if info.Size == size {
		h := sha256.New()
		if _, err := pour(ctx, io.Discard, h, f); err != nil {
			return err
		}
		if hex.EncodeToString(h.Sum(nil)) == sum {
			return nil
		}
	}
	return record.Errorf(record.Conflict, "blob %s is kept already with other bytes", key)
}

// folder makes a folder and its parents; each new one is flushed in its parent before it is used. A folder found on
// the disk is flushed too, since the process that made it may have died before it did.
func (d *Dir) folder(name string) error {
	d.mu.Lock()
	known := d.known[name]
	d.mu.Unlock()
	if known || name == "." {
		return nil
	}
	if err := d.folder(path.Dir(name)); err != nil {
		return err
	}
	if err := d.root.Mkdir(name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := d.syncDir(path.Dir(name)); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.known) >= knownMax {
		clear(d.known)
	}
	d.known[name] = true
	return nil
}

func (d *Dir) syncDir(name string) error {
	f, err := d.root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(syncFolder(f), f.Close())
}

func (d *Dir) open(key string) (*os.File, fs.FileInfo, error) {
	if err := ValidKey(key); err != nil {
		return nil, nil, err
	}
	f, err := d.root.Open(key)
	if err != nil {
		return nil, nil, noBlob(err, key)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fs.ErrNotExist
	}
	if err != nil {
		_ = f.Close()
		return nil, nil, noBlob(err, key)
	}
	return f, info, nil
}

func noBlob(err error, key string) error {
	if errors.Is(err, fs.ErrNotExist) || notFolder(err) {
		return record.Errorf(record.NotFound, "blob %s", key)
	}
	return fmt.Errorf("blob %s: %w", key, diskFault(err))
}

// Open implements Blobs.
func (d *Dir) Open(_ context.Context, key string) (io.ReadCloser, BlobInfo, error) {
	f, info, err := d.open(key)
	if err != nil {
		return nil, BlobInfo{}, err
	}
	return f, infoOf(key, info), nil
}

func infoOf(key string, info fs.FileInfo) BlobInfo {
	return BlobInfo{Key: key, Size: info.Size(), ModifiedAt: info.ModTime().UTC()}
}

// Range implements Blobs.
func (d *Dir) Range(_ context.Context, key string, off, n int64) (io.ReadCloser, error) {
	if off < 0 || n < 0 {
		return nil, record.Errorf(record.Invalid, "blob range: negative")
	}
	f, _, err := d.open(key)
	if err != nil {
		return nil, err
	}
	if _, err := f.Seek(off, io.SeekStart); err != nil {
		return nil, errors.Join(fmt.Errorf("blob %s: %w", key, diskFault(err)), f.Close())
	}
	return &fileRange{io.LimitedReader{R: f, N: n}, f}, nil
}

// fileRange is a part of a file. A socket that is written to takes it from the kernel (sendfile), since it sees the file.
type fileRange struct {
	io.LimitedReader
	io.Closer
}

// WriteTo implements io.WriterTo.
func (r *fileRange) WriteTo(w io.Writer) (int64, error) {
	if to, ok := w.(io.ReaderFrom); ok {
		return to.ReadFrom(&r.LimitedReader)
	}
	buf := pourBuffers.Get().(*[]byte)
	defer pourBuffers.Put(buf)
	return io.CopyBuffer(w, struct{ io.Reader }{&r.LimitedReader}, *buf)
}

// Stat implements Blobs.
func (d *Dir) Stat(_ context.Context, key string) (BlobInfo, error) {
	if err := ValidKey(key); err != nil {
		return BlobInfo{}, err
	}
	info, err := d.root.Stat(key)
	if err == nil && !info.Mode().IsRegular() {
		err = fs.ErrNotExist
	}
	if err != nil {
		return BlobInfo{}, noBlob(err, key)
	}
	return infoOf(key, info), nil
}

// Delete implements Blobs. Empty folders stay.
func (d *Dir) Delete(_ context.Context, key string) error {
	if err := ValidKey(key); err != nil {
		return err
	}
	if _, err := d.Stat(context.Background(), key); record.KindOf(err) == record.NotFound {
		return nil
	}
	if err := d.root.Remove(key); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("delete %s: %w", key, diskFault(err))
	}
	return d.syncDir(path.Dir(key))
}

// List implements Blobs.
func (d *Dir) List(ctx context.Context, prefix, after string) iter.Seq2[BlobInfo, error] {
	return func(yield func(BlobInfo, error) bool) {
		l := lister{dir: d, ctx: ctx, prefix: prefix, after: after, yield: yield}
		l.folder("")
	}
}

type lister struct {
	dir           *Dir
	ctx           context.Context
	prefix, after string
	yield         func(BlobInfo, error) bool
}

// folder lists one folder, "" or ending in a slash, and reports whether to go on.
func (l *lister) folder(name string) bool {
	if err := l.ctx.Err(); err != nil {
		l.yield(BlobInfo{}, err)
		return false
	}
	entries, err := l.dir.readDir(path.Clean(name))
	if errors.Is(err, fs.ErrNotExist) {
		return true
	}
	if err != nil {
		l.yield(BlobInfo{}, fmt.Errorf("list blobs: %w", diskFault(err)))
		return false
	}
	sortAsKeys(entries)
	for _, e := range entries {
		if !l.entry(name, e) {
			return false
		}
	}
	return true
}

func (l *lister) entry(folder string, e fs.DirEntry) bool {
	full := folder + e.Name()
	if e.IsDir() {
		full += "/"
		inside := strings.HasPrefix(full, l.prefix) || strings.HasPrefix(l.prefix, full)
		passed := full < l.after && !strings.HasPrefix(l.after, full)
		if strings.HasPrefix(e.Name(), ".") || !inside || passed {
			return true
		}
		return l.folder(full)
	}
	if !strings.HasPrefix(full, l.prefix) || full <= l.after || ValidKey(full) != nil {
		return true
	}
	info, err := e.Info()
	if errors.Is(err, fs.ErrNotExist) {
		return true
	}
	if err != nil {
		l.yield(BlobInfo{}, fmt.Errorf("list blobs: %w", diskFault(err)))
		return false
	}
	return l.yield(infoOf(full, info), nil)
}

// sortAsKeys orders entries as the keys below them: a folder sorts as its name with a slash.
func sortAsKeys(entries []fs.DirEntry) {
	asKey := func(e fs.DirEntry) string {
		if e.IsDir() {
			return e.Name() + "/"
		}
		return e.Name()
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(asKey(a), asKey(b)) })
}

func (d *Dir) readDir(name string) ([]fs.DirEntry, error) {
	f, err := d.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return f.ReadDir(-1)
}

// pour copies r to w and into h. A bytes.Reader or a pack hands over its slices without another copy.
func pour(ctx context.Context, w io.Writer, h hash.Hash, r io.Reader) (int64, error) {
	both := &hashed{ctx: ctx, w: w, h: h}
	switch from := r.(type) {
	case *bytes.Reader:
		return from.WriteTo(both)
	case known:
		return pour(ctx, w, h, from.ReadSeeker)
	case *bundle:
		return from.WriteTo(both)
	}
	buf := pourBuffers.Get().(*[]byte)
	defer pourBuffers.Put(buf)
	return io.CopyBuffer(both, struct{ io.Reader }{r}, *buf)
}

var pourBuffers = sync.Pool{New: func() any { b := make([]byte, 256<<10); return &b }}

type hashed struct {
	ctx context.Context
	w   io.Writer
	h   hash.Hash
}

func (x *hashed) Write(p []byte) (int, error) {
	if err := x.ctx.Err(); err != nil {
		return 0, err
	}
	if x.h != nil {
		_, _ = x.h.Write(p)
	}
	return x.w.Write(p)
}
