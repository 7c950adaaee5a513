// What is remembered of a line from one run to the next, so that the first objects leave without a question: on a line of
// 100 ms a question costs as long as half a CT slice.

package edge

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
)

const lineName = "line.json"

// memory is what a run knew of a centre and the line to it.
type memory struct {
	To       string `json:"to"`
	Restores bool   `json:"restores_containers"`
	Slow     bool   `json:"slow"`
}

// recall reads what the last run to the same centre left; a lost memory costs a question.
func recall(dir, to string) (m memory) {
	b, err := os.ReadFile(filepath.Join(dir, lineName))
	if err != nil || json.Unmarshal(b, &m) != nil || m.To != to {
		return memory{To: to}
	}
	return m
}

func (m memory) write(dir string) error {
	return writeFile(filepath.Join(dir, lineName), func(w *bufio.Writer) error { return json.NewEncoder(w).Encode(m) })
}

// recalled begins a run with what the last one knew.
func (g *gauge) recalled(m memory) {
	g.offered, g.slow = m.Restores, m.Slow
}

// remember leaves for the next run what this one knew, if it is something else.
func (g *gauge) remember(dir string, before memory) error {
	g.mu.Lock()
	now := memory{To: before.To, Restores: g.offered, Slow: g.slow}
	g.mu.Unlock()
	if now == before {
		return nil
	}
	return now.write(dir)
}

// boldly queues an object that no earlier run has seen, before the centre was asked about anything: one for each stream, on
// a line that is known to be slow. If the centre has it after all, it costs its bytes once more.
func (r *run) boldly(o *Object) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.bold == 0 || o.cached || o.Size >= r.cfg.ResumeFrom || r.digests[o.Digest] != nil {
		return false
	}
	r.bold--
	r.digests[o.Digest] = o
	r.queue = append(r.queue, o)
	r.cond.Broadcast()
	return true
}
