package imaging

import (
	"bytes"
	"testing"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/dicom/phantom"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store/storetest"
)

// regroup writes other file meta information around the data set of b.
func regroup(t *testing.T, b []byte, sourceAE string) []byte {
	t.Helper()
	o, err := dicom.Scan(bytes.NewReader(b), dicom.Options{})
	if err != nil {
		t.Fatal(err)
	}
	head, err := dicom.FileMeta(dicom.Meta{
		SOPClass: o.Header.SOPClassUID, SOPInstance: o.Header.SOPInstanceUID, TransferSyntax: o.TransferSyntax, SourceAE: sourceAE,
	})
	if err != nil {
		t.Fatal(err)
	}
	return append(head, b[o.DataSetOffset():]...)
}

func TestForwardedObjectsAreTheSame(t *testing.T) {
	for _, tt := range []struct {
		name string
		spec phantom.Spec
	}{
		{"small", phantom.Spec{Kind: phantom.CTChest, Seed: 3, Count: 1, Patient: wang, Rows: 64, Columns: 64}},
		{"large", phantom.Spec{Kind: phantom.DRChest, Seed: 4, Count: 1, Patient: wang, Rows: 1200, Columns: 1000}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := newLab(t, storetest.SQLite(t), storetest.Dir(t))
			var b bytes.Buffer
			for _, write := range phantom.Study(tt.spec) {
				if err := write(&b); err != nil {
					t.Fatal(err)
				}
			}
			first := l.accept(t, l.tech, b.Bytes())
			other := regroup(t, b.Bytes(), "OTHER_PACS")
			if bytes.Equal(other, b.Bytes()) {
				t.Fatal("the same file")
			}
			if again := l.accept(t, l.tech, other); !again.Already || again.Instance != first.Instance {
				t.Errorf("%+v", again)
			}
			if got := l.fetch(t, l.tech, first.Instance); !bytes.Equal(got, b.Bytes()) {
				t.Error("the first version has gone")
			}
			changed := bytes.Clone(other)
			changed[len(changed)-2] ^= 1
			_, err := l.Accept(t.Context(), l.tech, source(changed))
			wantKind(t, err, record.Conflict)
		})
	}
}

func TestWithheldObjectsWaitForAPerson(t *testing.T) {
	l := newLab(t, storetest.SQLite(t), storetest.Dir(t))
	b := study(phantom.CTChest, 5, 1, wang)[0]
	id, err := l.Withhold(t.Context(), l.tech, Source{Reader: bytes.NewReader(b), Size: -1}, "the sender STRANGER is not registered")
	if err != nil {
		t.Fatal(err)
	}
	all, err := l.Quarantine(t.Context(), l.tech, "", 10, false)
	if err != nil || len(all) != 1 || all[0].ID != id || all[0].Size != int64(len(b)) {
		t.Fatalf("%+v, %v", all, err)
	}
}
