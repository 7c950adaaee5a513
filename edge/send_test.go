package edge

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/lianzhen/lianzhen/codec/dicom/phantom"
	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
)

func TestEverythingArrivesOnce(t *testing.T) {
	c := newCentre()
	cfg, dir := config(t, c.serve(t)), t.TempDir()
	study(t, filepath.Join(dir, "a"), small(1, 20))
	study(t, filepath.Join(dir, "b", "c"), small(2, 5))
	put(t, filepath.Join(dir, "readme.txt"), []byte("hello"))
	put(t, filepath.Join(dir, "empty"), nil)

	sum, receipts := send(t, cfg, dir)
	if sum.Code() != 0 || sum.Stored != 25 || sum.StudiesFinished != 2 || len(receipts) != 2 || len(c.kept) != 25 {
		t.Errorf("summary %+v, %d receipts, %d kept", sum, len(receipts), len(c.kept))
	}
	if len(sum.Ignored) != 2 || sum.IgnoredCount[NotDICOM] != 1 || sum.IgnoredCount[Empty] != 1 {
		t.Errorf("ignored %+v", sum.Ignored)
	}
	if n := c.finished[string(small(1, 20).StudyUID())]; n != 20 {
		t.Errorf("finished with %d", n)
	}

	var kept Receipt
	b, err := os.ReadFile(receipts[0].Path)
	if err == nil {
		err = json.Unmarshal(b, &kept)
	}
	if err != nil || kept.StudyUID != receipts[0].StudyUID || len(kept.Items) != receipts[0].Objects || kept.Items[0].InstanceID == "" || kept.Items[0].SHA256 == "" {
		t.Errorf("receipt %s %v", b, err)
	}
	if bytes.Contains(b, []byte("Wang")) || bytes.Contains(b, []byte(dir)) {
		t.Error("the receipt names a person or a path")
	}
}

func TestSecondRunSendsNothing(t *testing.T) {
	c := newCentre()
	cfg, dir := config(t, c.serve(t)), filepath.Join(t.TempDir(), "zhao-xiaoming")
	cfg.NoFinish = true
	study(t, dir, small(1, 12))
	send(t, cfg, dir)
	before := c.received
	sum, _ := send(t, cfg, dir)
	if sum.Already != 12 || sum.Sent != 0 || c.received != before {
		t.Errorf("second run: %+v", sum)
	}
	journal, err := os.ReadFile(filepath.Join(cfg.StateDir, journalName))
	if err != nil || bytes.Contains(journal, []byte(filepath.Base(dir))) {
		t.Errorf("journal names paths: %v", err)
	}
}

func TestCutLineLosesNothing(t *testing.T) {
	c := newCentre()
	line := newBadLine(t, c.serve(t), 25, 20_000, 900_000)
	cfg, dir := config(t, line.addr), t.TempDir()
	study(t, filepath.Join(dir, "ct"), small(1, 300))
	study(t, filepath.Join(dir, "us"), phantom.Spec{Kind: phantom.USHeart, Seed: 3, Count: 12})

	sum, _ := send(t, cfg, dir)
	if sum.Code() != 0 || sum.Stored != 301 || len(c.kept) != 301 {
		t.Fatalf("summary %+v, kept %d", sum, len(c.kept))
	}
	for sum, n := range c.times {
		if n != 1 {
			t.Errorf("object %s stored %d times", sum[:8], n)
		}
	}
	if left := line.left(); left > 15 {
		t.Errorf("only %d cuts were made", 25-left)
	}
	if c.received > 3*sum.Bytes {
		t.Errorf("%d bytes sent for %d", c.received, sum.Bytes)
	}
}

func TestLargeObjectContinuesByOffset(t *testing.T) {
	c := newCentre()
	const cuts = 5
	line := newBadLine(t, c.serve(t), cuts, 4<<20, 5<<20)
	cfg, dir := config(t, line.addr), t.TempDir()
	cfg.Streams = 1
	study(t, dir, phantom.Spec{Kind: phantom.USHeart, Seed: 3, Count: 30}) // 27 MB

	sum, _ := send(t, cfg, dir)
	if sum.Code() != 0 || len(c.kept) != 1 {
		t.Fatalf("summary %+v", sum)
	}
	if c.received > sum.Bytes+sum.Bytes/5 {
		t.Errorf("%d bytes crossed the line for %d", c.received, sum.Bytes)
	}
}

func TestInterruptedRunContinues(t *testing.T) {
	c := newCentre()
	cfg, dir := config(t, c.serve(t)), t.TempDir()
	study(t, dir, small(1, 200))

	ctx, cancel := context.WithCancel(t.Context())
	first := cfg
	first.OnProgress = func(p Progress) {}
	s, err := New(first)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for ctx.Err() == nil {
			c.mu.Lock()
			n := len(c.kept)
			c.mu.Unlock()
			if n > 20 {
				cancel()
			}
			time.Sleep(time.Millisecond / 4)
		}
	}()
	sum, err := s.Send(ctx, dir)
	s.Close()
	if err == nil && sum.Stored == 200 {
		t.Skip("the machine was faster than the interruption")
	}
	if !errors.Is(err, context.Canceled) || sum.Code() != 4 || sum.StudiesUnfinished != 1 {
		t.Fatalf("interrupted: %v %+v", err, sum)
	}
	sum, _ = send(t, cfg, dir)
	if sum.Code() != 0 || sum.Stored != 200 || sum.Already < 20 {
		t.Errorf("continued: %+v", sum)
	}
}

func TestHostileFilesAmongGoodOnes(t *testing.T) {
	c := newCentre()
	cfg, dir := config(t, c.serve(t)), t.TempDir()
	study(t, dir, small(1, 10))
	whole, err := os.ReadFile(filepath.Join(dir, "CT0003.dcm"))
	if err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir, "cut.dcm"), whole[:len(whole)-100])
	put(t, filepath.Join(dir, "headcut.dcm"), whole[:300])
	put(t, filepath.Join(dir, "noise.dcm"), append(append(make([]byte, 128), "DICM"...), bytes.Repeat([]byte{0xFF, 0xC3}, 500)...))
	put(t, filepath.Join(dir, "copy.dcm"), whole)
	other := bytes.Clone(whole)
	other[len(other)-1] ^= 0x55
	put(t, filepath.Join(dir, "other.dcm"), other)
	c.answer = refuseDigestOf(other)

	sum, receipts := send(t, cfg, dir)
	if sum.Code() != 3 || sum.Stored != 10 || sum.Refused != 4 || sum.Twins != 1 || len(sum.Lost) != 2 {
		t.Errorf("summary %+v", sum)
	}
	if c.finished[string(small(1, 10).StudyUID())] != 10 || len(receipts) != 1 || receipts[0].Problem != "" {
		t.Errorf("receipt %+v", receipts[0])
	}
	reasons := map[string]string{}
	for _, i := range receipts[0].Items {
		if i.Reason != "" {
			reasons[filepath.Base(i.File)] = i.Reason
		}
	}
	if !strings.Contains(reasons["cut.dcm"], "truncated") || !strings.Contains(reasons["other.dcm"], "AlreadyExists") {
		t.Errorf("reasons %v", reasons)
	}
}

func TestLaterIsTriedAgainAndDoubtEnds(t *testing.T) {
	for _, tt := range []struct {
		name string
		code codes.Code
		busy int32 // answers before the object is taken
		want int   // exit code
	}{
		{"unavailable is tried until it works", codes.Unavailable, 20, 0},
		{"internal is tried a few times", codes.Internal, 3, 0},
		{"internal for ever is not finished", codes.Internal, 1 << 30, 4},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newCentre()
			var n atomic.Int32
			c.answer = func(string) *pb.UploadFailure {
				if n.Add(1) > tt.busy {
					return nil
				}
				return &pb.UploadFailure{Code: int32(tt.code), Reason: "busy"}
			}
			cfg, dir := config(t, c.serve(t)), t.TempDir()
			study(t, dir, small(1, 1))
			if sum, _ := send(t, cfg, dir); sum.Code() != tt.want {
				t.Errorf("summary %+v", sum)
			}
		})
	}
}

func TestDeadLineGivesUpAndSaysSo(t *testing.T) {
	cfg, dir := config(t, "127.0.0.1:1"), t.TempDir()
	cfg.Timeout = 300 * time.Millisecond
	study(t, dir, small(1, 3))
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	sum, err := s.Send(t.Context(), dir)
	if !errors.Is(err, ErrGaveUp) || sum.Code() != 4 || sum.Failed != 3 {
		t.Errorf("%v %+v", err, sum)
	}
}

func TestStalledStreamIsCut(t *testing.T) {
	c := newCentre()
	addr := c.serve(t)
	var silent atomic.Bool
	silent.Store(true)
	c.answer = func(string) *pb.UploadFailure {
		if silent.Swap(false) {
			time.Sleep(1500 * time.Millisecond) // and all behind it, since the centre's lock is held
		}
		return nil
	}
	cfg, dir := config(t, addr), t.TempDir()
	cfg.Stall = 300 * time.Millisecond
	var stalls atomic.Int32
	cfg.OnRetry = func(err error) {
		if errors.Is(err, errStalled) {
			stalls.Add(1)
		}
	}
	study(t, dir, small(1, 5))
	if sum, _ := send(t, cfg, dir); sum.Code() != 0 || stalls.Load() == 0 {
		t.Errorf("%d stalls, %+v", stalls.Load(), sum)
	}
}

func TestFileThatChangesIsNotFinished(t *testing.T) {
	dir := t.TempDir()
	study(t, dir, small(1, 3))
	path := filepath.Join(dir, "CT0002.dcm")
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	o := &Object{Path: path, Size: info.Size(), ModifiedAt: info.ModTime().Add(-time.Second)}
	if err := o.hash(); !errors.Is(err, errChanged) {
		t.Errorf("hash: %v", err)
	}
	if _, err := o.open(); !errors.Is(err, errChanged) {
		t.Errorf("open: %v", err)
	}
	if state, _ := unfit(errChanged); state != Failed {
		t.Errorf("state %v", state)
	}
}

func TestStaleDigestIsReadAgain(t *testing.T) {
	c := newCentre()
	cfg, dir := config(t, c.serve(t)), t.TempDir()
	cfg.NoFinish = true
	study(t, dir, small(1, 3))
	send(t, cfg, dir)
	path := filepath.Join(dir, "CT0002.dcm")
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-1] ^= 1
	put(t, path, b)
	if err := os.Chtimes(path, time.Time{}, info.ModTime()); err != nil {
		t.Fatal(err)
	}
	clear(c.kept) // the centre has lost everything
	sum, _ := send(t, cfg, dir)
	if sum.Code() != 0 || sum.Stored != 3 || len(c.kept) != 3 {
		t.Errorf("%+v", sum)
	}
}

func TestManyStudies(t *testing.T) {
	c := newCentre()
	cfg, dir := config(t, c.serve(t)), t.TempDir()
	const n = 60
	for i := range n {
		study(t, filepath.Join(dir, fmt.Sprint(i)), phantom.Spec{Kind: phantom.CTChest, Seed: uint64(i), Count: 2, Rows: 16, Columns: 16})
	}
	sum, receipts := send(t, cfg, dir)
	if sum.Code() != 0 || sum.StudiesFinished != n || len(receipts) != n || len(c.finished) != n {
		t.Errorf("%+v", sum)
	}
}
