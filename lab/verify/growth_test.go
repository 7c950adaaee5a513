package verify

import "testing"

func TestWhatGrowsIsNamed(t *testing.T) {
	for _, x := range []struct {
		text          string
		grows, denies bool
	}{
		{"大肠埃希菌", true, false},
		{"无乳链球菌", true, false},
		{"Streptococcus agalactiae", true, false},
		{"Ｃandida albicans", true, false},
		{"无菌生长", false, true},
		{"未见细菌", false, true},
		{"No Salmonella, Shigella isolated", true, false}, // the second clause denies nothing by itself
		{"No growth after 5 days", false, true},
		{"白细胞 3-5/HP", false, false},
		{"见白细胞；未见细菌", false, true},
		{"无真菌生长；检出肺炎链球菌", true, false},
		{"", false, false},
	} {
		if Grows(x.text) != x.grows || Denies(x.text) != x.denies {
			t.Errorf("%q: grows %t denies %t", x.text, Grows(x.text), Denies(x.text))
		}
	}
}
