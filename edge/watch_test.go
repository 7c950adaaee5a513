package edge

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/lianzhen/lianzhen/codec/dicom/phantom"
	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
)

func TestAFileIsReadyWhenItStaysAsItIs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	now := time.Date(2026, 4, 1, 8, 0, 0, 0, time.UTC)
	w := &watcher{Watching: Watching{Every: 5 * time.Second, Settle: 3 * time.Second}, now: func() time.Time { return now }, seen: map[pathKey]*glance{}}
	look := func(s string) bool {
		t.Helper()
		put(t, path, []byte(s))
		if err := os.Chtimes(path, time.Time{}, now.Add(300*time.Hour)); err != nil { // a clock that is ahead
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		w.begin()
		return w.ready(file{path, info})
	}
	at := now.Add(300 * time.Hour)
	same := func() bool {
		t.Helper()
		if err := os.Chtimes(path, time.Time{}, at); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		w.begin()
		return w.ready(file{path, info})
	}
	if look("half") {
		t.Error("ready at first sight")
	}
	if w.end(Summary{}) != 3*time.Second {
		t.Error("the next look is not soon")
	}
	now = now.Add(4 * time.Second)
	if look("half and more") {
		t.Error("ready though it grew")
	}
	at = now.Add(300 * time.Hour)
	now = now.Add(4 * time.Second)
	if !same() || w.end(Summary{}) != 5*time.Second {
		t.Error("not ready though it stays")
	}
	was := stamp{13, at}
	w.settled(path, was, Failed)
	if same() {
		t.Error("tried again at once")
	}
	if now = now.Add(5 * time.Second); !same() {
		t.Error("not tried again")
	}
	w.settled(path, was, Failed)
	if now = now.Add(5 * time.Second); same() {
		t.Error("tried as often as before")
	}
	for range 40 {
		w.settled(path, was, Failed)
	}
	if now = now.Add(longestPut); !same() {
		t.Error("put off for too long")
	}
	w.settled(path, was, Refused)
	if now = now.Add(time.Hour); same() {
		t.Error("refused, and tried again")
	}
	w.begin()
	if w.end(Summary{Unreadable: 1}); len(w.seen) != 1 {
		t.Error("forgotten with a folder that could not be read")
	}
	if w.end(Summary{}); len(w.seen) != 0 {
		t.Error("a file that is gone is not forgotten")
	}
}

// watching runs a watcher until the test ends or stop is called, which gives its error.
type watchedRun struct {
	mu   sync.Mutex
	sums []Summary
	errs []error
	stop func() error
}

func startWatch(t *testing.T, cfg Config, dir string) *watchedRun {
	t.Helper()
	r := &watchedRun{}
	cfg.Timeout = 0
	cfg.OnRetry = func(err error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.errs = append(r.errs, err)
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	each := func(sum Summary) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.sums = append(r.sums, sum)
	}
	go func() {
		ended <- s.Watch(ctx, Watching{Every: 20 * time.Millisecond, Settle: 50 * time.Millisecond, Each: each}, dir)
	}()
	r.stop = sync.OnceValue(func() error {
		cancel()
		err := <-ended
		s.Close()
		return err
	})
	t.Cleanup(func() { _ = r.stop() })
	return r
}

// until waits for a summary.
func (r *watchedRun) until(t *testing.T, what string, is func(Summary) bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		r.mu.Lock()
		found := slices.ContainsFunc(r.sums, is)
		r.mu.Unlock()
		if found {
			return
		}
	}
	t.Fatalf("%s: %+v", what, r.sums)
}

func TestAWatchedFolderThatVanishesIsToldOnceAndComesBack(t *testing.T) {
	c, addr := newECGCentre(t)
	dir := filepath.Join(t.TempDir(), "share")
	put(t, filepath.Join(dir, "a"), scpFile(t, 1))
	r := startWatch(t, config(t, addr), dir)
	r.until(t, "first", func(s Summary) bool { return s.TracingsStored == 1 })
	if err := os.Rename(dir, dir+"-away"); err != nil {
		t.Fatal(err)
	}
	r.until(t, "vanished", func(s Summary) bool { return s.Unreadable == 1 && len(s.Lost) == 1 && s.Code() == 4 })
	time.Sleep(300 * time.Millisecond)
	if err := os.Rename(dir+"-away", dir); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir, "b"), scpFile(t, 2))
	r.until(t, "back", func(s Summary) bool { return s.TracingsStored == 1 && s.TracingsAlready == 0 })
	for deadline := time.Now().Add(30 * time.Second); c.kinds() < 2 && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	if err := r.stop(); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	told := 0
	for _, s := range r.sums {
		if len(s.Lost) > 0 {
			told++
		}
	}
	if told != 1 || c.kinds() != 2 {
		t.Errorf("told %d times; %d files at the centre", told, c.kinds())
	}
}

func (c *ecgCentre) kinds() int {
	c.tracer.Lock()
	defer c.tracer.Unlock()
	return len(c.ecgs)
}

// refusing takes no images.
type refusing struct {
	pb.UnimplementedUploadServiceServer
}

func (refusing) Have(context.Context, *pb.HaveRequest) (*pb.HaveResponse, error) {
	return nil, status.Error(codes.PermissionDenied, "no scope of the key covers imaging.write")
}

func TestAWatcherWhoseKeySendsNoImagesGoesOnWithECGs(t *testing.T) {
	c := &ecgCentre{centre: newCentre(), ecgs: map[string]int{}}
	s := grpc.NewServer()
	pb.RegisterUploadServiceServer(s, refusing{})
	pb.RegisterEcgServiceServer(s, c)
	dir := t.TempDir()
	study(t, dir, small(1, 2))
	r := startWatch(t, config(t, listen(t, s)), dir)
	r.until(t, "images", func(s Summary) bool { return s.Failed == 2 })
	for i := range 3 {
		put(t, filepath.Join(dir, fmt.Sprint(i)), scpFile(t, uint64(i)))
	}
	for deadline := time.Now().Add(30 * time.Second); c.kinds() < 3; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("ECGs do not come")
		}
	}
	_ = r.stop()
	if !slices.ContainsFunc(r.errs, func(err error) bool { var stop *StopError; return errors.As(err, &stop) }) {
		t.Errorf("what is wrong is not said: %v", r.errs)
	}
}

func TestECGsDoNotWaitBehindImages(t *testing.T) {
	c, addr := newECGCentre(t)
	release, stuck := make(chan struct{}), make(chan struct{})
	c.answer = func(string) *pb.UploadFailure { // with the centre's lock held
		select {
		case stuck <- struct{}{}:
		case <-release:
		}
		<-release
		return nil
	}
	dir := t.TempDir()
	study(t, dir, phantom.Spec{Kind: phantom.CTChest, Seed: 1, Count: 3, Rows: 64, Columns: 64})
	r := startWatch(t, config(t, addr), dir)
	<-stuck
	put(t, filepath.Join(dir, "ecg"), scpFile(t, 1))
	r.until(t, "ECG", func(s Summary) bool { return s.TracingsStored == 1 })
	close(release)
	r.until(t, "images", func(s Summary) bool { return s.Stored == 3 })
}
