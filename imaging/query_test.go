package imaging

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/dicom/phantom"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

// ask makes the keys of a query: "PatientName=王*", "StudyDate=".
func ask(t testing.TB, text ...string) *dicom.DataSet {
	t.Helper()
	d := dicom.NewDataSet()
	for _, s := range text {
		name, value, _ := strings.Cut(s, "=")
		tag, ok := dicom.Keyword(name)
		if !ok {
			t.Fatalf("no attribute %s", name)
		}
		if value == "" {
			d.SetEmpty(tag)
			continue
		}
		d.SetText(tag, strings.Split(value, `\`)...)
	}
	return d
}

func (l *lab) query(t testing.TB, s record.Scope, q Query) []Match {
	t.Helper()
	var out []Match
	for m, err := range l.Query(t.Context(), s, q) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, m)
	}
	return out
}

func TestQueriesMatchAsDICOMSays(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		l := newLab(t, db, storetest.Dir(t))
		people := []phantom.Patient{
			wang,
			{Name: "Ouyang^Xiu=欧阳^修", ID: "P002", BirthDate: "19611101", Sex: "M"},
			{Name: "Smith^John", ID: "P003", BirthDate: "19900101", Sex: "M"},
			{Name: "Zhangsun^Wuji=长孙^无忌", ID: "P_4%", BirthDate: "19450101", Sex: "F"},
		}
		var first Stored
		for i, p := range people {
			for j, b := range study([]phantom.Kind{phantom.CTChest, phantom.DRChest, phantom.USHeart, phantom.MRBrain}[i], uint64(20+i), 2, p) {
				if got := l.accept(t, l.tech, b); i == 0 && j == 0 {
					first = got
				}
			}
		}
		series := l.query(t, l.tech, Query{Level: SeriesLevel, Keys: ask(t, "StudyInstanceUID="+string(first.StudyUID), "SeriesInstanceUID=")})
		if len(series) != 1 {
			t.Fatalf("%d series", len(series))
		}
		ct := series[0].Attributes.Str(dicom.SeriesInstanceUID)
		tests := []struct {
			name  string
			level Level
			keys  []string
			fuzzy bool
			want  string // patient numbers, sorted
		}{
			{"everything", StudyLevel, nil, false, "P001 P002 P003 P_4%"},
			{"universal keys", StudyLevel, []string{"PatientName=*", "PatientID=", "StudyDate=*"}, false, "P001 P002 P003 P_4%"},
			{"a list of UIDs", StudyLevel, []string{"StudyInstanceUID=" + string(first.StudyUID) + `\1.2.3`}, false, "P001"},
			{"a name of one group is any group", StudyLevel, []string{"PatientName=王^小明"}, false, "P001"},
			{"without wildcards a name is whole", StudyLevel, []string{"PatientName=王"}, false, ""},
			{"Latin without case", StudyLevel, []string{"PatientName=WANG^XIAOMING"}, false, "P001"},
			{"the first group alone, asked for with its sign", StudyLevel, []string{"PatientName=wang^xiaoming="}, false, "P001"},
			{"both groups", StudyLevel, []string{"PatientName=Wang^*=王*"}, false, "P001"},
			{"both groups, one wrong", StudyLevel, []string{"PatientName=Wang^*=李*"}, false, ""},
			{"one character inside", StudyLevel, []string{"PatientName=*小*"}, false, "P001"},
			{"a question mark", StudyLevel, []string{"PatientName=欧阳^?"}, false, "P002"},
			{"a star in the middle", StudyLevel, []string{"PatientName=Sm*J?hn"}, false, "P003"},
			{"fuzzy surname", StudyLevel, []string{"PatientName=王"}, true, "P001"},
			{"fuzzy initials", StudyLevel, []string{"PatientName=oyx"}, true, "P002"},
			{"fuzzy given name", StudyLevel, []string{"PatientName=john"}, true, "P003"},
			{"fuzzy given name in Chinese", StudyLevel, []string{"PatientName=无忌"}, true, "P_4%"},
			{"number with LIKE signs", StudyLevel, []string{"PatientID=P_4%"}, false, "P_4%"},
			{"number with wildcards", StudyLevel, []string{"PatientID=P00*"}, false, "P001 P002 P003"},
			{"number, case counts", StudyLevel, []string{"PatientID=p00*"}, false, ""},
			{"accession", StudyLevel, []string{"AccessionNumber=A000021"}, false, "P002"},
			{"accession with a question mark", StudyLevel, []string{"AccessionNumber=A00002?"}, false, "P001 P002 P003 P_4%"},
			{"date", StudyLevel, []string{"StudyDate=20260305"}, false, "P001 P002 P003 P_4%"},
			{"open range", StudyLevel, []string{"StudyDate=-20260304"}, false, ""},
			{"range", StudyLevel, []string{"StudyDate=20260301-20260331"}, false, "P001 P002 P003 P_4%"},
			{"birth date", StudyLevel, []string{"PatientBirthDate=19610101-19801231"}, false, "P001 P002"},
			{"sex", StudyLevel, []string{"PatientSex=F"}, false, "P_4%"},
			{"modalities", StudyLevel, []string{`ModalitiesInStudy=CT\MR`}, false, "P001 P_4%"},
			{"modality with a wildcard", StudyLevel, []string{"ModalitiesInStudy=?R"}, false, "P_4%"},
			{"relational: modality of a series", SeriesLevel, []string{"Modality=MR"}, false, "P_4%"},
			{"relational: name of the patient of a series", SeriesLevel, []string{"PatientName=*John", "SeriesInstanceUID="}, false, "P003"},
			{"a series alone", SeriesLevel, []string{"SeriesInstanceUID=" + ct}, false, "P001"},
			{"an instance alone", ImageLevel, []string{"SOPInstanceUID=" + string(first.SOPUID)}, false, "P001"},
			{"instances by number", ImageLevel, []string{"InstanceNumber=1", "PatientID=P001"}, false, "P001"},
			{"instances by an attribute without column", ImageLevel, []string{"PatientID=P001", "ImageType=NOTHING"}, false, ""},
			{"patients", PatientLevel, []string{"PatientName=*王*"}, false, "P001"},
		}
		for _, tc := range tests {
			t.Run(tc.name, func(t *testing.T) {
				keys := ask(t, tc.keys...)
				var got []string
				for _, m := range l.query(t, l.tech, Query{Level: tc.level, Keys: keys, Return: []dicom.Tag{dicom.PatientID}, Fuzzy: tc.fuzzy}) {
					got = append(got, m.Attributes.Str(dicom.PatientID))
				}
				slices.Sort(got)
				if text := strings.Join(slices.Compact(got), " "); text != tc.want {
					t.Errorf("found %q, want %q", text, tc.want)
				}
			})
		}
	})
}

func TestAnswersHoldWhatWasAskedFor(t *testing.T) {
	l := newLab(t, storetest.SQLite(t), storetest.Dir(t))
	for _, b := range study(phantom.CTChest, 20, 3, wang) {
		l.accept(t, l.tech, b)
	}
	one := l.query(t, l.tech, Query{Level: StudyLevel, Keys: ask(t, "PatientName=", "ModalitiesInStudy=", "NumberOfStudyRelatedInstances=", "StudyID=", "SOPClassesInStudy=")})
	if len(one) != 1 {
		t.Fatalf("%d answers", len(one))
	}
	d := one[0].Attributes
	if p := d.Person(dicom.PatientName); p.Ideographic != "王^小明" || p.Alphabetic != "Wang^Xiaoming" {
		t.Errorf("name %+v", p)
	}
	for tag, want := range map[dicom.Tag]string{modalitiesInStudy: "CT", numberOfStudyRelatedInstances: "3", sopClassesInStudy: "1.2.840.10008.5.1.4.1.1.2"} {
		if got := d.Str(tag); got != want {
			t.Errorf("%v is %q, want %q", tag, got, want)
		}
	}
	if d.Find(dicom.PatientID) != nil {
		t.Error("an attribute that nobody asked for")
	}
	if d.Str(dicom.StudyInstanceUID) == "" {
		t.Error("no unique key")
	}
	all := l.query(t, l.tech, Query{Level: ImageLevel, Keys: ask(t), All: true})
	if len(all) != 3 || all[2].Attributes.Str(dicom.InstanceNumber) != "3" || all[0].Attributes.Find(dicom.Rows) == nil ||
		all[0].Attributes.Str(dicom.StudyDescription) == "" {
		t.Errorf("%d instances", len(all))
	}
}

func TestQueriesStayInsideTheScope(t *testing.T) {
	l := newLab(t, storetest.SQLite(t), storetest.Dir(t))
	got := l.accept(t, l.tech, study(phantom.CTChest, 20, 1, wang)[0])
	for level := PatientLevel; level <= ImageLevel; level++ {
		for _, keys := range []string{"PatientID=P001", "StudyInstanceUID=" + string(got.StudyUID), "SOPInstanceUID=" + string(got.SOPUID), "PatientName=*"} {
			if n := len(l.query(t, l.other, Query{Level: level, Keys: ask(t, keys)})); n != 0 {
				t.Errorf("level %d, %s: %d answers for another institution", level, keys, n)
			}
		}
	}
	for _, u := range []UIDs{{Study: got.StudyUID}, {SOP: got.SOPUID}} {
		_, err := l.Locate(t.Context(), l.other, u)
		wantKind(t, err, record.NotFound)
		if all, err := l.Locate(t.Context(), l.tech, u); err != nil || len(all) != 1 || all[0].StudyUID != got.StudyUID {
			t.Errorf("%+v, %v", all, err)
		}
	}
}

func TestQueryPagesHaveNoGapOrRepeat(t *testing.T) {
	l := newLab(t, storetest.SQLite(t), storetest.Dir(t))
	for i := range 130 {
		l.accept(t, l.tech, study(phantom.DRChest, uint64(100+i), 1, phantom.Patient{Name: fmt.Sprintf("Li^%d", i), ID: fmt.Sprint("N", i)})[0])
	}
	for _, keys := range [][]string{nil, {"PatientName=Li*"}, {"PatientSex="}, {"StudyDate=20260101-"}} {
		seen := map[string]bool{}
		for offset := 0; ; offset += 40 {
			page := l.query(t, l.tech, Query{Level: StudyLevel, Keys: ask(t, keys...), Offset: offset, Limit: 40})
			for _, m := range page {
				seen[string(m.Study)] = true
			}
			if len(page) < 40 {
				break
			}
		}
		if len(seen) != 130 {
			t.Errorf("%v: %d of 130 studies", keys, len(seen))
		}
	}
}

func TestBadKeysAreRefused(t *testing.T) {
	l := newLab(t, storetest.SQLite(t), storetest.Dir(t))
	for _, bad := range []string{"StudyDate=2026", "PatientBirthDate=19x", "StudyInstanceUID=1..2", "StudyInstanceUID=abc"} {
		var err error
		for _, err = range l.Query(t.Context(), l.tech, Query{Level: StudyLevel, Keys: ask(t, bad)}) {
			break
		}
		wantKind(t, err, record.Invalid)
	}
}

func TestRangesOfTime(t *testing.T) {
	for _, tt := range []struct {
		vr         dicom.VR
		want, have string
		ok         bool
	}{
		{dicom.TM, "1000-1100", "103000.5", true},
		{dicom.TM, "1000-1100", "110059", true},
		{dicom.TM, "1000-1100", "110100", false},
		{dicom.TM, "-1100", "09", true},
		{dicom.TM, "10", "1030", true},
		{dicom.TM, "10", "11", false},
		{dicom.DA, "20200101-", "20200101", true},
		{dicom.DA, "20200101-", "20191231", false},
		{dicom.DT, "20200101-20200131", "20200115103000", true},
		{dicom.DT, "20200101103000", "20200101103000", true},
		{dicom.DT, "2020-2021", "20210615", true},
		{dicom.DT, "-2021", "20220101", false},
		{dicom.TM, "10-", "", false},
	} {
		if got := inRange(tt.vr, tt.want, tt.have); got != tt.ok {
			t.Errorf("%v %q in %q: %v", tt.vr, tt.have, tt.want, got)
		}
	}
}
