package gateway

import (
	"bytes"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lianzhen/lianzhen/authz"
	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/dicom/phantom"
	"github.com/lianzhen/lianzhen/store/storetest"
)

// people makes studies of several patients.
func people(t testing.TB) [][]byte {
	t.Helper()
	var out [][]byte
	for i, p := range []phantom.Spec{
		{Kind: phantom.CTChest, Patient: phantom.Patient{Name: "Wang^Xiaoming=王^小明", ID: "P001", BirthDate: "19800307", Sex: "M"}, Accession: "A1", Count: 2},
		{Kind: phantom.DRChest, Patient: phantom.Patient{Name: "Ouyang^Xiu=欧阳^修", ID: "P002", BirthDate: "19611101", Sex: "M"}, Accession: "A2"},
		{Kind: phantom.MRBrain, Patient: phantom.Patient{Name: "Smith^John", ID: "P 003&x=1", BirthDate: "19900101", Sex: "F"}, Count: 3},
	} {
		p.Seed, p.Rows, p.Columns, p.At = uint64(40+i), 32, 32, time.Date(2026, 3, 1+i, 9, 30, 0, 0, time.UTC)
		for _, write := range phantom.Study(p) {
			var b bytes.Buffer
			must(t, write(&b))
			out = append(out, b.Bytes())
		}
	}
	return out
}

func TestSearchesSelect(t *testing.T) {
	h := newHouse(t)
	v := newViewer(t, h, storetest.Suwu)
	objects := people(t)
	v.keep(objects...)
	first, last := scanned(t, objects[0]), scanned(t, objects[len(objects)-1])
	ct, mr := string(first.Header.StudyUID), string(last.Header.StudyUID)
	for _, c := range []struct {
		name, path string
		want       string // patient numbers, or instance counts
	}{
		{"everything", "/studies", "P 003&x=1 P001 P002"},
		{"a keyword", "/studies?PatientID=P001", "P001"},
		{"a tag", "/studies?00100020=P001", "P001"},
		{"percent-encoding", "/studies?PatientID=" + url.QueryEscape("P 003&x=1"), "P 003&x=1"},
		{"wildcards", "/studies?PatientID=P00*", "P001 P002"},
		{"a Chinese name", "/studies?PatientName=" + url.QueryEscape("*王*"), "P001"},
		{"a caret in percent-encoding", "/studies?PatientName=Smith%5EJohn", "P 003&x=1"},
		{"pinyin", "/studies?PatientName=wangxiaoming&fuzzymatching=true", "P001"},
		{"a date", "/studies?StudyDate=20260301", "P001"},
		{"a range of dates", "/studies?StudyDate=20260302-20260303", "P 003&x=1 P002"},
		{"an open range", "/studies?StudyDate=-20260301", "P001"},
		{"a list of UIDs", "/studies?StudyInstanceUID=" + ct + "," + mr, "P 003&x=1 P001"},
		{"a list by backslash", "/studies?StudyInstanceUID=" + ct + "%5C" + mr, "P 003&x=1 P001"},
		{"a list by repeating", "/studies?StudyInstanceUID=" + ct + "&StudyInstanceUID=" + mr, "P 003&x=1 P001"},
		{"modalities in the study", "/studies?ModalitiesInStudy=CT,MR", "P 003&x=1 P001"},
		{"modality of a study", "/studies?Modality=MR", "P 003&x=1"},
		{"limit", "/studies?limit=1", "P 003&x=1"},
		{"limit of none", "/studies?limit=0", ""},
		{"offset", "/studies?limit=5&offset=1", "P001 P002"},
		{"beyond the end", "/studies?offset=99", ""},
		{"no value", "/studies?AdmissionID=%22%22&emptyvaluematching=true&limit=2", "P 003&x=1 P002"},
		{"no value in a sequence", "/series?AnatomicRegionSequence.CodeValue=%22%22", "P 003&x=1 P001"},
		{"no value, and one", "/studies?AccessionNumber=%22%22&PatientID=P001", ""},
		{"a series of any study", "/series?Modality=MR", "P 003&x=1"},
		{"an instance of any study", "/instances?SOPInstanceUID=" + string(first.Header.SOPInstanceUID), "P001"},
		{"an attribute of the instance", "/instances?InstanceNumber=3", "P 003&x=1"},
		{"no such person", "/studies?PatientID=nobody", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, m := range v.get(c.path, "application/dicom+json").want(t, 200).list(t) {
				got = append(got, m["00100020"].Value[0].(string))
			}
			slices.Sort(got)
			if s := strings.Join(got, " "); s != c.want {
				t.Errorf("%s found %q, want %q", c.path, s, c.want)
			}
		})
	}
}

func TestSearchesAnswerWhatTheTablesSay(t *testing.T) {
	h := newHouse(t)
	v := newViewer(t, h, storetest.Suwu)
	objects := study(1, 3)
	v.keep(objects...)
	st, se, in := places(scanned(t, objects[0]))
	const study = "00080020 00080030 00080050 00080056 00080061 00080090 00081190 00100010 00100020 00100030 00100040 0020000D 00200010 00201206 00201208"
	const series = "00080060 0008103E 00081190 0020000E 00200011 00201209 00080056 0020000D"
	const instance = "00080016 00080018 00080056 00081190 00200013 00280010 00280011 00280100"
	for _, c := range []struct {
		path, has, hasNot, url string
		n                      int
	}{
		{"/studies", study, "00080060 00080018", st, 1},
		{"/series", series + " " + study, "00080018", se, 1},
		{st + "/series", series, "00100010 00080018", se, 1},
		{"/instances?InstanceNumber=1", instance + " " + series + " " + study, "00280102", in, 1},
		{st + "/instances?InstanceNumber=1", instance + " " + series, "00100010", in, 1},
		{se + "/instances?InstanceNumber=1", instance, "00100010 00080060", in, 1},
		{se + "/instances", instance, "", "", 3},
		{se + "/instances?InstanceNumber=1&includefield=BitsStored,00280102&includefield=PatientName", "00280101 00280102 00100010", "", in, 1},
		{se + "/instances?InstanceNumber=1&includefield=all", "00180060 00280102 00100010 00080060", "", in, 1},
		{"/studies?includefield=all", study + " 00081030", "", st, 1},
		{"/studies?StudyDescription=", study + " 00081030", "", st, 1},
	} {
		t.Run(c.path, func(t *testing.T) {
			list := v.get(c.path, "").want(t, 200).list(t)
			if len(list) != c.n {
				t.Fatalf("%d results", len(list))
			}
			for _, k := range strings.Fields(c.has) {
				if _, ok := list[0][k]; !ok {
					t.Errorf("no %s", k)
				}
			}
			for _, k := range strings.Fields(c.hasNot) {
				if _, ok := list[0][k]; ok {
					t.Errorf("%s is there", k)
				}
			}
			if got := list[0]["00081190"].Value[0]; c.url != "" && got != h.http+"/dicomweb"+c.url {
				t.Errorf("RetrieveURL %v", got)
			}
		})
	}
	bodies, types := v.get("/instances", `multipart/related; type="application/dicom+xml"`).want(t, 200).parts(t)
	if len(bodies) != 3 || types[0] != "application/dicom+xml" {
		t.Fatalf("XML in %d parts %v", len(bodies), types)
	}
	if d, err := dicom.ParseXML(bytes.NewReader(bodies[0]), dicom.Limits{}); err != nil || d.Str(dicom.PatientID) != "P001" {
		t.Errorf("XML: %v", err)
	}
	v.get("/studies", "text/html").want(t, 406)
	if r := v.get("/studies?PatientID=nobody", "").want(t, 200); string(r.text) != "[]" {
		t.Errorf("nothing is %s", r.text)
	}
}

func TestSearchesSayWhatTheyLeftOut(t *testing.T) {
	h := newHouse(t)
	v := newViewer(t, h, storetest.Suwu)
	v.keep(people(t)...)
	for _, c := range []struct{ path, says string }{
		{"/studies", ""},
		{"/studies?limit=1", ""}, // the client's own limit is no surprise
		{"/studies?fuzzymatching=true&PatientName=wang", ""},
		{"/studies?SOPInstanceUID=1.2.3", "SOPInstanceUID does not select here"},
		{"/studies?NumberOfStudyRelatedInstances=3", "NumberOfStudyRelatedInstances does not select here"},
	} {
		r := v.get(c.path, "").want(t, 200)
		if got := r.Header.Get("Warning"); (got == "") != (c.says == "") || !strings.Contains(got, c.says) || got != "" && !strings.HasPrefix(got, "299 ") {
			t.Errorf("%s: Warning %q", c.path, got)
		}
	}
}

func TestABadSearchIsNamedAndNeverRepeated(t *testing.T) {
	h := newHouse(t)
	v := newViewer(t, h, storetest.Suwu)
	st, _, _ := places(scanned(t, study(1, 1)[0]))
	const secret = "王小明SECRET"
	esc := url.QueryEscape(secret)
	for _, c := range []struct{ query, says string }{
		{"limit=-1", "limit"},
		{"limit=a" + esc, "limit"},
		{"limit=99999999999999999999", "limit"},
		{"limit=1&limit=2", "limit"},
		{"offset=-1", "offset"},
		{"offset=99999999999", "offset"},
		{"fuzzymatching=" + esc, "fuzzymatching"},
		{"includefield=" + esc, "includefield"},
		{"includefield=PatientName.PatientID", "includefield"},
		{esc + "=1", "parameter 1"},
		{"limit=5&Patient" + esc + "=1", "parameter 2"},
		{"PatientName=" + esc + "%00", "parameter 1"},
		{"PatientName=%zz" + esc, "parameter 1"},
		{"PatientName=%ff" + esc, "parameter 1"},
		{"%zz=1", "parameter 1"},
		{"StudyDate=" + esc, "StudyDate"},
		{"StudyDate=20261399", "StudyDate"},
		{"StudyDate=20260101&StudyDate=20260102", "StudyDate"},
		{"StudyInstanceUID=" + esc, "StudyInstanceUID"},
		{"PatientID=a%5Cb" + esc, "PatientID"},
		{"PatientID=" + strings.Repeat(esc, 100), "PatientID"},
		{"ProcedureCodeSequence=" + esc, "ProcedureCodeSequence"},
		{"PatientID.CodeValue=" + esc, "parameter 1"},
		{"a.b.c.d.e=1", "parameter 1"},
		{strings.Repeat("PatientID=1&", 300), "parameters"},
		{"StudyInstanceUID=" + strings.Repeat("1.2,", 3000) + "1.3", ""},
		{"SOPInstanceUID=" + uids(2500), "values"},
	} {
		r := v.get("/instances?"+c.query, "")
		if c.says == "" {
			continue
		}
		if r.StatusCode != 400 || !strings.Contains(r.decode(t)["message"].(string), c.says) {
			t.Errorf("%.60s: HTTP %d %s", c.query, r.StatusCode, r.text)
		}
		if strings.Contains(string(r.text), "SECRET") {
			t.Errorf("%.60s: the value is echoed", c.query)
		}
	}
	if r := v.get(st+"/series?StudyInstanceUID=1.2.3", ""); r.StatusCode != 400 {
		t.Errorf("a study that the address names already: HTTP %d", r.StatusCode)
	}
	for _, p := range []string{"/studies/" + esc, "/studies/1.2.a/series", "/studies/1.2.3/series/..%2F/instances", "/studies/1.2.3/series/4x/metadata"} {
		if r := v.get(p, ""); r.StatusCode != 400 || strings.Contains(string(r.text), "SECRET") {
			t.Errorf("%s: HTTP %d %s", p, r.StatusCode, r.text)
		}
	}
	v.get("/studies?PatientName="+esc, "").want(t, 200)
	if log := h.log.String(); strings.Contains(log, "SECRET") || strings.Contains(log, "王小明") {
		t.Error("a value is in the log")
	}
}

func uids(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "1.2.%d,", i)
	}
	return b.String()
}

func TestPeopleMayNotSearchWithoutEnd(t *testing.T) {
	h := newHouse(t, func(d *Deps) { d.Options.Quota.Searches = Rate{3, time.Hour} })
	h.user("doctor", storetest.Suwu, authz.Technician)
	token := h.session("doctor")
	last := 0
	for range 5 {
		last = h.do(ask{method: "GET", path: "/dicomweb/studies", header: bearer(token)}).StatusCode
	}
	if last != 429 {
		t.Errorf("the fifth search got HTTP %d", last)
	}
	if r := h.do(ask{method: "GET", path: "/dicomweb/studies/1.2.3/series", header: bearer(token)}); r.StatusCode != 200 {
		t.Errorf("a study that is known is not searched for: HTTP %d", r.StatusCode)
	}
}

func TestSequencesAreSearchedByPath(t *testing.T) {
	h := newHouse(t)
	v := newViewer(t, h, storetest.Suwu)
	v.keep(people(t)...)
	for query, want := range map[string]int{
		"AnatomicRegionSequence.CodeValue=51185008":                                     1,
		"00082218.00080100=51185008":                                                    1,
		"AnatomicRegionSequence.CodeValue=1":                                            0,
		"AnatomicRegionSequence.CodeValue=51185008&AnatomicRegionSequence.00080102=SCT": 1,
	} {
		if got := v.get("/series?"+query, "").want(t, 200).list(t); len(got) != want {
			t.Errorf("%s: %d results", query, len(got))
		}
	}
}

func TestAddressesBeginAsTheServerIsKnown(t *testing.T) {
	h := newHouse(t, func(d *Deps) { d.Options.PublicURL = "https://pacs.example/" })
	v := newViewer(t, h, storetest.Suwu)
	objects := study(1, 1)
	v.keep(objects...)
	st, se, _ := places(scanned(t, objects[0]))
	if got := v.get("/studies", "").list(t)[0]["00081190"].Value[0]; got != "https://pacs.example/dicomweb"+st {
		t.Errorf("RetrieveURL %v", got)
	}
	if got := v.get(se+"/metadata", "").list(t)[0]["7FE00010"].BulkDataURI; !strings.HasPrefix(got, "https://pacs.example/dicomweb"+se) {
		t.Errorf("BulkDataURI %v", got)
	}
}
