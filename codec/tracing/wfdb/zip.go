// The ZIP archive, as far as members of a record need it: stored and deflated members below 4 GiB. A directory at the end is used where there is
// one; of an archive that was cut the members are found one after the other.

package wfdb

import (
	"bufio"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"errors"
	"io"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

const (
	localSize     = 30
	directorySize = 46
	endSize       = 22
	stored        = 0
	deflated      = 8
)

// entry is what the directory or a local header says of a member.
type entry struct {
	name             string
	flags, method    uint16
	packed, unpacked int64
	at               int64 // of the local header
}

func openZIP(r io.ReaderAt, size int64) (*archive, error) {
	z := &unzip{r: r, size: size, room: tracing.MaxFile}
	entries, ok, err := z.directory()
	if err != nil {
		return nil, err
	}
	if !ok {
		z.short = true
		return &z.archive, z.salvage()
	}
	for _, e := range entries {
		if err := z.take(e); err != nil {
			return nil, err
		}
	}
	return &z.archive, nil
}

type unzip struct {
	archive
	r    io.ReaderAt
	size int64
	room int64 // bytes that may still be inflated
}

// directory reads the central directory; false if there is none.
func (z *unzip) directory() ([]entry, bool, error) {
	tail := make([]byte, min(z.size, 1<<16+endSize))
	if err := readFull(z.r, tail, z.size-int64(len(tail))); err != nil {
		return nil, false, err
	}
	i := bytes.LastIndex(tail, []byte("PK\x05\x06"))
	if i < 0 || i+endSize > len(tail) {
		return nil, false, nil
	}
	n, length, at := binary.LittleEndian.Uint16(tail[i+10:]), int64(binary.LittleEndian.Uint32(tail[i+12:])), int64(binary.LittleEndian.Uint32(tail[i+16:]))
	if n > maxMembers || length > maxMembers*(directorySize+3*maxName) {
		return nil, false, bad(z.size-int64(len(tail)-i), "the archive has too many members")
	}
	if at+length > z.size {
		return nil, false, nil
	}
	b := make([]byte, length)
	if err := readFull(z.r, b, at); err != nil {
		return nil, false, err
	}
	var out []entry
	for range n {
		if len(b) < directorySize || !bytes.HasPrefix(b, []byte("PK\x01\x02")) {
			return nil, false, nil
		}
		name, extra, comment := u16(b, 28), u16(b, 30), u16(b, 32)
		end := directorySize + int(name) + int(extra) + int(comment)
		if end > len(b) {
			return nil, false, nil
		}
		out = append(out, entry{
			string(b[directorySize:][:min(int(name), maxName)]), u16(b, 8), u16(b, 10),
			int64(binary.LittleEndian.Uint32(b[20:])), int64(binary.LittleEndian.Uint32(b[24:])), int64(binary.LittleEndian.Uint32(b[42:])),
		})
		b = b[end:]
	}
	return out, true, nil
}

func u16(b []byte, at int) uint16 { return binary.LittleEndian.Uint16(b[at:]) }

// take adds a member of the directory.
func (z *unzip) take(e entry) error {
	if e.name == "" || e.name[len(e.name)-1] == '/' {
		return nil
	}
	_, start, err := z.local(e.at)
	if err != nil {
		return err
	}
	if e.flags&1 != 0 {
		return bad(e.at, "a member is encrypted")
	}
	there := min(e.packed, z.size-start)
	z.short = z.short || there < e.packed
	switch e.method {
	case stored:
		z.add(member{e.name, io.NewSectionReader(z.r, start, there), there})
	case deflated:
		b, _, err := z.inflate(start, there, e.unpacked)
		if err != nil {
			return err
		}
		z.short = z.short || int64(len(b)) < e.unpacked
		z.add(member{e.name, bytes.NewReader(b), int64(len(b))})
	default:
		return bad(e.at, "a member is compressed by method %d", e.method)
	}
	return nil
}

// local reads a local header and the place of its data.
func (z *unzip) local(at int64) (entry, int64, error) {
	var h [localSize]byte
	if at+localSize > z.size {
		return entry{}, 0, bad(at, "a member is not in the archive")
	}
	if err := readFull(z.r, h[:], at); err != nil {
		return entry{}, 0, err
	}
	if string(h[:4]) != "PK\x03\x04" {
		return entry{}, 0, bad(at, "a member has no header")
	}
	start := at + localSize + int64(u16(h[:], 26)) + int64(u16(h[:], 28))
	if start > z.size {
		return entry{}, 0, bad(at, "a member is not in the archive")
	}
	name := make([]byte, min(u16(h[:], 26), maxName))
	if err := readFull(z.r, name, at+localSize); err != nil {
		return entry{}, 0, err
	}
	return entry{
		string(name), u16(h[:], 6), u16(h[:], 8), int64(binary.LittleEndian.Uint32(h[18:])), int64(binary.LittleEndian.Uint32(h[22:])), at,
	}, start, nil
}

// inflate gives what can be decompressed and how many bytes that took.
func (z *unzip) inflate(start, n, said int64) ([]byte, int64, error) {
	section := io.NewSectionReader(z.r, start, n)
	in := bufio.NewReader(section)
	var out bytes.Buffer
	out.Grow(int(min(said, 8*n, z.room)) + bytes.MinRead)
	_, err := io.Copy(&out, io.LimitReader(flate.NewReader(in), z.room+1))
	z.room -= int64(out.Len())
	if z.room < 0 {
		return nil, 0, bad(start, "more than %d bytes compressed in an archive", tracing.MaxFile)
	}
	var corrupt flate.CorruptInputError
	switch {
	case err == nil:
	case errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &corrupt):
		z.short = true
	default:
		return nil, 0, err
	}
	at, _ := section.Seek(0, io.SeekCurrent)
	return out.Bytes(), at - int64(in.Buffered()), nil
}

// salvage adds members as they follow each other, up to the first that cannot be told from the next.
func (z *unzip) salvage() error {
	for at := int64(0); len(z.members) < maxMembers; {
		e, start, err := z.local(at)
		if err != nil {
			return unlessFormat(err)
		}
		streamed := e.flags&8 != 0 // sizes stand behind the data
		switch {
		case e.flags&1 != 0:
			return nil
		case e.method == deflated:
			b, used, err := z.inflate(start, z.size-start, 0)
			if err != nil {
				return err
			}
			z.add(member{e.name, bytes.NewReader(b), int64(len(b))})
			e.packed = used
			if streamed {
				e.packed += z.descriptor(start + used)
			}
		case e.method == stored:
			if streamed {
				e.packed = z.behind(start) - start
			}
			there := min(e.packed, z.size-start)
			z.add(member{e.name, io.NewSectionReader(z.r, start, there), there})
			if streamed {
				e.packed += z.descriptor(start + there)
			}
		default:
			return nil
		}
		at = start + e.packed
	}
	return nil
}

// unlessFormat is an error of the reader itself; nil for one of the file.
func unlessFormat(err error) error {
	var format *tracing.FormatError
	if errors.As(err, &format) {
		return nil
	}
	return err
}

// behind is the place behind stored data whose length stands in the descriptor that follows: the first descriptor that gives the length at
// which it stands, else the end.
func (z *unzip) behind(start int64) int64 {
	const step = 1 << 16
	b := make([]byte, step+15)
	for at := start; at < z.size; at += step {
		n := min(int64(len(b)), z.size-at)
		if readFull(z.r, b[:n], at) != nil {
			break
		}
		for i := 0; i+16 <= int(n); i++ {
			if j := bytes.Index(b[i:n], []byte("PK\x07\x08")); j < 0 || i+j+16 > int(n) {
				break
			} else if i += j; int64(binary.LittleEndian.Uint32(b[i+8:])) == at+int64(i)-start {
				return at + int64(i)
			}
		}
	}
	return z.size
}

// descriptor is the length of a data descriptor: with or without its signature.
func (z *unzip) descriptor(at int64) int64 {
	var b [4]byte
	if at+4 <= z.size && readFull(z.r, b[:], at) == nil && string(b[:]) == "PK\x07\x08" {
		return 16
	}
	return 12
}
