// The codec of the gRPC servers: protobuf, but the bytes of an upload stay in the pooled buffer that they arrived in until
// their object has taken them. Decoding each piece into memory of its own was nine tenths of what the server allocated.

package gateway

import (
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // registers the codec that ours wraps
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
)

// frame is an UploadRequest. The bytes of a data frame belong to buf and are gone when it is freed.
type frame struct {
	req *pb.UploadRequest
	buf mem.Buffer // nil where req owns its bytes
}

type frameCodec struct{ encoding.CodecV2 }

func newFrameCodec() frameCodec { return frameCodec{encoding.GetCodecV2("proto")} }

// framePool has a size for every usual piece with its few bytes of framing, so that no buffer is twice too large.
var framePool = mem.NewTieredBufferPool(1<<10, 17<<10, 33<<10, 65<<10, 129<<10, 257<<10, 513<<10, 1025<<10)

// Unmarshal implements encoding.CodecV2.
func (c frameCodec) Unmarshal(data mem.BufferSlice, m any) error {
	f, ok := m.(*frame)
	if !ok {
		return c.CodecV2.Unmarshal(data, m)
	}
	buf := data.MaterializeToBuffer(framePool)
	if handle, piece, ok := parsePiece(buf.ReadOnlyData()); ok {
		f.req = &pb.UploadRequest{Handle: handle, Frame: &pb.UploadRequest_Data{Data: piece}}
		f.buf = buf
		return nil
	}
	defer buf.Free()
	f.req = &pb.UploadRequest{}
	return proto.Unmarshal(buf.ReadOnlyData(), f.req)
}

// The field numbers of UploadRequest in a data frame.
const (
	handleField protowire.Number = 1
	dataField   protowire.Number = 3
)

// parsePiece reads a data frame: a handle, then bytes, and nothing else. All that is written otherwise, though it may mean
// the same, is left to protobuf.
func parsePiece(b []byte) (handle uint32, piece []byte, ok bool) {
	num, typ, n := protowire.ConsumeTag(b)
	if n < 0 || num != handleField || typ != protowire.VarintType {
		return 0, nil, false
	}
	v, m := protowire.ConsumeVarint(b[n:])
	if m < 0 || v != uint64(uint32(v)) {
		return 0, nil, false
	}
	b = b[n+m:]
	num, typ, n = protowire.ConsumeTag(b)
	if n < 0 || num != dataField || typ != protowire.BytesType {
		return 0, nil, false
	}
	piece, m = protowire.ConsumeBytes(b[n:])
	return uint32(v), piece, m >= 0 && n+m == len(b)
}
