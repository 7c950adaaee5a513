package lab

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

// said is one version of one row as its sender says it: a value of its own, so that every answer tells which version it is of.
type said struct {
	code, value, status string
	minute              int // of the report, by which versions follow each other
}

// rank orders the statuses of a sender at one instant.
var rank = map[string]int{"P": 2, "F": 3, "C": 4, "W": 5}

// older reports a version that may not stand where the other is known.
func (a said) older(b said) bool {
	return a.minute < b.minute || a.minute == b.minute && rank[a.status] < rank[b.status]
}

// opening is what somebody saw when they opened a report.
type opening struct {
	who  record.Scope
	saw  map[string]int // row -> version
	text string
}

// promise is a report under a rain of versions, over several servers on one database.
type promise struct {
	t       *testing.T
	bench   *bench
	centres []*Centre
	rnd     *rand.Rand
	report  record.ExamID
	patient record.PatientID

	mu       sync.Mutex
	sent     []said
	messages int
	openings []opening
}

func newPromise(t *testing.T, db *store.DB, blobs store.Blobs, seed uint64) *promise {
	t.Helper()
	b := newBench(t, db, blobs)
	p := &promise{t: t, bench: b, centres: []*Centre{b.Centre}, rnd: rand.New(rand.NewPCG(seed, 1))}
	for range 2 { // the other servers: nothing is shared but the stores
		c := New(db, blobs, b.room, b.desks, Options{})
		t.Cleanup(func() { _ = c.Close(context.Background()) })
		p.centres = append(p.centres, c)
	}
	return p
}

func (p *promise) centre() *Centre { return p.centres[p.rnd.IntN(len(p.centres))] }

var promised = []string{"2823-3^钾^LN", "2951-2^钠^LN"}

// next makes a version; sometimes one that was sent before, in a new message.
func (p *promise) next() said {
	if len(p.sent) > 0 && p.rnd.IntN(5) == 0 {
		return p.sent[p.rnd.IntN(len(p.sent))]
	}
	s := said{
		code: promised[p.rnd.IntN(len(promised))], status: []string{"P", "F", "F", "C", "W"}[p.rnd.IntN(5)], minute: p.rnd.IntN(6),
		value: fmt.Sprintf("4.1%04d", p.messages),
	}
	if s.status == "W" && p.rnd.IntN(2) == 0 { // senders repeat the value that they take back, or send none
		s.value = ""
		for _, x := range p.sent {
			if x.code == s.code && x.status != "W" {
				s.value = x.value
			}
		}
	}
	return s
}

// send sends a version in a message of its own, through one of the servers, and sometimes twice.
func (p *promise) send(c *Centre, s said, n int, twice bool) error {
	body := oru(fmt.Sprintf("PM%d", n), "F1", fmt.Sprintf("202611220900%02d+0800", s.minute), s.code+"|NM|"+s.value+"|mmol/L|3.5-5.3||"+s.status)
	st, err := c.Accept(p.t.Context(), p.bench.lis, Source{Format: HL7, Body: body, Link: finalLink})
	if err != nil {
		return err
	}
	p.mu.Lock()
	p.report, p.patient = st.Reports[0].Report, st.Reports[0].Patient
	p.mu.Unlock()
	if twice {
		again, err := c.Accept(p.t.Context(), p.bench.lis, Source{Format: HL7, Body: body, Link: finalLink})
		if err == nil && (!again.Already || again.Message != st.Message) {
			err = fmt.Errorf("sent twice it is another message")
		}
		return err
	}
	return nil
}

// open is somebody who has never looked before.
func (p *promise) open(c *Centre, n int) error {
	who := person(fmt.Sprintf("reader%d", n), "看报告的人", storetest.Suwu, []record.InstitutionID{storetest.Suwu})
	k, err := c.Get(p.t.Context(), who, p.report, Shown)
	if err != nil {
		return err
	}
	o := opening{who: who, saw: map[string]int{}, text: values(k)}
	for _, r := range k.Rows {
		o.saw[r.ID] = r.Version
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.openings = append(p.openings, o)
	return nil
}

func (p *promise) history() []Row {
	p.t.Helper()
	rows, err := p.bench.rows(p.t.Context(), p.bench.db, `x.report_id = $1 ORDER BY x.id, x.version`, []any{string(p.report)})
	if err != nil {
		p.t.Fatal(err)
	}
	return rows
}

// byRow are the versions of each row.
func (p *promise) byRow() map[string][]Row {
	out := map[string][]Row{}
	for _, r := range p.history() {
		out[r.ID] = append(out[r.ID], r)
	}
	return out
}

// check holds what was promised against what is kept.
func (p *promise) check(step string) {
	p.t.Helper()
	shown := map[string]string{} // analyte -> value
	for id, versions := range p.byRow() {
		var up, latest []Row
		numbers := map[int]bool{}
		for _, v := range versions {
			if v.Shown {
				up = append(up, v)
			}
			if v.Latest {
				latest = append(latest, v)
			}
			if numbers[v.Version] {
				p.t.Fatalf("%s: row %s has version %d twice", step, id, v.Version)
			}
			numbers[v.Version] = true
		}
		if len(up) > 1 || len(latest) != 1 {
			p.t.Fatalf("%s: row %s has %d versions in view and %d that count", step, id, len(up), len(latest))
		}
		if latest[0].Result.Status == observation.Withdrawn && len(up) > 0 {
			p.t.Fatalf("%s: row %s is withdrawn, and version %d in view", step, id, up[0].Version)
		}
		if len(up) == 1 {
			shown[up[0].Analyte] = up[0].Result.Value.String()
		}
		p.checkOrder(step, up, versions)
	}
	p.checkAnswers(step, shown)
	p.checkShared(step, shown)
	p.checkRecalls(step)
}

// sayingsOf finds what a kept version was when it was sent.
func (p *promise) sayingsOf(v Row) []said {
	var out []said
	for _, s := range p.sent {
		if strings.HasPrefix(s.code, v.Result.Code.Code+"^") && s.value == v.Result.Value.String() && s.minute == v.OrderedBy.Second() {
			out = append(out, s)
		}
	}
	return out
}

// checkOrder wants nothing newer beside what is in view, and nothing in view that the last word took back.
func (p *promise) checkOrder(step string, up, versions []Row) {
	p.t.Helper()
	if len(versions) == 0 {
		return
	}
	code := versions[0].Result.Code.Code + "^"
	var all []said
	for _, s := range p.sent {
		if strings.HasPrefix(s.code, code) {
			all = append(all, s)
		}
	}
	if len(up) == 0 {
		return
	}
	sayings := p.sayingsOf(up[0])
	if len(sayings) == 0 {
		p.t.Fatalf("%s: version %d in view, %s at %d, was never sent", step, up[0].Version, up[0].Result.Value, up[0].OrderedBy.Second())
	}
	for _, newer := range all {
		afterWithdrawal := newer.status == "P" && slices.ContainsFunc(all, func(w said) bool { return w.status == "W" && w.minute <= newer.minute })
		if afterWithdrawal { // what is measured again is shown when it is final
			continue
		}
		if !slices.ContainsFunc(sayings, func(s said) bool { return !s.older(newer) }) {
			p.t.Fatalf("%s: in view is %+v, although %+v is known", step, sayings, newer)
		}
	}
}

// checkAnswers looks for values in every answer: only those in view are there.
func (p *promise) checkAnswers(step string, shown map[string]string) {
	p.t.Helper()
	ctx, b := p.t.Context(), p.bench
	answers := map[string]string{}
	k, err := b.Get(ctx, b.lis, p.report, Shown)
	if err != nil {
		p.t.Fatal(err)
	}
	answers["get"] = fmt.Sprintf("%+v", k.Rows)
	for code, analyte := range map[string]string{promised[0]: "K", promised[1]: "NA"} {
		trend, err := b.Trend(ctx, b.lis, p.patient, analyte, time.Time{}, time.Time{})
		if err != nil {
			p.t.Fatal(err)
		}
		want := 0
		if shown[analyte] != "" {
			want = 1
		}
		if len(trend.Points) != want {
			p.t.Fatalf("%s: %d points of %s, want %d", step, len(trend.Points), code, want)
		}
		answers["trend of "+analyte] = fmt.Sprintf("%+v", trend.Points)
	}
	table, err := b.Cumulative(ctx, b.lis, p.patient, 10)
	if err != nil {
		p.t.Fatal(err)
	}
	answers["table"] = fmt.Sprintf("%+v", table)
	for _, format := range []string{"hl7v2", "csv"} {
		text, _, err := b.Export(ctx, b.lis, p.report, format)
		if err != nil {
			p.t.Fatal(err)
		}
		answers[format] = string(text)
	}
	draft, err := b.Draft(ctx, b.tech, p.report, "zh")
	if err != nil {
		p.t.Fatal(err)
	}
	answers["draft"] = draft.Findings + draft.Impression
	for name, text := range answers {
		for _, s := range p.sent {
			if s.value != "" && s.value != shown["K"] && s.value != shown["NA"] && strings.Contains(text, s.value) {
				p.t.Fatalf("%s: %s holds %s, in view are %v: %s", step, name, s.value, shown, text)
			}
		}
	}
	for analyte, value := range shown {
		if !strings.Contains(answers["get"], value) || !strings.Contains(answers["csv"], value) || !strings.Contains(answers["hl7v2"], value) {
			p.t.Fatalf("%s: %s %s is in view and not in an answer", step, analyte, value)
		}
	}
	work, err := b.Get(ctx, b.tech, p.report, Working)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, r := range work.Rows {
		if r.Result.Status == observation.Withdrawn && r.Result.Value.String() != "" {
			p.t.Fatalf("%s: the value of a withdrawn row: %s", step, r.Result.Value)
		}
	}
}

// checkShared compares the results that others may recognise with what is in view.
func (p *promise) checkShared(step string, shown map[string]string) {
	p.t.Helper()
	results, err := p.bench.db.ResultsOf(p.t.Context(), p.bench.lis, p.patient, time.Time{})
	if err != nil {
		p.t.Fatal(err)
	}
	known := map[string]record.ResultStatus{}
	for _, r := range results {
		if _, twice := known[r.Exam.Procedure]; twice {
			p.t.Fatalf("%s: %s is shared twice", step, r.Exam.Procedure)
		}
		known[r.Exam.Procedure] = r.Status
	}
	for item, analyte := range map[string]string{"LAB.K": "K", "LAB.NA": "NA"} {
		status, there := known[item]
		if up := shown[analyte] != ""; up && (!there || status == record.Withdrawn) || !up && there && status != record.Withdrawn {
			p.t.Fatalf("%s: %s is shared as %q, in view: %q", step, item, status, shown[analyte])
		}
	}
}

// checkRecalls wants every reader told once of each version that they saw and that no longer stands.
func (p *promise) checkRecalls(step string) {
	p.t.Helper()
	up := map[string]int{}
	for _, r := range p.history() {
		if r.Shown {
			up[r.ID] = r.Version
		}
	}
	all, err := p.bench.Recalls(p.t.Context(), p.bench.lis, true, "", 10_000)
	if err != nil {
		p.t.Fatal(err)
	}
	told := map[string]int{} // reader, row, version
	for _, r := range all {
		for _, s := range r.Rows {
			told[fmt.Sprint(r.Reader.ID, s.Row, s.Version)]++
		}
	}
	for key, n := range told {
		if n > 1 {
			p.t.Fatalf("%s: recalled %d times: %s", step, n, key)
		}
	}
	for _, o := range p.openings {
		for row, version := range o.saw {
			n := told[fmt.Sprint(o.who.Actor.ID, row, version)]
			if stands := up[row] == version; stands && n != 0 || !stands && n != 1 {
				p.t.Fatalf("%s: %s saw version %d (%s), in view is %d: recalled %d times", step, o.who.Actor.ID, version, o.text, up[row], n)
			}
		}
	}
}

func TestWhatIsInViewIsTheLastWordInWhateverOrderItCame(t *testing.T) {
	seeds, steps := 12, 25
	if testing.Short() {
		seeds = 3
	}
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		b := storetest.Dir(t)
		for seed := range seeds {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				p := newPromise(t, freshLike(t, db), b, uint64(seed))
				for step := range steps {
					s := p.next()
					p.messages++
					p.sent = append(p.sent, s)
					if err := p.send(p.centre(), s, p.messages, p.rnd.IntN(4) == 0); err != nil {
						t.Fatal(err)
					}
					p.check(fmt.Sprintf("step %d, %+v", step, s))
					if p.rnd.IntN(2) == 0 {
						if err := p.open(p.centre(), step); err != nil {
							t.Fatal(err)
						}
					}
				}
			})
		}
	})
}

// freshLike opens another database of the same kind.
func freshLike(t *testing.T, db *store.DB) *store.DB {
	t.Helper()
	if db.Dialect() == "sqlite" {
		return storetest.SQLite(t)
	}
	return storetest.Postgres(t)
}

func TestManyServersAndReadersAtOnce(t *testing.T) {
	seeds, rounds := 4, 8
	if testing.Short() {
		seeds = 1
	}
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		b := storetest.Dir(t)
		for seed := range seeds {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				p := newPromise(t, freshLike(t, db), b, uint64(100+seed))
				for round := range rounds {
					var all sync.WaitGroup
					first := len(p.sent)
					for range 6 {
						s := p.next()
						p.messages++
						n, c := p.messages, p.centre()
						p.sent = append(p.sent, s)
						all.Go(func() {
							if err := p.send(c, s, n, n%3 == 0); err != nil {
								t.Error(err)
							}
						})
						if round > 0 {
							c := p.centre()
							all.Go(func() {
								if err := p.open(c, n); err != nil {
									t.Error(err)
								}
							})
						}
					}
					all.Wait()
					p.check(fmt.Sprintf("round %d, %+v", round, p.sent[first:]))
				}
			})
		}
	})
}
