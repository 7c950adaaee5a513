// What the program says, in Chinese and English.

package main

import (
	"fmt"
	"strings"
)

// words is the language of the output: 0 Chinese, 1 English.
type words int

// speak chooses the language: the flag, else what the system is set to.
func speak(flag string, getenv func(string) string) words {
	lang := flag
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if lang == "auto" && getenv(name) != "" {
			lang = getenv(name)
		}
	}
	if strings.HasPrefix(lang, "zh") {
		return 0
	}
	return 1
}

// say fills the text of that name.
func (w words) say(name string, args ...any) string {
	t, ok := texts[name]
	if !ok {
		return name
	}
	return fmt.Sprintf(t[w], args...)
}

var texts = map[string][2]string{
	"listing":     {"正在查找文件:%d 个影像", "looking for files: %d objects"},
	"sending":     {"影像 %d/%d  检查 %d/%d  %s/%s  %s/秒", "objects %d/%d  studies %d/%d  %s/%s  %s/s"},
	"spared":      {"  压缩节省 %s", "  %s spared"},
	"saved":       {"  无损压缩节省线路流量 %s", "  %s spared by shrinking"},
	"eta":         {"  剩余 %s", "  %s left"},
	"study":       {"  […%s %d/%d]", "  […%s %d/%d]"},
	"receipt":     {"检查 %s:%s", "study %s: %s"},
	"complete":    {"已全部到达中心", "all at the centre"},
	"partly":      {"部分被拒收", "partly refused"},
	"unfinished":  {"尚未完成", "not finished"},
	"counts":      {"  影像 %d,中心已存 %d(其中原已存在 %d),拒收 %d,未传完 %d,重复 %d,共 %s,用时 %s", "  objects %d, kept at the centre %d (there before %d), refused %d, not sent %d, twins %d, %s in %s"},
	"case":        {"  已登记检查 %s,病例 %s", "  exam %s, case %s"},
	"file":        {"  回执 %s", "  receipt %s"},
	"problem":     {"  原因:%s", "  because: %s"},
	"refused":     {"  拒收 %s:%s", "  refused %s: %s"},
	"failed":      {"  未传 %s:%s", "  not sent %s: %s"},
	"quarantine":  {"(中心隔离编号 %s)", " (kept aside at the centre as %s)"},
	"lost":        {"无法归入检查的文件 %s:%s", "file without a study %s: %s"},
	"ignored":     {"略过的文件 %d 个:%s", "files ignored: %d (%s)"},
	"more":        {"  ……另有 %d 个", "  ... and %d more"},
	"total":       {"合计:检查 %d,影像 %d,中心已存 %d(其中原已存在 %d),拒收 %d,未传完 %d;实际上传 %s,用时 %s", "in all: studies %d, objects %d, kept at the centre %d (there before %d), refused %d, not sent %d; %s over the line in %s"},
	"none":        {"没有找到 DICOM 影像或心电图", "no DICOM objects and no ECGs found"},
	"tracings":    {"心电图 %d/%d  ", "ECGs %d/%d  "},
	"ecgs":        {"心电图 %d,中心已存 %d(其中原已存在 %d),拒收 %d,未传完 %d,重复 %d", "ECGs %d, kept at the centre %d (there before %d), refused %d, not sent %d, twins %d"},
	"wire":        {";实际上传 %s,用时 %s", "; %s over the line in %s"},
	"alarm":       {"  危急值报警 心电图 %s:%s", "  critical value, ECG %s: %s"},
	"ecgproblem":  {"心电图未传完:%s", "ECGs are not all sent: %s"},
	"watching":    {"正在监视 %s;按 Ctrl-C 停止", "watching %s; Ctrl-C stops"},
	"later":       {"尚未全部完成:稍后自动重试。", "not all is done: it will be tried again."},
	"again":       {"尚未全部完成:重新运行同一命令即可继续。", "not all is done: run the same command again to continue."},
	"stopped":     {"已停止:%s", "stopped: %s"},
	"gaveup":      {"线路长时间不通,已停止重试", "the line was down too long"},
	"interrupt":   {"被中断", "interrupted"},
	"retry":       {"线路问题,将重试:%s", "trouble, will try again: %s"},
	"not-dicom":   {"既非 DICOM 也非心电图", "neither DICOM nor an ECG"},
	"dicomdir":    {"DICOMDIR 目录文件", "a DICOMDIR"},
	"empty":       {"空文件", "empty"},
	"broken-link": {"失效的链接", "broken link"},
}

// size writes bytes for a person.
func size(n float64) string {
	for _, u := range []struct {
		at   float64
		unit string
	}{{1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if n >= u.at {
			return fmt.Sprintf("%.1f %s", n/u.at, u.unit)
		}
	}
	return fmt.Sprintf("%.0f B", n)
}
