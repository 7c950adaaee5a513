package dicomecg

import (
	"bytes"
	"encoding/binary"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/tracing"
)

func mustRead(t *testing.T, b []byte) *tracing.Tracing {
	t.Helper()
	out, err := Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func warned(t *tracing.Tracing, code tracing.WarningCode) bool {
	return slices.ContainsFunc(t.Warnings, func(w tracing.Warning) bool { return w.Code == code })
}

func TestTransferSyntaxesGiveTheSame(t *testing.T) {
	d := dataSet(TwelveLead, ramp(700, "1", "2", "3"))
	want := mustRead(t, file(t, d, dicom.ExplicitLE, ""))
	if n := len(want.Groups[0].Leads); n != 7 {
		t.Fatalf("%d leads, want I, II, V1 and the four derived", n)
	}
	if v := want.Groups[0].Lead(tracing.LeadII).Samples[3]; v != 30+1-100 {
		t.Fatalf("sample 3 of II is %d", v)
	}
	for _, c := range []struct {
		name   string
		syntax dicom.UID
	}{
		{"implicit little endian", dicom.ImplicitLE},
		{"explicit big endian", dicom.ExplicitBE},
		{"deflated", dicom.DeflatedLE},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(want, mustRead(t, file(t, d, c.syntax, "")), alike); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("long, big endian, left in the file", func(t *testing.T) {
		long := dataSet(General, ramp(70_000, "1", "2", "3"))
		if diff := cmp.Diff(mustRead(t, file(t, long, dicom.ExplicitLE, "")), mustRead(t, file(t, long, dicom.ExplicitBE, "")), alike); diff != "" {
			t.Error(diff[:min(len(diff), 500)])
		}
	})
	for name, syntax := range map[string]dicom.UID{"without group 2, explicit": dicom.ExplicitLE, "without group 2, implicit": dicom.ImplicitLE} {
		t.Run(name, func(t *testing.T) {
			b, err := dicom.AppendDataSet(nil, d, syntax, "")
			if err != nil {
				t.Fatal(err)
			}
			if !Sniff(b[:200]) {
				t.Error("not recognised")
			}
			if diff := cmp.Diff(want, mustRead(t, b), alike); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPatientAndDevice(t *testing.T) {
	d := dataSet(TwelveLead, ramp(10, "1", "2"))
	for tag, v := range map[dicom.Tag]string{
		dicom.PatientName: "Zhang^San=张^三=", dicom.PatientID: "SYN-1", dicom.PatientBirthDate: "19600229", dicom.PatientSex: "F",
		dicom.PatientAge: "064Y", dicom.PatientSize: "1.62", dicom.PatientWeight: "58.5", dicom.Manufacturer: "某厂", ethnicGroup: "汉族",
		dicom.ManufacturerModelName: "M12", dicom.DeviceSerialNumber: "0001", dicom.InstitutionName: "乡镇卫生院", currentPatientLocation: "2床",
		dicom.AccessionNumber: "A1", reasonForTheRequested: "胸痛", acquisitionDateTime: "20240102030405.25+0800", medicalAlerts: "Cardiac pacemaker",
	} {
		d.SetText(tag, v)
	}
	d.SetText(dicom.SoftwareVersions, "1.0", "2.0")
	for _, charset := range []string{"GB18030", "ISO_IR 192"} {
		t.Run(charset, func(t *testing.T) {
			got := mustRead(t, file(t, d, dicom.ExplicitLE, charset))
			want := &tracing.Tracing{
				Format: tracing.DICOM, Version: "12-Lead ECG", Groups: got.Groups, ZoneKnown: true,
				RecordedAt: time.Date(2024, 1, 1, 19, 4, 5, 250_000_000, time.UTC), Indication: "胸痛", Order: "A1",
				Patient: tracing.Patient{
					ID: "SYN-1", Name: "张三", BirthDate: "19600229", Sex: "F", AgeYears: 64, HeightCM: 162, WeightKG: 58.5, Race: "汉族", Pacemaker: true,
				},
				Device: tracing.Device{Manufacturer: "某厂", Model: "M12", Serial: "0001", Software: "1.0 2.0"},
				Site:   tracing.Site{Institution: "乡镇卫生院", Room: "2床"},
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("GB18030 without saying so", func(t *testing.T) {
		b := file(t, d, dicom.ExplicitLE, "GB18030")
		b = bytes.Replace(b, []byte("GB18030 "), []byte("ISO_IR 6"), 1)
		got := mustRead(t, b)
		if got.Patient.Name != "张三" || !warned(got, tracing.BadText) {
			t.Errorf("got %q, %v", got.Patient.Name, got.Warnings)
		}
	})
}

func TestRecordedAt(t *testing.T) {
	for _, c := range []struct {
		name string
		set  map[dicom.Tag]string
		want string
		zone bool
	}{
		{"acquisition", map[dicom.Tag]string{acquisitionDateTime: "20240102030405"}, "2024-01-02T03:04:05Z", false},
		{"to the minute", map[dicom.Tag]string{acquisitionDateTime: "202401020304"}, "2024-01-02T03:04:00Z", false},
		{"zone in the time", map[dicom.Tag]string{acquisitionDateTime: "20240102030405.5-0330"}, "2024-01-02T06:34:05.5Z", true},
		{"zone apart", map[dicom.Tag]string{acquisitionDateTime: "20240102030405", dicom.TimezoneOffsetFromUTC: "+0800"}, "2024-01-01T19:04:05Z", true},
		{"date and time", map[dicom.Tag]string{dicom.AcquisitionDate: "20240102", dicom.AcquisitionTime: "0304"}, "2024-01-02T03:04:00Z", false},
		{"content", map[dicom.Tag]string{dicom.ContentDate: "20240102", dicom.ContentTime: "030405"}, "2024-01-02T03:04:05Z", false},
		{"nonsense, then the study", map[dicom.Tag]string{acquisitionDateTime: "00000000", dicom.StudyDate: "20240102"}, "2024-01-02T00:00:00Z", false},
		{"nothing", nil, "0001-01-01T00:00:00Z", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := dataSet(TwelveLead, ramp(10, "1", "2"))
			for tag, v := range c.set {
				d.SetText(tag, v)
			}
			got := mustRead(t, file(t, d, dicom.ExplicitLE, ""))
			if at := got.RecordedAt.UTC().Format(time.RFC3339Nano); at != c.want || got.ZoneKnown != c.zone {
				t.Errorf("got %v (zone known: %v), want %v", at, got.ZoneKnown, c.want)
			}
		})
	}
}

func TestOpenReadsTheSameFromAnywhere(t *testing.T) {
	b := file(t, dataSet(Ambulatory, ramp(200_000, "1", "2", "3")), dicom.ExplicitLE, "")
	rec, err := Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	if g := rec.Head.Rhythm(); rec.Count != 200_000 || len(g.Leads) != 3 || g.Leads[0].Samples != nil {
		t.Fatalf("%d samples of %d leads", rec.Count, len(g.Leads))
	}
	for _, at := range []int64{0, 1, 99_999, 200_000 - 7} {
		out := [][]int32{make([]int32, 7), make([]int32, 7), make([]int32, 7)}
		if err := rec.Read(at, out); err != nil {
			t.Fatal(err)
		}
		for c := range out {
			for k, v := range out[c] {
				if want := int32(int16(uint16(int(at)+k)*10 + uint16(c) - 100)); v != want {
					t.Fatalf("sample %d of lead %d is %d, want %d", int(at)+k, c, v, want)
				}
			}
		}
	}
}

func TestIdentityThatIsMissing(t *testing.T) {
	d := dataSet(TwelveLead, ramp(100, "1", "2"))
	b := file(t, d, dicom.ExplicitLE, "")
	d.Delete(dicom.StudyInstanceUID)
	head := b[:bytes.Index(b, []byte{8, 0, 0x16, 0})]
	without, err := dicom.AppendDataSet(slices.Clone(head), d, dicom.ExplicitLE, "")
	if err != nil {
		t.Fatal(err)
	}
	got := mustRead(t, without)
	if got.Groups[0].Len() != 100 || !warned(got, tracing.Deviates) {
		t.Errorf("warnings %v", got.Warnings)
	}
}

func TestDamage(t *testing.T) {
	b := file(t, dataSet(TwelveLead, ramp(5000, "1", "2", "3")), dicom.ExplicitLE, "")
	i := bytes.Index(b, binary.LittleEndian.AppendUint32([]byte{0x00, 0x54, 0x10, 0x10, 'O', 'W', 0, 0}, 30_000))
	if i < 0 {
		t.Fatal("no waveform data")
	}
	tail := append(slices.Clone(b[:i+12+30_000]), "garbage that is no element"...)
	got := mustRead(t, tail)
	if got.Groups[0].Len() != 5000 || !warned(got, tracing.Inconsistent) {
		t.Errorf("%d samples, %v", got.Groups[0].Len(), got.Warnings)
	}
}

func TestSeveralReadAtOnce(t *testing.T) {
	b := file(t, dataSet(Ambulatory, ramp(100_000, "1", "2")), dicom.ExplicitBE, "")
	rec, err := Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for at := range int64(8) {
		all.Go(func() {
			out := [][]int32{make([]int32, 5000), make([]int32, 5000)}
			if err := rec.Read(at*5000, out); err != nil {
				t.Error(err)
			}
			if want := int32(int16(uint16(at*5000*10) - 100)); out[0][0] != want {
				t.Errorf("sample %d is %d, want %d", at*5000, out[0][0], want)
			}
		})
	}
	all.Wait()
}

func TestWhatIsAnECG(t *testing.T) {
	b := file(t, dataSet(TwelveLead, ramp(10, "1", "2")), dicom.ExplicitLE, "")
	image := file(t, dataSet("1.2.840.10008.5.1.4.1.1.2", ramp(10, "1", "2")), dicom.ExplicitLE, "")
	for _, c := range []struct {
		name string
		b    []byte
		want bool
	}{
		{"12-lead ECG", b, true},
		{"only its beginning", b[:132], true},
		{"an image", image, false},
		{"shorter than a preamble", b[:100], false},
		{"text", []byte("Dear colleague, this is no tracing at all, but a letter."), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if Sniff(c.b) != c.want {
				t.Errorf("want %v", c.want)
			}
		})
	}
	for class, want := range map[dicom.UID]bool{
		TwelveLead: true, General: true, Ambulatory: true, General32: true, Hemodynamic: true, PDF: false, "": false,
	} {
		if IsECG(string(class)) != want {
			t.Errorf("%s: want %v", class, want)
		}
	}
}
