package exchange

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/dicom/dimse"
	"github.com/lianzhen/lianzhen/imaging"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

// qrscp starts DCMTK's archive with objects, registers it as ARCHIVE; it sends what is moved to LIANZHEN to our address.
func (s *site) qrscp(ours string, objects [][]byte, options ...string) {
	s.t.Helper()
	address, port := freePort(s.t)
	dir := s.t.TempDir()
	_, ourPort, _ := net.SplitHostPort(ours)
	config := filepath.Join(s.t.TempDir(), "dcmqrscp.cfg")
	must(s.t, os.WriteFile(config, fmt.Appendf(nil, `NetworkTCPPort = %s
MaxPDUSize = 16384
MaxAssociations = 16
HostTable BEGIN
us = (LIANZHEN, 127.0.0.1, %s)
HostTable END
VendorTable BEGIN
VendorTable END
AETable BEGIN
ARCHIVE %s RW (200, 1024mb) ANY
AETable END
`, port, ourPort, dir), 0o600))
	daemon(s.t, address, "dcmqrscp", append(options, "-c", config)...)
	s.know("ARCHIVE", address)
	s.fill(address, objects)
}

// fill stores objects at a peer.
func (s *site) fill(address string, objects [][]byte) {
	s.t.Helper()
	a, err := dimse.Dial(context.Background(), address, dimse.Request{CalledAE: "ARCHIVE", CallingAE: "FILL", Contexts: []dimse.Proposal{
		{AbstractSyntax: "1.2.840.10008.5.1.4.1.1.2", TransferSyntaxes: []dicom.UID{dicom.ExplicitLE}},
	}}, dimse.Options{})
	must(s.t, err)
	for _, b := range objects {
		o, err := dicom.ScanHeader(bytes.NewReader(b), dicom.Options{})
		must(s.t, err)
		status, err := a.Store(context.Background(), dimse.Object{
			SOPClass: o.Header.SOPClassUID, SOPInstance: o.Header.SOPInstanceUID, TransferSyntax: o.TransferSyntax, Data: bytes.NewReader(b[o.DataSetOffset():]),
		})
		if err != nil || status != dimse.Success {
			s.t.Fatalf("fill the archive: %v, %v", status, err)
		}
	}
	must(s.t, a.Release(context.Background()))
}

// door takes C-STOREs of the archive, as the real door does.
func (s *site) door() string {
	s.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(s.t, err)
	srv := &dimse.Server{
		Grace: time.Second,
		Options: dimse.Options{Handler: func(ctx context.Context, a *dimse.Association, m *dimse.Message) error {
			d, err := s.device(ctx, "ARCHIVE")
			must(s.t, err)
			return s.receive(d)(ctx, a, m)
		}},
		Accept: func(_ *dimse.Request, p *dimse.Proposal) dimse.Answer { return dimse.Choose(p, p.TransferSyntaxes...) },
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(ctx, l) }()
	s.t.Cleanup(func() { cancel(); <-done })
	return l.Addr().String()
}

func TestPriorsComeFromAnArchive(t *testing.T) {
	for _, tt := range []struct {
		name    string
		options []string
		model   Model
	}{
		{"C-GET in the study root", nil, StudyRoot},
		{"C-GET in the patient root", nil, PatientRoot},
		{"C-MOVE where C-GET is refused", []string{"--disable-get"}, AnyModel},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t, storetest.SQLite(t), storetest.Dir(t))
			first, second := study(31, 4), study(32, 3)
			all := append(first, second...)
			s.qrscp(s.door(), all, tt.options...)
			s.run(s.Exchange)
			tr, err := s.Fetch(t.Context(), s.scope, FetchRequest{From: "ARCHIVE", PatientNumber: "P001", Model: tt.model})
			must(t, err)
			got := s.ended(tr.ID)
			if got.State != Done || got.Sent != 7 || got.Total != 7 {
				t.Fatalf("%+v", got)
			}
			s.wantKept(all)
			again, err := s.Fetch(t.Context(), s.scope, FetchRequest{From: "ARCHIVE", PatientNumber: "P001", Model: tt.model})
			must(t, err)
			if got := s.ended(again.ID); got.State != Done || got.Sent != 7 {
				t.Errorf("the second time: %+v", got)
			}
		})
	}
}

// wantKept compares data sets with what is kept of them.
func (s *site) wantKept(objects [][]byte) {
	s.t.Helper()
	for _, b := range objects {
		uid, body := split(s.t, b)
		found, err := s.centre.Locate(s.t.Context(), s.scope, imaging.UIDs{SOP: uid})
		if err != nil || len(found) != 1 {
			s.t.Errorf("%s: %d, %v", uid, len(found), err)
			continue
		}
		r, err := s.asKept(s.t.Context(), found[0])
		must(s.t, err)
		var kept bytes.Buffer
		_, err = kept.ReadFrom(r)
		must(s.t, err)
		must(s.t, r.Close())
		if !bytes.Equal(kept.Bytes(), body) {
			s.t.Errorf("%s is another here", uid)
		}
	}
}

func TestAFetchThatCannotSucceedSaysWhy(t *testing.T) {
	s := newSite(t, storetest.SQLite(t), storetest.Dir(t))
	s.qrscp("127.0.0.1:1", study(33, 2), "--disable-get") // C-MOVE to a port of ours where nothing listens
	s.opt.GiveUp = time.Millisecond
	s.run(s.Exchange)
	for _, tt := range []struct {
		name string
		ask  FetchRequest
	}{
		{"unknown patient", FetchRequest{From: "ARCHIVE", PatientNumber: "NOBODY"}},
		{"objects that cannot come", FetchRequest{From: "ARCHIVE", PatientNumber: "P001"}},
	} {
		tr, err := s.Fetch(t.Context(), s.scope, tt.ask)
		must(t, err)
		if got := s.ended(tr.ID); got.State != Failed || got.Reason == "" || got.Sent != 0 {
			t.Errorf("%s: %+v", tt.name, got)
		}
	}
	for _, tt := range []struct {
		name  string
		scope record.Scope
		ask   FetchRequest
		kind  record.Kind
	}{
		{"nothing named", s.scope, FetchRequest{From: "ARCHIVE"}, record.Invalid},
		{"no UID", s.scope, FetchRequest{From: "ARCHIVE", Study: "x"}, record.Invalid},
		{"no model", s.scope, FetchRequest{From: "ARCHIVE", Study: "1.2", Model: "tree"}, record.Invalid},
		{"no such device", s.scope, FetchRequest{From: "NOBODY", Study: "1.2"}, record.NotFound},
		{"another institution's archive", scopeOf(storetest.Dongba), FetchRequest{From: "ARCHIVE", Study: "1.2"}, record.NotFound},
	} {
		if _, err := s.Fetch(t.Context(), tt.scope, tt.ask); record.KindOf(err) != tt.kind {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestAnArchiveIsAskedWhatItHas(t *testing.T) {
	s := newSite(t, storetest.SQLite(t), storetest.Dir(t))
	objects := append(study(34, 2), study(35, 3)...)
	s.qrscp("127.0.0.1:1", objects)
	found, more, err := s.QueryPeer(t.Context(), s.scope, "ARCHIVE", PeerQuery{PatientNumber: "P001"})
	must(t, err)
	if len(found) != 2 || more {
		t.Fatalf("%d studies, more %v", len(found), more)
	}
	if p := found[0]; p.PatientName != "王^小明" || p.Date != "20260305" || !p.Study.Valid() {
		t.Errorf("%+v", p.Study)
	}
	if found, more, err := s.QueryPeer(t.Context(), s.scope, "ARCHIVE", PeerQuery{PatientName: "Wang*", Limit: 1}); err != nil || len(found) != 1 || !more {
		t.Errorf("%d, %v, %v", len(found), more, err)
	}
	if _, _, err := s.QueryPeer(t.Context(), s.scope, "ARCHIVE", PeerQuery{}); record.KindOf(err) != record.Invalid {
		t.Errorf("all patients: %v", err)
	}
	s.know("DOWN", "127.0.0.1:1")
	if _, _, err := s.QueryPeer(t.Context(), s.scope, "DOWN", PeerQuery{PatientNumber: "P001"}); record.KindOf(err) != record.Unavailable {
		t.Errorf("an archive that is down: %v", err)
	}
	events, err := s.db.Events(t.Context(), store.EventFilter{Acts: []string{"archive.searched"}})
	if err != nil || len(events) != 2 || events[0].Detail["studies"] != "2" {
		t.Errorf("%+v, %v", events, err)
	}
}

func TestAnEchoSaysWhatIsWrong(t *testing.T) {
	s := newSite(t, storetest.SQLite(t), storetest.Dir(t))
	s.know("UP", newSink(t).serve().addr)
	s.know("BARE", "127.0.0.1")
	address, _ := freePort(t)
	s.know("DOWN", address)
	s.know("NAMELESS", "no-such-host.invalid:104")
	s.know("OTHER", s.peer(&dimse.Server{Admit: func(context.Context, *dimse.Request) (dimse.Admission, error) {
		return dimse.Admission{}, dimse.UnknownCalledAE
	}}))
	s.know("SHY", s.peer(&dimse.Server{}))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer func() { _ = l.Close() }()
	s.opt.Dial = 300 * time.Millisecond
	s.know("SILENT", l.Addr().String())
	for ae, want := range map[string]Trouble{
		"UP": NoTrouble, "BARE": NoAddress, "DOWN": Refused, "NAMELESS": NoName, "OTHER": Rejected, "SHY": NoContext, "SILENT": NoAnswer,
	} {
		e, err := s.Echo(t.Context(), s.scope, ae)
		if err != nil || e.Trouble != want || (e.Text == "") != (want == NoTrouble) {
			t.Errorf("%s: %+v, %v; want %q", ae, e, err, want)
		}
	}
	if e, err := s.Echo(t.Context(), s.scope, "UP"); err != nil || e.Took <= 0 || e.Implementation == "" {
		t.Errorf("%+v, %v", e, err)
	}
	if _, err := s.Echo(t.Context(), scopeOf(storetest.Dongba), "UP"); record.KindOf(err) != record.NotFound {
		t.Errorf("another institution's device: %v", err)
	}
}

// peer serves what a server says.
func (s *site) peer(srv *dimse.Server) string {
	s.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(s.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	srv.Grace = time.Second
	go func() { defer close(done); _ = srv.Serve(ctx, l) }()
	s.t.Cleanup(func() { cancel(); <-done })
	return l.Addr().String()
}
