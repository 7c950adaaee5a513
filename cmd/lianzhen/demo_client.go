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
}

// demoVisitor is somebody who has signed in, or a program with its key.
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

// enter makes a visitor of a token or a key.
func (d demoDoors) enter(name, token string) (*demoVisitor, error) {
	conn, err := grpc.NewClient(d.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithPerRPCCredentials(bearerToken(token)))
	if err != nil {
		return nil, err
	}
	return &demoVisitor{demoDoors: d, name: name, token: token, conn: conn}, nil
}

// signIn is the portal's sign-in, over REST.
func (d demoDoors) signIn(ctx context.Context, login, password string) (*demoVisitor, error) {
	v := &demoVisitor{demoDoors: d}
	var s pb.Session
	if err := v.rest(ctx, http.MethodPost, "/api/v1/session:signIn", &pb.SignInRequest{Login: login, Password: password}, &s); err != nil {
		return nil, fmt.Errorf("sign in %s: %w", login, err)
	}
	return d.enter(s.GetDisplayName()+" ("+s.GetInstitutionName()+")", s.GetToken())
}

func (v *demoVisitor) close() {
	if v.conn != nil {
		v.conn.Close()
	}
}

func (v *demoVisitor) reading() pb.ReadingServiceClient  { return pb.NewReadingServiceClient(v.conn) }
func (v *demoVisitor) imaging() pb.ImagingServiceClient  { return pb.NewImagingServiceClient(v.conn) }
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
	if v.token != "" {
		req.Header.Set("Authorization", "Bearer "+v.token)
	}
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
