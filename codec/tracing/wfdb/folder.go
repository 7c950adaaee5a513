// A folder of files.

package wfdb

import (
	"io"
	"io/fs"
)

// folder opens a file for each piece that is read of it: a Recording is never closed.
type folder struct{ fsys fs.FS }

func (f folder) open(name string) (io.ReaderAt, int64, error) {
	info, err := fs.Stat(f.fsys, name)
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, fs.ErrInvalid
	}
	return pieces{f.fsys, name}, info.Size(), nil
}

type pieces struct {
	fsys fs.FS
	name string
}

// ReadAt reads a piece of a file, also where the file system gives files that can only be read in order.
func (p pieces) ReadAt(b []byte, at int64) (int, error) {
	f, err := p.fsys.Open(p.name)
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }() // only read
	switch r := f.(type) {
	case io.ReaderAt:
		return r.ReadAt(b, at)
	case io.Seeker:
		if _, err := r.Seek(at, io.SeekStart); err != nil {
			return 0, err
		}
	default:
		if _, err := io.CopyN(io.Discard, f, at); err != nil {
			return 0, err
		}
	}
	n, err := io.ReadFull(f, b)
	if err == io.ErrUnexpectedEOF {
		err = io.EOF
	}
	return n, err
}
