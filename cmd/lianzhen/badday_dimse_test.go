// The bad days of devices and DICOMweb senders: the server killed while they send, its disk full, its object store away, two
// of it taking the same study at once. What was acknowledged is there afterwards.

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"net"
	"net/http"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/authz"
	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/dicom/dimse"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

// seedDevices makes the county, its key and devices of its township.
func seedDevices(t testing.TB, data, database string, titles ...string) (key string) {
	t.Helper()
	key = seed(t, data, database)
	keys, err := store.OpenKeys(filepath.Join(data, "keys"))
	if err != nil {
		t.Fatal(err)
	}
	if database == "" {
		database = "sqlite:" + filepath.Join(data, "index.sqlite")
	}
	db, err := store.Open(t.Context(), database, store.Options{Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	s := record.Scope{All: true, Actor: record.Actor{Kind: record.ActorSystem, ID: "test", Institution: authz.Root}}
	for _, ae := range titles {
		if _, err := authz.NewBook(db, keys).CreateDevice(t.Context(), s, authz.Device{Institution: storetest.Suwu, Name: ae, AETitle: ae}); err != nil {
			t.Fatal(err)
		}
	}
	return key
}

// acknowledged is what senders were told is kept: objects by the path of their instance.
type acknowledged struct {
	mu      sync.Mutex
	objects map[string][]byte
}

func (k *acknowledged) add(t testing.TB, objects ...[]byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.objects == nil {
		k.objects = map[string][]byte{}
	}
	for _, o := range objects {
		h := headerOf(t, o).Header
		k.objects[fmt.Sprintf("/studies/%s/series/%s/instances/%s", h.StudyUID, h.SeriesUID, h.SOPInstanceUID)] = o
	}
}

func (k *acknowledged) count() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.objects)
}

func headerOf(t testing.TB, b []byte) *dicom.Object {
	o, err := dicom.ScanHeader(bytes.NewReader(b), dicom.Options{})
	if err != nil {
		t.Error(err)
		return &dicom.Object{Header: &dicom.Header{}}
	}
	return o
}

// check reads every object back and compares its data set: each way of sending has a group 2 of its own.
func (k *acknowledged) check(t testing.TB, s *served, key string) {
	t.Helper()
	missing, changed := 0, 0
	for path, want := range k.objects {
		got, status := s.wado(t, key, path, "application/dicom; transfer-syntax=*")
		switch {
		case status != http.StatusOK:
			missing++
		case !bytes.Equal(dataSetOf(t, got), dataSetOf(t, want)):
			changed++
		}
	}
	if missing+changed > 0 {
		t.Errorf("of %d acknowledged objects %d are missing, %d are others", len(k.objects), missing, changed)
	}
}

func dataSetOf(t testing.TB, b []byte) []byte {
	t.Helper()
	n, err := dicom.MetaLength(b)
	if err != nil {
		t.Fatal(err)
	}
	return b[n:]
}

// wado asks the DICOMweb door.
func (s *served) wado(t testing.TB, key, path, accept string) ([]byte, int) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, "http://"+s.http+"/dicomweb"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	req.Header.Set("Accept", accept)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return b, res.StatusCode
}

// stow sends objects in one request; 0 is no answer.
func (s *served) stow(key string, objects ...[]byte) (int, []byte) {
	var body bytes.Buffer
	parts := multipart.NewWriter(&body)
	for _, o := range objects {
		w, _ := parts.CreatePart(textproto.MIMEHeader{"Content-Type": {"application/dicom"}})
		_, _ = w.Write(o)
	}
	_ = parts.Close()
	req, err := http.NewRequest(http.MethodPost, "http://"+s.http+"/dicomweb/studies", &body)
	if err != nil {
		return 0, nil
	}
	req.Header.Set("Content-Type", `multipart/related; type="application/dicom"; boundary=`+parts.Boundary())
	req.Header.Set("Authorization", "Bearer "+key)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, nil
	}
	return res.StatusCode, answer
}

// associate opens an association that can store CT images.
func (s *served) associate(ctx context.Context, ae string) (*dimse.Association, error) {
	return dimse.Dial(ctx, s.dimse, dimse.Request{CalledAE: "LIANZHEN", CallingAE: ae, Contexts: []dimse.Proposal{
		{AbstractSyntax: "1.2.840.10008.5.1.4.1.1.2", TransferSyntaxes: []dicom.UID{dicom.ExplicitLE}},
	}}, dimse.Options{})
}

// cstore sends objects over one association until one gets no answer, and tells each status.
func (s *served) cstore(t testing.TB, ae string, objects [][]byte, answered func(o []byte, st dimse.Status)) error {
	a, err := s.associate(t.Context(), ae)
	if err != nil {
		return err
	}
	defer a.Abort()
	for _, o := range objects {
		h := headerOf(t, o)
		st, err := a.Store(t.Context(), dimse.Object{
			SOPClass: h.Header.SOPClassUID, SOPInstance: h.Header.SOPInstanceUID, TransferSyntax: h.TransferSyntax,
			Data: bytes.NewReader(o[h.DataSetOffset():]),
		})
		if err != nil {
			return err
		}
		answered(o, st)
	}
	return a.Release(t.Context())
}

// storescu sends objects with DCMTK's tool, and tells those that it was told are kept.
func (s *served) storescu(t testing.TB, ae string, objects [][]byte, kept func(o []byte)) error {
	dir := writeFiles(t, objects)
	host, port, _ := net.SplitHostPort(s.dimse)
	out, err := exec.Command("storescu", "-v", "-aet", ae, "-aec", "LIANZHEN", "+sd", host, port, dir).CombinedOutput()
	var at int
	for line := range strings.Lines(string(out)) {
		if _, name, ok := strings.Cut(strings.TrimSpace(line), "Sending file: "); ok {
			_, _ = fmt.Sscanf(filepath.Base(name), "%d.dcm", &at)
		}
		if strings.Contains(line, "Received Store Response (Success)") {
			kept(objects[at])
		}
	}
	return err
}

func needStorescu(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("storescu"); err != nil {
		if os.Getenv("LIANZHEN_TEST_REQUIRE") == "1" {
			t.Fatal("storescu is not installed")
		}
		t.Skip("storescu is not installed")
	}
}

// sound holds the server's data to its own checks.
func (s *served) sound(t testing.TB) {
	t.Helper()
	for _, check := range []string{"fsck", "verify-audit"} {
		if out, code := s.admin(t, check); code != 0 {
			t.Errorf("%s: exit %d\n%s", check, code, out)
		}
	}
}

// TestNothingAcknowledgedToDevicesIsLostWhenTheServerIsKilledTwentyTimes has four associations and two STOW-RS clients send
// while it happens.
func TestNothingAcknowledgedToDevicesIsLostWhenTheServerIsKilledTwentyTimes(t *testing.T) {
	needStorescu(t)
	rounds := 20
	if testing.Short() {
		rounds = 3
	}
	data := t.TempDir()
	key := seedDevices(t, data, "", "CT1", "CT2", "CT3", "CT4")
	s := serve(t, data)
	var told acknowledged
	var mu sync.Mutex
	var all [][]byte
	for round := range rounds {
		if round > 0 {
			s.start(t)
		}
		before := told.count()
		ctx, stop := context.WithCancel(t.Context())
		var g sync.WaitGroup
		for w := range 6 {
			g.Go(func() {
				for batch := 0; ctx.Err() == nil; batch++ { // whatever the machine's speed, the kill falls among them
					objects := ctSlices(uint64(1000+round*6+w+batch*1_000_000), 30, 128)
					mu.Lock()
					all = append(all, objects...)
					mu.Unlock()
					sendUntilKilled(t, s, key, w, objects, &told)
				}
			})
		}
		for wait := 0; told.count() == before && wait < 3000; wait++ {
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(time.Duration(rand.IntN(300)) * time.Millisecond)
		s.kill()
		stop()
		g.Wait()
	}
	s.start(t)
	acked, sent := told.count(), len(all)
	if acked == 0 || acked == sent {
		t.Errorf("%d of %d objects acknowledged: no kill fell among them", acked, sent)
	}
	told.check(t, s, key)
	s.sound(t)
	for len(all) > 0 { // whoever tries again gets it all there
		n := min(60, len(all))
		if status, answer := s.stow(key, all[:n]...); status != http.StatusOK {
			t.Fatalf("sent again: HTTP %d: %.300s", status, answer)
		}
		told.add(t, all[:n]...)
		all = all[n:]
	}
	told.check(t, s, key)
	s.sound(t)
	t.Logf("%d kills: %d objects sent, %d acknowledged, none lost", rounds, sent, acked)
}

// sendUntilKilled sends as sender number w does.
func sendUntilKilled(t testing.TB, s *served, key string, w int, objects [][]byte, told *acknowledged) {
	switch w {
	case 0, 1:
		_ = s.storescu(t, fmt.Sprintf("CT%d", w+1), objects, func(o []byte) { told.add(t, o) })
	case 2, 3:
		_ = s.cstore(t, fmt.Sprintf("CT%d", w+1), objects, func(o []byte, st dimse.Status) {
			if st == dimse.Success {
				told.add(t, o)
			}
		})
	default:
		for ; len(objects) > 0; objects = objects[5:] {
			status, _ := s.stow(key, objects[:5]...)
			if status == 0 {
				return
			}
			if status == http.StatusOK {
				told.add(t, objects[:5]...)
			}
		}
	}
}

// statuses counts what was answered.
type statuses struct {
	mu sync.Mutex
	n  map[dimse.Status]int
}

func (c *statuses) add(st dimse.Status) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = map[dimse.Status]int{}
	}
	c.n[st]++
}

func TestTwoServersTakeOneStudyAtOnce(t *testing.T) {
	m := startMinio(t)
	database := storetest.PostgresURL(t)
	data := t.TempDir()
	key := seedDevices(t, data, database, "CT1", "CT2", "CT3", "CT4")
	other := t.TempDir()
	if err := os.CopyFS(filepath.Join(other, "keys"), os.DirFS(filepath.Join(data, "keys"))); err != nil {
		t.Fatal(err)
	}
	env := append(m.env(), "LIANZHEN_DATABASE_URL="+database)
	one, two := serve(t, data, env...), serve(t, other, env...)
	objects := ctSlices(77, 40, 128)
	var told acknowledged
	var got statuses
	var g sync.WaitGroup
	for i, s := range []*served{one, two, one, two} { // all of it by each, at the same time
		g.Go(func() {
			err := s.cstore(t, fmt.Sprintf("CT%d", i+1), objects, func(o []byte, st dimse.Status) {
				told.add(t, o)
				got.add(st)
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	g.Wait()
	if diff := cmp.Diff(map[dimse.Status]int{dimse.Success: 160}, got.n); diff != "" {
		t.Fatal(diff)
	}
	told.check(t, one, key)
	told.check(t, two, key)
	one.kill() // and one of them is enough
	told.check(t, two, key)
	found, status := two.wado(t, key, "/studies?includefield=NumberOfStudyRelatedInstances", "application/dicom+json")
	list, err := dicom.ParseJSONList(found, dicom.Limits{})
	if status != http.StatusOK || err != nil || len(list) != 1 || list[0].Str(0x00201208) != "40" {
		t.Errorf("HTTP %d, %v: %.400s", status, err, found)
	}
	two.sound(t)
}

func TestAFullDiskIsA700AndLosesNothing(t *testing.T) {
	data := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", data).CombinedOutput(); err != nil {
		t.Skipf("no small disk to be had here: %s", out)
	}
	t.Cleanup(func() { _ = exec.Command("umount", "-l", data).Run() })
	key := seedDevices(t, data, "", "CT1")
	s := serve(t, data)
	objects := ctSlices(5, 60, 512) // 31 MB
	var told acknowledged
	var got statuses
	err := s.cstore(t, "CT1", objects, func(o []byte, st dimse.Status) {
		if got.add(st); st == dimse.Success {
			told.add(t, o)
		}
	})
	if err != nil || got.n[dimse.Success] == 0 || got.n[dimse.OutOfResources] == 0 || len(got.n) != 2 {
		t.Fatalf("%v, %v", got.n, err)
	}
	if status, answer := s.stow(key, objects...); status != http.StatusServiceUnavailable && status != http.StatusAccepted {
		t.Errorf("STOW-RS on a full disk: HTTP %d: %.300s", status, answer)
	}
	s.kill()
	if out, err := exec.Command("mount", "-o", "remount,size=128m", data).CombinedOutput(); err != nil {
		t.Fatalf("%s", out)
	}
	s.start(t)
	told.check(t, s, key)
	s.sound(t)
	err = s.cstore(t, "CT1", objects, func(o []byte, st dimse.Status) {
		if told.add(t, o); st != dimse.Success {
			t.Errorf("with room again: %v", st)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	told.check(t, s, key)
}

func TestWithoutItsObjectStoreTheServerSaysLater(t *testing.T) {
	m := startMinio(t)
	data := t.TempDir()
	key := seedDevices(t, data, "", "CT1")
	s := serve(t, data, m.env()...)
	objects := ctSlices(6, 6, 64)
	m.stop()
	var got statuses
	if err := s.cstore(t, "CT1", objects[:2], func(_ []byte, st dimse.Status) { got.add(st) }); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[dimse.Status]int{dimse.OutOfResources: 2}, got.n); diff != "" {
		t.Error(diff)
	}
	if status, answer := s.stow(key, objects[:2]...); status != http.StatusServiceUnavailable {
		t.Errorf("STOW-RS: HTTP %d: %.300s", status, answer)
	}
	m.start()
	var told acknowledged
	err := s.cstore(t, "CT1", objects, func(o []byte, st dimse.Status) {
		if told.add(t, o); st != dimse.Success {
			t.Errorf("with the object store again: %v", st)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	told.check(t, s, key)
	s.sound(t)
}
