// The tar archive, as far as members of a record need it: POSIX.1-1988 ustar headers.

package wfdb

import (
	"bytes"
	"io"
	"strconv"
	"strings"
)

func isTar(head []byte) bool { return len(head) >= 512 && bytes.Equal(head[257:262], []byte("ustar")) }

func openTar(r io.ReaderAt, size int64) (*archive, error) {
	a := &archive{}
	var h [512]byte
	for at := int64(0); at+512 <= size; {
		if err := readFull(r, h[:], at); err != nil {
			return nil, err
		}
		if !isTar(h[:]) {
			return a, nil // the end: blocks of zeros
		}
		n, err := strconv.ParseInt(strings.Trim(string(h[124:136]), " \x00"), 8, 64)
		if err != nil || n < 0 || n > 1<<40 {
			return nil, bad(at, "the size of a member is none")
		}
		at += 512
		if kind := h[156]; kind == '0' || kind == 0 {
			name, _, _ := strings.Cut(string(h[:100]), "\x00")
			if prefix, _, _ := strings.Cut(string(h[345:500]), "\x00"); prefix != "" && h[262] == 0 {
				name = prefix + "/" + name
			}
			there := min(n, size-at)
			a.short = a.short || there < n
			a.add(member{name, io.NewSectionReader(r, at, there), there})
			if len(a.members) > maxMembers {
				return nil, bad(at, "more than %d members", maxMembers)
			}
		}
		at += (n + 511) &^ 511
	}
	a.short = true
	return a, nil
}
