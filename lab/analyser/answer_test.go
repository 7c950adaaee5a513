package analyser

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/codec/astm"
	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/record"
)

var fixed = time.Date(2026, 11, 22, 1, 2, 3, 0, time.UTC)

// ordered is a tube of two tests, of which the catalogue knows how one analyser names them.
func ordered(barcode string) []observation.Order {
	who := record.Demographics{LocalID: "100", Name: "王|二", BirthDate: record.Date{Year: 1980, Month: 1, Day: 2}, Sex: record.Male}
	return []observation.Order{
		{
			Control: observation.NewOrder, Patient: who, Priority: record.Stat, Specimen: observation.Specimen{ID: barcode},
			Items: []observation.Coding{{Code: "GLU", System: "L", Alternates: []observation.Coding{{Code: "117", System: "ROCHE-COBAS-E"}}}},
		},
		{
			Control: observation.NewOrder, Patient: who, Specimen: observation.Specimen{ID: barcode},
			Items: []observation.Coding{{Code: "WBC"}, {Code: "GLU"}},
		},
		{Control: observation.CancelOrder, Patient: who, Specimen: observation.Specimen{ID: barcode}, Items: []observation.Coding{{Code: "OLD"}}},
	}
}

func TestAnswers(t *testing.T) {
	for _, x := range []struct {
		name, profile, query string
		orders               []observation.Order
		barcode              string
		want                 string
	}{
		{
			name: "generic", profile: "generic", query: "H|\\^&|||X1\nQ|1|^B1||^^^ALL||||||||O\nL|1|N", orders: ordered("B1"), barcode: "B1",
			want: "H|\\^&|||LIANZHEN|||||X1||P|LIS2-A2|20261122090203\nP|1|100|||王&F&二||19800102|M\nO|1|B1||^^^GLU\\^^^WBC|S||||||N||||||||||||||Q\nL|1|N\n",
		},
		{
			name: "nothing is ordered", profile: "generic", query: "H|\\^&|||X1\nQ|1|^B2||ALL\nL|1|N", barcode: "B2",
			want: "H|\\^&|||LIANZHEN|||||X1||P|LIS2-A2|20261122090203\nL|1|I\n",
		},
		{
			name: "only what is asked for", profile: "generic", query: "H|\\^&|||X1\nQ|1|^B1||^^^WBC\nL|1|N", orders: ordered("B1"), barcode: "B1",
			want: "H|\\^&|||LIANZHEN|||||X1||P|LIS2-A2|20261122090203\nP|1|100|||王&F&二||19800102|M\nO|1|B1||^^^WBC|S||||||N||||||||||||||Q\nL|1|N\n",
		},
		{
			name: "XN: rack and position come back", profile: "sysmex-xn", query: "H|\\^&|||XN\nQ|1|2001^01^     B3^B||||20010905150000\nL|1|N",
			orders: ordered("B3"), barcode: "B3",
			want: "H|\\^&|||LIANZHEN|||||XN||P|LIS2-A2|20261122090203\nP|1|100|||王&F&二||19800102|M\nO|1|2001^01^B3^B||^^^^GLU\\^^^^WBC|S||||||N||||||||||||||Q\nL|1|N\n",
		},
		{
			name: "cobas: its own codes, sequence, rack and container come back", profile: "roche-cobas-e",
			query:  "H|\\^&|||cobas-e411^1|||||host|TSREQ^REAL|P|1\nQ|1|^^    B4^3668^@8^1^^S1^SC||ALL||||||||O\nL|1|N",
			orders: ordered("B4"), barcode: "B4",
			want: "H|\\^&|||host^1|||||cobas-e411|TSDWN^REPLY|P|1\nP|1|||||||M\nO|1|B4|3668^@8^1^^S1^SC|^^^117^\\^^^WBC^\\^^^GLU^|S||||||A||||1||||||||||O\nL|1|N\n",
		},
		{
			name: "GeneXpert: its delimiters", profile: "cepheid-genexpert", query: "H|@^\\|1||h^GeneXpert^4.8\nQ|1|^B5||||||||||O\nL|1|N",
			orders: ordered("B5"), barcode: "B5",
			want: "H|@^\\|||LIANZHEN|||||GeneXpert||P|1394-97|20261122090203\nP|1|100|||王\\F\\二||19800102|M\nO|1|B5||^^^GLU@^^^WBC|S||||||A||||||||||||||Q\nL|1|F\n",
		},
		{
			name: "Maglumi", profile: "snibe-maglumi", query: "H|\\^&||PSWD|Maglumi X3|||||Lis||P|E1394-97|20260717\nQ|1|^B6||ALL||||||||O\nL|1|N",
			orders: ordered("B6"), barcode: "B6",
			want: "H|\\^&||PSWD|Lis|||||Maglumi X3||P|E1394-97|20261122090203\nP|1|100|||王&F&二||19800102|M\nO|1|B6||^^^GLU\\^^^WBC|S\nL|1|N\n",
		},
	} {
		t.Run(x.name, func(t *testing.T) {
			p := builtin(t, x.profile)
			_, queries, _, err := Read([]byte(x.query), p)
			if err != nil || len(queries) != 1 {
				t.Fatalf("%d queries, %v", len(queries), err)
			}
			if queries[0].Barcode != x.barcode {
				t.Errorf("asks for %q", queries[0].Barcode)
			}
			m := p.Answer(queries[0], x.orders, fixed)
			if diff := cmp.Diff(x.want, strings.ReplaceAll(string(m.Bytes(astm.UTF8)), "\r", "\n")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestQueries(t *testing.T) {
	for _, x := range []struct {
		name, record string
		want         []Query
	}{
		{"one", "Q|1|^B1||ALL||||||||O", []Query{{Barcode: "B1"}}},
		{"several", "Q|1|^B1\\^B2||^^^GLU\\^^^K", []Query{{Barcode: "B1", Tests: []string{"GLU", "K"}}, {Barcode: "B2", Tests: []string{"GLU", "K"}}}},
		{"all that wait", "Q|1|ALL||ALL||||||||O", []Query{{All: true}}},
		{"all that wait, in its component", "Q|1|^ALL", []Query{{All: true}}},
		{"it is taken back", "Q|1|^B1||ALL||||||||A", []Query{{Barcode: "B1", Cancel: true}}},
		{"of nothing", "Q|1|", []Query{{}}},
	} {
		t.Run(x.name, func(t *testing.T) {
			_, got, _, err := Read([]byte("H|\\^&\r"+x.record+"\rL|1|N\r"), builtin(t, Generic))
			if err != nil {
				t.Fatal(err)
			}
			for i := range got {
				got[i].record, got[i].header = astm.Record{}, astm.Record{}
			}
			if diff := cmp.Diff(x.want, got, cmp.AllowUnexported(Query{}, astm.Record{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestEachTestItsOwnRecord(t *testing.T) {
	p, err := Parse([]byte("profile: xx\nanswer: {each: true, test: '{code}', patient: {3: '{patient.id}'}, order: {3: '{barcode}', 5: '{tests}'}, header: {5: US}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	m := p.Answer(Query{}, append(ordered("B1"), ordered("B2")[0]), fixed)
	want := "H|\\^&|||US\nP|1|100\nO|1|B1||GLU\nO|2|B1||WBC\nP|2|100\nO|1|B2||GLU\nL|1|N\n"
	if diff := cmp.Diff(want, strings.ReplaceAll(string(m.Bytes(astm.UTF8)), "\r", "\n")); diff != "" {
		t.Error(diff)
	}
}

func TestProfilesOfACounty(t *testing.T) {
	for _, x := range []struct{ name, text, refused string }{
		{"nothing", "", ""},
		{"one of the program with a change", "based_on: sysmex-xn\nprofile: xn-2\nline: {dial: 'xn:5000'}\n", ""},
		{"a field that is none", "profile: xx\nbarcode: O-3\n", "line 2"},
		{"a path that is none", "profile: xx\norder: {barcode: Z-3}\n", "line 2: path"},
		{"two documents", "profile: xx\n---\nprofile: yy\n", "one YAML document"},
		{"no id", "sender: [X]\n", "want an id"},
		{"a base that is none", "based_on: ../x\n", "based_on"},
		{"HL7 without a name", "profile: xx\nprotocol: HL7\n", "speaks"},
		{"another protocol", "profile: xx\nprotocol: DICOM\n", "want ASTM, HL7"},
		{"a character set that is none", "profile: xx\ncharset: KOI8\n", "charset"},
		{"a zone that is none", "profile: xx\nzone: Mars/North\n", "zone"},
		{"a status that is none", "profile: xx\nstatus: {Z: Q}\n", "status"},
		{"a template with an unknown word", "profile: xx\nanswer: {order: {3: '{mother}'}}\n", "{mother}"},
		{"a template with a brace", "profile: xx\nanswer: {order: {3: '{'}}\n", "braces"},
		{"a field of a template", "profile: xx\nanswer: {order: {1: 'x'}}\n", "field 1"},
		{"delimiters", "profile: xx\nanswer: {delimiters: '|^'}\n", "four characters"},
		{"far too long", "profile: xx\n#" + strings.Repeat("x", MaxProfile), "more than"},
	} {
		t.Run(x.name, func(t *testing.T) {
			p, err := Parse([]byte(x.text))
			if x.refused == "" {
				if err != nil || p.ID == "" {
					t.Fatalf("%v", err)
				}
				return
			}
			if record.KindOf(err) != record.Invalid || !strings.Contains(err.Error(), x.refused) {
				t.Errorf("%v, want %q", err, x.refused)
			}
		})
	}
}

func TestAProfileBasedOnAnother(t *testing.T) {
	p, err := Parse([]byte("based_on: sysmex-xn\nprofile: xn-2\nline: {dial: 'xn:5000'}\nresult: {keep: last}\ntests: {WBC: {name: {zh: 白细胞}}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	base := builtin(t, "sysmex-xn")
	if p.Line.Dial != "xn:5000" || p.Line.MaxFrame != base.Line.MaxFrame || p.Result.Code.String() != base.Result.Code.String() || len(p.Tests) != len(base.Tests) {
		t.Errorf("%+v", p.Line)
	}
	if p.Tests["WBC"].Name.ZH != "白细胞" || base.Tests["WBC"].Name.ZH != "白细胞计数" {
		t.Error("the profile of the program changed")
	}
	reports, _, _, err := Read([]byte("H|\\^&|||XN\rO|1|^^7\rR|1|^^^^WBC^1|8.1||||||||||\rR|2|^^^^WBC^2|8.2\rL|1\r"), p)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"tube 7 final", "WBC#1 | quantity 8.1 |  |  |  | unverified", "WBC#2 | quantity 8.2 |  |  |  | final"}
	if diff := cmp.Diff(want, lines(reports)); diff != "" {
		t.Error(diff)
	}
}

func TestUnitsWhoseMicroSignWasAnotherCharset(t *testing.T) {
	for _, x := range []struct{ sent, want string }{
		{"\xB5mol/L", "µmol/L"},
		{"10*3/\xB5L", "10*3/µL"},
		{"\xB5IU/mL", "µIU/mL"},
		{"\xB8\xF6/\xB5L", "个/礚"}, // GB18030 as it stands: two bytes of a character, and one that may be either
		{"mmol/L", "mmol/L"},
	} {
		reports, _, _, err := Read([]byte("H|\\^&\rO|1|7\rR|1|^^^A|1|"+x.sent+"\rL|1\r"), builtin(t, Generic))
		if err != nil {
			t.Fatal(err)
		}
		if got := reports[0].Results[0].Unit.Text; got != x.want {
			t.Errorf("%q became %q, want %q", x.sent, got, x.want)
		}
	}
}

func TestPatientsAndTimes(t *testing.T) {
	reports, _, _, err := Read([]byte("H|\\^&|||X\rP|1||110105194912310021||王^小二||19491231|F|||||||||||||||||三病区\rC|1|I|fasting|G\rO|1|7||^^^A|S||20260101070000\rR|1|^^^A|1||||||||20260101080000\rC|1|I|clot^seen|I\rL|1\r"), builtin(t, Generic))
	if err != nil {
		t.Fatal(err)
	}
	r := reports[0]
	if r.Patient.IDNumber.Reveal() != "110105194912310021" && r.Patient.LocalID.Reveal() != "110105194912310021" {
		t.Error("the number of the patient is lost")
	}
	if r.Patient.Name.Reveal() != "王小二" || r.Patient.Sex != record.Female || r.Ward != "三病区" || r.Priority != record.Stat {
		t.Errorf("%+v", r)
	}
	if want := time.Date(2025, 12, 31, 23, 0, 0, 0, time.UTC); !r.Specimen.CollectedAt.Equal(want) {
		t.Errorf("collected at %v", r.Specimen.CollectedAt)
	}
	if diff := cmp.Diff([]string{"fasting"}, r.Notes); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"clot seen"}, r.Results[0].Notes); diff != "" {
		t.Error(diff)
	}
}
