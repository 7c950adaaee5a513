package catalogue

import (
	"strings"
	"testing"

	"github.com/cockroachdb/apd/v3"

	"github.com/lianzhen/lianzhen/lab/packfile"
)

func TestMassesConvertByTheRightSubstance(t *testing.T) {
	for _, c := range []struct{ name, analyte, value, from, to, want string }{
		{"urea nitrogen: the mass is of the nitrogen", "BUN", "14.007", "mg/dL", "mmol/L", "5.000"},
		{"urea: the mass is of urea", "UREA", "30.028", "mg/dL", "mmol/L", "5.000"},
		{"albumin by creatinine", "ACR", "30", "mg/g", "mg/mmol", "3.394"},
		{"creatinine", "CREA", "1.0", "mg/dL", "umol/L", "88.40"},
		{"glucose", "GLU", "100", "mg/dL", "mmol/L", "5.551"},
		{"HbA1c is no plain ratio", "HBA1C", "48", "mmol/mol", "%", "6.543"},
		{"two charges", "CA", "5.0", "meq/L", "mmol/L", "2.5"},
	} {
		v, err := packfile.ParseDecimal(c.value)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Default().Convert(v, c.from, c.to, c.analyte)
		if err != nil || rounded(t, got, c.want) != c.want {
			t.Errorf("%s: %s %s is %s %s, want %s (%v)", c.name, c.value, c.from, got, c.to, c.want, err)
		}
	}
	urea, _ := Default().Analyte("UREA")
	for _, other := range urea.Aliases {
		if other == "尿素氮" || other == "BUN" {
			t.Errorf("urea is also called %s", other)
		}
	}
}

// rounded is a number with as many decimals as another.
func rounded(t *testing.T, d packfile.Decimal, like string) string {
	t.Helper()
	if !d.Some() {
		return ""
	}
	_, decimals, _ := strings.Cut(like, ".")
	out := new(apd.Decimal)
	if _, err := apd.BaseContext.WithPrecision(30).Quantize(out, d.Decimal, -int32(len(decimals))); err != nil {
		t.Fatal(err)
	}
	return out.Text('f')
}
