package catalogue

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/lab/verify"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

func admin(i record.InstitutionID, reach ...record.InstitutionID) record.Scope {
	return record.Scope{
		Actor:        record.Actor{Kind: record.ActorUser, ID: "u1", Institution: i, Display: "王检验"},
		Institutions: append([]record.InstitutionID{i}, reach...),
	}
}

var county = admin(storetest.LeadHospital, storetest.Suwu, storetest.Dongba)

func newDesk(t testing.TB, db *store.DB) *Desk {
	t.Helper()
	storetest.County(t, db)
	return New(db)
}

// row makes a row of results: code, system, text, value, unit.
func row(code, system, text, value, unit string) observation.Result {
	return observation.Result{
		Code: observation.Coding{Code: code, System: system, Text: text}, Value: observation.ParseValue(value), Unit: observation.Coding{Text: unit},
	}
}

func serum() observation.Specimen { return observation.Specimen{Type: observation.Coding{Code: "SER"}} }

// take resolves a row inside a transaction, as the centre does.
func (d *Desk) take(t testing.TB, sender record.InstitutionID, link string, r observation.Result, sp observation.Specimen) (string, How) {
	t.Helper()
	var a Analyte
	var how How
	err := d.db.Tx(t.Context(), func(tx *store.Tx) (err error) {
		a, how, err = d.Resolve(t.Context(), tx, sender, link, r, sp)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	how.Pack = ""
	return a.Code, how
}

func (d *Desk) mustMap(t testing.TB, r MapRequest) Mapping {
	t.Helper()
	m, err := d.Map(t.Context(), county, r)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func wantKind(t testing.TB, what string, err error, kind record.Kind) {
	t.Helper()
	if err == nil || record.KindOf(err) != kind {
		t.Errorf("%s: %v, want %s", what, err, kind)
	}
}

func TestResolve(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		d := newDesk(t, db)
		for _, r := range []MapRequest{
			{Key: Key{Sender: storetest.Suwu, Code: "1001"}, Analyte: "GLU"},
			{Key: Key{Sender: storetest.Suwu, Code: "1001", Link: "analyser-2"}, Analyte: "UREA"},
			{Key: Key{Sender: storetest.Suwu, Code: "1002", Unit: "mg/L"}, Analyte: "CRP"},
			{Key: Key{Sender: storetest.Suwu, Code: "1002", Unit: "ng/mL"}, Analyte: "FERR"},
			{Key: Key{Sender: storetest.Suwu, Code: "1003", Specimen: "CSF"}, Analyte: "CSFGLU"},
			{Key: Key{Sender: storetest.Suwu, Code: "1004", System: "99LIS"}, Analyte: "ALT"},
			{Key: Key{Sender: storetest.Suwu, Code: "钠"}, Analyte: "NA"},
			{Key: Key{Sender: storetest.Suwu, Code: "2823-3", System: "LN"}, Analyte: "BGK"},
			{Key: Key{Sender: storetest.Dongba, Code: OurCodes}, Analyte: OurCodes},
		} {
			d.mustMap(t, r)
		}
		csf := observation.Specimen{Type: observation.Coding{Text: "脑脊液"}}
		sweat := observation.Specimen{Type: observation.Coding{Text: "汗液"}}
		alternates := row("X", "99X", "x", "4.2", "mmol/L")
		alternates.Code.Alternates = []observation.Coding{{Code: "2823-3", System: "LN"}}
		for _, tt := range []struct {
			name   string
			sender record.InstitutionID
			link   string
			row    observation.Result
			sp     observation.Specimen
			want   string
			by     By
			why    Why
		}{
			{"an explicit map", storetest.Suwu, "", row("1001", "", "", "5.5", "mmol/L"), serum(), "GLU", ByMap, ""},
			{"of a link without one of its own", storetest.Suwu, "analyser-1", row("1001", "L", "", "5.5", "mmol/L"), serum(), "GLU", ByMap, ""},
			{"of the link before that of the sender", storetest.Suwu, "analyser-2", row("1001", "", "", "5.5", "mmol/L"), serum(), "UREA", ByMap, ""},
			{"of another sender", storetest.Dongba, "", row("1001", "", "", "5.5", "mmol/L"), serum(), "", Unmapped, UnknownCode},
			{"by unit", storetest.Suwu, "", row("1002", "", "", "5.5", "mg/L"), serum(), "CRP", ByMap, ""},
			{"by another unit", storetest.Suwu, "", row("1002", "", "", "5.5", "ng/mL"), serum(), "FERR", ByMap, ""},
			{"by no unit of these", storetest.Suwu, "", row("1002", "", "", "5.5", "g/L"), serum(), "", Unmapped, UnknownCode},
			{"by specimen", storetest.Suwu, "", row("1003", "", "", "3.5", "mmol/L"), csf, "CSFGLU", ByMap, ""},
			{"by another specimen", storetest.Suwu, "", row("1003", "", "", "3.5", "mmol/L"), serum(), "", Unmapped, UnknownCode},
			{"by system", storetest.Suwu, "", row("1004", "99LIS", "", "30", "U/L"), serum(), "ALT", ByMap, ""},
			{"by another system", storetest.Suwu, "", row("1004", "99HIS", "", "30", "U/L"), serum(), "", Unmapped, UnknownCode},
			{"by a name alone", storetest.Suwu, "", row("", "", "钠", "140", "mmol/L"), serum(), "NA", ByMap, ""},
			{"a unit that contradicts the map", storetest.Suwu, "", row("1001", "", "", "5.5", "U/L"), serum(), "", Unmapped, WrongUnit},
			{"a unit that converts", storetest.Suwu, "", row("1001", "", "", "99", "mg/dl"), serum(), "GLU", ByMap, ""},
			{"a unit that nobody reads", storetest.Suwu, "", row("1001", "", "", "99", "格"), serum(), "GLU", ByMap, ""},
			{"a text of a quantity", storetest.Suwu, "", row("1001", "", "", "溶血", ""), serum(), "GLU", ByMap, ""},
			{"a map before LOINC", storetest.Suwu, "", row("2823-3", "LN", "", "4.2", "mmol/L"), serum(), "BGK", ByMap, ""},
			{"LOINC", storetest.Dongba, "", row("2823-3", "LN", "", "4.2", "mmol/L"), serum(), "K", ByLOINC, ""},
			{"LOINC without a specimen", storetest.Dongba, "", row("2823-3", "LN", "", "4.2", "mmol/L"), observation.Specimen{}, "K", ByLOINC, ""},
			{"LOINC beside a local code", storetest.Dongba, "", alternates, serum(), "K", ByLOINC, ""},
			{"LOINC of another method", storetest.Dongba, "", row("39469-2", "LN", "", "2.5", "mmol/L"), serum(), "LDL", ByLOINC, ""},
			{"LOINC in another unit", storetest.Dongba, "", row("2345-7", "LN", "", "90", "mg/dL"), serum(), "GLU", ByLOINC, ""},
			{"LOINC in the wrong specimen", storetest.Dongba, "", row("2823-3", "LN", "", "4.2", "mmol/L"), csf, "", Unmapped, WrongSpecimen},
			{"LOINC in a specimen that nobody knows", storetest.Dongba, "", row("2823-3", "LN", "", "4.2", "mmol/L"), sweat, "", Unmapped, WrongSpecimen},
			{"LOINC in the wrong unit", storetest.Dongba, "", row("2823-3", "LN", "", "4.2", "U/L"), serum(), "", Unmapped, WrongUnit},
			{"LOINC in a unit that nobody reads", storetest.Dongba, "", row("2823-3", "LN", "", "4.2", "格"), serum(), "", Unmapped, WrongUnit},
			{"LOINC of a number without a unit", storetest.Dongba, "", row("2823-3", "LN", "", "4.2", ""), serum(), "", Unmapped, WrongUnit},
			{"LOINC of a ratio without a unit", storetest.Dongba, "", row("6301-6", "LN", "", "1.1", ""), observation.Specimen{Type: observation.Coding{Code: "PLCIT"}}, "INR", ByLOINC, ""},
			{"LOINC of a qualitative row", storetest.Dongba, "", row("5195-3", "LN", "", "阴性", ""), serum(), "HBSAG", ByLOINC, ""},
			{"LOINC that is said to be none", storetest.Dongba, "", row("2823-3", "L", "", "4.2", "mmol/L"), serum(), "", Unmapped, UnknownCode},
			{"our own code", storetest.Dongba, "", row("CHOL", "L", "", "4.2", "mmol/L"), serum(), "CHOL", ByOwn, ""},
			{"our own code of a sender that does not use ours", storetest.Suwu, "", row("CHOL", "L", "", "4.2", "mmol/L"), serum(), "", Unmapped, UnknownCode},
			{"our own code in the wrong unit", storetest.Dongba, "", row("CHOL", "L", "", "4.2", "U/L"), serum(), "", Unmapped, UnknownCode},
			{"nothing", storetest.Suwu, "", observation.Result{}, serum(), "", Unmapped, NoCode},
		} {
			got, how := d.take(t, tt.sender, tt.link, tt.row, tt.sp)
			if got != tt.want || how.By != tt.by || how.Why != tt.why || (how.Mapping == "") != (tt.by == Unmapped || tt.by == ByLOINC) {
				t.Errorf("%s: %q %+v", tt.name, got, how)
			}
		}
	})
}

func TestAMappingIsFollowedAndTakenBack(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		d := newDesk(t, db)
		var told []string
		d.OnMapped = func(_ context.Context, _ *store.Tx, m Mapping) error {
			told = append(told, fmt.Sprintf("%s=%s/%d", m.Code, m.Analyte, m.Number))
			return nil
		}
		key := Key{Sender: storetest.Suwu, Link: "a1", Code: "77"}
		glu := row("77", "", "葡萄糖", "5.5", "mmol/L")
		if got, _ := d.take(t, storetest.Suwu, "a1", glu, serum()); got != "" {
			t.Fatal(got)
		}
		first := d.mustMap(t, MapRequest{Key: key, Analyte: "UREA"})
		if got, how := d.take(t, storetest.Suwu, "a1", glu, serum()); got != "UREA" || how.Mapping != first.ID {
			t.Fatal(got, how)
		}
		_, err := d.Map(t.Context(), county, MapRequest{Key: key, Analyte: "GLU"})
		wantKind(t, "without the number that counts", err, record.Conflict)
		_, err = d.Map(t.Context(), county, MapRequest{Key: key, Analyte: "GLU", Base: 1})
		wantKind(t, "without a reason", err, record.Invalid)
		d.mustMap(t, MapRequest{Key: key, Analyte: "GLU", Base: 1, Reason: "wrong channel"})
		if got, _ := d.take(t, storetest.Suwu, "a1", glu, serum()); got != "GLU" {
			t.Fatal(got)
		}
		d.mustMap(t, MapRequest{Key: key, Base: 2, Reason: "not known after all"})
		if got, how := d.take(t, storetest.Suwu, "a1", glu, serum()); got != "" || how.Why != Ended {
			t.Fatal(got, how)
		}
		if diff := cmp.Diff([]string{"77=UREA/1", "77=GLU/2", "77=/3"}, told); diff != "" {
			t.Error(diff)
		}
		all, err := d.Maps(t.Context(), county, MapFilter{All: true})
		if err != nil || len(all) != 3 || all[2].Analyte != "" || all[1].ReviewedBy != "王检验" {
			t.Errorf("%v %+v", err, all)
		}
		now, err := d.Maps(t.Context(), county, MapFilter{Sender: storetest.Suwu, Code: "77"})
		if err != nil || len(now) != 1 || now[0].Number != 3 {
			t.Errorf("%v %+v", err, now)
		}
	})
}

func TestAMappingCountsFromItsDayOn(t *testing.T) {
	d := newDesk(t, storetest.SQLite(t))
	december := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	key := Key{Sender: storetest.Suwu, Code: "12"}
	d.mustMap(t, MapRequest{Key: key, Analyte: "CHOL"})
	d.mustMap(t, MapRequest{Key: key, Analyte: "TG", From: december, Base: 1, Reason: "the channel is used anew"})
	at := func(x time.Time) string {
		r := row("12", "", "", "4.2", "mmol/L")
		r.ObservedAt = x
		got, _ := d.take(t, storetest.Suwu, "", r, serum())
		return got
	}
	if got := at(december.Add(-time.Second)); got != "CHOL" {
		t.Error(got)
	}
	if got := at(december); got != "TG" {
		t.Error(got)
	}
	d.mustMap(t, MapRequest{Key: key, Analyte: "HDL", Base: 2, Reason: "it was never cholesterol"})
	if before, after := at(december.Add(-time.Second)), at(december); before != "HDL" || after != "TG" {
		t.Error(before, after)
	}
}

func TestAMappingThatIsRefusedLeavesNothing(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		d := newDesk(t, db)
		broken := errors.New("the centre cannot")
		d.OnMapped = func(context.Context, *store.Tx, Mapping) error { return broken }
		key := Key{Sender: storetest.Suwu, Code: "77"}
		if _, err := d.Map(t.Context(), county, MapRequest{Key: key, Analyte: "GLU"}); !errors.Is(err, broken) {
			t.Fatal(err)
		}
		if got, _ := d.take(t, storetest.Suwu, "", row("77", "", "", "5.5", "mmol/L"), serum()); got != "" {
			t.Error("a mapping that was rolled back counts")
		}
		d.OnMapped = nil
		for _, tt := range []struct {
			name string
			r    MapRequest
			kind record.Kind
		}{
			{"an unknown analyte", MapRequest{Key: key, Analyte: "XX"}, record.Invalid},
			{"a unit of something else", MapRequest{Key: Key{Sender: storetest.Suwu, Code: "77", Unit: "U/L"}, Analyte: "GLU"}, record.Invalid},
			{"a specimen of something else", MapRequest{Key: Key{Sender: storetest.Suwu, Code: "77", Specimen: "UR"}, Analyte: "GLU"}, record.Invalid},
			{"an unknown specimen", MapRequest{Key: Key{Sender: storetest.Suwu, Code: "77", Specimen: "SWEAT"}, Analyte: "GLU"}, record.Invalid},
			{"no code", MapRequest{Key: Key{Sender: storetest.Suwu}, Analyte: "GLU"}, record.Invalid},
			{"all codes as one analyte", MapRequest{Key: Key{Sender: storetest.Suwu, Code: OurCodes}, Analyte: "GLU"}, record.Invalid},
			{"one code as all analytes", MapRequest{Key: key, Analyte: OurCodes}, record.Invalid},
			{"nothing to end", MapRequest{Key: key}, record.Invalid},
			{"a sender out of reach", MapRequest{Key: Key{Sender: storetest.LiangzhouHospital, Code: "77"}, Analyte: "GLU"}, record.NotFound},
			{"no text", MapRequest{Key: Key{Sender: storetest.Suwu, Code: "7\x007"}, Analyte: "GLU"}, record.Invalid},
		} {
			_, err := d.Map(t.Context(), county, tt.r)
			wantKind(t, tt.name, err, tt.kind)
		}
	})
}

func TestUnmappedCodesAreListedWithoutValues(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		d := newDesk(t, db)
		const secret = "5.54321"
		for range 3 {
			d.take(t, storetest.Suwu, "a1", row("G01", "L", "葡萄糖测定", secret, "mmol/L"), serum())
		}
		d.take(t, storetest.Dongba, "", row("zzz", "", "", secret, ""), serum())
		all, err := d.Unmapped(t.Context(), county, UnmappedFilter{Limit: 10})
		if err != nil || len(all) != 2 || strings.Contains(fmt.Sprintf("%+v", all), secret) {
			t.Fatalf("%v %+v", err, all)
		}
		all, err = d.Unmapped(t.Context(), county, UnmappedFilter{Sender: storetest.Suwu, Limit: 10})
		if err != nil || len(all) != 1 {
			t.Fatal(err, all)
		}
		u := all[0]
		want := UnmappedCode{
			ID: u.ID, Key: Key{Sender: storetest.Suwu, Link: "a1", Code: "G01", System: "L", Unit: "mmol/L", Specimen: "SER"}, Text: "葡萄糖测定", Why: UnknownCode,
			Count: 3, FirstAt: u.FirstAt, LastAt: u.LastAt,
		}
		if diff := cmp.Diff(want, u); diff != "" || u.FirstAt.IsZero() || u.LastAt.Before(u.FirstAt) {
			t.Error(diff)
		}
		_, err = d.UnmappedCode(t.Context(), admin(storetest.LiangzhouHospital), u.ID)
		wantKind(t, "of another county", err, record.NotFound)

		suggested, err := d.Suggest(t.Context(), county, u.ID)
		if err != nil || len(suggested) == 0 || suggested[0].Analyte.Code != "GLU" {
			t.Fatalf("%v %+v", err, suggested)
		}
		key, err := d.KeyOf(t.Context(), county, u.ID, Wider{Unit: true, Specimen: true})
		if err != nil || key.Unit != "" || key.Specimen != "" || key.Link != "a1" {
			t.Fatal(err, key)
		}
		m := d.mustMap(t, MapRequest{Key: key, Analyte: "GLU"})
		if u, err = d.UnmappedCode(t.Context(), county, u.ID); err != nil || u.Mapping != m.ID {
			t.Errorf("%v %+v", err, u)
		}
		if open, err := d.Unmapped(t.Context(), county, UnmappedFilter{Sender: storetest.Suwu, Limit: 10}); err != nil || len(open) != 0 {
			t.Errorf("%v %+v", err, open)
		}
		if got, _ := d.take(t, storetest.Suwu, "a1", row("G01", "L", "葡萄糖测定", secret, "mmol/L"), serum()); got != "GLU" {
			t.Error(got)
		}
		d.mustMap(t, MapRequest{Key: key, Base: 1, Reason: "no"})
		if open, err := d.Unmapped(t.Context(), county, UnmappedFilter{Sender: storetest.Suwu, Limit: 10}); err != nil || len(open) != 1 {
			t.Errorf("%v %+v", err, open)
		}

		d.mustMap(t, MapRequest{Key: Key{Sender: storetest.Dongba, Code: "zzz"}, Analyte: "GLU"})
		links, err := d.Coverage(t.Context(), county, time.Now().Add(-time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		wantLinks := []Coverage{{Sender: storetest.Dongba, Unmapped: 1}, {Sender: storetest.Suwu, Link: "a1", Resolved: 1, Unmapped: 3, OpenCodes: 1}}
		if diff := cmp.Diff(wantLinks, links); diff != "" || links[1].Percent() != 25 {
			t.Error(diff, links)
		}
		if none, err := d.Coverage(t.Context(), admin(storetest.LiangzhouHospital), time.Now().Add(-time.Hour)); err != nil || len(none) != 0 {
			t.Error(err, none)
		}
	})
}

func TestASenderOfOurCodesSettlesThoseItSent(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		d := newDesk(t, db)
		d.take(t, storetest.Suwu, "", row("ALT", "L", "", "30", "U/L"), serum())
		d.take(t, storetest.Suwu, "", row("XYZ", "L", "", "30", "U/L"), serum())
		d.mustMap(t, MapRequest{Key: Key{Sender: storetest.Suwu, Code: OurCodes}, Analyte: OurCodes})
		open, err := d.Unmapped(t.Context(), county, UnmappedFilter{Limit: 10})
		if err != nil || len(open) != 1 || open[0].Code != "XYZ" {
			t.Errorf("%v %+v", err, open)
		}
	})
}

func TestResolvingWhileCodesAreMapped(t *testing.T) {
	d := newDesk(t, storetest.SQLite(t))
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				a, how, err := d.Resolve(t.Context(), d.db, storetest.Suwu, "a1", row("12", "", "", "4.2", "mmol/L"), serum())
				if err != nil || (a.Code == "") != (how.By == Unmapped) {
					t.Errorf("%s %+v %v", a.Code, how, err)
					return
				}
			}
		})
	}
	for i, analyte := range []string{"GLU", "UREA", "", "CHOL", "TG"} {
		d.mustMap(t, MapRequest{Key: Key{Sender: storetest.Suwu, Code: "12"}, Analyte: analyte, Base: i, Reason: "again"})
		if got, _ := d.take(t, storetest.Suwu, "", row("12", "", "", "4.2", "mmol/L"), serum()); got != analyte {
			t.Errorf("%q counts, not %q", got, analyte)
		}
	}
	close(stop)
	readers.Wait()
}

func TestALongCodeIsFoundByWhatWasListed(t *testing.T) {
	d := newDesk(t, storetest.SQLite(t))
	long := row(strings.Repeat("长", 150), "", "", "4.2", "mmol/L")
	d.take(t, storetest.Suwu, "", long, serum())
	all, err := d.Unmapped(t.Context(), county, UnmappedFilter{Limit: 2})
	if err != nil || len(all) != 1 {
		t.Fatal(err, all)
	}
	d.mustMap(t, MapRequest{Key: all[0].Key, Analyte: "GLU"})
	if got, _ := d.take(t, storetest.Suwu, "", long, serum()); got != "GLU" {
		t.Error(got)
	}
}

func TestSuggestions(t *testing.T) {
	p := Default()
	for _, tt := range []struct {
		name string
		code UnmappedCode
		want string
	}{
		{"the same name", UnmappedCode{Text: "谷丙转氨酶", Key: Key{Code: "9", Unit: "U/L"}}, "ALT"},
		{"nearly the same name", UnmappedCode{Text: "血清丙氨酸氨基转移酶测定", Key: Key{Code: "9", Unit: "U/L"}}, "ALT"},
		{"an English name", UnmappedCode{Text: "Total Cholesterol", Key: Key{Code: "9"}}, "CHOL"},
		{"an abbreviation", UnmappedCode{Key: Key{Code: "T-BIL", Unit: "μmol/L"}}, "TBIL"},
		{"pinyin", UnmappedCode{Key: Key{Code: "niaosu", Unit: "mmol/L"}}, "UREA"},
		{"LOINC", UnmappedCode{LOINC: "3016-3", Key: Key{Code: "9"}}, "TSH"},
		{"the specimen decides", UnmappedCode{Text: "白细胞", Key: Key{Code: "9", Unit: "/ul", Specimen: "UR"}}, "UWBC"},
		{"the unit decides", UnmappedCode{Text: "D-二聚体", Key: Key{Code: "9", Unit: "mg/L{DDU}"}}, "DDDDU"},
	} {
		got := p.Suggest(tt.code)
		if len(got) == 0 || got[0].Analyte.Code != tt.want {
			t.Errorf("%s: %+v", tt.name, got)
		}
		if len(got) > maxSuggestions {
			t.Errorf("%s: %d suggestions", tt.name, len(got))
		}
	}
	if got := p.Suggest(UnmappedCode{Text: "某某", Key: Key{Code: "QQQ"}}); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}

func TestPacksFollowEachOther(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		d := newDesk(t, db)
		centre := record.CentreID("minqin-lab")
		got, err := d.Newest(t.Context(), county, "", CataloguePack)
		if err != nil || got.Number != 0 || got.Centre != centre || got.Version != Default().Version {
			t.Fatalf("%v %+v", err, got.Version)
		}
		next := strings.Replace(got.YAML, `version: "2026.1"`, `version: "2026.2"`, 1)
		next = strings.Replace(next, `{id: k, of: K, low: "3.5"`, `{id: k, of: K, low: "3.4"`, 1)
		u := Update{Kind: CataloguePack, YAML: next, DryRun: true}
		dry, err := d.Change(t.Context(), county, u)
		if err != nil || dry.Number != 0 || cmp.Diff(Difference{Changed: []string{"K"}}, dry.Difference) != "" {
			t.Fatalf("%v %+v", err, dry.Difference)
		}
		u.DryRun = false
		_, err = d.Change(t.Context(), county, u)
		wantKind(t, "without a reason", err, record.Invalid)
		u.Reason = "our own verification"
		kept, err := d.Change(t.Context(), county, u)
		if err != nil || kept.Number != 1 || kept.RecordedBy != "王检验" {
			t.Fatalf("%v %+v", err, kept.Number)
		}
		_, err = d.Change(t.Context(), county, u)
		wantKind(t, "on an old number", err, record.Conflict)
		u.Base = 1
		_, err = d.Change(t.Context(), county, u)
		wantKind(t, "with the same version", err, record.Invalid)
		u.YAML = "pack: [\n"
		_, err = d.Change(t.Context(), county, u)
		wantKind(t, "what is no pack", err, record.Invalid)
		_, err = d.Change(t.Context(), admin(storetest.LiangzhouHospital), Update{Centre: centre, Kind: CataloguePack, YAML: next})
		wantKind(t, "of another county", err, record.NotFound)

		p, err := d.Pack(t.Context(), db, centre)
		if err != nil {
			t.Fatal(err)
		}
		if i, _ := p.Interval("K", Subject{AgeDays: 20000, Sex: "F"}); i.Text != "3.4-5.3" {
			t.Error(i.Text)
		}
		p, err = d.For(t.Context(), storetest.Suwu)
		if err != nil || p.Version != "2026.2" {
			t.Error(err, "a township reads another catalogue than its centre")
		}
		p, err = d.For(t.Context(), storetest.LiangzhouHospital)
		if err != nil || p != Default() {
			t.Error(err, "another county reads it, too")
		}
	})
}

func TestACatalogueKeepsWhatIsMappedAndJudged(t *testing.T) {
	d := newDesk(t, storetest.SQLite(t))
	d.mustMap(t, MapRequest{Key: Key{Sender: storetest.Suwu, Code: "1"}, Analyte: "SAA"})
	without := func(code string) string {
		var out []string
		for _, line := range strings.Split(string(DefaultYAML()), "\n") {
			if !strings.Contains(line, "{code: "+code+",") && !strings.Contains(line, "of: "+code+",") {
				out = append(out, strings.ReplaceAll(line, ",PCT,SAA", ""))
			}
		}
		return strings.ReplaceAll(strings.Replace(strings.Join(out, "\n"), `version: "2026.1"`, `version: "2026.2"`, 1), ", "+code, "")
	}
	_, err := d.Change(t.Context(), county, Update{Kind: CataloguePack, YAML: without("SAA"), Reason: "x"})
	wantKind(t, "an analyte that a code means", err, record.Precondition)
	_, err = d.Change(t.Context(), county, Update{Kind: CataloguePack, YAML: without("HSTNT"), Reason: "x"})
	wantKind(t, "an analyte that rules speak of", err, record.Precondition)
}

func TestRulesOfACounty(t *testing.T) {
	storetest.EachDB(t, func(t *testing.T, db *store.DB) {
		d := newDesk(t, db)
		d.History = func(_ context.Context, centre record.CentreID, _ time.Time) History {
			return func(yield func(verify.Past, error) bool) {
				for _, v := range []string{"4.2", "6.8"} {
					f := verify.Facts{At: time.Now(), Analyte: "K", Value: verify.ValueOf(observation.ParseValue(v)), Unit: "mmol/L", AgeDays: 20000, Sex: "M", QC: verify.QCIn}
					if !yield(verify.Past{Facts: f}, nil) {
						return
					}
				}
			}
		}
		next := strings.Replace(string(verify.DefaultYAML()), `version: "2026.1"`, `version: "2026.2"`, 1)
		next = strings.Replace(next, "autoverification: shadow", "autoverification: on", 1)
		dry, err := d.Change(t.Context(), county, Update{Kind: RulesPack, YAML: next, DryRun: true, Days: 30})
		if err != nil || dry.Trial.Results != 2 || dry.Trial.WouldAuto != 1 || dry.Trial.WouldAlarm != 1 {
			t.Fatalf("%v %+v", err, dry.Trial)
		}
		old, err := d.Rules(t.Context(), db, "minqin-lab")
		if err != nil || old != verify.Default() {
			t.Fatal(err)
		}
		if _, err = d.Change(t.Context(), county, Update{Kind: RulesPack, YAML: next, Reason: "validated"}); err != nil {
			t.Fatal(err)
		}
		now, err := d.Rules(t.Context(), db, "minqin-lab")
		if err != nil || now.Autoverification != verify.On {
			t.Fatal(err)
		}
		v := now.Judge(verify.Facts{Analyte: "K"})
		if by, err := d.RulesBy(t.Context(), db, v.Digest); err != nil || by != now {
			t.Error(err, "the pack of a verdict is not found")
		}
		old = verify.Default()
		if err := d.keepText(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := d.keepText(t.Context()); err != nil {
			t.Fatal(err)
		}
		var texts int
		if err := db.QueryRow(t.Context(), `SELECT COUNT(*) FROM lab_rule_texts WHERE digest = $1`, old.Digest()).Scan(&texts); err != nil || texts != 1 {
			t.Error(err, texts)
		}
		_, err = d.RulesBy(t.Context(), db, "none")
		wantKind(t, "a digest of nothing", err, record.NotFound)
		_, err = d.Change(t.Context(), county, Update{Kind: RulesPack, YAML: strings.Replace(next, `  K: "mmol/L"`, `  K: "U/L"`, 1), DryRun: true})
		wantKind(t, "a unit of something else", err, record.Invalid)
		_, err = d.Change(t.Context(), county, Update{Kind: RulesPack, YAML: strings.Replace(next, `">= 6.2"`, `">= 6.3"`, 1), DryRun: true})
		wantKind(t, "a rule whose tests fail", err, record.Invalid)
	})
}

func TestTry(t *testing.T) {
	d := newDesk(t, storetest.SQLite(t))
	x := Sample{Subject: Subject{AgeDays: 20000, Sex: "F", Specimen: "SER"}, QC: verify.QCIn, Values: []SampleValue{
		{Analyte: "K", Value: "6.8"}, {Analyte: "TP", Value: "38"}, {Analyte: "ALB", Value: "40"}, {Analyte: "GLU", Value: "108", Unit: "mg/dL"},
	}}
	got, err := d.Try(t.Context(), county, "", "", x)
	if err != nil || len(got) != 4 {
		t.Fatal(err)
	}
	if len(got[0].Alarms) != 1 || got[0].Flag != verify.CriticalHigh || got[2].Auto || got[3].Flag != verify.Normal || !got[3].Auto || got[3].Inputs.Unit != "mmol/L" {
		t.Errorf("%+v", got)
	}
	x.Values = []SampleValue{{Analyte: "XX", Value: "1"}}
	_, err = d.Try(t.Context(), county, "", "", x)
	wantKind(t, "an unknown analyte", err, record.Invalid)
	x.Values = []SampleValue{{Analyte: "K", Value: "1", Unit: "格"}}
	_, err = d.Try(t.Context(), county, "", "", x)
	wantKind(t, "an unknown unit", err, record.Invalid)
	_, err = d.Try(t.Context(), county, "", "pack: [", x)
	wantKind(t, "no rules", err, record.Invalid)
}

func BenchmarkResolve(b *testing.B) {
	db := storetest.SQLite(b)
	d := newDesk(b, db)
	err := db.Tx(b.Context(), func(tx *store.Tx) error {
		for i := range 5000 {
			m := Mapping{ID: MappingID(fmt.Sprint("m", i)), Key: Key{Sender: storetest.Suwu, Code: fmt.Sprint("c", i)}, Number: 1, Analyte: "GLU"}
			if err := d.putMapping(b.Context(), tx, county, m); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	r, sp := row("c4321", "", "", "5.5", "mmol/L"), serum()
	b.Run("desk", func(b *testing.B) {
		for b.Loop() {
			if _, _, err := d.Resolve(b.Context(), db, storetest.Suwu, "a1", r, sp); err != nil {
				b.Fatal(err)
			}
		}
	})
	s, err := d.Snapshot(b.Context(), db)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("snapshot", func(b *testing.B) {
		for b.Loop() {
			s.Resolve(storetest.Suwu, "a1", r, sp)
		}
	})
	b.Run("load", func(b *testing.B) {
		for b.Loop() {
			if _, err := d.load(b.Context(), db, "x"); err != nil {
				b.Fatal(err)
			}
		}
	})
}
