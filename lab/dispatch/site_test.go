package dispatch

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lianzhen/lianzhen/codec/hl7"
	"github.com/lianzhen/lianzhen/codec/hl7/mllp"
	"github.com/lianzhen/lianzhen/lab"
	"github.com/lianzhen/lianzhen/lab/catalogue"
	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/lab/quality"
	"github.com/lianzhen/lianzhen/lab/specimen"
	"github.com/lianzhen/lianzhen/lab/v2"
	"github.com/lianzhen/lianzhen/reading"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

// site is a county with a laboratory centre and its desk of deliveries.
type site struct {
	*Desk
	t      testing.TB
	db     *store.DB
	centre *lab.Centre
	lis    record.Scope // of the township hospital's laboratory system
	admin  record.Scope // who manages its subscriptions
	doctor record.Scope // at another hospital, who may see its results
}

// quick are options under which a test need not wait. A lease ends after 1.6 seconds.
var quick = Options{
	Local: true, Poll: 20 * time.Millisecond, Dial: 400 * time.Millisecond, Answer: 400 * time.Millisecond, Lease: time.Second,
	Pauses: []time.Duration{10 * time.Millisecond, 30 * time.Millisecond},
}

func newSite(t testing.TB, db *store.DB, opt Options) *site {
	t.Helper()
	storetest.County(t, db)
	blobs := storetest.Dir(t)
	room := reading.NewRoom(db, blobs, reading.Options{})
	desks := lab.Desks{Catalogue: catalogue.New(db), Specimens: specimen.New(db, specimen.Options{}), Quality: quality.New(db, quality.Options{})}
	c := lab.New(db, blobs, room, desks, lab.Options{})
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	return &site{
		Desk: New(db, c, opt), t: t, db: db, centre: c,
		lis:    scopeOf(record.ActorKey, "lis", storetest.Suwu, storetest.Suwu),
		admin:  scopeOf(record.ActorUser, "admin", storetest.Suwu, storetest.Suwu),
		doctor: scopeOf(record.ActorUser, "wang", storetest.Dongba, storetest.Suwu, storetest.Dongba),
	}
}

func scopeOf(kind record.ActorKind, id string, at record.InstitutionID, reach ...record.InstitutionID) record.Scope {
	return record.Scope{Actor: record.Actor{Kind: kind, ID: id, Institution: at, Display: id}, Purpose: record.Treatment, Institutions: reach}
}

// run lets a desk work until the test ends or stop is called.
func (s *site) run(d *Desk) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(s.t.Context()))
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.Run(ctx, func(err error) { s.t.Errorf("desk: %v", err) })
	}()
	stop = func() { cancel(); <-done }
	s.t.Cleanup(stop)
	return stop
}

// take lets the centre take a final report: person, number, instant of the report, rows "value|status".
func (s *site) take(person, filler string, minute int, rows ...string) record.ExamID {
	s.t.Helper()
	at := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC).Add(time.Duration(minute) * time.Minute).Format("20060102150405-0700")
	lines := []string{
		"MSH|^~\\&|LIS|SUWU|LIANZHEN|MINQIN|" + at + "||ORU^R01^ORU_R01|" + fmt.Sprintf("%s-%d", filler, minute) + "|P|2.5.1||||||UNICODE UTF-8",
		"PID|1||" + person + "^^^SUWU^PI||赵秀英||19550304|F",
		"OBR|1|P" + filler + "|" + filler + "|24326-1^电解质^LN|||20261122073000+0800|||||||||||||||" + at + "|||F",
	}
	codes := []string{"2823-3^钾^LN", "2951-2^钠^LN", "2075-0^氯^LN"}
	for i, r := range rows {
		value, status, _ := strings.Cut(r, "|")
		lines = append(lines, fmt.Sprintf("OBX|%d|NM|%s||%s|mmol/L|3.5-5.3||||%s", i+1, codes[i], value, status))
	}
	st, err := s.centre.Accept(context.Background(), s.lis, lab.Source{
		Format: lab.HL7, Body: []byte(strings.Join(lines, "\r") + "\r"), Link: lab.Link{ID: "link-lis", Name: "LIS", Profile: "final: true\n"},
	})
	if err != nil {
		s.t.Fatalf("accept: %v", err)
	}
	return st.Reports[0].Report
}

func (s *site) subscribe(w Subscription) Subscription {
	s.t.Helper()
	w.Active = true
	if w.Name == "" {
		w.Name = "HIS"
	}
	made, _, err := s.Subscribe(s.t.Context(), s.admin, w)
	if err != nil {
		s.t.Fatal(err)
	}
	return made
}

// eventually waits until something holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for until := time.Now().Add(20 * time.Second); time.Now().Before(until); time.Sleep(5 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatalf("not in time: %s", what)
}

// outbox lists what a subscription has, in the order in which it happened.
func (s *site) outbox(id SubscriptionID) []Delivery {
	s.t.Helper()
	all, err := s.Deliveries(context.Background(), s.admin, Filter{Subscription: id, Limit: 1000})
	if err != nil {
		s.t.Fatal(err)
	}
	slices.SortFunc(all, func(a, b Delivery) int { return cmp.Compare(a.Seq, b.Seq) })
	return all
}

func (s *site) states(id SubscriptionID) string {
	var out []string
	for _, d := range s.outbox(id) {
		out = append(out, string(d.State))
	}
	return strings.Join(out, " ")
}

func (s *site) see(id SubscriptionID) Subscription {
	s.t.Helper()
	x, err := s.Subscription(context.Background(), s.admin, id)
	if err != nil {
		s.t.Fatal(err)
	}
	return x
}

// letter is a message as the hospital's system got it.
type letter struct {
	number, person, filler, content string // content: the rows
	answered                        string // what was answered
	body                            []byte
}

// hospital is the system of a hospital: it speaks MLLP, and answers as it is told.
type hospital struct {
	t       testing.TB
	address string
	answer  func(n int, x letter) string // "AA", "AE", "AR", "lost": no answer, "shut": closes, "other": to another message, "junk"

	mu      sync.Mutex
	l       net.Listener
	open    map[net.Conn]bool
	letters []letter
	inside  int
	most    int // messages in the air at once
	all     sync.WaitGroup
}

func newHospital(t testing.TB, answer func(n int, x letter) string) *hospital {
	t.Helper()
	h := &hospital{t: t, address: storetest.FreeAddr(t), answer: answer, open: map[net.Conn]bool{}}
	h.up()
	t.Cleanup(h.down)
	return h
}

func always(code string) func(int, letter) string { return func(int, letter) string { return code } }

func (h *hospital) up() {
	h.t.Helper()
	l, err := net.Listen("tcp", h.address)
	if err != nil {
		h.t.Fatal(err)
	}
	h.mu.Lock()
	h.l = l
	h.mu.Unlock()
	h.all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			h.mu.Lock()
			h.open[c] = true
			h.mu.Unlock()
			h.all.Go(func() { h.serve(c) })
		}
	})
}

func (h *hospital) down() {
	h.mu.Lock()
	if h.l != nil {
		_ = h.l.Close()
		h.l = nil
	}
	for c := range h.open {
		_ = c.Close()
	}
	h.mu.Unlock()
	h.all.Wait()
}

func (h *hospital) serve(c net.Conn) {
	defer func() {
		h.mu.Lock()
		delete(h.open, c)
		h.mu.Unlock()
		_ = c.Close()
	}()
	r := mllp.NewReader(c, mllp.Options{})
	for {
		f, err := r.Next()
		if err != nil {
			return
		}
		if !h.take(c, f.Message) {
			return
		}
	}
}

// take keeps a message and answers it; false ends the connection.
func (h *hospital) take(c net.Conn, raw []byte) bool {
	m, err := hl7.Parse(raw, hl7.Options{})
	if err != nil {
		h.t.Errorf("the hospital cannot read it: %v", err)
		return false
	}
	x := letter{number: m.Header().ControlID, person: m.Get("PID", 3, 1), filler: m.Get("OBR", 3), content: rowsOf(h.t, m), body: raw}
	h.mu.Lock()
	h.inside++
	h.most = max(h.most, h.inside)
	x.answered = h.answer(len(h.letters), x)
	h.letters = append(h.letters, x)
	h.mu.Unlock()
	defer func() {
		h.mu.Lock()
		h.inside--
		h.mu.Unlock()
	}()
	head := m.Header()
	switch x.answered {
	case "lost":
		return true
	case "shut":
		return false
	case "junk":
		return mllp.Write(c, []byte("hello"), time.Second) == nil
	case "other":
		head.ControlID = "ANOTHER"
		return mllp.Write(c, head.Acknowledge(hl7.Ack{Code: hl7.AA}, hl7.Reply{ControlID: "A1"}), time.Second) == nil
	}
	code, once := strings.CutSuffix(x.answered, " and shut")
	a := hl7.Ack{Code: hl7.AckCode(code)}
	if !a.Code.Positive() {
		a.Text = "no such patient 赵秀英"
		a.Problems = []hl7.Problem{{Place: "PID[1]-3", Code: hl7.UnknownKey, Text: "赵秀英"}}
	}
	return mllp.Write(c, head.Acknowledge(a, hl7.Reply{ControlID: "A1"}), time.Second) == nil && !once
}

// rowsOf reads the rows of a message: "2823-3=4.10/F".
func rowsOf(t testing.TB, m *hl7.Message) string {
	p, err := v2.ParseProfile(nil)
	if err != nil {
		t.Error(err)
		return ""
	}
	if m.Header().Type[0] != "ORU" {
		return m.Header().Type[0]
	}
	d, err := v2.Decode(m, p)
	if err != nil || len(d.Reports) != 1 {
		t.Errorf("the hospital cannot understand it: %d reports, %v", len(d.Reports), err)
		return ""
	}
	return rowsText(&d.Reports[0])
}

func rowsText(r *observation.Report) string {
	var out []string
	for i := range r.Results {
		x := &r.Results[i]
		out = append(out, x.Code.Code+"="+x.Value.String()+"/"+x.Status.Letter())
	}
	return strings.Join(out, " ")
}

// got are the contents that were taken, in order.
func (h *hospital) got() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []string
	for _, x := range h.letters {
		out = append(out, x.filler+":"+x.content)
	}
	return out
}

func (h *hospital) seen() []letter {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]letter(nil), h.letters...)
}
