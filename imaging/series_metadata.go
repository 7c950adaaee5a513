// Series metadata: what a viewer asks first of a series, as one compressed text that is kept while it is true.

package imaging

import (
	"bytes"
	"compress/gzip"
	"container/list"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"runtime"
	"slices"
	"sync"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// SeriesMetadata is the DICOM JSON of all instances of a series: an array, by number.
type SeriesMetadata struct {
	Version string // another one when anything in it is
	GZ      []byte
}

// Text is the array, unzipped.
func (m *SeriesMetadata) Text() ([]byte, error) { return unzip(m.GZ) }

// seriesVersion is a series as one institution keeps it, with what changes when any of its instances does.
type seriesVersion struct {
	id      SeriesID
	study   Study
	digests string
}

// SeriesMetadata gives the metadata of a series inside the scope; NotFound when there is none. base is what addresses of bulk
// data begin with, "https://host/dicomweb". The reading is noted before it returns. Callers must not change GZ.
func (c *Centre) SeriesMetadata(ctx context.Context, s record.Scope, study, series dicom.UID, base string) (*SeriesMetadata, error) {
	versions, err := c.seriesVersions(ctx, s, study, series)
	if err != nil {
		return nil, err
	}
	for _, v := range versions {
		if err := c.noteRead(ctx, s, v.study); err != nil {
			return nil, err
		}
	}
	version := versionOf(versions, base)
	if m := c.metadata.get(version); m != nil {
		return m, nil
	}
	gz, err := c.assemble(ctx, versions, base)
	if err != nil {
		return nil, err
	}
	m := &SeriesMetadata{Version: version, GZ: gz}
	c.metadata.put(m)
	return m, nil
}

func (c *Centre) seriesVersions(ctx context.Context, s record.Scope, study, series dicom.UID) ([]seriesVersion, error) {
	b := &sqlText{}
	b.And("st.study_uid = " + b.Arg(string(study)))
	b.And("se.series_uid = " + b.Arg(string(series)))
	b.And(c.db.ScopeSQL(s, "st.institution_id", "st.patient_id", &b.Args))
	all, err := store.List(ctx, c.db, `SELECT se.id, st.id, st.institution_id, st.patient_id,
		(SELECT string_agg(i.sha256 || i.form_sha256, '') FROM instances i WHERE i.study_id = st.id AND i.series_id = se.id)
		FROM studies st JOIN series se ON se.study_id = st.id WHERE `+b.String()+` ORDER BY st.first_at, se.id`, b.Args, func(v *seriesVersion) []any {
		return []any{&v.id, &v.study.ID, &v.study.Institution, &v.study.Patient, &v.digests}
	})
	if err == nil && len(all) == 0 {
		err = record.Errorf(record.NotFound, "nothing is kept under these UIDs")
	}
	return all, err
}

// versionOf may differ for the same instances in another order: the text is made again then, never an old one given.
func versionOf(all []seriesVersion, base string) string {
	h := sha256.New()
	_, _ = io.WriteString(h, base)
	for _, v := range all {
		_, _ = io.WriteString(h, "|"+string(v.id)+"|"+v.digests)
	}
	return hex.EncodeToString(h.Sum(nil)[:20])
}

// smallZippers take their time: what they make is made once and sent often, mostly over a slow line.
var smallZippers = sync.Pool{New: func() any { return gzip.NewWriter(nil) }}

type metadataRow struct {
	study, series, sop, syntax string
	gz                         []byte
}

// piecesAtOnce is how many instances' texts are held unzipped.
const piecesAtOnce = 32

// assemble makes the text: unzipped a few at a time, zipped again as one.
func (c *Centre) assemble(ctx context.Context, versions []seriesVersion, base string) ([]byte, error) {
	b := &sqlText{}
	ids := make([]string, len(versions))
	for i, v := range versions {
		ids[i] = string(v.id)
	}
	b.And(b.list("se.id", ids))
	rows, err := store.List(ctx, c.db, `SELECT st.study_uid, se.series_uid, i.sop_uid, i.transfer_syntax, m.json_gz
		FROM series se JOIN studies st ON st.id = se.study_id JOIN instances i ON i.study_id = st.id AND i.series_id = se.id
		JOIN instance_metadata m ON m.instance_id = i.id
		WHERE `+b.String()+` ORDER BY i.number, i.sop_uid, i.received_at, i.id`, b.Args, func(r *metadataRow) []any {
		return []any{&r.study, &r.series, &r.sop, &r.syntax, &r.gz}
	})
	if err != nil {
		return nil, err
	}
	return joined(unique(rows), base)
}

// unique leaves out what a second institution keeps too.
func unique(rows []metadataRow) []metadataRow {
	seen := make(map[string]bool, len(rows))
	return slices.DeleteFunc(rows, func(r metadataRow) bool {
		had := seen[r.sop]
		seen[r.sop] = true
		return had
	})
}

type metadataBatch struct {
	texts [][]byte
	err   error
}

// joined zips the array; while a batch is zipped, the next is unzipped.
func joined(rows []metadataRow, base string) ([]byte, error) {
	batches := make(chan metadataBatch, 1)
	go func() {
		defer close(batches)
		for part := range slices.Chunk(rows, piecesAtOnce) {
			texts, err := unzipAll(part, base)
			batches <- metadataBatch{texts, err}
		}
	}()
	var out bytes.Buffer
	z := smallZippers.Get().(*gzip.Writer)
	defer smallZippers.Put(z)
	z.Reset(&out)
	var failed error
	sep := []byte{'['}
	for b := range batches {
		if b.err != nil {
			failed = b.err
		}
		for _, t := range b.texts {
			_, _ = z.Write(sep) // memory takes everything
			_, _ = z.Write(t)
			sep = []byte{','}
		}
	}
	_, _ = z.Write([]byte{']'})
	if err := errors.Join(failed, z.Close()); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// unzipAll makes the texts of some instances, on all processors.
func unzipAll(rows []metadataRow, base string) ([][]byte, error) {
	texts, errs := make([][]byte, len(rows)), make([]error, len(rows))
	var wg sync.WaitGroup
	for w := range min(runtime.GOMAXPROCS(0), len(rows)) {
		wg.Go(func() {
			for i := w; i < len(rows); i += runtime.GOMAXPROCS(0) {
				r := &rows[i]
				if texts[i], errs[i] = unzip(r.gz); errs[i] == nil {
					texts[i] = Addressed(texts[i], base+"/studies/"+r.study+"/series/"+r.series+"/instances/"+r.sop+"/", r.syntax)
				}
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return texts, nil
}

// relative is how the stored text refers to bulk data. No value can hold these bytes: its quotes would be escaped.
var relative = []byte(`"BulkDataURI":"bulkdata/`)

// Addressed makes the DICOM JSON of an instance, as MetadataOf gives it, ready for those who are elsewhere: addresses of bulk
// data begin with base, and Available Transfer Syntax UID says how the object is kept.
func Addressed(js []byte, base, syntax string) []byte {
	at := place(js, "00083002")
	add := `"00083002":{"vr":"UI","Value":["` + syntax + `"]}`
	out := make([]byte, 0, len(js)+len(add)+1+bytes.Count(js, relative)*len(base))
	out = appendAddressed(out, js[:at], base)
	switch {
	case at > 1 && js[at-1] != '{':
		out = append(append(out, ','), add...)
	case at < len(js) && js[at] != '}':
		out = append(append(out, add...), ',')
	default:
		out = append(out, add...)
	}
	return appendAddressed(out, js[at:], base)
}

func appendAddressed(to, js []byte, base string) []byte {
	for {
		i := bytes.Index(js, relative)
		if i < 0 {
			return append(to, js...)
		}
		cut := i + len(relative) - len("bulkdata/")
		to = append(append(to, js[:cut]...), base...)
		to = append(to, "bulkdata/"...)
		js = js[i+len(relative):]
	}
}

// place gives where a member belongs in an object whose members are in order: behind the one before it, else behind the brace.
func place(js []byte, name string) int {
	at := bytes.IndexByte(js, '{') + 1
	for i := at; i < len(js) && js[i] != '}'; {
		end := skipString(js, i)
		if js[i] != '"' || end-i != len(name)+2 || string(js[i+1:end-1]) > name {
			return at
		}
		i = skipValue(js, end+1)
		at = i
		if i < len(js) && js[i] == ',' {
			i++
		}
	}
	return at
}

func skipString(js []byte, i int) int {
	for i++; i < len(js); i++ {
		switch js[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(js)
}

// skipValue moves behind a value.
func skipValue(js []byte, i int) int {
	depth := 0
	for i < len(js) {
		switch js[i] {
		case '"':
			i = skipString(js, i)
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
			if depth < 0 {
				return i
			}
		case ',':
			if depth == 0 {
				return i
			}
		}
		i++
	}
	return len(js)
}

// metadataCache keeps what was asked last, up to a number of bytes.
type metadataCache struct {
	mu    sync.Mutex
	of    map[string]*list.Element
	order *list.List // of *SeriesMetadata, the last asked in front
	bytes int
}

const (
	metadataKept    = 64 << 20
	metadataLargest = 8 << 20 // a series above it is made anew each time
)

func newMetadataCache() *metadataCache {
	return &metadataCache{of: map[string]*list.Element{}, order: list.New()}
}

func (k *metadataCache) get(version string) *SeriesMetadata {
	k.mu.Lock()
	defer k.mu.Unlock()
	e := k.of[version]
	if e == nil {
		return nil
	}
	k.order.MoveToFront(e)
	return e.Value.(*SeriesMetadata)
}

func (k *metadataCache) put(m *SeriesMetadata) {
	if len(m.GZ) > metadataLargest {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.of[m.Version] != nil {
		return
	}
	k.of[m.Version] = k.order.PushFront(m)
	for k.bytes += len(m.GZ); k.bytes > metadataKept; {
		oldest := k.order.Remove(k.order.Back()).(*SeriesMetadata)
		k.bytes -= len(oldest.GZ)
		delete(k.of, oldest.Version)
	}
}
