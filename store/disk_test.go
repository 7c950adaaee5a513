//go:build unix

package store

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"testing"

	"github.com/lianzhen/lianzhen/record"
)

func TestTroubleWithTheDiskIsUnavailable(t *testing.T) {
	for _, c := range []struct {
		err  error
		want record.Kind
	}{
		{syscall.ENOSPC, record.Unavailable},
		{syscall.EDQUOT, record.Unavailable},
		{syscall.EIO, record.Unavailable},
		{syscall.EROFS, record.Unavailable},
		{syscall.EMFILE, record.Unavailable},
		{syscall.EISDIR, record.Conflict},
		{syscall.ENOTDIR, record.Conflict},
		{syscall.EACCES, record.Internal},
		{errors.New("other"), record.Internal},
	} {
		err := diskFault(fmt.Errorf("put x: %w", &fs.PathError{Op: "write", Path: "x", Err: c.err}))
		if got := record.KindOf(err); got != c.want {
			t.Errorf("%v: %v, want %v", c.err, got, c.want)
		}
		if !errors.Is(err, c.err) {
			t.Errorf("%v: the cause is lost", c.err)
		}
	}
	if diskFault(nil) != nil {
		t.Error("no error became one")
	}
}
