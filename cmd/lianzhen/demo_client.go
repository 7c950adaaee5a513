// How the story's people and programs reach the doors: gRPC with a token, REST as a hospital system would call it.

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
)

// demoDoors are the addresses of a running server on this machine.
type demoDoors struct {
	http string // http://host:port
	grpc string // host:port

	dimse string // host:port
	mllp  string
	astm  string
}

// demoVisitor is somebody who has signed in.
type demoVisitor struct {
	demoDoors
	name  string // what the table calls them
	token string
	conn  *grpc.ClientConn
}

// bearerToken goes with every call; the trial's doors have no TLS and are on this machine.
type bearerToken string

func (b bearerToken) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(b)}, nil
}

func (bearerToken) RequireTransportSecurity() bool { return false }

// signIn makes a visitor. Over HTTP the session is a cookie that only a browser can use, so programs sign in over gRPC.
func (d demoDoors) signIn(ctx context.Context, login, password string) (*demoVisitor, error) {
	plain := grpc.WithTransportCredentials(insecure.NewCredentials())
	hall, err := grpc.NewClient(d.grpc, plain)
	if err != nil {
		return nil, err
	}
	defer hall.Close()
	in, err := pb.NewSessionServiceClient(hall).SignIn(ctx, &pb.SignInRequest{Login: login, Password: password})
	if err != nil {
		return nil, fmt.Errorf("sign in %s: %w", login, err)
	}
	conn, err := grpc.NewClient(d.grpc, plain, grpc.WithPerRPCCredentials(bearerToken(in.GetToken())))
	if err != nil {
		return nil, err
	}
	return &demoVisitor{
		demoDoors: d, name: in.GetDisplayName() + " (" + in.GetInstitutionName() + ")", token: in.GetToken(), conn: conn,
	}, nil
}

func (v *demoVisitor) close() { v.conn.Close() }

func (v *demoVisitor) reading() pb.ReadingServiceClient { return pb.NewReadingServiceClient(v.conn) }

func (v *demoVisitor) imaging() pb.ImagingServiceClient { return pb.NewImagingServiceClient(v.conn) }

func (v *demoVisitor) patients() pb.PatientServiceClient { return pb.NewPatientServiceClient(v.conn) }

var restClient = &http.Client{Timeout: 30 * time.Second}

// rest calls a door of the REST API with JSON.
func (v *demoVisitor) rest(ctx context.Context, method, path string, in, out proto.Message) error {
	var body io.Reader
	if in != nil {
		b, err := protojson.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, v.http+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+v.token)
	res, err := restClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, 8<<20))
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return &restError{method + " " + path, res.StatusCode, string(b)}
	}
	return protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(b, out)
}

// restError is an answer other than 200.
type restError struct {
	call   string
	status int
	body   string
}

func (e *restError) Error() string {
	return fmt.Sprintf("%s: HTTP %d: %.300s", e.call, e.status, e.body)
}
