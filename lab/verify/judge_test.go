package verify

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/apd/v3"
	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/lab/packfile"
)

func text(t testing.TB, v Verdict) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// moles converts mol/L to mmol/L and nothing else.
func moles(v packfile.Decimal, from, to, _ string) (packfile.Decimal, error) {
	if from != "mol/L" || to != "mmol/L" {
		return packfile.Decimal{}, errors.New("no way")
	}
	out := new(apd.Decimal)
	_, err := arithmetic.Mul(out, v.Decimal, apd.New(1000, 0))
	return packfile.Decimal{Decimal: out}, err
}

func TestVerdicts(t *testing.T) {
	p := mustParse(t, small)
	for _, tt := range []struct {
		name                         string
		value                        string
		change                       func(f *Facts)
		flag                         Flag
		auto                         bool
		holders, alarms, hasWarnings string
	}{
		{name: "inside everything", value: "4.2", flag: Normal, auto: true},
		{name: "at the upper limit of the interval", value: "5.3", flag: Normal, auto: true},
		{name: "just above it", value: "5.31", flag: High, auto: true},
		{name: "at the lower limit", value: "3.50", flag: Normal, auto: true},
		{name: "just below it", value: "3.4999", flag: Low, auto: true},
		{name: "an open limit", value: "5.3", change: func(f *Facts) { f.Interval.HighOpen = true }, flag: High, auto: true},
		{name: "below the interval for certain", value: "<3.4", change: func(f *Facts) {}, flag: Low, holders: "auto-k"},
		{name: "perhaps below the interval", value: "<4.0", flag: NoFlag, holders: "auto-k"},
		{name: "perhaps critical", value: ">6.0", flag: High, holders: "gate-critical auto-k", hasWarnings: Uncertain},
		{name: "critical", value: "6.5", flag: CriticalHigh, holders: "gate-critical auto-k", alarms: "k-high"},
		{name: "critical for certain", value: ">6.4999", flag: High, holders: "gate-critical auto-k", hasWarnings: Uncertain},
		{name: "critical beyond the range", value: ">6.5", flag: CriticalHigh, holders: "gate-critical auto-k", alarms: "k-high"},
		{name: "no interval", value: "4.2", change: func(f *Facts) { f.Interval = nil }, flag: NoFlag, auto: true},
		{name: "no age", value: "4.2", change: func(f *Facts) { f.AgeDays = -1 }, flag: Normal, holders: "gate-patient"},
		{name: "no sex", value: "4.2", change: func(f *Facts) { f.Sex = "" }, flag: Normal, holders: "gate-patient"},
		{name: "another sex", value: "4.2", change: func(f *Facts) { f.Sex = "O" }, flag: Normal, holders: "gate-patient"},
		{name: "out of control", value: "4.2", change: func(f *Facts) { f.QC = QCOut }, flag: Normal, holders: "gate-qc"},
		{name: "no control", value: "4.2", change: func(f *Facts) { f.QC = QCNone }, flag: Normal, holders: "gate-qc"},
		{name: "control unknown", value: "4.2", change: func(f *Facts) { f.QC = QCUnknown }, flag: Normal, holders: "gate-qc"},
		{name: "a flag of the analyser", value: "4.2", change: func(f *Facts) { f.InstrumentFlags = []string{"", "CLOT"} }, flag: Normal, holders: "gate-instrument"},
		{name: "a flag that says nothing", value: "4.2", change: func(f *Facts) { f.InstrumentFlags = []string{"N"} }, flag: Normal, auto: true},
		{name: "a haemolysed specimen", value: "4.2", change: func(f *Facts) { f.Conditions = []string{"HEM"} }, flag: Normal, holders: "gate-specimen"},
		{name: "haemolysis below", value: "4.2", change: func(f *Facts) { f.HIL.Haemolysis = packfile.Decimal{Decimal: apd.New(49, 0)} }, flag: Normal, auto: true},
		{name: "haemolysis", value: "4.2", change: func(f *Facts) { f.HIL.Haemolysis = packfile.Decimal{Decimal: apd.New(50, 0)} }, flag: Normal, holders: "auto-k"},
		{name: "the sender agrees", value: "5.5", change: func(f *Facts) { f.SenderFlags = []string{"H"} }, flag: High, auto: true},
		{name: "the sender agrees in general", value: "5.5", change: func(f *Facts) { f.SenderFlags = []string{"A"} }, flag: High, auto: true},
		{name: "the sender disagrees", value: "5.5", change: func(f *Facts) { f.SenderFlags = []string{"N"} }, flag: High, holders: "gate-flags", hasWarnings: FlagDisagrees},
		{name: "the sender disagrees in Chinese", value: "4.2", change: func(f *Facts) { f.SenderFlags = []string{"↑"} }, flag: Normal, holders: "gate-flags", hasWarnings: FlagDisagrees},
		{name: "a flag that is no direction", value: "4.2", change: func(f *Facts) { f.SenderFlags = []string{"D"} }, flag: Normal, auto: true},
		{name: "another unit that converts", value: "0.0042", change: func(f *Facts) { f.Unit = "mol/L" }, flag: Normal, auto: true},
		{name: "another unit that is critical", value: "0.0065", change: func(f *Facts) { f.Unit = "mol/L" }, flag: CriticalHigh, holders: "gate-critical auto-k", alarms: "k-high"},
		{name: "a unit that does not convert", value: "42", change: func(f *Facts) { f.Unit = "mg/dL" }, flag: NoFlag, holders: "gate-unit gate-critical auto-k", hasWarnings: UnitUnknown},
		{name: "no number", value: "溶血", flag: NoFlag, holders: "gate-critical auto-k", hasWarnings: NotNumeric},
		{name: "a small change", value: "4.2", change: before("3.3", 24), flag: Normal, auto: true},
		{name: "a large change", value: "4.2", change: before("3.1", 24), flag: Normal, holders: "delta-k"},
		{name: "a large change of long ago", value: "4.2", change: before("3.1", 73), flag: Normal, auto: true},
		{name: "a change from a value that is not exact", value: "4.2", change: before("<3.1", 24), flag: Normal, auto: true},
		{name: "a result that comes later in time is no earlier one", value: "4.2", change: before("3.1", -1), flag: Normal, auto: true},
		{name: "analytes that contradict", value: "4.2", change: sodium("80"), flag: Normal, holders: "agree"},
		{name: "analytes that agree", value: "4.2", change: sodium("140"), flag: Normal, auto: true},
	} {
		f := potassium(t, tt.value)
		if tt.change != nil {
			i := *f.Interval
			f.Interval = &i
			tt.change(&f)
		}
		v := p.Verify(f, moles)
		got := []any{v.Flag, v.Auto, holders(v), alarms(v), warnings(v)}
		if d := cmp.Diff([]any{tt.flag, tt.auto, tt.holders, tt.alarms, tt.hasWarnings}, got); d != "" {
			t.Errorf("%s: %s", tt.name, d)
		}
		if v.Release != v.Auto {
			t.Errorf("%s: released %v", tt.name, v.Release)
		}
		replayed(t, p, tt.name, v)
	}
}

func before(v string, hours int) func(*Facts) {
	return func(f *Facts) {
		f.Previous = append(f.Previous, Previous{Value: value(v), Unit: "mmol/L", At: f.At.Add(-time.Duration(hours) * time.Hour)})
	}
}

func sodium(v string) func(*Facts) {
	return func(f *Facts) { f.Beside = []Beside{{Analyte: "NA", Value: value(v), Unit: "mmol/L"}} }
}

// replayed makes a verdict again, from itself and from its JSON, to the last byte.
func replayed(t *testing.T, p *Pack, name string, v Verdict) {
	t.Helper()
	again, err := p.Replay(v)
	if err != nil || text(t, again) != text(t, v) {
		t.Fatalf("%s: not replayed: %v", name, err)
	}
	var kept Verdict
	if err := json.Unmarshal([]byte(text(t, v)), &kept); err != nil {
		t.Fatal(err)
	}
	if again, err = p.Replay(kept); err != nil || text(t, again) != text(t, v) {
		t.Fatalf("%s: not replayed from JSON: %v\n%s\n%s", name, err, text(t, v), text(t, again))
	}
}

func TestReplayAsksForTheSamePack(t *testing.T) {
	p := mustParse(t, small)
	v := p.Verify(potassium(t, "4.2"), nil)
	other := mustParse(t, strings.Replace(small, `version: "1"`, `version: "2"`, 1))
	if _, err := other.Replay(v); err == nil {
		t.Error("another pack replays it")
	}
	v.Engine = "verify-0"
	if _, err := p.Replay(v); err == nil {
		t.Error("another engine replays it")
	}
}

func TestModes(t *testing.T) {
	for mode, want := range map[string][2]bool{"on": {true, true}, "shadow": {true, false}, "off": {false, false}} {
		v := mustParse(t, strings.Replace(small, "autoverification: on", "autoverification: "+mode, 1)).Verify(potassium(t, "4.2"), nil)
		if got := [2]bool{v.Auto, v.Release}; got != want {
			t.Errorf("%s: %v, want %v", mode, got, want)
		}
	}
}

func TestTheNewestComparableResultCounts(t *testing.T) {
	p := mustParse(t, small)
	f := potassium(t, "4.2")
	f.Method = "ise"
	for _, b := range []struct {
		value, method string
		hours         int
	}{{"3.0", "ise", 48}, {"4.1", "ise", 12}, {"9.0", "flame", 2}} {
		f.Previous = append(f.Previous, Previous{Value: value(b.value), Unit: "mmol/L", At: noon.Add(-time.Duration(b.hours) * time.Hour), Method: b.method})
	}
	if v := p.Verify(f, nil); !v.Auto {
		t.Errorf("held by %s", holders(v))
	}
}

func TestOrdinals(t *testing.T) {
	for text, want := range map[string]string{
		"阳性": Positive, "阳性(+)": Positive, "(+)": Positive, "＋": Positive, "2+": Positive, "POS": Positive, "Reactive": Positive,
		"阴性": Negative, "阴性（-）": Negative, "neg": Negative, "Non-Reactive": Negative, "未检出": Negative,
		"±": Borderline, "弱阳性": Borderline, "不确定": Borderline, "待查": "", "": "", "阳性-": "", "+-+": "",
		"阳性(12.35 S/CO)": Positive, "阳性 12.35COI": Positive, "阴性（0.05）": Negative, "阴性 <0.05 IU/mL": Negative, "弱阳性 1.02": Borderline, "阳性1:320": Positive,
		"+1.5": "", "阳性12.35阴性": "", "阴性5项": "", "微量": Borderline, "Weak positive": Borderline, "NEG 0.1": Negative,
	} {
		if got := Ordinal(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestACriticalValueIsKnownOnlyWhereItWasTold(t *testing.T) {
	told := func(institution string, dismissed bool) Previous {
		return Previous{Value: value("7.5"), Unit: "mmol/L", At: noon.Add(-time.Hour), Institution: institution, Untold: dismissed}
	}
	for _, c := range []struct {
		name   string
		before []Previous
		alarms int
	}{
		{"told to the same institution", []Previous{told("a", false)}, 0},
		{"told to another", []Previous{told("b", false)}, 1},
		{"told to both", []Previous{told("b", false), told("a", false)}, 0},
		{"dismissed as false: the next specimen confirms it", []Previous{told("a", true)}, 1},
	} {
		f := Facts{At: noon, Analyte: "K", Value: value("7.6"), Unit: "mmol/L", AgeDays: 20000, Sex: "F", Institution: "a", Previous: c.before}
		if v := Default().Verify(f, nil); len(v.Alarms) != c.alarms {
			t.Errorf("%s: %d alarms, want %d", c.name, len(v.Alarms), c.alarms)
		}
	}
}

func TestQualitativeFlagsAndAlarms(t *testing.T) {
	p := mustParse(t, small)
	f := Facts{At: noon, Analyte: "HIV", Value: value("阴性"), Interval: &Interval{ID: "hiv", Expect: Negative, Text: "阴性"}}
	for text, want := range map[string]Flag{"阴性": Normal, "弱阳性": Abnormal, "阳性(+)": VeryAbnormal, "复检中": NoFlag} {
		f.Value = value(text)
		v := p.Verify(f, nil)
		if v.Flag != want || (len(v.Alarms) == 1) != (want == VeryAbnormal) {
			t.Errorf("%s: %q %v", text, v.Flag, v.Alarms)
		}
		replayed(t, p, text, v)
	}
}

func TestAnAlarmSaysAllThatIsNeeded(t *testing.T) {
	v := Default().Verify(potassium(t, "6.80"), nil)
	if len(v.Alarms) != 1 {
		t.Fatal(v.Alarms)
	}
	a := v.Alarms[0]
	want := Alarm{
		Rule: "k-high", Version: "1", Name: packfile.Text{ZH: "血钾过高", EN: "potassium, high"},
		Text: packfile.Text{ZH: "6.80 mmol/L (≥6.2)", EN: "6.80 mmol/L (≥6.2)"}, Minutes: 10, Escalate: []int{10, 20, 30}, Source: a.Source, Status: packfile.Recollection,
	}
	if d := cmp.Diff(want, a); d != "" || a.Source.ZH == "" {
		t.Error(d)
	}
}

func TestExtents(t *testing.T) {
	for _, tt := range []struct {
		bound, value string
		want         truth
	}{
		{">= 5", "5", yes},
		{">= 5", "4.9", no},
		{">= 5", ">5", yes},
		{">= 5", ">=5", yes},
		{">= 5", ">4", perhaps},
		{">= 5", "<5", no},
		{">= 5", "<=5", perhaps},
		{">= 5", "<6", perhaps},
		{"> 5", "5", no},
		{"> 5", ">5", yes},
		{"> 5", ">=5", perhaps},
		{"> 5", "<=5", no},
		{"> 5", "5.0", no},
		{"<= 5", "5", yes},
		{"<= 5", "<5", yes},
		{"<= 5", "<=5", yes},
		{"<= 5", ">5", no},
		{"<= 5", ">=5", perhaps},
		{"<= 5", "<6", perhaps},
		{"< 5", "5", no},
		{"< 5", "<5", yes},
		{"< 5", "<=5", perhaps},
		{"< 5", ">=5", no},
		{"< 5", ">4", perhaps},
		{"< -1", "-2", yes},
	} {
		b, err := parseBound(tt.bound)
		if err != nil {
			t.Fatal(err)
		}
		e, ok := value(tt.value).extent()
		if got := b.hold(e); !ok || got != tt.want {
			t.Errorf("%s of %s: %d, want %d", tt.bound, tt.value, got, tt.want)
		}
	}
}

func TestAUnitThatPeopleLeaveOut(t *testing.T) {
	p := Default()
	for _, tt := range []struct{ analyte, value, unit, alarms, warns string }{
		{"INR", "5.2", "", "inr-high", ""},
		{"BGPH", "7.10", "", "ph-low", ""},
		{"K", "7.0", "", "", UnitUnknown},
		{"INR", "5.2", "s", "", UnitUnknown},
	} {
		v := p.Verify(Facts{At: noon, Analyte: tt.analyte, Value: value(tt.value), Unit: tt.unit, AgeDays: 20000, Sex: "M", QC: QCIn}, nil)
		if alarms(v) != tt.alarms || warnings(v) != tt.warns {
			t.Errorf("%s in %q: %q %q", tt.analyte, tt.unit, alarms(v), warnings(v))
		}
	}
}

func TestAgeInDays(t *testing.T) {
	at := time.Date(2026, 11, 22, 16, 30, 0, 0, time.UTC) // 00:30 of the 23rd in China
	for _, tt := range []struct {
		y    int
		m    time.Month
		d    int
		want int
	}{{2026, 11, 23, 0}, {2026, 11, 22, 1}, {2026, 11, 24, -1}, {2025, 11, 23, 365}, {0, 0, 0, -1}} {
		if got := AgeDays(tt.y, tt.m, tt.d, at); got != tt.want {
			t.Errorf("%d-%d-%d: %d, want %d", tt.y, tt.m, tt.d, got, tt.want)
		}
	}
}

// Nothing in the default pack is said to be surer than it is.
func TestTheDefaultPackIsHonest(t *testing.T) {
	p := Default()
	rules := []*Rule{}
	for i := range p.Limits {
		rules = append(rules, &p.Limits[i].Rule)
	}
	for i := range p.Delta {
		rules = append(rules, &p.Delta[i].Rule)
	}
	for i := range p.Consistency {
		rules = append(rules, &p.Consistency[i].Rule)
	}
	for i := range p.Critical {
		rules = append(rules, &p.Critical[i].Rule)
	}
	for _, r := range rules {
		if _, status := p.source(r.Source); status != packfile.Verified && !r.ToBeConfirmed {
			t.Errorf("%s rests on %s and is not to be confirmed", r.ID, status)
		}
	}
	if p.Autoverification != Shadow {
		t.Error("a pack that nobody validated releases results")
	}
}

func TestCriticalValuesAreForWhomTheyAre(t *testing.T) {
	p := Default()
	for _, tt := range []struct {
		name   string
		value  string
		change func(*Facts)
		alarms string
		warns  string
	}{
		{name: "an adult", value: "6.5", alarms: "k-high"},
		{name: "a newborn", value: "6.5", change: func(f *Facts) { f.AgeDays = 3 }},
		{name: "a newborn with more", value: "7.5", change: func(f *Facts) { f.AgeDays = 3 }, alarms: "k-high-newborn"},
		{name: "of unknown age", value: "6.5", change: func(f *Facts) { f.AgeDays = -1 }, alarms: "k-high", warns: AgeAssumed},
		{name: "on dialysis", value: "6.5", change: func(f *Facts) { f.Department = "血液透析室" }},
		{name: "on dialysis with more", value: "7.0", change: func(f *Facts) { f.Department = "血液透析室" }, alarms: "k-high-dialysis"},
		{name: "known since yesterday", value: "6.5", change: before("6.4", 20)},
		{name: "known and worse", value: "7.1", change: before("6.4", 20), alarms: "k-high"},
		{name: "known for long", value: "6.5", change: before("6.4", 25), alarms: "k-high"},
		{name: "normal in between", value: "6.5", change: func(f *Facts) { before("6.4", 20)(f); before("5.0", 10)(f) }, alarms: "k-high"},
		{name: "creeping up, told at the third step", value: "7.0", change: func(f *Facts) { before("6.3", 12)(f); before("6.6", 8)(f); before("6.9", 4)(f) }, alarms: "k-high"},
		{name: "creeping up, told before", value: "7.1", change: func(f *Facts) { before("6.3", 12)(f); before("6.6", 8)(f); before("7.0", 4)(f) }},
		{name: "told long ago, the last not long ago", value: "6.5", change: func(f *Facts) { before("6.4", 30)(f); before("6.4", 10)(f) }, alarms: "k-high"},
	} {
		f := potassium(t, tt.value)
		if tt.change != nil {
			tt.change(&f)
		}
		v := p.Verify(f, nil)
		if alarms(v) != tt.alarms || warnings(v) != tt.warns {
			t.Errorf("%s: %q %q", tt.name, alarms(v), warnings(v))
		}
		replayed(t, p, tt.name, v)
	}
}
