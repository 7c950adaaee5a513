package dicomecg

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/codec/tracing/synth"
)

// kept is what the format keeps of a source: who, but not by what program.
var kept = cmp.Transformer("source", func(s tracing.Source) tracing.SourceKind { return s.Kind })

// alike compares samples at once, as cmp takes long for each of them.
var alike = cmp.Comparer(slices.Equal[[]int32])

// nought takes an offset that is zero for one that is not said.
var nought = cmp.Comparer(func(a, b tracing.Ratio) bool { return a == b || a.Num == 0 && b.Num == 0 })

// same compares a tracing with what came back, beside what belongs to the file.
func same(t *testing.T, want, got *tracing.Tracing) {
	t.Helper()
	beside := cmpopts.IgnoreFields(tracing.Tracing{}, "Format", "Version", "Warnings")
	labels := cmpopts.IgnoreFields(tracing.Group{}, "Label") // RHYTHM and MEDIAN BEAT where there was none
	acquired := cmpopts.IgnoreFields(tracing.Device{}, "AcquiredBy")
	if diff := cmp.Diff(want, got, beside, labels, acquired, kept, alike, nought, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff[:min(len(diff), 4000)])
	}
}

func written(t testing.TB, tr *tracing.Tracing) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, tr); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestRoundTrip(t *testing.T) {
	for _, kind := range synth.Kinds {
		t.Run(string(kind), func(t *testing.T) {
			for seed := range uint64(2) {
				want := synth.Make(synth.Spec{Kind: kind, Seed: seed, Median: seed == 1})
				for i := range want.Statements {
					want.Statements[i].Confirmed = false
				}
				got, err := Read(written(t, want))
				if err != nil {
					t.Fatal(err)
				}
				same(t, want, got)
			}
		})
	}
}

// odd is a tracing with all that a round trip can lose.
func odd() *tracing.Tracing {
	t := synth.Make(synth.Spec{Median: true})
	t.Groups = t.Groups[:1]
	g := &t.Groups[0]
	g.Offset, g.Filters = 1500*time.Microsecond, tracing.Filters{HighPassHz: 0.05, LowPassHz: 150, NotchHz: 50}
	g.Leads[0].Samples[7], g.Leads[1].Skew, g.Leads[2].Off = tracing.Missing, 250*time.Microsecond, true
	g.Leads[3].NVPerLSB, g.Leads[3].OffsetNV = tracing.NewRatio(5_000_000, 2048), tracing.NewRatio(-12345, 8)
	g.Leads[4].NVPerLSB = tracing.Ratio{}
	g.Leads[10].Code, g.Leads[10].Label = "", "食道"
	g.Leads[11].Code, g.Leads[11].Label = tracing.LeadML2, "MLII"
	t.Patient = tracing.Patient{
		ID: "SYN-9", Name: "欧阳试验", BirthDate: "20240101", Sex: "F", AgeYears: 7.0 / 12, HeightCM: 70.5, WeightKG: 8.2, Pacemaker: true,
		Drugs: []string{"地高辛", "aspirin"},
	}
	t.RecordedAt, t.ZoneKnown = time.Date(2026, 5, 4, 3, 2, 1, 123_456_000, time.FixedZone("", 8*3600)), true
	t.Order, t.Indication = "ORD-1", "胸闷"
	t.Site = tracing.Site{Institution: "县医院", Department: "心电图室", Room: "3"}
	t.Measurements = append(t.Measurements, tracing.Measurement{
		Code: tracing.RAmplitude, Value: -12.5, Unit: "uV", Lead: tracing.LeadV4, Source: tracing.Source{Kind: tracing.ByPerson},
	})
	t.Annotations = []tracing.Annotation{
		{Lead: tracing.LeadII, At: 100 * time.Millisecond, For: 80 * time.Millisecond, Code: tracing.WaveP},
		{At: 200 * time.Millisecond, For: 90 * time.Millisecond, Code: tracing.WaveQRS},
		{At: 260 * time.Millisecond, Code: tracing.Beat},
		{At: 260 * time.Millisecond, Code: "+", Text: "(AFIB"},
		{At: 400 * time.Millisecond, Code: tracing.WaveT, Text: "offset"},
		{At: 500 * time.Millisecond, For: time.Second, Text: "干扰"},
	}
	return t
}

func TestRoundTripOfEverything(t *testing.T) {
	want := odd()
	got, err := Read(written(t, want))
	if err != nil {
		t.Fatal(err)
	}
	same(t, want, got)
}

func TestClass(t *testing.T) {
	of := func(n, rate, leads int) *tracing.Tracing {
		g := tracing.Group{Kind: tracing.Rhythm, Rate: tracing.Whole(int64(rate))}
		for i := range leads {
			l := tracing.Lead{Label: fmt.Sprint("c", i), NVPerLSB: tracing.Whole(1000), Samples: make([]int32, n)}
			if i < 12 {
				l.Code = tracing.Twelve[i]
				l.Label = l.Code.Label()
			}
			g.Leads = append(g.Leads, l)
		}
		return &tracing.Tracing{Groups: []tracing.Group{g}, RecordedAt: time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC)}
	}
	median := of(5000, 500, 12)
	median.Groups = append(median.Groups, tracing.Group{Kind: tracing.Median, Rate: tracing.Whole(500), Leads: of(500, 500, 12).Groups[0].Leads})
	high := of(5000, 500, 12)
	high.Groups[0].Leads[0].Samples[9] = 40_000
	lowest := of(5000, 500, 12)
	lowest.Groups[0].Leads[0].Samples[9], lowest.Groups[0].Leads[1].Samples[9] = math.MinInt16, tracing.Missing
	for _, c := range []struct {
		name string
		t    *tracing.Tracing
		want dicom.UID
	}{
		{"twelve leads of ten seconds", of(5000, 500, 12), TwelveLead},
		{"eight leads", of(5000, 500, 8), TwelveLead},
		{"thirteenth channel that is none", of(5000, 500, 13), General},
		{"more samples than twelve leads may have", of(20_000, 1000, 12), General},
		{"two leads", of(5000, 500, 2), General},
		{"with median beats", median, General},
		{"an hour", of(3600*250, 250, 3), Ambulatory},
		{"a hundred samples a second", of(1000, 100, 12), Ambulatory},
		{"two thousand samples a second", of(20_000, 2000, 12), General32},
		{"thirty channels", of(500, 500, 30), General32},
		{"beyond 16 bits", high, General32},
		{"-32768 beside a missing sample", lowest, General32},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := written(t, c.t)
			obj, err := dicom.Scan(bytes.NewReader(b), dicom.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if obj.Header.SOPClassUID != c.want {
				t.Errorf("%s, want %s", className(obj.Header.SOPClassUID), className(c.want))
			}
			got, err := Read(b)
			if err != nil {
				t.Fatal(err)
			}
			for i, l := range c.t.Groups[0].Leads {
				if !slices.Equal(l.Samples, got.Groups[0].Leads[i].Samples) {
					t.Errorf("lead %d differs", i)
				}
			}
		})
	}
}

func TestWriteRefuses(t *testing.T) {
	uneven := synth.Make(synth.Spec{Seconds: 1})
	uneven.Groups[0].Leads[3].Samples = uneven.Groups[0].Leads[3].Samples[1:]
	still := synth.Make(synth.Spec{Seconds: 1})
	still.Groups[0].Rate = tracing.Ratio{}
	for name, tr := range map[string]*tracing.Tracing{"no groups": {}, "leads of different length": uneven, "no rate": still} {
		t.Run(name, func(t *testing.T) {
			if err := Write(io.Discard, tr); err == nil {
				t.Error("written")
			}
		})
	}
}

func TestIdentity(t *testing.T) {
	tr := synth.Make(synth.Spec{Seconds: 1})
	if !bytes.Equal(written(t, tr), written(t, tr)) {
		t.Error("the same tracing must give the same object")
	}
	var b bytes.Buffer
	id := Identity{
		StudyInstanceUID: "1.2.3", SeriesInstanceUID: "1.2.4", SOPInstanceUID: "1.2.5", StudyID: "S1", StudyDescription: "心电图",
		AccessionNumber: "ACC", IssuerOfID: "HOSPITAL", Referring: "王^医生", SeriesNumber: 3, InstanceNumber: 7, StudyAt: tr.RecordedAt.Add(-time.Hour),
	}
	if err := WriteWith(&b, tr, id); err != nil {
		t.Fatal(err)
	}
	obj, err := dicom.Scan(&b, dicom.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for tag, want := range map[dicom.Tag]string{
		dicom.StudyInstanceUID: "1.2.3", dicom.SeriesInstanceUID: "1.2.4", dicom.SOPInstanceUID: "1.2.5", dicom.StudyID: "S1",
		dicom.AccessionNumber: "ACC", dicom.IssuerOfPatientID: "HOSPITAL", dicom.SeriesNumber: "3", dicom.InstanceNumber: "7",
		dicom.StudyDescription: "心电图", dicom.ReferringPhysicianName: "王 医生", dicom.Modality: "ECG",
	} {
		if got := obj.Header.Str(tag); got != want {
			t.Errorf("%s is %q, want %q", tag.Keyword(), got, want)
		}
	}
}

func TestDecimals(t *testing.T) {
	for _, c := range []struct {
		r    tracing.Ratio
		want string
	}{
		{tracing.Ratio{}, "0"},
		{tracing.NewRatio(488, 100), "4.88"},
		{tracing.NewRatio(1, 8), "0.125"},
		{tracing.NewRatio(-1, 3), "-0.3333333333333"},
		{tracing.Whole(1_000_000), "1000000"},
		{tracing.NewRatio(1, 3_000_000_000), "3.3333333333e-10"},
	} {
		t.Run(c.r.String(), func(t *testing.T) {
			got := decimalOf(c.r)
			if len(got) > decimalBytes || got[:min(len(got), 10)] != c.want[:min(len(c.want), 10)] {
				t.Errorf("%q, want about %q", got, c.want)
			}
		})
	}
}

func TestEncapsulatePDF(t *testing.T) {
	document := append([]byte("%PDF-1.7\n"), bytes.Repeat([]byte{1, 2, 3}, 100_000)...)
	meta := PDFMeta{
		Patient: tracing.Patient{ID: "SYN-1", Name: "张三", Sex: "M"}, Title: "心电图诊断报告",
		At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), ZoneKnown: true,
		Recorded: time.Date(2026, 1, 2, 2, 0, 0, 0, time.UTC), Site: tracing.Site{Institution: "县医院"},
	}
	meta.Of.SOPClassUID, meta.Of.SOPInstanceUID = TwelveLead, "1.2.3"
	var b bytes.Buffer
	if err := EncapsulatePDF(&b, document, meta); err != nil {
		t.Fatal(err)
	}
	raw := b.Bytes()
	obj, err := dicom.Scan(bytes.NewReader(raw), dicom.Options{})
	if err != nil {
		t.Fatal(err)
	}
	el := obj.Header.Find(dicom.EncapsulatedDocument)
	if el == nil || !bytes.Equal(raw[el.Offset:el.Offset+int64(len(document))], document) {
		t.Fatal("the document is not in the object")
	}
	if obj.Header.SOPClassUID != PDF || obj.Header.Str(documentTitle) != meta.Title {
		t.Error("class or title")
	}
	validated(t, raw, "EncapsulatedPDF")
	if err := EncapsulatePDF(io.Discard, []byte("MZ"), meta); err == nil {
		t.Error("what is no PDF was wrapped")
	}
}

// TestValid asks two programs that are not ours.
func TestValid(t *testing.T) {
	short := odd()
	short.Groups[0].Offset = 0 // needs a synchronised time, which a single cart has not
	holter, err := synth.Holter(synth.Spec{RateHz: 200}, 10*time.Minute).Load()
	if err != nil {
		t.Fatal(err)
	}
	for name, tr := range map[string]*tracing.Tracing{
		"TwelveLeadECG": synth.Make(synth.Spec{}), "GeneralECG": synth.Make(synth.Spec{Median: true}), "AmbulatoryECG": holter, "": short,
	} {
		t.Run(name, func(t *testing.T) { validated(t, written(t, tr), name) })
	}
}

func validated(t *testing.T, b []byte, kind string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "object.dcm")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if dcmdump, err := exec.LookPath("dcmdump"); err == nil {
		if out, err := exec.Command(dcmdump, path).CombinedOutput(); err != nil || bytes.Contains(out, []byte("E: ")) {
			t.Errorf("dcmdump: %v\n%s", err, out)
		}
	}
	dciodvfy, err := exec.LookPath("dciodvfy")
	if err != nil {
		t.Log("dciodvfy (dicom3tools) is not installed: the object was not checked against its IOD")
		return
	}
	out, _ := exec.Command(dciodvfy, path).CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "Error") {
			t.Error(line)
		}
	}
	if !strings.Contains(string(out), kind) {
		t.Errorf("not taken for %s:\n%s", kind, out)
	}
}
