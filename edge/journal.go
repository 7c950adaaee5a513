// What is known of files from earlier runs: digests by path, size and time, in a file of lines that survives a crash.

package edge

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

const (
	journalName  = "digests.jsonl"
	journalKeeps = 400_000 // entries; beyond, the half not touched for longest is forgotten
	journalBatch = 256     // lines written between two fsyncs
)

// pathKey stands for a path: folders are named after patients, and the journal must not know them.
type pathKey [16]byte

func keyOf(path string) pathKey {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	sum := sha256.Sum256([]byte(path))
	return pathKey(sum[:16])
}

// line is one entry as written.
type line struct {
	Key    string `json:"k"`
	Size   int64  `json:"n"`
	Micros int64  `json:"m"` // modified
	Digest string `json:"h"`
	Study  string `json:"st"`
	SOP    string `json:"so"`
	Day    int64  `json:"d"` // days since 1970, when it was last useful
}

// entry is a line in memory.
type entry struct {
	size, micros int64
	digest       Digest
	study, sop   string
	day          int32
}

// journal remembers digests. A lost journal costs time, never an object: the centre is asked anyway.
type journal struct {
	mu      sync.Mutex
	dir     string
	f       *os.File
	w       *bufio.Writer
	unsaved int
	entries map[pathKey]entry
	studies map[string]string // one text for each UID
	today   int32
}

// openJournal reads what an earlier run left, drops a torn last line and goes on behind it.
func openJournal(dir string, now time.Time) (*journal, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("state folder: %w", err)
	}
	j := &journal{dir: dir, entries: map[pathKey]entry{}, studies: map[string]string{}, today: int32(now.Unix() / 86400)}
	lines, torn, err := j.load()
	if err != nil {
		return nil, fmt.Errorf("read state: %w", err)
	}
	j.forget()
	if torn || lines > 2*len(j.entries)+1000 {
		if err := j.rewrite(); err != nil {
			return nil, fmt.Errorf("rewrite state: %w", err)
		}
	}
	j.f, err = os.OpenFile(j.path(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open state: %w", err)
	}
	j.w = bufio.NewWriter(j.f)
	return j, nil
}

func (j *journal) path() string { return filepath.Join(j.dir, journalName) }

func (j *journal) load() (lines int, torn bool, err error) {
	f, err := os.Open(j.path())
	if errors.Is(err, fs.ErrNotExist) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	defer f.Close()
	in := bufio.NewScanner(f)
	for in.Scan() {
		lines++
		var l line
		if json.Unmarshal(in.Bytes(), &l) != nil || !j.take(l) {
			torn = true
		}
	}
	return lines, torn || in.Err() != nil, nil
}

func (j *journal) take(l line) bool {
	var k pathKey
	e := entry{size: l.Size, micros: l.Micros, study: j.intern(l.Study), sop: l.SOP, day: int32(l.Day)}
	if n, err := hex.Decode(k[:], []byte(l.Key)); err != nil || n != len(k) || len(l.Key) != 2*len(k) {
		return false
	}
	if len(l.Digest) != 2*len(e.digest) {
		return false
	}
	if _, err := hex.Decode(e.digest[:], []byte(l.Digest)); err != nil {
		return false
	}
	j.entries[k] = e
	return true
}

func (j *journal) intern(s string) string {
	if t, ok := j.studies[s]; ok {
		return t
	}
	j.studies[s] = s
	return s
}

// find fills the object from an earlier run if the file is as it was.
func (j *journal) find(o *Object) (identity, bool) {
	k := keyOf(o.Path)
	j.mu.Lock()
	defer j.mu.Unlock()
	e, ok := j.entries[k]
	if !ok || e.size != o.Size || e.micros != o.ModifiedAt.UnixMicro() {
		return identity{}, false
	}
	o.Digest, o.known, o.cached = e.digest, true, true
	if e.day < j.today {
		e.day = j.today
		j.entries[k] = e
	}
	return identity{e.study, e.sop}, true
}

// note writes down the object's digest.
func (j *journal) note(o *Object) error {
	k := keyOf(o.Path)
	j.mu.Lock()
	defer j.mu.Unlock()
	e := entry{o.Size, o.ModifiedAt.UnixMicro(), o.Digest, j.intern(o.study.UID), o.SOPUID, j.today}
	j.entries[k] = e
	if err := writeLine(j.w, k, e); err != nil {
		return err
	}
	if j.unsaved++; j.unsaved < journalBatch {
		return nil
	}
	return j.save()
}

func writeLine(w *bufio.Writer, k pathKey, e entry) error {
	b, err := json.Marshal(line{hex.EncodeToString(k[:]), e.size, e.micros, e.digest.String(), e.study, e.sop, int64(e.day)})
	if err != nil {
		return err
	}
	_, err = w.Write(append(b, '\n'))
	return err
}

func (j *journal) save() error {
	j.unsaved = 0
	if err := j.w.Flush(); err != nil {
		return err
	}
	return j.f.Sync()
}

// forget keeps the journal from growing for ever: beyond the bound, first what was not seen for a month goes, then any.
func (j *journal) forget() {
	for k, e := range j.entries {
		if len(j.entries) > journalKeeps/2 && j.today-e.day > 30 || len(j.entries) > journalKeeps {
			delete(j.entries, k)
		}
	}
}

// rewrite puts the entries into a new file that takes the old one's place at once.
func (j *journal) rewrite() error {
	return writeFile(j.path(), func(w *bufio.Writer) error {
		for k, e := range j.entries {
			if err := writeLine(w, k, e); err != nil {
				return err
			}
		}
		return nil
	})
}

func (j *journal) close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return errors.Join(j.save(), j.f.Close())
}

// writeFile writes a file so that its name shows the old content or the new, never a part.
func writeFile(path string, fill func(*bufio.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	w := bufio.NewWriter(f)
	err = fill(w)
	if err == nil {
		err = w.Flush()
	}
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	if d, err := os.Open(filepath.Dir(path)); err == nil {
		_ = d.Sync() // Windows cannot, and need not
		d.Close()
	}
	return nil
}
