// Ingest: messages through the HL7 door, each acknowledged when its bytes and rows are on the disk.

package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/lianzhen/lianzhen/codec/hl7/mllp"
	"github.com/lianzhen/lianzhen/record"
)

const (
	links        = 16
	ingestFor    = 10 * time.Second
	warmUp       = 3 * time.Second
	knownPersons = 100                       // of each link; one message in twenty is of a new one
	profilesEnv  = "LIANZHEN_BENCH_PROFILES" // folder of CPU profiles
)

// ingest measures two kinds of senders: laboratory systems, whose results are final, and analysers, whose results rules or persons validate.
func ingest(w io.Writer, _ string) error {
	fmt.Fprintf(w, "%d links, one message of each under way, %d persons known, 1 to 20 rows a message (6.5 in the mean), for %s\n", links, links*knownPersons, ingestFor)
	fmt.Fprintf(w, "%-22s %-12s %10s %10s %9s %9s %9s %9s %s\n", "stores", "senders", "messages/s", "rows/s", "p50", "p99", "worst", "CPU each", "messages")
	for _, g := range grounds() {
		for _, s := range []struct{ name, profile string }{{"systems", "final: true\n"}, {"analysers", ""}} {
			m, err := measureIngest(context.Background(), g, s.profile)
			if err != nil {
				return fmt.Errorf("%s: %w", g, err)
			}
			fmt.Fprintf(w, "%-22s %-12s %10.0f %10.0f %9s %9s %9s %9s %d\n", g, s.name, float64(len(m.took))/m.in.Seconds(), float64(m.rows)/m.in.Seconds(),
				short(at(m.took, 0.5)), short(at(m.took, 0.99)), short(at(m.took, 1)), short(m.cpu/time.Duration(len(m.took))), len(m.took))
		}
	}
	return nil
}

// profiled writes a CPU profile until stop is called, where somebody asks for one.
func profiled(name string) (stop func(), err error) {
	folder := os.Getenv(profilesEnv)
	if folder == "" {
		return func() {}, nil
	}
	f, err := os.Create(filepath.Join(folder, strings.ReplaceAll(name, " ", "")+".prof"))
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() { pprof.StopCPUProfile(); _ = f.Close() }, nil
}

// measured is what a run has told.
type measured struct {
	took []time.Duration // of each message, in order of length
	rows int
	in   time.Duration
	cpu  time.Duration // of server and senders together
}

func measureIngest(ctx context.Context, g ground, profile string) (m measured, err error) {
	h, err := newHouse(ctx, g)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	senders := make([]*sender, links)
	for i := range senders {
		senders[i] = &sender{name: fmt.Sprintf("LIS%02d", i), at: township(i), random: rand.New(rand.NewPCG(1, uint64(i)))}
		if _, err := h.link(ctx, senders[i].at, senders[i].name, profile); err != nil {
			return m, err
		}
	}
	if err := all(senders, func(s *sender) error { return s.meet(ctx, h.mllp) }); err != nil {
		return m, err
	}
	if err := all(senders, func(s *sender) error { return s.send(ctx, time.Now().Add(warmUp)) }); err != nil {
		return m, err
	}
	stop, err := profiled("ingest-" + g.database + "-" + g.blobs)
	if err != nil {
		return m, err
	}
	defer stop()
	for _, s := range senders {
		s.took, s.rows = nil, 0
	}
	begun, used := time.Now(), cpuTime()
	if err := all(senders, func(s *sender) error { return s.send(ctx, begun.Add(ingestFor)) }); err != nil {
		return m, err
	}
	m.in, m.cpu = time.Since(begun), cpuTime()-used
	for _, s := range senders {
		m.took, m.rows = append(m.took, s.took...), m.rows+s.rows
		_ = s.client.Close()
	}
	slices.Sort(m.took)
	return m, nil
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// all does something for every sender at once.
func all(senders []*sender, do func(s *sender) error) error {
	var group sync.WaitGroup
	errs := make([]error, len(senders))
	for i, s := range senders {
		group.Go(func() { errs[i] = do(s) })
	}
	group.Wait()
	return errors.Join(errs...)
}

// at is a quantile of sorted durations.
func at(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

func short(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return fmt.Sprintf("%.0f us", float64(d)/1e3)
	case d < time.Second:
		return fmt.Sprintf("%.1f ms", float64(d)/1e6)
	}
	return fmt.Sprintf("%.2f s", d.Seconds())
}

// sender is one laboratory at its line.
type sender struct {
	name   string
	at     record.InstitutionID
	random *rand.Rand
	client *mllp.Client
	number int
	known  int
	took   []time.Duration
	rows   int
}

// meet opens the line and sends one result of everybody whom the laboratory knows.
func (s *sender) meet(ctx context.Context, address string) error {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	s.client = mllp.NewClient(conn, mllp.Options{})
	for s.known < knownPersons {
		s.known++
		if err := s.one(ctx, s.known, panels[0]); err != nil {
			return err
		}
	}
	return nil
}

func (s *sender) send(ctx context.Context, until time.Time) error {
	for time.Now().Before(until) {
		who := 1 + s.random.IntN(s.known)
		if s.random.IntN(20) == 0 {
			s.known++
			who = s.known
		}
		if err := s.one(ctx, who, panels[s.random.IntN(len(panels))]); err != nil {
			return err
		}
	}
	return nil
}

func (s *sender) one(ctx context.Context, who int, panel []analyte) error {
	s.number++
	id := fmt.Sprintf("%s-%08d", s.name, s.number)
	m := s.message(id, who, panel)
	begun := time.Now()
	answer, err := s.client.Exchange(ctx, m, 30*time.Second, func(f []byte) bool { return bytes.Contains(f, []byte(id)) })
	s.took = append(s.took, time.Since(begun))
	s.rows += len(panel)
	if err == nil && !bytes.Contains(answer, []byte("MSA|AA|")) {
		err = fmt.Errorf("%s is answered: %q", id, answer)
	}
	return err
}

// analyte is a row of a panel; values lie about the middle, a few outside.
type analyte struct {
	code, name, unit string
	low, high        float64
	digits           int
}

func (s *sender) message(id string, who int, panel []analyte) []byte {
	now := time.Now()
	stamp := now.Format("20060102150405-0700")
	var b strings.Builder
	fmt.Fprintf(&b, "MSH|^~\\&|%s|%s|LIANZHEN|COUNTY|%s||ORU^R01^ORU_R01|%s|P|2.5.1||||||UNICODE UTF-8\r", s.name, s.at, stamp, id)
	fmt.Fprintf(&b, "PID|1||%s%06d^^^%s^PI||%s||%s|%s\r", s.name, who, s.at, nameOf(who), birthOf(who), sexes[who%2])
	fmt.Fprintf(&b, "PV1|1|O|内科^^%d\r", who%40)
	fmt.Fprintf(&b, "OBR|1|P%s|F%s|%s^%s^L|||%s|||||||%s|||||||||%s|||F\r", id, id, "PANEL"+strconv.Itoa(len(panel)), "检验", stamp, stamp, stamp)
	for i, a := range panel {
		v := a.low + (a.high-a.low)*(0.5+0.25*s.random.NormFloat64())
		flag := cmp.Or(map[bool]string{v < a.low: "L", v > a.high: "H"}[true], "N")
		fmt.Fprintf(&b, "OBX|%d|NM|%s^%s^LN||%.*f|%s|%.*f-%.*f|%s|||F|||%s\r", i+1, a.code, a.name, a.digits, max(v, 0), a.unit, a.digits, a.low, a.digits, a.high, flag, stamp)
	}
	b.WriteString("SPM|1|||SER^血清^HL70487\r")
	return []byte(b.String())
}

var sexes = []string{"M", "F"}

const (
	surnames = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨"
	given    = "秀英大山长河建国玉兰志强桂芳海燕春梅文斌"
)

func nameOf(who int) string {
	a, b := []rune(surnames), []rune(given)
	return string(a[who%len(a)]) + "^" + string(b[who/3%len(b)]) + string(b[who/7%len(b)])
}

func birthOf(who int) string {
	return time.Date(1935+who%85, time.Month(1+who%12), 1+who%28, 0, 0, 0, 0, time.UTC).Format("20060102")
}

var (
	electrolytes = []analyte{
		{"2823-3", "钾", "mmol/L", 3.5, 5.3, 2},
		{"2951-2", "钠", "mmol/L", 137, 147, 0},
		{"2075-0", "氯", "mmol/L", 99, 110, 1},
		{"2000-8", "钙", "mmol/L", 2.11, 2.52, 2},
		{"2601-3", "镁", "mmol/L", 0.75, 1.02, 2},
	}
	renal = []analyte{
		{"22664-7", "尿素", "mmol/L", 3.1, 8.0, 2}, {"14682-9", "肌酐", "umol/L", 57, 97, 1}, {"14933-6", "尿酸", "umol/L", 208, 428, 0},
	}
	liver = []analyte{
		{"1742-6", "丙氨酸氨基转移酶", "U/L", 9, 50, 1},
		{"1920-8", "天门冬氨酸氨基转移酶", "U/L", 15, 40, 1},
		{"6768-6", "碱性磷酸酶", "U/L", 45, 125, 1},
		{"2324-2", "γ-谷氨酰基转移酶", "U/L", 10, 60, 1},
		{"2885-2", "总蛋白", "g/L", 65, 85, 1},
		{"1751-7", "白蛋白", "g/L", 40, 55, 1},
		{"10834-0", "球蛋白", "g/L", 20, 40, 1},
		{"14631-6", "总胆红素", "umol/L", 3, 22, 1},
		{"14629-0", "直接胆红素", "umol/L", 0.5, 6.8, 1},
	}
	lipids = []analyte{
		{"14647-2", "总胆固醇", "mmol/L", 2.8, 5.2, 2},
		{"14927-8", "甘油三酯", "mmol/L", 0.5, 1.7, 2},
		{"14646-4", "高密度脂蛋白胆固醇", "mmol/L", 1.0, 2.0, 2},
		{"22748-8", "低密度脂蛋白胆固醇", "mmol/L", 1.5, 3.4, 2},
	}
	glucose = []analyte{{"14749-6", "葡萄糖", "mmol/L", 3.9, 6.1, 2}}

	// panels are what laboratories are asked for, about as often.
	panels = [][]analyte{
		glucose, glucose, electrolytes, renal, lipids, slices.Concat(glucose, renal), slices.Concat(liver), slices.Concat(electrolytes, renal, liver, glucose)[:18],
		slices.Concat(liver, renal, electrolytes[:3], glucose, lipids),
		{liver[0]},
	}
)
