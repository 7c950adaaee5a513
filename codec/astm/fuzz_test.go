package astm

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

func seeds() [][]byte {
	whole := "H|\\^&|||XN\rP|1||||王^二||19800101|M\rO|1|7||^^^WBC\rR|1|^^^WBC|8.1|10*9/L\rC|1|I|&F&x\rL|1|N\r"
	var framed []byte
	for _, f := range Frames([]byte(whole), 40, false) {
		framed = f.Append(framed)
	}
	return [][]byte{
		[]byte(whole),
		[]byte("\x05" + string(framed) + "\x04"),
		[]byte("\x05\x021H|\\^&\x17"),
		GB18030.encode(whole),
		[]byte("\x05\x02" + whole + "\x03\x04"),
		[]byte("H|@^\\|\rQ|1|^7@^8\rL|1|N\r"),
		[]byte(strings.Repeat("\x05\x02\x03\x15\x06", 50)),
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range seeds() {
		f.Add(s, byte(0))
		f.Add(s, byte(2))
	}
	sets := []Charset{Unknown, UTF8, GB18030, Latin1}
	f.Fuzz(func(t *testing.T, b []byte, set byte) {
		all, err := Parse(b, sets[int(set)%len(sets)])
		if err != nil {
			var fault *FormatError
			if !errors.As(err, &fault) || fault.Offset < 0 || fault.Offset > 4*len(b) {
				t.Fatalf("error %v", err)
			}
			return
		}
		for i := range all {
			m := &all[i]
			nodes := 0
			var count func(n *Node)
			count = func(n *Node) {
				if !n.Implied {
					nodes++
				}
				for _, c := range n.Children {
					count(c)
				}
			}
			count(m.Tree())
			if nodes != len(m.Records) {
				t.Fatalf("%d records, %d in the tree", len(m.Records), nodes)
			}
			again, err := Parse(m.Bytes(UTF8), UTF8)
			if err != nil || len(again) != 1 || len(again[0].Records) != len(m.Records) {
				t.Fatalf("written again: %v", err)
			}
			for j, r := range m.Records {
				for n := range r.Fields() + 2 {
					if r.Field(n).String() != again[0].Records[j].Field(n).String() {
						t.Fatalf("record %d field %d changed", j, n)
					}
				}
			}
		}
	})
}

// canned is a connection on which everything was said already.
type canned struct {
	net.Conn
	in io.Reader
}

func (c canned) Read(b []byte) (int, error)       { return c.in.Read(b) }
func (c canned) Write(b []byte) (int, error)      { return len(b), nil }
func (c canned) Close() error                     { return nil }
func (c canned) SetReadDeadline(time.Time) error  { return nil }
func (c canned) SetWriteDeadline(time.Time) error { return nil }

func FuzzLink(f *testing.F) {
	for _, s := range seeds() {
		for how := range byte(8) {
			f.Add(s, how)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, how byte) {
		opt := Options{
			MaxFrame: 200, MaxMessage: 2000, Bare: how&1 != 0, Tokens: how&2 != 0, NoTrailer: how&4 != 0,
			Checksum: ChecksumMode(how >> 3 & 3 % 3), Numbers: NumberMode(how >> 5 & 1),
		}
		refuse := how&64 != 0
		l := NewLink(canned{in: bytes.NewReader(b)}, opt, func(_ context.Context, m []byte) error {
			if len(m) > opt.MaxMessage+1 || bytes.ContainsAny(m, "\x02\x04\x05\x06\x15") {
				t.Fatalf("a message of %d bytes", len(m))
			}
			if refuse = !refuse; refuse {
				return io.ErrShortWrite
			}
			return nil
		})
		_ = l.Run(context.Background())
		_, _, _ = Unframe(b, opt)
	})
}
