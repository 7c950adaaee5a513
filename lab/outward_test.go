package lab

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/codec/hl7"
	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/lab/table"
	"github.com/lianzhen/lianzhen/lab/v2"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store/storetest"
)

// face is what must be the same of a row in every format.
type face struct{ Code, Text, Value, Unit, Range, Flags, Status string }

func facesOf(r *observation.Report, withdrawn bool) []face {
	var out []face
	for i := range r.Results {
		x := &r.Results[i]
		if x.Status == observation.Withdrawn && !withdrawn {
			continue
		}
		out = append(out, face{x.Code.Code, x.Code.Text, x.Value.String(), x.Unit.Display(), x.Range, flagsText(x.Flags), string(x.Status)})
	}
	return out
}

// digits makes a decimal with its zeros.
func digits(r *rand.Rand) string {
	s := fmt.Sprint(r.IntN(2000))
	if n := r.IntN(4); n > 0 {
		s += "." + fmt.Sprintf("%0*d", n, r.IntN([]int{1, 10, 100, 1000}[n]))
	}
	return s
}

func randomValue(r *rand.Rand) observation.Value {
	number := func() observation.Value { return observation.ParseValue(digits(r)) }
	switch r.IntN(9) {
	case 0:
		return observation.ParseValue([]string{"<", ">", "<=", ">="}[r.IntN(4)] + digits(r))
	case 1:
		v, high := number(), number()
		v.Kind, v.High = observation.Range, high.Number
		return v
	case 2:
		return observation.ParseValue("1:" + fmt.Sprint(1<<r.IntN(12)))
	case 3:
		return observation.Value{Kind: observation.Text, Text: []string{
			"阴性(-)", "3+", "a|b^c~d\\e&f", "见备注；建议复查", "=1+1", "𬭊 溶血", "1.5e3", "'引用", "第一行\n第二行", "2026-11-22",
			"\\.br\\ \\T\\", "-", "3.5.1",
		}[r.IntN(13)]}
	case 4:
		return observation.Value{Kind: observation.Coded, Coding: observation.Coding{Code: "112283007", Text: "大肠埃希菌 & co", System: "SCT"}}
	case 5:
		return observation.ParseValue("-" + digits(r))
	}
	return number()
}

// randomKept makes a report as the index might have it.
func randomKept(r *rand.Rand) *Kept {
	at := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC).Add(time.Duration(r.IntN(1e5)) * time.Second)
	k := &Kept{
		ID: "r1", Institution: storetest.Suwu, Laboratory: storetest.LeadHospital, LocalNumber: "E100", Name: "欧阳修明", BirthDate: "1963-05-02", Sex: record.Male,
		Filler: fmt.Sprintf("F%d", r.IntN(1000)), Performer: "王检验", Placer: "P1", Barcode: "620921000123456", Service: "24326-1", Title: "电解质", CollectedAt: at, LabAt: at.Add(time.Hour),
		ReportedAt: at.Add(2 * time.Hour), Status: observation.Final, Specimen: observation.Specimen{Type: observation.Coding{Code: "SER", Text: "血清", System: "HL70487"}},
	}
	statuses := []observation.Status{observation.Final, observation.Corrected, observation.Preliminary, observation.Withdrawn}
	for i := range 1 + r.IntN(30) {
		row := Row{
			ID: fmt.Sprint(i), Shown: true, Result: observation.Result{
				Number: 1 + r.IntN(5), Code: observation.Coding{Code: fmt.Sprintf("T%d", i), Text: fmt.Sprintf("项目%d", i), System: "L"}, Value: randomValue(r),
				Unit: observation.Coding{Text: []string{"mmol/L", "10^9/L", "%", ""}[r.IntN(4)]}, Range: []string{"3.5-5.3", "<5", "阴性", ""}[r.IntN(4)],
				Status: statuses[r.IntN(4)], Flags: [][]string{{"H"}, {"LL"}, nil}[r.IntN(3)],
			},
		}
		if r.IntN(3) == 0 {
			row.Judged = Judged{Flags: []string{"N"}, Interval: "3.4-5.4"}
		}
		switch {
		case row.Result.Status == observation.Withdrawn:
			row.Shown, row.Latest = false, true
		case r.IntN(8) == 0: // waits for somebody: it must not leave
			row.Shown, row.Latest = false, true
		}
		k.Rows = append(k.Rows, row)
	}
	k.hideWithdrawn()
	return k
}

func TestOneResultSeveralFaces(t *testing.T) {
	profiles := []string{"", "charset: GB18030\n", "version: '2.4'\n", "version: '2.3.1'\ncharset: GB18030\n", "version: '2.8'\n"}
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		k := randomKept(r)
		rep := k.Report()
		if len(rep.Results) == 0 {
			continue
		}
		text := profiles[seed%uint64(len(profiles))]
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			checkHL7(t, text, &rep)
			if !strings.Contains(fmt.Sprint(facesOf(&rep, false)), "T") {
				return
			}
			checkTable(t, table.CSV, &rep)
			checkTable(t, table.XLSX, &rep)
		})
	}
}

func checkHL7(t *testing.T, profile string, rep *observation.Report) {
	t.Helper()
	p, err := v2.ParseProfile([]byte(profile))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := v2.EncodeResults([]observation.Report{*rep}, p, hl7.Reply{ControlID: "1", At: rep.ReportedAt})
	if err != nil {
		t.Fatal(err)
	}
	m, err := hl7.Parse(raw, p.Options())
	if err != nil {
		t.Fatal(err)
	}
	d, err := v2.Decode(m, p)
	if err != nil || len(d.Reports) != 1 {
		t.Fatalf("%d reports: %v", len(d.Reports), err)
	}
	got := &d.Reports[0]
	if diff := cmp.Diff(facesOf(rep, true), facesOf(got, true)); diff != "" {
		t.Errorf("HL7 %q: %s\n%s", profile, diff, raw)
	}
	if got.Filler != rep.Filler || got.Specimen.ID != rep.Specimen.ID && p.Version >= "2.5" || got.Patient.Name != rep.Patient.Name || got.Patient.BirthDate != rep.Patient.BirthDate {
		t.Errorf("HL7 %q: whose it is has changed", profile)
	}
	for i := range got.Results {
		if a, b := rep.Results[i].Value.Kind, got.Results[i].Value.Kind; a != b {
			t.Errorf("HL7 %q: %s became %s", profile, a, b)
		}
	}
}

func checkTable(t *testing.T, f table.Format, rep *observation.Report) {
	t.Helper()
	var b bytes.Buffer
	if err := table.WriteResults(&b, f, table.Chinese, []observation.Report{*rep}); err != nil {
		t.Fatal(err)
	}
	p, err := table.ParseProfile([]byte("final: true\n"))
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := table.Read(bytes.NewReader(b.Bytes()), int64(b.Len()), p)
	if err != nil || len(got) != 1 {
		t.Fatalf("%s: %d reports: %v", f, len(got), err)
	}
	if diff := cmp.Diff(facesOf(rep, false), facesOf(&got[0], false)); diff != "" {
		t.Errorf("%s: %s", f, diff)
	}
}

func TestWhatLeavesOfARow(t *testing.T) {
	value := observation.ParseValue("5.40")
	for _, x := range []struct {
		name string
		row  Row
		want face
	}{
		{"the sender's flags with its interval", Row{
			Shown: true, Result: observation.Result{Value: value, Flags: []string{"H"}, Range: "3.5-5.3", Status: observation.Final},
			Judged: Judged{Flags: []string{"N"}, Interval: "3.5-5.5"},
		}, face{Value: "5.40", Range: "3.5-5.3", Flags: "H", Status: "final"}},
		{"our flags with ours", Row{
			Shown: true, Result: observation.Result{Value: value, Range: "3.5-5.3", Status: observation.Final},
			Judged: Judged{Flags: []string{"N"}, Interval: "3.5-5.5"},
		}, face{Value: "5.40", Range: "3.5-5.5", Flags: "N", Status: "final"}},
		{
			"nothing of ours",
			Row{Shown: true, Result: observation.Result{Value: value, Range: "3.5-5.3", Status: observation.Final}},
			face{Value: "5.40", Range: "3.5-5.3", Status: "final"},
		},
		{
			"withdrawn",
			Row{Latest: true, Result: observation.Result{Value: value, Range: "3.5-5.3", Flags: []string{"H"}, Notes: []string{"x"}, Status: observation.Withdrawn}},
			face{Status: "withdrawn"},
		},
	} {
		t.Run(x.name, func(t *testing.T) {
			k := Kept{ID: "r1", Rows: []Row{x.row, {Latest: true, Result: observation.Result{Value: value, Status: observation.Final}}}} // the second waits
			rep := k.Report()
			if diff := cmp.Diff([]face{x.want}, facesOf(&rep, true)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestOutwardHasWhatWasTakenBack(t *testing.T) {
	b := newBench(t, storetest.SQLite(t), storetest.Dir(t))
	id := b.send(t, b.lis, finalLink, oru("M1", "F1", early, potassium, sodium)).Reports[0].Report
	b.send(t, b.lis, finalLink, oru("M2", "F1", later, "2823-3^钾^LN|NM|4.10|mmol/L|3.5-5.3||W", "2075-0^氯^LN|NM|101|mmol/L|||W")) // chloride was never shown
	k, err := b.Outward(t.Context(), b.lis, id)
	if err != nil {
		t.Fatal(err)
	}
	rep := k.Report()
	want := []face{{"2823-3", "钾", "", "mmol/L", "", "", "withdrawn"}, {"2951-2", "钠", "139", "mmol/L", "137-147", "N", "final"}}
	if diff := cmp.Diff(want, facesOf(&rep, true)); diff != "" {
		t.Error(diff)
	}
	if _, err := b.Outward(t.Context(), b.other, id); record.KindOf(err) != record.NotFound {
		t.Errorf("another institution: %v", err)
	}
}

func TestAnAttachmentLeavesWithItsBytes(t *testing.T) {
	b := newBench(t, storetest.SQLite(t), storetest.Dir(t))
	message := oru("M1", "F1", early, potassium, "PDF^报告^L|ED|^application^pdf^Base64^JVBERi0xLjQ=")
	id := b.send(t, b.lis, finalLink, message).Reports[0].Report
	k, err := b.Outward(t.Context(), b.lis, id)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Attach(t.Context(), &k); err != nil {
		t.Fatal(err)
	}
	rep := k.Report()
	if v := rep.Results[1].Value; v.Kind != observation.Attachment || v.Media != "application/pdf" || string(v.Data) != "%PDF-1.4" {
		t.Errorf("%s %s %q", v.Kind, v.Media, v.Data)
	}
	checkHL7(t, "", &rep)
}
