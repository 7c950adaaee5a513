// Files of ECG carts over plain HTTP: one in with a POST, one out with ranges; and the waveforms that come as DICOM objects.

package gateway

import (
	"context"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/lianzhen/lianzhen/codec/tracing/dicomecg"
	"github.com/lianzhen/lianzhen/ecg"
	"github.com/lianzhen/lianzhen/imaging"
	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// putTracing takes one file: 201 when it is new, 200 when it was kept already. The body is the file, or multipart/form-data with a part "about"
// (the JSON of UploadTracingBegin) before the part "file".
func (s *Server) putTracing(w http.ResponseWriter, r *http.Request) error {
	if s.isStopping() {
		return errStopping
	}
	if r.ContentLength > s.Options.MaxBlob {
		writeStatus(w, http.StatusRequestEntityTooLarge, status.New(codes.InvalidArgument, "file: too large"))
		return nil
	}
	body := &counted{Reader: http.MaxBytesReader(w, r.Body, s.Options.MaxBlob), line: http.NewResponseController(w)}
	src, err := s.tracingSource(r, body)
	if err != nil {
		return err
	}
	stored, err := s.ECG.Accept(r.Context(), scopeOf(r.Context()), src)
	s.metrics.received("http", float64(body.n), err)
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		writeStatus(w, http.StatusRequestEntityTooLarge, status.New(codes.InvalidArgument, "file: too large"))
		return nil
	case err != nil:
		return err
	}
	text, err := protojson.MarshalOptions{EmitUnpopulated: true}.Marshal(storedTracingToPB(stored))
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Location", "/api/v1/ecg/tracings/"+string(stored.Tracing))
	if !stored.Already {
		w.WriteHeader(http.StatusCreated)
	}
	_, err = w.Write(text)
	return err
}

const maxAbout = 64 << 10

func (s *Server) tracingSource(r *http.Request, body io.Reader) (ecg.Source, error) {
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "multipart/form-data" {
		return ecg.Source{Reader: body, Size: r.ContentLength}, nil
	}
	parts := multipart.NewReader(body, params["boundary"])
	src := ecg.Source{Size: -1}
	for {
		p, err := parts.NextPart()
		if err != nil {
			return src, record.Errorf(record.Invalid, "multipart: no part named file")
		}
		switch p.FormName() {
		case "about":
			text, err := io.ReadAll(io.LimitReader(p, maxAbout+1))
			if err != nil || len(text) > maxAbout {
				return src, record.Errorf(record.Invalid, "about: did not arrive, or is longer than %d bytes", maxAbout)
			}
			var b pb.UploadTracingBegin
			if err := newStrictJSON().Unmarshal(text, &b); err != nil {
				return src, record.Errorf(record.Invalid, "about: %s", strings.TrimPrefix(err.Error(), "body: "))
			}
			if err := s.check.message(&b); err != nil {
				return src, err
			}
			if src.Said, err = saidFromPB(&b); err != nil {
				return src, err
			}
			src.SHA256 = b.GetSha256()
		case "file":
			src.Reader = &lastPart{part: p, parts: parts}
			return src, nil
		default:
			return src, record.Errorf(record.Invalid, "multipart: a part that is neither about nor file")
		}
	}
}

// lastPart is a part of a form behind which nothing may come: what is said of a file after it would be said to nobody.
type lastPart struct {
	part  io.Reader
	parts *multipart.Reader
}

func (l *lastPart) Read(b []byte) (int, error) {
	n, err := l.part.Read(b)
	if !errors.Is(err, io.EOF) {
		return n, err
	}
	switch _, next := l.parts.NextPart(); {
	case next == nil:
		return n, record.Errorf(record.Invalid, "multipart: a part behind file: send about before it")
	case !errors.Is(next, io.EOF):
		return n, next
	}
	return n, io.EOF
}

// getTracingFile gives the bytes of a tracing as they were received, or a range of them.
func (s *Server) getTracingFile(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	ctx := r.Context()
	t, err := s.ECG.Get(ctx, scopeOf(ctx), record.ExamID(id))
	if err != nil {
		return err
	}
	return s.serveFile(w, r, served{
		name: id + ".ecg", media: "application/octet-stream", size: t.Size, sha256: t.SHA256,
		open: func(at int64) (io.ReadCloser, error) {
			_, body, err := s.ECG.File(ctx, scopeOf(ctx), t.ID, at)
			return body, err
		},
	})
}

// getTracingQuarantine gives the bytes of a refused file to a person who has to look at it, as nothing that a browser opens.
func (s *Server) getTracingQuarantine(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	q, body, err := s.ECG.FetchQuarantined(r.Context(), scopeOf(r.Context()), ecg.QuarantineID(id))
	if err != nil {
		return err
	}
	return s.serveRefused(w, id, q.Size, body)
}

// ReadAsTracings tells studies that the ECG centre reads, for imaging.Options.ReadElsewhere: those of which it has taken an object. What it has not
// taken (a cart's PDF, a waveform that it refused or that came where no ECG centre reads) is read as a study, so that somebody reads it.
func ReadAsTracings(by *ecg.Centre) func(context.Context, store.Querier, record.Exam, func() ([]string, error)) (bool, error) {
	return func(ctx context.Context, q store.Querier, e record.Exam, objects func() ([]string, error)) (bool, error) {
		if e.Modality != "ECG" && e.Modality != "HD" {
			return false, nil
		}
		uids, err := objects()
		if err != nil {
			return false, err
		}
		return by.Reads(ctx, q, e.Institution, uids)
	}
}

// Waveforms hands ECGs that came as DICOM objects to the ECG centre, by whatever door they came: for imaging.Options.OnStored. The imaging centre
// keeps and serves the object; the ECG centre reads it. An ECG that cannot be read is a warning, and waits in the ECG centre's quarantine.
func Waveforms(to *ecg.Centre) func(context.Context, record.Scope, imaging.Stored, func() (io.ReadCloser, error)) (string, error) {
	return func(ctx context.Context, s record.Scope, st imaging.Stored, open func() (io.ReadCloser, error)) (string, error) {
		if !dicomecg.IsECG(string(st.SOPClass)) {
			return "", nil
		}
		body, err := open()
		if err != nil {
			return "", err
		}
		defer func() { _ = body.Close() }()
		_, err = to.Accept(ctx, s, ecg.Source{Reader: body, Size: -1, SOPUID: string(st.SOPUID)})
		switch record.KindOf(err) {
		case record.Invalid, record.Precondition: // refused, or too large; no ECG centre reads for this institution: sending it again helps nobody
			return "kept, but not taken by the ECG centre: " + record.Public(err), nil
		}
		return "", err
	}
}
