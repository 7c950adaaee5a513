package dicom

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// everything is an object with a value of each kind.
func everything(t testing.TB, ts UID) []byte {
	t.Helper()
	nan := binary.LittleEndian.AppendUint64(nil, math.Float64bits(math.NaN()))
	return build(t, ts, func(e *Encoder) {
		e.Text(SpecificCharacterSet, "GB18030")
		e.gb = true
		e.Text(ImageType, "ORIGINAL", "", "AXIAL")
		identity(e)
		e.Text(StudyDate, "20260302")
		e.Text(StudyTime, "093015.25")
		e.Text(AccessionNumber)
		e.Text(PatientName, "Wang^Xiaoming=王^小明")
		e.Text(PatientBirthDate, "1960")
		e.Text(PatientWeight, "+070.50")
		e.Text(PatientComments, "a\\b\r\n\"<c>\" ")
		series(e)
		e.Text(InstanceNumber, "12x")
		e.Float(ImagePositionPatient, -1.5, 0, 2e-7)
		e.Bytes(0x00220055, FL, binary.LittleEndian.AppendUint32(nil, math.Float32bits(0.1)))
		e.Bytes(FrameIncrementPointer, AT, []byte{0x18, 0x00, 0x63, 0x10})
		e.Bytes(0x00281201, OW, []byte{1, 2, 3, 4})
		e.Seq(0x00400275, func(e *Encoder) { e.Text(RequestedProcedureDescription, "胸部") }, func(*Encoder) {})
		e.Bytes(0x0040A161, FD, nan)
		e.Bytes(0x00420011, OB, make([]byte, 3000))
		e.Seq(WaveformSequence, func(e *Encoder) { e.Bytes(WaveformData, OW, make([]byte, 2000)) })
	})
}

const wanted = `{"00080005":{"vr":"CS","Value":["ISO_IR 192"]},"00080008":{"vr":"CS","Value":["ORIGINAL",null,"AXIAL"]},` +
	`"00080016":{"vr":"UI","Value":["1.2.840.10008.5.1.4.1.1.88.11"]},"00080018":{"vr":"UI","Value":["2.25.101"]},` +
	`"00080020":{"vr":"DA","Value":["20260302"]},"00080030":{"vr":"TM","Value":["093015.25"]},"00080050":{"vr":"SH"},` +
	`"00100010":{"vr":"PN","Value":[{"Alphabetic":"Wang^Xiaoming","Ideographic":"王^小明"}]},"00100030":{"vr":"DA","Value":["1960"]},` +
	`"00101030":{"vr":"DS","Value":[70.50]},"00104000":{"vr":"LT","Value":["a\\b\r\n\"<c>\""]},"0020000D":{"vr":"UI","Value":["2.25.102"]},` +
	`"0020000E":{"vr":"UI","Value":["2.25.103"]},"00200013":{"vr":"IS","Value":["12x"]},"00200032":{"vr":"DS","Value":[-1.5,0,2e-07]},` +
	`"00220055":{"vr":"FL","Value":[0.1]},"00280009":{"vr":"AT","Value":["00181063"]},"00281201":{"vr":"OW","InlineBinary":"AQIDBA=="},` +
	`"00400275":{"vr":"SQ","Value":[{"00321060":{"vr":"LO","Value":["胸部"]}},{}]},"0040A161":{"vr":"FD","Value":["NaN"]},` +
	`"00420011":{"vr":"OB","BulkDataURI":"b/00420011/3000"},` +
	`"54000100":{"vr":"SQ","Value":[{"54001010":{"vr":"OW","BulkDataURI":"b/54000100/1/54001010/2000"}}]}}`

func TestJSON(t *testing.T) {
	for _, ts := range []UID{ExplicitLE, ExplicitBE, ImplicitLE} {
		h := mustScan(t, everything(t, ts)).Header
		got := string(h.AppendJSON(nil, JSONOptions{BulkURI: func(path string, _, n int64) string { return fmt.Sprintf("b/%s/%d", path, n) }}))
		if diff := cmp.Diff(strings.ReplaceAll(wanted, "},", "},\n"), strings.ReplaceAll(got, "},", "},\n")); diff != "" {
			t.Errorf("%s: %s", ts, diff)
		}
	}
}

func TestDecimalsInJSON(t *testing.T) {
	for in, want := range map[string]string{
		"1": "1", "+1": "1", "-0": "-0", "007": "7", "1.": "1", ".5": "0.5", "-.50": "-0.50", "1e5": "1e5", "1E+05": "1E+05",
		"": `""`, ".": `"."`, "-": `"-"`, "1e": `"1e"`, "1,5": `"1,5"`, "1 2": `"1 2"`, "0x1": `"0x1"`, "--1": `"--1"`, "NaN": `"NaN"`,
	} {
		if got := string(appendDecimal(nil, []byte(in))); got != want {
			t.Errorf("%q: want %s, got %s", in, want, got)
		}
	}
}

func TestAccessors(t *testing.T) {
	h := mustScan(t, everything(t, ExplicitBE)).Header
	day, ok := h.Date(StudyDate)
	if want := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC); !ok || !day.Equal(want) {
		t.Error(day, ok)
	}
	if _, ok := h.Date(PatientBirthDate); ok {
		t.Error("a year is no date")
	}
	clock, ok := h.Time(StudyTime)
	if want := 9*time.Hour + 30*time.Minute + 15*time.Second + 250*time.Millisecond; !ok || clock != want {
		t.Error(clock, ok)
	}
	if f, ok := h.Float(PatientWeight); !ok || f != 70.5 {
		t.Error(f, ok)
	}
	if _, ok := h.Int(InstanceNumber); ok {
		t.Error("12x is no number")
	}
	if got := h.Items(RequestAttributesSequence); len(got) != 2 || got[0].Str(RequestedProcedureDescription) != "胸部" {
		t.Error("items", got)
	}
	if h.Str(AccessionNumber) != "" || h.Strs(PatientID) != nil || h.Items(PatientID) != nil {
		t.Error("absent attributes have values")
	}
}

func TestLibraryReadsWhatWeRewrite(t *testing.T) {
	ds, err := mustScan(t, everything(t, ExplicitBE)).Header.Library()
	if err != nil {
		t.Fatal(err)
	}
	for _, el := range ds.Elements {
		if Tag(el.Tag.Group)<<16|Tag(el.Tag.Element) == PatientName {
			if got := fmt.Sprint(el.Value.GetValue()); got != "[Wang^Xiaoming=王^小明]" {
				t.Error(got)
			}
			return
		}
	}
	t.Error("no name")
}

// TestHostileTextIsCheap holds that decoding stays linear: 1 MiB of the worst text is far from a second.
func TestHostileTextIsCheap(t *testing.T) {
	for _, c := range []struct{ name, charset, unit string }{
		{"escapes", `\ISO 2022 IR 58`, "\x1b$)A\xd5\xc5"},
		{"kanji", `\ISO 2022 IR 87`, "\x1b$B;3"},
		{"pairs", `\ISO 2022 IR 149`, "\x1b$)C" + strings.Repeat("\xb1\xe6", 1000)},
		{"terms", strings.Repeat(`\GBK`, 1<<18), "\xd5\xc5"},
		{"GB18030", "GB18030", "\x81\x39\xee\x39"},
	} {
		began := time.Now()
		d := DataSet{charset: newCharset([]byte(c.charset), func(string) {})}
		v := []byte(strings.Repeat(c.unit, 1<<20/len(c.unit)))
		d.decode(&Element{Tag: PatientName, VR: PN, Value: v})
		if took := time.Since(began); took > 3*time.Second {
			t.Error(c.name, took)
		} else {
			t.Log(c.name, took)
		}
	}
}
