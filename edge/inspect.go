// Looking into files: is it a DICOM object, whose study is it of, and what is its SHA-256.

package edge

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/lianzhen/lianzhen/codec/dicom"
)

// Why a file is not sent, for Finding.Reason; the program says it in the user's language.
const (
	NotDICOM       = "not-dicom"
	MediaDirectory = "dicomdir"
	Empty          = "empty"
	BrokenLink     = "broken-link"
)

var errChanged = errors.New("the file changes while it is read")

// identity is what the header says of an object.
type identity struct{ study, sop string }

// ignored is why a file is left out.
type ignored string

func (i ignored) Error() string { return string(i) }

var errSeen = errors.New("header seen")

// head reads as much of the file as its header needs. The error is an ignored, a *dicom.FormatError for what calls itself
// DICOM and is not, or the reader's.
func head(path string) (identity, error) {
	f, err := os.Open(path)
	if err != nil {
		return identity{}, err
	}
	defer f.Close()
	if err := part10(f); err != nil {
		return identity{}, err
	}
	var id identity
	_, err = dicom.Scan(f, dicom.Options{OnHeader: func(h *dicom.Header) error {
		id = identity{study: string(h.StudyUID), sop: string(h.SOPInstanceUID)}
		return errSeen
	}})
	if err == nil || errors.Is(err, errSeen) {
		return id, nil
	}
	return identity{}, err
}

// mediaDirectory is the SOP class of a DICOMDIR as group 2 spells it (PS3.10 §8.6).
const mediaDirectory = "1.2.840.10008.1.3.10"

// part10 tells a Part 10 object by its first bytes and leaves the file at its start.
func part10(f io.ReadSeeker) error {
	b := make([]byte, 132+512)
	n, err := io.ReadFull(f, b)
	switch {
	case n == 0 && err == io.EOF:
		return ignored(Empty)
	case err != nil && err != io.EOF && err != io.ErrUnexpectedEOF:
		return err
	case n < 132 || string(b[128:132]) != "DICM":
		return ignored(NotDICOM)
	case directory(b[132:n]):
		return ignored(MediaDirectory)
	}
	_, err = f.Seek(0, io.SeekStart)
	return err
}

// directory looks for (0002,0002) with the media directory's class in group 2, explicit little endian: tag, "UI", length, text.
func directory(b []byte) bool {
	for len(b) >= 8 && b[0] == 2 && b[1] == 0 {
		n := int(b[6]) | int(b[7])<<8
		if vr := string(b[4:6]); vr == "OB" || vr == "UN" {
			if len(b) < 12 {
				return false
			}
			n = int(b[8]) | int(b[9])<<8 | int(b[10])<<16 | int(b[11])<<24
			b = b[4:]
		}
		if n < 0 || len(b) < 8+n {
			return false
		}
		if b[2] == 2 && b[3] == 0 {
			v := string(b[8 : 8+n])
			return len(v) >= len(mediaDirectory) && v[:len(mediaDirectory)] == mediaDirectory && len(v) <= len(mediaDirectory)+1
		}
		b = b[8+n:]
	}
	return false
}

// hash reads the whole object once: its digest, and the same check that the centre will make, so that a file cut short is
// found here and not after an hour on the line.
func (o *Object) hash() error {
	f, err := os.Open(o.Path)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	n := &counter{r: io.TeeReader(f, h)}
	if _, err := dicom.Scan(n, dicom.Options{}); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, n); err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if n.n != o.Size || info.Size() != o.Size || !info.ModTime().Equal(o.ModifiedAt) {
		return errChanged
	}
	o.Digest, o.known = Digest(h.Sum(nil)), true
	return nil
}

type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// unfit turns an error of reading an object into the state it ends in and what to tell; the text holds no path and no values.
func unfit(err error) (State, string) {
	var format *dicom.FormatError
	switch {
	case errors.As(err, &format):
		return Refused, fmt.Sprintf("%s: %s (byte %d)", format.Kind, format.Reason, format.Offset)
	case errors.Is(err, errChanged):
		return Failed, errChanged.Error()
	case errors.Is(err, os.ErrPermission):
		return Failed, "the file may not be read"
	case errors.Is(err, os.ErrNotExist):
		return Failed, "the file is gone"
	}
	return Failed, "the file cannot be read: " + cause(err).Error()
}

// cause takes the path off an error of the file system.
func cause(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
