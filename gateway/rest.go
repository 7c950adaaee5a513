// REST: grpc-gateway over a private line to our own gRPC server, so that a REST call passes the same gate as an RPC.
// What it reads is strict: unknown, repeated and oddly spelt names are refused, and no value is echoed.

package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/grpc-ecosystem/grpc-gateway/v2/utilities"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
)

func (s *Server) newREST() (http.Handler, error) {
	dial := func(ctx context.Context, _ string) (net.Conn, error) { return s.line.DialContext(ctx) }
	conn, err := grpc.NewClient("passthrough:///rest", grpc.WithContextDialer(dial),
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(64<<20)))
	if err != nil {
		return nil, fmt.Errorf("rest: %w", err)
	}
	s.restConn = conn
	mux := runtime.NewServeMux(
		runtime.WithMarshalerOption(runtime.MIMEWildcard, &runtime.HTTPBodyMarshaler{Marshaler: newStrictJSON()}),
		runtime.WithIncomingHeaderMatcher(headerIn),
		runtime.WithOutgoingHeaderMatcher(func(string) (string, bool) { return "", false }),
		runtime.WithOutgoingTrailerMatcher(func(string) (string, bool) { return "", false }),
		runtime.WithMetadata(s.privateLine),
		runtime.WithErrorHandler(restError),
		runtime.WithStreamErrorHandler(func(_ context.Context, err error) *status.Status { return restStatus(err) }),
		runtime.WithRoutingErrorHandler(noRoute),
		runtime.WithForwardResponseOption(s.sessionCookie),
		runtime.WithDisablePathLengthFallback(),
		runtime.WithDisableHTTPMethodOverride(),
		runtime.WithDisableChunkedEncoding(),
		runtime.SetQueryParameterParser(strictQuery{}),
	)
	for _, register := range []func(context.Context, *runtime.ServeMux, *grpc.ClientConn) error{
		pb.RegisterSessionServiceHandler, pb.RegisterDirectoryServiceHandler, pb.RegisterPatientServiceHandler,
		pb.RegisterUploadServiceHandler, pb.RegisterImagingServiceHandler, pb.RegisterEcgServiceHandler, pb.RegisterWorklistServiceHandler, pb.RegisterExchangeServiceHandler,
		pb.RegisterLabDispatchServiceHandler, pb.RegisterLabServiceHandler, pb.RegisterLabQualityServiceHandler, pb.RegisterLabSpecimenServiceHandler, pb.RegisterLabCatalogueServiceHandler,
		pb.RegisterReadingServiceHandler, pb.RegisterRecognitionServiceHandler, pb.RegisterAuditServiceHandler,
	} {
		// Registering closes conn when its context ends; the server does that itself.
		if err := register(context.Background(), mux, conn); err != nil {
			return nil, fmt.Errorf("rest: %w", err)
		}
	}
	return s.provable(mux), nil
}

// provable refuses what askOf refuses before the request becomes an RPC.
func (s *Server) provable(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := s.askOf(r); err != nil {
			writeError(w, fault(r.Context(), err))
			return
		}
		r.Header.Del("Grpc-Timeout")
		next.ServeHTTP(w, r)
	})
}

// headerIn names the headers that become metadata; grpc-gateway itself passes on Authorization.
func headerIn(name string) (string, bool) {
	switch name {
	case "X-Lianzhen-Purpose", "X-Lianzhen-Justification":
		return strings.ToLower(name), true
	}
	return "", false
}

// privateLine is what the HTTP door says of a caller on the private line.
func (s *Server) privateLine(ctx context.Context, r *http.Request) metadata.MD {
	c := callOf(ctx)
	md := metadata.Pairs(lineRemote, c.remote, lineCall, c.id)
	if q, err := s.askOf(r); err == nil {
		md.Set(lineCookie, q.cookie)
		md.Set(lineCertificate, q.certificate)
	}
	return md
}

func restError(_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, _ *http.Request, err error) {
	st := restStatus(err)
	writeStatus(w, httpStatus(st.Code()), st)
}

// restStatus lets through what our own gate and rooms said, and what this file says of a request that cannot be read.
func restStatus(err error) *status.Status {
	st := status.Convert(err)
	for _, d := range st.Details() {
		if _, ours := d.(*errdetails.RequestInfo); ours {
			return st
		}
	}
	switch {
	case st.Code() == codes.InvalidArgument && (strings.HasPrefix(st.Message(), "body: ") || strings.HasPrefix(st.Message(), "query: ")):
		return st
	case st.Code() == codes.InvalidArgument:
		return status.New(codes.InvalidArgument, "request cannot be read")
	case st.Code() == codes.Canceled:
		return status.New(codes.Canceled, "cancelled")
	case st.Code() == codes.Unavailable:
		return status.New(codes.Unavailable, "try again later")
	}
	return status.New(codes.Internal, "internal")
}

func noRoute(_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, _ *http.Request, code int) {
	c, text := codes.NotFound, "nothing here"
	switch code {
	case http.StatusBadRequest:
		c, text = codes.InvalidArgument, "path cannot be read"
	case http.StatusMethodNotAllowed:
		c, text = codes.Unimplemented, "not with this method"
	}
	writeStatus(w, code, status.New(c, text))
}

// strictJSON reads messages without mercy: the whole body is one message, every name is known and said once.
type strictJSON struct{ runtime.JSONPb }

func newStrictJSON() *strictJSON {
	return &strictJSON{runtime.JSONPb{
		MarshalOptions:   protojson.MarshalOptions{EmitUnpopulated: true},
		UnmarshalOptions: protojson.UnmarshalOptions{RecursionLimit: 50},
	}}
}

// NewDecoder returns a decoder for one body.
func (m *strictJSON) NewDecoder(r io.Reader) runtime.Decoder {
	return runtime.DecoderFunc(func(v any) error {
		raw, err := io.ReadAll(r)
		if err != nil {
			return errors.New("body: did not arrive")
		}
		if len(strings.TrimSpace(string(raw))) == 0 {
			return io.EOF
		}
		return m.Unmarshal(raw, v)
	})
}

// Unmarshal reads one message, or the message that v points to a pointer of.
func (m *strictJSON) Unmarshal(raw []byte, v any) error {
	msg, ok := v.(proto.Message)
	if !ok {
		p := reflect.ValueOf(v)
		if p.Kind() != reflect.Pointer || p.Elem().Kind() != reflect.Pointer {
			return errors.New("body: not a message")
		}
		if p.Elem().IsNil() {
			p.Elem().Set(reflect.New(p.Elem().Type().Elem()))
		}
		if msg, ok = p.Elem().Interface().(proto.Message); !ok {
			return errors.New("body: not a message")
		}
	}
	if err := m.UnmarshalOptions.Unmarshal(raw, msg); err != nil {
		return errors.New("body: " + withoutValue(err.Error()))
	}
	return nil
}

var (
	jsonPlace = regexp.MustCompile(`\(line (\d+):(\d+)\)`)
	jsonFault = regexp.MustCompile(`(unknown field|duplicate field|invalid value for [a-z0-9]+ (?:type|field)|invalid value for enum field) "?([A-Za-z][A-Za-z0-9_.]{0,63})"?`)
)

// withoutValue keeps place, kind and name of a JSON fault and drops what the sender wrote there.
func withoutValue(text string) string {
	text = strings.ReplaceAll(text, "\u00a0", " ") // protojson varies its spaces on purpose
	what := "not the JSON of this message"
	if f := jsonFault.FindStringSubmatch(text); f != nil {
		what = fmt.Sprintf("%s %q", f[1], f[2])
	}
	if p := jsonPlace.FindString(text); p != "" {
		what += " " + p
	}
	return what
}

// strictQuery reads query parameters: a name that is not known would otherwise be a filter that silently does nothing.
type strictQuery struct{}

func (strictQuery) Parse(msg proto.Message, values url.Values, filter *utilities.DoubleArray) error {
	for key := range values {
		path, ok := fieldPath(msg.ProtoReflect().Descriptor(), key)
		if !ok || filter.HasCommonPrefix(path) {
			return errors.New("query: unknown parameter " + printable(key))
		}
		if personal[path[len(path)-1]] {
			return errors.New("query: " + printable(key) + " says who a person is and does not belong into a URL: POST the search")
		}
	}
	if err := (&runtime.DefaultQueryParser{}).Parse(msg, values, filter); err != nil {
		return errors.New("query: a parameter is repeated or has a wrong value")
	}
	return nil
}

// personal are the fields that no proxy, history or log should keep.
var personal = map[string]bool{"patient_name": true, "local_patient_number": true, "identity_number": true}

func fieldPath(d protoreflect.MessageDescriptor, key string) ([]string, bool) {
	var path []string
	for name := range strings.SplitSeq(key, ".") {
		if d == nil {
			return nil, false
		}
		fd := d.Fields().ByTextName(name)
		if fd == nil {
			fd = d.Fields().ByJSONName(name)
		}
		if fd == nil || fd.IsMap() {
			return nil, false
		}
		path, d = append(path, string(fd.Name())), fd.Message()
	}
	return path, true
}

var plainName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.]{0,63}$`)

// printable is a name that the sender chose, where it cannot be anything but a name.
func printable(name string) string {
	if plainName.MatchString(name) {
		return name
	}
	return "with a strange name"
}
