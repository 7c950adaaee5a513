package exchange

import (
	"testing"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/imaging"
)

// FuzzReferences reads what strangers send as requests and reports of storage commitment, and as answers to queries.
func FuzzReferences(f *testing.F) {
	refs := []imaging.Reference{{SOPClass: "1.2.840.10008.5.1.4.1.1.2", SOPInstance: "1.2.3"}, {SOPClass: "1.2", SOPInstance: "1.2.4"}}
	for _, ts := range plain {
		b, err := dicom.AppendDataSet(nil, actionInformation("2.25.1", refs), ts, "")
		must(f, err)
		f.Add(b)
		p := promise{transaction: "2.25.1"}
		must(f, p.answer("LIANZHEN", refs, []uint16{0, 0x0112}))
		f.Add(p.report)
		b, err = dicom.AppendDataSet(nil, PeerQuery{PatientNumber: "P1", Study: "1.2"}.keys(), ts, "GB18030")
		must(f, err)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, ts := range plain {
			ds, err := dicom.ReadDataSet(b, ts, dicom.Limits{})
			if err != nil {
				continue
			}
			_ = peerStudy(ds)
			got, err := references(ds, referencedSOPSequence)
			if err != nil {
				continue
			}
			for _, r := range got {
				if !r.SOPClass.Valid() || !r.SOPInstance.Valid() {
					t.Fatalf("%+v", r)
				}
			}
			digestOf(got)
		}
	})
}
