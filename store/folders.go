// Folders that packs go to are kept open: a study gets many packs one after the other, and walking to its folder costs more
// than writing a small one.

package store

import (
	"errors"
	"io/fs"
	"os"
	"sync"
)

// foldersOpen bounds the folders that are kept open.
const foldersOpen = 128

// openFolder is a folder by its handle.
type openFolder struct {
	name string
	file *os.File
	lent int
	old  bool // to be closed by the last who has it
}

// folders are those that are open.
type folders struct {
	mu sync.Mutex
	of map[string]*openFolder
}

// lend gives an open folder; the caller gives it back.
func (d *Dir) lend(name string) (*openFolder, error) {
	l := &d.lent
	l.mu.Lock()
	defer l.mu.Unlock()
	if f := l.of[name]; f != nil {
		f.lent++
		return f, nil
	}
	file, err := d.root.Open(name)
	if err != nil {
		return nil, err
	}
	if len(l.of) >= foldersOpen {
		l.forget()
	}
	f := &openFolder{name: name, file: file, lent: 1}
	if l.of == nil {
		l.of = map[string]*openFolder{}
	}
	l.of[name] = f
	return f, nil
}

func (l *folders) back(f *openFolder) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if f.lent--; f.lent == 0 && f.old {
		_ = f.file.Close()
	}
}

// forget lets all folders go; those in use are closed when they come back.
func (l *folders) forget() {
	for name, f := range l.of {
		delete(l.of, name)
		f.old = true
		if f.lent == 0 {
			_ = f.file.Close()
		}
	}
}

// drop lets a folder go that somebody has removed.
func (l *folders) drop(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if f := l.of[name]; f != nil {
		delete(l.of, name)
		f.old = true
		if f.lent == 0 {
			_ = f.file.Close()
		}
	}
}

// into opens a folder that is made where it is missing.
func (d *Dir) into(folder string) (*openFolder, error) {
	for again := false; ; again = true {
		if err := d.folder(folder); err != nil {
			return nil, err
		}
		in, err := d.lend(folder)
		if err == nil || again || !errors.Is(err, fs.ErrNotExist) {
			return in, err
		}
		d.forgot(folder)
	}
}

// forgot notes that somebody has removed a folder that we knew.
func (d *Dir) forgot(folder string) {
	d.lent.drop(folder)
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.known)
}
