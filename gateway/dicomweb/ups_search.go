// Searching workitems (PS3.18 §11.9).

package dicomweb

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/imaging/worklist"
	"github.com/lianzhen/lianzhen/record"
)

// workitemShown are the attributes that an answer has without being asked: those of PS3.4 table CC.2.5-3 that say which work
// it is, for whom and how far.
var workitemShown = []dicom.Tag{
	dicom.SOPClassUID, dicom.SOPInstanceUID, dicom.AccessionNumber, dicom.PatientName, dicom.PatientID, dicom.PatientBirthDate,
	dicom.PatientSex, dicom.StudyInstanceUID, 0x00404005, 0x00404010, 0x00404011, 0x00404018, 0x00404021, 0x00404025, 0x00404026,
	0x00404027, 0x00404034, 0x00404041, workitemStateTag, 0x00741200, worklistLabelTag, 0x00741204,
}

// upsQuery is what a search asks for.
type upsQuery struct {
	keys  keyTree
	shown []dicom.Tag
	page  worklist.WorkitemPage
	said  int
}

// searchWorkitems answers with what matches, 204 where nothing does.
func (d *Door) searchWorkitems(w http.ResponseWriter, r *http.Request, s record.Scope) error {
	q := &upsQuery{keys: keyTree{}, shown: slices.Clone(workitemShown)}
	if err := q.read(r.URL.RawQuery); err != nil {
		return err
	}
	limit := q.page.Limit
	if q.page.Limit > 0 && q.page.Limit < worklist.FindLimit {
		q.page.Limit++ // one more tells whether there is more
	}
	var all []*dicom.DataSet
	for one, err := range d.worklist.FindWorkitems(r.Context(), s, q.dataSet(), q.page) {
		if err != nil {
			return err
		}
		if limit > 0 && len(all) == limit {
			addWarning(w, serviceName, "There are additional results that can be requested.")
			break
		}
		all = append(all, one)
	}
	if len(all) == 0 {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	return writeDataSets(w, r, all)
}

// read takes the parameters of a query string.
func (q *upsQuery) read(raw string) error {
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		if q.said++; q.said > mostParams {
			return record.Errorf(record.Invalid, "more than %d parameters", mostParams)
		}
		name, value, _ := strings.Cut(pair, "=")
		name, errName := url.QueryUnescape(name)
		value, errValue := url.QueryUnescape(value)
		if errName != nil || errValue != nil || !utf8.ValidString(value) || len(value) > mostValueText || strings.ContainsFunc(value, unicode.IsControl) {
			return record.Errorf(record.Invalid, "parameter %d: want percent-encoded UTF-8 without control characters", q.said)
		}
		if err := q.parameter(name, value); err != nil {
			return err
		}
	}
	return nil
}

func (q *upsQuery) parameter(name, value string) error {
	switch strings.ToLower(name) {
	case "limit", "offset":
		n, err := strconv.ParseUint(value, 10, 31)
		if err != nil {
			return record.Errorf(record.Invalid, "%s: want a whole number from 0", strings.ToLower(name))
		}
		if name == "limit" {
			q.page.Limit = min(int(n), worklist.FindLimit)
		} else {
			q.page.Offset = int(n)
		}
		return nil
	case "includefield":
		return q.include(value)
	case "fuzzymatching", "accept", "charset", "emptyvaluematching", "multiplevaluematching":
		return nil
	}
	path, err := dicom.ParseTagPath(name)
	if err != nil || len(path) > mostKeyDepth {
		return record.Errorf(record.Invalid, "parameter %d: its name is neither an attribute nor a known parameter", q.said)
	}
	node := q.keys.at(path)
	for v := range splitValues(path[len(path)-1].VR(), value) {
		if v != "" {
			node.values = append(node.values, v)
		}
	}
	return nil
}

func (q *upsQuery) include(value string) error {
	for name := range strings.SplitSeq(value, ",") {
		if name = strings.TrimSpace(name); name == "all" {
			q.page.Whole = true
			continue
		}
		path, err := dicom.ParseTagPath(name)
		if err != nil || len(q.shown) > 2*mostParams {
			return record.Errorf(record.Invalid, "includefield: %s", wanted["includefield"])
		}
		q.shown = append(q.shown, path[0])
	}
	return nil
}

// dataSet are the keys with those that are only to be shown.
func (q *upsQuery) dataSet() *dicom.DataSet {
	d := q.keys.dataSet()
	for _, t := range q.shown {
		if d.Find(t) == nil {
			d.SetEmpty(t)
		}
	}
	return d
}
