// Objects that come in a container: see codec/dicom/compact. Size, SHA-256 and every offset stay those of the object, and
// what is held of a broken upload are the object's own bytes, so nothing behind this file knows of containers.

package gateway

import (
	"encoding/hex"
	"errors"
	"io"

	"github.com/lianzhen/lianzhen/codec/dicom/compact"
	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
	"github.com/lianzhen/lianzhen/record"
)

// encodings is what Have tells a sender that it may use.
var encodings = []pb.Encoding{pb.Encoding_ENCODING_COMPACT_1}

// contents gives an object's bytes from the offset on as the sender encodes them.
func contents(p *pipe, b *pb.UploadBegin, offset int64) (io.Reader, error) {
	switch b.GetEncoding() {
	case pb.Encoding_ENCODING_UNSPECIFIED:
		if !b.GetResume() {
			p.skip(offset) // these are here; the client sends all the same
		}
		return p, nil
	case pb.Encoding_ENCODING_COMPACT_1:
		return &restoring{from: compact.NewReader(p), begin: b, offset: offset}, nil
	}
	return nil, record.Errorf(record.Invalid, "encoding %d is not known here", b.GetEncoding())
}

// restoring reads a container. What is wrong with it is the sender's fault; a broken pipe stays what it is.
type restoring struct {
	from   *compact.Reader
	begin  *pb.UploadBegin
	offset int64
	in     io.Reader // from the offset on
}

// Read implements io.Reader.
func (r *restoring) Read(b []byte) (n int, err error) {
	if r.in == nil {
		if r.in, err = r.open(); err != nil {
			return 0, damagedContainer(err)
		}
	}
	n, err = r.in.Read(b)
	return n, damagedContainer(err)
}

func (r *restoring) open() (io.Reader, error) {
	h, err := r.from.Head()
	if err != nil {
		return nil, err
	}
	if sum := hex.EncodeToString(h.SHA256[:]); h.Size != r.begin.GetSize() || r.begin.GetSha256() != "" && sum != r.begin.GetSha256() {
		return nil, record.Errorf(record.Invalid, "the container is of another object than was announced")
	}
	return r.from.Skip(r.offset)
}

func damagedContainer(err error) error {
	var format *compact.FormatError
	if errors.As(err, &format) {
		return record.Errorf(record.Invalid, "the container cannot be restored: %s", format.Error())
	}
	return err
}
