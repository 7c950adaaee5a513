package v2

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/codec/hl7"
	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/record"
)

func profile(t testing.TB, yaml string) Profile {
	t.Helper()
	p, err := ParseProfile([]byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func decode(t testing.TB, yaml, text string) (Decoded, error) {
	t.Helper()
	p := profile(t, yaml)
	m, err := hl7.Parse([]byte(text), p.Options())
	if err != nil {
		t.Fatal(err)
	}
	return Decode(m, p)
}

func msh(kind, version string) string {
	return "MSH|^~\\&|LIS|T01|HUB|H01|20260105093000||" + kind + "|M1|P|" + version + "\r"
}

func oru(lines ...string) string {
	return msh("ORU^R01", "2.5.1") + "PID|1||X1^^^T01^PI\r" + strings.Join(lines, "\r") + "\r"
}

// rowsOf writes rows short: number code=value [unit] status flags warnings.
func rowsOf(r *observation.Report) (out []string) {
	for i := range r.Results {
		x := &r.Results[i]
		s := fmt.Sprintf("%d %s %s=%s %s", x.Number, x.Code.Display(), x.Value.Kind, x.Value.String(), x.Status)
		if !x.Unit.Empty() {
			s += " [" + x.Unit.Display() + "]"
		}
		for _, w := range x.Warnings {
			s += " !" + w.Code
		}
		for _, n := range x.Notes {
			s += " #" + n
		}
		out = append(out, s)
	}
	return out
}

func TestValues(t *testing.T) {
	for _, x := range []struct {
		obx, want string
	}{
		{"NM|K||4.50|mmol/L|||||F", "quantity=4.50 final [mmol/L]"},
		{"NM|K||+4.5||||||F", "quantity=4.5 final"},
		{"NM|K||-0.0||||||F", "quantity=-0.0 final"},
		{"NM|K||<0.01|ng/mL|||||F", "quantity=<0.01 final [ng/mL] !comparator-in-number"},
		{"NM|K||＜０.０１||||||F", "quantity=<0.01 final !comparator-in-number"},
		{"NM|K||3-5||||||F", "range=3-5 final !comparator-in-number"},
		{"NM|K||溶血||||||F", "text=溶血 final !number-as-text"},
		{"NM|K||1e5||||||F", "text=1e5 final !number-as-text"},
		{"NM|K||1,234||||||F", "text=1,234 final !number-as-text"},
		{"NM|K||1~2||||||F", "text=1~2 final !value-repeated"},
		{"NM|K||||||||X", "= cancelled"},
		{"NM|K||\"\"||||||F", "= final !value-null"},
		{"SN|K||>^1000||||||F", "quantity=>1000 final"},
		{"SN|K||<=^0.25||||||F", "quantity=<=0.25 final"},
		{"SN|K||^1^:^128||||||F", "ratio=1:128 final"},
		{"SN|K||^3^-^5||||||F", "range=3-5 final"},
		{"SN|K||^2^+||||||F", "text=2+ final"},
		{"SN|K||>1000||||||F", "quantity=>1000 final !structure-missing"},
		{"SN|K||<>^5||||||F", "text=<>5 final !number-as-text"},
		{"ST|K||阴性||||||F", "text=阴性 final"},
		{"ST|K||5.6|mmol/L|||||F", "quantity=5.6 final [mmol/L] !text-as-number"},
		{"ST|K||5.6||||||F", "text=5.6 final"},
		{"|K||5.6|mmol/L|||||F", "quantity=5.6 final [mmol/L] !type-missing !text-as-number"},
		{"ZZ|K||a^b||||||F", "text=a^b final !type-unknown"},
		{"TX|K||第一段~第二段\\.br\\第三段||||||F", "text=第一段\n第二段\n第三段 final"},
		{"FT|K||a\\T\\b||||||F", "text=a&b final"},
		{"CWE|K||112283007^Escherichia coli^SCT||||||F", "coded=Escherichia coli final"},
		{"CE|K||^Positive||||||F", "coded=Positive final"},
		{"CE|K||^^^POS^阳性^L||||||F", "coded=阳性 final"},
		{"CWE|K||A^a^L~B^b^L||||||F", "text=a; b final !value-repeated"},
		{"DT|K||20260105||||||F", "time=20260105 final"},
		{"DTM|K||yesterday||||||F", "time=yesterday final !time-unread"},
		{"NA|K||1^2^3||||||F", "text=1^2^3 final"},
		{"ED|K||LIS^application^pdf^Base64^JVBERi0=||||||F", "attachment= final"},
		{"ED|K||LIS^application^pdf^Base64^%%%||||||F", "= final !attachment-unread"},
		{"RP|K||http://x/1^^IM^JPEG||||||F", "attachment= final"},
		{"NM|K||5|10^9/L|||||F", "quantity=5 final [10^9/L]"},
		{"NM|K||5|10\\S\\9/L|||||F", "quantity=5 final [10^9/L]"},
		{"NM|K||5|g/L^^UCUM|||||F", "quantity=5 final [g/L]"},
		{"NM|K||5||||||", "quantity=5 final !status-missing"},
		{"NM|K||5||||||?", "quantity=5 unverified !status-unknown"},
		{"NM|K||5||||||R", "quantity=5 unverified"},
		{"NM|K||5||||||U", "quantity=5 final"},
		{"NM|K||5||||||W", "quantity=5 withdrawn"},
		{"NM|||5||||||F", "quantity=5 final !code-missing"},
	} {
		d, err := decode(t, "", oru("OBR|1|P|F|S", "OBX|1|"+x.obx))
		if err != nil {
			t.Errorf("%s: %v", x.obx, err)
			continue
		}
		got := rowsOf(&d.Reports[0])
		want := "1 K " + x.want
		if strings.Contains(x.want, "code-missing") {
			want = "1  " + x.want
		}
		if diff := cmp.Diff([]string{want}, got); diff != "" {
			t.Errorf("%s: %s", x.obx, diff)
		}
	}
}

func TestAttachments(t *testing.T) {
	d, err := decode(t, "", oru("OBR|1|P|F|S", "OBX|1|ED|K||LIS^application^pdf^Base64^JVBERi0=||||||F", "OBX|2|RP|K||http://x/1^^IM^JPEG||||||F"))
	if err != nil {
		t.Fatal(err)
	}
	a, b := d.Reports[0].Results[0].Value, d.Reports[0].Results[1].Value
	if string(a.Data) != "%PDF-" || a.Media != "application/pdf" || b.Pointer != "http://x/1" || b.Media != "image/jpeg" {
		t.Errorf("%+v %+v", a, b)
	}
	if _, err := decode(t, "", oru("OBR|1|P|F|S", "OBX|1|ED|K||^application^pdf^Base64^"+strings.Repeat("A", 23<<20)+"||||||F")); err == nil {
		t.Error("an attachment of 17 MiB was taken")
	}
	if _, err := decode(t, "", oru("OBR|1|P|F|S", "OBX|1|TX|K||"+strings.Repeat("A", 70<<10)+"||||||F")); err == nil {
		t.Error("a text of 70 KiB was taken")
	}
}

// TestGroups: which row, note and specimen belongs to which order.
func TestGroups(t *testing.T) {
	for _, x := range []struct {
		name, text, yaml string
		want             []string // a report each: filler specimen(type) status; rows; notes
	}{
		{
			"two orders, notes at their places", oru(
				"NTE|1||of the person", "ORC|RE|P1|F1", "OBR|1|P1|F1|S1", "NTE|1||of the order", "OBX|1|NM|A||1||||||F", "NTE|1||of the row~second",
				"SPM|1|T1^H1||SER^血清^L", "OBX|1|NM|HIL||0||||||F", "ORC|RE|P2|F2", "OBR|2|P2|F2|S2", "OBX|1|NM|B||2||||||P"), "",
			[]string{
				"F1 T1 血清 final | 1 A quantity=1 final #of the row\nsecond | of the person,of the order | HIL 0",
				"F2   preliminary | 1 B quantity=2 preliminary | of the person | ",
			},
		},
		{
			"two persons", oru("OBR|1|P1|F1|S", "OBX|1|NM|A||1||||||F", "PID|2||X2^^^T01^PI", "OBR|1|P2|F2|S", "OBX|1|NM|A||2||||||F"), "",
			[]string{"F1   final | 1 A quantity=1 final |  | ", "F2   final | 1 A quantity=2 final |  | "},
		},
		{
			"a row before its order", oru("OBX|1|NM|A||1||||||F", "NTE|1||n", "OBR|1|P1|F1|S"), "",
			[]string{"F1   final | 1 A quantity=1 final #n |  |  !rows-before-order"},
		},
		{
			"rows before an order that has its own", oru("OBX|1|NM|A||1||||||F", "OBR|1|P1|F1|S", "OBX|1|NM|B||2||||||F"), "",
			[]string{"F1   final | 1 B quantity=2 final |  | ", "   final | 1 A quantity=1 final |  |  !rows-without-order"},
		},
		{
			"rows behind the specimen", oru("OBR|1|P1|F1|S", "SPM|1|T1||SER", "OBX|1|NM|A||1||||||F", "OBX|2|NM|B||2||||||F"), "",
			[]string{"F1 T1 SER final | 1 A quantity=1 final,2 B quantity=2 final |  | "},
		},
		{
			"a specimen before its orders", oru("SPM|1|T1||SER", "OBR|1|P1|F1|S", "OBX|1|NM|A||1||||||F", "OBR|2|P2|F2|S", "OBX|1|NM|B||2||||||F"), "",
			[]string{"F1 T1 SER final | 1 A quantity=1 final |  | ", "F2 T1 SER final | 1 B quantity=2 final |  | "},
		},
		{
			"paragraphs", oru("OBR|1|P1|F1|S", "OBX|1|TX|A||one||||||F", "OBX|2|TX|A||two||||||F", "OBX|3|TX|B||three||||||F"), "",
			[]string{"F1   final | 1 A text=one\ntwo final,3 B text=three final |  | "},
		},
		{
			"paragraphs kept apart", oru("OBR|1|P1|F1|S", "OBX|1|TX|A||one||||||F", "OBX|2|TX|A||two||||||F"), "lines: keep",
			[]string{"F1   final | 1 A text=one final,2 A text=two final |  | "},
		},
		{
			"version 2.3.1", msh("ORU^R01", "2.3.1") + "PID|1||X\rOBR|1|P1|F1|S||||||||||20260105091000|BLD&全血&L^^^ARM&手臂&L\rOBX|1|NM|A||1||||||F\r", "",
			[]string{"F1  全血 final | 1 A quantity=1 final |  | "},
		},
		{
			"OUL^R22", msh("OUL^R22^OUL_R22", "2.5.1") + "PID|1||X\rSPM|1|T1||SER\rOBX|1|NM|HIL||0||||||F\rSAC|||C1\rOBR|1|P1|F1|S\rORC|SC|P1\rOBX|1|NM|A||1||||||F\rSPM|2|T2||UR\rOBR|2|P2|F2|S\rOBX|1|NM|B||2||||||F\r", "",
			[]string{"F1 T1 SER final | 1 A quantity=1 final |  | HIL 0", "F2 T2 UR final | 1 B quantity=2 final |  | "},
		},
		{
			"the barcode is where the profile says", oru("OBR|1|P1|BC9|S", "OBX|1|NM|A||1||||||F"), "fields:\n  barcode: [OBR-3]\n  filler: [ORC-3, OBR-2]",
			[]string{"P1 BC9  final | 1 A quantity=1 final |  | "},
		},
		{
			"the specimen type is where the profile says", oru("OBR|1|P1|F1|S||||||||||||||SER", "OBX|1|NM|A||1||||||F"), "fields: {specimen_type: [OBR-18]}",
			[]string{"F1  SER final | 1 A quantity=1 final |  | "},
		},
		{
			"what is no result is left out", oru("OBR|1|P1|F1|S", "OBX|1|IS|08001^Take Mode^99MRC||A||||||F", "OBX|2|NM|A||1||||||F"), "skip:\n- {field: OBX-3.1, match: '0800[0-9]'}",
			[]string{"F1   final | 2 A quantity=1 final |  | "},
		},
		{
			"worst status", oru("OBR|1|P1|F1|S|||||||||||||||||||||F", "OBX|1|NM|A||1||||||F", "OBX|2|NM|B||1||||||P"), "",
			[]string{"F1   preliminary | 1 A quantity=1 final,2 B quantity=1 preliminary |  |  !status-conflict"},
		},
		{
			"an order without rows", oru("OBR|1|P1|F1|S|||||||||||||||||||||X"), "",
			[]string{"F1   cancelled |  |  | "},
		},
	} {
		t.Run(x.name, func(t *testing.T) {
			d, err := decode(t, x.yaml, x.text)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for i := range d.Reports {
				r := &d.Reports[i]
				s := fmt.Sprintf("%s %s %s %s | %s | %s | %s", r.Filler, r.Specimen.ID, r.Specimen.Type.Display(), r.Status, strings.Join(rowsOf(r), ","),
					strings.Join(r.Notes, ","), strings.Join(r.Specimen.Notes, ","))
				for _, w := range r.Warnings {
					s += " !" + w.Code
				}
				got = append(got, s)
			}
			if diff := cmp.Diff(x.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWholeRow(t *testing.T) {
	d, err := decode(t, "final: true", msh("ORU^R01^ORU_R01", "2.5.1")+
		"PID|1||11010519491231002X^^^&2.16.156.10011.1.3&ISO^NNCHN~T7^^^T01^PI||张^涛^^^^^L~ZHANG^TAO^^^^^P||19491231|F\rPV1|1|I|心内科^3^2||||||||||||||||V9\r"+
		"ORC|RE|P1^HIS|F1^LIS|G1\rOBR|1|P1^HIS|F1^LIS|24323-8^综合代谢组^LN^CMP^生化^L|||20260105083000||||||胸痛|||D1^李^珅||||||20260105092500|||F|C1&培养&L^1^E. coli|||PP^FF|||D2&王&五\r"+
		"TQ1|1||||||||S\r"+
		"OBX|1|NM|2823-3^钾^LN^K^血钾^L|1.1|6.10|mmol/L^^UCUM|3.5-5.3|H~HH|||C|||202601050900|L1^东湖|R1^赵^六|ISE^电极法^L|AU680^Beckman|20260105091500||||检验科\r"+
		"SPM|1|B1&HIS^H1&LIS||SER^血清^HL70487||||LA^左臂^L||||5^mL||脂血|||20260105083000|20260105091000|||RX^量少^L|||LIP^脂血^L\r")
	if err != nil {
		t.Fatal(err)
	}
	at := func(h, m int) time.Time { return time.Date(2026, 1, 5, h, m, 0, 0, time.UTC) }
	n, _ := observation.ParseNumber("6.10")
	want := observation.Report{
		Patient: record.Demographics{LocalID: "T7", IDNumber: "11010519491231002X", Name: "张涛", Latin: "ZHANG TAO", BirthDate: record.Date{Year: 1949, Month: 12, Day: 31}, Sex: "F"},
		Visit:   "V9", Ward: "心内科", Placer: "P1", Filler: "F1", Group: "G1",
		Service: observation.Coding{Code: "24323-8", Text: "综合代谢组", System: "LN", Alternates: []observation.Coding{{Code: "CMP", Text: "生化", System: "L"}}},
		Specimen: observation.Specimen{
			ID: "B1", Placer: "B1", Filler: "H1", Type: observation.Coding{Code: "SER", Text: "血清", System: "HL70487"}, Site: observation.Coding{Code: "LA", Text: "左臂", System: "L"},
			Volume: "5 mL", CollectedAt: at(0, 30), ReceivedAt: at(1, 10), Condition: []observation.Coding{{Code: "LIP", Text: "脂血", System: "L"}},
			Rejected: []observation.Coding{{Code: "RX", Text: "量少", System: "L"}}, Notes: []string{"脂血"},
		},
		Priority: record.Stat, Orderer: "李珅", Clinical: "胸痛", Status: observation.Corrected, ObservedAt: at(0, 30), ReportedAt: at(1, 25), Performer: "王五",
		Parent: observation.Parent{Placer: "PP", Filler: "FF", Code: "C1", SubID: "1", Text: "E. coli"}, Final: true,
		Results: []observation.Result{{
			Number: 1, Code: observation.Coding{Code: "2823-3", Text: "钾", System: "LN", Alternates: []observation.Coding{{Code: "K", Text: "血钾", System: "L"}}}, SubID: "1.1",
			Value: observation.Value{Kind: observation.Quantity, Number: n}, Unit: observation.Coding{Code: "mmol/L", System: "UCUM"}, Range: "3.5-5.3", Flags: []string{"H", "HH"},
			Status: observation.Corrected, Method: observation.Coding{Code: "ISE", Text: "电极法", System: "L"}, Device: "AU680", ObservedAt: at(1, 0), AnalysedAt: at(1, 15),
			Responsible: "赵六", Laboratory: "检验科",
		}},
	}
	if diff := cmp.Diff([]observation.Report{want}, d.Reports, cmp.AllowUnexported(), cmp.Comparer(func(a, b observation.Value) bool {
		return a.Kind == b.Kind && a.String() == b.String()
	})); diff != "" {
		t.Error(diff)
	}
}

func TestControls(t *testing.T) {
	for _, x := range []struct {
		name, text, yaml, want string
	}{
		{"SPM-11", oru("OBR|1|P|F|S", "OBX|1|NM|A||1||||||F", "SPM|1|T1||SER|||||||Q"), "", "true  "},
		{"OBR-11", oru("OBR|1|P|F|S|||||||Q", "OBX|1|NM|A||1||||||F"), "", "true  "},
		{"a rule", oru("OBR|1|P|QC-L2^LOT77|S", "OBX|1|NM|A||1||||||F"), "control: [{field: OBR-3, prefix: QC-}]\nfields: {lot: [OBR-3.2], level: [OBR-3]}", "true LOT77 QC-L2"},
		{"a person", oru("OBR|1|P|F|S", "OBX|1|NM|A||1||||||F"), "control: [{field: OBR-3, prefix: QC-}]", "false  "},
	} {
		d, err := decode(t, x.yaml, x.text)
		if err != nil {
			t.Fatal(err)
		}
		r := d.Reports[0]
		if got := fmt.Sprint(r.Control, " ", r.Lot, " ", r.Level); got != x.want || r.Control != (r.Patient.LocalID == "") {
			t.Errorf("%s: %q", x.name, got)
		}
	}
}

func TestOrders(t *testing.T) {
	for _, x := range []struct {
		name, text string
		want       []string // control placer service specimen priority notes
	}{
		{"OML^O21", msh("OML^O21^OML_O21", "2.5.1") + "PID|1||X\rORC|NW|P1||G|||||20260105\rTQ1|1||||||||S\rOBR|1|P1||CMP\rNTE|1||空腹\rSPM|1|B1||SER\rORC|CA|P2\rOBR|2|P2||CBC\r", []string{"NW P1 CMP B1 STAT 空腹", "CA P2 CBC  ROUTINE "}},
		{"ORM^O01", msh("ORM^O01", "2.3.1") + "PID|1||X\rORC|XO|P1\rOBR|1|P1||CMP|S\r", []string{"XO P1 CMP  STAT "}},
		{"a cancellation without OBR", msh("ORM^O01", "2.3.1") + "PID|1||X\rORC|CA|P1\rORC|DC|P2\r", []string{"CA P1   ROUTINE ", "CA P2   ROUTINE "}},
		{"OML^O33", msh("OML^O33^OML_O33", "2.5.1") + "PID|1||X\rSPM|1|B1||SER\rORC|NW|P1\rOBR|1|P1||CMP\rORC|NW|P2\rOBR|2|P2||CBC\rSPM|2|B2||UR\rORC|NW|P3\rOBR|3|P3||UA\r", []string{"NW P1 CMP B1 ROUTINE ", "NW P2 CBC B1 ROUTINE ", "NW P3 UA B2 ROUTINE "}},
		{"no control", msh("ORM^O01", "2.4") + "PID|1||X\rOBR|1|P1||CMP\r", []string{"NW P1 CMP  ROUTINE "}},
	} {
		d, err := decode(t, "", x.text)
		if err != nil {
			t.Errorf("%s: %v", x.name, err)
			continue
		}
		var got []string
		for _, o := range d.Orders {
			got = append(got, fmt.Sprintf("%s %s %s %s %s %s", o.Control, o.Placer, o.Service.Display(), o.Specimen.ID, o.Priority, strings.Join(o.Notes, ",")))
		}
		if diff := cmp.Diff(x.want, got); diff != "" {
			t.Errorf("%s: %s", x.name, diff)
		}
	}
}

func TestPersons(t *testing.T) {
	d, err := decode(t, "", msh("ADT^A08^ADT_A01", "2.5.1")+"EVN|A08\rPID|1||T7^^^T01^PI~11010519491231002X^^^^NI||\"\"||194912|女\rPV1|1|O|内科||||||||||||||||V1\r")
	if err != nil {
		t.Fatal(err)
	}
	want := PatientChange{Event: "A08", Patient: record.Demographics{LocalID: "T7", IDNumber: "11010519491231002X", Sex: "F"}, Visit: "V1", Ward: "内科", Deleted: []string{"PID[1]-5"}}
	if diff := cmp.Diff([]PatientChange{want}, d.Patients); diff != "" || len(d.Warnings) != 1 || d.Warnings[0].Code != "birth-date-imprecise" {
		t.Error(diff, d.Warnings)
	}
	d, err = decode(t, "", msh("ADT^A40^ADT_A39", "2.5.1")+"EVN|A40\rPID|1||T7^^^T01^PI||张^涛\rMRG|T8^^^T01^PI\rPID|2||T9^^^T01^PI\rMRG|T10^^^T01^PI\r")
	if err != nil || len(d.Merges) != 2 || d.Merges[1].Survivor.LocalID != "T9" || d.Merges[0].Abandoned.LocalID != "T8" {
		t.Errorf("%+v %v", d.Merges, err)
	}
	for _, x := range []struct{ pid3, local, identity string }{
		{"T1", "T1", ""},
		{"M1^^^A^MR~P1^^^A^PI", "P1", ""},
		{"11010519491231002x", "11010519491231002x", "11010519491231002X"},
		{"110105194912310029^^^^NNCHN~P1", "P1", ""}, // a wrong check digit is no identity
		{"V1^^^^VN~O1^^^^XX", "V1", ""},
	} {
		d, err := decode(t, "", strings.Replace(oru("OBR|1|P|F|S", "OBX|1|NM|A||1||||||F"), "X1^^^T01^PI", x.pid3, 1))
		if err != nil || d.Reports[0].Patient.LocalID.Reveal() != x.local || d.Reports[0].Patient.IDNumber.Reveal() != x.identity {
			t.Errorf("%s: %s %v", x.pid3, d.Reports[0].Patient.LocalID.Reveal(), err)
		}
	}
}

func TestQueries(t *testing.T) {
	for name, text := range map[string]string{
		"QBP": msh("QBP^Q11^QBP_Q11", "2.5.1") + "QPD|WOS^Work Order Step^IHE_LABTF|T7|B1\rRCP|I\r",
		"QRY": msh("QRY^Q02", "2.3.1") + "QRD|20260105|R|D|T7|||1|B1|OTH\r",
	} {
		p := profile(t, "")
		m, err := hl7.Parse([]byte(text), p.Options())
		if err != nil {
			t.Fatal(err)
		}
		d, err := Decode(m, p)
		if err != nil || d.Query == nil || d.Query.Barcode != "B1" || d.Query.Tag != "T7" {
			t.Errorf("%s: %+v %v", name, d.Query, err)
			continue
		}
		for _, orders := range [][]observation.Order{nil, {{Control: "NW", Placer: "P1", Service: observation.Coding{Code: "K", System: "L"}, Specimen: observation.Specimen{ID: "B1"}}}} {
			raw, err := EncodeAnswer(m, orders, p, hl7.Reply{ControlID: "A1"})
			if err != nil {
				t.Fatal(err)
			}
			a, err := hl7.Parse(raw, hl7.Options{})
			if err != nil || a.Get("MSA", 2) != "M1" || a.Get("MSA", 1) != "AA" || a.Get("OBR", 4) != strings.Repeat("K", len(orders)) {
				t.Errorf("%s: %v %s", name, err, raw)
			}
			if name == "QBP" && (a.Get("QAK", 2) != map[int]string{0: "NF", 1: "OK"}[len(orders)] || a.Get("QPD", 2) != "T7" || a.Get("MSH", 9, 2) != "K11") {
				t.Errorf("%s", raw)
			}
		}
	}
}

func TestRefusals(t *testing.T) {
	for _, x := range []struct {
		name, text, place string
		code              hl7.Code
	}{
		{"another message", msh("MFN^M02", "2.5.1"), "MSH-9", hl7.UnsupportedMessage},
		{"another event", msh("ADT^A60", "2.5.1"), "MSH-9", hl7.UnsupportedEvent},
		{"another version", msh("ORU^R01", "3.0") + "OBR|1\r", "MSH-12", hl7.UnsupportedVersion},
		{"no result", msh("ORU^R01", "2.5.1") + "PID|1||X\r", "OBX", hl7.SegmentSequence},
		{"an order without number", msh("ORM^O01", "2.3") + "ORC|NW\rOBR|1|||K\r", "OBR[1]-2", hl7.RequiredMissing},
		{"an order of nothing", msh("ORM^O01", "2.3") + "ORC|NW|P1\rOBR|1|P1\r", "OBR[1]-4", hl7.RequiredMissing},
		{"an order control of nobody", msh("ORM^O01", "2.3") + "ORC|QQ|P1\rOBR|1|P1||K\r", "ORC[1]-1", hl7.ValueNotFound},
		{"a merge of one", msh("ADT^A40", "2.3") + "PID|1||X\rMRG|\r", "MRG[1]-1", hl7.RequiredMissing},
		{"a person without anything", msh("ADT^A08", "2.3") + "PID|1\r", "PID[1]-3", hl7.RequiredMissing},
		{"a query of nothing", msh("QBP^Q11", "2.5") + "QPD|WOS|T1\r", "QPD[1]-3", hl7.RequiredMissing},
	} {
		_, err := decode(t, "", x.text)
		f, ok := err.(*Refusal)
		if !ok || f.format.Place != x.place || f.format.Code != x.code || record.KindOf(err) != record.Invalid {
			t.Errorf("%s: %v", x.name, err)
		}
	}
}

func TestIdentity(t *testing.T) {
	id := func(text string) [2]string {
		m, err := hl7.Parse([]byte(text), hl7.Options{})
		if err != nil {
			t.Fatal(err)
		}
		c, h := Identity(m)
		return [2]string{c, h}
	}
	a := oru("OBR|1|P|F|S", "OBX|1|NM|A||1||||||F")
	later := strings.Replace(a, "20260105093000", "20260105103000", 1)
	other := strings.Replace(a, "||1||", "||2||", 1)
	if id(a) != id(later) || id(a)[0] != id(other)[0] || id(a)[1] == id(other)[1] {
		t.Error("the same message is not the same, or another is")
	}
	if x, y := id(strings.Replace(a, "|M1|", "||", 1)), id(strings.Replace(other, "|M1|", "||", 1)); x[0] == y[0] || x[0] != x[1] {
		t.Error("messages without a number are told apart by their content")
	}
}

func TestProfiles(t *testing.T) {
	for name, text := range map[string]string{
		"an unknown name": "colour: red", "no path": "fields: {barcode: [SPM2]}", "a charset of nobody": "charset: KLINGON", "a zone of nobody": "zone: Mars/Base",
		"an order of nobody": "order: ORM", "two documents": "final: true\n---\nfinal: false", "a rule of nothing": "skip: [{field: OBX-3}]", "no expression": "skip: [{field: OBX-3, match: '('}]",
		"a letter of nobody": "status: {missing: Q}", "no YAML": "{", "a version of nobody": "version: '3'", "a sex of nobody": "sexes: {x: y}",
	} {
		if _, err := ParseProfile([]byte(text)); record.KindOf(err) != record.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	a, b := profile(t, "final: true"), profile(t, "final: false")
	if a.Hash == b.Hash || !a.Final || a.Fields.Barcode[0].String() != "SPM-2.1" || a.Zone != "Asia/Shanghai" {
		t.Errorf("%+v", a)
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		oru("ORC|RE|P|F", "OBR|1|P|F|S", "NTE|1||x", "OBX|1|NM|A||1|mmol/L|1-2|H|||F", "SPM|1|T1||SER"), msh("OML^O21", "2.5.1") + "PID|1||X\rORC|NW|P\rOBR|1|P||K\r",
		msh("ADT^A40", "2.3") + "PID|1||X\rMRG|Y\r", msh("QBP^Q11", "2.5") + "QPD|WOS|T|B\r", msh("OUL^R22", "2.5.1") + "SPM|1|T\rOBR|1|P|F|K\rOBX|1|SN|A||>^1\r",
	} {
		f.Add([]byte(s))
	}
	p := profile(f, "")
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := hl7.Parse(raw, p.Options())
		if err != nil {
			return
		}
		d, err := Decode(m, p)
		if err != nil || len(d.Reports) == 0 {
			return
		}
		if _, err := EncodeResults(d.Reports, p, hl7.Reply{ControlID: "1"}); err != nil {
			t.Fatal(err)
		}
	})
}

// TestHostileMessages: what is beyond the bounds is refused, and what has a million of something costs little.
func TestHostileMessages(t *testing.T) {
	many := func(s string) string { return strings.Repeat(s, (1<<20)/len(s)) }
	for name, x := range map[string]struct {
		text    string
		refused bool
	}{
		"rows":        {oru("OBR|1|P|F|S", strings.TrimSuffix(strings.Repeat("OBX|1|NM|K||5||||||F\r", 6000), "\r")), true},
		"rows apart":  {oru(strings.Repeat("OBR|1|P|F|S\r"+strings.Repeat("OBX|1|NM|K||5||||||F\r", 100), 300) + "NTE|1"), true},
		"orders":      {oru(strings.TrimSuffix(strings.Repeat("OBR|1|P|F|S\r", 600), "\r")), true},
		"flags":       {oru("OBR|1|P|F|S", "OBX|1|NM|K||5|||"+many("H~")+"|||F"), false},
		"conditions":  {oru("OBR|1|P|F|S", "OBX|1|NM|K||5||||||F", "SPM|1|T||SER||||||||||||||||||||"+many("a^b~")), false},
		"identifiers": {strings.Replace(oru("OBR|1|P|F|S"), "X1^^^T01^PI", many("1^^^A^PI~"), 1), false},
		"components":  {oru("OBR|1|P|F|S", "OBX|1|CWE|"+many("^")+"||x||||||F"), false},
		"notes":       {oru("OBR|1|P|F|S", strings.TrimSuffix(strings.Repeat("NTE|1||x\r", 50_000), "\r")), false},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := decode(t, "", x.text)
			if _, ok := err.(*Refusal); ok != x.refused {
				t.Errorf("%v", err)
			}
			for i := range d.Reports {
				for j := range d.Reports[i].Results {
					if len(d.Reports[i].Results[j].Flags) > maxRepetitions {
						t.Error("too many flags")
					}
				}
			}
		})
	}
}
