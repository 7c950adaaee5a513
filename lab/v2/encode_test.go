package v2

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lianzhen/lianzhen/codec/hl7"
	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/record"
)

// maker makes reports that nobody would think of.
type maker struct{ *rand.Rand }

var texts = []string{"血清", "弢|珅^昞~東\\誠&", "plain", "a\\T\\b", "E. coli", "10^9/L", "阴性(-)", "x\ny", "\"quoted\"", "東"}

func (r maker) text() string {
	return strings.ReplaceAll(texts[r.IntN(len(texts))], "\n", " ") + fmt.Sprint(r.IntN(100))
}

func (r maker) coding() observation.Coding {
	c := observation.Coding{Code: fmt.Sprint("C", r.IntN(1000)), Text: r.text(), System: []string{"LN", "L", "99CN"}[r.IntN(3)]}
	for range r.IntN(3) {
		c.Alternates = append(c.Alternates, observation.Coding{Code: fmt.Sprint("A", r.IntN(1000)), Text: r.text(), System: "L"})
	}
	return c
}

func (r maker) at() time.Time { return time.Unix(1_600_000_000+r.Int64N(200_000_000), 0).UTC() }

func (r maker) number() string {
	return []string{"4.50", "0.0", "-1.10", "12345678901234567890.123", "7"}[r.IntN(5)]
}

func (r maker) value() observation.Value {
	n, _ := observation.ParseNumber(r.number())
	h, _ := observation.ParseNumber(r.number())
	return []observation.Value{
		{},
		{Kind: observation.Quantity, Number: n},
		{Kind: observation.Quantity, Number: n, Comparator: []string{"<", ">", "<=", ">=", "~"}[r.IntN(5)]},
		{Kind: observation.Range, Number: n, High: h},
		{Kind: observation.Ratio, Number: n, High: h, Comparator: []string{"", ">"}[r.IntN(2)]},
		{Kind: observation.Coded, Coding: r.coding()},
		{Kind: observation.Text, Text: r.text() + "\n" + r.text() + "\n\nend"},
		{Kind: observation.Text, Text: r.text()},
		{Kind: observation.Text, Text: "5.6"},
		{Kind: observation.Time, Text: "20260105"},
		{Kind: observation.Attachment, Media: "application/pdf", Data: []byte("%PDF-" + r.text())},
		{Kind: observation.Attachment, Media: "image/jpeg", Pointer: "https://x/?a=1&b=2|" + r.text()},
	}[r.IntN(12)]
}

func (r maker) result(n int) observation.Result {
	x := observation.Result{
		Number: n, Code: r.coding(), SubID: []string{"", "1", "1.2"}[r.IntN(3)], Value: r.value(), Unit: []observation.Coding{{}, {Text: "10^9/L"}, {Code: "mmol/L", System: "UCUM"}, {Text: "个/HP"}}[r.IntN(4)],
		Range: []string{"", "3.5-5.3", "<5 & \"x\"", "阴性"}[r.IntN(4)], Nature: []string{"", "S"}[r.IntN(2)],
		Status: []observation.Status{observation.Final, observation.Preliminary, observation.Corrected, observation.Amended, observation.Withdrawn, observation.Cancelled, observation.Unverified}[r.IntN(7)],
		Method: r.coding(), Device: r.text(), ObservedAt: r.at(), AnalysedAt: r.at(), Responsible: "赵六", Laboratory: r.text(),
	}
	for range r.IntN(3) {
		x.Flags = append(x.Flags, []string{"H", "LL", "A"}[r.IntN(3)])
		x.Notes = append(x.Notes, r.text()+"\n"+r.text())
	}
	if x.Status == observation.Withdrawn { // its value does not travel
		x.Value, x.Flags = observation.Value{}, nil
	}
	return x
}

func (r maker) report() observation.Report {
	x := observation.Report{
		Patient: record.Demographics{LocalID: record.Personal("T|" + fmt.Sprint(r.IntN(100))), IDNumber: "11010519491231002X", Name: "張弢珅", Latin: "ZHANG TAO SHEN", BirthDate: record.Date{Year: 1949, Month: 12, Day: 31}, Sex: "F"},
		Visit:   "V&1", Ward: "内科", Placer: r.text(), Filler: r.text(), Group: "G", Service: r.coding(), Priority: []record.Priority{record.Stat, record.Urgent, record.Routine}[r.IntN(3)],
		Specimen: observation.Specimen{
			ID: "S1", Placer: "S1", Filler: "H1", Type: r.coding(), Site: r.coding(), Volume: "5 mL", CollectedAt: r.at(), ReceivedAt: r.at(),
			Condition: []observation.Coding{r.coding(), r.coding()}, Rejected: []observation.Coding{r.coding()}, Notes: []string{r.text()},
		},
		Orderer: "李珅", Clinical: r.text(), ObservedAt: r.at(), ReportedAt: r.at(), Performer: "王五",
		Parent: observation.Parent{Placer: "PP", Filler: "FF", Code: "C1", SubID: "1", Text: r.text()}, Notes: []string{r.text() + "\n" + r.text()},
	}
	var rows observation.Status
	for i := range 1 + r.IntN(6) {
		x.Results = append(x.Results, r.result(i+1))
		rows = worse(rows, x.Results[i].Status)
	}
	x.Status = worse(rows, wholes[letters[rows]])
	return x
}

// sameValue compares digits, not pointers.
var sameValue = cmp.Comparer(func(a, b observation.Value) bool {
	return a.Kind == b.Kind && a.String() == b.String() && a.Comparator == b.Comparator && cmp.Equal(a.Coding, b.Coding) && a.Text == b.Text &&
		a.Media == b.Media && string(a.Data) == string(b.Data) && a.Pointer == b.Pointer
})

// TestRoundTrips: what is written is what is read, in every character set.
func TestRoundTrips(t *testing.T) {
	for _, x := range []struct{ name, yaml string }{
		{"UTF-8", "ours: {application: 联诊}"}, {"GB 18030", "charset: GB18030"}, {"version 2.8", "version: '2.8'"}, {"another zone", "zone: Asia/Urumqi"},
	} {
		t.Run(x.name, func(t *testing.T) {
			p := profile(t, x.yaml)
			r := maker{rand.New(rand.NewPCG(1, 2))}
			for n := range 200 {
				want := make([]observation.Report, 1+r.IntN(3))
				for i := range want {
					want[i] = r.report()
				}
				raw, err := EncodeResults(want, p, hl7.Reply{ControlID: "1", At: r.at()})
				if err != nil {
					t.Fatal(err)
				}
				m, err := hl7.Parse(raw, p.Options())
				if err != nil {
					t.Fatal(err)
				}
				got, err := Decode(m, p)
				if err != nil {
					t.Fatalf("%d: %v\n%s", n, err, m.Text)
				}
				if diff := cmp.Diff(want, got.Reports, sameValue, cmpopts.EquateEmpty(), reveal); diff != "" {
					t.Fatalf("%d: %s\n%s", n, diff, strings.ReplaceAll(m.Text, "\r", "\n"))
				}
				if len(got.Warnings) > 0 {
					t.Fatalf("%v", got.Warnings)
				}
			}
		})
	}
}

// reveal compares persons by what they are, not by their masks.
var reveal = cmp.Comparer(func(a, b record.Demographics) bool { return a == b })

func TestOldVersionsHaveNoSPM(t *testing.T) {
	p := profile(t, "version: 2.3.1\nfields: {barcode: [OBR-18]}\ncharset: GB18030")
	r := maker{rand.New(rand.NewPCG(3, 4))}
	want := r.report()
	raw, err := EncodeResults([]observation.Report{want}, p, hl7.Reply{ControlID: "1"})
	if err != nil {
		t.Fatal(err)
	}
	m, err := hl7.Parse(raw, p.Options())
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := m.First("SPM"); ok || m.Get("MSH", 12) != "2.3.1" || m.Get("OBR", 18) != "S1" {
		t.Error(m.Text)
	}
	got, err := Decode(m, p)
	if err != nil || got.Reports[0].Specimen.ID != "S1" || got.Reports[0].Specimen.Type.Code != want.Specimen.Type.Code || got.Reports[0].Priority != want.Priority {
		t.Errorf("%+v %v", got.Reports, err)
	}
}

func TestOrdersRoundTrip(t *testing.T) {
	r := maker{rand.New(rand.NewPCG(5, 6))}
	for _, x := range []struct{ name, yaml, kind string }{{"OML^O21", "", "OML"}, {"ORM^O01", "order: ORM^O01\nversion: '2.4'\nfields: {barcode: [OBR-18]}", "ORM"}} {
		t.Run(x.name, func(t *testing.T) {
			p := profile(t, x.yaml)
			for range 100 {
				base := r.report()
				var want []observation.Order
				for i := range 1 + r.IntN(3) {
					o := observation.Order{
						Control: []observation.Control{observation.NewOrder, observation.CancelOrder, observation.ChangeOrder}[r.IntN(3)], Patient: base.Patient, Visit: base.Visit, Ward: base.Ward,
						Placer: fmt.Sprint("P", i), Filler: "F", Group: "G", Service: r.coding(), Priority: base.Priority, Orderer: "李珅", Clinical: r.text(), OrderedAt: r.at(), Notes: []string{r.text()},
						Specimen: observation.Specimen{ID: "S1", Type: observation.Coding{Code: "SER", Text: "血清", System: "L"}, CollectedAt: r.at(), ReceivedAt: r.at()},
					}
					if x.kind == "OML" {
						o.Specimen.Placer = "S1"
					}
					want = append(want, o)
				}
				raw, err := EncodeOrder(want, p, hl7.Reply{ControlID: "1"})
				if err != nil {
					t.Fatal(err)
				}
				m, err := hl7.Parse(raw, p.Options())
				if err != nil {
					t.Fatal(err)
				}
				got, err := Decode(m, p)
				if err != nil || m.Get("MSH", 9) != x.kind {
					t.Fatal(err, m.Text)
				}
				if diff := cmp.Diff(want, got.Orders, cmpopts.EquateEmpty(), reveal); diff != "" {
					t.Fatal(diff, strings.ReplaceAll(m.Text, "\r", "\n"))
				}
			}
		})
	}
	if _, err := EncodeOrder(nil, profile(t, ""), hl7.Reply{}); record.KindOf(err) != record.Invalid {
		t.Error(err)
	}
}

func BenchmarkDecode24KB(b *testing.B) {
	p := profile(b, "")
	r := maker{rand.New(rand.NewPCG(1, 2))}
	var reports []observation.Report
	var raw []byte
	for len(raw) < 24<<10 {
		reports = append(reports, r.report())
		raw, _ = EncodeResults(reports, p, hl7.Reply{ControlID: "1"})
	}
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		m, err := hl7.Parse(raw, p.Options())
		if err != nil {
			b.Fatal(err)
		}
		if _, err := Decode(m, p); err != nil {
			b.Fatal(err)
		}
	}
}
