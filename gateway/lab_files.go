// Laboratory messages over plain HTTP: a message in with a POST, refused bytes out for a person.

package gateway

import (
	"errors"
	"io"
	"mime"
	"net/http"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/lianzhen/lianzhen/lab"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// labMedia are the media types of messages (RFC 2045; HL7 registered x-application/hl7-v2+er7, HAPI and most senders write application/hl7-v2).
var labMedia = map[string]lab.Format{
	"application/hl7-v2": lab.HL7, "x-application/hl7-v2+er7": lab.HL7, "application/x-astm": lab.ASTM, "text/csv": lab.Table,
	"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": lab.Table,
}

const maxLabMessage = 16 << 20

// putLabMessage takes one message: 201 when it is new, 200 when it was taken before.
func (s *Server) putLabMessage(w http.ResponseWriter, r *http.Request) error {
	if s.isStopping() {
		return errStopping
	}
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	format, ok := labMedia[media]
	if !ok {
		return record.Errorf(record.Invalid, "Content-Type: want application/hl7-v2, application/x-astm, text/csv or the one of XLSX")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxLabMessage))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		writeStatus(w, http.StatusRequestEntityTooLarge, status.New(codes.InvalidArgument, "message: too large"))
		return nil
	case err != nil:
		return record.Wrap(record.Unavailable, err, "the message did not arrive whole; send it again")
	}
	ctx := r.Context()
	st, err := s.Lab.Accept(ctx, scopeOf(ctx), lab.Source{Format: format, Body: body, Link: callerLink(ctx)})
	s.metrics.received("http", float64(len(body)), err)
	if err != nil {
		return err
	}
	text, err := protojson.MarshalOptions{EmitUnpopulated: true}.Marshal(storedLabToPB(st))
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	if !st.Already {
		w.WriteHeader(http.StatusCreated)
	}
	_, err = w.Write(text)
	return err
}

// getLabQuarantine gives the bytes of a refused message to a person who has to look at it, as nothing that a browser opens.
func (s *Server) getLabQuarantine(w http.ResponseWriter, r *http.Request) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	q, body, err := s.Lab.FetchQuarantined(r.Context(), scopeOf(r.Context()), store.QuarantineID(id))
	if err != nil {
		return err
	}
	return s.serveRefused(w, id, q.Size, body)
}
