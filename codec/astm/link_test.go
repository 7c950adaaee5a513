package astm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// quick are timers that tests can wait for.
var quick = Timers{
	Reply: 300 * time.Millisecond, Receive: 600 * time.Millisecond, Busy: 30 * time.Millisecond, Contention: 400 * time.Millisecond,
	Again: 20 * time.Millisecond, Idle: 10 * time.Second,
}

// inbox is a handler that keeps what it is handed.
type inbox struct {
	mu       sync.Mutex
	messages []string
	refuse   int // so many at first
	calls    int
}

func (b *inbox) take(_ context.Context, m []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.calls++; b.calls <= b.refuse {
		return errors.New("the disk is full")
	}
	b.messages = append(b.messages, string(m))
	return nil
}

func (b *inbox) all() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.messages)
}

// pipe is a connection over a real socket.
func pipe(t testing.TB) (ours, theirs net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	accepted := make(chan net.Conn, 1)
	go func() {
		c, _ := l.Accept()
		accepted <- c
	}()
	if theirs, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	ours = <-accepted
	t.Cleanup(func() { _ = ours.Close(); _ = theirs.Close() })
	return ours, theirs
}

// running is a link at work.
type running struct {
	*Link
	*inbox
	err   chan error
	mu    sync.Mutex
	notes []string
}

func run(t testing.TB, conn net.Conn, opt Options, box *inbox) *running {
	t.Helper()
	r := &running{inbox: box, err: make(chan error, 1)}
	opt.Timers = quick
	opt.Note = func(what string) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.notes = append(r.notes, what)
	}
	r.Link = NewLink(conn, opt, box.take)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); r.err <- r.Run(ctx) }()
	t.Cleanup(func() { stop(); _ = conn.Close(); <-ended })
	return r
}

func (r *running) noted() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.notes)
}

// frame writes a frame as an analyser does; change may spoil it.
func frame(n int, last bool, text string) string {
	return string(Frame{Number: n, Text: []byte(text), Last: last}.Append(nil))
}

const (
	sENQ, sACK, sNAK, sEOT = "\x05", "\x06", "\x15", "\x04"
	header                 = "H|\\^&|||XN\r"
	terminatorRecord       = "L|1|N\r"
)

// step is what the analyser says and what it must hear before it goes on.
type step struct{ say, hear string }

func play(t *testing.T, conn net.Conn, steps []step) {
	t.Helper()
	for i, s := range steps {
		if _, err := io.WriteString(conn, s.say); err != nil {
			t.Fatalf("step %d: %v", i+1, err)
		}
		got := make([]byte, len(s.hear))
		_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
		if n, err := io.ReadFull(conn, got); err != nil || string(got) != s.hear {
			t.Fatalf("step %d: heard %q (%v), want %q", i+1, got[:n], err, s.hear)
		}
	}
}

func TestReceiving(t *testing.T) {
	result := "R|1|^^^WBC|8.1|10*9/L\r"
	whole := header + result + terminatorRecord
	spoilt := func(s string) string { return s[:3] + "x" + s[4:] }
	plain := []step{{sENQ, sACK}, {frame(1, true, header), sACK}, {frame(2, true, result), sACK}, {frame(3, true, terminatorRecord), sACK}, {sEOT, ""}}
	for _, x := range []struct {
		name   string
		opt    Options
		refuse int
		steps  []step
		want   []string
		notes  []string
	}{
		{name: "a record a frame", steps: plain, want: []string{whole}},
		{
			name:  "several records a frame",
			steps: []step{{sENQ, sACK}, {frame(1, true, whole), sACK}, {sEOT, ""}}, want: []string{whole},
		},
		{
			name: "a record goes on in the next frame",
			steps: []step{
				{sENQ, sACK},
				{frame(1, true, header), sACK},
				{frame(2, false, result[:9]), sACK},
				{frame(3, true, result[9:]), sACK},
				{frame(4, true, terminatorRecord), sACK},
				{sEOT, ""},
			},
			want: []string{whole},
		},
		{
			name: "numbers wrap at 7",
			steps: []step{
				{sENQ, sACK},
				{frame(1, false, header[:2]), sACK},
				{frame(2, false, header[2:3]), sACK},
				{frame(3, false, header[3:4]), sACK},
				{frame(4, false, header[4:5]), sACK},
				{frame(5, false, header[5:6]), sACK},
				{frame(6, false, header[6:7]), sACK},
				{frame(7, true, header[7:]), sACK},
				{frame(0, true, terminatorRecord), sACK},
				{sEOT, ""},
			},
			want: []string{header + terminatorRecord},
		},
		{
			name: "our ACK is lost: the frame that ended the message comes again",
			steps: []step{
				{sENQ, sACK}, {frame(1, true, whole), sACK}, {frame(1, true, whole), sACK}, {frame(1, true, whole), sACK}, {sEOT, ""},
			},
			want: []string{whole}, notes: []string{"repeat", "repeat"},
		},
		{
			name:  "our ACK of a middle frame is lost",
			steps: slices.Insert(slices.Clone(plain), 3, step{frame(2, true, result), sACK}), want: []string{whole}, notes: []string{"repeat"},
		},
		{
			name:  "a wrong checksum",
			steps: slices.Insert(slices.Clone(plain), 2, step{spoilt(frame(2, true, result)), sNAK}), want: []string{whole}, notes: []string{"checksum"},
		},
		{
			name:  "a frame too far",
			steps: slices.Insert(slices.Clone(plain), 2, step{frame(4, true, result), sNAK}), want: []string{whole}, notes: []string{"frame number"},
		},
		{
			name: "the last number with another text is no repetition",
			steps: []step{
				{sENQ, sACK},
				{frame(1, true, header), sACK},
				{frame(1, true, result), sNAK},
				{frame(2, true, result), sACK},
				{frame(3, true, terminatorRecord), sACK},
				{sEOT, ""},
			},
			want: []string{whole}, notes: []string{"frame number"},
		},
		{
			name: "it cannot be kept at first", refuse: 2,
			steps: []step{
				{sENQ, sACK},
				{frame(1, true, header), sACK},
				{frame(2, true, terminatorRecord), sNAK},
				{frame(2, true, terminatorRecord), sNAK},
				{frame(2, true, terminatorRecord), sACK},
				{sEOT, ""},
			},
			want: []string{header + terminatorRecord}, notes: []string{"not kept", "not kept"},
		},
		{
			name: "it cannot be kept: the sender gives up, and nothing of it is taken", refuse: 1,
			steps: []step{{sENQ, sACK}, {frame(1, true, header), sACK}, {frame(2, true, terminatorRecord), sNAK}, {sEOT, ""}, {sENQ, sACK}},
			notes: []string{"not kept", "discarded"},
		},
		{
			name:  "several messages in a session",
			steps: []step{{sENQ, sACK}, {frame(1, true, whole+header), sACK}, {frame(2, true, result+terminatorRecord), sACK}, {sEOT, ""}},
			want:  []string{whole, whole},
		},
		{
			name:  "no terminator record",
			steps: []step{{sENQ, sACK}, {frame(1, true, header), sACK}, {frame(2, true, result), sACK}, {sEOT, ""}, {sENQ, sACK}},
			want:  []string{header + result}, notes: []string{"no terminator"},
		},
		{
			name: "no terminator record from a sender that has them: it gave up, and sends again",
			steps: []step{
				{sENQ, sACK},
				{frame(1, true, whole), sACK},
				{sEOT, ""},
				{sENQ, sACK},
				{frame(1, true, header), sACK},
				{sEOT, ""},
				{sENQ, sACK},
			},
			want: []string{whole}, notes: []string{"no terminator", "discarded"},
		},
		{
			name: "EOT in the middle of a frame",
			steps: []step{
				{sENQ, sACK},
				{frame(1, true, header), sACK},
				{frame(2, true, result)[:9] + sEOT, sNAK},
				{sENQ, sACK},
				{frame(1, true, whole), sACK},
				{sEOT, ""},
			},
			want: []string{whole}, notes: []string{"unfinished", "discarded"},
		},
		{
			name:  "the sender begins again",
			steps: append([]step{{sENQ, sACK}, {frame(1, true, header), sACK}}, plain...), want: []string{whole}, notes: []string{"restarted", "discarded"},
		},
		{
			name:  "STX in a frame begins it anew",
			steps: []step{{sENQ, sACK}, {frame(1, true, whole)[:12] + frame(1, true, whole), sACK}, {sEOT, ""}}, want: []string{whole},
		},
		{name: "a frame without ENQ", steps: []step{{frame(1, true, header), ""}, {sENQ, sACK}}, notes: []string{"unasked"}},
		{
			name: "a frame too long", opt: Options{MaxFrame: 64},
			steps: []step{{sENQ, sACK}, {frame(1, true, strings.Repeat("x", 100)), sNAK}, {frame(1, true, whole), sACK}, {sEOT, ""}},
			want:  []string{whole}, notes: []string{"too long"},
		},
		{
			name: "a message too long", opt: Options{MaxMessage: 40},
			steps: []step{{sENQ, sACK}, {frame(1, true, header), sACK}, {frame(2, true, result), sACK}, {frame(3, true, result), sNAK}, {sEOT, ""}, {sENQ, sACK}},
			notes: []string{"too long", "discarded"},
		},
		{
			name: "no CR LF", opt: Options{NoTrailer: true},
			steps: []step{
				{sENQ, sACK},
				{strings.TrimRight(frame(1, true, header), "\r\n"), sACK},
				{strings.TrimRight(frame(2, true, terminatorRecord), "\r\n"), sACK},
				{sEOT, ""},
			},
			want: []string{header + terminatorRecord},
		},
		{
			name:  "no CR LF, though the profile does not say so",
			steps: []step{{sENQ, sACK}, {strings.TrimRight(frame(1, true, whole), "\r\n"), sACK}, {sEOT, ""}}, want: []string{whole},
		},
		{
			name: "no checksum", opt: Options{Checksum: ChecksumAbsent},
			steps: []step{{sENQ, sACK}, {"\x021" + whole + "\x03\r\n", sACK}, {sEOT, ""}}, want: []string{whole},
		},
		{
			name: "a checksum that is not looked at", opt: Options{Checksum: ChecksumIgnored},
			steps: []step{{sENQ, sACK}, {"\x021" + header + "\x0300\r\n", sACK}, {"\x022" + terminatorRecord + "\x03\r\n", sACK}, {sEOT, ""}},
			want:  []string{header + terminatorRecord},
		},
		{
			name: "numbers that do not count", opt: Options{Numbers: NumbersAny},
			steps: []step{
				{sENQ, sACK},
				{frame(1, true, header), sACK},
				{frame(1, true, result), sACK},
				{frame(1, true, result), sACK},
				{frame(1, true, terminatorRecord), sACK},
				{sEOT, ""},
			},
			want: []string{whole}, notes: []string{"repeat"},
		},
		{
			name: "bare records", opt: Options{Bare: true},
			steps: []step{{whole + strings.ReplaceAll(whole, "\r", "\r\n"), ""}}, want: []string{whole, whole},
		},
		{
			name: "frames without ENQ, each message numbered from 1", opt: Options{Bare: true},
			steps: []step{
				{frame(1, true, header), sACK}, {frame(2, true, terminatorRecord), sACK}, {frame(1, true, whole), sACK}, {frame(1, true, whole), sACK},
			},
			want: []string{header + terminatorRecord, whole}, notes: []string{"repeat"},
		},
		{
			name: "each control character acknowledged", opt: Options{Tokens: true},
			steps: []step{{sENQ, sACK}, {"\x02", sACK}, {whole, ""}, {"\x03", sACK}, {sEOT, sACK}, {sENQ, sACK}, {"\x02", sACK}, {header + terminatorRecord + "\x03", sACK}, {sEOT, sACK}},
			want:  []string{whole, header + terminatorRecord},
		},
		{
			name:  "noise between frames",
			steps: []step{{"noise\r\n" + sACK + sNAK + sENQ, sACK}, {"\x00\r\n" + frame(1, true, whole), sACK}, {sEOT, ""}}, want: []string{whole},
		},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			ours, theirs := pipe(t)
			r := run(t, ours, x.opt, &inbox{refuse: x.refuse})
			play(t, theirs, x.steps)
			_ = theirs.Close()
			if err := <-r.err; err != nil {
				t.Errorf("ended with %v", err)
			}
			if diff := cmp.Diff(x.want, r.all()); diff != "" {
				t.Errorf("messages: %s", diff)
			}
			if diff := cmp.Diff(x.notes, r.noted()); diff != "" {
				t.Errorf("notes: %s", diff)
			}
		})
	}
}

func TestAStormOfBadFramesEndsTheLink(t *testing.T) {
	ours, theirs := pipe(t)
	r := run(t, ours, Options{}, &inbox{})
	play(t, theirs, []step{{sENQ, sACK}})
	for range maxBad {
		play(t, theirs, []step{{"\x021x\x0300\r\n", sNAK}})
	}
	_, _ = io.WriteString(theirs, "\x021x\x0300\r\n")
	if err := <-r.err; !errors.Is(err, ErrStorm) {
		t.Errorf("ended with %v", err)
	}
}

func TestASilentSenderIsForgotten(t *testing.T) {
	ours, theirs := pipe(t)
	r := run(t, ours, Options{}, &inbox{})
	play(t, theirs, []step{{sENQ, sACK}, {frame(1, true, header), sACK}})
	for len(r.noted()) < 2 {
		time.Sleep(10 * time.Millisecond)
	}
	play(t, theirs, []step{{sENQ, sACK}, {frame(1, true, header+terminatorRecord), sACK}, {sEOT, ""}})
	_ = theirs.Close()
	<-r.err
	if diff := cmp.Diff([]string{header + terminatorRecord}, r.all()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"timeout", "discarded"}, r.noted()); diff != "" {
		t.Error(diff)
	}
}

func TestSending(t *testing.T) {
	message := header + terminatorRecord
	one, two := frame(1, true, header), frame(2, true, terminatorRecord)
	long := "R|1|" + strings.Repeat("y", 500) + "\r"
	for _, x := range []struct {
		name    string
		opt     Options
		message string
		steps   []step // what we say and hear, as the analyser
		want    error
	}{
		{name: "to the end", steps: []step{{"", sENQ}, {sACK, one}, {sACK, two}, {sACK, sEOT}}},
		{name: "packed", opt: Options{SendPacked: true}, steps: []step{{"", sENQ}, {sACK, frame(1, true, message)}, {sACK, sEOT}}},
		{name: "tokens", opt: Options{Tokens: true}, steps: []step{{"", sENQ}, {sACK, "\x02"}, {sACK, message + "\x03"}, {sACK, sEOT}}},
		{name: "a long record", message: long, steps: []step{
			{"", sENQ},
			{sACK, frame(1, false, long[:240])},
			{sACK, frame(2, false, long[240:480])},
			{sACK, frame(3, true, long[480:])},
			{sACK, sEOT},
		}},
		{name: "a frame is refused once", steps: []step{{"", sENQ}, {sACK, one}, {sNAK, one}, {sACK, two}, {sACK, sEOT}}},
		{name: "whatever is not ACK is NAK", steps: []step{{"", sENQ}, {sACK, one}, {sENQ, one}, {sACK, two}, {sACK, sEOT}}},
		{name: "the receiver asks to stop", steps: []step{{"", sENQ}, {sACK, one}, {sEOT, two}, {sACK, sEOT}}},
		{
			name: "a frame is refused six times", want: ErrRefused,
			steps: []step{{"", sENQ}, {sACK, one}, {sNAK, one}, {sNAK, one}, {sNAK, one}, {sNAK, one}, {sNAK, one}, {sNAK, one}, {sNAK, sEOT}},
		},
		{name: "busy at first", steps: []step{{"", sENQ}, {sNAK, sENQ}, {sACK, one}, {sACK, two}, {sACK, sEOT}}},
		{
			name: "always busy", want: ErrBusy,
			steps: []step{{"", sENQ}, {sNAK, sENQ}, {sNAK, sENQ}, {sNAK, sENQ}, {sNAK, sENQ}, {sNAK, sENQ}, {sNAK, sENQ}, {sNAK, ""}},
		},
		{name: "no answer to ENQ", want: ErrNoAnswer, steps: []step{{"", sENQ}, {"", sEOT}}},
		{name: "no answer to a frame", want: ErrNoAnswer, steps: []step{{"", sENQ}, {sACK, one}, {"", sEOT}}},
		{
			name: "contention: the host yields, takes what comes, then sends",
			steps: []step{
				{"", sENQ},
				{sENQ, ""},
				{sENQ, sACK},
				{frame(1, true, message), sACK},
				{sEOT, sENQ},
				{sACK, one},
				{sACK, two},
				{sACK, sEOT},
			},
		},
		{name: "contention with one that says no more", steps: []step{{"", sENQ}, {sENQ, sENQ}, {sACK, one}, {sACK, two}, {sACK, sEOT}}},
		{name: "contention: the instrument goes on", opt: Options{Role: Instrument}, steps: []step{{"", sENQ}, {sENQ, sENQ}, {sACK, one}, {sACK, two}, {sACK, sEOT}}},
	} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			if x.message == "" {
				x.message = message
			}
			ours, theirs := pipe(t)
			r := run(t, ours, x.opt, &inbox{})
			sent := make(chan error, 1)
			go func() { sent <- r.Send(context.Background(), []byte(x.message)) }()
			if strings.HasPrefix(x.name, "contention: the host") {
				play(t, theirs, x.steps[:1])
				play(t, theirs, []step{{sENQ, ""}})
				time.Sleep(50 * time.Millisecond) // a second ENQ at once would be the first one's repetition
				play(t, theirs, x.steps[2:])
			} else {
				play(t, theirs, x.steps)
			}
			if err := <-sent; !errors.Is(err, x.want) || x.want == nil && err != nil {
				t.Errorf("sent with %v, want %v", err, x.want)
			}
		})
	}
}

func TestBothSidesAtOnce(t *testing.T) {
	for i := range 16 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			ours, theirs := pipe(t)
			host := run(t, ours, Options{}, &inbox{})
			instrument := run(t, theirs, Options{Role: Instrument, SendPacked: i%2 == 0}, &inbox{})
			var want [2][]string
			var wait sync.WaitGroup
			for side, r := range []*running{host, instrument} {
				for n := range 5 {
					m := fmt.Sprintf("H|\\^&|||%d.%d\rR|1|%s\rL|1|N\r", side, n, strings.Repeat("z", 100*n))
					want[1-side] = append(want[1-side], m)
					wait.Go(func() {
						if err := r.Send(context.Background(), []byte(m)); err != nil {
							t.Errorf("side %d: %v", side, err)
						}
					})
				}
			}
			wait.Wait()
			for side, r := range []*running{host, instrument} {
				got := r.all()
				slices.Sort(got)
				if diff := cmp.Diff(want[side], got); diff != "" {
					t.Errorf("side %d: %s", side, diff)
				}
			}
		})
	}
}

// noisy is a line that swallows one of so many writes and spoils another.
type noisy struct {
	net.Conn
	random *rand.Rand
	every  int
}

func (c *noisy) Write(b []byte) (int, error) {
	switch c.random.IntN(c.every) {
	case 0:
		return len(b), nil
	case 1:
		b = bytes.Clone(b)
		b[len(b)/2] ^= 0x20
	}
	return c.Conn.Write(b)
}

func TestOnALineThatLosesAndSpoils(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			ours, theirs := pipe(t)
			timers := quick
			timers.Reply = 60 * time.Millisecond
			box, random := &inbox{}, rand.New(rand.NewPCG(seed, 1))
			host := NewLink(&noisy{ours, random, 20}, Options{Timers: timers}, box.take)
			instrument := NewLink(&noisy{theirs, rand.New(rand.NewPCG(seed, 2)), 20}, Options{Role: Instrument, Timers: timers}, box.take)
			for _, l := range []*Link{host, instrument} {
				go func() { _ = l.Run(t.Context()) }()
			}
			var want []string
			for n := range 12 {
				m := fmt.Sprintf("H|\\^&|||%d\rR|1|^^^A|%d\rR|2|^^^B|%d\rL|1|N\r", n, n, n)
				want = append(want, m)
				for tries := 0; ; tries++ {
					if err := instrument.Send(t.Context(), []byte(m)); err == nil {
						break
					} else if tries > 50 {
						t.Fatal(err)
					}
				}
			}
			got := box.all()
			for len(got) > 0 && !strings.HasSuffix(got[0], terminatorRecord) { // before the host knows that this sender ends its messages
				got = got[1:]
			}
			// A message whose last ACK was lost for good comes again, and is known by its content.
			if diff := cmp.Diff(want, slices.Compact(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestStopping(t *testing.T) {
	ours, theirs := pipe(t)
	box := &inbox{}
	l := NewLink(ours, Options{Timers: quick}, box.take)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	play(t, theirs, []step{{sENQ, sACK}, {frame(1, true, header), sACK}})
	stop()
	play(t, theirs, []step{{frame(2, true, terminatorRecord), sACK}, {sEOT, ""}})
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{header + terminatorRecord}, box.all()); diff != "" {
		t.Error(diff)
	}
	if err := l.Send(context.Background(), []byte(header)); !errors.Is(err, ErrClosed) {
		t.Errorf("send on a closed link: %v", err)
	}
}
