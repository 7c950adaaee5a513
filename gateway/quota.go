// How much one caller may ask: calls, calls at once, sign-ins by address, searches by people, look-ups of patients that
// are not there.

package gateway

import (
	"sync"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/lianzhen/lianzhen/record"
)

// Rate is N in every Per; N may come at once.
type Rate struct {
	N   int
	Per time.Duration
}

// Quota bounds one caller; the zero value of each means its default.
type Quota struct {
	Calls    Rate // default 2000 a second
	SignIns  Rate // that failed, of one address: default 10 a minute
	Searches Rate // of one person, programs are bound by Calls: default 120 a minute
	Misses   Rate // patients asked for that are not there: default 50 in ten minutes
	Together int  // calls and streams at once: default 256
}

func (q Quota) filled() Quota {
	for _, r := range []struct {
		rate *Rate
		d    Rate
	}{
		{&q.Calls, Rate{2000, time.Second}},
		{&q.SignIns, Rate{10, time.Minute}},
		{&q.Searches, Rate{120, time.Minute}},
		{&q.Misses, Rate{50, 10 * time.Minute}},
	} {
		if r.rate.N == 0 {
			*r.rate = r.d
		}
	}
	q.Together = orDefault(q.Together, 256)
	return q
}

// refusalRate bounds the events about one caller's refusals, refusalTotal those of all callers.
var (
	refusalRate  = Rate{10, time.Minute}
	refusalTotal = Rate{300, time.Minute}
)

// bucket is a token bucket.
type bucket struct {
	tokens  float64
	at      time.Time
	skipped int
}

// buckets are the buckets of all callers for one bound.
type buckets struct {
	mu   sync.Mutex
	rate Rate
	of   map[string]*bucket
}

// maxBuckets is where full buckets are thrown away: they say nothing.
const maxBuckets = 10000

func newBuckets(r Rate) *buckets { return &buckets{rate: r, of: map[string]*bucket{}} }

// take asks for n tokens, or with n 0 whether there is one. A negative n gives back.
func (b *buckets) take(key string, n float64, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	k := b.filled(key, now)
	if k.tokens < 1 && n >= 0 {
		k.skipped++
		return false
	}
	k.tokens = min(k.tokens-n, float64(b.rate.N))
	return true
}

// skipped returns, and forgets, how many were refused since last asked.
func (b *buckets) skipped(key string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	k, ok := b.of[key]
	if !ok {
		return 0
	}
	n := k.skipped
	k.skipped = 0
	return n
}

func (b *buckets) filled(key string, now time.Time) *bucket {
	k, ok := b.of[key]
	if !ok {
		if len(b.of) >= maxBuckets {
			b.sweep(now)
		}
		k = &bucket{tokens: float64(b.rate.N), at: now}
		b.of[key] = k
	}
	b.refill(k, now)
	return k
}

func (b *buckets) refill(k *bucket, now time.Time) {
	if d := now.Sub(k.at); d > 0 {
		k.tokens = min(k.tokens+d.Seconds()*float64(b.rate.N)/b.rate.Per.Seconds(), float64(b.rate.N))
		k.at = now
	}
}

func (b *buckets) sweep(now time.Time) {
	for key, k := range b.of {
		if b.refill(k, now); k.tokens >= float64(b.rate.N) {
			delete(b.of, key)
		}
	}
}

// quotas are the bounds of all callers.
type quotas struct {
	Quota
	now                                                          record.Clock
	calls, signIns, searches, misses, refusals, refusalsTogether *buckets
	mu                                                           sync.Mutex
	running                                                      map[string]int
	hashing                                                      chan struct{} // sign-ins at once: each costs tens of MB
}

func newQuotas(q Quota, now record.Clock) *quotas {
	return &quotas{
		Quota: q, now: now, calls: newBuckets(q.Calls), signIns: newBuckets(q.SignIns),
		searches: newBuckets(q.Searches), misses: newBuckets(q.Misses), refusals: newBuckets(refusalRate),
		refusalsTogether: newBuckets(refusalTotal), running: map[string]int{}, hashing: make(chan struct{}, 4),
	}
}

// enter admits one call of c; leave must follow when it returned nil.
func (q *quotas) enter(c *call) error {
	now := q.now()
	if c.rule.signIn {
		return q.enterSignIn(c, now)
	}
	if c.rule.open {
		return nil
	}
	key := c.caller.Actor.ID
	ok := q.calls.take(key, 1, now) &&
		(!c.rule.search || c.caller.Actor.Kind != record.ActorUser || q.searches.take(key, 1, now)) &&
		(!guessable(c.rule) || q.misses.take(key, 0, now))
	if !ok {
		return errTooMany
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.running[key] >= q.Together {
		return errTooMany
	}
	q.running[key]++
	return nil
}

func (q *quotas) enterSignIn(c *call, now time.Time) error {
	if !q.signIns.take(c.remote, 1, now) {
		return errTooMany
	}
	select {
	case q.hashing <- struct{}{}:
		return nil
	case <-time.After(5 * time.Second):
		return record.Errorf(record.Unavailable, "too many sign-ins at once: try again")
	}
}

// leave ends the call with its outcome: a sign-in that succeeded is given back, a patient not found is counted.
func (q *quotas) leave(c *call, code codes.Code) {
	now := q.now()
	if c.rule.signIn {
		<-q.hashing
		if code == codes.OK {
			q.signIns.take(c.remote, -1, now)
		}
		return
	}
	if c.rule.open {
		return
	}
	key := c.caller.Actor.ID
	if code == codes.NotFound && guessable(c.rule) {
		q.misses.take(key, 1, now)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.running[key]--; q.running[key] <= 0 {
		delete(q.running, key)
	}
}

// guessable rules lead to patients by what a snooper may guess (threat 16).
func guessable(r rule) bool { return r.kind == "patient" || r.kind == "recognition" }

// refusal says whether another refusal of this caller is worth an event, and how many were not.
func (q *quotas) refusal(key string) (skipped int, ok bool) {
	now := q.now()
	if !q.refusals.take(key, 1, now) || !q.refusalsTogether.take("", 1, now) {
		return 0, false
	}
	return q.refusals.skipped(key), true
}
