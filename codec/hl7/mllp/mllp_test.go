package mllp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// line is a real connection over the loopback.
func line(t testing.TB) (client, server net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	done := make(chan net.Conn)
	go func() {
		c, err := l.Accept()
		if err != nil {
			t.Error(err)
		}
		done <- c
	}()
	client, err = net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server = <-done
	t.Cleanup(func() { _ = client.Close(); _ = server.Close() })
	return client, server
}

// all reads what a stream has, to its end.
func all(t testing.TB, stream []byte, o Options) (got []Frame, end error) {
	t.Helper()
	client, server := line(t)
	go func() {
		_, _ = client.Write(stream)
		_ = client.Close()
	}()
	r := NewReader(server, o)
	for {
		f, err := r.Next()
		if err != nil {
			return got, err
		}
		got = append(got, f)
	}
}

func TestFrames(t *testing.T) {
	long := strings.Repeat("A", 100_000)
	for _, x := range []struct {
		name, stream string
		want         []Frame
		end          error
	}{
		{"nothing", "", nil, io.EOF},
		{"one", "\x0bA\r\x1c\r", []Frame{{Message: []byte("A\r")}}, io.EOF},
		{"two", "\x0bA\r\x1c\r\x0bB\r\x1c\r", []Frame{{Message: []byte("A\r")}, {Message: []byte("B\r")}}, io.EOF},
		{"white space between", "\r\n\x0bA\r\x1c\r\r\n \x0bB\r\x1c\r\n", []Frame{{Message: []byte("A\r")}, {Message: []byte("B\r")}}, io.EOF},
		{"junk between", "xy\x0bA\r\x1c\rjunk\x0bB\r\x1c\r", []Frame{{Message: []byte("A\r"), Junk: 2}, {Message: []byte("B\r"), Junk: 4}}, io.EOF},
		{"no 0D between", "\x0bA\r\x1c\x0bB\r\x1c\r", []Frame{{Message: []byte("A\r"), Unended: true}, {Message: []byte("B\r")}}, io.EOF},
		{"no 0D at the end", "\x0bA\r\x1c", []Frame{{Message: []byte("A\r"), Unended: true}}, io.EOF},
		{"1C inside", "\x0bA\x1cB\r\x1c\r", []Frame{{Message: []byte("A\x1cB\r")}}, io.EOF},
		{"1C 0D inside a segment", "\x0bA|\x1c\rB\r\x1c\r", []Frame{{Message: []byte("A|\x1c\rB\r")}}, io.EOF},
		{"no end of the last segment", "\x0bA\x1c\r\x0bB\x1c\r", []Frame{{Message: []byte("A")}, {Message: []byte("B")}}, io.EOF},
		{"begun anew", "\x0bA|half\x0bA|whole\r\x1c\r", []Frame{{Message: []byte("A|whole\r"), Junk: 6, Restarted: true}}, io.EOF},
		{"cut off", "\x0bA\r\x1c\r\x0bhalf", []Frame{{Message: []byte("A\r")}}, ErrPartial},
		{"larger than the buffer", "\x0b" + long + "\r\x1c\r", []Frame{{Message: []byte(long + "\r")}}, io.EOF},
		{"empty", "\x0b\x1c\r", []Frame{{Message: []byte{}}}, io.EOF},
		{"no frames at all", strings.Repeat("GET / HTTP/1.1\r\n", 8192), nil, ErrJunk},
	} {
		t.Run(x.name, func(t *testing.T) {
			got, end := all(t, []byte(x.stream), Options{})
			if !errors.Is(end, x.end) {
				t.Errorf("end: %v, want %v", end, x.end)
			}
			if diff := cmp.Diff(x.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWaitsAreBounded(t *testing.T) {
	const soon = 60 * time.Millisecond
	for _, x := range []struct {
		name, sent string
		options    Options
		want       error
	}{
		{"the first byte", "", Options{First: soon}, ErrIdle},
		{"the next frame", "\x0bA\r\x1c\r", Options{Idle: soon}, ErrIdle},
		{"the next byte", "\x0bA", Options{InterByte: soon}, ErrSlow},
		{"a whole frame, byte by byte", "drip", Options{Whole: 3 * soon}, ErrSlow},
	} {
		t.Run(x.name, func(t *testing.T) {
			client, server := line(t)
			stop := make(chan struct{})
			defer close(stop)
			go func() {
				if x.sent != "drip" {
					_, _ = client.Write([]byte(x.sent))
					return
				}
				_, _ = client.Write([]byte{Start})
				for {
					select {
					case <-stop:
						return
					case <-time.After(soon / 3):
						_, _ = client.Write([]byte("A"))
					}
				}
			}()
			r := NewReader(server, x.options)
			var err error
			for err == nil {
				_, err = r.Next()
			}
			if !errors.Is(err, x.want) {
				t.Errorf("%v, want %v", err, x.want)
			}
		})
	}
}

func TestFramesAreBounded(t *testing.T) {
	stream := "\x0bMSH|^~\\&|A\r" + strings.Repeat("X", 300_000)
	_, err := all(t, []byte(stream), Options{MaxFrame: 100_000})
	var large *TooLargeError
	if !errors.As(err, &large) || !bytes.HasPrefix(large.Head, []byte("MSH|")) || len(large.Head) > 16<<10 {
		t.Errorf("%v", err)
	}
	got, err := all(t, []byte("\x0b"+strings.Repeat("X", 100_000)+"\x1c\r"), Options{MaxFrame: 100_000})
	if len(got) != 1 || !errors.Is(err, io.EOF) {
		t.Errorf("the largest frame: %v", err)
	}
}

func TestOneAnswerForOneMessage(t *testing.T) {
	client, server := line(t)
	go func() {
		r := NewReader(server, Options{})
		for {
			f, err := r.Next()
			if err != nil {
				return
			}
			_ = Write(server, []byte("late"), time.Second) // answers the message before
			_ = Write(server, append([]byte("ack "), f.Message...), time.Second)
		}
	}()
	c := NewClient(client, Options{})
	for _, m := range []string{"one", "two"} {
		got, err := c.Exchange(context.Background(), []byte(m), 10*time.Second, func(f []byte) bool { return string(f) == "ack "+m })
		if err != nil || string(got) != "ack "+m {
			t.Errorf("%q, %v", got, err)
		}
	}
	_, err := c.Exchange(context.Background(), []byte("three"), 100*time.Millisecond, func([]byte) bool { return false })
	if !errors.Is(err, ErrNoAnswer) {
		t.Errorf("%v", err)
	}
	if err := Write(client, []byte("A\x1cB"), time.Second); err == nil {
		t.Error("a message with an end inside was framed")
	}
}

// samples is the folder of sample messages, found upwards; empty where there is none.
func samples() string {
	dir, _ := os.Getwd()
	for {
		if at := filepath.Join(dir, "shared", "data", "lab"); isDir(at) {
			return at
		}
		up := filepath.Dir(dir)
		if up == dir {
			return ""
		}
		dir = up
	}
}

func isDir(at string) bool {
	i, err := os.Stat(at)
	return err == nil && i.IsDir()
}

func TestSampleStreams(t *testing.T) {
	dir := samples()
	if dir == "" {
		t.Skip("no sample messages: shared/data/lab is not there")
	}
	for name, want := range map[string]int{"mllp_stream_3msgs.bin": 3, "mllp_garbage_between.bin": 2, "mllp_missing_cr.bin": 2} {
		raw, err := os.ReadFile(filepath.Join(dir, "hl7v2", "synthetic", name))
		if err != nil {
			t.Fatal(err)
		}
		got, end := all(t, raw, Options{})
		if len(got) != want || !errors.Is(end, io.EOF) {
			t.Errorf("%s: %d frames, %v", name, len(got), end)
		}
		for _, f := range got {
			if !bytes.HasPrefix(f.Message, []byte("MSH|")) || !bytes.HasSuffix(f.Message, []byte("\r")) {
				t.Errorf("%s: a frame is no message", name)
			}
		}
	}
}

func FuzzFrames(f *testing.F) {
	for _, s := range []string{"\x0bA\r\x1c\r", "\x0bA\x1c\x0bB\x1c\r", "junk\x0bA\x1cB\x1c\r", "\x0bA\x0bB\x1c\r", ""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		client, server := net.Pipe()
		go func() {
			_, _ = client.Write(raw)
			_ = client.Close()
		}()
		defer func() { _ = server.Close() }()
		r := NewReader(server, Options{MaxFrame: 1000, Tail: time.Millisecond})
		size := 0
		for {
			m, err := r.Next()
			if err != nil {
				break
			}
			if size += len(m.Message); size > len(raw) || len(m.Message) > 1002 {
				t.Fatal("more than was sent")
			}
		}
	})
}
