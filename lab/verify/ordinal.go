// Words of qualitative results, as laboratories write them.

package verify

import (
	"regexp"
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// The words that qualitative results are judged by.
const (
	Negative   = "negative"
	Borderline = "borderline" // ±, weakly positive, indeterminate
	Positive   = "positive"
)

var ordinals = map[string]string{
	"-": Negative, "--": Negative, "neg": Negative, "negative": Negative, "nonreactive": Negative, "non-reactive": Negative, "notdetected": Negative,
	"阴性": Negative, "阴": Negative, "未检出": Negative, "未检测到": Negative, "未见": Negative, "无反应性": Negative, "nogrowth": Negative, "normal": Negative, "正常": Negative, "无": Negative,
	"+-": Borderline, "±": Borderline, "-+": Borderline, "trace": Borderline, "weaklypositive": Borderline, "弱阳性": Borderline, "可疑": Borderline, "微量": Borderline, "弱阳": Borderline, "weakpositive": Borderline,
	"indeterminate": Borderline, "不确定": Borderline, "灰区": Borderline, "borderline": Borderline,
	"+": Positive, "++": Positive, "+++": Positive, "++++": Positive, "1+": Positive, "2+": Positive, "3+": Positive, "4+": Positive, "+1": Positive, "+2": Positive,
	"+3": Positive, "+4": Positive, "pos": Positive, "positive": Positive, "reactive": Positive, "detected": Positive, "阳性": Positive, "阳": Positive,
	"检出": Positive, "有反应性": Positive, "growth": Positive,
}

var ordinalNoise = strings.NewReplacer(" ", "", "(", "", ")", "", "[", "", "]", "", "/", "")

// Ordinal is the word of a qualitative result: "阳性(+)" is positive. Empty for a text that is none of them: nothing is guessed.
func Ordinal(text string) string {
	t := ordinalNoise.Replace(strings.ToLower(width.Fold.String(strings.TrimSpace(text))))
	if w, ok := ordinals[t]; ok {
		return w
	}
	for end := len(t); end > 0; end-- { // "阳性+", "neg-": a word and a sign that agree
		first, known := ordinals[t[:end]]
		second, sign := ordinals[t[end:]]
		if known && sign && first == second {
			return first
		}
	}
	return measured(t)
}

// index is what immunoassays write behind the word: "阳性(12.35 S/CO)", "阴性 <0.05", "阳性1:320".
var index = regexp.MustCompile(`^[:=]?[<>]?=?[0-9]{1,9}(\.[0-9]{1,6})?(:[0-9]{1,6})?(sco|coi|index|iuml|miuml|iul)?$`)

// measured is the word of a text that has a word and an index behind it. A sign alone is no word: "+1.5" may be a number.
func measured(t string) string {
	for end := range t {
		w, known := ordinals[t[:end]]
		if known && strings.IndexFunc(t[:end], unicode.IsLetter) >= 0 && index.MatchString(t[end:]) {
			return w
		}
	}
	return ""
}
