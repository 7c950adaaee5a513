// Receipts: what the centre acknowledged of a study, object by object, kept as a file of JSON.

package edge

import (
	"bufio"
	"encoding/json"
	"fmt"
	"path/filepath"
	"time"
)

// Receipt says what became of one study in one run. It holds ids, counts and digests; a path is named only where a person has
// to look at the file.
type Receipt struct {
	StudyUID string `json:"study_instance_uid"`
	StudyID  string `json:"study_id,omitempty"`
	CaseID   string `json:"case_id,omitempty"`
	Centre   string `json:"centre"`

	Objects  int   `json:"objects"`
	Stored   int   `json:"stored"`            // durable at the centre, the next two included
	Already  int   `json:"already"`           // of these, there before this run
	Twins    int   `json:"twins,omitempty"`   // further files with the same bytes
	Refused  int   `json:"refused,omitempty"` // will not be taken as they are
	Failed   int   `json:"failed,omitempty"`  // not sent yet
	Bytes    int64 `json:"bytes"`
	Saved    int64 `json:"bytes_saved,omitempty"` // of these, bytes that shrinking spared the line
	AtCentre int32 `json:"at_centre,omitempty"`   // objects of the study that the centre counts
	Finished bool  `json:"finished"`              // the centre was told that the study is whole, and agreed

	Problem    string    `json:"problem,omitempty"` // why it is not finished
	StartedAt  time.Time `json:"started_at"`
	AnsweredAt time.Time `json:"answered_at"` // when the last object had its answer
	FinishedAt time.Time `json:"finished_at"`
	Items      []Item    `json:"items"`

	Path string `json:"-"` // of the JSON file
}

// Item is one object of a receipt.
type Item struct {
	SOPUID     string   `json:"sop_instance_uid"`
	SHA256     string   `json:"sha256,omitempty"`
	Size       int64    `json:"size"`
	State      string   `json:"state"`
	InstanceID string   `json:"instance_id,omitempty"`
	Already    bool     `json:"already,omitempty"`
	Saved      int64    `json:"bytes_saved,omitempty"`
	Reason     string   `json:"reason,omitempty"`
	Quarantine string   `json:"quarantine_id,omitempty"`
	Warnings   []string `json:"warnings,omitempty"`
	File       string   `json:"file,omitempty"`
}

// Complete tells whether every object of the study is at the centre.
func (r *Receipt) Complete() bool { return r.Refused == 0 && r.Failed == 0 }

// receipt writes and hands out the receipt of a study that is over, and lets its objects go.
func (r *run) receipt(st *Study, f finished) {
	r.receipts.Lock()
	defer r.receipts.Unlock()
	c := &Receipt{
		StudyUID: st.UID, Centre: r.cfg.To, Objects: len(st.Objects), Problem: f.problem, Finished: f.answer != nil,
		StudyID: f.answer.GetStudyId(), CaseID: f.answer.GetCaseId(), AtCentre: f.answer.GetInstances(),
		StartedAt: st.startedAt.UTC(), AnsweredAt: st.answeredAt.UTC(), FinishedAt: r.cfg.Now().UTC(),
	}
	for _, o := range st.Objects {
		c.add(o)
	}
	if err := c.write(r.cfg.ReceiptDir); err != nil {
		r.cfg.OnRetry(fmt.Errorf("keep receipt: %w", err))
	}
	st.Objects = nil
	r.mu.Lock()
	r.total.receipt(c)
	r.meter.studyDone()
	r.mu.Unlock()
	r.cfg.OnReceipt(c)
}

func (c *Receipt) add(o *Object) {
	i := Item{
		SOPUID: o.SOPUID, Size: o.Size, State: o.State.String(), InstanceID: o.InstanceID, Already: o.Already,
		Saved: o.Saved, Reason: o.Reason, Quarantine: o.Quarantine, Warnings: o.Warnings,
	}
	if o.known {
		i.SHA256 = o.Digest.String()
	}
	c.Bytes += o.Size
	c.Saved += o.Saved
	switch o.State {
	case Stored:
		c.Stored++
		if o.Already {
			c.Already++
		}
	case Twin:
		c.Twins++
	case Refused:
		c.Refused++
		i.File = o.Path
	default:
		c.Failed++
		i.File = o.Path
	}
	c.Items = append(c.Items, i)
}

func (c *Receipt) write(dir string) error {
	path := filepath.Join(dir, fmt.Sprintf("%s_%s.json", c.FinishedAt.Format("20060102T150405Z"), c.StudyUID))
	err := writeFile(path, func(w *bufio.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(c)
	})
	if err == nil {
		c.Path = path
	}
	return err
}

// Summary is the whole run in numbers, and by name what a person has to look at.
type Summary struct {
	Studies           int `json:"studies"`
	StudiesFinished   int `json:"studies_finished"`
	StudiesUnfinished int `json:"studies_unfinished"`

	Objects    int   `json:"objects"`
	Stored     int   `json:"stored"`
	Already    int   `json:"already"`
	Twins      int   `json:"twins"`
	Refused    int   `json:"refused"`
	Failed     int   `json:"failed"`
	Unreadable int   `json:"unreadable"` // files and folders that could not be looked into
	Bytes      int64 `json:"bytes"`
	Sent       int64 `json:"bytes_sent"`
	Saved      int64 `json:"bytes_saved"`

	Tracings        int `json:"tracings"` // ECGs that are no DICOM objects
	TracingsStored  int `json:"tracings_stored"`
	TracingsAlready int `json:"tracings_already"`
	TracingsTwins   int `json:"tracings_twins"`
	TracingsRefused int `json:"tracings_refused"`
	TracingsFailed  int `json:"tracings_failed"`

	Lost         []Finding      `json:"lost,omitempty"`    // objects without a study, unreadable paths
	Ignored      []Finding      `json:"ignored,omitempty"` // what is neither DICOM nor an ECG; the first thousand
	IgnoredCount map[string]int `json:"ignored_count"`     // all of them, by reason

	StartedAt  time.Time `json:"started_at"`
	FinishedAt time.Time `json:"finished_at"`
}

func (s *Summary) count(o *Object) {
	switch o.State {
	case Stored:
		s.Stored++
		if o.Already {
			s.Already++
		}
	case Twin:
		s.Twins++
	case Refused:
		s.Refused++
	case Failed:
		s.Failed++
	}
}

func (s *Summary) receipt(c *Receipt) {
	if c.Problem == "" {
		s.StudiesFinished++
	} else {
		s.StudiesUnfinished++
	}
}

// Code is the exit code that the run deserves: 0 all at the centre, 3 some files refused, 4 not finished.
func (s *Summary) Code() int {
	switch {
	case s.Failed > 0 || s.Unreadable > 0 || s.TracingsFailed > 0:
		return 4
	case s.Refused > 0 || s.TracingsRefused > 0:
		return 3
	case s.StudiesUnfinished > 0:
		return 4
	}
	return 0
}
