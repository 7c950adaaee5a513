package deid_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/dicom/deid"
)

const corpus = "../../../../shared/data/imaging"

var key = []byte("a key of the test, long enough")

func eachSample(t *testing.T, see func(name string, raw []byte, obj *dicom.Object)) {
	t.Helper()
	if _, err := os.Stat(corpus); err != nil {
		t.Skip("no corpus at " + corpus)
	}
	err := filepath.WalkDir(corpus, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if obj, err := dicom.Scan(bytes.NewReader(raw), dicom.Options{HeaderOnly: true}); err == nil {
			see(path[len(corpus)+1:], raw, obj)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// told are the values that must not be found again: names, identifiers, dates and UIDs of the data set and its items.
func told(d *dicom.DataSet, into map[string]dicom.Tag) {
	for i := range d.Elements {
		el := &d.Elements[i]
		for j := range el.Items {
			told(&el.Items[j], into)
		}
		if el.Tag.Private() {
			continue
		}
		for _, v := range d.Strs(el.Tag) {
			switch el.VR {
			case dicom.PN:
				if len(v) >= 4 {
					into[v] = el.Tag
				}
			case dicom.DA, dicom.DT:
				if len(v) >= 8 {
					into[v[:8]] = el.Tag
				}
			case dicom.UI:
				name := el.Tag.Keyword()
				if !strings.HasPrefix(v, "1.2.840.10008.") && !strings.Contains(name, "ClassUID") && name != "CodingSchemeUID" && !strings.Contains(name, "ClassesInStudy") && len(v) > 8 {
					into[v] = el.Tag
				}
			case dicom.LO, dicom.SH:
				switch el.Tag {
				case dicom.PatientID, dicom.AccessionNumber, dicom.OtherPatientIDs, dicom.InstitutionName, dicom.StationName:
					if len(v) >= 5 {
						into[v] = el.Tag
					}
				}
			}
		}
	}
}

// TestNothingOfThePatientIsLeft searches the de-identified bytes of every sample for what the original told.
func TestNothingOfThePatientIsLeft(t *testing.T) {
	files, values := 0, 0
	eachSample(t, func(name string, raw []byte, obj *dicom.Object) {
		files++
		before := map[string]dicom.Tag{}
		told(&obj.Header.DataSet, before)
		for _, p := range []deid.Profile{
			{Key: key},
			{Key: key, ModifiedDates: true, RetainPatient: true, SafePrivate: deid.SafePrivates},
			{Key: key, CleanDescriptor: true},
		} {
			d := obj.Header.DataSet.Clone()
			if err := p.Apply(d); err != nil {
				t.Fatal(name, err)
			}
			d.Delete(dicom.PixelDataTag)
			for el := range d.Away() {
				el.Resolve(nil)
			}
			out, err := dicom.AppendDataSet(nil, d, dicom.ExplicitLE, dicom.UTF8)
			if err != nil {
				t.Fatal(name, err)
			}
			for v, tag := range before {
				if strings.Contains(obj.Header.Str(dicom.Manufacturer), strings.TrimRight(v, ".^ ")) || v == obj.Header.Str(dicom.BodyPartExamined) {
					continue // a phantom named KNEE; a maker given as institution
				}
				values++
				if bytes.Contains(out, []byte(v)) {
					t.Errorf("%s: the value of %v is still there%s", name, tag, where(d, v))
				}
			}
			if _, err := dicom.ReadDataSet(out, dicom.ExplicitLE, dicom.Limits{}); err != nil {
				t.Error(name, err)
			}
		}
	})
	t.Log(files, "files", values, "values")
}

func where(d *dicom.DataSet, v string) string {
	for i := range d.Elements {
		el := &d.Elements[i]
		if bytes.Contains(el.Value, []byte(v)) {
			return " in " + el.Tag.String() + " " + el.Tag.Keyword() + " " + string(el.Value)
		}
		for j := range el.Items {
			if s := where(&el.Items[j], v); s != "" {
				return s + " of " + el.Tag.String()
			}
		}
	}
	return ""
}

func sample() *dicom.DataSet {
	d := dicom.NewDataSet()
	d.SetText(dicom.SOPClassUID, "1.2.840.10008.5.1.4.1.1.2")
	d.SetText(dicom.SOPInstanceUID, "1.2.3.4.5.6.7.8.9")
	d.SetText(dicom.StudyDate, "20260302")
	d.SetText(dicom.StudyTime, "101500")
	d.SetText(dicom.AcquisitionDateTime, "20260303101500.00+0800")
	d.SetText(dicom.PatientName, "Li^Si=李^四")
	d.SetText(dicom.PatientID, "X1")
	d.SetText(dicom.PatientSex, "F")
	d.SetText(dicom.StudyInstanceUID, "1.2.3.4.5.6.7.8")
	d.SetText(dicom.Modality, "CT")
	d.SetText(dicom.StudyDescription, "胸部")
	d.SetText(0x00190010, "SIEMENS MR HEADER")
	d.SetTextAs(0x0019100C, dicom.IS, "1000")
	d.SetTextAs(0x00191099, dicom.LO, "secret")
	d.SetText(0x00181022, "李四 of the ward")
	ref := dicom.NewDataSet()
	ref.SetText(dicom.ReferencedSOPClassUID, "1.2.840.10008.5.1.4.1.1.2")
	ref.SetText(dicom.ReferencedSOPInstanceUID, "1.2.3.4.5.6.7.8.9")
	d.SetItems(0x00081140, ref)
	return d
}

func TestOptions(t *testing.T) {
	plain := deid.Profile{Key: key}
	for _, c := range []struct {
		name    string
		profile deid.Profile
		want    map[dicom.Tag]string
	}{
		{"basic", plain, map[dicom.Tag]string{
			dicom.PatientSex: "", dicom.StudyDate: "", dicom.StudyDescription: "", 0x0019100C: "", 0x00191099: "", dicom.Modality: "CT",
			dicom.SOPInstanceUID: string(plain.UID("1.2.3.4.5.6.7.8.9")), 0x00120062: "YES", 0x00280303: "REMOVED",
		}},
		{"UIDs", deid.Profile{Key: key, RetainUIDs: true}, map[dicom.Tag]string{dicom.SOPInstanceUID: "1.2.3.4.5.6.7.8.9"}},
		{"patient", deid.Profile{Key: key, RetainPatient: true}, map[dicom.Tag]string{dicom.PatientSex: "F"}},
		{"dates", deid.Profile{Key: key, ModifiedDates: true}, map[dicom.Tag]string{dicom.StudyTime: "101500", 0x00280303: "MODIFIED"}},
		{"private", deid.Profile{Key: key, SafePrivate: deid.SafePrivates}, map[dicom.Tag]string{0x0019100C: "1000", 0x00191099: "", 0x00190010: "SIEMENS MR HEADER"}},
		{"pseudonym", deid.Profile{Key: key, Pseudonym: "对照^1"}, map[dicom.Tag]string{dicom.PatientName: "对照^1", dicom.PatientID: "对照^1"}},
	} {
		d := sample()
		if err := c.profile.Apply(d); err != nil {
			t.Fatal(err)
		}
		got := map[dicom.Tag]string{}
		for tag := range c.want {
			got[tag] = d.Str(tag)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Error(c.name, diff)
		}
		if ref := d.Items(0x00081140); len(ref) != 1 || ref[0].UID(dicom.ReferencedSOPInstanceUID) != d.UID(dicom.SOPInstanceUID) {
			t.Error(c.name, "a reference does not follow its instance")
		}
	}
}

// TestDatesKeepTheirDistance holds that dates of one patient move by one offset, that another's is another, and the day counts.
func TestDatesKeepTheirDistance(t *testing.T) {
	p := deid.Profile{Key: key, ModifiedDates: true}
	a, b := sample(), sample()
	b.SetText(dicom.PatientID, "X2")
	for _, d := range []*dicom.DataSet{a, b} {
		if err := p.Apply(d); err != nil {
			t.Fatal(err)
		}
	}
	day, _ := a.Date(dicom.StudyDate)
	next, _ := a.Date(dicom.AcquisitionDateTime)
	if next.Sub(day).Hours() != 24 || !strings.HasSuffix(a.Str(dicom.AcquisitionDateTime), "101500.00+0800") || a.Str(dicom.StudyDate) >= "20260302" {
		t.Error(a.Str(dicom.StudyDate), a.Str(dicom.AcquisitionDateTime))
	}
	if a.Str(dicom.StudyDate) == b.Str(dicom.StudyDate) || a.Str(dicom.PatientID) == b.Str(dicom.PatientID) {
		t.Error("two patients became one")
	}
	other := deid.Profile{Key: []byte("another key of the same length")}
	if p.UID("1.2.3") == other.UID("1.2.3") || !p.UID("1.2.3").Valid() || p.UID("1.2.3").Padded() {
		t.Error(p.UID("1.2.3"))
	}
}

func TestNamesAreFoundInOtherText(t *testing.T) {
	d := sample()
	p := deid.Profile{Key: key}
	d.SetText(0x00181022, "for X1-9 李四^李")
	d.SetText(dicom.PatientName, "李四")
	if err := p.Apply(d); err != nil {
		t.Fatal(err)
	}
	if got := d.Str(0x00181022); got != "" {
		t.Error(got)
	}
}

func TestAShortKeyIsRefused(t *testing.T) {
	if err := (&deid.Profile{Key: []byte("short")}).Apply(sample()); err == nil {
		t.Error("accepted")
	}
}

func TestBurned(t *testing.T) {
	for _, c := range []struct {
		name string
		set  func(*dicom.DataSet)
		want bool
	}{
		{"CT", func(*dicom.DataSet) {}, false},
		{"said", func(d *dicom.DataSet) { d.SetText(dicom.BurnedInAnnotation, "YES") }, true},
		{"ultrasound", func(d *dicom.DataSet) { d.SetText(dicom.SOPClassUID, "1.2.840.10008.5.1.4.1.1.6.1") }, true},
		{"clean ultrasound", func(d *dicom.DataSet) {
			d.SetText(dicom.SOPClassUID, "1.2.840.10008.5.1.4.1.1.6.1")
			d.SetText(dicom.BurnedInAnnotation, "NO")
		}, false},
		{"secondary capture", func(d *dicom.DataSet) { d.SetText(dicom.SOPClassUID, "1.2.840.10008.5.1.4.1.1.7") }, true},
		{"document", func(d *dicom.DataSet) {
			d.SetText(dicom.SOPClassUID, "1.2.840.10008.5.1.4.1.1.104.1")
			d.SetText(dicom.BurnedInAnnotation, "NO")
		}, true},
		{"face", func(d *dicom.DataSet) { d.SetText(0x00280302, "YES") }, true},
		{"scanned film", func(d *dicom.DataSet) { d.SetText(dicom.ConversionType, "DF") }, true},
	} {
		d := sample()
		c.set(d)
		if got := deid.Burned(d); got != c.want {
			t.Error(c.name, got)
		}
	}
}
