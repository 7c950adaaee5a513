package exchange

import (
	"bytes"
	"testing"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/dicom/phantom"
	"github.com/lianzhen/lianzhen/store/storetest"
)

// BenchmarkForward sends a CT of 100 slices of 512 KiB to a peer in the same process, with all that is written about it.
func BenchmarkForward(b *testing.B) {
	s := newSite(b, storetest.SQLite(b), storetest.Dir(b))
	s.know("DEST", newSink(b).serve().addr)
	s.run(s.Exchange)
	var uid dicom.UID
	size := int64(0)
	for _, write := range phantom.Study(phantom.Spec{Kind: phantom.CTChest, Seed: 1, Count: 100, Patient: phantom.Patient{ID: "P1", Name: "A^B"}}) {
		var o bytes.Buffer
		must(b, write(&o))
		size += int64(o.Len())
		uid = s.keep(o.Bytes())
	}
	b.SetBytes(size)
	for b.Loop() {
		if got := s.ended(s.forward(uid, "DEST").ID); got.State != Done {
			b.Fatalf("%+v", got)
		}
	}
}
