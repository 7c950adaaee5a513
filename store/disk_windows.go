// What the disk says on Windows, where the edge program keeps its queue. Folders cannot be flushed there; NTFS journals
// their changes.

package store

import (
	"errors"
	"os"
	"syscall"

	"github.com/lianzhen/lianzhen/record"
)

const (
	errorHandleDiskFull syscall.Errno = 39
	errorDiskFull       syscall.Errno = 112
	errorNotReady       syscall.Errno = 21
	errorDirectory      syscall.Errno = 267
)

func diskTrouble(err error) bool {
	return errors.Is(err, errorHandleDiskFull) || errors.Is(err, errorDiskFull) || errors.Is(err, errorNotReady)
}

func brokenPipe(err error) bool { return errors.Is(err, syscall.WSAECONNRESET) }

func diskFault(err error) error {
	if err != nil && diskTrouble(err) {
		return record.Wrap(record.Unavailable, err, "the disk cannot write now")
	}
	return err
}

func notFolder(err error) bool {
	return errors.Is(err, errorDirectory) || errors.Is(err, syscall.ERROR_PATH_NOT_FOUND)
}

// move gives a temporary file its name in a folder. Windows renames no open file: it is a link, and the old name is swept.
func (d *Dir) move(temp string, in *openFolder, name string) error {
	return d.root.Link(tempFolder+"/"+temp, in.name+"/"+name)
}

func syncFolder(*os.File) error { return nil }

func syncPath(string) error { return nil }
