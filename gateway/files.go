// Objects over plain HTTP: one in with a POST, one out with ranges, a study out as a tar.

package gateway

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/lianzhen/lianzhen/imaging"
	"github.com/lianzhen/lianzhen/record"
)

// putInstance takes one DICOM object: 201 when it is new, 200 when it was kept already.
func (s *Server) putInstance(w http.ResponseWriter, r *http.Request) error {
	if s.isStopping() {
		return errStopping
	}
	if r.ContentLength > s.Options.MaxBlob {
		writeStatus(w, http.StatusRequestEntityTooLarge, status.New(codes.InvalidArgument, "object: too large"))
		return nil
	}
	body := &counted{Reader: http.MaxBytesReader(w, r.Body, s.Options.MaxBlob), line: http.NewResponseController(w)}
	stored, err := s.Imaging.Accept(r.Context(), scopeOf(r.Context()), imaging.Source{Reader: body, Size: r.ContentLength})
	s.metrics.received("http", float64(body.n), err)
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		writeStatus(w, http.StatusRequestEntityTooLarge, status.New(codes.InvalidArgument, "object: too large"))
		return nil
	case err != nil:
		return err
	}
	text, err := protojson.MarshalOptions{EmitUnpopulated: true}.Marshal(storedToPB(stored))
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Location", "/api/v1/imaging/instances/"+string(stored.Instance)+"/file")
	if !stored.Already {
		w.WriteHeader(http.StatusCreated)
	}
	_, err = w.Write(text)
	return err
}

// counted gives up on a sender from whom nothing comes for long.
type counted struct {
	io.Reader
	line *http.ResponseController
	n    int64
}

func (c *counted) Read(b []byte) (int, error) {
	_ = c.line.SetReadDeadline(time.Now().Add(stalled))
	n, err := c.Reader.Read(b)
	c.n += int64(n)
	return n, err
}

// pathID is the {id} of the path.
func pathID(r *http.Request) (string, error) {
	id := r.PathValue("id")
	if !record.ValidID(id) {
		return "", record.Errorf(record.Invalid, "id: want 1 to 64 of A-Z a-z 0-9 . _ : -")
	}
	return id, nil
}

// getInstanceFile gives the bytes of an instance as they were received, or a range of them.
func (s *Server) getInstanceFile(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	ctx := r.Context()
	inst, err := s.Imaging.Instance(ctx, scopeOf(ctx), imaging.InstanceID(id))
	if err != nil {
		return err
	}
	return s.serveFile(w, r, served{
		name: id + ".dcm", media: "application/dicom", size: inst.Size, sha256: inst.SHA256,
		open: func(at int64) (io.ReadCloser, error) {
			_, body, err := s.Imaging.Fetch(ctx, scopeOf(ctx), inst.ID, at, -1)
			return body, err
		},
	})
}

// served is a kept file on its way out.
type served struct {
	name, media string
	size        int64
	sha256      string
	open        func(at int64) (io.ReadCloser, error)
}

// serveFile gives the bytes of a kept file, or ranges of them. The first is fetched before the status is sent, so that a missing file is an error.
func (s *Server) serveFile(w http.ResponseWriter, r *http.Request, of served) error {
	f := &instanceFile{size: of.size, open: of.open}
	defer func() { _ = f.Close() }()
	if from := rangeStart(r.Header.Get("Range")); from < of.size {
		if err := f.openAt(max(from, 0)); err != nil {
			return err
		}
	}
	h := w.Header()
	h.Set("Content-Type", of.media)
	h.Set("ETag", `"`+of.sha256+`"`)
	h.Set("Cache-Control", "private, no-cache")
	h.Set("Content-Disposition", `attachment; filename="`+of.name+`"`)
	http.ServeContent(w, r, "", time.Time{}, f)
	s.metrics.bytes.WithLabelValues("http", "out").Add(float64(f.sent))
	return f.err
}

// getQuarantineFile gives the bytes of a refused object to a person who has to look at it, as nothing that a browser opens.
func (s *Server) getQuarantineFile(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	q, body, err := s.Imaging.FetchQuarantined(r.Context(), scopeOf(r.Context()), imaging.QuarantineID(id))
	if err != nil {
		return err
	}
	return s.serveRefused(w, id, q.Size, body)
}

// serveRefused gives bytes that may be anything: as nothing that a browser opens.
func (s *Server) serveRefused(w http.ResponseWriter, id string, size int64, body io.ReadCloser) error {
	defer func() { _ = body.Close() }()
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Length", strconv.FormatInt(size, 10))
	h.Set("Cache-Control", "private, no-cache")
	h.Set("Content-Disposition", `attachment; filename="`+id+`.bin"`)
	n, err := io.Copy(w, body)
	s.metrics.bytes.WithLabelValues("http", "out").Add(float64(n))
	return err
}

// rangeStart is where "bytes=N-" begins, 0 for anything else: a guess that saves opening twice.
func rangeStart(h string) int64 {
	first, _, _ := strings.Cut(strings.TrimPrefix(h, "bytes="), "-")
	n, err := strconv.ParseInt(first, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// instanceFile makes a seekable file of an object that can be opened at any byte.
type instanceFile struct {
	size, pos int64
	open      func(at int64) (io.ReadCloser, error)
	body      io.ReadCloser
	at        int64 // where body is
	sent      int64
	err       error
}

func (f *instanceFile) openAt(at int64) (err error) {
	_ = f.Close()
	f.body, err = f.open(at)
	f.at = at
	return err
}

// Seek implements io.Seeker.
func (f *instanceFile) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += f.pos
	case io.SeekEnd:
		offset += f.size
	}
	if offset < 0 {
		return 0, errors.New("seek before the beginning")
	}
	f.pos = offset
	return offset, nil
}

// Read implements io.Reader.
func (f *instanceFile) Read(b []byte) (int, error) {
	if f.pos >= f.size {
		return 0, io.EOF
	}
	if f.body == nil || f.at != f.pos {
		if f.err = f.openAt(f.pos); f.err != nil {
			return 0, f.err
		}
	}
	n, err := f.body.Read(b)
	f.pos, f.at, f.sent = f.pos+int64(n), f.at+int64(n), f.sent+int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		f.err = err
	}
	return n, err
}

// Close implements io.Closer.
func (f *instanceFile) Close() error {
	if f.body == nil {
		return nil
	}
	err := f.body.Close()
	f.body = nil
	return err
}

// getStudyFile gives a study as a tar of its instances, by series and number.
func (s *Server) getStudyFile(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	instances, failed, err := s.Imaging.FetchStudy(r.Context(), scopeOf(r.Context()), record.ExamID(id))
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/x-tar")
	w.Header().Set("Content-Disposition", `attachment; filename="`+id+`.tar"`)
	t := tar.NewWriter(w)
	for inst, body := range instances {
		if err := addToTar(t, inst, body); err != nil {
			return err
		}
		s.metrics.bytes.WithLabelValues("http", "out").Add(float64(inst.Size))
	}
	if err := failed(); err != nil {
		return err
	}
	return t.Close()
}

func addToTar(t *tar.Writer, inst imaging.Instance, body io.Reader) error {
	name := fmt.Sprintf("%s/%s.dcm", inst.Series, inst.SOPUID)
	if err := t.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: inst.Size, Typeflag: tar.TypeReg}); err != nil {
		return err
	}
	_, err := io.Copy(t, body)
	return err
}
