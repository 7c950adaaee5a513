package gateway

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/lianzhen/lianzhen/codec/dicom/phantom"
	"github.com/lianzhen/lianzhen/imaging"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

// timed asks again and again, and reports the median and how soon the first byte came.
func (v *viewer) timed(b *testing.B, path func(i int) string, header ...string) {
	b.Helper()
	client := &http.Client{Transport: &http.Transport{DisableCompression: true}}
	defer client.CloseIdleConnections()
	var took, first []time.Duration
	var size int64
	buf := make([]byte, 1<<20)
	for i := 0; b.Loop(); i++ {
		req, err := http.NewRequest("GET", v.http+"/dicomweb"+path(i), nil)
		must(b, err)
		req.Header.Set("Authorization", "Bearer "+v.key)
		for k := 0; k < len(header); k += 2 {
			req.Header.Set(header[k], header[k+1])
		}
		start := time.Now()
		resp, err := client.Do(req)
		must(b, err)
		n, err := io.ReadFull(resp.Body, buf[:1])
		first = append(first, time.Since(start))
		must(b, err)
		rest, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{resp.Body}, buf)
		must(b, err)
		size = int64(n) + rest
		_ = resp.Body.Close()
		took = append(took, time.Since(start))
		if resp.StatusCode != 200 {
			b.Fatalf("HTTP %d", resp.StatusCode)
		}
	}
	b.SetBytes(size)
	slices.Sort(took)
	slices.Sort(first)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
	b.ReportMetric(float64(first[len(first)/2].Microseconds()), "first-byte-µs")
}

func at(path string) func(int) string { return func(int) string { return path } }

func unlimited(d *Deps) {
	d.Options.Quota.Calls = Rate{1e9, time.Second}
	d.Options.MaxBlob = 1 << 30
}

// BenchmarkSeries is a CT of 200 slices.
func BenchmarkSeries(b *testing.B) {
	h := newHouse(b, unlimited)
	v := newViewer(b, h, storetest.Suwu)
	var one []byte
	for _, write := range phantom.Study(phantom.Spec{Kind: phantom.CTChest, Seed: 3, Count: 200, Patient: phantom.Patient{Name: "Li^Na=李^娜", ID: "P3", BirthDate: "19800101", Sex: "F"}}) {
		var o bytes.Buffer
		must(b, write(&o))
		one = o.Bytes()
		v.keep(one)
	}
	st, se, in := places(scanned(b, one))
	n := 0
	b.Run("metadata first", func(b *testing.B) {
		v.timed(b, func(int) string { n++; return se + "/metadata" }, "Accept-Encoding", "gzip", "Host", "a")
	})
	for _, c := range []struct {
		name, path string
		header     []string
	}{
		{"metadata gzip", se + "/metadata", []string{"Accept-Encoding", "gzip"}},
		{"metadata plain", se + "/metadata", nil},
		{"instances", se + "/instances", nil},
		{"frame", in + "/frames/1", nil},
		{"rendered", in + "/rendered", nil},
		{"instance", in, nil},
		{"study", st, nil},
		{"study metadata", st + "/metadata", nil},
	} {
		b.Run(c.name, func(b *testing.B) { v.timed(b, at(c.path), c.header...) })
	}
	b.Run("metadata made anew", func(b *testing.B) {
		u := scanned(b, one).Header
		i := 0
		for b.Loop() {
			i++
			_, err := h.Imaging.SeriesMetadata(b.Context(), scopeAt(storetest.Suwu), u.StudyUID, u.SeriesUID, fmt.Sprint("http://", i))
			must(b, err)
		}
	})
	b.Run("rendered anew", func(b *testing.B) {
		v.timed(b, func(i int) string { return fmt.Sprintf("%s/rendered?window=40,%d", in, 100+i) })
	})
}

func scopeAt(i record.InstitutionID) record.Scope {
	return record.Scope{Actor: record.Actor{Kind: record.ActorDevice, ID: "bench", Institution: i}, Institutions: []record.InstitutionID{i}, Purpose: record.Treatment}
}

// BenchmarkLarge is one object of 547 MB.
func BenchmarkLarge(b *testing.B) {
	h := newHouse(b, unlimited)
	v := newViewer(b, h, storetest.Suwu)
	r, w := io.Pipe()
	go func() { w.CloseWithError(phantom.Large(w, 380)) }()
	stored, err := h.Imaging.Accept(b.Context(), scopeAt(storetest.Suwu), imaging.Source{Reader: r, Size: -1})
	must(b, err)
	all, err := h.Imaging.Locate(b.Context(), scopeAt(storetest.Suwu), imaging.UIDs{Study: stored.StudyUID})
	must(b, err)
	l := all[0]
	in := "/studies/" + string(l.StudyUID) + "/series/" + string(l.SeriesUID) + "/instances/" + l.SOPUID
	for _, c := range []struct {
		name, path string
		header     []string
	}{
		{"whole", in, nil},
		{"alone", in, []string{"Accept", "application/dicom"}},
		{"implicit", in, []string{"Accept", "application/dicom; transfer-syntax=1.2.840.10008.1.2"}},
		{"frame 200", in + "/frames/200", nil},
		{"frame 200 rendered", in + "/frames/200/rendered?viewport=400,300", nil},
		{"frames 1 to 100", in + "/frames/" + list(100), nil},
	} {
		b.Run(c.name, func(b *testing.B) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			v.timed(b, at(c.path), c.header...)
			runtime.ReadMemStats(&after)
			b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/float64(b.N)/1e6, "MB-allocated/op")
		})
	}
}

func list(n int) string {
	s := "1"
	for i := 2; i <= n; i++ {
		s += fmt.Sprintf(",%d", i)
	}
	return s
}

// BenchmarkSearch looks in 50 000 studies.
func BenchmarkSearch(b *testing.B) {
	h := newHouse(b, unlimited)
	v := newViewer(b, h, storetest.Suwu)
	v.keep(study(1, 1)...)
	must(b, h.DB.Tx(b.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec(b.Context(), `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 50000)
			INSERT INTO studies (id, institution_id, centre_id, study_uid, patient_id, grade, local_number, name, name_key, birth_date, sex, accession,
			study_date, study_time, description, modalities, series_count, instance_count, bytes, performed_at, first_at, last_at, open, attributes)
			SELECT 'x' || n.i, institution_id, centre_id, '1.2.3.' || n.i, patient_id, grade, 'N' || n.i, name, name_key, birth_date, sex, 'A' || n.i,
			date('2023-01-01', '+' || (n.i % 1200) || ' days'), study_time, description, modalities, series_count, instance_count, bytes, performed_at,
			first_at, last_at, 0, attributes FROM studies, n`)
		if err == nil {
			_, err = tx.Exec(b.Context(), `INSERT INTO study_modalities SELECT CASE WHEN bytes % 4 = 0 THEN 'CT' ELSE 'DX' END, study_date, id FROM studies WHERE open = 0`)
		}
		if err == nil {
			_, err = tx.Exec(b.Context(), `ANALYZE`)
		}
		return err
	}))
	for _, c := range []struct {
		name string
		path func(i int) string
	}{
		{"study UID", func(i int) string { return fmt.Sprintf("/studies?StudyInstanceUID=1.2.3.%d", 1+i*7919%50000) }},
		{"patient", func(i int) string { return fmt.Sprintf("/studies?PatientID=N%d", 1+i*7919%50000) }},
		{"accession", func(i int) string { return fmt.Sprintf("/studies?AccessionNumber=A%d&limit=25", 1+i*7919%50000) }},
		{"day", func(i int) string { return fmt.Sprintf("/studies?StudyDate=202403%02d&limit=25", 1+i%28) }},
		{"list", func(i int) string {
			return "/studies?limit=101&offset=0&fuzzymatching=true&includefield=00081030,00080060"
		}},
	} {
		b.Run(c.name, func(b *testing.B) { v.timed(b, c.path) })
	}
}
