// What a client wants back: the Accept header and the query parameter of the same name (RFC 9110 §12.5.1, PS3.18 §8.7).

package dicomweb

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/lianzhen/lianzhen/codec/dicom"
)

// accepted is one media range.
type accepted struct {
	media     string  // in lower case: "application/dicom", "image/*", "*/*"
	multipart bool    // wanted as multipart/related
	syntax    string  // the parameter transfer-syntax: a UID, "*", or "" where nothing is said
	quality   float64 // 0 to 1
}

// accepts are media ranges, the dearest first. Those of quality 0 are at the end: they exclude.
type accepts []accepted

const (
	anyMedia  = "*/*"
	anySyntax = "*"
	maxRanges = 64
)

// acceptsOf reads what the request accepts. The parameter counts before the header (PS3.18 §8.3.3.1), and where nothing is
// said everything is accepted.
func acceptsOf(r *http.Request) accepts {
	var all accepts
	if strings.Contains(r.URL.RawQuery, "accept=") {
		q, _ := parameters(r.URL.RawQuery) // who reads the others refuses what is not well formed
		for _, v := range q["accept"] {
			all = append(all, parseAccept(v)...)
		}
	}
	all = append(all, parseAccept(strings.Join(r.Header.Values("Accept"), ","))...)
	if len(all) == 0 {
		return accepts{{media: anyMedia, quality: 1}}
	}
	return all
}

// parseAccept reads a list of media ranges; what cannot be read is left out.
func parseAccept(s string) accepts {
	var all accepts
	for part := range quotedSplit(s, ',') {
		if a, ok := parseRange(part); ok && len(all) < maxRanges {
			all = append(all, a)
		}
	}
	slices.SortStableFunc(all, func(a, b accepted) int {
		return cmp.Or(cmp.Compare(b.quality, a.quality), cmp.Compare(a.vague(), b.vague()))
	})
	return all
}

func parseRange(s string) (accepted, bool) {
	a := accepted{quality: 1}
	first := true
	for part := range quotedSplit(s, ';') {
		part = strings.TrimSpace(part)
		if first {
			first = false
			a.media = strings.ToLower(part)
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		if !a.parameter(strings.ToLower(strings.TrimSpace(name)), unquoted(value)) {
			return a, false
		}
	}
	switch {
	case a.media == "*":
		a.media = anyMedia
	case a.media == "multipart/related":
		a.multipart, a.media = true, anyMedia
	}
	kind, sub, _ := strings.Cut(a.media, "/")
	return a, kind != "" && sub != "" && !strings.ContainsAny(sub, "/ \t\"") && !strings.ContainsAny(kind, " \t\"")
}

// parameter takes one over. In multipart/related the type may carry parameters of its own within the quotes.
func (a *accepted) parameter(name, value string) bool {
	switch name {
	case "q":
		q, err := strconv.ParseFloat(value, 64)
		if err != nil || !(q >= 0 && q <= 1) {
			return false
		}
		a.quality = q
	case "transfer-syntax":
		if value != anySyntax && !dicom.UID(value).Valid() {
			return false
		}
		a.syntax = value
	case "type":
		if a.media != "multipart/related" || strings.Contains(value, `"`) {
			return true
		}
		in, ok := parseRange(value)
		if !ok || in.multipart {
			return false
		}
		in.multipart, in.quality = true, a.quality
		in.syntax = cmp.Or(in.syntax, a.syntax)
		*a = in
	}
	return true
}

// vague orders ranges of the same quality: what is named counts before what is meant along.
func (a accepted) vague() int {
	switch {
	case a.media == anyMedia:
		return 2
	case strings.HasSuffix(a.media, "/*"):
		return 1
	}
	return 0
}

// takes tells whether the range holds the media type.
func (a accepted) takes(media string) bool {
	kind, wild := strings.CutSuffix(a.media, "*")
	return a.media == media || a.media == anyMedia || wild && strings.HasPrefix(media, kind)
}

// excludes tells whether a media type is refused by name or kind.
func (all accepts) excludes(media string, multipart bool) bool {
	for _, a := range slices.Backward(all) {
		if a.quality > 0 {
			return false
		}
		if a.multipart == multipart && a.takes(media) && a.media != anyMedia {
			return true
		}
	}
	return false
}

// choose gives the range that decides and the offer it takes, the dearest range first, for each the offers in their order.
// Without multipart an offer stands alone; */* takes it as each of the two.
func (all accepts) choose(offers ...offer) (offer, bool) {
	for _, a := range all {
		if a.quality == 0 {
			break
		}
		for _, o := range offers {
			if (a.multipart == o.multipart || a.media == anyMedia && !a.multipart) && a.takes(o.media) && !all.excludes(o.media, o.multipart) {
				return o, true
			}
		}
	}
	return offer{}, false
}

// offer is a form in which an answer can be given.
type offer struct {
	media     string
	multipart bool
}

// quotedSplit parts a text at a separator that is not within quotes.
func quotedSplit(s string, sep byte) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		quoted, from := false, 0
		for i := 0; i < len(s); i++ {
			switch {
			case quoted && s[i] == '\\':
				i++
			case s[i] == '"':
				quoted = !quoted
			case s[i] == sep && !quoted:
				if !yield(s[from:i]) {
					return
				}
				from = i + 1
			}
		}
		if strings.TrimSpace(s[from:]) != "" {
			yield(s[from:])
		}
	}
}

func unquoted(s string) string {
	s = strings.TrimSpace(s)
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return s
	}
	s = s[1 : len(s)-1]
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
