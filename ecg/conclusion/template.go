// Whole conclusions at one key.

package conclusion

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/lianzhen/lianzhen/ecg/measure"
)

// Template is a whole conclusion.
type Template struct {
	Key   string // a digit
	Short string // to type
	Codes []string
	ZH    string // {heart_rate}, {pr}, {qrs}, {qt}, {qtc_bazett}, {qrs_axis} stand for measured numbers
	EN    string
}

// Templates are all of them. The slice is the caller's.
func Templates() []Template { return slices.Clone(words().templates) }

// Text fills in what was measured; "—" where it was not. r may be nil.
func (t Template) Text(r *measure.Result, lang string) string {
	text := pick(lang, t.ZH, t.EN)
	for name := range globals {
		if !strings.Contains(text, "{"+name+"}") {
			continue
		}
		number := "—"
		if r != nil {
			if v, ok := value(r, nil, name); ok {
				number = strconv.FormatFloat(math.Round(v), 'f', 0, 64)
			}
		}
		text = strings.ReplaceAll(text, "{"+name+"}", number)
	}
	return text
}
