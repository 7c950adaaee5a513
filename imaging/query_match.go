// Matching of attributes (PS3.4 C.2.2.2), for what no column decides.

package imaging

import (
	"slices"
	"strings"

	"golang.org/x/text/width"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// keys are conditions on the attributes of one level.
type keys []key

type key struct {
	tag    dicom.Tag
	vr     dicom.VR
	values []string
	items  []keys // of a sequence
}

// keysByLevel are the keys with a value, apart from those that the SQL of their level decides.
type keysByLevel struct{ study, series, image keys }

// decided are keys that SQL decides whole when they hold no wildcards.
var decided = tagSet("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "PatientID", "AccessionNumber", "StudyDate",
	"ModalitiesInStudy")

// answered attributes are no keys: what they hold is an answer.
var answered = tagSet("SpecificCharacterSet", "QueryRetrieveLevel", "RetrieveAETitle", "InstanceAvailability", "RetrieveURL", "TimezoneOffsetFromUTC",
	"NumberOfPatientRelatedStudies", "NumberOfPatientRelatedSeries", "NumberOfPatientRelatedInstances",
	"NumberOfStudyRelatedSeries", "NumberOfStudyRelatedInstances", "NumberOfSeriesRelatedInstances", "SOPClassesInStudy")

func levelOf(t dicom.Tag) Level {
	switch {
	case studyTags[t] || t == modalitiesInStudy || answered[t] && t != numberOfSeriesRelatedInstances:
		return StudyLevel
	case seriesTags[t] || t == numberOfSeriesRelatedInstances:
		return SeriesLevel
	}
	return ImageLevel
}

// Decides tells whether a key with a value selects among answers of a level; others are passed over (PS3.4 C.4.1.1.3.2).
func Decides(t dicom.Tag, l Level) bool {
	return t == dicom.SeriesInstanceUID && l >= StudyLevel || !answered[t] && levelOf(t) <= max(l, StudyLevel)
}

func sortKeys(d *dicom.DataSet, most Level) (keysByLevel, error) {
	var by keysByLevel
	all, err := keysOf(d, 0)
	if err != nil {
		return by, err
	}
	for _, k := range all {
		l := levelOf(k.tag)
		wild := slices.ContainsFunc(k.values, func(v string) bool { return strings.ContainsAny(v, "*?") })
		switch {
		case answered[k.tag], decided[k.tag] && !wild:
		case l == StudyLevel:
			by.study = append(by.study, k)
		case l == SeriesLevel && most >= SeriesLevel:
			by.series = append(by.series, k)
		case l == ImageLevel && most >= ImageLevel:
			by.image = append(by.image, k)
		}
	}
	return by, nil
}

// maxKeyDepth bounds sequences within sequences of keys.
const maxKeyDepth = 4

func keysOf(d *dicom.DataSet, depth int) (keys, error) {
	if depth > maxKeyDepth {
		return nil, record.Errorf(record.Invalid, "keys in more than %d sequences within each other", maxKeyDepth)
	}
	var out keys
	for i := range d.Elements {
		el := &d.Elements[i]
		k := key{tag: el.Tag, vr: el.VR}
		if k.vr == dicom.UN {
			k.vr = el.Tag.VR()
		}
		for j := range el.Items {
			inner, err := keysOf(&el.Items[j], depth+1)
			if err != nil {
				return nil, err
			}
			if len(inner) > 0 {
				k.items = append(k.items, inner)
			}
		}
		if k.values = d.Strs(el.Tag); universal(k.values) && len(k.items) == 0 {
			continue
		}
		if err := k.check(); err != nil {
			return nil, err
		}
		out = append(out, k)
	}
	return out, nil
}

// universal matching: no value, or only asterisks (PS3.4 C.2.2.2.3).
func universal(values []string) bool {
	for _, v := range values {
		if strings.Trim(v, "*") != "" {
			return false
		}
	}
	return true
}

// check refuses what cannot be compared.
func (k key) check() error {
	for _, v := range k.values {
		switch k.vr {
		case dicom.DA:
			if _, _, err := dateRange(v); err != nil {
				return record.Errorf(record.Invalid, "%v %s: want YYYYMMDD, or a range of them with - between", k.tag, k.tag.Keyword())
			}
		case dicom.UI:
			if !strings.ContainsAny(v, "*?") && !dicom.UID(v).Valid() {
				return record.Errorf(record.Invalid, "%v %s is not a UID", k.tag, k.tag.Keyword())
			}
		}
	}
	return nil
}

// match tells whether the attributes satisfy all keys.
func (ks keys) match(d *dicom.DataSet, fuzzy bool) bool {
	for _, k := range ks {
		if !k.match(d, fuzzy) {
			return false
		}
	}
	return true
}

func (k key) match(d *dicom.DataSet, fuzzy bool) bool {
	if len(k.items) > 0 {
		return k.matchItems(d.Items(k.tag), fuzzy)
	}
	have := d.Strs(k.tag)
	for _, want := range k.values {
		for _, v := range have {
			if k.same(want, v, fuzzy) {
				return true
			}
		}
	}
	return false
}

// matchItems: one item of the object satisfies one item of the key (PS3.4 C.2.2.2.6).
func (k key) matchItems(have []dicom.DataSet, fuzzy bool) bool {
	for _, want := range k.items {
		for i := range have {
			if want.match(&have[i], fuzzy) {
				return true
			}
		}
	}
	return false
}

func (k key) same(want, have string, fuzzy bool) bool {
	switch k.vr {
	case dicom.PN:
		return sameName(want, have, fuzzy)
	case dicom.DA, dicom.TM, dicom.DT:
		return inRange(k.vr, want, have)
	case dicom.IS, dicom.DS:
		return trimNumber(want) == trimNumber(have)
	}
	return dicom.Wild(want, have)
}

func trimNumber(s string) string {
	s = strings.TrimLeft(strings.TrimPrefix(strings.TrimSpace(s), "+"), "0")
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// sameName compares names without case and width. A group of the key matches the group of the name in the same place, or
// any group where the key has but one: who types 王 does not count the groups.
func sameName(want, have string, fuzzy bool) bool {
	if fuzzy {
		return fuzzyName(want, have)
	}
	w, h := nameGroups(want), nameGroups(have)
	if len(w) == 1 {
		return slices.ContainsFunc(h, func(g string) bool { return g != "" && dicom.Wild(w[0], g) })
	}
	for i, g := range w {
		if strings.Trim(g, "*") != "" && (i >= len(h) || !dicom.Wild(g, h[i])) {
			return false
		}
	}
	return true
}

// fuzzyName matches as people look names up: see parseName.
func fuzzyName(want, have string) bool {
	for _, h := range nameGroups(have) {
		k := " " + strings.NewReplacer("^", " ").Replace(store.NameKey(strings.ReplaceAll(h, "^", " "), ""))
		bare := " " + strings.ReplaceAll(strings.TrimSpace(k), " ", "") + " " + store.PinyinInitials(strings.ReplaceAll(h, "^", ""))
		for _, w := range nameGroups(want) {
			w = strings.TrimSpace(strings.NewReplacer("^", " ", "*", "").Replace(w))
			if w != "" && (strings.Contains(k, " "+w) || strings.Contains(bare, " "+w) || isChinese([]rune(w)) && strings.Contains(bare, w)) {
				return true
			}
		}
	}
	return false
}

func nameGroups(s string) []string {
	groups := strings.Split(strings.ToLower(width.Fold.String(s)), "=")
	for i := range groups {
		groups[i] = strings.TrimRight(groups[i], " ^")
	}
	return groups
}

// inRange compares dates and times of any precision: a value is in the range if it is not before its low end nor behind
// its high end as far as that is given (PS3.4 C.2.2.2.5).
func inRange(vr dicom.VR, want, have string) bool {
	if have = plainTime(have); have == "" {
		return false
	}
	lo, hi, ranged := cutRange(vr, want)
	lo, hi = plainTime(lo), plainTime(hi)
	if !ranged {
		return strings.HasPrefix(have, lo)
	}
	return have[:min(len(have), max(len(lo), 1))] >= lo[:min(len(lo), len(have))] &&
		(hi == "" || have[:min(len(have), len(hi))] <= hi)
}

// cutRange parts a range at its hyphen. A DT may end with an offset from UTC, which is -hhmm as well.
func cutRange(vr dicom.VR, s string) (lo, hi string, ranged bool) {
	if vr != dicom.DT {
		return strings.Cut(s, "-")
	}
	for i := range len(s) {
		if s[i] != '-' {
			continue
		}
		rest := s[i+1:]
		offset := len(rest) == 4 || len(rest) > 4 && rest[4] == '-'
		if i == 0 || !offset || !strings.Contains(rest, "-") && len(s) <= 13 {
			return s[:i], rest, true
		}
	}
	return s, s, false
}

func plainTime(s string) string {
	return strings.NewReplacer(":", "", " ", "").Replace(s)
}
