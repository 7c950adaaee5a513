package analyser

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/codec/astm"
	"github.com/lianzhen/lianzhen/lab/observation"
)

func builtin(t testing.TB, id string) *Profile {
	t.Helper()
	all, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	if all[id] == nil {
		t.Fatalf("no profile %s", id)
	}
	return all[id]
}

// lines writes reports as a person compares them: the report, then its rows.
func lines(reports []observation.Report) []string {
	var out []string
	for _, r := range reports {
		head := "tube " + r.Specimen.ID
		if r.Control {
			head = "control " + r.Lot + " " + r.Level
		}
		if r.Parent.SubID != "" {
			head += " of isolate " + r.Parent.SubID + " " + r.Parent.Text
		}
		out = append(out, strings.TrimSpace(head)+" "+string(r.Status))
		for _, x := range r.Results {
			value := string(x.Value.Kind) + " " + x.Value.String()
			if x.Value.Kind == observation.Attachment {
				value = fmt.Sprintf("attachment %s%d", x.Value.Pointer, len(x.Value.Data))
			}
			out = append(out, strings.Join([]string{
				x.Code.Code + "#" + x.SubID, value, x.Unit.Text, x.Range, strings.Join(x.Flags, ","), string(x.Status),
			}, " | ")+notesOf(x))
		}
	}
	return out
}

func notesOf(r observation.Result) string {
	if len(r.Notes) == 0 {
		return ""
	}
	return " (" + strings.Join(r.Notes, "; ") + ")"
}

// captured is what each model sends, written as its description says; records are separated by line feeds here.
var captured = []struct {
	name, profile string
	sender        string // that must lead to the profile
	text          string
	want          []string
}{
	{
		name: "generic", profile: "generic", sender: "Somebody^1",
		text: `H|\^&|||Somebody^1|||||||P|LIS2-A2|20260101080000
P|1|100||||王^二||19800101|M
O|1|B1|17|^^^GLU^Glucose|S|20260101080000|20260101070000|||||||20260101073000|Serum
R|1|^^^GLU^Glucose|5.40|mmol/L|3.9-6.1|N||F||tech|20260101075900|20260101080500|X1
R|2|^^^K|<2.5|mmol/L|3.5-5.5|LL||P||||20260101080500
R|3|^^^NEW|odd||||||||20260101080500
L|1|N`,
		want: []string{
			"tube B1 preliminary",
			"GLU# | quantity 5.40 | mmol/L | 3.9-6.1 | N | final",
			"K# | quantity <2.5 | mmol/L | 3.5-5.5 | LL | preliminary",
			"NEW# | text odd |  |  |  | final",
		},
	},
	{
		name: "generic control material", profile: "generic", sender: "",
		text: "H|\\^&\nP|1\nO|1|LOT7^HIGH||^^^GLU|||||||Q\nR|1|^^^GLU|15.1|mmol/L\nL|1",
		want: []string{"control LOT7 HIGH final", "GLU# | quantity 15.1 | mmol/L |  |  | final"},
	},
	{
		name: "XN", profile: "sysmex-xn", sender: "    XN-1000^00-24^22723^^^^BD634545",
		text: `H|\^&|||    XN-1000^00-24^22723^^^^BD634545||||||||E1394-97
P|1|||100|^Jim^Brown||20010826|M
O|1||^^            3420010001^B|^^^^WBC\^^^^RBC|||||||N||||||||||||||F
R|1|^^^^WBC^1|8.13|10*3/uL||N||F||||20240627135407
R|2|^^^^WBC^2|8.20|10*3/uL||N||F||||20240627135407
R|3|^^^^Left_Shift?|10|||A||F||||20240627135407
R|4|^^^^DIST_RBC|PNG&R&20240628&R&a.PNG|||N||F||||20240627135407
L|1|N`,
		want: []string{
			"tube 3420010001 final",
			"WBC#1 | quantity 8.13 | 10*3/uL |  | N | final",
			"WBC#2 | quantity 8.20 | 10*3/uL |  | N | final",
			"Left_Shift?# | quantity 10 |  |  | A | final",
			`DIST_RBC# | attachment PNG\20240628\a.PNG0 |  |  | N | final`,
		},
	},
	{
		name: "XN control", profile: "sysmex-xn", sender: "XN-550",
		text: "H|\\^&|||XN-550\nP|1\nO|1||^^QC-60081101^B|^^^^WBC\nR|1|^^^^WBC^1|6.9|10*3/uL||||F\nL|1|N",
		want: []string{"control QC-60081101 final", "WBC# | quantity 6.9 | 10*3/uL |  |  | final"},
	},
	{
		name: "XP", profile: "sysmex-xp", sender: "    XP-100^00-06",
		text: "H|\\^&|||    XP-100^00-06\nP|1\nO|1||^^  77^A|^^^^WBC\nR|1|^^^^WBC^26|6.9|10*3/uL||N||||||20240627135407\nL|1|N",
		want: []string{"tube 77 final", "WBC# | quantity 6.9 | 10*3/uL |  | N | final"},
	},
	{
		name: "cobas c 311", profile: "roche-cobas-c", sender: "c311^1",
		text: "H|\\^&|||c311^1|||||host|RSUPL^REAL|P|1\nP|1\nO|1|11^B-0370       ^1^^004|R1|^^^685/\\^^^712/|R\nR|1|^^^685/|22.4|U/l||A||F|||||P1\nC|1|I|43|I\nR|2|^^^712/2|4.1|umol/l||L||F|||||P1\nC|1|I|0|I\nL|1|N",
		want: []string{"tube B-0370 final", "685# | quantity 22.4 | U/l |  | A | final (43)", "712# | quantity 4.1 | umol/l |  | L | final"},
	},
	{
		name: "cobas e 411, rerun and qualitative", profile: "roche-cobas-e", sender: "cobas-e411^1",
		text: "H|\\^&|||cobas-e411^1|||||host|RSUPL^BATCH|P|1\nP|1\nO|1|      B9   |7^5004^2^^S1^SC|^^^117^1|R\nR|1|^^^117/1/not|<2.00|IU/l|0.27^4.20|LL||F||ADMIN|||E1\nR|2|^^^400/|-1^0.303|COI||N||F\nR|3|^^^117/10/not|1.5|IU/l||N||F\nL|1|N",
		want: []string{
			"tube B9 final",
			"117#1/not | quantity <2.00 | IU/l | 0.27-4.20 | LL | final",
			"400# | quantity 0.303 | COI |  | N | final (-1)",
			"117#10/not | quantity 1.5 | IU/l |  | N | final",
		},
	},
	{
		name: "cobas control", profile: "roche-cobas-e", sender: "H7600^1",
		text: "H|\\^&|||H7600^1|||||host|RSUPL^BATCH|P|1\nP|1\nO|1|PCCC2   |4030^30064^064^^QC^SC|^^^798^\nR|1|^^^798/|100|U/l||N||F\nL|1|N",
		want: []string{"control PCCC2 final", "798# | quantity 100 | U/l |  | N | final"},
	},
	{
		name: "Architect: value, interpretation, signal", profile: "abbott-architect", sender: "ARCHITECT^7.01^F5260044206^H1P1O1R1C1Q1L1",
		text: `H|\^&|||ARCHITECT^7.01^F5260044206^H1P1O1R1C1Q1L1|||||||P|1|20120217144954
P|1|||||||U
O|1|38704|38704^S473^1|^^^651^bHCG^UNDILUTED^P|R||||||||||||||||||||F
R|1|^^^651^bHCG^UNDILUTED^P^06918JN00^14567^^F|> 15000.00|mIU/mL||>||F||ADMIN^ADMIN||20120217144954|i1SR02762
R|2|^^^651^bHCG^UNDILUTED^P^06918JN00^14567^^I|Positive|||||F||ADMIN^ADMIN||20120217144954|i1SR02762
R|3|^^^651^bHCG^UNDILUTED^P^06918JN00^14567^^P|2423973|RLU||||R||ADMIN^ADMIN||20120217144954|i1SR02762
L|1`,
		want: []string{
			"tube 38704 final",
			"651# | quantity >15000.00 | mIU/mL |  | > | final",
			"651/I# | text Positive |  |  |  | final",
			"651/P# | quantity 2423973 | RLU |  |  | final",
		},
	},
	{
		name: "Afinion", profile: "abbott-afinion", sender: "Afinion 2 Analyzer^^AF2",
		text: "H|\\^&|||Afinion 2 Analyzer^^AF2|||||||P|1|20241206141235\nP|1||3643\nO|1||5|^^^HbA1c|||||||N||||^O||||||||^10228413||F\nR|1|^^^HbA1c|5.9|%||||F||3643||20241206140615\nL|1|N",
		want: []string{"tube 3643 final", "HbA1c# | quantity 5.9 | % |  |  | final"},
	},
	{
		name: "Access", profile: "beckman-access", sender: "ACCESS^600138",
		text: "H|\\^&|||ACCESS^600138|||||LIS||P|1|20130507152052\nP|1|P7\nO|1|B7|^59^1|^^^TSH^1|||||||||||Serum||||||||||F\nR|1|^^^TSH^1|15.44|uIU/mL||N||F||||20130507152000|600138\nR|2|^^^TSH^2|15.60|uIU/mL||N||F||||20130507152000|600138\nL|1|F",
		want: []string{"tube B7 final", "TSH#1 | quantity 15.44 | uIU/mL |  | N | final", "TSH#2 | quantity 15.60 | uIU/mL |  | N | final"},
	},
	{
		name: "AU behind a middleware", profile: "beckman-au", sender: "Beckman^AU5800^V2.1",
		text: "H|\\^&|||Beckman^AU5800^V2.1\nP|1\nO|1|B8\nR|1|^^^GLU^Glucose|98|mg/dL|70-100|N||F\nL|1|N",
		want: []string{"tube B8 final", "GLU# | quantity 98 | mg/dL | 70-100 | N | final"},
	},
	{
		name: "Centaur, micro sign in Latin-1", profile: "siemens-centaur", sender: "ACCP1",
		text: "H|\\^&|||ACCP1|||||Host||P|1|20230731192556\nP|1||||^^\nO|1|I464431||^^^TSH^^|R||||||||||||||||||||F\nR|1|^^^TSH^^^^DOSE|2.80|\xB5IU/ml||||F\\R||||20230612141611\nR|2|^^^TSH^^^^RLU|178985|||||F\\R||||20230612141611\nL|1|N",
		want: []string{"tube I464431 final", "TSH# | quantity 2.80 | µIU/ml |  |  | final", "TSH/RLU# | quantity 178985 |  |  |  | final"},
	},
	{
		name: "Atellica", profile: "siemens-atellica", sender: "Atellica^1",
		text: "H|\\^&|||Atellica^1\nP|1\nO|1|B9\nR|1|^^^ALT|31|U/L|||||F\nR|2|^^^TnIH^^^^DOSE|12.1|ng/L||||F\nL|1|N",
		want: []string{"tube B9 final", "ALT# | quantity 31 | U/L |  |  | final", "TnIH# | quantity 12.1 | ng/L |  |  | final"},
	},
	{
		name: "GeneXpert", profile: "cepheid-genexpert", sender: ".806149 Happy Hospital^GeneXpert^4.8",
		text: `H|@^\|URM-1||.806149 Happy Hospital^GeneXpert^4.8|||||LIS||P|1394-97|20250516125515
P|1
O|1|PR25A137||^^^MTB-RIF|R|20250514121638|||||||||ORH||||||||||F
R|1|^MTB-RIF^^Xpert^Xpert MTB-RIF Ultra^4^MTB^|NOT DETECTED^|||||F||Doe|20250514121638|20250514132103|Cepheid^806149^653624^831583371^56401^20250525
R|2|^MTB-RIF^^Xpert^^^SPC^Ct|^24.7|||
L|1|N`,
		want: []string{
			"tube PR25A137 final",
			"MTB-RIF/Xpert/MTB# | text NOT DETECTED |  |  |  | final",
			"MTB-RIF/Xpert/SPC/Ct# | quantity 24.7 |  |  |  | final",
		},
	},
	{
		name: "Yumizen control with histogram", profile: "horiba-yumizen", sender: "H500^910YOXH02826^2.2.2.2b",
		text: "H|\\^&|||H500^910^2|||||||Q|LIS2-A2|20230329110749\nP|1\nO|1|PX440N||^^^DIF|R|20230329110631|||||||||CTRL^^CTRL MEDIUM||||||||||F\nM|1|HISTOGRAM|RBC/PLT|Rbc|deflate:base64^AAAA\nR|1|^^^MCV^787-2|90.6|um3|84.0 - 94.0^REFERENCE_RANGE|N||F||MATYL^^USER|20230329110631\nL|1|N",
		want: []string{
			"control PX440N CTRL MEDIUM final",
			"M:HISTOGRAM/RBC/PLT/Rbc# | attachment 45 |  |  |  | final",
			"MCV# | quantity 90.6 | um3 | 84.0 - 94.0 | N | final",
		},
	},
	{
		name: "Pentra", profile: "horiba-pentra", sender: "ABX",
		text: "H|\\^&|||ABX|||||||P|E1394-97|20220727121551\nP|1\nO|1|S1234^00^00||^^^DIF\nR|1|^^^WBC^804-5^1|8.5|1||||W||NNE||20220727121550\nR|2|^^^BAS#^704-7^1|-----|1||HH||X||NNE||20220727121550\nR|3|^^^RBC^789-9^1|4.65|1||||F||NNE||20220727121550\nL|1|N",
		want: []string{
			"tube S1234 preliminary",
			"WBC# | quantity 8.5 |  |  |  | preliminary",
			"BAS## | text ----- |  |  | HH | cancelled",
			"RBC# | quantity 4.65 |  |  |  | final",
		},
	},
	{
		name: "VITEK: isolates and susceptibilities", profile: "biomerieux-vitek", sender: "MYLA^VITEK2",
		text: `H|\^&|||MYLA^VITEK2
P|1
O|1|M77||^^^CULT|||||||||||URINE
R|1|^^^ORG^1|ECOLI^Escherichia coli||||F
R|2|^^^AST^1^AMP^Ampicillin|>=32^R|ug/mL|||F
R|3|^^^AST^1^MEM^Meropenem|<=0.25^S|ug/mL|||F
R|4|^^^ORG^2|ENFA^Enterococcus faecalis||||F
R|5|^^^AST^2^VAN^Vancomycin|1^S|ug/mL|||F
L|1|N`,
		want: []string{
			"tube M77 final",
			"ORG#1 | coded Escherichia coli |  |  |  | final",
			"ORG#2 | coded Enterococcus faecalis |  |  |  | final",
			"tube M77 of isolate 1 Escherichia coli final",
			"AMP# | quantity >=32 | ug/mL |  | R | final",
			"MEM# | quantity <=0.25 | ug/mL |  | S | final",
			"tube M77 of isolate 2 Enterococcus faecalis final",
			"VAN# | quantity 1 | ug/mL |  | S | final",
		},
	},
	{
		name: "Maglumi", profile: "snibe-maglumi", sender: "MAGLUMI X8",
		text: "H|\\^&||PSWD|MAGLUMI X8|||||Lis||P|E1394-97|20200912\nP|1\nO|1|4957636||^^^FT3\nR|1|^^^FT3|5.39|pmol/L|3.08 - 6.44|N||||||20200912164506\nO|2|4957636||^^^TSH\nR|1|^^^TSH|<0.005|uIU/mL|0.3 to 4.5|L||||||20200912164506\nL|1|N",
		want: []string{
			"tube 4957636 final", "FT3# | quantity 5.39 | pmol/L | 3.08 - 6.44 | N | final",
			"tube 4957636 final", "TSH# | quantity <0.005 | uIU/mL | 0.3 to 4.5 | L | final",
		},
	},
	{
		name: "Mindray by ASTM", profile: "mindray-bs-astm", sender: "Mindray^BS-2000M",
		text: "H|\\^&|||Mindray^BS-2000M|||||||PR|1394-97|20090910102501\nP|1||PATIENT111||^Tom||19600315|M\nO|1|1^1^1|SAMPLE123|1^Test1^2^1|R|20090910135300|||||||||Urine\nR|1|1^Test1^1^F|14.5|Mg/ml||N||F||||20090910134300\nL|1|N",
		want: []string{"tube SAMPLE123 final", "1# | quantity 14.5 | Mg/ml |  | N | final"},
	},
	{
		name: "Mindray control", profile: "mindray-bs-astm", sender: "Mindray^BS-200",
		text: "H|\\^&|||Mindray^BS-200|||||||QR|1394-97|20090910102501\nP|1\nO|1|QC1\nR|1|1^Test1^1^F|14.5|Mg/ml\nL|1|N",
		want: []string{"control QC1 final", "1# | quantity 14.5 | Mg/ml |  |  | final"},
	},
	{
		name: "Dirui", profile: "dirui", sender: "DIRUI^FUS-200",
		text: "H|\\^&|||DIRUI^FUS-200\nP|1\nO|1|U1\nR|1|^^^PRO|1+ 0.3|g/L||A||F\nL|1|N",
		want: []string{"tube U1 final", "PRO# | text 1+ 0.3 | g/L |  | A | final"},
	},
	{
		name: "Zybio", profile: "zybio", sender: "Zybio^EXC200",
		text: "H|\\^&|||Zybio^EXC200\nP|1\nO|1|Z1\nR|1|ALT^丙氨酸氨基转移酶|25|U/L||N||F\nL|1|N",
		want: []string{"tube Z1 final", "ALT# | quantity 25 | U/L |  | N | final"},
	},
	{
		name: "STA", profile: "stago-sta", sender: "STAGO^START4^V1.0",
		text: "H|\\^&|||STAGO^START4^V1.0\nP|1\nO|1|C1\nR|1|^^^PT|12.5|sec|11.0-13.5|N||F\nR|2|^^^PT^^^^INR|1.05||0.9-1.2|N||F\nL|1|N",
		want: []string{"tube C1 final", "PT# | quantity 12.5 | sec | 11.0-13.5 | N | final", "PT/INR# | quantity 1.05 |  | 0.9-1.2 | N | final"},
	},
	{
		name: "control results in Q records", profile: "quality-in-q",
		text: "H|\\^&|||X\nQ|1|GLU^LOT1^LOW|58.2|mg/dL|20250115061000|N\nQ|2|CRE^LOT1^LOW|0.52|mg/dL|20250115061100|N\nQ|3|GLU^LOT1^HIGH|285.5|mg/dL|20250115062000|N\nL|1|N",
		want: []string{
			"control LOT1 LOW final", "GLU# | quantity 58.2 | mg/dL |  | N | final", "CRE# | quantity 0.52 | mg/dL |  | N | final",
			"control LOT1 HIGH final", "GLU# | quantity 285.5 | mg/dL |  | N | final",
		},
	},
}

func TestEveryProfile(t *testing.T) {
	all, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	tested := map[string]bool{}
	for _, x := range captured {
		tested[x.profile] = true
		t.Run(x.name, func(t *testing.T) {
			p := all[x.profile]
			if fits := ForSender(all, x.sender); x.sender != "" && (len(fits) == 0 || fits[0].ID != x.profile) {
				t.Errorf("%q does not lead to the profile", x.sender)
			}
			records := []byte(strings.ReplaceAll(x.text, "\n", "\r") + "\r")
			var framed []byte
			for _, f := range astm.Frames(records, 100, true) {
				framed = f.Append(framed)
			}
			for what, body := range map[string][]byte{"records": records, "capture": framed} {
				if what == "capture" && p.Line.Tokens {
					body = append(append([]byte{2}, records...), 3)
				}
				got, queries, _, err := Read(body, p)
				if err != nil || len(queries) > 0 {
					t.Fatalf("%s: %v, %d queries", what, err, len(queries))
				}
				if diff := cmp.Diff(x.want, lines(got)); diff != "" {
					t.Errorf("%s: %s", what, diff)
				}
			}
		})
	}
	for id, p := range all {
		if p.Protocol == "ASTM" && !tested[id] {
			t.Errorf("profile %s has no test", id)
		}
		if p.Basis == "" || p.Title.ZH == "" || p.Title.EN == "" {
			t.Errorf("profile %s: no basis or title", id)
		}
	}
}
