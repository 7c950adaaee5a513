// Matching of keys (PS3.4 C.2.2.2): single value, list of UID, universal, wildcard, range and sequence matching.

package worklist

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/width"

	"github.com/lianzhen/lianzhen/codec/dicom"
)

// matcher compares things with the keys of a query.
type matcher struct {
	zone   *time.Location // of dates and times without an offset
	absent bool           // a key that the thing does not have matches: it is not supported (PS3.4 C.2.2.1.3)
}

// notKeys are attributes that say how a query is written, not what is asked for.
var notKeys = map[dicom.Tag]bool{
	dicom.SpecificCharacterSet: true, dicom.TimezoneOffsetFromUTC: true, queryRetrieveLevel: true,
}

const queryRetrieveLevel dicom.Tag = 0x00080052

// matches tells whether the thing satisfies every key.
func (m matcher) matches(thing, keys *dicom.DataSet) bool {
	for i := range keys.Elements {
		el := &keys.Elements[i]
		if notKeys[el.Tag] || el.Tag.Element() == 0 || el.Tag.Private() {
			continue
		}
		if !m.one(thing, keys, el) {
			return false
		}
	}
	return true
}

func (m matcher) one(thing, keys *dicom.DataSet, key *dicom.Element) bool {
	if universal(keys, key) || m.absent && thing.Find(key.Tag) == nil {
		return true
	}
	vr := vrOf(key)
	if vr == dicom.SQ {
		return slices.ContainsFunc(thing.Items(key.Tag), func(it dicom.DataSet) bool { return m.matches(&it, &key.Items[0]) })
	}
	values := thing.Strs(key.Tag)
	for _, want := range keys.Strs(key.Tag) {
		if slices.ContainsFunc(values, func(v string) bool { return v != "" && m.value(vr, want, v) }) {
			return true
		}
	}
	return false
}

// vrOf is the VR of a key, the dictionary's where it was lost.
func vrOf(key *dicom.Element) dicom.VR {
	if key.VR == dicom.UN {
		return key.Tag.VR()
	}
	return key.VR
}

// universal tells whether a key selects nothing out: it is empty, only "*", or a sequence of such keys (PS3.4 C.2.2.2.3).
func universal(keys *dicom.DataSet, key *dicom.Element) bool {
	if vrOf(key) != dicom.SQ {
		return !slices.ContainsFunc(keys.Strs(key.Tag), func(v string) bool { return strings.Trim(v, "*") != "" })
	}
	if len(key.Items) == 0 {
		return true
	}
	item := &key.Items[0]
	for i := range item.Elements {
		if !universal(item, &item.Elements[i]) {
			return false
		}
	}
	return true
}

// value compares one value with one key of it.
func (m matcher) value(vr dicom.VR, want, v string) bool {
	switch vr {
	case dicom.DA, dicom.TM, dicom.DT:
		return m.inSpan(vr, want, v)
	case dicom.PN:
		return samePerson(want, v)
	case dicom.UI:
		return want == v
	case dicom.AE, dicom.CS, dicom.LO, dicom.LT, dicom.SH, dicom.ST, dicom.UC, dicom.UR, dicom.UT:
		return dicom.Wild(want, v)
	}
	a, err1 := strconv.ParseFloat(want, 64)
	b, err2 := strconv.ParseFloat(v, 64)
	return want == v || err1 == nil && err2 == nil && a == b
}

// samePerson compares names without regard to case and width. A key in one group is looked for in all groups of the name,
// since devices write Chinese names into the first; a key in several groups is compared group by group.
func samePerson(want, name string) bool {
	keys, groups := groupsOf(want), groupsOf(name)
	if keys[1] == "" && keys[2] == "" {
		return slices.ContainsFunc(groups[:], func(g string) bool { return g != "" && sameGroup(keys[0], g) })
	}
	for i, k := range keys {
		if strings.Trim(k, "*") != "" && !sameGroup(k, groups[i]) {
			return false
		}
	}
	return true
}

func groupsOf(name string) (groups [3]string) {
	for i, g := range strings.SplitN(name, "=", 4) {
		if i < len(groups) {
			groups[i] = strings.Trim(foldPerson(g), "^")
		}
	}
	return groups
}

// foldPerson takes from a name what writers differ in: width, case, and a blank for a caret.
func foldPerson(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return '^'
		}
		return unicode.ToLower(r)
	}, width.Fold.String(strings.TrimSpace(s)))
}

// sameGroup compares one component group. Chinese names are written with and without a separator: 王^小明, 王小明.
func sameGroup(want, group string) bool {
	if dicom.Wild(want, group) {
		return true
	}
	if !strings.ContainsFunc(want, func(r rune) bool { return unicode.Is(unicode.Han, r) }) {
		return false
	}
	return dicom.Wild(strings.ReplaceAll(want, "^", ""), strings.ReplaceAll(group, "^", ""))
}
