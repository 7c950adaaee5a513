package dicom

import (
	"bytes"
	"errors"
	"testing"
)

func TestPartialGivesWhatStandsBeforeTheFault(t *testing.T) {
	inner := NewDataSet()
	inner.SetText(CodeValue, "A")
	inner.SetBytes(WaveformData, OW, bytes.Repeat([]byte{1, 2}, 500))
	d := NewDataSet()
	for _, tag := range []Tag{SOPClassUID, SOPInstanceUID, StudyInstanceUID, SeriesInstanceUID} {
		d.SetText(tag, "1.2.3")
	}
	d.SetText(PatientName, "张三")
	d.SetItems(WaveformSequence, inner)
	for _, syntax := range []UID{ExplicitLE, ImplicitLE, ExplicitBE, DeflatedLE} {
		t.Run(string(syntax), func(t *testing.T) {
			head, err := FileMeta(Meta{SOPClass: "1.2.3", SOPInstance: "1.2.3", TransferSyntax: syntax})
			if err != nil {
				t.Fatal(err)
			}
			whole, err := AppendDataSet(head, d, syntax, "")
			if err != nil {
				t.Fatal(err)
			}
			names, items := 0, 0
			for n := range len(whole) {
				obj, err := Scan(bytes.NewReader(whole[:n]), Options{Partial: true})
				var fault *FormatError
				if err != nil && !errors.As(err, &fault) {
					t.Fatalf("%d bytes: %v", n, err)
				}
				if without, err := Scan(bytes.NewReader(whole[:n]), Options{}); err != nil && without != nil {
					t.Fatalf("%d bytes: an object beside the refusal, though none was asked for", n)
				}
				if obj == nil {
					continue
				}
				if obj.Header.Str(PatientName) == "张三" {
					names++
				}
				for _, it := range obj.Header.Items(WaveformSequence) {
					if el := it.Find(WaveformData); el != nil && err != nil && syntax != DeflatedLE && el.Kept() && el.Offset+el.Length > int64(n) {
						t.Fatalf("%d bytes: a value that is cut is said to be kept", n)
					}
					items++
				}
			}
			if names == 0 || items == 0 {
				t.Errorf("the name was seen %d times, the item %d times", names, items)
			}
		})
	}
}
