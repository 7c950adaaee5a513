// A comparison in words.

package conclusion

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/ecg/finding"
)

var chinaTime = time.FixedZone("CST", 8*3600)

// Text says what has changed, for a report: "en" or anything else for Chinese. It is empty where there was nothing to compare.
func (c Comparison) Text(lang string) string {
	if len(c.Differences) == 0 && len(c.New) == 0 && len(c.Gone) == 0 && len(c.Statements) == 0 {
		return ""
	}
	var parts []string
	if len(c.Statements) == 1 && c.Statements[0] == "400" {
		parts = append(parts, pick(lang, "无明显变化", "no significant change"))
	}
	if t := named(c.New, lang); t != "" {
		parts = append(parts, pick(lang, "新出现"+t, "new: "+t))
	}
	if t := named(c.Gone, lang); t != "" {
		parts = append(parts, pick(lang, "前次的"+t+"本次未见", "no longer: "+t))
	}
	parts = append(parts, c.changes(lang)...)
	if len(parts) == 0 {
		return ""
	}
	return c.opening(lang) + strings.Join(parts, pick(lang, "；", "; ")) + pick(lang, "。", ".")
}

func (c Comparison) opening(lang string) string {
	if c.BeforeAt.IsZero() {
		return pick(lang, "与前次心电图比较：", "Compared with the previous ECG: ")
	}
	day := c.BeforeAt.In(chinaTime).Format(time.DateOnly)
	return pick(lang, "与"+day+"心电图比较：", "Compared with the ECG of "+day+": ")
}

// named are findings by the words of the statements that they draft.
func named(codes []finding.Code, lang string) string {
	var out []string
	for _, code := range codes {
		i := slices.IndexFunc(words().drafts, func(d draftRule) bool {
			return d.Finding == code && len(d.Leads) == 0 && len(d.Modifiers) == 0 && len(d.Min) == 0
		})
		if i < 0 {
			continue
		}
		s := words().byCode[words().drafts[i].Code]
		if code == finding.STElevation {
			s = words().byCode["LZ-STE"]
		}
		if t := pick(lang, s.ZH, lower(s.EN)); !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	return strings.Join(out, pick(lang, "、", ", "))
}

// lower makes the first letter small, unless a short form like QT follows.
func lower(s string) string {
	if len(s) > 1 && s[1] >= 'a' && s[1] <= 'z' {
		return strings.ToLower(s[:1]) + s[1:]
	}
	return s
}

// changes are the significant differences; those of leads together, by measurement and direction.
func (c Comparison) changes(lang string) []string {
	var out []string
	for _, l := range words().serial.Limits {
		var up, down []Difference
		for _, d := range c.Differences {
			switch {
			case d.Code != l.Code || !d.Significant:
			case d.Lead == "":
				out = append(out, l.global(d, lang))
			case d.Change > 0:
				up = append(up, d)
			default:
				down = append(down, d)
			}
		}
		out = append(out, l.leads(up, lang)...)
		out = append(out, l.leads(down, lang)...)
	}
	return out
}

func (l serialLimit) global(d Difference, lang string) string {
	zhUnit := l.UnitZH
	if zhUnit == "" {
		zhUnit = d.Unit
	}
	return pick(lang,
		fmt.Sprintf("%s由%s变为%s%s（%s）", l.ZH, whole(d.Before), whole(d.Now), zhUnit, signed(d.Change)),
		fmt.Sprintf("%s from %s to %s %s (%s)", l.EN, whole(d.Before), whole(d.Now), d.Unit, signed(d.Change)))
}

// leads is "V2 V3 ST段上移（最大+0.25mV）".
func (l serialLimit) leads(ds []Difference, lang string) []string {
	if len(ds) == 0 {
		return nil
	}
	var labels []string
	most := ds[0]
	for _, d := range ds {
		labels = append(labels, d.Lead.Label())
		if math.Abs(d.Change) > math.Abs(most.Change) {
			most = d
		}
	}
	zh, en := "增高", "higher"
	switch {
	case l.Code == tracing.STAtJ && most.Change > 0:
		zh, en = "上移", "up"
	case l.Code == tracing.STAtJ:
		zh, en = "下移", "down"
	case math.Abs(most.Now) < math.Abs(most.Before):
		zh, en = "减低", "lower"
	}
	mv := strconv.FormatFloat(most.Change/1000, 'f', 2, 64)
	if most.Change > 0 {
		mv = "+" + mv
	}
	at := strings.Join(labels, " ")
	return []string{pick(lang, fmt.Sprintf("%s %s%s（最大%smV）", at, l.ZH, zh, mv), fmt.Sprintf("%s in %s %s (up to %s mV)", l.EN, at, en, mv))}
}

func whole(v float64) string { return strconv.FormatFloat(math.Round(v), 'f', 0, 64) }

func signed(v float64) string {
	if v > 0 {
		return "+" + whole(v)
	}
	return whole(v)
}
