package aecg_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/lianzhen/lianzhen/codec/tracing/aecg"
)

func TestMemoryIsBoundedByTheFile(t *testing.T) {
	long := strings.Repeat("-12 ", 500_000)
	for _, c := range []struct{ name, doc string }{
		{"long leads", top + sequences(relative("1", "ms"), lead("MDC_ECG_LEAD_V1", "1", "uV", long), lead("MDC_ECG_LEAD_V2", "1", "uV", long)) + bottom},
		{"one long lead and many short", top + sequences(relative("1", "ms"), lead("MDC_ECG_LEAD_V1", "1", "uV", long), strings.Repeat(
			lead("MDC_ECG_LEAD_Q", "1", "uV", "1")+"</sequence></component><component><sequence>", 60)) + bottom},
		{"many groups", top + strings.Repeat(sequences("", lead("MDC_ECG_LEAD_I", "1", "uV", "1")), 10_000) + bottom},
		{"many annotations", top + sequences(relative("1", "ms"), lead("MDC_ECG_LEAD_V1", "1", "uV", "1")) + "<subjectOf><annotationSet>" + strings.Repeat(
			`<component><annotation><code code="X"/><value value="1" unit="x"/></annotation></component>`, 30_000) + "</annotationSet></subjectOf>" + bottom},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := []byte(c.doc)
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			got, err := aecg.Read(b)
			if err != nil {
				t.Fatal(err)
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 4*int64(len(b))+1<<20 {
				t.Errorf("%d bytes kept of a file of %d", grown, len(b))
			}
			runtime.KeepAlive(got)
		})
	}
}
