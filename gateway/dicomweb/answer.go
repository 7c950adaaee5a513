// How answers leave: validators and conditions, ranges, compression, and the refusals that no room has a word for.

package dicomweb

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/dicom/raster"
)

// unacceptable says that the resource is there, but not in a form that the client takes: 406 (PS3.18 §8.7.8).
type unacceptable struct{ reason string }

func (u *unacceptable) Error() string { return u.reason }

func noForm(format string, args ...any) error { return &unacceptable{fmt.Sprintf(format, args...)} }

// opened knows whether an answer has begun: then nothing else can be said any more.
type opened struct {
	http.ResponseWriter
	begun bool
}

// WriteHeader implements http.ResponseWriter.
func (o *opened) WriteHeader(code int) { o.begun = true; o.ResponseWriter.WriteHeader(code) }

// Write implements io.Writer.
func (o *opened) Write(b []byte) (int, error) { o.begun = true; return o.ResponseWriter.Write(b) }

// ReadFrom implements io.ReaderFrom: the gate's writer knows how files go out.
func (o *opened) ReadFrom(r io.Reader) (int64, error) {
	o.begun = true
	return io.Copy(o.ResponseWriter, r)
}

// Unwrap serves http.ResponseController.
func (o *opened) Unwrap() http.ResponseWriter { return o.ResponseWriter }

// told writes the answer for an error that is not the gate's to tell, and hands on the others. What the codecs say of pixels
// holds no values of the patient's.
func told(w *opened, err error) error {
	if w.begun && err != nil {
		return fmt.Errorf("the answer breaks off: %w", err)
	}
	var (
		form *unacceptable
		pix  *raster.Unsupported
		bad  *dicom.FormatError
	)
	switch {
	case errors.As(err, &form):
		return refuse(w, http.StatusNotAcceptable, form.reason)
	case errors.As(err, &pix):
		return refuse(w, http.StatusNotAcceptable, pix.Error())
	case errors.As(err, &bad):
		return refuse(w, http.StatusNotAcceptable, "the object cannot be given in this form: "+bad.Reason)
	}
	return err
}

// refuse writes a refusal in the form of all others: google.rpc.Status.
func refuse(w http.ResponseWriter, status int, reason string) error {
	const invalidArgument = 3
	body, err := json.Marshal(map[string]any{"code": invalidArgument, "message": reason, "details": []any{}})
	if err != nil {
		return err
	}
	h := w.Header()
	h.Del("ETag")
	h.Del("Content-Disposition")
	h.Set("Content-Type", mediaPlainJSON)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, err = w.Write(body)
	return err
}

// tagOf makes a strong entity tag of what an answer depends on.
func tagOf(parts ...string) string {
	sum := sha256.New()
	for _, p := range parts {
		_, _ = io.WriteString(sum, p)
		_, _ = sum.Write([]byte{0})
	}
	return `"` + hex.EncodeToString(sum.Sum(nil)[:20]) + `"`
}

// unchanged sets the validator and answers 304 where the client has this already.
func unchanged(w http.ResponseWriter, r *http.Request, tag string) bool {
	h := w.Header()
	h.Set("ETag", tag)
	h.Set("Cache-Control", "private, no-cache") // may be kept, but only who is permitted now may use it
	h.Add("Vary", "Accept, Accept-Encoding, Authorization, Cookie")
	for v := range quotedSplit(strings.Join(r.Header.Values("If-None-Match"), ","), ',') {
		if v = strings.TrimSpace(v); v == "*" || strings.TrimPrefix(v, "W/") == tag {
			w.WriteHeader(http.StatusNotModified)
			return true
		}
	}
	return false
}

// rangeOf reads a Range of one part (RFC 9110 §14.2). whole: there is none, or none that can be kept.
func rangeOf(r *http.Request, size int64, tag string) (off, n int64, whole bool, err error) {
	spec, ok := strings.CutPrefix(r.Header.Get("Range"), "bytes=")
	if v := r.Header.Get("If-Range"); !ok || strings.Contains(spec, ",") || v != "" && v != tag || r.Method != http.MethodGet {
		return 0, size, true, nil
	}
	first, last, _ := strings.Cut(strings.TrimSpace(spec), "-")
	from, errFrom := strconv.ParseUint(first, 10, 62)
	to, errTo := strconv.ParseUint(last, 10, 62)
	switch {
	case first == "" && errTo == nil && to > 0: // the last bytes
		n = min(int64(to), size)
		off = size - n
	case errFrom != nil || last != "" && errTo != nil || last != "" && to < from:
		return 0, size, true, nil
	case last == "":
		off, n = int64(from), size-int64(from)
	default:
		off, n = int64(from), min(int64(to)+1, size)-int64(from)
	}
	if n <= 0 || off >= size {
		return 0, 0, false, errRange
	}
	return off, n, false, nil
}

var errRange = errors.New("the range lies behind the end")

// sendRange answers with bytes of known number that can be opened anywhere; unchanged was asked before.
func (d *Door) sendRange(w http.ResponseWriter, r *http.Request, media string, size int64, open func(off, n int64) (io.ReadCloser, error)) error {
	h := w.Header()
	h.Set("Accept-Ranges", "bytes")
	off, n, whole, err := rangeOf(r, size, h.Get("ETag"))
	if err != nil {
		h.Set("Content-Range", fmt.Sprintf("bytes */%d", size))
		return refuse(w, http.StatusRequestedRangeNotSatisfiable, "range: the object has "+strconv.FormatInt(size, 10)+" bytes")
	}
	var body io.ReadCloser = http.NoBody
	if r.Method != http.MethodHead {
		if body, err = open(off, n); err != nil {
			return err
		}
	}
	defer func() { _ = body.Close() }()
	h.Set("Content-Type", media)
	h.Set("Content-Length", strconv.FormatInt(n, 10))
	if !whole {
		h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", off, off+n-1, size))
		w.WriteHeader(http.StatusPartialContent)
	}
	if r.Method == http.MethodHead {
		return nil
	}
	return d.pour(w, body, n)
}

// pour copies exactly n bytes, or as many as there are if n is negative.
func (d *Door) pour(w io.Writer, from io.Reader, n int64) error {
	got, err := io.Copy(w, from)
	d.sent(got)
	if err == nil && n >= 0 && got != n {
		return fmt.Errorf("%d bytes of %d are there", got, n)
	}
	return err
}

func (d *Door) sent(n int64) {
	if d.opt.Sent != nil {
		d.opt.Sent(n)
	}
}

// takesGzip tells whether the client takes a compressed answer.
func takesGzip(r *http.Request) bool {
	for part := range strings.SplitSeq(strings.Join(r.Header.Values("Accept-Encoding"), ","), ",") {
		coding, q, _ := strings.Cut(part, ";")
		if coding = strings.ToLower(strings.TrimSpace(coding)); coding != "gzip" && coding != "*" {
			continue
		}
		quality, err := strconv.ParseFloat(strings.TrimPrefix(strings.ReplaceAll(strings.ToLower(q), " ", ""), "q="), 64)
		return q == "" || err == nil && quality > 0
	}
	return false
}

var zippers = sync.Pool{New: func() any {
	z, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	return z
}}

// text is an answer of JSON or XML that is gathered while it is small, so that its length and its headers can still change,
// and flows on when it becomes large.
type text struct {
	w     http.ResponseWriter
	gzip  bool
	buf   []byte
	z     *gzip.Writer
	begun bool
}

const (
	textKept  = 128 << 10
	zipsAbove = 1400 // below it fits into one packet anyway
)

func newText(w http.ResponseWriter, r *http.Request, media string) *text {
	w.Header().Set("Content-Type", media)
	return &text{w: w, gzip: takesGzip(r), buf: make([]byte, 0, 4<<10)}
}

// room lets what was appended flow on when it is much.
func (t *text) room() error {
	if len(t.buf) < textKept {
		return nil
	}
	return t.flow()
}

func (t *text) flow() error {
	if !t.begun {
		t.begun = true
		if t.gzip {
			t.w.Header().Set("Content-Encoding", "gzip")
			t.z = zippers.Get().(*gzip.Writer)
			t.z.Reset(t.w)
		}
	}
	var to io.Writer = t.w
	if t.z != nil {
		to = t.z
	}
	_, err := to.Write(t.buf)
	t.buf = t.buf[:0]
	return err
}

// end sends what is left.
func (t *text) end() error {
	if t.begun {
		err := t.flow()
		if t.z != nil {
			err = errors.Join(err, t.z.Close())
			zippers.Put(t.z)
		}
		return err
	}
	h := t.w.Header()
	body := t.buf
	if t.gzip && len(body) > zipsAbove {
		body = zipped(body)
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	_, err := t.w.Write(body)
	return err
}

func zipped(b []byte) []byte {
	var out bytes.Buffer
	z := zippers.Get().(*gzip.Writer)
	defer zippers.Put(z)
	z.Reset(&out)
	_, _ = z.Write(b) // memory takes everything
	_ = z.Close()
	return out.Bytes()
}
