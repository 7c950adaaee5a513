// What the disk says and how folders are flushed, where there is POSIX.

//go:build unix

package store

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/lianzhen/lianzhen/record"
)

// diskTrouble: the disk is full, broken, or gone read-only; or the process ran out of files.
func diskTrouble(err error) bool {
	for _, e := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EIO, syscall.EROFS, syscall.EMFILE, syscall.ENFILE, syscall.ESTALE, syscall.ENOMEM} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func brokenPipe(err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.ECONNREFUSED)
}

// diskFault gives trouble with the disk its kind, and a name that is a file here and a folder there a Conflict.
func diskFault(err error) error {
	switch {
	case err == nil:
		return nil
	case diskTrouble(err):
		return record.Wrap(record.Unavailable, err, "the disk cannot write now")
	case notFolder(err), errors.Is(err, syscall.EISDIR):
		return record.Wrap(record.Conflict, err, "the name is taken by another kind of thing")
	}
	return err
}

func notFolder(err error) bool { return errors.Is(err, syscall.ENOTDIR) }

// move gives a temporary file its name in an open folder.
func (d *Dir) move(temp string, in *openFolder, name string) error {
	return unix.Renameat(int(d.bin.Fd()), temp, int(in.file.Fd()), name)
}

func syncFolder(f *os.File) error { return f.Sync() }

func syncPath(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
