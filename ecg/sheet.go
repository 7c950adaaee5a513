// Sheet: what stands on the paper beside the curves.

package ecg

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/ecg/conclusion"
	"github.com/lianzhen/lianzhen/ecg/paper"
	"github.com/lianzhen/lianzhen/record"
)

// sheet gathers what is known of a tracing.
func (c *Centre) sheet(ctx context.Context, s record.Scope, t Kept, q SheetRequest) (*paper.Sheet, error) {
	if q.Language != paper.English {
		q.Language = paper.Chinese
	}
	w, err := c.window(ctx, t, q.From, sheetSpan)
	if err != nil {
		return nil, err
	}
	places, err := c.placesOf(ctx, t, q.Language)
	if err != nil {
		return nil, err
	}
	out := &paper.Sheet{
		Tracing: w, Language: q.Language, Options: q.Options, Institution: places.centre, Header: c.header(t, places, q.Language),
		Rows: measureRows(t, q.Language), Algorithm: t.Algorithm, Software: t.RulesVersion,
	}
	_, said := t.Device()
	for _, x := range said {
		out.OfDevice = append(out.OfDevice, x.Text)
	}
	if r := t.Result(); r != nil {
		for _, x := range conclusion.Draft(r, nil, string(q.Language)) {
			out.Statements = append(out.Statements, x.Text)
		}
	}
	out.Warnings = warningLines(t.Warnings, q.Language)
	if out.Critical, err = c.criticalLine(ctx, t, q.Language); err != nil {
		return nil, err
	}
	if out.Previous, err = c.previousAt(ctx, s, t); err != nil {
		return nil, err
	}
	if out.Clock, err = c.clockLine(ctx, t, q.Language); err != nil {
		return nil, err
	}
	out.Report, err = c.reportBlock(ctx, s, t, places, q.Language)
	return out, err
}

// sheetSpan is what one page can take at the slowest speed.
const sheetSpan = time.Minute

// places are names of institutions.
type places struct{ centre, clinic, host string }

func (c *Centre) placesOf(ctx context.Context, t Kept, l paper.Language) (places, error) {
	g, err := c.db.Graph(ctx)
	if err != nil {
		return places{}, err
	}
	name := func(id record.InstitutionID) string {
		i, _ := g.Institution(id)
		if l == paper.English && i.NameEN != "" {
			return i.NameEN
		}
		return i.Name
	}
	out := places{clinic: name(t.Institution)}
	if centre, ok := g.CentreFor(t.Institution, record.ECG); ok {
		out.centre, out.host = centre.Name, name(centre.Host)
	}
	return out, nil
}

func (c *Centre) header(t Kept, p places, l paper.Language) paper.Header {
	h := paper.Header{
		Name: t.Name.Reveal(), ID: t.LocalNumber.Reveal(), Clinic: p.clinic, Device: t.DeviceName, Order: t.Accession, Indication: t.ClinicalInfo,
		Time: t.RecordedAt.In(c.opt.Zone).Format("2006-01-02 15:04:05"), Sex: sexWord(t.Sex, l),
	}
	if t.AgeYears >= 0 {
		h.Age = fmt.Sprint(t.AgeYears)
		if l == paper.Chinese {
			h.Age += " 岁"
		}
	}
	return h
}

func sexWord(s record.Sex, l paper.Language) string {
	switch {
	case s == record.Male && l == paper.Chinese:
		return "男"
	case s == record.Female && l == paper.Chinese:
		return "女"
	}
	return string(s)
}

// rowsShown are the measurements on the paper, in the order a specialist looks for them.
var rowsShown = []struct {
	label string
	codes []string
	unit  string
}{
	{"HR", []string{tracing.HeartRate}, "bpm"},
	{"P", []string{tracing.PDuration}, "ms"},
	{"PR", []string{tracing.PRInterval}, "ms"},
	{"QRS", []string{tracing.QRSDuration}, "ms"},
	{"QT", []string{tracing.QTInterval}, "ms"},
	{"QTcB/F", []string{tracing.QTcBazett, tracing.QTcFrideric}, "ms"},
	{"P/QRS/T", []string{tracing.PAxis, tracing.QRSAxis, tracing.TAxis}, "°"},
	{"RV5/SV1", []string{tracing.RV5, tracing.SV1}, "mV"},
	{"RV5+SV1", []string{tracing.RV5PlusSV1}, "mV"},
}

func measureRows(t Kept, _ paper.Language) []paper.Row {
	device, _ := t.Device()
	var ours []tracing.Measurement
	if r := t.Result(); r != nil {
		ours = r.Measurements
	}
	var out []paper.Row
	for _, row := range rowsShown {
		r := paper.Row{Label: row.label, Ours: values(ours, row.codes, row.unit), Device: values(device, row.codes, row.unit)}
		if r.Ours != "" || r.Device != "" {
			out = append(out, r)
		}
	}
	return out
}

// values writes global measurements with a stroke between, - for one that is not there; empty if none is.
func values(all []tracing.Measurement, codes []string, unit string) string {
	var parts []string
	some := false
	for _, code := range codes {
		i := slices.IndexFunc(all, func(m tracing.Measurement) bool { return m.Lead == "" && sameCode(m.Code, code) })
		if i < 0 {
			parts = append(parts, "-")
			continue
		}
		some = true
		if unit == "mV" {
			parts = append(parts, fmt.Sprintf("%.2f", math.Abs(all[i].Value)/1000))
		} else {
			parts = append(parts, fmt.Sprintf("%.0f", all[i].Value))
		}
	}
	if !some {
		return ""
	}
	return strings.Join(parts, "/") + " " + unit
}

// sameCode takes a device's QTc without a formula for Bazett's, as carts mean it.
func sameCode(have, want string) bool {
	return have == want || want == tracing.QTcBazett && have == tracing.QTcUnsaid
}

// criticalLine are the alarms of the rules but those that a doctor has dismissed as false.
func (c *Centre) criticalLine(ctx context.Context, t Kept, l paper.Language) (string, error) {
	if len(t.Alarms) == 0 {
		return "", nil
	}
	dismissed, err := c.room.Dismissed(ctx, t.Case, t.Patient)
	if err != nil {
		return "", err
	}
	var all []string
	for _, a := range t.Alarms {
		if dismissed[a.Rule] {
			continue
		}
		if l == paper.English {
			all = append(all, a.Name.EN+": "+a.Evidence.EN)
		} else {
			all = append(all, a.Name.ZH+"："+a.Evidence.ZH)
		}
	}
	return strings.Join(all, "；"), nil
}

func (c *Centre) clockLine(ctx context.Context, t Kept, l paper.Language) (string, error) {
	clocks, err := c.Clocks(ctx, t)
	if err != nil {
		return "", err
	}
	var all []string
	for _, k := range clocks {
		name := k.Name.ZH
		if l == paper.English {
			name = k.Name.EN
		}
		all = append(all, fmt.Sprintf("%s %d min", name, int(math.Round(k.Took(c.db.Now()).Minutes()))))
	}
	return strings.Join(all, "；"), nil
}

// reportBlock is the signed report that counts, nil while there is none.
func (c *Centre) reportBlock(ctx context.Context, s record.Scope, t Kept, p places, l paper.Language) (*paper.Report, error) {
	rep, ok, err := c.room.Current(ctx, s, t.Case)
	if err != nil || !ok {
		return nil, err
	}
	impression := rep.Text.Impression
	if rep.Text.Recommendation != "" {
		impression += "\n" + rep.Text.Recommendation
	}
	at := rep.SignedAt.In(c.opt.Zone).Format("2006-01-02 15:04")
	switch { // a sheet of the version before may be in somebody's hands
	case rep.Version > 1 && l == paper.English:
		at += fmt.Sprintf(" corrected v%d", rep.Version)
	case rep.Version > 1:
		at += fmt.Sprintf(" 更正第%d版", rep.Version)
	}
	return &paper.Report{
		Findings: rep.Text.Findings, Impression: impression, Reporter: rep.AuthorName, Reviewer: rep.ReviewerName,
		SignedAt: at, ExaminedBy: p.clinic, DiagnosedBy: p.host,
	}, nil
}

// warningWords are the warnings of readers as a Chinese sheet says them.
var warningWords = map[tracing.WarningCode]string{
	tracing.Truncated: "文件不完整，只显示可读部分", tracing.BadChecksum: "校验失败", tracing.BadValue: "部分内容无效，已略去", tracing.Uncalibrated: "无定标，不作测量",
	tracing.Unsupported: "部分内容不能识别，已略去", tracing.Inconsistent: "文件内容前后矛盾", tracing.Repaired: "已更正设备的已知错误", tracing.Deviates: "不完全符合标准",
	tracing.BadText: "文字编码不明", tracing.LeadsOff: "导联脱落", tracing.LossyEncoding: "设备保存时已有损失",
}

// warningLines says each sort of warning once in Chinese, and all of them with their details in English.
func warningLines(all []tracing.Warning, l paper.Language) []string {
	var out []string
	for _, w := range all {
		line := string(w.Code) + ": " + w.Detail
		if word := warningWords[w.Code]; l == paper.Chinese && word != "" {
			line = word
		}
		if !slices.Contains(out, line) {
			out = append(out, line)
		}
	}
	return out
}
