// The clocks of chest pain 胸痛中心时间节点.

package critical

import "time"

// Target is a clock of the pack: from one moment to another within minutes.
type Target struct {
	ID            string `yaml:"id" json:"id"`
	Name          Text   `yaml:"name" json:"name"`
	From          string `yaml:"from" json:"from"` // a moment: first_contact, first_ecg, ...
	To            string `yaml:"to" json:"to"`
	Minutes       int    `yaml:"target_min" json:"target_min"`
	Source        string `yaml:"source" json:"source"`
	ToBeConfirmed bool   `yaml:"to_be_confirmed" json:"to_be_confirmed,omitempty"`
}

// ChestPainTimes are the moments of one patient's way; zero: not yet, or not known.
type ChestPainTimes struct {
	OnsetAt        time.Time // of symptoms
	FirstContactAt time.Time // first medical contact 首次医疗接触
	FirstECGAt     time.Time
	DiagnosisAt    time.Time // of the electrocardiogram, by a doctor
	TroponinAt     time.Time // result
	NeedleAt       time.Time // start of thrombolysis
	DoorInAt       time.Time // arrival at the first hospital
	DoorOutAt      time.Time // departure to the hospital with a catheter laboratory
	PCIDoorAt      time.Time // arrival there
	WireAt         time.Time // passes the lesion
}

// moments are the words for them in a pack.
var moments = map[string]func(*ChestPainTimes) time.Time{
	"onset":         func(t *ChestPainTimes) time.Time { return t.OnsetAt },
	"first_contact": func(t *ChestPainTimes) time.Time { return t.FirstContactAt },
	"first_ecg":     func(t *ChestPainTimes) time.Time { return t.FirstECGAt },
	"diagnosis":     func(t *ChestPainTimes) time.Time { return t.DiagnosisAt },
	"troponin":      func(t *ChestPainTimes) time.Time { return t.TroponinAt },
	"needle":        func(t *ChestPainTimes) time.Time { return t.NeedleAt },
	"door_in":       func(t *ChestPainTimes) time.Time { return t.DoorInAt },
	"door_out":      func(t *ChestPainTimes) time.Time { return t.DoorOutAt },
	"pci_door":      func(t *ChestPainTimes) time.Time { return t.PCIDoorAt },
	"wire":          func(t *ChestPainTimes) time.Time { return t.WireAt },
}

// ClockState says how a clock stands.
type ClockState string

// The states.
const (
	Running  ClockState = "running"   // and in time
	Late     ClockState = "late"      // still running, past its target
	Done     ClockState = "done"      // in time
	DoneLate ClockState = "done-late" // after its target
)

// Clock is one target of one patient.
type Clock struct {
	ID        string
	Name      Text
	StartedAt time.Time
	TargetAt  time.Time
	DoneAt    time.Time // zero: running
	State     ClockState
	Source    Text
}

// Took is from start to end, or to now.
func (c Clock) Took(now time.Time) time.Duration {
	if c.DoneAt.IsZero() {
		return now.Sub(c.StartedAt)
	}
	return c.DoneAt.Sub(c.StartedAt)
}

// ChestPain gives the clocks that have started, in order of the pack. An end before its start (an electrocardiogram that the patient
// brought along) counts as done in time. A start after now has not started.
func (p *Pack) ChestPain(t ChestPainTimes, now time.Time) []Clock {
	var out []Clock
	for _, g := range p.Clocks {
		from, to := moments[g.From](&t), moments[g.To](&t)
		if from.IsZero() || from.After(now) {
			continue
		}
		c := Clock{ID: g.ID, Name: g.Name, StartedAt: from, TargetAt: from.Add(time.Duration(g.Minutes) * time.Minute), Source: p.source(g.Source)}
		end := now
		c.State = Running
		if !to.IsZero() && !to.After(now) {
			c.DoneAt, c.State, end = to, Done, to
		}
		if end.After(c.TargetAt) {
			c.State = map[ClockState]ClockState{Running: Late, Done: DoneLate}[c.State]
		}
		out = append(out, c)
	}
	return out
}
