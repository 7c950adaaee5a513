// Exports over plain HTTP: studies as a zip file, with their patient or without.

package gateway

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/lianzhen/lianzhen/imaging"
	"github.com/lianzhen/lianzhen/record"
)

// getStudyExport gives one study as a zip file: ?form=zip, or dicomdir.
func (s *Server) getStudyExport(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	form := imaging.ExportForm(r.URL.Query().Get("form"))
	if form == "" {
		form = imaging.ExportZip
	}
	return s.export(w, r, form, record.ExamID(id))
}

// exportRequest is the body of POST /api/v1/imaging/studies:export.
type exportRequest struct {
	Studies []record.ExamID    `json:"studyIds"`
	Form    imaging.ExportForm `json:"form"`
}

// postExport gives several studies as one zip file.
func (s *Server) postExport(w http.ResponseWriter, r *http.Request) error {
	q := exportRequest{Form: imaging.ExportZip}
	if err := s.jsonBody(w, r, &q); err != nil {
		return err
	}
	for _, id := range q.Studies {
		if !record.ValidID(string(id)) {
			return record.Errorf(record.Invalid, "studyIds: not an id")
		}
	}
	return s.export(w, r, q.Form, q.Studies...)
}

func (s *Server) export(w http.ResponseWriter, r *http.Request, form imaging.ExportForm, ids ...record.ExamID) error {
	x, err := s.Imaging.Export(r.Context(), scopeOf(r.Context()), form, ids...)
	if err != nil {
		return err
	}
	name := "export"
	if len(ids) == 1 {
		name = string(ids[0])
	}
	w.Header().Set("Content-Length", strconv.FormatInt(x.Size, 10))
	return s.sendZip(w, name, x)
}

func (s *Server) sendZip(w http.ResponseWriter, name string, body io.WriterTo) error {
	h := w.Header()
	h.Set("Content-Type", "application/zip")
	h.Set("Cache-Control", "private, no-store")
	h.Set("Content-Disposition", `attachment; filename="`+name+`.zip"`)
	n, err := body.WriteTo(w)
	if err != nil {
		h.Del("Content-Length") // an answer that has not begun becomes the error
	}
	s.metrics.bytes.WithLabelValues("http", "out").Add(float64(n))
	return err
}

// teachRequest is the body of POST /api/v1/imaging/studies/{id}/teaching; none is all false.
type teachRequest struct {
	KeepModifiedDates bool `json:"keepModifiedDates"`
	KeepPatient       bool `json:"keepPatientCharacteristics"`
	KeepDevice        bool `json:"keepDevice"`
	KeepDescriptions  bool `json:"keepDescriptions"`
	OneOff            bool `json:"oneOffPseudonym"`
	IncludeBurned     bool `json:"includeBurned"`
}

// postTeaching gives a study without its patient as a zip file. Its name says nothing of the study.
func (s *Server) postTeaching(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	var q teachRequest
	if err := s.jsonBody(w, r, &q); err != nil {
		return err
	}
	t, err := s.Imaging.Teach(r.Context(), scopeOf(r.Context()), record.ExamID(id), imaging.TeachOptions{
		ModifiedDates: q.KeepModifiedDates, RetainPatient: q.KeepPatient, RetainDevice: q.KeepDevice, Descriptors: q.KeepDescriptions,
		OneOff: q.OneOff, IncludeBurned: q.IncludeBurned,
	})
	if err != nil {
		return err
	}
	return s.sendZip(w, "teaching", t)
}

// jsonBody reads a small JSON body strictly; an empty one leaves to as it is.
func (s *Server) jsonBody(w http.ResponseWriter, r *http.Request, to any) error {
	line := http.NewResponseController(w)
	_ = line.SetReadDeadline(time.Now().Add(bodyTimeout))
	defer func() { _ = line.SetReadDeadline(time.Time{}) }()
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); r.ContentLength != 0 && (err != nil || kind != "application/json") {
		return record.Errorf(record.Invalid, "body: want Content-Type application/json")
	}
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, s.Options.MaxBody))
	d.DisallowUnknownFields()
	if err := d.Decode(to); err != nil && !errors.Is(err, io.EOF) {
		return record.Errorf(record.Invalid, "body: not the JSON that is wanted")
	}
	return nil
}
