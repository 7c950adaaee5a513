package gateway

import (
	"bytes"
	"testing"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
)

// FuzzFrames holds the short way to what protobuf makes of the same bytes.
func FuzzFrames(f *testing.F) {
	for _, m := range []*pb.UploadRequest{
		{Handle: 7, Frame: &pb.UploadRequest_Data{Data: []byte("abc")}},
		{Handle: 1 << 31, Frame: &pb.UploadRequest_Data{}},
		{Handle: 1, Frame: &pb.UploadRequest_Begin{Begin: &pb.UploadBegin{Size: 9, Resume: true}}},
		{Handle: 1, Frame: &pb.UploadRequest_End{End: &pb.UploadEnd{}}},
	} {
		b, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(append(bytes.Clone(b), b...))
	}
	codec := newFrameCodec()
	f.Fuzz(func(t *testing.T, b []byte) {
		want := &pb.UploadRequest{}
		wantErr := proto.Unmarshal(b, want)
		got := &frame{}
		err := codec.Unmarshal(mem.BufferSlice{mem.SliceBuffer(b)}, got)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("error %v, want %v", err, wantErr)
		}
		if err == nil && !proto.Equal(got.req, want) {
			t.Fatalf("got %v, want %v", got.req, want)
		}
	})
}
