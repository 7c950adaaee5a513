// Progress: counters that every stage moves, and snapshots of them a few times a second.

package edge

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

const (
	progressEvery = 250 * time.Millisecond
	rateSpan      = 40 // snapshots that the rate is taken over: ten seconds
)

// Progress is a moment of a run.
type Progress struct {
	Listing                 bool // files are still being found; the totals grow
	Studies, StudiesDone    int
	Objects, ObjectsDone    int
	Tracings, TracingsDone  int   // ECGs that are no DICOM objects
	Bytes, BytesDone        int64 // BytesDone counts what is on the way too
	Sent                    int64 // bytes that went over the line, those sent twice included
	Saved                   int64 // bytes that needed not, because objects were shrunk
	Rate                    float64
	ETA                     time.Duration // 0: not known
	Study                   string        // the study that moved last
	StudyObjects, StudyDone int
}

// meter counts. The fields that are not atomic are behind mu.
type meter struct {
	wire   atomic.Int64 // bytes sent
	flying atomic.Int64 // bytes of objects sent and not acknowledged
	saved  atomic.Int64 // bytes spared by shrinking

	mu        sync.Mutex
	p         Progress
	startedAt time.Time
	past      []int64 // wire at the last snapshots
}

func (m *meter) found(bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.p.Listing = true
	m.p.Objects++
	m.p.Bytes += bytes
}

func (m *meter) listed(objects, studies, tracings int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.p.Listing, m.p.Objects, m.p.Studies, m.p.Tracings = false, objects, studies, tracings
}

func (m *meter) tracingDone() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.p.TracingsDone++
}

func (m *meter) settled(o *Object) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.p.ObjectsDone++
	m.p.BytesDone += o.Size
	m.p.Study, m.p.StudyObjects = o.study.UID, len(o.study.Objects)
	m.p.StudyDone = m.p.StudyObjects - o.study.open + 1
}

func (m *meter) studyDone() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.p.StudiesDone++
}

// snapshot is the moment, with rate and ETA from the last seconds.
func (m *meter) snapshot() Progress {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.p
	p.Sent, p.Saved = m.wire.Load(), m.saved.Load()
	p.BytesDone = min(p.Bytes, p.BytesDone+m.flying.Load())
	m.past = append(m.past, p.Sent)
	if len(m.past) > rateSpan {
		m.past = m.past[1:]
	}
	if n := len(m.past) - 1; n > 0 {
		p.Rate = float64(p.Sent-m.past[0]) / (time.Duration(n) * progressEvery).Seconds()
	}
	if left := p.Bytes - p.BytesDone; p.Rate > 0 && left > 0 {
		shrunk := float64(p.Sent) / float64(max(p.Sent+p.Saved, 1)) // what is left will shrink as the rest did
		p.ETA = time.Duration(float64(left) * shrunk / p.Rate * float64(time.Second)).Round(time.Second)
	}
	return p
}

// report shows snapshots until the returned function is called, and a last one then.
func (r *run) report(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var wg sync.WaitGroup
	wg.Go(func() {
		t := time.NewTicker(progressEvery)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				r.cfg.OnProgress(r.meter.snapshot())
			case <-ctx.Done():
				r.cfg.OnProgress(r.meter.snapshot())
				return
			}
		}
	})
	return func() { cancel(); wg.Wait() }
}
