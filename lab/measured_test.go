package lab

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/lab/catalogue"
	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/lab/quality"
	"github.com/lianzhen/lianzhen/lab/specimen"
	"github.com/lianzhen/lianzhen/lab/verify"
	"github.com/lianzhen/lianzhen/reading"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

func TestIntervalsAreReadAsSendersWriteThem(t *testing.T) {
	for _, c := range []struct {
		name, text, sex, low, high string
		lowOpen, highOpen          bool
	}{
		{name: "plain", text: "3.5-5.3", low: "3.5", high: "5.3"},
		{name: "two hyphens", text: "3.5--5.3", low: "3.5", high: "5.3"},
		{name: "a long dash", text: "3.5—5.3", low: "3.5", high: "5.3"},
		{name: "two long dashes", text: "3.5——5.3", low: "3.5", high: "5.3"},
		{name: "full width", text: "３.５～５.３", low: "3.5", high: "5.3"},
		{name: "spaces", text: " 3.50 - 5.30 ", low: "3.50", high: "5.30"},
		{name: "brackets", text: "(3.5-5.3)", low: "3.5", high: "5.3"},
		{name: "with its unit", text: "3.5-5.3 mmol/L", low: "3.5", high: "5.3"},
		{name: "with another unit", text: "3.5-5.3 mg/dL"},
		{name: "negative to positive", text: "-3-3", low: "-3", high: "3"},
		{name: "negative to negative", text: "-3--1", low: "-3", high: "-1"},
		{name: "negative with a tilde", text: "-3~+3", low: "-3", high: "3"},
		{name: "upside down", text: "5.3-3.5"},
		{name: "below", text: "<5.0", high: "5.0", highOpen: true},
		{name: "at most", text: "≤5.0", high: "5.0"},
		{name: "below, with its unit", text: "＜5.0mmol/L", high: "5.0", highOpen: true},
		{name: "at least", text: ">=60", low: "60"},
		{name: "of a man", text: "男:130-175 女:115-150", sex: "M", low: "130", high: "175"},
		{name: "of a woman", text: "男：130～175；女：115～150", sex: "F", low: "115", high: "150"},
		{name: "of a person of unknown sex", text: "男:130-175 女:115-150"},
		{name: "a titre", text: "<1:80"},
		{name: "nothing", text: ""},
		{name: "a dash", text: "-"},
		{name: "a footnote", text: "见说明"},
	} {
		got, ok := rangeOf(c.text, c.sex, "mmol/L", "")
		if ok != (c.low != "" || c.high != "") {
			t.Errorf("%s: %q: %v", c.name, c.text, ok)
			continue
		}
		var low, high string
		if got.Low.Some() {
			low = got.Low.String()
		}
		if got.High.Some() {
			high = got.High.String()
		}
		if low != c.low || high != c.high || got.LowOpen != c.lowOpen || got.HighOpen != c.highOpen {
			t.Errorf("%s: %q: %q to %q, open %v %v", c.name, c.text, low, high, got.LowOpen, got.HighOpen)
		}
	}
	if got, ok := rangeOf("阴性", ""); !ok || got.Expect != verify.Negative {
		t.Errorf("%+v %v", got, ok)
	}
}

func TestWhatIsWrongWithTheSpecimenReachesTheRules(t *testing.T) {
	at := time.Date(2026, 11, 22, 1, 0, 0, 0, time.UTC)
	potassium := Row{Analyte: "K", UCUM: "mmol/L", RecordedAt: at, Result: observation.Result{
		Value: observation.ParseValue("4.2"), Unit: observation.Coding{Text: "mmol/L"}, Status: observation.Final,
	}}
	index := func(value string) Row {
		return Row{Analyte: haemolysisIndex, UCUM: "1", RecordedAt: at, Result: observation.Result{Value: observation.ParseValue(value), Status: observation.Final}}
	}
	for _, c := range []struct {
		name   string
		beside []Row
		change func(*Row)
		expiry *specimen.Expiry
		hold   []string
	}{
		{name: "nothing"},
		{name: "haemolysed by its index", beside: []Row{index("80")}, hold: []string{"auto-k"}},
		{name: "hardly haemolysed", beside: []Row{index("<10")}},
		{name: "beyond what the index can say", beside: []Row{index(">500")}, hold: []string{"auto-k"}},
		{name: "haemolysed in words", beside: []Row{index("2+")}, hold: []string{"gate-specimen"}},
		{name: "flagged by the analyser", change: func(r *Row) { r.Result.Flags = []string{"H~reagent"} }, hold: []string{"gate-instrument"}},
		{name: "normal by the analyser", change: func(r *Row) { r.Result.Flags = []string{"N"} }},
		{name: "doubted by the analyser", change: func(r *Row) { r.Result.Warnings = []observation.Warning{{Code: "validity"}} }, hold: []string{"gate-instrument"}},
		{name: "kept too long", expiry: &specimen.Expiry{Expired: true}, hold: []string{"gate-specimen"}},
		{name: "kept too warm", expiry: &specimen.Expiry{OutOfRange: true}, hold: []string{"gate-specimen"}},
		{name: "kept well", expiry: &specimen.Expiry{}},
	} {
		row := potassium
		if c.change != nil {
			c.change(&row)
		}
		j := &judgement{
			a: &arrival{receivedAt: at}, rep: &reportRow{Kept: Kept{AgeDays: 20_000, Sex: record.Female}}, pack: catalogue.Default(), rules: verify.Default(), kind: "SER",
		}
		if c.expiry != nil {
			j.expiry = func(string, time.Time) specimen.Expiry { return *c.expiry }
		}
		for i := range c.beside {
			b := &c.beside[i]
			j.index(b)
			j.beside = append(j.beside, verify.Beside{Analyte: b.Analyte, Value: verify.ValueOf(b.Result.Value), Unit: b.UCUM})
		}
		v := j.rules.Verify(j.facts(&row, quality.State{Internal: record.QCInControl}), j.pack.Convert)
		var hold []string
		for _, s := range v.Steps {
			if s.Outcome == verify.Hold {
				hold = append(hold, s.Rule)
			}
		}
		if diff := cmp.Diff(c.hold, hold); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

func TestADismissedAlarmDoesNotSilenceTheNextSpecimen(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		b := newBench(t, db, storetest.Dir(t))
		ctx := t.Context()
		send := func(n, taken, value string) Stored {
			t.Helper()
			body := oru("D"+n, "F"+n, later, "2823-3^钾^LN|NM|"+value+"|mmol/L|3.5-5.3||F")
			body = []byte(replaceOnce(string(body), "20261122083000+0800", taken))
			st, err := b.Accept(ctx, b.lis, Source{Format: HL7, Body: body, Link: finalLink})
			if err != nil {
				t.Fatal(err)
			}
			return st
		}
		first := send("1", "20261122080000+0800", "7.00")
		if !slices.Equal(first.Reports[0].Alarms, []string{"k-high"}) {
			t.Fatalf("%+v", first)
		}
		if again := send("2", "20261122083000+0800", "7.05"); len(again.Reports[0].Alarms) != 0 {
			t.Fatalf("told twice: %+v", again)
		}
		open, _, err := b.room.Criticals(ctx, b.tech, reading.CriticalFilter{Case: first.Reports[0].Case})
		if err != nil || len(open) != 1 {
			t.Fatalf("%v %v", open, err)
		}
		if _, err := b.room.DismissCritical(ctx, b.tech, open[0].ID, "标本溶血"); err != nil {
			t.Fatal(err)
		}
		// 7.05 was silenced by 7.00; a third must be told, since the only one that was told is dismissed.
		third := send("3", "20261122085500+0800", "7.10")
		if !slices.Equal(third.Reports[0].Alarms, []string{"k-high"}) {
			t.Fatalf("the confirmed value is told to nobody: %+v", third)
		}
	})
}

func replaceOnce(s, old, by string) string { return strings.Replace(s, old, by, 1) }
