package gateway

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/authz"
	"github.com/lianzhen/lianzhen/codec/hl7"
	frames "github.com/lianzhen/lianzhen/codec/hl7/mllp"
	"github.com/lianzhen/lianzhen/gateway/mllp"
	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

// takenHL7 is what the door handed over, and to whom it belongs.
type takenHL7 struct {
	mu  sync.Mutex
	all []string
}

func (x *takenHL7) accept(_ context.Context, s record.Scope, l mllp.Link, message []byte) error {
	m, err := hl7.Parse(message, l.Options)
	if err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.all = append(x.all, string(s.Actor.Institution)+" "+m.Get("MSH", 9)+" "+string(m.Reason)+" "+m.Get("PID", 5))
	return nil
}

func (x *takenHL7) orders(_ context.Context, s record.Scope, _ mllp.Link, barcode string) ([]observation.Order, error) {
	if barcode != "B1" {
		return nil, record.Errorf(record.NotFound, "specimen")
	}
	return []observation.Order{{Control: observation.NewOrder, Placer: "P1", Service: observation.Coding{Code: string(s.Actor.Institution)}}}, nil
}

// sendHL7 sends one message over a connection of its own and gives the answer.
func sendHL7(t *testing.T, address string, text string, set hl7.Charset) *hl7.Message {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	must(t, err)
	c := frames.NewClient(conn, frames.Options{})
	defer func() { _ = c.Close() }()
	raw, err := set.Encode(text)
	must(t, err)
	got, err := c.Exchange(t.Context(), raw, 20*time.Second, func([]byte) bool { return true })
	must(t, err)
	m, err := hl7.Parse(got, hl7.Options{})
	must(t, err)
	return m
}

func TestHL7Door(t *testing.T) {
	var taken takenHL7
	h := newHouse(t, func(d *Deps) { d.Options.HL7 = HL7{Accept: taken.accept, Orders: taken.orders} })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.mllp.Serve(ctx, l) }()
	t.Cleanup(func() { stop(); must(t, <-done) })
	address := l.Addr().String()
	for _, d := range []authz.Device{
		{Institution: storetest.Suwu, Name: "analyser", Link: "BC5380|LAB", Address: "127.0.0.1", Profile: authz.Profile{YAML: "charset: GB18030"}},
		{Institution: storetest.Dongba, Name: "HIS", Link: "東誠|东坝", Address: "127.0.0.0/8", Role: authz.HISRole},
		{Institution: storetest.Dongba, Name: "elsewhere", Link: "FAR|AWAY", Address: "10.0.0.1"},
	} {
		d.Protocol = authz.HL7
		_, err := h.Book.CreateDevice(t.Context(), system(), d)
		must(t, err)
	}
	result := func(sender string) string {
		return "MSH|^~\\&|" + sender + "|HUB|H|20260105||ORU^R01|1|P|2.3.1\rPID|1||X||弢^珅\rOBR|1|P|F|K\rOBX|1|NM|K||5|||||F\r"
	}
	order := func(sender string) string {
		return "MSH|^~\\&|" + sender + "|HUB|H|20260105||ORM^O01|2|P|2.4\rPID|1||X||弢\rORC|NW|P\rOBR|1|P||K\r"
	}
	query := func(barcode string) string {
		return "MSH|^~\\&|BC5380|LAB|HUB|H|20260105||QBP^Q11|3|P|2.5.1\rQPD|WOS|T1|" + barcode + "\r"
	}
	for _, x := range []struct {
		name, text string
		set        hl7.Charset
		want       string // MSA-1, ERR, OBR-4
	}{
		{"a result in the character set of the link", result("BC5380|LAB"), hl7.GB18030, "AA  "},
		{"a name with delimiters inside", result("東誠|东坝"), hl7.GB18030, "AA  "},
		{"a stranger", result("XXX|YYY"), hl7.UTF8, "AR 204 "},
		{"the name of another address", result("FAR|AWAY"), hl7.UTF8, "AR 204 "},
		{"an analyser that orders", order("BC5380|LAB"), hl7.GB18030, "AR 207 "},
		{"a hospital system that orders", order("東誠|东坝"), hl7.UTF8, "AA  "},
		{"a query", query("B1"), hl7.UTF8, "AA  " + string(storetest.Suwu)},
		{"a query for nothing", query("B9"), hl7.UTF8, "AA  "},
		{"no name, one of two with the address", result("|"), hl7.UTF8, "AR 204 "},
	} {
		t.Run(x.name, func(t *testing.T) {
			a := sendHL7(t, address, x.text, x.set)
			condition := a.Get("ERR", 3)
			if condition == "" {
				condition = a.Get("ERR", 1, 4)
			}
			if got := a.Get("MSA", 1) + " " + condition + " " + a.Get("OBR", 4); got != x.want {
				t.Errorf("%q, want %q: %s", got, x.want, a.Text)
			}
		})
	}
	want := []string{
		string(storetest.Suwu) + " ORU link setting 弢", string(storetest.Dongba) + " ORU fallback 弢", string(storetest.Dongba) + " ORM valid UTF-8 弢",
	}
	if diff := cmp.Diff(want, taken.all); diff != "" {
		t.Error(diff)
	}
	events, err := h.DB.Events(t.Context(), store.EventFilter{Limit: 100, Acts: []string{"access.refused"}})
	must(t, err)
	if len(events) != 4 || events[0].Detail["door"] != "mllp" || events[0].Detail["from"] != "127.0.0.1" {
		t.Errorf("refusals %+v", events)
	}
	if log := h.log.String(); strings.Contains(log, "弢") || strings.Contains(log, "B1") {
		t.Error("the log has content of messages")
	}
}
