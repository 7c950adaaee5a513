// The profiles that came with the program.

package analyser

import (
	"embed"
	"io/fs"
	"slices"
	"strings"
	"sync"
)

//go:embed profiles/*.yaml
var profiles embed.FS

var loadOnce = sync.OnceValues(func() (map[string]*Profile, error) {
	folder, err := fs.Sub(profiles, "profiles")
	if err != nil {
		return nil, err
	}
	return Load(folder)
})

// Builtin are the profiles of the program by id. They are not to be changed.
func Builtin() (map[string]*Profile, error) { return loadOnce() }

func builtinText(id string) ([]byte, error) {
	if !profileID.MatchString(id) {
		return nil, fs.ErrNotExist
	}
	return profiles.ReadFile("profiles/" + id + ".yaml")
}

// Generic is the id of the profile that is LIS2-A2 and nothing else.
const Generic = "generic"

// ForSender are the profiles among all whose pattern fits what H-5 says, the longest pattern first.
func ForSender(all map[string]*Profile, sender string) []*Profile {
	type fit struct {
		p      *Profile
		length int
	}
	var fits []fit
	for _, p := range all {
		best := 0
		for _, pattern := range p.Sender {
			if like(pattern, sender) {
				best = max(best, len(pattern))
			}
		}
		if best > 0 {
			fits = append(fits, fit{p, best})
		}
	}
	slices.SortFunc(fits, func(a, b fit) int {
		if a.length != b.length {
			return b.length - a.length
		}
		return strings.Compare(a.p.ID, b.p.ID)
	})
	out := make([]*Profile, len(fits))
	for i, f := range fits {
		out[i] = f.p
	}
	return out
}

// like compares a text with a pattern in which * stands for anything; upper and lower case are one.
func like(pattern, s string) bool {
	pattern, s = strings.ToUpper(pattern), strings.ToUpper(s)
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == s
	}
	rest, ok := strings.CutPrefix(s, parts[0])
	if !ok {
		return false
	}
	for _, part := range parts[1 : len(parts)-1] {
		at := strings.Index(rest, part)
		if at < 0 {
			return false
		}
		rest = rest[at+len(part):]
	}
	return strings.HasSuffix(rest, parts[len(parts)-1])
}
