package gateway

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/status"

	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
	"github.com/lianzhen/lianzhen/store/storetest"
)

func codeOfErr(err error) string { return status.Code(err).String() }

type uploadStream struct {
	pb.UploadService_UploadClient
	t testing.TB
}

func (h *house) upload(ctx context.Context) uploadStream {
	h.t.Helper()
	s, err := pb.NewUploadServiceClient(h.conn).Upload(ctx)
	must(h.t, err)
	return uploadStream{s, h.t}
}

func (s uploadStream) begin(handle uint32, b *pb.UploadBegin) {
	s.t.Helper()
	must(s.t, s.Send(&pb.UploadRequest{Handle: handle, Frame: &pb.UploadRequest_Begin{Begin: b}}))
}

func (s uploadStream) data(handle uint32, b []byte) {
	s.t.Helper()
	for len(b) > 0 {
		n := min(len(b), 10_000)
		must(s.t, s.Send(&pb.UploadRequest{Handle: handle, Frame: &pb.UploadRequest_Data{Data: b[:n]}}))
		b = b[n:]
	}
}

func (s uploadStream) end(handle uint32) {
	s.t.Helper()
	must(s.t, s.Send(&pb.UploadRequest{Handle: handle, Frame: &pb.UploadRequest_End{End: &pb.UploadEnd{}}}))
}

// answers reads n answers, by handle.
func (s uploadStream) answers(n int) map[uint32]*pb.UploadResponse {
	s.t.Helper()
	out := map[uint32]*pb.UploadResponse{}
	for range n {
		r, err := s.Recv()
		must(s.t, err)
		out[r.GetHandle()] = r
	}
	return out
}

func TestManyObjectsOverOneStreamAreAnsweredEachOnItsOwn(t *testing.T) {
	h := newHouse(t)
	_, key := h.key(storetest.Suwu, allScopes...)
	objects := study(1, 5)
	s := h.upload(as(key))
	for i, b := range objects {
		s.begin(uint32(i+1), &pb.UploadBegin{Size: int64(len(b)), Sha256: sha(b)})
	}
	junk := bytes.Repeat([]byte("no dicom "), 5000)
	s.begin(90, &pb.UploadBegin{Size: int64(len(junk))})
	s.data(90, junk)
	s.end(90)
	s.begin(91, &pb.UploadBegin{Size: 100, Sha256: strings.Repeat("a", 64)})
	s.data(91, bytes.Repeat([]byte{1}, 100))
	s.end(91)
	for i, b := range objects { // frames of one object between those of another
		s.data(uint32(i+1), b[:len(b)/2])
	}
	for i, b := range objects {
		s.data(uint32(i+1), b[len(b)/2:])
		s.end(uint32(i + 1))
	}
	must(t, s.CloseSend())
	got := s.answers(7)
	for i := range objects {
		if got[uint32(i+1)].GetStored().GetInstanceId() == "" {
			t.Errorf("object %d: %v", i+1, got[uint32(i+1)])
		}
	}
	if f := got[90].GetFailure(); f.GetCode() != 3 || f.GetQuarantineId() == "" {
		t.Errorf("junk: %v", f)
	}
	if f := got[91].GetFailure(); f.GetCode() != 3 || f.GetReason() == "" {
		t.Errorf("damaged: %v", f)
	}
	if _, err := s.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %v", err)
	}
	done, err := pb.NewUploadServiceClient(h.conn).FinishStudy(as(key), &pb.FinishStudyRequest{
		StudyInstanceUid: got[1].GetStored().GetStudyInstanceUid(), ExpectedInstances: 5, Priority: pb.Priority_PRIORITY_STAT,
	})
	must(t, err)
	if done.GetInstances() != 5 || done.GetCaseId() == "" {
		t.Errorf("finish: %v", done)
	}
}

func TestTheSameObjectAgainIsASuccess(t *testing.T) {
	h := newHouse(t)
	_, key := h.key(storetest.Suwu, allScopes...)
	b := study(2, 1)[0]
	for i := range 2 {
		s := h.upload(as(key))
		s.begin(1, &pb.UploadBegin{Size: int64(len(b)), Sha256: sha(b)})
		s.data(1, b)
		s.end(1)
		got := s.answers(1)[1].GetStored()
		if got.GetInstanceId() == "" || got.GetAlreadyStored() != (i == 1) {
			t.Errorf("time %d: %v", i+1, got)
		}
		must(t, s.CloseSend())
	}
	have, err := pb.NewUploadServiceClient(h.conn).Have(as(key), &pb.HaveRequest{Objects: []*pb.ObjectDigest{
		{Sha256: sha(b), Size: int64(len(b))}, {Sha256: strings.Repeat("0", 64), Size: 5},
	}})
	must(t, err)
	if have.GetStates()[0].GetState() != pb.ObjectState_STATE_STORED || have.GetStates()[1].GetState() != pb.ObjectState_STATE_ABSENT {
		t.Errorf("have %v", have)
	}
}

// bigObject is larger than what the spool keeps in memory, so that it can be resumed.
func bigObject(t *testing.T) []byte {
	t.Helper()
	b := study(3, 1)[0]
	pad := make([]byte, 3<<20)
	_, _ = rand.Read(pad)
	// A private element at the end: (7FE3,1001) UN would come after the pixels, so the padding goes after them as
	// data set trailing padding (FFFC,FFFC) OB.
	head := []byte{0xfc, 0xff, 0xfc, 0xff, 'O', 'B', 0, 0, byte(len(pad)), byte(len(pad) >> 8), byte(len(pad) >> 16), byte(len(pad) >> 24)}
	return append(append(bytes.Clone(b), head...), pad...)
}

func TestABrokenStreamIsResumedWhereItBroke(t *testing.T) {
	h := newHouse(t)
	_, key := h.key(storetest.Suwu, allScopes...)
	b := bigObject(t)
	begin := &pb.UploadBegin{Size: int64(len(b)), Sha256: sha(b)}
	ctx, cut := context.WithCancel(as(key))
	s := h.upload(ctx)
	s.begin(7, begin)
	s.data(7, b[:2<<20])
	digest := &pb.HaveRequest{Objects: []*pb.ObjectDigest{{Sha256: sha(b), Size: int64(len(b))}}}
	client := pb.NewUploadServiceClient(h.conn)
	var held int64
	for range 100 {
		have, err := client.Have(as(key), digest)
		must(t, err)
		if held = have.GetStates()[0].GetHeldBytes(); held > 0 {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	if held == 0 || held > 2<<20 {
		t.Fatalf("held %d", held)
	}
	// The server has not noticed that the line is gone: the new stream takes over all the same.
	s = h.upload(as(key))
	s.begin(1, &pb.UploadBegin{Size: int64(len(b)), Sha256: sha(b), Resume: true})
	at := s.answers(1)[1].GetStart().GetOffset()
	if at < held || at > 2<<20 {
		t.Errorf("start at %d, held %d", at, held)
	}
	s.data(1, b[at:])
	s.end(1)
	got := s.answers(1)[1]
	if got.GetStored().GetInstanceId() == "" {
		t.Fatalf("%v", got)
	}
	cut()
}

func TestAnObjectSentFromItsBeginningAfterABreakIsWhole(t *testing.T) {
	h := newHouse(t)
	_, key := h.key(storetest.Suwu, allScopes...)
	b := bigObject(t)
	begin := &pb.UploadBegin{Size: int64(len(b)), Sha256: sha(b)}
	s := h.upload(as(key))
	s.begin(7, begin)
	s.data(7, b[:2<<20])
	must(t, s.Send(&pb.UploadRequest{Handle: 7, Frame: &pb.UploadRequest_Cancel{Cancel: &pb.UploadCancel{}}}))
	if f := s.answers(1)[7].GetFailure(); f.GetCode() != 14 {
		t.Fatalf("cancelled: %v", f)
	}
	s.begin(8, begin)
	s.data(8, b)
	s.end(8)
	if got := s.answers(1)[8]; got.GetStored().GetInstanceId() == "" {
		t.Fatalf("%v", got)
	}
}

func TestFramesThatMakeNoSenseEndTheStreamOrTheirObject(t *testing.T) {
	h := newHouse(t, func(d *Deps) { d.Options.InFlight = 4 })
	_, key := h.key(storetest.Suwu, allScopes...)
	for _, c := range []struct {
		name string
		f    *pb.UploadRequest
	}{
		{"no handle", &pb.UploadRequest{Frame: &pb.UploadRequest_End{}}},
		{"no frame", &pb.UploadRequest{Handle: 1}},
		{"no size", &pb.UploadRequest{Handle: 1, Frame: &pb.UploadRequest_Begin{Begin: &pb.UploadBegin{}}}},
		{"resume without digest", &pb.UploadRequest{Handle: 1, Frame: &pb.UploadRequest_Begin{Begin: &pb.UploadBegin{Size: 1, Resume: true}}}},
		{"a frame too large", &pb.UploadRequest{Handle: 1, Frame: &pb.UploadRequest_Data{Data: make([]byte, 1<<20+1)}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := h.upload(as(key))
			_ = s.Send(c.f)
			_, err := s.Recv()
			wantCode(t, err, "InvalidArgument")
		})
	}
	s := h.upload(as(key)) // more objects begun than may be in the air
	for i := range 5 {
		s.begin(uint32(i+1), &pb.UploadBegin{Size: 1000})
	}
	if f := s.answers(1)[5].GetFailure(); f.GetCode() != 8 {
		t.Errorf("the fifth: %v", f)
	}
	s.data(999, []byte("of an object that never began")) // is dropped
	s.end(999)
	must(t, s.CloseSend())
}

func TestAStoppingServerFinishesWhatBeganAndTakesNothingNew(t *testing.T) {
	h := newHouse(t)
	_, key := h.key(storetest.Suwu, allScopes...)
	b := study(4, 1)[0]
	s := h.upload(as(key))
	s.begin(1, &pb.UploadBegin{Size: int64(len(b)), Sha256: sha(b)})
	s.data(1, b[:len(b)/2])
	time.Sleep(100 * time.Millisecond)
	h.stop()
	<-h.stopping
	s.begin(2, &pb.UploadBegin{Size: int64(len(b))})
	if f := s.answers(1)[2].GetFailure(); f.GetCode() != 14 {
		t.Errorf("new object: %v", f)
	}
	s.data(1, b[len(b)/2:])
	s.end(1)
	if got := s.answers(1)[1]; got.GetStored().GetInstanceId() == "" {
		t.Errorf("object that had begun: %v", got)
	}
	_, err := s.Recv()
	wantCode(t, err, "Unavailable")
	<-h.stopped
}

func TestObjectsGoInAndOutOverPlainHTTP(t *testing.T) {
	h := newHouse(t)
	_, key := h.key(storetest.Suwu, allScopes...)
	objects := study(5, 3)
	b := objects[0]
	post := func(body []byte) reply {
		return h.do(ask{method: "POST", path: "/api/v1/imaging/instances", body: string(body), header: bearer(key)})
	}
	first := post(b).want(t, 201)
	m := first.decode(t)
	post(b).want(t, 200)
	post(objects[1]).want(t, 201)
	post(objects[2]).want(t, 201)
	changed := bytes.Clone(b)
	changed[len(changed)-1] ^= 1
	r := post(changed).want(t, 409)
	if !strings.Contains(string(r.text), "quarantineId") {
		t.Errorf("conflict says %s", r.text)
	}
	r = post(b[:len(b)/2]).want(t, 400)
	if !strings.Contains(string(r.text), "offset") || !strings.Contains(string(r.text), "reason") {
		t.Errorf("truncated says %s", r.text)
	}
	path := first.Header.Get("Location")
	get := func(header ...string) reply {
		all := bearer(key)
		for i := 0; i < len(header); i += 2 {
			all[header[i]] = header[i+1]
		}
		return h.do(ask{method: "GET", path: path, header: all})
	}
	whole := get().want(t, 200)
	if !bytes.Equal(whole.text, b) || whole.Header.Get("ETag") != `"`+sha(b)+`"` || !strings.HasPrefix(whole.Header.Get("Content-Disposition"), "attachment") {
		t.Errorf("%d bytes of %d, headers %v", len(whole.text), len(b), whole.Header)
	}
	if part := get("Range", "bytes=100-199").want(t, 206); !bytes.Equal(part.text, b[100:200]) {
		t.Error("range is other bytes")
	}
	if tail := get("Range", "bytes=-50").want(t, 206); !bytes.Equal(tail.text, b[len(b)-50:]) {
		t.Error("tail is other bytes")
	}
	if r := get("Range", "bytes=99999999-"); r.StatusCode != http.StatusRequestedRangeNotSatisfiable {
		t.Errorf("range beyond the end: HTTP %d", r.StatusCode)
	}
	get("If-None-Match", `"`+sha(b)+`"`).want(t, 304)
	archive := h.do(ask{method: "GET", path: "/api/v1/imaging/studies/" + m["studyId"].(string) + "/file", header: bearer(key)}).want(t, 200)
	n, tr := 0, tar.NewReader(bytes.NewReader(archive.text))
	for {
		_, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		must(t, err)
		n++
	}
	if n != 3 {
		t.Errorf("%d files in the tar", n)
	}
	stream, err := pb.NewImagingServiceClient(h.conn).FetchInstance(as(key), &pb.FetchInstanceRequest{InstanceId: m["instanceId"].(string), Offset: 10})
	must(t, err)
	chunk, err := stream.Recv()
	must(t, err)
	if chunk.GetInstance().GetSha256() != sha(b) || !bytes.HasPrefix(b[10:], chunk.GetData()) {
		t.Error("the first piece has no description or other bytes")
	}
	meta := h.do(ask{method: "GET", path: "/api/v1/imaging/instances/" + m["instanceId"].(string) + "/metadata", header: bearer(key)}).want(t, 200)
	if !strings.Contains(meta.Header.Get("Content-Type"), "dicom+json") || !strings.Contains(string(meta.text), `"00080018"`) {
		t.Errorf("metadata %s %.100s", meta.Header.Get("Content-Type"), meta.text)
	}
}
