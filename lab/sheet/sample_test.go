package sheet

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/record"
)

var when = time.Date(2026, 11, 22, 1, 30, 0, 0, time.UTC)

// chemistry is an ordinary report.
func chemistry() Sheet {
	s := Sheet{
		Institution: "某县人民医院", Laboratory: "某县区域检验中心", Number: "LZ20261122-000123", Version: 1, Status: observation.Final, Mark: "HR",
		Patient:    Patient{"张某某", "女", "63岁", "P00012345"},
		Order:      Order{Number: "O-2026-5512", Department: "某镇卫生院内科", Visit: "门诊", Orderer: "李医生", Clinical: "2型糖尿病，高血压病2级"},
		Specimen:   Specimen{Type: "血清", Barcode: "620921000123456", Condition: "轻度溶血", CollectedAt: when.Add(-3 * time.Hour), ReceivedAt: when.Add(-time.Hour)},
		ReportedAt: when,
		Quality:    []Quality{{Internal: InControl, InternalAt: when.Add(-90 * time.Minute), Scheme: "省临床检验中心常规化学", Certificate: "GSCCL-2026-0117", ValidTo: record.Date{Year: 2027, Month: 6, Day: 30}}},
		Notes:      []string{"标本轻度溶血，钾、乳酸脱氢酶可能偏高。"},
		Technical:  Signature{Name: "王检验", At: when.Add(-10 * time.Minute)}, Medical: Signature{Name: "赵审核", At: when},
		Verification: "7K3M-92QF", SHA256: strings.Repeat("0123456789abcdef", 4), Software: "lianzhen 0.9",
	}
	for _, r := range [][]string{
		{"ALT", "丙氨酸氨基转移酶", "Alanine aminotransferase", "23.0", "U/L", "7-40", "N", "", "速率法"},
		{"AST", "天门冬氨酸氨基转移酶", "Aspartate aminotransferase", "41.2", "U/L", "13-35", "H", "H", "速率法"},
		{"GLU", "葡萄糖", "Glucose", "11.40", "mmol/L", "3.9-6.1", "H", "H", "己糖激酶法"},
		{"K", "钾", "Potassium", "6.80", "mmol/L", "3.5-5.3", "HH", "H", "间接离子选择电极法"},
		{"Na", "钠", "Sodium", "138", "mmol/L", "137-147", "N", "N", "间接离子选择电极法"},
		{"CREA", "肌酐", "Creatinine", "45.10", "µmol/L", "41-81（60岁以上女性）", "N", "L", "肌氨酸氧化酶法"},
		{"CRP", "C反应蛋白", "C-reactive protein", "<0.50", "mg/L", "<10", "", "", "免疫比浊法"},
		{"LDH", "乳酸脱氢酶", "Lactate dehydrogenase", "268", "U/L", "120-250", "H", "H", "速率法"},
	} {
		s.Rows = append(s.Rows, Row{Code: r[0], Name: r[1], English: r[2], Result: r[3], Unit: r[4], Range: r[5], Ours: r[6], Sender: r[7], Method: r[8], Recognised: r[0] != "LDH", Auto: "autoverify 2026.2"})
	}
	s.Rows[3].Auto = ""
	return s
}

// panel has n rows.
func panel(n int) Sheet {
	s := chemistry()
	base := s.Rows
	s.Rows = nil
	for i := range n {
		r := base[i%len(base)]
		r.Code = fmt.Sprintf("%s%d", r.Code, i)
		if i%20 == 0 {
			r.Heading = fmt.Sprintf("第%d组", i/20+1)
		}
		s.Rows = append(s.Rows, r)
	}
	return s
}

func corrected() Sheet {
	s := chemistry()
	s.Status, s.Version = observation.Corrected, 2
	s.Rows[3].Status, s.Rows[3].Was = observation.Corrected, &Was{Result: "4.60", Unit: "mmol/L", Range: "3.5-5.5"}
	s.Rows[5].Status = observation.Withdrawn
	s.Rows[6].Status = observation.Cancelled
	s.Corrections = []Correction{{Item: "钾", Was: "4.60 mmol/L", Now: "6.80 mmol/L", Reason: "原结果取自他人标本", By: "赵审核", At: when}}
	return s
}

func withdrawn() Sheet {
	s := chemistry()
	s.Status, s.Version = observation.Withdrawn, 3
	s.Withdrawal = Withdrawal{Reason: "标本张冠李戴", By: "赵审核", At: when}
	return s
}

func preliminary() Sheet {
	s := culture()
	s.Status = observation.Preliminary
	s.Medical = Signature{}
	return s
}

// culture is a microbiology report.
func culture() Sheet {
	s := chemistry()
	s.Mark, s.Notes = "", nil
	s.Specimen.Type, s.Specimen.Condition = "中段尿", ""
	s.Rows = []Row{
		{Name: "革兰染色镜检", English: "Gram stain", Result: "查见革兰阴性杆菌，白细胞 20-30/LP"},
		{Name: "细菌培养及鉴定", English: "Culture", Result: "培养48小时：检出大肠埃希菌与粪肠球菌，菌落计数分别为大于10^5 CFU/mL与10^4 CFU/mL，请结合临床。", Ours: "A"},
	}
	drugs := []Drug{}
	for i, d := range [][]string{
		{"AMP", "氨苄西林", "Ampicillin", "MIC", ">=32", "mg/L", "≤8 ≥32", "R"},
		{"CZO", "头孢唑林", "Cefazolin", "MIC", ">=64", "mg/L", "≤2 ≥8", "R"},
		{"CRO", "头孢曲松", "Ceftriaxone", "MIC", ">=64", "mg/L", "≤1 ≥4", "R"},
		{"CAZ", "头孢他啶", "Ceftazidime", "MIC", "16", "mg/L", "≤4 ≥16", "R"},
		{"FEP", "头孢吡肟", "Cefepime", "MIC", "8", "mg/L", "≤2 ≥16", "SDD"},
		{"TZP", "哌拉西林/他唑巴坦", "Piperacillin/tazobactam", "MIC", "<=4", "mg/L", "≤8 ≥32", "S"},
		{"IPM", "亚胺培南", "Imipenem", "MIC", "<=0.25", "mg/L", "≤1 ≥4", "S"},
		{"AMK", "阿米卡星", "Amikacin", "KB", "22", "mm", "≥20 ≤16", "S"},
		{"LVX", "左氧氟沙星", "Levofloxacin", "KB", "14", "mm", "≥21 ≤16", "R"},
		{"SXT", "复方磺胺甲噁唑", "Trimethoprim/sulfamethoxazole", "MIC", "<=20", "mg/L", "≤40 ≥80", "S"},
		{"NIT", "呋喃妥因", "Nitrofurantoin", "MIC", "<=16", "mg/L", "≤32 ≥128", "S"},
	} {
		x := Drug{d[0], d[1], d[2], d[3], d[4], d[5], d[6], d[7], ""}
		if i == 4 {
			x.Was = "S 2 mg/L"
		}
		drugs = append(drugs, x)
	}
	s.Isolates = []Isolate{
		{Organism: "大肠埃希菌", English: "Escherichia coli", Quantity: ">10^5 CFU/mL", Phenotypes: []string{"ESBL 阳性"}, Drugs: drugs, Notes: []string{"产超广谱β-内酰胺酶，建议按感染控制要求隔离。"}},
		{Organism: "粪肠球菌", English: "Enterococcus faecalis", Quantity: "10^4 CFU/mL", Drugs: []Drug{{"AMP", "氨苄西林", "Ampicillin", "MIC", "<=2", "mg/L", "", "S", ""}, {"VAN", "万古霉素", "Vancomycin", "MIC", "1", "mg/L", "", "S", ""}}},
	}
	return s
}

// strange has what no sender should send.
func strange() Sheet {
	s := chemistry()
	long := strings.Repeat("阿布都热依木·买买提明", 6)
	s.Institution = strings.Repeat("某某某某自治县人民医院医疗集团", 3)
	s.Patient.Name, s.Order.Clinical = long, strings.Repeat("慢性阻塞性肺疾病急性加重，", 30)
	s.Order.Department, s.Laboratory = long, long
	s.Rows = append(s.Rows,
		Row{Name: strings.Repeat("抗环瓜氨酸肽抗体", 8), Result: "12.5", Unit: "mg/mmol肌酐·每24小时尿总量按体表面积1.73平方米校正", Range: "成人：0-20；儿童：0-30；孕妇妊娠早期：0-25，中期：0-28，晚期：0-30", Ours: "N", Method: "化学发光微粒子免疫分析法（CMIA）"},
		Row{Name: "骨髓细胞学检查", Result: strings.Repeat("骨髓增生明显活跃，粒系占50%，红系占30%。", 12) + "\n" + strings.Repeat("巨核细胞可见。", 20)},
		Row{Name: "מלון مرحبا", Code: "RTL", Result: "abc\u202egnp\u2066x", Unit: "😀", Range: "a\x00b\tc"},
		Row{Code: "EMPTY"},
		Row{Name: "超长数字", Result: strings.Repeat("1234567890", 6), Unit: "U/L", Range: "1-2", Ours: "H", Sender: "LL"},
		Row{Name: "䶮氏试验", Result: "10^9/L ×10⁹/L μ µ Ⅱ ≥ ± ℃ ㎎", Unit: "×10⁹/L", Range: "阴性(-)", Notes: []string{"复查一致。"}, Quality: "失控"},
	)
	return s
}

func drawn(t testing.TB, s Sheet, o Options) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Draw(&b, s, o); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
