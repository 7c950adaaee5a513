package imaging

import (
	"fmt"
	"testing"

	"github.com/lianzhen/lianzhen/codec/dicom/phantom"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

func TestStudiesAreFoundAsPeopleLookForThem(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		l := newLab(t, db, storetest.Dir(t))
		people := []phantom.Patient{
			wang,
			{Name: "Ouyang^Xiu=欧阳^修", ID: "P002", BirthDate: "19611101", Sex: "M"},
			{Name: "Smith^John", ID: "P003", BirthDate: "19900101", Sex: "M"},
			{Name: "Zhangsun^Wuji=长孙^无忌", ID: "P_4%", BirthDate: "19450101", Sex: "F"},
		}
		for i, p := range people {
			l.accept(t, l.tech, study([]phantom.Kind{phantom.CTChest, phantom.DRChest, phantom.USHeart, phantom.MRBrain}[i], uint64(20+i), 1, p)[0])
		}
		tests := []struct {
			name string
			q    StudyQuery
			want string
		}{
			{"everything", StudyQuery{}, "P001 P002 P003 P_4%"},
			{"by surname", StudyQuery{Name: "王"}, "P001"},
			{"by whole Chinese name", StudyQuery{Name: "欧阳修"}, "P002"},
			{"by a part inside, wildcards", StudyQuery{Name: "*小*"}, "P001"},
			{"by given name", StudyQuery{Name: "小明"}, "P001"},
			{"by pinyin", StudyQuery{Name: "wangxiao"}, "P001"},
			{"by pinyin with a space and capitals", StudyQuery{Name: "Wang Xiaoming"}, "P001"},
			{"by DICOM name with caret", StudyQuery{Name: "Smith^J*"}, "P003"},
			{"by initials", StudyQuery{Name: "oyx"}, "P002"},
			{"by one unknown character", StudyQuery{Name: "欧?修"}, "P002"},
			{"by Latin given name", StudyQuery{Name: "john"}, "P003"},
			{"LIKE signs are plain text", StudyQuery{Name: "%"}, ""},
			{"SQL is plain text", StudyQuery{Name: "' OR 1=1 --"}, ""},
			{"by number", StudyQuery{LocalNumber: "P_4%"}, "P_4%"},
			{"by modality", StudyQuery{Modalities: []string{"CT", "US"}}, "P001 P003"},
			{"by one modality", StudyQuery{Modalities: []string{"MR"}}, "P_4%"},
			{"by date", StudyQuery{From: "2026-03-05", To: "2026-03-05", Modalities: []string{"CT"}}, "P001"},
			{"by another date", StudyQuery{From: "2026-03-06"}, ""},
			{"by accession", StudyQuery{Accession: "A000021"}, "P002"},
			{"name and modality", StudyQuery{Name: "w", Modalities: []string{"MR"}}, "P_4%"},
			{"name and another modality", StudyQuery{Name: "王", Modalities: []string{"MR"}}, ""},
		}
		for _, tc := range tests {
			t.Run(tc.name, func(t *testing.T) {
				got := map[string]bool{}
				tc.q.Limit = 2
				for {
					page, next, err := l.FindStudies(t.Context(), l.tech, tc.q)
					if err != nil {
						t.Fatal(err)
					}
					for _, st := range page {
						if got[st.LocalNumber.Reveal()] {
							t.Fatal("a study came twice")
						}
						got[st.LocalNumber.Reveal()] = true
					}
					if tc.q.Page = next; next == "" {
						break
					}
				}
				text := ""
				for _, p := range people {
					if got[p.ID] {
						text += " " + p.ID
					}
				}
				if text != "" {
					text = text[1:]
				}
				if text != tc.want {
					t.Fatalf("found %q, want %q", text, tc.want)
				}
			})
		}
		if _, _, err := l.FindStudies(t.Context(), l.tech, StudyQuery{Page: "nonsense", Limit: 5}); err == nil {
			t.Fatal("a false page token was taken")
		}
	})
}

func TestInstancesComeInPagesWithoutGapOrRepeat(t *testing.T) {
	l := newLab(t, storetest.SQLite(t), storetest.Dir(t))
	var got Stored
	for _, b := range study(phantom.CTChest, 30, 25, wang) {
		got = l.accept(t, l.tech, b)
	}
	seen, page := map[string]bool{}, ""
	for {
		all, next, err := l.Instances(t.Context(), l.tech, got.Study, "", 7, page)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range all {
			seen[fmt.Sprint(i.Number)] = true
		}
		if page = next; next == "" {
			break
		}
	}
	if len(seen) != 25 {
		t.Fatalf("%d of 25 instances", len(seen))
	}
}

func TestFrameTablesSurviveDamage(t *testing.T) {
	for n := range 200 {
		table := []byte{byte(n % 5), byte(n), 0xff, byte(n * 7), 0x80}
		_, _ = frameExtents(table[:n%6], n%3)
	}
}
