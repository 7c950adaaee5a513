// Spelling: one plain ASCII form for the many ways of writing a unit.

package unit

import (
	"regexp"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// superscripts keep that they were raised: the compatibility form of ⁹ is a plain 9, and 10⁹ would become 109.
var superscripts = strings.NewReplacer("⁰", "\x00"+"0", "¹", "\x00"+"1", "²", "\x00"+"2", "³", "\x00"+"3", "⁴", "\x00"+"4", "⁵", "\x00"+"5",
	"⁶", "\x00"+"6", "⁷", "\x00"+"7", "⁸", "\x00"+"8", "⁹", "\x00"+"9", "⁻", "\x00"+"-", "⁺", "\x00"+"+")

var signs = strings.NewReplacer("μ", "u", "×", "x", "✕", "x", "·", ".", "•", ".", "∙", ".", "⋅", ".", "・", ".", "‧", ".", "∕", "/", "⁄", "/",
	"−", "-", "–", "-", "Ω", "Ohm", "‰", "[ppth]", "°C", "Cel", "°F", "[degF]", " ", "", "\t", "", "\u200b", "")

// words are units in Chinese, longer ones first.
var words = strings.NewReplacer(
	"毫国际单位", "mIU", "微国际单位", "uIU", "千国际单位", "kIU", "国际单位", "IU", "毫单位", "mU", "千单位", "kU", "单位", "U",
	"毫渗量", "mosm", "毫渗透摩尔", "mosm", "毫当量", "meq", "毫摩尔", "mmol", "微摩尔", "umol", "纳摩尔", "nmol", "皮摩尔", "pmol", "摩尔", "mol",
	"毫米汞柱", "mmHg", "厘米水柱", "cmH2O", "千帕", "kPa",
	"千克", "kg", "公斤", "kg", "毫克", "mg", "微克", "ug", "纳克", "ng", "皮克", "pg", "克", "g",
	"毫升", "mL", "微升", "uL", "分升", "dL", "飞升", "fL", "升", "L",
	"平方米", "m2", "立方毫米", "mm3", "毫米", "mm", "厘米", "cm", "微米", "um", "米", "m",
	"高倍视野", "HPF", "低倍视野", "LPF", "高倍", "HPF", "低倍", "LPF",
	"小时", "h", "分钟", "min", "秒", "s", "天", "d", "日", "d", "周", "wk", "月", "mo", "岁", "a", "年", "a",
	"拷贝数", "copies", "拷贝", "copies", "细胞", "cells", "个", "1",
	"百万", "10*6", "万", "10*4", "千", "10*3", "百", "100", "亿", "10*8", "每", "/", "次", "1", "分", "min", "比值", "ratio", "指数", "index",
	"摄氏度", "Cel",
)

var (
	tens     = regexp.MustCompile(`(?i)(^|[/.(])[x*]?10(?:\^|\*\*|\*|e)\(?([+-]?\d{1,2})\)?`)
	ten      = regexp.MustCompile(`(?i)^[x*]10([3-9]|1[0-2])(/|$)`) // x109/L: the power lost its place, the sign says that it was one
	scaled   = regexp.MustCompile(`(?i)^(?:1?e)\+?0?(\d{1,2})/`)    // E9/L, 1e+09/L
	raised   = regexp.MustCompile(`([A-Za-z\]])\^(-?\d)`)           // cm^2
	surface  = regexp.MustCompile(`(?i)1\.73m2`)
	counted  = regexp.MustCompile(`^1/`)
	hours    = regexp.MustCompile(`(?i)/(\d{1,2})(?:hours?|hrs?|h)$`)
	fibrin   = regexp.MustCompile(`(?i)\(?(FEU|DDU|D-DU)\)?$`)
	trailing = regexp.MustCompile(`[.;,]+$`)
)

// fold writes a unit in plain ASCII: compatibility forms, micro signs, powers, Chinese words, signs for multiplication. What it does not know stays.
func fold(s string) string {
	s = norm.NFKC.String(superscripts.Replace(s))
	s = lowered(s)
	s = words.Replace(signs.Replace(s))
	s = trailing.ReplaceAllString(s, "")
	s = tens.ReplaceAllString(s, "${1}10*$2")
	s = ten.ReplaceAllString(s, "10*$1$2")
	s = scaled.ReplaceAllString(s, "10*$1/")
	s = raised.ReplaceAllString(s, "$1$2")
	s = surface.ReplaceAllString(s, "{1.73_m2}")
	s = hours.ReplaceAllStringFunc(s, perHours)
	if len(s) > 1 {
		s = counted.ReplaceAllString(s, "/")
	}
	return withFibrin(s)
}

// lowered puts a caret before a run of raised characters.
func lowered(s string) string {
	if !strings.Contains(s, "\x00") {
		return s
	}
	var b strings.Builder
	raised := false
	for i := 0; i < len(s); i++ {
		if s[i] != 0 {
			raised = raised && i > 0 && s[i-1] == 0
			b.WriteByte(s[i])
			continue
		}
		if !raised {
			b.WriteByte('^')
		}
		raised = true
	}
	return b.String()
}

// perHours writes "/24h" as UCUM can say it.
func perHours(s string) string {
	n := strings.TrimLeft(hours.FindStringSubmatch(s)[1], "0")
	if n == "1" || n == "" {
		return "/h"
	}
	return "/(" + n + ".h)"
}

// withFibrin moves the unit of D-dimer (fibrinogen equivalent or D-dimer units, a factor of about two apart) to the mass it says something about.
func withFibrin(s string) string {
	m := fibrin.FindStringSubmatch(s)
	if m == nil || strings.Contains(s, "{") {
		return s
	}
	rest := strings.TrimSuffix(s, m[0])
	mass, per, ok := strings.Cut(rest, "/")
	if !ok || mass == "" {
		return s
	}
	return mass + "{" + strings.ToUpper(strings.ReplaceAll(m[1], "-", "")) + "}/" + per
}

// assembled reads a unit part by part: what is UCUM and can be meant stays, other parts are looked up in any case. Empty where a part is unknown.
func assembled(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		part := s[:partEnd(s)]
		s = s[len(part):]
		switch {
		case len(part) == 1 && strings.Contains("/.()", part) || part[0] == '{':
			b.WriteString(part)
		default:
			code := partCode(part)
			if code == "" {
				return ""
			}
			b.WriteString(code)
		}
	}
	return b.String()
}

// partEnd is where the first part of s ends: an operator, an annotation, or all up to the next of them.
func partEnd(s string) int {
	switch s[0] {
	case '/', '.', '(', ')':
		return 1
	case '{':
		if i := strings.IndexByte(s, '}'); i > 0 {
			return i + 1
		}
		return len(s)
	}
	bracket := false
	for i := range len(s) {
		switch c := s[i]; {
		case c == '[':
			bracket = true
		case c == ']':
			bracket = false
		case !bracket && strings.IndexByte("/.(){", c) >= 0:
			return i
		}
	}
	return len(s)
}
