package worklist

import (
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/lianzhen/lianzhen/codec/dicom"
)

var china = time.FixedZone("CST", 8*60*60)

func TestValuesAndKeys(t *testing.T) {
	m := matcher{zone: china}
	tests := []struct {
		name    string
		vr      dicom.VR
		key     string
		yes, no []string
	}{
		{"text", dicom.LO, "ab", []string{"ab"}, []string{"AB", "abc", "a"}},
		{"wildcards", dicom.LO, "a?c*", []string{"abc", "abcd", "a王c"}, []string{"ac", "xabc"}},
		{"many stars", dicom.SH, "*a*b*", []string{"ab", "xaxbx"}, []string{"ba"}},
		{"a day", dicom.DA, "20260305", []string{"20260305", "2026.03.05"}, []string{"20260306"}},
		{"days", dicom.DA, "20260305-20260307", []string{"20260305", "20260307"}, []string{"20260308", "20260304"}},
		{"from a day", dicom.DA, "20260305-", []string{"20260305", "99991231"}, []string{"20260304"}},
		{"up to a day", dicom.DA, "-20260305", []string{"20260305", "19000101"}, []string{"20260306"}},
		{"a minute", dicom.TM, "0915", []string{"0915", "091559.999"}, []string{"0916", "0914"}},
		{"hours", dicom.TM, "09-10", []string{"09", "105959"}, []string{"11", "085959"}},
		{"a moment", dicom.DT, "20260305091500", []string{"20260305091500", "20260305011500+0000"}, []string{"20260305091501"}},
		{"a month", dicom.DT, "202603", []string{"20260331235959.999999"}, []string{"202604"}},
		{"moments with offsets", dicom.DT, "20260305090000+0800-20260305100000+0800", []string{"20260305013000+0000", "20260305100000"}, []string{"20260305103000"}},
		{"west of Greenwich", dicom.DT, "20260305090000-0500", []string{"20260305140000+0000"}, []string{"20260305090000+0000"}},
		{"years", dicom.DT, "2025-2026", []string{"2026123123", "2025"}, []string{"2027"}},
		{"a decimal", dicom.DS, "1.50", []string{"1.5"}, []string{"1.51"}},
		{"a UID", dicom.UI, "1.2", []string{"1.2"}, []string{"1.2.3", "1*2"}},
		{"a UID is no pattern", dicom.UI, "1.*", nil, []string{"1.2"}},
		{"a name", dicom.PN, "wang^xiao*", []string{"WANG^XIAOMING", "Wang Xiaoming", "Wang^Xiaoming=王^小明"}, []string{"Li^Wang^Xiao"}},
		{"a Chinese name", dicom.PN, "王小明", []string{"王^小明", "王小明", "Wang^Xiaoming=王^小明"}, []string{"王小", "王小明明"}},
		{"a Chinese pattern", dicom.PN, "*小*", []string{"王^小明", "X=王^小"}, []string{"王^大明"}},
		{"by group", dicom.PN, "Wang*=王*", []string{"Wang^Xiaoming=王^小明"}, []string{"Wang^Xiaoming", "Li=王"}},
		{"a full-width name", dicom.PN, "Ｗａｎｇ", []string{"wang"}, nil},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			for _, v := range tc.yes {
				if !m.value(tc.vr, tc.key, v) {
					t.Errorf("%q does not match %q", tc.key, v)
				}
			}
			for _, v := range tc.no {
				if m.value(tc.vr, tc.key, v) {
					t.Errorf("%q matches %q", tc.key, v)
				}
			}
		})
	}
}

func TestNamesAsModalitiesShowThem(t *testing.T) {
	for _, tc := range []struct{ name, latin, want string }{
		{"王小明", "", "Wang^Xiaoming=王^小明"},
		{"欧阳修", "", "Ouyang^Xiu=欧阳^修"},
		{"王", "", "Wang=王"},
		{"李四", "LI SI", "LI^SI=李^四"},
		{"阿卜杜拉·买买提", "", "Abodulamaimaiti=阿卜杜拉·买买提"},
		{"Smith John", "", "Smith^John"},
		{"Smith^John", "", "Smith^John"},
		{"", "", ""},
	} {
		if got := personName(tc.name, tc.latin); got != tc.want {
			t.Errorf("%q: %q, want %q", tc.name, got, tc.want)
		}
	}
}

// Whatever a device writes as a key is compared without harm, and patterns mean what regular expressions say of them.
func FuzzKeys(f *testing.F) {
	for _, s := range [][2]string{
		{"20260305-20260307", "20260306"},
		{"-", ""},
		{"2026-0500", "2026"},
		{"09-", "0930"},
		{"*a?*", "xay"},
		{"Wang*=王*", "Wang=王"},
		{"20260305090000.123456+0800", "20260305"},
		{"====", "^^^"},
		{"99999999", "00000000"},
		{"1e309", "1"},
	} {
		f.Add(s[0], s[1])
	}
	m := matcher{zone: china}
	f.Fuzz(func(t *testing.T, key, v string) {
		if len(key) > 100 || len(v) > 100 || !utf8.ValidString(key) || !utf8.ValidString(v) {
			return
		}
		for _, vr := range []dicom.VR{dicom.DA, dicom.TM, dicom.DT, dicom.PN, dicom.UI, dicom.LO, dicom.DS, dicom.SQ, dicom.OB} {
			_ = m.value(vr, key, v)
			_, _ = parseSpan(vr, key, china)
		}
		text := regexp.QuoteMeta(key)
		text = strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(text)
		if want := regexp.MustCompile(`^(?s:` + text + `)$`).MatchString(v); dicom.Wild(key, v) != want {
			t.Fatalf("wild(%q, %q) is not %v", key, v, want)
		}
		keys := ds(dicom.PatientName, key, stepStartDate, key, workitemStart, v)
		thing := ds(dicom.PatientName, v, stepStartDate, v, workitemStart, key)
		m.matches(thing, keys)
		if got := m.answer(thing, keys); len(got.Elements) != len(keys.Elements) {
			t.Fatalf("%d attributes for %d keys", len(got.Elements), len(keys.Elements))
		}
		if _, err := New(nil, Options{}).query(ds(scheduledStepSequence, ds(stepStartDate, key, stepStartTime, v))); err != nil && err.Error() == "" {
			t.Fatal("a refusal without words")
		}
	})
}
