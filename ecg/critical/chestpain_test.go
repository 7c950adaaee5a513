package critical

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// at is minutes after the first contact.
func at(minutes float64) time.Time {
	return time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC).Add(time.Duration(minutes * float64(time.Minute)))
}

var clocks = []struct {
	name string
	t    ChestPainTimes
	now  float64
	want []string
}{
	{"nothing yet", ChestPainTimes{}, 5, nil},
	{"a contact to come", ChestPainTimes{FirstContactAt: at(9)}, 5, nil},
	{"just met", ChestPainTimes{FirstContactAt: at(0)}, 5, []string{
		"contact-to-ecg running 10", "contact-to-troponin running 20", "contact-to-needle running 30", "contact-to-wire running 120",
	}},
	{"at the target", ChestPainTimes{FirstContactAt: at(0)}, 10, []string{
		"contact-to-ecg running 10", "contact-to-troponin running 20", "contact-to-needle running 30", "contact-to-wire running 120",
	}},
	{"past two targets", ChestPainTimes{FirstContactAt: at(0)}, 20.1, []string{
		"contact-to-ecg late 10", "contact-to-troponin late 20", "contact-to-needle running 30", "contact-to-wire running 120",
	}},
	{"past all", ChestPainTimes{FirstContactAt: at(0)}, 121, []string{
		"contact-to-ecg late 10", "contact-to-troponin late 20", "contact-to-needle late 30", "contact-to-wire late 120",
	}},
	{"the tracing in time, its diagnosis awaited", ChestPainTimes{FirstContactAt: at(0), FirstECGAt: at(10)}, 20, []string{
		"contact-to-ecg done 10", "ecg-to-diagnosis running 20", "contact-to-troponin running 20", "contact-to-needle running 30", "contact-to-wire running 120",
	}},
	{"the tracing late, its diagnosis late", ChestPainTimes{FirstContactAt: at(0), FirstECGAt: at(10.1), DiagnosisAt: at(20.2)}, 21, []string{
		"contact-to-ecg done-late 10", "ecg-to-diagnosis done-late 20.1", "contact-to-troponin late 20", "contact-to-needle running 30", "contact-to-wire running 120",
	}},
	{"a tracing from before, diagnosed at once", ChestPainTimes{FirstContactAt: at(0), FirstECGAt: at(-20), DiagnosisAt: at(-15)}, 1, []string{
		"contact-to-ecg done 10", "ecg-to-diagnosis done -10", "contact-to-troponin running 20", "contact-to-needle running 30", "contact-to-wire running 120",
	}},
	{"an end to come is none yet", ChestPainTimes{FirstECGAt: at(0), DiagnosisAt: at(9)}, 5, []string{"ecg-to-diagnosis running 10"}},
	{"in, and out in time", ChestPainTimes{DoorInAt: at(0), DoorOutAt: at(30)}, 200, []string{"door-in-door-out done 30"}},
	{"in, and out late", ChestPainTimes{DoorInAt: at(0), DoorOutAt: at(30.1)}, 200, []string{"door-in-door-out done-late 30"}},
	{"the wire in time", ChestPainTimes{PCIDoorAt: at(0), WireAt: at(90)}, 200, []string{"door-to-wire done 90"}},
	{"the wire late", ChestPainTimes{PCIDoorAt: at(0), WireAt: at(90.1)}, 200, []string{"door-to-wire done-late 90"}},
	{"the needle, troponin and wire in time", ChestPainTimes{FirstContactAt: at(0), FirstECGAt: at(1), TroponinAt: at(20), NeedleAt: at(30), WireAt: at(120)}, 500, []string{
		"contact-to-ecg done 10", "ecg-to-diagnosis late 11", "contact-to-troponin done 20", "contact-to-needle done 30", "contact-to-wire done 120",
	}},
	{"onset starts no clock", ChestPainTimes{OnsetAt: at(0)}, 500, nil},
}

func wrongClocks(p *Pack) []string {
	var out []string
	for _, tt := range clocks {
		var got []string
		for _, c := range p.ChestPain(tt.t, at(tt.now)) {
			got = append(got, fmt.Sprintf("%s %s %g", c.ID, c.State, c.TargetAt.Sub(at(0)).Minutes()))
		}
		if d := cmp.Diff(tt.want, got); d != "" {
			out = append(out, tt.name+":\n"+d)
		}
	}
	return out
}

func TestChestPain(t *testing.T) {
	for _, w := range wrongClocks(Default()) {
		t.Error(w)
	}
	c := Default().ChestPain(ChestPainTimes{FirstContactAt: at(0), FirstECGAt: at(7)}, at(9))
	if c[0].Took(at(9)) != 7*time.Minute || c[1].Took(at(9)) != 2*time.Minute || c[0].Source.ZH == "" || c[0].Name.EN == "" {
		t.Errorf("%+v", c)
	}
}

func TestEveryClockMatters(t *testing.T) {
	for i := range Default().Clocks {
		for name, change := range map[string]func(*Target){
			"longer":     func(c *Target) { c.Minutes++ },
			"shorter":    func(c *Target) { c.Minutes-- },
			"start":      func(c *Target) { c.From = "onset" },
			"other end":  func(c *Target) { c.To = "onset" },
			"other name": func(c *Target) { c.ID = "x" },
		} {
			p, err := Parse(DefaultYAML())
			if err != nil {
				t.Fatal(err)
			}
			if change(&p.Clocks[i]); len(wrongClocks(p)) == 0 {
				t.Errorf("nothing notices: %s %s", Default().Clocks[i].ID, name)
			}
		}
	}
}
