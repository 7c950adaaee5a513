// Chart: points in, judgements out. It remembers no more than the rules look back.

package westgard

import (
	"time"

	"github.com/cockroachdb/apd/v3"
)

// How far a chart looks back.
const (
	MaxLevels = 16 // of which it remembers points; the level unseen for longest goes
	MaxRun    = 32 // points of one run; of a longer one the last count
	lookBack  = 12
)

// Point is one measurement of a control material.
type Point struct {
	ID    string // as hits name it
	Level string
	Run   string // points of one run follow each other; without a run a point is a run of its own
	At    time.Time

	Value, Mean, SD *apd.Decimal
}

// Hit is a rule that a point broke, with the points that made it, the oldest first.
type Hit struct {
	Rule   Rule
	Across bool // the points are of several levels or of one run: it was not one level alone
	Points []string
}

// Judgement is what follows from one point.
type Judgement struct {
	Decision Decision
	Hits     []Hit
}

// mark is a point as the rules see it: on which side of the mean, and how many whole SD exceeded, 3 for three or more.
type mark struct {
	id      string
	level   string
	side    int8
	band    int8
	dev, sd *apd.Decimal
}

// Chart judges the points of one analyte on one analyser.
type Chart struct {
	set    Set
	levels []levelMarks // the one seen last comes last
	all    []mark
	run    []mark
	runID  string
}

type levelMarks struct {
	level string
	marks []mark
}

// NewChart makes an empty chart.
func NewChart(set Set) *Chart { return &Chart{set: set} }

// Reset forgets all points: after a correction of the cause, what was before says nothing of what comes.
func (c *Chart) Reset() { c.levels, c.all, c.run, c.runID = nil, nil, nil, "" }

// Add judges a point after all that were added before. What cannot be judged is Blocked and leaves the chart as it was.
func (c *Chart) Add(p Point) Judgement {
	m, ok := markOf(p)
	if !ok {
		return Judgement{Blocked, []Hit{{Rule: InvalidTarget, Points: []string{p.ID}}}}
	}
	c.put(m, p.Run)
	j := Judgement{Decision: Accept}
	for i, row := range table {
		if c.set&(1<<i) == 0 {
			continue
		}
		points, across := row.find(c)
		if points == nil {
			continue
		}
		j.Hits = append(j.Hits, Hit{row.rule, across, ids(points)})
		if row.warns {
			j.Decision = Worse(j.Decision, Warning)
		} else {
			j.Decision = Reject
		}
	}
	return j
}

func (c *Chart) put(m mark, run string) {
	if run == "" || run != c.runID {
		c.run, c.runID = nil, run
	}
	c.run = push(c.run, m, MaxRun)
	c.all = push(c.all, m, lookBack)
	own := levelMarks{level: m.level}
	for i, l := range c.levels {
		if l.level == m.level {
			own = l
			c.levels = append(c.levels[:i], c.levels[i+1:]...)
			break
		}
	}
	own.marks = push(own.marks, m, lookBack)
	if len(c.levels) >= MaxLevels {
		c.levels = append(c.levels[:0], c.levels[1:]...)
	}
	c.levels = append(c.levels, own)
}

// push adds at the end and keeps the last n.
func push(s []mark, m mark, n int) []mark {
	if len(s) >= n {
		copy(s, s[1:])
		s = s[:n-1]
	}
	return append(s, m)
}

func ids(ms []mark) []string {
	out := make([]string, len(ms))
	for i, m := range ms {
		out[i] = m.id
	}
	return out
}

func (c *Chart) level() []mark { return c.levels[len(c.levels)-1].marks }

// same gives the last n points when all lie on one side and exceed the limit, 0 meaning the mean itself.
func same(s []mark, n int, limit int8) []mark {
	if len(s) < n {
		return nil
	}
	s = s[len(s)-n:]
	for _, m := range s {
		if m.side == 0 || m.side != s[0].side || m.band < limit {
			return nil
		}
	}
	return s
}

func level(n int, limit int8) func(*Chart) ([]mark, bool) {
	return func(c *Chart) ([]mark, bool) { return same(c.level(), n, limit), false }
}

// sameRun looks at one level over runs, then at one run over levels.
func sameRun(n int, limit int8) func(*Chart) ([]mark, bool) {
	return func(c *Chart) ([]mark, bool) { return either(same(c.level(), n, limit), same(c.run, n, limit)) }
}

// anyRun looks at one level, then at all levels together.
func anyRun(n int, limit int8) func(*Chart) ([]mark, bool) {
	return func(c *Chart) ([]mark, bool) { return either(same(c.level(), n, limit), same(c.all, n, limit)) }
}

func either(within, across []mark) ([]mark, bool) {
	if within != nil {
		return within, false
	}
	return across, across != nil
}

func twoOfThree(c *Chart) ([]mark, bool) { return either(pairOfThree(c.level()), pairOfThree(c.run)) }

// pairOfThree pairs the last point with one of the two before it.
func pairOfThree(s []mark) []mark {
	last := s[len(s)-1]
	if last.band < 2 {
		return nil
	}
	for back := 2; back <= min(3, len(s)); back++ {
		if m := s[len(s)-back]; m.band >= 2 && m.side == last.side {
			return []mark{m, last}
		}
	}
	return nil
}

// opposite finds the last point of the run beyond the other 2s limit (R_4s).
func opposite(c *Chart) ([]mark, bool) {
	last := c.run[len(c.run)-1]
	if last.band < 2 {
		return nil, false
	}
	for i := len(c.run) - 2; i >= 0; i-- {
		if m := c.run[i]; m.band >= 2 && m.side == -last.side {
			return []mark{m, last}, true
		}
	}
	return nil, false
}

const trendLength = 7

func trend(c *Chart) ([]mark, bool) {
	s := c.level()
	if len(s) < trendLength {
		return nil, false
	}
	s = s[len(s)-trendLength:]
	way := compare(s[1], s[0])
	for i := 1; i < len(s); i++ {
		if way == 0 || compare(s[i], s[i-1]) != way {
			return nil, false
		}
	}
	return s, false
}

// exact does not round: its precision is without bound, and what goes in is bounded.
var exact = apd.BaseContext.WithPrecision(0)

// markOf places a point; false when it has no number or its target none that it can be measured by.
func markOf(p Point) (mark, bool) {
	if !sane(p.Value) || !sane(p.Mean) || !sane(p.SD) || p.SD.Sign() <= 0 {
		return mark{}, false
	}
	m := mark{id: p.ID, level: p.Level, dev: new(apd.Decimal), sd: p.SD}
	if _, err := exact.Sub(m.dev, p.Value, p.Mean); err != nil {
		return mark{}, false
	}
	m.side = int8(m.dev.Sign())
	var size, limit apd.Decimal
	size.Abs(m.dev)
	for k := int64(1); k <= 3; k++ {
		if _, err := exact.Mul(&limit, p.SD, apd.New(k, 0)); err != nil {
			return mark{}, false
		}
		if size.Cmp(&limit) <= 0 {
			break
		}
		m.band = int8(k)
	}
	return m, true
}

// sane bounds what exact arithmetic may be asked to do.
func sane(d *apd.Decimal) bool {
	const most = 100
	return d != nil && d.Form == apd.Finite && d.Exponent <= most && d.Exponent >= -most && d.NumDigits() <= most
}

// compare orders two points by their distance from the mean in SD, which is comparable over a change of the target.
func compare(a, b mark) int {
	var x, y apd.Decimal
	if _, err := exact.Mul(&x, a.dev, b.sd); err != nil {
		return 0
	}
	if _, err := exact.Mul(&y, b.dev, a.sd); err != nil {
		return 0
	}
	return x.Cmp(&y)
}
