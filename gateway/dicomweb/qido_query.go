// The parameters of a search (PS3.18 §8.3.4, §10.6.1.2). What is wrong is named, never repeated: a value may be a person.

package dicomweb

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/imaging"
	"github.com/lianzhen/lianzhen/record"
)

const (
	usualLimit    = 1000   // results when no limit is asked for
	mostLimit     = 10_000 // results in one answer
	mostOffset    = 10_000_000
	mostParams    = 200
	mostValues    = 2000 // of all keys together
	mostValueText = 1024 // bytes of one value
	mostKeyDepth  = 4    // sequences within sequences
)

// query is what a search asks for.
type query struct {
	imaging.Query
	limit    int
	ours     bool // the limit is not the client's
	left     int  // results to leave out that imaging has not
	blank    [][]dicom.Tag
	warnings []string

	keys   keyTree
	values int
	said   map[string]bool
}

// keyTree are keys by tag: values, or keys in a sequence.
type keyTree map[dicom.Tag]*keyNode

type keyNode struct {
	values []string
	items  keyTree
}

// parseQuery reads the parameters of a search for a level below what the address names.
func parseQuery(raw string, level imaging.Level, above imaging.UIDs) (*query, error) {
	q := &query{limit: usualLimit, ours: true, keys: keyTree{}, said: map[string]bool{}}
	q.Level, q.Return = level, defaults(level, above)
	n := 0
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		if n++; n > mostParams {
			return nil, record.Errorf(record.Invalid, "more than %d parameters", mostParams)
		}
		if err := q.pair(pair, n); err != nil {
			return nil, err
		}
	}
	for _, v := range []struct {
		tag dicom.Tag
		uid dicom.UID
	}{{dicom.StudyInstanceUID, above.Study}, {dicom.SeriesInstanceUID, above.Series}} {
		if v.uid == "" {
			continue
		}
		if q.keys[v.tag] != nil {
			return nil, record.Errorf(record.Invalid, "%s: the address names it already", v.tag.Keyword())
		}
		q.keys[v.tag] = &keyNode{values: []string{string(v.uid)}}
	}
	if err := q.once(); err != nil {
		return nil, err
	}
	q.Keys = q.keys.dataSet()
	return q, nil
}

func (q *query) pair(pair string, n int) error {
	name, value, _ := strings.Cut(pair, "=")
	name, errName := url.QueryUnescape(name)
	value, errValue := url.QueryUnescape(value)
	if errName != nil || !utf8.ValidString(name) {
		return record.Errorf(record.Invalid, "parameter %d: its name is not percent-encoded UTF-8", n)
	}
	if errValue != nil || !utf8.ValidString(value) || strings.ContainsFunc(value, unicode.IsControl) {
		return record.Errorf(record.Invalid, "parameter %d: want percent-encoded UTF-8 without control characters", n)
	}
	if read, ok := settings[strings.ToLower(name)]; ok {
		if name = strings.ToLower(name); name != "includefield" && q.said[name] {
			return record.Errorf(record.Invalid, "%s: said more than once", name)
		}
		q.said[name] = true
		if !read(q, value) {
			return record.Errorf(record.Invalid, "%s: %s", name, wanted[name])
		}
		return nil
	}
	path, err := dicom.ParseTagPath(name)
	if err != nil || len(path) > mostKeyDepth {
		return record.Errorf(record.Invalid, "parameter %d: its name is neither an attribute nor a known parameter", n)
	}
	return q.key(path, value)
}

// settings are the parameters that are no attributes.
var settings = map[string]func(q *query, v string) bool{
	"limit":                 (*query).setLimit,
	"offset":                (*query).setOffset,
	"includefield":          (*query).include,
	"fuzzymatching":         func(q *query, v string) bool { q.Fuzzy = v == "true"; return truth(v) },
	"emptyvaluematching":    func(_ *query, v string) bool { return truth(v) },
	"multiplevaluematching": func(_ *query, v string) bool { return truth(v) },
	"accept":                func(*query, string) bool { return true },
	"charset":               func(*query, string) bool { return true }, // answers are UTF-8
}

var wanted = map[string]string{
	"limit":                 "want a whole number from 0",
	"offset":                "want a whole number from 0 to 10000000",
	"includefield":          "want attributes by keyword or tag, or all",
	"fuzzymatching":         "want true or false",
	"emptyvaluematching":    "want true or false",
	"multiplevaluematching": "want true or false",
}

func truth(v string) bool { return v == "true" || v == "false" }

func (q *query) setLimit(v string) bool {
	n, err := strconv.ParseUint(v, 10, 31)
	if err != nil {
		return false
	}
	q.limit, q.ours = int(n), n > mostLimit
	q.limit = min(q.limit, mostLimit)
	return true
}

func (q *query) setOffset(v string) bool {
	n, err := strconv.ParseUint(v, 10, 31)
	q.Offset = int(n)
	return err == nil && n <= mostOffset
}

// include adds attributes to be given back; of a path the outermost sequence.
func (q *query) include(v string) bool {
	for name := range strings.SplitSeq(v, ",") {
		if name = strings.TrimSpace(name); name == "all" {
			q.All = true
			continue
		}
		path, err := dicom.ParseTagPath(name)
		if err != nil || len(q.Return) > mostParams*2 {
			return false
		}
		if !slices.Contains(q.Return, path[0]) {
			q.Return = append(q.Return, path[0])
		}
	}
	return true
}

// key takes a condition.
func (q *query) key(path []dicom.Tag, value string) error {
	last := path[len(path)-1]
	if last.VR() == dicom.SQ && value != "" {
		return record.Errorf(record.Invalid, "%s: it is a sequence: name an attribute in it", nameOf(path))
	}
	if len(value) > mostValueText && last.VR() != dicom.UI {
		return record.Errorf(record.Invalid, "%s: longer than %d bytes", nameOf(path), mostValueText)
	}
	if value == `""` { // Empty Value Matching (PS3.4 C.2.2.2.7)
		q.blank = append(q.blank, path)
		if !slices.Contains(q.Return, path[0]) {
			q.Return = append(q.Return, path[0])
		}
		return nil
	}
	if path[0] == dicom.Modality && q.Level == imaging.StudyLevel {
		path = []dicom.Tag{modalitiesInStudy} // a study has a modality if one of its series has
	}
	if value != "" && !imaging.Decides(path[0], q.Level) {
		q.warnings = append(q.warnings, nameOf(path)+" does not select here and was ignored")
		value = ""
	}
	node := q.keys.at(path)
	for v := range splitValues(last.VR(), value) {
		if q.values++; q.values > mostValues {
			return record.Errorf(record.Invalid, "more than %d values", mostValues)
		}
		if last.VR() == dicom.UI && v != "" && !dicom.UID(v).Valid() && strings.Trim(v, "0123456789.*?") != "" {
			return record.Errorf(record.Invalid, "%s: want UIDs", nameOf(path))
		}
		if v != "" && !slices.Contains(node.values, v) {
			node.values = append(node.values, v)
		}
	}
	return nil
}

// splitValues parts a list: of UIDs at commas and backslashes (PS3.18 §8.3.4.1), of codes too, since neither can be in one.
func splitValues(vr dicom.VR, v string) func(func(string) bool) {
	if vr == dicom.UI || vr == dicom.CS {
		v = strings.ReplaceAll(v, ",", `\`)
	}
	return func(yield func(string) bool) {
		for one := range strings.SplitSeq(v, `\`) {
			if !yield(strings.TrimSpace(one)) {
				return
			}
		}
	}
}

// single attributes have one condition: PS3.4 has no lists for their VRs, and their indexes none either.
var single = []dicom.Tag{dicom.PatientID, dicom.PatientName, dicom.AccessionNumber, dicom.StudyDate}

func (q *query) once() error {
	for _, t := range single {
		if n := q.keys[t]; n != nil && len(n.values) > 1 {
			return record.Errorf(record.Invalid, "%s: want one value", t.Keyword())
		}
	}
	return nil
}

// nameOf names an attribute in the words of the dictionary.
func nameOf(path []dicom.Tag) string {
	names := make([]string, len(path))
	for i, t := range path {
		if names[i] = t.Keyword(); names[i] == "" {
			names[i] = t.Hex()
		}
	}
	return strings.Join(names, ".")
}

func (k keyTree) at(path []dicom.Tag) *keyNode {
	n := k[path[0]]
	if n == nil {
		n = &keyNode{}
		k[path[0]] = n
	}
	if len(path) == 1 {
		return n
	}
	if n.items == nil {
		n.items = keyTree{}
	}
	return n.items.at(path[1:])
}

func (k keyTree) dataSet() *dicom.DataSet {
	d := dicom.NewDataSet()
	for t, n := range k {
		switch {
		case n.items != nil:
			d.SetItems(t, n.items.dataSet())
		case len(n.values) == 0:
			d.SetEmpty(t)
		default:
			d.SetText(t, n.values...)
		}
	}
	return d
}

// ask is the query for imaging. One result more than the limit of ours tells whether there are more.
func (q *query) ask() imaging.Query {
	out := q.Query
	out.Limit = q.limit
	if q.ours {
		out.Limit++
	}
	if len(q.blank) > 0 { // counted here, behind the condition that is ours
		q.left, out.Offset, out.Limit = out.Offset, 0, 0
	}
	if q.limit == 0 {
		out.Limit = 1 // none would be no limit
	}
	return out
}

// wants tells whether an attribute is to be given back.
func (q *query) wants(t dicom.Tag) bool { return q.All || slices.Contains(q.Return, t) }

// empties tells whether the attributes that must have no value have none.
func (q *query) empties(d *dicom.DataSet) bool {
	for _, path := range q.blank {
		if !empty(d, path) {
			return false
		}
	}
	return true
}

func empty(d *dicom.DataSet, path []dicom.Tag) bool {
	el := d.Find(path[0])
	if el == nil {
		return true
	}
	if len(path) == 1 {
		return el.Length == 0 && len(el.Items) == 0
	}
	items := d.Items(path[0])
	for i := range items {
		if empty(&items[i], path[1:]) {
			return true
		}
	}
	return len(items) == 0
}
