// What the trial prints: the table of the story, and where to go with which login.

package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// inChinese tells whether the user's system speaks Chinese.
func inChinese() bool {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if v := os.Getenv(name); v != "" {
			return strings.HasPrefix(v, "zh")
		}
	}
	return false
}

// demoTable prints one row for each step, as soon as it is over.
type demoTable struct {
	out     io.Writer
	chinese bool
	mu      sync.Mutex
	n       int
}

// The columns and their widths in half-width characters.
var tableColumns = []struct {
	zh, en string
	width  int
}{{"步", "#", 4}, {"谁", "who", 38}, {"做了什么", "what", 54}, {"数量", "count", 32}, {"用时", "time", 8}}

func newDemoTable(out io.Writer) *demoTable { return &demoTable{out: out, chinese: inChinese()} }

// t chooses the language.
func (t *demoTable) t(zh, en string) string {
	if t.chinese {
		return zh
	}
	return en
}

func (t *demoTable) head() {
	cells := make([]string, len(tableColumns))
	total := 0
	for i, c := range tableColumns {
		cells[i] = t.t(c.zh, c.en)
		total += c.width + 2
	}
	t.line(cells)
	fmt.Fprintln(t.out, strings.Repeat("-", total-2))
}

func (t *demoTable) row(who, what, count string, took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n++
	t.line([]string{fmt.Sprint(t.n), who, what, count, fmt.Sprintf("%.2f s", took.Seconds())})
}

func (t *demoTable) line(cells []string) {
	var b strings.Builder
	for i, c := range cells {
		b.WriteString(c)
		if i < len(cells)-1 {
			b.WriteString(strings.Repeat(" ", max(0, tableColumns[i].width-displayWidth(c))+2))
		}
	}
	fmt.Fprintln(t.out, strings.TrimRight(b.String(), " "))
}

// displayWidth is the width on a terminal: Chinese characters take two.
func displayWidth(s string) int {
	n := 0
	for _, r := range s {
		n++
		if r >= 0x1100 && (r <= 0x115F || r >= 0x2E80 && r <= 0xA4CF || r >= 0xAC00 && r <= 0xD7A3 || r >= 0xF900 && r <= 0xFAFF || r >= 0xFE30 && r <= 0xFE6F || r >= 0xFF00 && r <= 0xFF60 || r >= 0xFFE0 && r <= 0xFFE6) {
			n++
		}
	}
	return n
}

// welcome prints where to go. Passwords and keys are the trial's own and stand in demo.json too.
func (t *demoTable) welcome(f demoFile, path string) {
	say := func(zh, en string, args ...any) { fmt.Fprintf(t.out, t.t(zh, en)+"\n", args...) }
	say("\n联诊演示已启动", "\nLianzhen demo is running")
	say("  REST 接口      %s/api/v1(说明 %[1]s/api/openapi.json)", "  REST           %s/api/v1 (described at %[1]s/api/openapi.json)", f.HTTP)
	say("  gRPC           %s", "  gRPC           %s", f.GRPC)
	say("  全部账号与密钥 %s", "  logins, keys   %s", path)
	say("  DICOMweb       %s/dicomweb", "  DICOMweb       %s/dicomweb", f.HTTP)
	say("  DIMSE          %s,AE LIANZHEN(本机示例 AE:BENCH、STORESCU)", "  DIMSE          %s, AE LIANZHEN (AE titles to try with: BENCH, STORESCU)", f.DIMSE)
	say("  HL7 v2 MLLP    %s(仪器 BS-800、LIS)", "  HL7 v2 MLLP    %s (links BS-800, LIS)", f.MLLP)
	say("  ASTM           %s(仪器 XN-550)", "  ASTM           %s (analyser XN-550)", f.ASTM)
	say("  门户尚未提供", "  the portal is not served yet")
	say("\n账号", "\nlogins")
	for _, u := range f.Users {
		fmt.Fprintf(t.out, "  %-28s %-20s %-18s %s\n", u.Login, u.Password, u.Role, u.Institution)
	}
	say("\n密钥", "\nkeys")
	for _, k := range f.Keys {
		fmt.Fprintf(t.out, "  %-28s %-20s %s\n", k.Name, k.Institution, k.Key)
	}
	say("\n试着上传一个文件夹:", "\ntry to send a folder:")
	fmt.Fprintf(t.out, "  LIANZHEN_EDGE_KEY=%s lianzhen-edge send DIR --to %s --insecure\n\n", f.Keys[0].Key, f.GRPC)
	say("按 Ctrl-C 停止。", "Press Ctrl-C to stop.")
}
