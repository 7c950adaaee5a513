package conclusion

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTheListIsWhole(t *testing.T) {
	groups := map[string]int{}
	kinds := map[Kind]int{}
	for _, s := range All() {
		if s.System == "AHA-2007" {
			groups[s.Group]++
		}
		kinds[s.Kind]++
		if s.Category == "" || s.CategoryEN == "" || s.Short == "" || s.System != "AHA-2007" && !strings.HasPrefix(s.Code, "LZ-") {
			t.Errorf("%+v", s)
		}
		if got, ok := Find(s.Code); !ok || got.ZH != s.ZH {
			t.Errorf("%s is not found", s.Code)
		}
	}
	want := map[string]int{
		"A": 4, "B": 7, "C": 8, "D": 13, "E": 7, "F": 7, "G": 7, "H": 10, "I": 11, "J": 8, "K": 5, "L": 11, "M": 8, "N": 11, // 117 primary statements
		"S": 16, "T": 12, "Y": 7,
	}
	if d := cmp.Diff(want, groups); d != "" {
		t.Error(d)
	}
	if kinds[Modifier] < 30 || kinds[Compared] != 7 || kinds[Secondary] < 28 {
		t.Errorf("%v", kinds)
	}
	if _, ok := Find("999"); ok {
		t.Error("999 is found")
	}
}

// challenge are the concept ids of the diagnoses of the PhysioNet/CinC challenges 2020 and 2021 that the statements use, with the
// words of those lists.
var challenge = map[string]string{
	"164889003": "atrial fibrillation", "164890007": "atrial flutter", "426627000": "bradycardia", "713427006": "complete right bundle branch block",
	"270492004": "1st degree av block", "713426002": "incomplete right bundle branch block", "39732003": "left axis deviation",
	"445118002": "left anterior fascicular block", "164909002": "left bundle branch block", "251146004": "low qrs voltages",
	"698252002": "nonspecific intraventricular conduction disorder", "426783006": "sinus rhythm", "284470004": "premature atrial contraction",
	"10370003": "pacing rhythm", "365413008": "poor R wave Progression", "427172004": "premature ventricular contractions",
	"164947007": "prolonged pr interval", "111975006": "prolonged qt interval", "164917005": "qwave abnormal", "47665007": "right axis deviation",
	"427393009": "sinus arrhythmia", "426177001": "sinus bradycardia", "427084000": "sinus tachycardia", "63593006": "supraventricular premature beats",
	"164934002": "t wave abnormal", "59931005": "t wave inversion",
	"251187003": "atrial escape beat", "61277005": "accelerated idioventricular rhythm", "426664006": "accelerated junctional rhythm",
	"57054005": "acute myocardial infarction", "413444003": "acute myocardial ischemia", "54329005": "anterior myocardial infarction",
	"251173003": "atrial bigeminy", "195080001": "atrial fibrillation and flutter", "251268003": "atrial pacing pattern", "106068003": "atrial rhythm",
	"713422000": "atrial tachycardia", "50799005": "atrioventricular dissociation", "29320008": "atrioventricular junctional rhythm",
	"251166008": "atrioventricular node reentrant tachycardia", "233897008": "atrioventricular reentrant tachycardia",
	"251170000": "blocked premature atrial contraction", "418818005": "brugada", "251199005": "counterclockwise rotation", "27885002": "complete heart block",
	"251198002": "clockwise rotation", "428417006": "early repolarization", "13640000": "fusion beats", "251259000": "high t-voltage",
	"251200008": "indeterminate cardiac axis", "195042002": "2nd degree av block", "426183003": "mobitz type II atrioventricular block",
	"251120003": "incomplete left bundle branch block", "49260003": "idioventricular rhythm", "426995002": "junctional escape",
	"251164006": "junctional premature complex", "426648003": "junctional tachycardia", "67741000119109": "left atrial enlargement",
	"445211001": "left posterior fascicular block", "164873001": "left ventricular hypertrophy", "55827005": "left ventricular high voltage",
	"164861001": "myocardial ischemia", "54016002": "mobitz type i wenckebach", "428750005": "nonspecific st t abnormality", "164867002": "old myocardial infarction",
	"89792004": "right ventricular hypertrophy", "5609005": "sinus arrest", "60423000": "sinus node dysfunction", "49578007": "shortened pr interval",
	"77867006": "decreased qt interval", "55930002": "s t changes", "429622005": "st depression", "164931005": "st elevation",
	"426761007": "supraventricular tachycardia", "11157007": "ventricular bigeminy", "75532003": "ventricular escape beat",
	"81898007": "ventricular escape rhythm", "164896001": "ventricular fibrillation", "111288001": "ventricular flutter",
	"195060002": "ventricular pre excitation", "251266004": "ventricular pacing pattern", "251182009": "paired ventricular premature complexes",
	"164895002": "ventricular tachycardia", "251180001": "ventricular trigeminy", "195101003": "wandering atrial pacemaker",
	"74390002": "wolff parkinson white pattern",
}

func TestConceptIDsArePublicOnes(t *testing.T) {
	used := map[string]bool{}
	for _, s := range All() {
		if s.SNOMED == "" {
			continue
		}
		if challenge[s.SNOMED] == "" || used[s.SNOMED] {
			t.Errorf("%s %s: %s is not of the public lists, or there twice", s.Code, s.EN, s.SNOMED)
		}
		used[s.SNOMED] = true
	}
	for id, name := range challenge {
		if !used[id] {
			t.Errorf("%s %s: no statement", id, name)
		}
	}
	for code, want := range map[string]string{"50": "164889003", "20": "426783006", "104": "164909002", "88": "27885002", "148": "111975006", "60": "427172004"} {
		if s, _ := Find(code); s.SNOMED != want {
			t.Errorf("%s: %s", code, s.SNOMED)
		}
	}
}

func TestSearch(t *testing.T) {
	for _, tt := range []struct {
		name, q, lang string
		want          []string // the first hits
	}{
		{name: "a key", q: "5", want: []string{"50"}},
		{name: "a key before a code", q: "1", want: []string{"1"}},
		{name: "a code", q: "104", want: []string{"104"}},
		{name: "a code of ours", q: "lz-ste", want: []string{"LZ-STE"}},
		{name: "initials", q: "dxxl", want: []string{"20", "23"}},
		{name: "initials from the middle", q: "zszz", want: []string{"173"}},
		{name: "initials of another reading", q: "qtjqyc", want: []string{"148"}},
		{name: "長 as a dictionary reads it", q: "qtjqyz", want: []string{"148"}},
		{name: "initials of a short name", q: "fc", want: []string{"50", "71"}},
		{name: "a short name", q: "室早", want: []string{"60"}},
		{name: "Chinese", q: "早搏", want: []string{"30", "31"}},
		{name: "the whole Chinese text first", q: "窦性心律", want: []string{"20", "23"}},
		{name: "an abbreviation", q: "LBBB", want: []string{"104"}},
		{name: "English", q: "atrial fib", want: []string{"50"}},
		{name: "English words in any place", q: "bundle left", want: []string{"104"}},
		{name: "English before pinyin", q: "at", lang: "en", want: []string{"30", "31"}},
		{name: "SNOMED", q: "164889003", want: []string{"50"}},
		{name: "Minnesota", q: "8-3-1", want: []string{"50"}},
		{name: "nothing typed: keys first", q: " ", want: []string{"1", "20", "22", "21", "50", "60", "30", "106", "146", "2"}},
		{name: "nonsense", q: "xqzqx", want: nil},
		{name: "too long", q: strings.Repeat("窦", 30), want: nil},
	} {
		var got []string
		for _, s := range Search(tt.q, tt.lang) {
			got = append(got, s.Code)
		}
		if tt.want == nil && got != nil || len(got) < len(tt.want) || !slices.Equal(got[:len(tt.want)], tt.want) {
			t.Errorf("%s: %q gives %v, want %v first", tt.name, tt.q, got[:min(len(got), 12)], tt.want)
		}
	}
	if n := len(Search("", "")); n != len(All()) {
		t.Errorf("nothing typed gives %d of %d", n, len(All()))
	}
}

func TestEveryStatementIsFoundByWhatOneTypes(t *testing.T) {
	first := func(q, lang, code string) bool {
		hits := Search(q, lang)
		i := slices.IndexFunc(hits, func(s Statement) bool { return s.Code == code })
		return i >= 0 && i < 12
	}
	for _, s := range All() {
		if !first(s.Short, "zh", s.Code) || !first(s.ZH, "zh", s.Code) && len(s.ZH) < maxQuery || len(s.EN) < maxQuery && !first(s.EN, "en", s.Code) {
			t.Errorf("%s %s is not found by %s, its words in Chinese or in English", s.Code, s.ZH, s.Short)
		}
	}
}

func TestDataIsChecked(t *testing.T) {
	one := func(more string) string {
		return "groups: [{id: A, zh: 甲, en: a}]\nstatements:\n  - {code: \"1\", system: LZ, kind: primary, group: A, zh: 正常, en: normal, key: \"1\"}\n" + more
	}
	for _, tt := range []struct{ name, statements, drafts, want string }{
		{"an unknown field", one("  - {colour: red}\n"), "", "colour"},
		{"no group", one("  - {code: \"2\", group: B, zh: 乙, en: b}\n"), "", "statement 2"},
		{"a code twice", one("  - {code: \"1\", group: A, zh: 乙, en: b}\n"), "", "there twice"},
		{"a short code twice", one("  - {code: \"2\", group: A, zh: 正常, en: b}\n"), "", `typed "zc"`},
		{"a key twice", one("  - {code: \"2\", group: A, zh: 乙, en: b, key: \"1\"}\n"), "", "key 1"},
		{"an unknown statement", one(""), `drafts: [{finding: VT, code: "7", urgency: 1}]`, `no statement "7"`},
		{"an unknown modifier", one(""), `drafts: [{finding: VT, code: "1", modifiers: [x], urgency: 1}]`, `no statement "x"`},
		{"no urgency", one(""), `drafts: [{finding: VT, code: "1"}]`, "urgency 0"},
		{"a template of nothing", one(""), `templates: [{key: "1", codes: ["9"], zh: 甲, en: a}]`, `no statement "9"`},
	} {
		drafts := tt.drafts
		if drafts == "" {
			drafts = "drafts: []"
		}
		_, err := read([]byte(tt.statements), []byte(drafts), []byte("limits: []"))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func FuzzSearch(f *testing.F) {
	for _, q := range []string{"dxxl", "房颤", "8-3-1", "Ⅱ", "st", "\xff\xfe", "5"} {
		f.Add(q, "zh")
		f.Add(q, "en")
	}
	f.Fuzz(func(t *testing.T, q, lang string) {
		for _, s := range Search(q, lang) {
			if s.Code == "" || s.Text(lang) == "" {
				t.Errorf("%q finds nothing that can be said", q)
			}
		}
	})
}
