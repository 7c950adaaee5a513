// The gRPC upload stream: objects are pipelined, each is acknowledged when durable and indexed.

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
)

type grpcCmd struct {
	Dir     string `arg:"" help:"Folder of DICOM files."`
	Addr    string `help:"Server." default:"127.0.0.1:9090"`
	Key     string `help:"API key." required:""`
	Streams int    `help:"Streams at once; the files are dealt out to them." default:"1"`
	Window  int    `help:"Objects of a stream on their way at once." default:"64"`
	PID     int    `help:"Process whose memory is watched."`
	Name    string `help:"Name of the line." default:"grpc"`
}

const chunk = 128 << 10

func (c *grpcCmd) Run() error {
	names, size, err := files(c.Dir)
	if err != nil {
		return err
	}
	ctx := metadata.AppendToOutgoingContext(context.Background(), "authorization", "Bearer "+c.Key)
	stop, start := watch(c.PID), time.Now()
	var g errgroup.Group
	for i := range c.Streams {
		g.Go(func() error {
			var mine []string
			for k := i; k < len(names); k += c.Streams {
				mine = append(mine, names[k])
			}
			return c.stream(ctx, mine)
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	took := time.Since(start)
	return run{Test: c.Name, Objects: len(names), Bytes: size, GrowthMB: stop()}.print(took)
}

func (c *grpcCmd) stream(ctx context.Context, names []string) error {
	conn, err := grpc.NewClient(c.Addr, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithWriteBufferSize(512<<10), grpc.WithInitialWindowSize(8<<20), grpc.WithInitialConnWindowSize(16<<20))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	up, err := pb.NewUploadServiceClient(conn).Upload(ctx)
	if err != nil {
		return err
	}
	slots, answers := make(chan struct{}, c.Window), make(chan error, 1)
	go func() {
		for range names {
			res, err := up.Recv()
			if err == nil && res.GetStored() == nil {
				err = fmt.Errorf("%s: %s", names[res.GetHandle()-1], res.GetFailure().GetReason())
			}
			if err != nil {
				answers <- err
				return
			}
			<-slots
		}
		answers <- nil
	}()
	for i, n := range names {
		slots <- struct{}{}
		if err := send(up, uint32(i+1), n); err != nil {
			return err
		}
	}
	if err := up.CloseSend(); err != nil {
		return err
	}
	return <-answers
}

func send(up grpc.BidiStreamingClient[pb.UploadRequest, pb.UploadResponse], handle uint32, name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	begin := &pb.UploadRequest{Handle: handle, Frame: &pb.UploadRequest_Begin{Begin: &pb.UploadBegin{Size: info.Size()}}}
	if err := up.Send(begin); err != nil {
		return err
	}
	buf := make([]byte, chunk)
	for {
		n, err := io.ReadFull(f, buf)
		if n > 0 {
			if err := up.Send(&pb.UploadRequest{Handle: handle, Frame: &pb.UploadRequest_Data{Data: buf[:n]}}); err != nil {
				return err
			}
		}
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			break
		}
		if err != nil {
			return err
		}
	}
	return up.Send(&pb.UploadRequest{Handle: handle, Frame: &pb.UploadRequest_End{End: &pb.UploadEnd{}}})
}
