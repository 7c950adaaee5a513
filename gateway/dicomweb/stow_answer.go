// The answer of STOW-RS (PS3.18 §10.5.3): one item for each object, in the order in which they came.

package dicomweb

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/imaging"
	"github.com/lianzhen/lianzhen/record"
)

// Attributes of the answer (PS3.18 annex I).
const (
	warningReason         dicom.Tag = 0x00081196
	failureReason         dicom.Tag = 0x00081197
	failedSOPSequence     dicom.Tag = 0x00081198
	referencedSOPSequence dicom.Tag = 0x00081199
	otherFailures         dicom.Tag = 0x0008119A
	referencedSOPClass    dicom.Tag = 0x00081150
	referencedSOPInstance dicom.Tag = 0x00081155
)

// maxWarnings bounds the Warning headers, which say in words what the items say in codes.
const maxWarnings = 8

// tally is what became of all objects of a request.
type tally struct {
	studies               map[dicom.UID]bool
	stored, failed, other []*dicom.DataSet
	warned                bool
	again, denied         int // failures that are for a later time, or for another caller
	refusal               error
}

// answer writes status and items: 200 when all was stored, 202 when some was, or with warnings, 409 when nothing was.
func (in *inbound) answer(w http.ResponseWriter, r *http.Request) error {
	base := in.base(r)
	t := tally{studies: map[dicom.UID]bool{}}
	for i := range in.outcomes {
		t.add(&in.outcomes[i], base)
	}
	failures := len(t.failed) + len(t.other)
	status := http.StatusOK
	switch {
	case len(t.stored) == 0 && t.denied == failures:
		return t.refusal
	case len(t.stored) == 0 && t.again == failures:
		status = http.StatusServiceUnavailable
		w.Header().Set("Retry-After", "5")
	case len(t.stored) == 0:
		status = http.StatusConflict
	case failures > 0 || t.warned:
		status = http.StatusAccepted
	}
	in.warn(w, base)
	return writeDataSet(w, r, status, t.dataSet(base))
}

func (t *tally) add(o *outcome, base string) {
	if o.err == nil {
		s := o.stored
		t.studies[s.StudyUID] = true
		item := dicom.NewDataSet()
		item.SetText(referencedSOPClass, string(s.SOPClass))
		item.SetText(referencedSOPInstance, string(s.SOPUID))
		item.SetText(retrieveURL, fmt.Sprintf("%s/studies/%s/series/%s/instances/%s", base, s.StudyUID, s.SeriesUID, s.SOPUID))
		if len(s.Warnings) > 0 {
			item.SetInt(warningReason, int(imaging.StatusSuspect))
			t.warned = true
		}
		t.stored = append(t.stored, item)
		return
	}
	switch record.KindOf(o.err) {
	case record.Unavailable:
		t.again++
	case record.Denied:
		t.denied++
		t.refusal = o.err
	}
	item := dicom.NewDataSet()
	item.SetInt(failureReason, int(imaging.FailureStatus(o.err)))
	why := refusalOf(o)
	if why.Quarantine != "" {
		item.SetText(retrieveURL, strings.TrimSuffix(base, "/dicomweb")+"/api/v1/imaging/quarantine/"+string(why.Quarantine)+"/file")
	}
	if why.SOPUID == "" {
		t.other = append(t.other, item)
		return
	}
	item.SetText(referencedSOPClass, string(why.SOPClass))
	item.SetText(referencedSOPInstance, string(why.SOPUID))
	t.failed = append(t.failed, item)
}

// refusalOf says which object it was, as far as that is known: from its bytes, or from its metadata.
func refusalOf(o *outcome) imaging.Refusal {
	var out imaging.Refusal
	var why *imaging.Refusal
	if errors.As(o.err, &why) {
		out = *why
	}
	if out.SOPUID == "" && o.draft != nil && o.draft.UID(dicom.SOPInstanceUID).Valid() {
		out.SOPUID, out.SOPClass = o.draft.UID(dicom.SOPInstanceUID), o.draft.UID(dicom.SOPClassUID)
		if !out.SOPClass.Valid() {
			out.SOPClass = ""
		}
	}
	return out
}

// dataSet is the whole answer. Its Retrieve URL is that of the study, where it is one.
func (t *tally) dataSet(base string) *dicom.DataSet {
	d := dicom.NewDataSet()
	d.SetEmpty(retrieveURL)
	if len(t.studies) == 1 {
		for study := range t.studies {
			d.SetText(retrieveURL, base+"/studies/"+string(study))
		}
	}
	for _, s := range []struct {
		tag   dicom.Tag
		items []*dicom.DataSet
	}{{failedSOPSequence, t.failed}, {referencedSOPSequence, t.stored}, {otherFailures, t.other}} {
		if len(s.items) > 0 {
			d.SetItems(s.tag, s.items...)
		}
	}
	return d
}

// warn says in Warning headers (RFC 7234 §5.5) why objects were not taken, the first of them; what is in quarantine is
// named there too.
func (in *inbound) warn(w http.ResponseWriter, base string) {
	said := 0
	for i := range in.outcomes {
		o := &in.outcomes[i]
		if o.err == nil {
			continue
		}
		if said++; said > maxWarnings {
			addWarning(w, base, "more objects were not taken")
			return
		}
		text := record.Public(o.err)
		if text == "" {
			text = "processing failure"
		}
		if why := refusalOf(o); why.Quarantine != "" {
			text += "; kept for a person as " + string(why.Quarantine)
		}
		addWarning(w, base, fmt.Sprintf("object %d: %s", i+1, text))
	}
}

// addWarning adds a Warning header of code 299, which PS3.18 uses for all of its own. The agent is this server.
func addWarning(w http.ResponseWriter, base, text string) {
	text = strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return '?'
		}
		return c
	}, text)
	text = strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text)
	w.Header().Add("Warning", fmt.Sprintf(`299 %s "%s"`, base, text))
}

// writeDataSet answers with one data set, in XML where the client wants that before JSON.
func writeDataSet(w http.ResponseWriter, r *http.Request, status int, d *dicom.DataSet) error {
	o, ok := acceptsOf(r).choose(offer{media: mediaJSON}, offer{media: mediaXML}, offer{media: mediaPlainJSON})
	if !ok {
		o.media = mediaJSON
	}
	var body []byte
	opt := dicom.JSONOptions{BulkBytes: 1 << 20}
	if o.media == mediaXML {
		body = d.AppendXML(nil, opt)
	} else {
		body = d.AppendJSON(nil, opt)
	}
	w.Header().Set("Content-Type", o.media)
	w.WriteHeader(status)
	_, err := w.Write(body)
	return err
}
