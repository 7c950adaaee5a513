// The bad days of a laboratory: the server killed while laboratory systems and an analyser send, answers that never arrive, messages twice, late and in
// the wrong order, two servers at once. What was acknowledged is there afterwards, once, with its alarms once.

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lianzhen/lianzhen/authz"
	"github.com/lianzhen/lianzhen/codec/astm"
	"github.com/lianzhen/lianzhen/codec/hl7/mllp"
	"github.com/lianzhen/lianzhen/lab"
	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

// The links of the bad days: a laboratory system that stands for its results, one whose results persons validate, an analyser.
const (
	standing  = "LIS"
	validated = "BS"
	analysing = "XN-550"
)

func labDatabase(t testing.TB, data, database string) (*store.DB, *store.Keys) {
	t.Helper()
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
	return db, keys
}

// seedLab makes the county, its links, and a key of who looks.
func seedLab(t testing.TB, data, database string) (key string) {
	t.Helper()
	seed(t, data, database)
	db, keys := labDatabase(t, data, database)
	defer func() { _ = db.Close() }()
	s := record.Scope{All: true, Actor: record.Actor{Kind: record.ActorSystem, ID: "test", Institution: authz.Root}}
	book := authz.NewBook(db, keys)
	book.CheckProfiles(func(p authz.Protocol, text string) error { return lab.CheckProfile(labFormat[p], text) })
	for _, d := range []authz.Device{
		{Protocol: authz.HL7, Link: standing + "|SUWU", Profile: authz.Profile{YAML: "final: true\n"}},
		{Protocol: authz.HL7, Link: validated + "|SUWU"},
		{Protocol: authz.ASTM, Link: analysing, Profile: authz.Profile{YAML: "profile: badday\nbased_on: sysmex-xn\n"}},
	} {
		d.Institution, d.Name, d.Address, d.Active = storetest.Suwu, d.Link, "127.0.0.1", true
		if _, err := book.CreateDevice(t.Context(), s, d); err != nil {
			t.Fatal(err)
		}
	}
	_, key, err := book.CreateKey(t.Context(), s, authz.APIKey{Name: "looks", Institution: storetest.Suwu, Scopes: []string{"lab:read", "lab:write", "reading:read"}})
	if err != nil {
		t.Fatal(err)
	}
	return key
}

var labFormat = map[authz.Protocol]lab.Format{authz.HL7: lab.HL7, authz.ASTM: lab.ASTM}

// tubeMessage is a message of results; each is of a report of its own.
type tubeMessage struct {
	filler   string // by which its report is found; of an analyser the barcode
	body     []byte
	rows     int
	critical bool
}

func stampAt(minute int) string {
	return time.Date(2026, 3, 5, 9, minute, 0, 0, time.UTC).Format("20060102150405-0700")
}

// hl7Message is a potassium and a sodium of a person.
func hl7Message(sender, control, filler, potassium, status string, minute int) tubeMessage {
	body := "MSH|^~\\&|" + sender + "|SUWU|LIANZHEN|MINQIN|" + stampAt(minute) + "||ORU^R01^ORU_R01|" + control + "|P|2.5.1||||||UNICODE UTF-8\r" +
		"PID|1||" + filler + "^^^SUWU^PI||测试^" + filler + "||19550304|F\r" +
		"OBR|1||" + filler + "|ELEC^电解质^L|||" + stampAt(0) + "|||||||||||||||" + stampAt(minute) + "\r" +
		"OBX|1|NM|2823-3^钾^LN||" + potassium + "|mmol/L|3.5-5.3||||" + status + "\r" +
		"OBX|2|NM|2951-2^钠^LN||139|mmol/L|137-147||||" + status + "\r"
	return tubeMessage{filler: filler, body: []byte(body), rows: 2, critical: potassium > "7"}
}

func astmMessage(n int) tubeMessage {
	barcode := fmt.Sprintf("A%07d", n)
	body := `H|\^&|||` + analysing + "^00-01^11111^^^^XN550||||||||E1394-97\rP|1|||" + barcode + "|测试^" + barcode + "||19550304|F\r" +
		"O|1||^^" + barcode + "^B|||||||N||||||||||||||F\r" +
		"R|1|^^^^WBC^1|6.25|10*9/L||N||F||||20260305093000\rR|2|^^^^HGB^1|136|g/L||N||F||||20260305093000\rL|1|N\r"
	return tubeMessage{filler: barcode, body: []byte(body), rows: 2}
}

// sendMLLP sends a message over a connection of its own and gives MSA-1; "" is no answer. deaf cuts the connection before the answer is read.
func sendMLLP(ctx context.Context, address string, m tubeMessage, deaf bool) string {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return ""
	}
	c := mllp.NewClient(conn, mllp.Options{})
	defer func() { _ = c.Close() }()
	if deaf {
		_ = mllp.Write(conn, m.body, time.Second)
		time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond)
		return ""
	}
	return answerOf(ctx, c, m)
}

func answerOf(ctx context.Context, c *mllp.Client, m tubeMessage) string {
	control := bytes.Split(m.body, []byte("|"))[9]
	answer, err := c.Exchange(ctx, m.body, 20*time.Second, func(frame []byte) bool { return bytes.Contains(frame, append([]byte("|"), control...)) })
	if err != nil {
		return ""
	}
	_, code, _ := bytes.Cut(answer, []byte("\rMSA|"))
	return string(code[:min(2, len(code))])
}

// sendingSystem is one sender through all lives of the server: it sends its messages in turn, and each until it is acknowledged.
type sendingSystem struct {
	next    func(n int) tubeMessage
	n       int
	pending *tubeMessage
	acked   []tubeMessage
	sent    int
	again   int // messages that were sent more than once
}

// message is the next one to send.
func (s *sendingSystem) message() tubeMessage {
	if s.pending == nil {
		m := s.next(s.n)
		s.n++
		s.pending = &m
	} else {
		s.again++
	}
	s.sent++
	return *s.pending
}

func (s *sendingSystem) acknowledged() {
	s.acked = append(s.acked, *s.pending)
	s.pending = nil
}

// hl7 sends over one connection until the server is gone. Sometimes it hangs up without having heard the answer.
func (s *sendingSystem) hl7(ctx context.Context, t testing.TB, address string) {
	for ctx.Err() == nil {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return
		}
		c := mllp.NewClient(conn, mllp.Options{})
		for ctx.Err() == nil {
			m := s.message()
			if rand.IntN(40) == 0 {
				_ = mllp.Write(conn, m.body, time.Second)
				break
			}
			code := answerOf(ctx, c, m)
			if code == "" {
				break
			}
			if code == "AA" {
				s.acknowledged()
			} else if code != "AE" && code != "AR" || ctx.Err() == nil {
				t.Errorf("answered %s", code)
				break
			}
		}
		_ = c.Close()
	}
}

// astm sends as an analyser does.
func (s *sendingSystem) astm(ctx context.Context, address string) {
	for ctx.Err() == nil {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return
		}
		line := astm.NewLink(conn, astm.Options{Role: astm.Instrument}, func(context.Context, []byte) error { return nil })
		running, stop := context.WithCancel(ctx)
		ended := make(chan error, 1)
		go func() { ended <- line.Run(running) }()
		for ctx.Err() == nil {
			if line.Send(running, s.message().body) != nil {
				break
			}
			s.acknowledged()
		}
		stop()
		_ = conn.Close()
		<-ended
	}
}

// TestNoAcknowledgedResultIsLostOrDoubledWhenTheServerIsKilledTwoHundredTimes has four laboratory systems and an analyser send while it happens.
func TestNoAcknowledgedResultIsLostOrDoubledWhenTheServerIsKilledTwoHundredTimes(t *testing.T) {
	rounds := 200
	if testing.Short() {
		rounds = 5
	}
	data := t.TempDir()
	key := seedLab(t, data, "")
	s := serve(t, data)
	senders := make([]*sendingSystem, 5)
	for w := range 4 {
		senders[w] = &sendingSystem{next: func(n int) tubeMessage {
			potassium := "4.10"
			if n%5 == 0 {
				potassium = "7.20"
			}
			return hl7Message([]string{standing, validated}[w%2], fmt.Sprintf("C%d-%d", w, n), fmt.Sprintf("F%d-%d", w, n), potassium, "F", 1)
		}}
	}
	senders[4] = &sendingSystem{next: astmMessage}
	total := func() (acked, sent, again int) {
		for _, x := range senders {
			acked, sent, again = acked+len(x.acked), sent+x.sent, again+x.again
		}
		return acked, sent, again
	}
	for round := range rounds {
		if round > 0 {
			s.start(t)
		}
		ctx, stop := context.WithCancel(t.Context())
		var g sync.WaitGroup
		for w, x := range senders {
			g.Go(func() {
				if w == 4 {
					x.astm(ctx, s.astm)
				} else {
					x.hl7(ctx, t, s.mllp)
				}
			})
		}
		time.Sleep(time.Duration(40+rand.IntN(260)) * time.Millisecond)
		s.kill()
		stop()
		g.Wait()
		if t.Failed() {
			t.Fatalf("round %d\n%s", round, s.log)
		}
	}
	acked, sent, again := total()
	if acked == 0 || again == 0 {
		t.Errorf("%d messages acknowledged, %d sent again: no kill fell among them", acked, again)
	}
	s.sound(t)
	wantOnce(t, data, senders)
	s.start(t)
	c := dial(t, s.grpc, key)
	for _, x := range senders { // what was not acknowledged is sent until it is
		if len(x.acked) == 0 {
			t.Error("a sender was never acknowledged")
			continue
		}
		c.wantReport(t, x.acked[len(x.acked)-1])
	}
	for w, x := range senders[:4] {
		if x.pending != nil && sendMLLP(t.Context(), s.mllp, *x.pending, false) != "AA" {
			t.Errorf("sender %d: sent again it is not taken", w)
		} else if x.pending != nil {
			x.acknowledged()
		}
	}
	s.kill()
	wantOnce(t, data, senders)
	t.Logf("%d kills: %d messages sent, %d of them again, %d acknowledged, none lost, none doubled", rounds, sent, again, acked)
}

// keptReport is a report as it lies in the database.
type keptReport struct {
	filler                                      string
	rows, versions, latest, cases, alarms, once int
}

// wantOnce looks for every acknowledged message in the database: one report, each row once, one case and one alarm where there must be.
func wantOnce(t testing.TB, data string, senders []*sendingSystem) {
	t.Helper()
	db, _ := labDatabase(t, data, "")
	defer func() { _ = db.Close() }()
	all, err := store.List(t.Context(), db, `SELECT CASE WHEN r.filler <> '' THEN r.filler ELSE r.barcode END,
		(SELECT COUNT(DISTINCT x.id) FROM lab_results x WHERE x.report_id = r.id), (SELECT COUNT(*) FROM lab_results x WHERE x.report_id = r.id),
		(SELECT COUNT(*) FROM lab_results x WHERE x.report_id = r.id AND x.latest = 1), (SELECT COUNT(*) FROM cases c WHERE c.exam_id = r.id),
		(SELECT COUNT(*) FROM critical_values v JOIN cases c ON c.id = v.case_id WHERE c.exam_id = r.id), 1 FROM lab_reports r`, nil,
		func(k *keptReport) []any {
			return []any{&k.filler, &k.rows, &k.versions, &k.latest, &k.cases, &k.alarms, &k.once}
		})
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]keptReport{}
	for _, k := range all {
		if _, twice := found[k.filler]; twice {
			t.Errorf("%s: two reports", k.filler)
		}
		found[k.filler] = k
	}
	bad := 0
	for w, x := range senders {
		for _, m := range x.acked {
			want := keptReport{filler: m.filler, rows: m.rows, versions: m.rows, latest: m.rows, once: 1}
			if m.critical || w%2 == 1 || w == 4 {
				want.cases = 1
			}
			if m.critical && w%2 == 0 { // where persons validate it is told when they have, or after a while
				want.alarms = 1
			}
			if got := found[m.filler]; got != want {
				if bad++; bad <= 5 {
					t.Errorf("sender %d: %+v, want %+v", w, got, want)
				}
			}
		}
	}
	if bad > 0 {
		t.Errorf("%d messages are not as they were acknowledged", bad)
	}
	refused, err := store.List(t.Context(), db, `SELECT reason FROM lab_quarantine`, nil, func(r *string) []any { return []any{r} })
	if err != nil || len(refused) > 0 {
		t.Errorf("refused: %v %v", refused, err)
	}
}

// wantReport reads a report through the door.
func (c *client) wantReport(t testing.TB, m tubeMessage) *pb.LabReport {
	t.Helper()
	labs := pb.NewLabServiceClient(c.conn)
	req := &pb.SearchLabReportsRequest{FillerNumber: m.filler}
	if strings.HasPrefix(m.filler, "A") {
		req = &pb.SearchLabReportsRequest{Barcode: m.filler}
	}
	found, err := labs.SearchLabReports(c.ctx(t.Context()), req)
	if err != nil {
		t.Fatal(err)
	}
	if len(found.GetReports()) != 1 {
		t.Fatalf("%s: %d reports", m.filler, len(found.GetReports()))
	}
	k, err := labs.GetLabReport(c.ctx(t.Context()), &pb.GetLabReportRequest{ReportId: found.GetReports()[0].GetReportId(), View: pb.LabView_LAB_VIEW_HISTORY})
	if err != nil {
		t.Fatal(err)
	}
	if len(k.GetRows()) < m.rows {
		t.Fatalf("%s: %d rows", m.filler, len(k.GetRows()))
	}
	return k
}

// deliver sends a message until it is answered, over a line that breaks every now and then.
func deliver(t testing.TB, address string, m tubeMessage, deafness int) string {
	t.Helper()
	for range 50 {
		if code := sendMLLP(t.Context(), address, m, rand.IntN(100) < deafness); code != "" {
			return code
		}
	}
	t.Errorf("%s is never answered", m.filler)
	return ""
}

// shownOf is the potassium in view of a report, and how many versions of it there are.
func shownOf(k *pb.LabReport) (value string, versions int) {
	for _, r := range k.GetRows() {
		if r.GetAnalyte() != "K" {
			continue
		}
		versions++
		if r.GetShown() {
			value += r.GetValue()
		}
	}
	return value, versions
}

func TestALineThatLosesAnswersRepeatsAndReordersMessagesHarmsNothing(t *testing.T) {
	data := t.TempDir()
	key := seedLab(t, data, "")
	s := serve(t, data)
	c := dial(t, s.grpc, key)
	const reports = 12
	var g sync.WaitGroup
	for r := range reports {
		filler := fmt.Sprintf("R%d", r)
		say := func(version int, potassium, status string, minute int) tubeMessage {
			return hl7Message(standing, fmt.Sprintf("%s-%d", filler, version), filler, potassium, status, minute)
		}
		all := []tubeMessage{say(1, "4.11", "P", 1), say(2, "4.12", "F", 2), say(3, "4.13", "C", 3)}
		for range 4 { // late, in any order, and again
			all = append(all, all[rand.IntN(3)])
		}
		rand.Shuffle(len(all), func(i, k int) { all[i], all[k] = all[k], all[i] })
		if r == 0 { // the correction before what it corrects
			all = append([]tubeMessage{say(3, "4.13", "C", 3)}, all...)
		}
		g.Go(func() {
			for _, m := range all {
				if code := deliver(t, s.mllp, m, 30); code != "AA" {
					t.Errorf("%s: answered %s", filler, code)
				}
			}
		})
	}
	g.Wait()
	for r := range reports {
		k := c.wantReport(t, tubeMessage{filler: fmt.Sprintf("R%d", r), rows: 2})
		if value, versions := shownOf(k); value != "4.13" || versions != 3 {
			t.Errorf("R%d: in view is %q of %d versions", r, value, versions)
		}
	}

	// A control id that was used before: the message is refused and kept for a person, and what was there stays.
	reused := hl7Message(standing, "R1-3", "R1", "9.99", "C", 30)
	for range 3 { // its sender goes on trying: it is one entry
		if code := deliver(t, s.mllp, reused, 0); code != "AR" && code != "AE" {
			t.Errorf("a control id that was used before is answered %s", code)
		}
	}
	if value, _ := shownOf(c.wantReport(t, tubeMessage{filler: "R1", rows: 2})); value != "4.13" {
		t.Errorf("in view is %s", value)
	}
	db, _ := labDatabase(t, data, "")
	defer func() { _ = db.Close() }()
	refused, err := store.List(t.Context(), db, `SELECT reason FROM lab_quarantine`, nil, func(r *string) []any { return []any{r} })
	if err != nil || len(refused) != 1 {
		t.Errorf("%d messages wait for a person, %v", len(refused), err)
	}

	// A line that only flaps: connections that say nothing, half a frame, or garbage.
	for i := range 40 {
		conn, err := net.Dial("tcp", s.mllp)
		if err != nil {
			t.Fatal(err)
		}
		switch i % 4 {
		case 1:
			_, _ = conn.Write(append([]byte{0x0b}, reused.body[:100]...))
		case 2:
			_, _ = conn.Write([]byte("GET / HTTP/1.1\r\n\r\n"))
		case 3:
			_, _ = conn.Write([]byte{0x0b, 0x1c, 0x0d})
		}
		_ = conn.Close()
	}
	if code := deliver(t, s.mllp, hl7Message(standing, "after", "after", "4.10", "F", 1), 0); code != "AA" {
		t.Errorf("after a line that flaps a message is answered %q", code)
	}
	c.wantReport(t, tubeMessage{filler: "after", rows: 2})
	s.kill() // its log is whole then
	for _, personal := range []string{"测试", "4.13", "9.99"} {
		if strings.Contains(s.log.String(), personal) {
			t.Errorf("the log holds %s", personal)
		}
	}
	s.sound(t)
}

func TestTwoServersTakeTheSameMessagesAtOnce(t *testing.T) {
	m := startMinio(t)
	database := storetest.PostgresURL(t)
	data := t.TempDir()
	key := seedLab(t, data, database)
	other := t.TempDir()
	if err := os.CopyFS(filepath.Join(other, "keys"), os.DirFS(filepath.Join(data, "keys"))); err != nil {
		t.Fatal(err)
	}
	env := append(m.env(), "LIANZHEN_DATABASE_URL="+database)
	one, two := serve(t, data, env...), serve(t, other, env...)
	const messages = 60
	var all []tubeMessage
	for n := range messages {
		potassium := "4.10"
		if n%3 == 0 {
			potassium = "7.20"
		}
		all = append(all, hl7Message(standing, fmt.Sprintf("C%d", n), fmt.Sprintf("F%d", n), potassium, "F", 1))
	}
	var g sync.WaitGroup
	for _, s := range []*served{one, two, one, two} {
		order := rand.Perm(messages)
		g.Go(func() {
			for _, n := range order[:messages/2] {
				if code := deliver(t, s.mllp, all[n], 10); code != "AA" {
					t.Errorf("F%d: answered %s", n, code)
				}
			}
		})
		g.Go(func() { // the same in one order, so that both servers have them in hand at once
			for n := range messages {
				if code := deliver(t, s.mllp, all[n], 0); code != "AA" {
					t.Errorf("F%d: answered %s", n, code)
				}
			}
		})
	}
	g.Wait()
	a, b := dial(t, one.grpc, key), dial(t, two.grpc, key)
	for n, m := range all {
		x, y := a.wantReport(t, m), b.wantReport(t, m)
		if x.GetReportId() != y.GetReportId() || len(x.GetRows()) != m.rows || len(y.GetRows()) != m.rows {
			t.Errorf("F%d: %d and %d rows", n, len(x.GetRows()), len(y.GetRows()))
		}
		if !m.critical {
			continue
		}
		raised, err := pb.NewReadingServiceClient(b.conn).ListCriticalValues(b.ctx(t.Context()), &pb.ListCriticalValuesRequest{CaseId: x.GetCaseId()})
		if err != nil || len(raised.GetCriticalValues()) != 1 {
			t.Errorf("F%d: %d alarms, %v", n, len(raised.GetCriticalValues()), errors.Join(err))
		}
	}
	two.sound(t)
}
