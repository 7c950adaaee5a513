// Names as people look them up: folded, and with the pinyin of Chinese ones.

package store

import (
	"strings"

	"github.com/mozillazg/go-pinyin"
	"golang.org/x/text/width"
)

// Fold makes letters comparable: narrow and lower-case.
func Fold(s string) string { return strings.ToLower(width.Fold.String(s)) }

// NameKey is the folded text of a name that patterns are compared with: itself, its Latin form, its pinyin and its initials, each behind a
// '^' but the first.
func NameKey(name, latin string) string {
	k := Fold(name)
	if l := Fold(latin); l != k && l != "" {
		k += "^" + l
	}
	if p := Pinyin(name); p != "" {
		k += "^" + p
	}
	return k
}

var pinyinArgs = pinyin.NewArgs()

// Pinyin of the Chinese characters of a name, without tones and spaces: "wangxiaoming". Empty for a name without any.
func Pinyin(name string) string { return strings.Join(pinyin.LazyPinyin(name, pinyinArgs), "") }

// PinyinInitials is "wxm" for 王小明.
func PinyinInitials(name string) string {
	var b strings.Builder
	for _, s := range pinyin.LazyPinyin(name, pinyinArgs) {
		b.WriteByte(s[0])
	}
	return b.String()
}

// LikeText takes the meaning from the wildcards of LIKE ... ESCAPE '\'.
func LikeText(s string) string {
	return strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(s)
}
