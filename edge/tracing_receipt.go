// The receipt of the ECGs of a run.

package edge

import (
	"bufio"
	"encoding/json"
	"fmt"
	"path/filepath"
	"time"
)

// TracingReceipt says what became of the ECGs of one run. It holds ids, counts and digests; a path is named only where a person has to
// look at the file.
type TracingReceipt struct {
	Centre     string        `json:"centre"`
	StartedAt  time.Time     `json:"started_at"`
	FinishedAt time.Time     `json:"finished_at"`
	Problem    string        `json:"problem,omitempty"` // why ECGs were not tried any more
	Items      []TracingItem `json:"items"`

	Path string `json:"-"` // of the JSON file
}

// TracingItem is one ECG of a receipt.
type TracingItem struct {
	TracingID  string   `json:"tracing_id,omitempty"`
	CaseID     string   `json:"case_id,omitempty"`
	Format     string   `json:"format"`
	Size       int64    `json:"size"`
	SHA256     string   `json:"sha256,omitempty"`
	State      string   `json:"state"`
	Already    bool     `json:"already,omitempty"`
	Alarms     []string `json:"alarms,omitempty"`
	Warnings   []string `json:"warnings,omitempty"`
	Reason     string   `json:"reason,omitempty"`
	Quarantine string   `json:"quarantine_id,omitempty"`
	File       string   `json:"file,omitempty"`
}

func (r *run) tracingReceipt() {
	c := &TracingReceipt{Centre: r.cfg.To, StartedAt: r.total.StartedAt.UTC(), FinishedAt: r.cfg.Now().UTC(), Problem: r.ecgProblem}
	for _, t := range r.ecgs {
		if t.Reason == errInterrupted {
			c.Problem = errInterrupted
		}
		c.Items = append(c.Items, t.item())
	}
	path := filepath.Join(r.cfg.ReceiptDir, c.FinishedAt.Format("20060102T150405.000000Z")+"_ecg.json")
	err := writeFile(path, func(w *bufio.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(c)
	})
	if err != nil {
		r.cfg.OnRetry(fmt.Errorf("keep receipt: %w", err))
	} else {
		c.Path = path
	}
	r.cfg.OnTracings(c)
}

func (t *Tracing) item() TracingItem {
	i := TracingItem{
		TracingID: t.TracingID, CaseID: t.CaseID, Format: t.Format, Size: t.Size, SHA256: t.SHA256, State: t.State.String(), Already: t.Already,
		Alarms: t.Alarms, Warnings: t.Warnings, Reason: t.Reason, Quarantine: t.Quarantine,
	}
	if t.State == Refused || t.State == Failed {
		i.File = t.Path
	}
	return i
}

func (s *Summary) countTracing(t *Tracing) {
	switch t.State {
	case Stored:
		s.TracingsStored++
		if t.Already {
			s.TracingsAlready++
		}
	case Twin:
		s.TracingsTwins++
	case Refused:
		s.TracingsRefused++
	default:
		s.TracingsFailed++
	}
}
