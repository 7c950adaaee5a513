package dimse

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"testing"

	"github.com/lianzhen/lianzhen/codec/dicom"
)

// sink takes objects and forgets them.
func sink(ctx context.Context, _ *Association, m *Message) error {
	if m.Data != nil {
		if _, err := io.Copy(io.Discard, m.Data); err != nil {
			return err
		}
	}
	return m.Reply(ctx, Success)
}

// BenchmarkStore sends objects of 512 KiB over loopback from our SCU to our SCP, over one and over four associations; inst/s
// is the figure to look at.
func BenchmarkStore(b *testing.B) {
	data := object(512<<10, 1)
	for _, n := range []int{1, 4} {
		b.Run(fmt.Sprintf("associations=%d", n), func(b *testing.B) {
			var ar archive
			ar.serve(b, func(s *Server) { s.Options.Handler = sink })
			work := make(chan int)
			ended := make(chan struct{})
			for range n {
				a := dial(b, ar.addr, proposal(ctClass), Options{})
				go func() {
					defer func() { ended <- struct{}{} }()
					for i := range work {
						o := Object{SOPClass: ctClass, SOPInstance: dicom.UID(fmt.Sprintf("1.2.%d", i)), TransferSyntax: dicom.ImplicitLE, Data: bytes.NewReader(data)}
						if s, err := a.Store(context.Background(), o); err != nil || s != Success {
							b.Error(s, err)
						}
					}
				}()
			}
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				work <- i
			}
			close(work)
			for range n {
				<-ended
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "inst/s")
		})
	}
}

// BenchmarkStoreFromStorescu takes 200 objects of 512 KiB from storescu with each iteration.
func BenchmarkStoreFromStorescu(b *testing.B) {
	tool(b, "storescu")
	var ar archive
	ar.serve(b, func(s *Server) { s.Options.Handler = sink })
	dir := b.TempDir()
	files(b, dir, 200, 512<<10)
	host, port := split(ar.addr)
	for _, nagle := range []string{"as shipped", "TCP_NODELAY"} {
		b.Run(nagle, func(b *testing.B) {
			if nagle != "as shipped" {
				b.Setenv("TCP_NODELAY", "1")
			}
			for b.Loop() {
				mustTool(b, "storescu", "-xi", "--max-send-pdu", "131072", "+sd", host, port, filepath.Clean(dir))
			}
			b.ReportMetric(float64(200*b.N)/b.Elapsed().Seconds(), "inst/s")
		})
	}
}

// BenchmarkStoreToStorescp sends objects of 512 KiB to storescp, which throws them away.
func BenchmarkStoreToStorescp(b *testing.B) {
	addr := startTool(b, "storescp", func(port string) []string { return []string{"--ignore", "-pdu", "131072", port} })
	a := dial(b, addr, proposal(ctClass), Options{})
	data, start := part10(b, "1.2.3", 512<<10, 1)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		o := Object{SOPClass: ctClass, SOPInstance: "1.2.3", TransferSyntax: dicom.ImplicitLE, Data: bytes.NewReader(data[start:])}
		if s, err := a.Store(context.Background(), o); err != nil || s != Success {
			b.Fatal(s, err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "inst/s")
}

// BenchmarkEcho measures the round trip of the smallest operation.
func BenchmarkEcho(b *testing.B) {
	var ar archive
	ar.serve(b, nil)
	a := dial(b, ar.addr, proposal(Verification), Options{})
	b.ReportAllocs()
	for b.Loop() {
		if err := a.Echo(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLoopback is the same bytes over a bare connection with an answer for each: what the machine gives at best.
func BenchmarkLoopback(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		tune(c)
		buf := make([]byte, 512<<10)
		for {
			if _, err := io.ReadFull(c, buf); err != nil {
				return
			}
			if _, err := c.Write(buf[:100]); err != nil {
				return
			}
		}
	}()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	tune(c)
	out, in := make([]byte, 512<<10), make([]byte, 100)
	b.SetBytes(int64(len(out)))
	for b.Loop() {
		if _, err := c.Write(out); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(c, in); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "inst/s")
}
