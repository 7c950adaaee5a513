package gateway

import (
	"bytes"
	"crypto/sha256"
	"strings"
	"testing"
	"time"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/dicom/compact"
	"github.com/lianzhen/lianzhen/codec/dicom/phantom"
	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
	"github.com/lianzhen/lianzhen/store/storetest"
)

// container packs b from a cut at or before an offset.
func container(t testing.TB, b []byte, offset int64) []byte {
	t.Helper()
	o, err := dicom.ScanHeader(bytes.NewReader(b), dicom.Options{})
	must(t, err)
	l := compact.LayoutOf(o, int64(len(b)))
	h := compact.Head{Size: l.Size, From: l.Floor(offset), SHA256: sha256.Sum256(b)}
	var out bytes.Buffer
	_, err = compact.Pack(&out, bytes.NewReader(b[h.From:]), h, l, compact.Options{})
	must(t, err)
	return out.Bytes()
}

func packedBegin(b []byte) *pb.UploadBegin {
	return &pb.UploadBegin{Size: int64(len(b)), Sha256: sha(b), Encoding: pb.Encoding_ENCODING_COMPACT_1}
}

// cine is a large object: frames of ultrasound.
func cine(t testing.TB) []byte {
	t.Helper()
	for _, write := range phantom.Study(phantom.Spec{Kind: phantom.USHeart, Seed: 77, Count: 8}) {
		var b bytes.Buffer
		must(t, write(&b))
		return b.Bytes()
	}
	return nil
}

func TestAContainerIsStoredAsTheObjectInIt(t *testing.T) {
	h := newHouse(t)
	_, key := h.key(storetest.Suwu, allScopes...)
	client := pb.NewUploadServiceClient(h.conn)
	objects := append(study(61, 3), cine(t))
	s := h.upload(as(key))
	for i, b := range objects {
		s.begin(uint32(i+1), packedBegin(b))
		s.data(uint32(i+1), container(t, b, 0))
		s.end(uint32(i + 1))
	}
	for n, got := range s.answers(len(objects)) {
		if got.GetStored().GetInstanceId() == "" {
			t.Errorf("object %d: %v", n, got)
		}
	}
	ask := &pb.HaveRequest{}
	for _, b := range objects {
		ask.Objects = append(ask.Objects, &pb.ObjectDigest{Sha256: sha(b), Size: int64(len(b))})
	}
	have, err := client.Have(as(key), ask)
	must(t, err)
	for i, st := range have.GetStates() {
		if st.GetState() != pb.ObjectState_STATE_STORED {
			t.Errorf("object %d: %v", i, st)
		}
	}
	if e := have.GetEncodings(); len(e) != 1 || e[0] != pb.Encoding_ENCODING_COMPACT_1 {
		t.Errorf("encodings %v", e)
	}
}

func TestAContainerThatCannotBeRestoredIsItsSendersFault(t *testing.T) {
	h := newHouse(t)
	_, key := h.key(storetest.Suwu, allScopes...)
	b := study(62, 1)[0]
	whole := container(t, b, 0)
	damaged := bytes.Clone(whole)
	damaged[len(damaged)/2] ^= 1
	other := packedBegin(b)
	other.Sha256 = strings.Repeat("a", 64)
	unknown := packedBegin(b)
	unknown.Encoding = 99
	s := h.upload(as(key))
	for i, c := range []struct {
		name  string
		begin *pb.UploadBegin
		data  []byte
	}{
		{"damaged", packedBegin(b), damaged},
		{"cut", packedBegin(b), whole[:len(whole)-1]},
		{"more than it says", packedBegin(b), append(bytes.Clone(whole), 1)},
		{"no container", packedBegin(b), b},
		{"of another object", other, whole},
		{"begins too late", packedBegin(b), container(t, b, int64(len(b))-1)},
		{"an unknown encoding", unknown, whole},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := uint32(i + 1)
			s.begin(n, c.begin)
			s.data(n, c.data)
			s.end(n)
			if f := s.answers(1)[n].GetFailure(); f.GetCode() != 3 || f.GetQuarantineId() != "" {
				t.Errorf("%v", f)
			}
		})
	}
	s.begin(100, packedBegin(b))
	s.data(100, whole)
	s.end(100)
	if got := s.answers(1)[100]; got.GetStored().GetInstanceId() == "" {
		t.Errorf("the whole one: %v", got)
	}
}

func TestABrokenContainerIsResumedInTheObject(t *testing.T) {
	h := newHouse(t)
	_, key := h.key(storetest.Suwu, allScopes...)
	b := cine(t)
	c := container(t, b, 0)
	s := h.upload(as(key))
	s.begin(7, packedBegin(b))
	s.data(7, c[:len(c)*2/3])
	time.Sleep(50 * time.Millisecond)
	must(t, s.Send(&pb.UploadRequest{Handle: 7, Frame: &pb.UploadRequest_Cancel{Cancel: &pb.UploadCancel{}}}))
	if f := s.answers(1)[7].GetFailure(); f.GetCode() != 14 {
		t.Fatalf("cancelled: %v", f)
	}
	again := packedBegin(b)
	again.Resume = true
	s.begin(8, again)
	at := s.answers(1)[8].GetStart().GetOffset()
	if at < int64(len(b))/3 || at >= int64(len(b)) {
		t.Errorf("start at %d of %d", at, len(b))
	}
	s.data(8, container(t, b, at))
	s.end(8)
	if got := s.answers(1)[8]; got.GetStored().GetInstanceId() == "" {
		t.Fatalf("%v", got)
	}
}

func TestAContainerSentFromItsBeginningAfterABreakIsWhole(t *testing.T) {
	h := newHouse(t)
	_, key := h.key(storetest.Suwu, allScopes...)
	b := cine(t)
	s := h.upload(as(key))
	s.begin(7, packedBegin(b))
	c := container(t, b, 0)
	s.data(7, c[:len(c)/2])
	must(t, s.Send(&pb.UploadRequest{Handle: 7, Frame: &pb.UploadRequest_Cancel{Cancel: &pb.UploadCancel{}}}))
	if f := s.answers(1)[7].GetFailure(); f.GetCode() != 14 {
		t.Fatalf("cancelled: %v", f)
	}
	s.begin(8, packedBegin(b))
	s.data(8, c)
	s.end(8)
	if got := s.answers(1)[8]; got.GetStored().GetInstanceId() == "" {
		t.Fatalf("%v", got)
	}
}
