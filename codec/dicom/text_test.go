package dicom

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

var inline = JSONOptions{BulkBytes: 1 << 40}

// TestSamplesGoThroughJSONAndXML holds that each sample's data set says the same after it was written and read as JSON or XML.
func TestSamplesGoThroughJSONAndXML(t *testing.T) {
	files := 0
	eachSample(t, func(name string, raw []byte) {
		b, ts, _ := bareDataSet(raw)
		d, err := ReadDataSet(b, ts, Limits{HeaderBytes: 1 << 30})
		if err != nil {
			return
		}
		files++
		if el := d.Find(SpecificCharacterSet); el != nil {
			el.VR = CS
		}
		if el := d.Find(PixelDataTag); el != nil && el.Length > 1<<20 {
			d.Delete(PixelDataTag)
		}
		lim := Limits{HeaderBytes: 1 << 28}
		want := d.AppendJSON(nil, inline)
		back, err := ParseJSON(want, lim)
		if err != nil {
			t.Error(name, err)
			return
		}
		if got := back.AppendJSON(nil, inline); !bytes.Equal(want, got) {
			t.Errorf("%s: JSON %s", name, apart(want, got))
		}
		back, err = ParseXML(bytes.NewReader(d.AppendXML(nil, inline)), lim)
		if err != nil {
			t.Error(name, err)
			return
		}
		if got := back.AppendJSON(nil, inline); !bytes.Equal(want, got) && !bytes.ContainsAny(want, `\`) {
			t.Errorf("%s: XML %s", name, apart(want, got))
		}
	})
	t.Log(files, "files")
}

func apart(a, b []byte) string {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	return string(a[max(0, i-60):min(len(a), i+60)]) + "\n  got " + string(b[max(0, i-60):min(len(b), i+60)])
}

// TestXMLAgreesWithDCMTK reads what dcm2xml writes in the Native DICOM Model and compares it with our own.
func TestXMLAgreesWithDCMTK(t *testing.T) {
	tool, err := exec.LookPath("dcm2xml")
	if err != nil {
		t.Skip("no dcm2xml")
	}
	if testing.Short() {
		t.Skip("runs dcm2xml on the whole corpus")
	}
	var files, attributes, same int
	eachSample(t, func(name string, raw []byte) {
		obj, err := Scan(bytes.NewReader(raw), Options{HeaderOnly: true})
		if err != nil || obj.Deflated {
			return
		}
		if obj.Pixels != nil {
			raw = raw[:obj.Pixels.Offset-int64(pixelHead(obj))]
		}
		path := filepath.Join(t.TempDir(), "x.dcm")
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(tool, "-q", "-nat", "+Xn", "+U8", path).Output()
		if err != nil {
			t.Logf("dcm2xml fails on %s", name)
			return
		}
		d, err := ParseXML(bytes.NewReader(out), Limits{})
		if err != nil {
			t.Logf("%s: %v", name, err) // control characters, which dcm2xml writes as they are
			return
		}
		var ours, theirs map[string]any
		if json.Unmarshal(obj.Header.AppendJSON(nil, inline), &ours) != nil || json.Unmarshal(d.AppendJSON(nil, inline), &theirs) != nil {
			t.Fatal(name)
		}
		for k := range ours {
			t, _ := hexTag([]byte(k))
			// dcm2xml leaves the block out of a tag even where no creator stands for it, and writes a name "A=B=" as "A=B=B".
			if k >= ExtendedOffsetTable.Hex() || t.Private() && d.Creator(t) == "" || strings.HasSuffix(obj.Header.rawString(t), "=") {
				delete(ours, k)
				delete(theirs, k)
				delete(theirs, (t &^ 0xFF00).Hex())
			}
		}
		delete(ours, SpecificCharacterSet.Hex()) // which dcm2xml adds
		delete(theirs, SpecificCharacterSet.Hex())
		for _, k := range []Tag{DataSetTrailingPadding, MediaStorageSOPInstanceUID} {
			delete(theirs, k.Hex())
		}
		files++
		compare(t, name, ours, theirs, &attributes, &same)
	})
	t.Logf("%d files; %d attributes, %d agree", files, attributes, same)
}

func (d *DataSet) rawString(t Tag) string {
	if el := d.Find(t); el != nil && el.VR == PN {
		return strings.TrimRight(string(el.Value), " ")
	}
	return ""
}

func TestJSONIsReadAsOthersWriteIt(t *testing.T) {
	for _, c := range []struct{ name, json, want string }{
		{"numbers as strings", `{"00280010":{"vr":"US","Value":["512"]}}`, `{"00280010":{"vr":"US","Value":[512]}}`},
		{"numbers as floats", `{"00280010":{"vr":"US","Value":[512.0]}}`, `{"00280010":{"vr":"US","Value":[512]}}`},
		{"strings as numbers", `{"00200013":{"vr":"IS","Value":[7]},"00181151":{"vr":"IS","Value":[1.2e2]}}`, `{"00181151":{"vr":"IS","Value":[120]},"00200013":{"vr":"IS","Value":[7]}}`},
		{"long decimals", `{"00201041":{"vr":"DS","Value":[-123.45678901234567]}}`, `{"00201041":{"vr":"DS","Value":[-123.45678901235]}}`},
		{"not numbers", `{"0040A161":{"vr":"FD","Value":["NaN",-1e300]}}`, `{"0040A161":{"vr":"FD","Value":["NaN",-1e+300]}}`},
		{"nulls", `{"00080008":{"vr":"CS","Value":["A",null,"B"]},"00100010":{"vr":"PN","Value":null},"00100020":{"vr":"LO","Value":[null]}}`, `{"00080008":{"vr":"CS","Value":["A",null,"B"]},"00100010":{"vr":"PN"},"00100020":{"vr":"LO"}}`},
		{"names", `{"00100010":{"vr":"PN","Value":[{"Ideographic":"王^小明"},"Li^Si",{"Alphabetic":"A^B","Phonetic":null,"More":1}]}}`, `{"00100010":{"vr":"PN","Value":[{"Ideographic":"王^小明"},{"Alphabetic":"Li^Si"},{"Alphabetic":"A^B"}]}}`},
		{"no vr", `{"00100020":{"Value":["7"]}}`, `{"00100020":{"vr":"LO","Value":["7"]}}`},
		{"vr last", `{"00400275":{"Value":[{"00400009":{"Value":["S1"],"vr":"SH"}},null],"vr":"SQ"}}`, `{"00400275":{"vr":"SQ","Value":[{"00400009":{"vr":"SH","Value":["S1"]}},{}]}}`},
		{"unknown members", `{"x":[1,{"y":[true,null]}],"00100020":{"vr":"LO","keyword":"PatientID","Value":["7"]}}`, `{"00100020":{"vr":"LO","Value":["7"]}}`},
		{"escapes", `{"00100020":{"vr":"LO","Value":["\u738b\ud83d\ude00\/\"\n\ud800x"]}}`, `{"00100020":{"vr":"LO","Value":["王😀/\"\n` + `\uFFFDx"]}}`},
		{"bulk", `{"7FE00010":{"vr":"OW","BulkDataURI":"../frames"}}`, `{"7FE00010":{"vr":"OW","BulkDataURI":"../frames"}}`},
		{"array of one", ` [ {"00100020":{"vr":"LO"}} ] `, `{"00100020":{"vr":"LO"}}`},
		{"charset", `{"00080005":{"vr":"CS","Value":["GB18030"]}}`, `{"00080005":{"vr":"CS","Value":["ISO_IR 192"]}}`},
		{"tags", `{"00280009":{"vr":"AT","Value":["00181063","00181065"]}}`, `{"00280009":{"vr":"AT","Value":["00181063","00181065"]}}`},
		{"big numbers", `{"00080301":{"vr":"UV","Value":["18446744073709551615"]},"00080302":{"vr":"SV","Value":[-3]}}`, `{"00080301":{"vr":"UV","Value":["18446744073709551615"]},"00080302":{"vr":"SV","Value":[-3]}}`},
	} {
		d, err := ParseJSON([]byte(c.json), Limits{})
		if err != nil {
			t.Error(c.name, err)
			continue
		}
		got := strings.ReplaceAll(string(d.AppendJSON(nil, inline)), "\uFFFD", `\uFFFD`)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Error(c.name, diff)
		}
	}
}

func TestBadJSONIsRefused(t *testing.T) {
	deep := strings.Repeat(`{"00400275":{"vr":"SQ","Value":[`, 40) + strings.Repeat(`]}}`, 40)
	for _, c := range []struct {
		name, json string
		kind       Kind
	}{
		{"nothing", ``, Structure},
		{"cut", `{"00100020":{"vr":"LO"`, Structure},
		{"trailing", `{} {}`, Structure},
		{"two", `[{},{}]`, Structure},
		{"twice", `{"00100020":{"vr":"LO"},"00100020":{"vr":"LO"}}`, Structure},
		{"no number", `{"00280010":{"vr":"US","Value":["x"]}}`, Structure},
		{"number too large", `{"00280010":{"vr":"US","Value":[65536]}}`, Structure},
		{"object", `{"00100020":{"vr":"LO","Value":[{}]}}`, Structure},
		{"base 64", `{"7FE00010":{"vr":"OW","InlineBinary":"%"}}`, Structure},
		{"vr", `{"00100020":{"vr":"lo"}}`, Structure},
		{"control character", "{\"00100020\":{\"vr\":\"LO\",\"Value\":[\"\n\"]}}", Structure},
		{"deep", deep, Limit},
		{"deep unknown", `{"x":` + strings.Repeat("[", 100_000), Limit},
		{"many", `{"00400275":{"vr":"SQ","Value":[` + strings.Repeat("{},", 300_000) + `{}]}}`, Limit},
		{"long", `{"00104000":{"vr":"LT","Value":["` + strings.Repeat("x", 17<<20) + `"]}}`, Limit},
	} {
		_, err := ParseJSON([]byte(c.json), Limits{})
		var refused *FormatError
		if !errors.As(err, &refused) || refused.Kind != c.kind {
			t.Error(c.name, err)
		}
	}
}

func TestXML(t *testing.T) {
	d := NewDataSet()
	d.SetText(ImageType, "ORIGINAL", "", "AXIAL")
	d.SetText(0x00090010, "MAKER & CO")
	d.SetTextAs(0x00091001, LO, "a<b>\r\n\x1b")
	d.SetText(PatientName, "Wang^Xiaoming=王^小明", "=李")
	d.SetBytes(0x00281201, OW, []byte{1, 2, 3, 4})
	d.SetBulk(PixelDataTag, OW, "b?x=1&y")
	item := NewDataSet()
	item.SetInt(Rows, 1, 2)
	d.SetItems(RequestAttributesSequence, item, NewDataSet())
	got := string(d.AppendXML(nil, JSONOptions{}))
	want := `<?xml version="1.0" encoding="UTF-8"?>
<NativeDicomModel xml:space="preserve" xmlns="http://dicom.nema.org/PS3.19/models/NativeDICOM">` +
		`<DicomAttribute tag="00080008" vr="CS" keyword="ImageType"><Value number="1">ORIGINAL</Value><Value number="2"></Value><Value number="3">AXIAL</Value></DicomAttribute>` +
		`<DicomAttribute tag="00090010" vr="LO"><Value number="1">MAKER &amp; CO</Value></DicomAttribute>` +
		`<DicomAttribute tag="00090001" vr="LO" privateCreator="MAKER &amp; CO"><Value number="1">a&lt;b&gt;&#13;&#10;` + "\uFFFD" + `</Value></DicomAttribute>` +
		`<DicomAttribute tag="00100010" vr="PN" keyword="PatientName"><PersonName number="1"><Alphabetic><FamilyName>Wang</FamilyName><GivenName>Xiaoming</GivenName></Alphabetic>` +
		`<Ideographic><FamilyName>王</FamilyName><GivenName>小明</GivenName></Ideographic></PersonName><PersonName number="2"><Ideographic><FamilyName>李</FamilyName></Ideographic></PersonName></DicomAttribute>` +
		`<DicomAttribute tag="00281201" vr="OW" keyword="RedPaletteColorLookupTableData"><InlineBinary>AQIDBA==</InlineBinary></DicomAttribute>` +
		`<DicomAttribute tag="00400275" vr="SQ" keyword="RequestAttributesSequence"><Item number="1"><DicomAttribute tag="00280010" vr="US" keyword="Rows">` +
		`<Value number="1">1</Value><Value number="2">2</Value></DicomAttribute></Item><Item number="2"></Item></DicomAttribute>` +
		`<DicomAttribute tag="7FE00010" vr="OW" keyword="PixelData"><BulkData uri="b?x=1&amp;y"/></DicomAttribute></NativeDicomModel>` + "\n"
	if diff := cmp.Diff(strings.ReplaceAll(want, "><", ">\n<"), strings.ReplaceAll(got, "><", ">\n<")); diff != "" {
		t.Error(diff)
	}
	back, err := ParseXML(strings.NewReader(got), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	again := string(back.AppendXML(nil, JSONOptions{}))
	if diff := cmp.Diff(want, again); diff != "" {
		t.Error(diff)
	}
}

func TestBadXMLIsRefused(t *testing.T) {
	wrap := func(s string) string { return `<NativeDicomModel>` + s + `</NativeDicomModel>` }
	for _, c := range []struct {
		name, xml string
		kind      Kind
	}{
		{"nothing", ``, Structure},
		{"another document", `<html/>`, Structure},
		{"cut", `<NativeDicomModel><DicomAttribute tag="00100020" vr="LO">`, Structure},
		{"document type", `<!DOCTYPE x [<!ENTITY a "b">]>` + wrap(``), Unsupported},
		{"entity", wrap(`<DicomAttribute tag="00100020" vr="LO"><Value number="1">&a;</Value></DicomAttribute>`), Structure},
		{"encoding", `<?xml version="1.0" encoding="GBK"?>` + wrap(``), Unsupported},
		{"no tag", wrap(`<DicomAttribute vr="LO"/>`), Structure},
		{"twice", wrap(`<DicomAttribute tag="00100020" vr="LO"/><DicomAttribute tag="00100020" vr="LO"/>`), Structure},
		{"value number", wrap(`<DicomAttribute tag="00100020" vr="LO"><Value number="2000000000">x</Value></DicomAttribute>`), Structure},
		{"deep", `<NativeDicomModel>` + strings.Repeat(`<DicomAttribute tag="00400275" vr="SQ"><Item number="1">`, 100), Limit},
		{"deep unknown", wrap(strings.Repeat("<x>", 1000)), Limit},
		{"trailing", wrap(``) + `<x/>`, Structure},
		{"attributes", wrap(`<DicomAttribute tag="00100020" a1="" a2="" a3="" a4="" a5="" a6="" a7="" a8="" a9="" b1="" b2="" b3="" b4="" b5="" b6="" b7=""/>`), Limit},
		{"long", wrap(`<!--` + strings.Repeat("x", 65<<20) + `-->`), Limit},
	} {
		_, err := ParseXML(strings.NewReader(c.xml), Limits{})
		var refused *FormatError
		if !errors.As(err, &refused) || refused.Kind != c.kind {
			t.Error(c.name, err)
		}
	}
	if _, err := ParseXML(iotest.ErrReader(os.ErrPermission), Limits{}); !errors.Is(err, os.ErrPermission) {
		t.Error("the reader's error is", err)
	}
}

// FuzzReadDataSet holds that nothing panics and that what is read can be written and is the same when read again.
func FuzzReadDataSet(f *testing.F) {
	for _, raw := range samples(f) {
		if b, ts, ok := bareDataSet(raw); ok {
			f.Add(b, string(ts))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, ts string) {
		d, err := ReadDataSet(b, UID(ts), Limits{InflateBytes: 1 << 20})
		if err != nil {
			var refusal *FormatError
			if !errors.As(err, &refusal) || refusal.Kind == 0 {
				t.Fatalf("refused with %v", err)
			}
			return
		}
		d.dropGroupLengths()
		out, err := AppendDataSet(nil, d, ExplicitLE, "")
		if err != nil {
			t.Skip(err)
		}
		back, err := ReadDataSet(out, ExplicitLE, Limits{HeaderBytes: 1 << 30, Elements: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		if len(back.Elements) != len(d.Elements) {
			t.Error(len(back.Elements), len(d.Elements))
		}
		if _, err := AppendDataSet(nil, d, ImplicitLE, UTF8); err != nil {
			t.Error(err)
		}
	})
}

// FuzzParseJSON holds that what is read is written as JSON that reads the same.
func FuzzParseJSON(f *testing.F) {
	f.Add([]byte(wanted))
	f.Add([]byte("{\"00080018\":{\"vr\":\"UI\",\"Value\":[\"\xff\xfe\"]}}"))
	f.Add([]byte(`[{"00400275":{"Value":[{"00400009":{"Value":["\u738b"],"vr":"SH"}},null],"vr":"SQ"}}]`))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := ParseJSON(b, Limits{})
		if err != nil {
			var refusal *FormatError
			if !errors.As(err, &refusal) || refusal.Kind == 0 {
				t.Fatalf("refused with %v", err)
			}
			return
		}
		out := d.AppendJSON(nil, inline)
		if !json.Valid(out) {
			t.Fatalf("%q", out)
		}
		back, err := ParseJSON(out, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if again := back.AppendJSON(nil, inline); !bytes.Equal(out, again) {
			t.Errorf("%s", apart(out, again))
		}
		AppendDataSet(nil, d, ExplicitBE, "GB18030")
	})
}

// FuzzParseXML holds that what is read is written as well-formed XML that can be read.
func FuzzParseXML(f *testing.F) {
	d, err := ParseJSON([]byte(wanted), Limits{})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(d.AppendXML(nil, inline))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := ParseXML(bytes.NewReader(b), Limits{})
		if err != nil {
			var refusal *FormatError
			if !errors.As(err, &refusal) || refusal.Kind == 0 {
				t.Fatalf("refused with %v", err)
			}
			return
		}
		out := d.AppendXML(nil, inline)
		if err := xml.Unmarshal(out, new(any)); err != nil {
			t.Fatal(err)
		}
		if _, err := ParseXML(bytes.NewReader(out), Limits{}); err != nil {
			t.Errorf("%v %s", err, out)
		}
	})
}
