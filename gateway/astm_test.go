package gateway

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/authz"
	link "github.com/lianzhen/lianzhen/codec/astm"
	"github.com/lianzhen/lianzhen/gateway/astm"
	"github.com/lianzhen/lianzhen/lab/analyser"
	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

// takenASTM is what the door handed over, and to whom it belongs.
type takenASTM struct {
	mu  sync.Mutex
	all []string
}

func (x *takenASTM) accept(_ context.Context, s record.Scope, l astm.Link, message []byte) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	head, _, _ := strings.Cut(string(message), "\r")
	x.all = append(x.all, string(s.Actor.Institution)+" "+l.Profile.ID+" "+head)
	return nil
}

func (x *takenASTM) orders(_ context.Context, s record.Scope, _ astm.Link, barcode string) ([]observation.Order, error) {
	if barcode != "B1" {
		return nil, record.Errorf(record.NotFound, "specimen")
	}
	return []observation.Order{{Specimen: observation.Specimen{ID: barcode}, Items: []observation.Coding{{Code: string(s.Actor.Institution)}}}}, nil
}

// astmDoor opens the ASTM door of a house.
func (h *house) astmDoor() string {
	h.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(h.t, err)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.astm.Serve(ctx, l) }()
	h.t.Cleanup(func() { stop(); must(h.t, <-done) })
	return l.Addr().String()
}

// analyserAtDoor is an analyser that calls from this machine.
func analyserAtDoor(t *testing.T, address string) (*link.Link, chan string) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	must(t, err)
	heard := make(chan string, 4)
	l := link.NewLink(conn, link.Options{Role: link.Instrument}, func(_ context.Context, m []byte) error { heard <- string(m); return nil })
	go func() { _ = l.Run(context.Background()) }()
	t.Cleanup(func() { _ = conn.Close() })
	return l, heard
}

func (h *house) analyser(at record.InstitutionID, name, address, profile string) authz.Device {
	h.t.Helper()
	h.Book.CheckProfiles(func(_ authz.Protocol, yaml string) error {
		_, err := analyser.Parse([]byte(yaml))
		return err
	})
	d, err := h.Book.CreateDevice(context.Background(), system(), authz.Device{Institution: at, Name: name, Protocol: authz.ASTM, Link: name, Address: address})
	must(h.t, err)
	_, err = h.Book.UpdateDevice(context.Background(), system(), d.ID, authz.DeviceChange{Profile: &profile})
	must(h.t, err)
	return d
}

func TestASTMDoor(t *testing.T) {
	var taken takenASTM
	h := newHouse(t, func(d *Deps) { d.Options.ASTM = ASTM{Accept: taken.accept, Orders: taken.orders} })
	address := h.astmDoor()
	stranger, _ := analyserAtDoor(t, address)
	if err := stranger.Send(t.Context(), []byte("H|\\^&|||XN\rL|1|N\r")); err == nil {
		t.Error("a stranger was heard")
	}
	h.analyser(storetest.Suwu, "XN-1000", "127.0.0.1", "based_on: sysmex-xn")
	xn, heard := analyserAtDoor(t, address)
	must(t, xn.Send(t.Context(), []byte("H|\\^&|||XN-1000^00\rP|1\rO|1||^^B1^B\rR|1|^^^^WBC^1|8.1\rL|1|N\r")))
	must(t, xn.Send(t.Context(), []byte("H|\\^&|||XN-1000^00\rQ|1|1^2^ B1^B\rL|1|N\r")))
	if diff := cmp.Diff([]string{string(storetest.Suwu) + ` sysmex-xn H|\^&|||XN-1000^00`}, taken.all); diff != "" {
		t.Error(diff)
	}
	if answer := <-heard; !strings.Contains(answer, "\rO|1|1^2^B1^B||^^^^"+string(storetest.Suwu)+"|R|") {
		t.Errorf("answer %q", answer)
	}
	events, err := h.DB.Events(t.Context(), store.EventFilter{Limit: 100, Acts: []string{"access.refused"}})
	must(t, err)
	if len(events) != 1 || events[0].Detail["door"] != "astm" || events[0].Detail["from"] != "127.0.0.1" {
		t.Errorf("refusals %+v", events)
	}
	if log := h.log.String(); strings.Contains(log, "B1") {
		t.Error("the log has content of messages")
	}
}

func TestAnalysersToDial(t *testing.T) {
	h := newHouse(t)
	h.analyser(storetest.Suwu, "calls us", "10.0.0.1", "based_on: sysmex-xn")
	called := h.analyser(storetest.Suwu, "is called", "10.0.0.2", "based_on: sysmex-xn\nline: {dial: '10.0.0.2:5000'}")
	gone := h.analyser(storetest.Suwu, "was closed", "10.0.0.3", "based_on: sysmex-xn\nline: {dial: '10.0.0.3:5000'}")
	no := false
	_, err := h.Book.UpdateDevice(t.Context(), system(), gone.ID, authz.DeviceChange{Active: &no})
	must(t, err)
	h.device(storetest.Suwu, "CT1")
	got, err := h.analysers(t.Context())
	must(t, err)
	if diff := cmp.Diff([]astm.Dial{{Key: string(called.ID), Address: "10.0.0.2:5000"}}, got); diff != "" {
		t.Error(diff)
	}
}
