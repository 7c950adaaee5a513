// The bad days of ECG carts: the server killed while they send by each of their ways, two of them with the same file at once. What was
// acknowledged is there afterwards, once, with one case and each alarm once.

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/lianzhen/lianzhen/authz"
	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/dicom/dimse"
	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/codec/tracing/formats"
	"github.com/lianzhen/lianzhen/codec/tracing/synth"
	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

// seedCarts makes the county, carts that send DICOM, and a key for the others.
func seedCarts(t testing.TB, data string, titles ...string) (key string) {
	t.Helper()
	seedDevices(t, data, "", titles...)
	keys, err := store.OpenKeys(filepath.Join(data, "keys"))
	if err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(t.Context(), "sqlite:"+filepath.Join(data, "index.sqlite"), store.Options{Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	s := record.Scope{All: true, Actor: record.Actor{Kind: record.ActorSystem, ID: "test", Institution: authz.Root}}
	_, key, err = authz.NewBook(db, keys).CreateKey(t.Context(), s, authz.APIKey{
		Name: "carts", Institution: storetest.Suwu, Scopes: []string{"ecg:write", "ecg:read", "reading:read"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// cartFile is a file of a cart; each has a patient of its own, by whose number it is found.
type cartFile struct {
	number string
	kind   synth.Kind
	data   []byte
	dicom  bool // its group 2 is written anew on the way
}

var cartKinds = []synth.Kind{synth.Normal, synth.STEMIAnterior, synth.AtrialFibrillation, synth.VT, synth.AVBlock3}

func newCartFile(t testing.TB, n uint64, format string) cartFile {
	f := cartFile{number: fmt.Sprintf("E%d", n), kind: cartKinds[n%uint64(len(cartKinds))], dicom: format == "dicom"}
	var b bytes.Buffer
	err := formats.Write(&b, format, synth.Make(synth.Spec{
		Kind: f.kind, Seed: n, At: time.Now().Add(-time.Hour).Truncate(time.Second),
		Patient: tracing.Patient{ID: f.number, Name: "Zhao San", BirthDate: "19550304", Sex: "F"},
	}))
	if err != nil {
		t.Error(err)
	}
	f.data = b.Bytes()
	return f
}

// postECG sends over REST; nil is no acknowledgement.
func (s *served) postECG(key string, f cartFile) *pb.StoredTracing {
	req, err := http.NewRequest(http.MethodPost, "http://"+s.http+"/api/v1/ecg/tracings", bytes.NewReader(f.data))
	if err != nil {
		return nil
	}
	req.Header.Set("Authorization", "Bearer "+key)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	var st pb.StoredTracing
	if err != nil || res.StatusCode != http.StatusCreated && res.StatusCode != http.StatusOK || protojson.Unmarshal(text, &st) != nil {
		return nil
	}
	return &st
}

// uploadECG sends over gRPC; nil is no acknowledgement.
func (c *client) uploadECG(ctx context.Context, f cartFile) *pb.StoredTracing {
	st, err := c.tryECG(ctx, f)
	if err != nil {
		return nil
	}
	return st
}

func (c *client) tryECG(ctx context.Context, f cartFile) (*pb.StoredTracing, error) {
	stream, err := pb.NewEcgServiceClient(c.conn).UploadTracing(c.ctx(ctx))
	if err != nil {
		return nil, err
	}
	begin := &pb.UploadTracingBegin{Size: int64(len(f.data)), Sha256: sum(f.data), ClinicalInformation: "胸闷"}
	_ = stream.Send(&pb.UploadTracingRequest{Part: &pb.UploadTracingRequest_Begin{Begin: begin}})
	_ = stream.Send(&pb.UploadTracingRequest{Part: &pb.UploadTracingRequest_Data{Data: f.data}})
	return stream.CloseAndRecv() // tells why nothing could be sent, too
}

// cstoreECG sends over one association what next gives, until it gives nothing or the line breaks.
func (s *served) cstoreECG(t testing.TB, ae string, next func() (cartFile, bool), kept func(cartFile)) error {
	a, err := dimse.Dial(t.Context(), s.dimse, dimse.Request{CalledAE: "LIANZHEN", CallingAE: ae, Contexts: []dimse.Proposal{
		{AbstractSyntax: "1.2.840.10008.5.1.4.1.1.9.1.1", TransferSyntaxes: []dicom.UID{dicom.ExplicitLE}},
		{AbstractSyntax: "1.2.840.10008.5.1.4.1.1.9.1.2", TransferSyntaxes: []dicom.UID{dicom.ExplicitLE}},
	}}, dimse.Options{})
	if err != nil {
		return err
	}
	defer a.Abort()
	for f, more := next(); more; f, more = next() {
		h := headerOf(t, f.data)
		st, err := a.Store(t.Context(), dimse.Object{
			SOPClass: h.Header.SOPClassUID, SOPInstance: h.Header.SOPInstanceUID, TransferSyntax: h.TransferSyntax,
			Data: bytes.NewReader(f.data[h.DataSetOffset():]),
		})
		if err != nil {
			return err
		}
		if st == dimse.Success {
			kept(f)
		}
	}
	return a.Release(t.Context())
}

// toldECGs are the files that carts were told are kept, by number, with the answer where there was one.
type toldECGs struct {
	mu    sync.Mutex
	files map[string]cartFile
	said  map[string]*pb.StoredTracing
}

func (k *toldECGs) add(f cartFile, st *pb.StoredTracing) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.files == nil {
		k.files, k.said = map[string]cartFile{}, map[string]*pb.StoredTracing{}
	}
	k.files[f.number] = f
	if st != nil && k.said[f.number] == nil {
		k.said[f.number] = st
	}
}

func (k *toldECGs) count() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.files)
}

// check finds every file by its patient: one tracing, its bytes, one case, and each alarm of a rule once.
func (k *toldECGs) check(t testing.TB, s *served, key string) {
	t.Helper()
	c := dial(t, s.grpc, key)
	bad := 0
	for number, f := range k.files {
		if why := c.wrongECG(t, s, f, k.said[number]); why != "" {
			if bad++; bad <= 5 {
				t.Errorf("%s %s: %s", number, f.kind, why)
			}
		}
	}
	if bad > 0 {
		t.Errorf("of %d acknowledged ECGs %d are not as they should be", len(k.files), bad)
	}
}

func (c *client) wrongECG(t testing.TB, s *served, f cartFile, said *pb.StoredTracing) string {
	t.Helper()
	ctx := c.ctx(t.Context())
	found, err := pb.NewEcgServiceClient(c.conn).SearchTracings(ctx, &pb.SearchTracingsRequest{LocalPatientNumber: f.number})
	if err != nil {
		t.Fatal(err)
	}
	if len(found.GetTracings()) != 1 {
		return fmt.Sprintf("%d tracings", len(found.GetTracings()))
	}
	kept := found.GetTracings()[0]
	if said != nil && (kept.GetTracingId() != said.GetTracingId() || kept.GetCaseId() != said.GetCaseId()) {
		return "another tracing or case than was acknowledged"
	}
	got := s.ecgFile(t, c.key, kept.GetTracingId())
	same := bytes.Equal(got, f.data)
	if f.dicom && len(got) > 0 {
		same = bytes.Equal(dataSetOf(t, got), dataSetOf(t, f.data))
	}
	if !same {
		return "other bytes"
	}
	cases, err := pb.NewReadingServiceClient(c.conn).ListCases(ctx, &pb.ListCasesRequest{PatientId: kept.GetPatientId()})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(cases.GetCases()); n != 1 || cases.GetCases()[0].GetCaseId() != kept.GetCaseId() {
		return fmt.Sprintf("%d cases", n)
	}
	return c.wrongAlarms(t, f, kept)
}

func (c *client) wrongAlarms(t testing.TB, f cartFile, kept *pb.Tracing) string {
	t.Helper()
	all, err := pb.NewReadingServiceClient(c.conn).ListCriticalValues(c.ctx(t.Context()), &pb.ListCriticalValuesRequest{CaseId: kept.GetCaseId()})
	if err != nil {
		t.Fatal(err)
	}
	raised := map[string]int{}
	for _, v := range all.GetCriticalValues() {
		rule, _, _ := strings.Cut(v.GetRule(), ":")
		raised[rule]++
	}
	for _, a := range kept.GetAlarms() {
		if raised[a.GetRuleId()] != 1 {
			return fmt.Sprintf("alarm %s raised %d times", a.GetRuleId(), raised[a.GetRuleId()])
		}
	}
	if len(raised) != len(kept.GetAlarms()) || f.kind == synth.STEMIAnterior && raised["stemi"] != 1 {
		return fmt.Sprintf("alarms raised %v, of the tracing %d", raised, len(kept.GetAlarms()))
	}
	return ""
}

func (s *served) ecgFile(t testing.TB, key, id string) []byte {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, "http://"+s.http+"/api/v1/ecg/tracings/"+id+"/file", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		return nil
	}
	return b
}

// fleet is carts that send until they are stopped, each its own files.
type fleet struct {
	next atomic.Uint64
	mu   sync.Mutex
	all  []cartFile
	told toldECGs
}

func (k *fleet) file(t testing.TB, format string) cartFile {
	f := newCartFile(t, k.next.Add(1), format)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.all = append(k.all, f)
	return f
}

// send sends as cart number w does until ctx ends.
func (k *fleet) send(ctx context.Context, t testing.TB, s *served, key string, w int) {
	switch w {
	case 0, 1:
		for ctx.Err() == nil {
			f := k.file(t, []string{"scp", "edf"}[w])
			if st := s.postECG(key, f); st != nil {
				k.told.add(f, st)
			}
		}
	case 2, 3:
		c := dial(t, s.grpc, key)
		for ctx.Err() == nil {
			f := k.file(t, []string{"aecg", "scp"}[w-2])
			if st := c.uploadECG(ctx, f); st != nil {
				k.told.add(f, st)
			}
		}
	default:
		for ctx.Err() == nil {
			n := 0
			_ = s.cstoreECG(t, fmt.Sprintf("ECG%d", w-3), func() (cartFile, bool) {
				if n++; n > 20 || ctx.Err() != nil {
					return cartFile{}, false
				}
				return k.file(t, "dicom"), true
			}, func(f cartFile) { k.told.add(f, nil) })
		}
	}
}

// again sends what one cart has, by its way.
func (k *fleet) again(t testing.TB, s *served, key string) {
	t.Helper()
	var dicoms []cartFile
	for _, f := range k.all {
		if f.dicom {
			dicoms = append(dicoms, f)
			continue
		}
		st := s.postECG(key, f)
		if st == nil {
			t.Fatalf("sent again: %s is not taken", f.number)
		}
		k.told.add(f, st)
	}
	n := len(dicoms)
	err := s.cstoreECG(t, "ECG1", func() (cartFile, bool) {
		if len(dicoms) == 0 {
			return cartFile{}, false
		}
		f := dicoms[0]
		dicoms = dicoms[1:]
		return f, true
	}, func(f cartFile) { n--; k.told.add(f, nil) })
	if err != nil || n != 0 {
		t.Fatalf("sent again as DICOM: %v, %d not taken", err, n)
	}
}

// TestNoAcknowledgedECGIsLostOrDoubledWhenTheServerIsKilledTwentyTimes has carts send over REST, gRPC and DICOM while it happens.
func TestNoAcknowledgedECGIsLostOrDoubledWhenTheServerIsKilledTwentyTimes(t *testing.T) {
	rounds := 20
	if testing.Short() {
		rounds = 3
	}
	data := t.TempDir()
	key := seedCarts(t, data, "ECG1", "ECG2")
	s := serve(t, data)
	var k fleet
	for round := range rounds {
		if round > 0 {
			s.start(t)
		}
		before := k.told.count()
		ctx, stop := context.WithCancel(t.Context())
		var g sync.WaitGroup
		for w := range 6 {
			g.Go(func() { k.send(ctx, t, s, key, w) })
		}
		for wait := 0; k.told.count() == before && wait < 3000; wait++ {
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(time.Duration(rand.IntN(300)) * time.Millisecond)
		s.kill()
		stop()
		g.Wait()
	}
	s.start(t)
	acked, sent := k.told.count(), len(k.all)
	if acked == 0 || acked == sent {
		t.Errorf("%d of %d ECGs acknowledged: no kill fell among them", acked, sent)
	}
	k.told.check(t, s, key)
	s.sound(t)
	k.again(t, s, key)
	if k.told.count() != sent {
		t.Errorf("%d of %d ECGs after sending again", k.told.count(), sent)
	}
	k.told.check(t, s, key)
	s.sound(t)
	t.Logf("%d kills: %d ECGs sent, %d acknowledged, none lost", rounds, sent, acked)
}

func TestTwoCartsWithTheSameFileAtOnceGetOneAnswer(t *testing.T) {
	data := t.TempDir()
	key := seedCarts(t, data)
	s := serve(t, data)
	c := dial(t, s.grpc, key)
	var told toldECGs
	for n := range uint64(10) {
		f := newCartFile(t, 5*n+1, "scp") // infarctions: an alarm twice wakes somebody twice
		answers := make([]*pb.StoredTracing, 4)
		var g sync.WaitGroup
		for i := range answers {
			g.Go(func() {
				if i%2 == 0 {
					answers[i] = s.postECG(key, f)
				} else {
					answers[i] = c.uploadECG(t.Context(), f)
				}
			})
		}
		g.Wait()
		news := 0
		for _, st := range answers {
			if st == nil || st.GetTracingId() != answers[0].GetTracingId() || st.GetCaseId() != answers[0].GetCaseId() || st.GetCaseId() == "" {
				t.Fatalf("answers differ: %v", answers)
			}
			if !st.GetAlreadyStored() {
				news++
			}
		}
		if news != 1 {
			t.Errorf("%d of 4 were told that their file is the first", news)
		}
		told.add(f, answers[0])
	}
	told.check(t, s, key)
	s.sound(t)
}

func TestTwoCartsWithTheSameHopelessFileAtOnceAreOneEntry(t *testing.T) {
	data := t.TempDir()
	key := seedCarts(t, data)
	s := serve(t, data)
	c := dial(t, s.grpc, key)
	f := newCartFile(t, 1, "scp")
	f.data = f.data[:200]
	ids := make([]string, 6)
	var g sync.WaitGroup
	for i := range ids {
		g.Go(func() {
			_, err := c.tryECG(t.Context(), f)
			for _, d := range status.Convert(err).Details() {
				if place, ok := d.(*structpb.Struct); ok {
					ids[i] = place.GetFields()["quarantineId"].GetStringValue()
				}
			}
		})
	}
	g.Wait()
	for _, id := range ids {
		if id == "" || id != ids[0] {
			t.Fatalf("quarantined as %q", ids)
		}
	}
	s.sound(t)
}
