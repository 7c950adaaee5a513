package imaging

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/dicom/phantom"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

var (
	surnames = []rune("王李张刘陈杨黄赵周吴徐孙马朱胡郭何林高罗")
	givens   = []rune("伟芳娜秀英敏静丽强磊军洋勇艳杰娟涛明超兰霞平刚桂")
)

// fill indexes n studies of one instance each, without bytes, and tells what the last thousand cost.
func fill(b *testing.B, l *lab, from, n int) time.Duration {
	b.Helper()
	place, err := l.siteOf(b.Context(), l.tech)
	if err != nil {
		b.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(1, uint64(from)))
	meta := make([]byte, 1200)
	var last time.Duration
	for done := 0; done < n; done += 1000 {
		start := time.Now()
		err := l.db.Tx(b.Context(), func(tx *store.Tx) error {
			for i := range min(1000, n-done) {
				a := synthetic(rnd, place, from+done+i)
				a.scope, a.meta, a.frames = l.tech, meta, []byte{framesNone}
				errs := make([]error, 1)
				if err := l.index(b.Context(), tx, []packed{{Item: a, Key: "k/" + string(a.id), Length: 1}}, errs); err != nil || errs[0] != nil {
					return errors.Join(err, errs[0])
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
		last = time.Since(start)
	}
	return last / 1000
}

// ctCost indexes five studies of 200 instances, each in packs of 32 as they come from a stream, and gives the median cost of an
// instance.
func (l *lab) ctCost(b *testing.B, at int) time.Duration {
	b.Helper()
	place, err := l.siteOf(b.Context(), l.tech)
	if err != nil {
		b.Fatal(err)
	}
	var took []time.Duration
	for k := range 5 {
		first := synthetic(rand.New(rand.NewPCG(2, uint64(at+k))), place, 10_000_000+at+k)
		start := time.Now()
		var items []packed
		for i := range 200 {
			a := *first
			a.scope, a.meta, a.frames = l.tech, make([]byte, 1200), []byte{framesNone}
			a.facts.sop = dicom.UID(fmt.Sprintf("%s.%d", first.facts.sop, i))
			a.id, a.sha256 = instanceID(place.institution, a.facts.sop), fmt.Sprintf("%064x", a.facts.sop)[:64]
			items = append(items, packed{Item: &a, Key: "k/" + string(a.id), Length: 1})
		}
		for part := range slices.Chunk(items, 32) {
			if err := errors.Join(l.commit(b.Context(), part)...); err != nil {
				b.Fatal(err)
			}
		}
		took = append(took, time.Since(start)/200)
	}
	slices.Sort(took)
	return took[len(took)/2]
}

func synthetic(rnd *rand.Rand, place site, n int) *arrival {
	name := string([]rune{surnames[rnd.IntN(len(surnames))], givens[rnd.IntN(len(givens))], givens[rnd.IntN(len(givens))]})
	day := time.Date(2023, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, rnd.IntN(1200))
	uid := dicom.UID(fmt.Sprintf("1.2.826.0.1.%d", n))
	a := &arrival{site: place, header: dicom.NewDataSet(), size: 1, sha256: fmt.Sprintf("%064x", n), facts: facts{
		who: record.Demographics{
			Issuer: place.institution, LocalID: record.Personal(fmt.Sprintf("P%07d", n)), Name: record.Personal(name),
			BirthDate: record.Date{Year: 1940 + rnd.IntN(70), Month: time.Month(1 + rnd.IntN(12)), Day: 1 + rnd.IntN(28)}, Sex: record.Male,
		},
		study: uid, series: uid + ".1", sop: uid + ".1.1", modality: []string{"CT", "DX", "US", "MR"}[rnd.IntN(4)],
		studyDate: day.Format(time.DateOnly), accession: fmt.Sprintf("A%07d", n), performedAt: day,
	}}
	a.id, a.study = instanceID(place.institution, a.facts.sop), studyID(place.institution, a.facts.study)
	return a
}

func (l *lab) latency(b *testing.B, name string, query func(i int) StudyQuery) {
	b.Run(name, func(b *testing.B) {
		var took []time.Duration
		for i := 0; b.Loop(); i++ {
			q := query(i)
			q.Limit = 25
			start := time.Now()
			text, args, err := l.studySQL(l.all(), studyFilter{StudyQuery: q, name: parseName(q.Name)}, studyColumns)
			if err == nil {
				err = l.drain(b.Context(), text, args)
			}
			if err != nil {
				b.Fatal(err)
			}
			took = append(took, time.Since(start))
		}
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
		b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
	})
}

func (l *lab) all() record.Scope {
	s := l.tech
	s.All = true
	return s
}

func (l *lab) drain(ctx context.Context, text string, args []any) error {
	rows, err := l.db.Query(ctx, text, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if _, err := scanStudy(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// BenchmarkIndex fills an index to 100,000 studies, tells what an object costs at 1,000, 10,000 and 100,000, and asks it.
// -bench Index/sqlite or Index/postgres.
func BenchmarkIndex(b *testing.B) {
	for name, open := range map[string]func(testing.TB) *store.DB{"sqlite": storetest.SQLite, "postgres": storetest.Postgres} {
		b.Run(name, func(b *testing.B) {
			l := newLab(b, open(b), storetest.Dir(b))
			for _, step := range []struct{ at, n int }{{0, 1000}, {1000, 9000}, {10_000, 90_000}} {
				per := fill(b, l, step.at, step.n)
				b.Logf("%s: at %d studies one more study of one instance costs %v in the index, an instance of a CT of 200 costs %v",
					name, step.at+step.n, per, l.ctCost(b, step.at+step.n))
			}
			l.latency(b, "by patient number", func(i int) StudyQuery { return StudyQuery{LocalNumber: fmt.Sprintf("P%07d", i*7919%100_000)} })
			l.latency(b, "by month and modality", func(i int) StudyQuery {
				from := time.Date(2023, 1+time.Month(i%36), 1, 0, 0, 0, 0, time.UTC)
				return StudyQuery{From: from.Format(time.DateOnly), To: from.AddDate(0, 1, -1).Format(time.DateOnly), Modalities: []string{"MR"}}
			})
			l.latency(b, "by surname", func(i int) StudyQuery { return StudyQuery{Name: string(surnames[i%len(surnames)])} })
			l.latency(b, "by name prefix of two", func(i int) StudyQuery {
				return StudyQuery{Name: string([]rune{surnames[i%len(surnames)], givens[i%len(givens)]})}
			})
			l.latency(b, "by pinyin prefix", func(i int) StudyQuery { return StudyQuery{Name: []string{"wang", "zhangw", "li", "chenxi"}[i%4]} })
			l.latency(b, "by substring", func(i int) StudyQuery { return StudyQuery{Name: "*" + string(givens[i%len(givens)]) + "*"} })
		})
	}
}

// BenchmarkAccept takes CT slices of 512 KiB one by one and from 16 senders at once, durable and indexed.
func BenchmarkAccept(b *testing.B) {
	for _, senders := range []int{1, 16} {
		b.Run(fmt.Sprintf("senders=%d", senders), func(b *testing.B) {
			l := newLab(b, storetest.SQLite(b), storetest.Dir(b))
			var objects [][]byte
			spec := phantom.Spec{Kind: phantom.CTChest, Patient: wang}
			for k := 0; k < b.N; k += 200 {
				spec.Seed, spec.Count = uint64(1000+k), min(200, b.N-k)
				for _, write := range phantom.Study(spec) {
					w := &sliceWriter{}
					if err := write(w); err != nil {
						b.Fatal(err)
					}
					objects = append(objects, w.b)
				}
			}
			b.SetBytes(int64(len(objects[0])))
			b.ReportAllocs()
			b.ResetTimer()
			work := make(chan []byte)
			errs := make(chan error, senders)
			for range senders {
				go func() {
					var failed error
					for o := range work {
						if _, err := l.Accept(context.Background(), l.tech, source(o)); err != nil {
							failed = err
						}
					}
					errs <- failed
				}()
			}
			for _, o := range objects {
				work <- o
			}
			close(work)
			for range senders {
				if err := <-errs; err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

type sliceWriter struct{ b []byte }

func (w *sliceWriter) Write(p []byte) (int, error) {
	w.b = append(w.b, p...)
	return len(p), nil
}
