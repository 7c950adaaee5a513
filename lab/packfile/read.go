// Reading a pack: strict, bounded, with the place of everything that is wrong.

package packfile

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"unicode/utf8"

	"github.com/lianzhen/lianzhen/codec/yamlfile"
)

// Limits of one file.
const (
	MaxBytes = 1 << 20
	maxNodes = 120_000
	maxDepth = 24
	maxText  = 600 // characters of one text
)

// File is a pack as written: it knows the line of every part and collects what is wrong.
type File struct{ *yamlfile.File }

// Read decodes one YAML document into a struct. Unknown fields, repeated keys, anchors, a second document, and files that are too large or too
// deep are errors, with their lines.
func Read(data []byte, into any) (*File, error) {
	f, err := yamlfile.Read(data, into, yamlfile.Limits{Bytes: MaxBytes, Nodes: maxNodes, Depth: maxDepth})
	if err != nil {
		return nil, err
	}
	return &File{f}, nil
}

// Digest is the SHA-256 of a pack's text, hexadecimal: which text it was that judged.
func Digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// At names a part of a file.
func At(path ...any) []any { return path }

var (
	idText      = regexp.MustCompile(`^[a-z][a-z0-9-]{0,60}$`)
	codeText    = regexp.MustCompile(`^[A-Z][A-Z0-9_]{0,30}$`)
	versionText = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z.\-]{0,30}$`)
)

// Head checks what every pack begins with.
func (f *File) Head(pack, version string, title Text, sources []Source) {
	if !idText.MatchString(pack) {
		f.Fault(At("pack"), "pack: want small letters, digits and -")
	}
	f.Version(At("version"), "", version)
	f.Text(At("title"), "title", title)
	f.IDs("sources", len(sources), func(i int) string { return sources[i].ID })
	for i, s := range sources {
		f.Text(At("sources", i), "text", s.Text)
		if !s.Status.known() {
			f.Fault(At("sources", i), "status: want one of %v", statuses)
		}
	}
}

// Version checks the version of a pack or rule.
func (f *File) Version(path []any, what, v string) {
	if !versionText.MatchString(v) {
		f.Fault(path, "%sversion: want letters, digits, . and -", what)
	}
}

// Text checks that a text is there in both languages.
func (f *File) Text(path []any, what string, t Text) {
	if t.ZH == "" || t.EN == "" {
		f.Fault(path, "%s: want both zh and en", what)
	}
	if utf8.RuneCountInString(t.ZH) > maxText || utf8.RuneCountInString(t.EN) > maxText {
		f.Fault(path, "%s: longer than %d characters", what, maxText)
	}
}

// Days checks that a rule has a first day, and a last one behind it if any.
func (f *File) Days(path []any, what string, from, to Day) {
	if from.IsZero() || !to.IsZero() && !from.Start().Before(to.Start()) {
		f.Fault(path, "%sfrom: want a day, before to", what)
	}
}

// IDs checks the ids of a section, small letters: present, of the right form, no two alike.
func (f *File) IDs(section string, n int, id func(int) string) { f.names(section, n, idText, id) }

// Codes checks the codes of a section, capital letters: present, of the right form, no two alike.
func (f *File) Codes(section string, n int, code func(int) string) {
	f.names(section, n, codeText, code)
}

func (f *File) names(section string, n int, form *regexp.Regexp, id func(int) string) {
	seen := make(map[string]bool, n)
	for i := range n {
		if x := id(i); !form.MatchString(x) || seen[x] {
			f.Fault(At(section, i), "%s: %q is malformed or there twice", section, Clip(x))
		} else {
			seen[x] = true
		}
	}
}

// IsCode reports the form of a code: capital letters, digits and _.
func IsCode(s string) bool { return codeText.MatchString(s) }

// Clip keeps messages short.
func Clip(s string) string {
	if r := []rune(s); len(r) > 40 {
		return string(r[:40]) + "..."
	}
	return s
}
