// Our kinds of error as gRPC codes and HTTP statuses. What has no kind is Internal: its text stays in the log, the
// caller gets the id under which it is found there.

package gateway

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/lianzhen/lianzhen/ecg"
	"github.com/lianzhen/lianzhen/imaging"
	"github.com/lianzhen/lianzhen/lab"
	"github.com/lianzhen/lianzhen/record"
)

// codeOf is the code of every kind, by the kind's number.
var codeOf = [...]codes.Code{
	record.Internal:        codes.Internal,
	record.Invalid:         codes.InvalidArgument,
	record.Unauthenticated: codes.Unauthenticated,
	record.Denied:          codes.PermissionDenied,
	record.NotFound:        codes.NotFound,
	record.Conflict:        codes.AlreadyExists,
	record.Precondition:    codes.FailedPrecondition,
	record.Unavailable:     codes.Unavailable,
}

// statusOf is the HTTP status of every code that leaves this house.
var statusOf = map[codes.Code]int{
	codes.OK:                 http.StatusOK,
	codes.Canceled:           499,
	codes.InvalidArgument:    http.StatusBadRequest,
	codes.Unauthenticated:    http.StatusUnauthorized,
	codes.PermissionDenied:   http.StatusForbidden,
	codes.NotFound:           http.StatusNotFound,
	codes.AlreadyExists:      http.StatusConflict,
	codes.FailedPrecondition: http.StatusPreconditionFailed,
	codes.ResourceExhausted:  http.StatusTooManyRequests,
	codes.Unimplemented:      http.StatusNotImplemented,
	codes.Unavailable:        http.StatusServiceUnavailable,
	codes.DeadlineExceeded:   http.StatusGatewayTimeout,
}

func httpStatus(c codes.Code) int {
	if st, ok := statusOf[c]; ok {
		return st
	}
	return http.StatusInternalServerError
}

// errTooMany is what a caller over its bounds gets: it is the door's own refusal and has no kind in the rooms.
var errTooMany = errors.New("too many requests: wait and try again")

// violations is an Invalid error that names the fields which are wrong, never what stood in them.
type violations struct {
	fields []*errdetails.BadRequest_FieldViolation
}

func (v *violations) Error() string {
	text := "request"
	for i, f := range v.fields {
		sep := ": "
		if i > 0 {
			sep = "; "
		}
		text += sep + f.GetField() + ": " + f.GetDescription()
	}
	return text
}

// fault turns err into what leaves the house and writes the one log line about it.
func fault(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	c := callOf(ctx)
	st := outward(err, c.id)
	c.note(ctx, st.Code(), err)
	return st.Err()
}

// outward decides code and text. id names the call in the log.
func outward(err error, id string) *status.Status {
	details := []protoadapt.MessageV1{&errdetails.RequestInfo{RequestId: id}}
	code, text := codes.Internal, "error id "+id
	var v *violations
	switch {
	case errors.As(err, &v):
		code, text = codes.InvalidArgument, v.Error()
		details = append(details, &errdetails.BadRequest{FieldViolations: v.fields})
	case errors.Is(err, errTooMany):
		code, text = codes.ResourceExhausted, errTooMany.Error()
	case record.KindOf(err) != record.Internal:
		code, text = codeOf[record.KindOf(err)], record.Public(err)
	case errors.Is(err, context.Canceled):
		code, text = codes.Canceled, "cancelled"
	case errors.Is(err, context.DeadlineExceeded):
		code, text = codes.DeadlineExceeded, "took too long"
	default:
		code, text = ofTransport(err, text)
	}
	if place := placeOf(err); place != nil {
		details = append(details, place)
	}
	st, detailErr := status.New(code, text).WithDetails(details...)
	if detailErr != nil {
		return status.New(code, text)
	}
	return st
}

// ofTransport lets through what gRPC itself says of a broken stream or a message it cannot read.
func ofTransport(err error, otherwise string) (codes.Code, string) {
	st, ok := status.FromError(err)
	if !ok {
		return codes.Internal, otherwise
	}
	switch st.Code() {
	case codes.Canceled:
		return codes.Canceled, "cancelled"
	case codes.DeadlineExceeded:
		return codes.DeadlineExceeded, "took too long"
	case codes.ResourceExhausted:
		return codes.InvalidArgument, "message too large"
	}
	return codes.Internal, otherwise
}

// note writes the log line: Error for what we must mend, Warn for what the caller must.
func (c *call) note(ctx context.Context, code codes.Code, err error) {
	level, text := slog.LevelWarn, record.Public(err)
	var e *record.Error
	switch code {
	case codes.Internal:
		level, text = slog.LevelError, err.Error()
	case codes.Unavailable: // with a cause it is a store or a disk; without, a line that broke or a server that stops
		if errors.As(err, &e) && e.Err != nil {
			level, text = slog.LevelError, err.Error()
		}
	case codes.Canceled:
		level = slog.LevelDebug
	case codes.InvalidArgument, codes.ResourceExhausted, codes.DeadlineExceeded:
		text = outward(err, c.id).Message()
	}
	c.log.LogAttrs(ctx, level, "refused", slog.String("error_id", c.id), slog.String("method", c.method),
		slog.String("code", code.String()), slog.String("actor", c.caller.Actor.ID),
		slog.String("institution", string(c.caller.Actor.Institution)), slog.String("error", text))
}

// placeOf tells where in a refused object or file it went wrong and where its bytes are kept; nil for any other error.
func placeOf(err error) *structpb.Struct {
	var object *imaging.Refusal
	var file *ecg.Refusal
	var message *lab.Refusal
	offset := int64(-1)
	var quarantine string
	switch {
	case errors.As(err, &object):
		offset, quarantine = object.Offset, string(object.Quarantine)
	case errors.As(err, &file):
		offset, quarantine = file.Offset, string(file.Quarantine)
	case errors.As(err, &message):
		quarantine = string(message.Quarantine)
	default:
		return nil
	}
	place := &structpb.Struct{Fields: map[string]*structpb.Value{"reason": structpb.NewStringValue(record.Public(err))}}
	if offset >= 0 {
		place.Fields["offset"] = structpb.NewNumberValue(float64(offset))
	}
	if message != nil && message.Place != "" {
		place.Fields["place"] = structpb.NewStringValue(message.Place)
	}
	if quarantine != "" {
		place.Fields["quarantineId"] = structpb.NewStringValue(quarantine)
	}
	return place
}
