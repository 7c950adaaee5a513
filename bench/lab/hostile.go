// Hostile: 1 MB of the nasty kinds through parser, decoder and acknowledgement: time, memory, and whether the sender gets an answer.

package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"runtime/metrics"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/codec/astm"
	"github.com/lianzhen/lianzhen/codec/hl7"
	"github.com/lianzhen/lianzhen/lab/analyser"
	"github.com/lianzhen/lianzhen/lab/v2"
)

const (
	megabyte = 1 << 20
	header   = "MSH|^~\\&|LIS|T01|HUB|H01|20260105093000||ORU^R01^ORU_R01|M1|P|2.5.1||||||UNICODE UTF-8\r"
	order    = "PID|1||X^^^T01^PI||张^涛\rOBR|1|P|F|K^钾^LN\r"
	begin    = "H|\\^&|||XN-1000^00||||||||E1394-97\r"
)

// filled repeats a text, the number of the repetition in it where it has a verb, up to 1 MB.
func filled(before, again, after string) []byte {
	var b strings.Builder
	b.WriteString(before)
	numbered := strings.Contains(again, "%d")
	for i := 1; b.Len()+len(again)+len(after) < megabyte; i++ {
		if numbered {
			fmt.Fprintf(&b, again, i)
		} else {
			b.WriteString(again)
		}
	}
	b.WriteString(after)
	return []byte(b.String())
}

func garbage(before string, low int) []byte {
	r := rand.New(rand.NewPCG(3, 4))
	out := []byte(before)
	for len(out) < megabyte {
		out = append(out, byte(low+r.IntN(256-low)))
	}
	return out
}

func hostile(w io.Writer, _ string) error {
	gb := strings.Replace(header, "UNICODE UTF-8", "GB 18030-2000", 1)
	all := []struct {
		name, kind string
		raw        []byte
	}{
		{"spaces \\.sp1000\\", "hl7", filled(header+order+"OBX|1|TX|K||", `\.sp1000\`, "||||||F\r")},
		{"spaces in 20,000 rows", "hl7", filled(header+order, "OBX|%d|TX|K%d||\\.sp1000\\||||||F\r", "")},
		{"escapes \\T\\", "hl7", filled(header+order+"OBX|1|TX|K||", `\T\`, "||||||F\r")},
		{"escapes without an end", "hl7", filled(header+order+"OBX|1|TX|K||", `\X0`, "||||||F\r")},
		{"hexadecimal escapes", "hl7", filled(header+order+"OBX|1|TX|K||", `\X41424344\`, "||||||F\r")},
		{"repetitions", "hl7", filled(header+order+"OBX|1|TX|K||", "a~", "||||||F\r")},
		{"components", "hl7", filled(header+order+"OBX|1|CE|K||", "a^", "||||||F\r")},
		{"subcomponents", "hl7", filled(header+order+"OBX|1|CE|K||", "a&", "||||||F\r")},
		{"fields", "hl7", filled(header+order+"OBX|1|NM|K||1", "|", "\r")},
		{"one field", "hl7", filled(header+order+"OBX|1|TX|K||", "x", "||||||F\r")},
		{"one number", "hl7", filled(header+order+"OBX|1|NM|K||", "9", "||||||F\r")},
		{"identifiers of a person", "hl7", filled(header+"PID|1||", "X^^^A^PI~", "\r")},
		{"segments of nothing", "hl7", filled(header, "\r", "")},
		{"segments of three letters", "hl7", filled(header, "ZZZ\r", "")},
		{"rows", "hl7", filled(header+order, "OBX|%d|NM|K%d||1||||||F\r", "")},
		{"rows of one code", "hl7", filled(header+order, "OBX|1|TX|K||x||||||F\r", "")},
		{"reports", "hl7", filled(header+order, "OBR|1|P|F%d|K\r", "")},
		{"NULs", "hl7", filled(header+order, "\x00", "")},
		{"NULs in a value", "hl7", filled(header+order+"OBX|1|TX|K||", "\x00", "||||||F\r")},
		{"a base64 attachment cut off", "hl7", filled(header+order+"OBX|1|ED|K||^AP^^Base64^", "QUJD", "=")},
		{"garbage as UTF-8", "hl7", garbage(header+order+"OBX|1|TX|K||", 0x20)},
		{"garbage as GB 18030", "hl7", garbage(gb+order, 0x20)},
		{"leads of GB 18030 alone", "hl7", filled(gb+"PID|1||", "\x81", "")},
		{"four-byte GB 18030", "hl7", filled(gb+"PID|1||", "\x81\x30\x81\x30", "\r")},
		{"delimiters alone", "hl7", filled("MSH|^~\\&", "|^~\\&", "\r")},
		{"no header", "hl7", garbage("", 0)},
		{"batches", "hl7", filled("FHS|^~\\&\r", "BHS|^~\\&\rMSH|^~\\&|A|B|||||ACK|1|P|2.5\r", "")},
		{"records of nothing", "astm", filled(begin, "\r", "")},
		{"results", "astm", filled(begin+"P|1\rO|1||S1\r", "R|%d|^^^^K%d|1|mmol/L\r", "L|1|N\r")},
		{"orders", "astm", filled(begin+"P|1\r", "O|%d||S%d\r", "L|1|N\r")},
		{"messages", "astm", filled("", "H|\\^&\rL|1\r", "")},
		{"repetitions, ASTM", "astm", filled(begin+"P|1\rO|1||S1||", "^^^A\\", "\rL|1|N\r")},
		{"escapes, ASTM", "astm", filled(begin+"P|1\rO|1||S1\rC|1|I|", "&F&", "\rL|1|N\r")},
		{"one field, ASTM", "astm", filled(begin+"P|1\rO|1||S1\rR|1|^^^K|", "9", "\rL|1|N\r")},
		{"comments", "astm", filled(begin+"P|1\rO|1||S1\rR|1|^^^K|1\r", "C|%d|I|x\r", "L|1|N\r")},
		{"NULs, ASTM", "astm", filled(begin, "\x00", "")},
		{"garbage, ASTM", "astm", garbage(begin, 0x20)},
		{"frames", "astm", filled("\x05", "\x021H|\\^&\r\x0300\r\n", "\x04")},
	}
	fmt.Fprintf(w, "%-32s %9s %9s  %s\n", "1 MB of", "time", "memory", "answer")
	worst, most := time.Duration(0), uint64(0)
	for _, x := range all {
		answer := answerHL7
		if x.kind == "astm" {
			answer = answerASTM
		}
		took, peak, text := costOf(func() string { return answer(x.raw) })
		worst, most = max(worst, took), max(most, peak)
		fmt.Fprintf(w, "%-32s %9s %6.1f MB  %s\n", x.name, short(took), float64(peak)/1e6, text)
	}
	fmt.Fprintf(w, "%d inputs: at most %s and %.1f MB\n", len(all), short(worst), float64(most)/1e6)
	return nil
}

// costOf is the best time of five, and how far the heap grew in one of them, garbage included.
func costOf(f func() string) (best time.Duration, memory uint64, text string) {
	for range 5 {
		runtime.GC()
		begun := time.Now()
		text = f()
		if took := time.Since(begun); best == 0 || took < best {
			best = took
		}
	}
	return best, growth(func() { _ = f() }), text
}

// growth watches the heap while f runs.
func growth(f func()) uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	heap := func() uint64 { metrics.Read(sample); return sample[0].Value.Uint64() }
	runtime.GC()
	before := heap()
	done, most := make(chan struct{}), make(chan uint64)
	go func() {
		top := before
		for {
			top = max(top, heap())
			select {
			case <-done:
				most <- max(top, heap()) - before
				return
			case <-time.After(100 * time.Microsecond):
			}
		}
	}()
	f()
	close(done)
	return <-most
}

// answerHL7 does what the door does with a message, without the index.
func answerHL7(raw []byte) string {
	parts, wrapped := hl7.Split(raw)
	if len(parts) == 0 || len(parts) > hl7.MaxBatch {
		parts = [][]byte{raw}
	}
	text := ""
	for _, p := range parts {
		text = answerOne(p)
	}
	if wrapped {
		text = fmt.Sprintf("%d messages, the last: %s", len(parts), text)
	}
	return text
}

func answerOne(raw []byte) string {
	reply := hl7.Reply{ControlID: "1", At: time.Now(), Zone: time.UTC}
	h, ok := hl7.Glimpse(raw, hl7.Options{})
	if !ok {
		_, err := hl7.Parse(raw[:min(len(raw), 1024)], hl7.Options{})
		return acknowledged(hl7.Header{Version: "2.5.1"}, hl7.AR, err, reply)
	}
	m, err := hl7.Parse(raw, hl7.Options{})
	if err != nil {
		return acknowledged(h, hl7.AE, err, reply)
	}
	d, err := v2.Decode(m, v2.Profile{})
	if err != nil {
		return acknowledged(h, hl7.AE, err, reply)
	}
	rows := 0
	for i := range d.Reports {
		rows += len(d.Reports[i].Results)
	}
	return acknowledged(h, hl7.AA, nil, reply) + fmt.Sprintf(" (%d reports, %d rows)", len(d.Reports), rows)
}

func acknowledged(h hl7.Header, code hl7.AckCode, err error, reply hl7.Reply) string {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if len(h.Acknowledge(hl7.Ack{Code: code, Text: text}, reply)) == 0 {
		return "NO ANSWER"
	}
	return strings.TrimSpace(fmt.Sprintf("%s %.60s", code, text))
}

// answerASTM reads a message as the line hands it on: what is refused is kept for a person, and the analyser is answered in either case.
func answerASTM(raw []byte) string {
	if raw[0] == 0x05 || raw[0] == 0x02 {
		records, _, err := astm.Unframe(raw, astm.Options{})
		if err != nil {
			return fmt.Sprintf("NAK %.60v", err)
		}
		raw = records
	}
	all, err := analyser.Builtin()
	if err != nil {
		return err.Error()
	}
	reports, _, _, err := analyser.Read(raw, all["sysmex-xn"])
	if err != nil {
		return fmt.Sprintf("kept for a person: %.60v", err)
	}
	rows := 0
	for i := range reports {
		rows += len(reports[i].Results)
	}
	return fmt.Sprintf("ACK (%d reports, %d rows)", len(reports), rows)
}
