// UPS-RS: work that programs hand to each other (PS3.18 §11, PS3.4 annex CC). What a workitem may become is the room's
// business (imaging/worklist); here are its addresses, media types, statuses and Warning texts.
//
// Asking for work and giving it up needs worklist.write, doing it (claim, update, end) worklist.perform, and everything else
// worklist.read. A subscriber's AE title is its institution's own: two institutions may use the same one and do not meet.

package dicomweb

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/imaging/worklist"
	"github.com/lianzhen/lianzhen/record"
)

const (
	workitemPath   = "/dicomweb/workitems/{workitem}"
	subscriberPath = workitemPath + "/subscribers/{subscriber}"
)

// workitems are the routes of UPS-RS and the capabilities.
func (d *Door) workitems() []Route {
	sets := []string{mediaJSON, mediaXML}
	route := func(pattern, act string, takes, gives []string, h handler) Route {
		return Route{Pattern: pattern, Kind: "worklist", Act: act, Takes: takes, Gives: gives, Handle: upsTold(h)}
	}
	events := route("GET /dicomweb/subscribers/{subscriber}", "read", nil, nil, d.events)
	events.Stream = true
	return append([]Route{
		route("POST /dicomweb/workitems", "write", sets, nil, d.createWorkitem),
		route("GET /dicomweb/workitems", "read", nil, sets, d.searchWorkitems),
		route("GET "+workitemPath, "read", nil, sets, d.retrieveWorkitem),
		route("POST "+workitemPath, "perform", sets, nil, d.updateWorkitem),
		route("PUT "+workitemPath+"/state", "perform", sets, nil, d.changeState),
		route("PUT "+workitemPath+"/state/{requester}", "perform", sets, nil, d.changeState),
		route("POST "+workitemPath+"/cancelrequest", "write", sets, nil, d.requestCancel),
		route("POST "+workitemPath+"/cancelrequest/{requester}", "write", sets, nil, d.requestCancel),
		route("POST "+subscriberPath, "read", nil, nil, d.subscribe),
		route("DELETE "+subscriberPath, "read", nil, nil, d.unsubscribe),
		route("POST "+subscriberPath+"/suspend", "read", nil, nil, d.suspend),
		events,
	}, d.capable()...)
}

const (
	transactionUID    dicom.Tag = 0x00081195
	workitemStateTag  dicom.Tag = 0x00741000
	worklistLabelTag  dicom.Tag = 0x00741202
	maxWorkitemBytes            = 4 << 20
	createdModified             = "The UPS was created with modifications."
	transactionAbsent           = "The Transaction UID is missing."
	transactionWrong            = "The Transaction UID is incorrect."
	inconsistent                = "The submitted request is inconsistent with the current state of the UPS Instance."
)

// statusTexts are the Warning texts that PS3.18 §11 gives the refusals; others say what PS3.4 says.
var statusTexts = map[worklist.Status]string{
	worklist.StatusWrongTransaction:   transactionWrong,
	worklist.StatusFinal:              inconsistent,
	worklist.StatusAlreadyInProgress:  inconsistent,
	worklist.StatusNotInProgress:      inconsistent,
	worklist.StatusOnlyByCreate:       inconsistent,
	worklist.StatusRequirementsNotMet: inconsistent,
	worklist.StatusCancelOfCompleted:  "The UPS is already in the requested state of COMPLETED.",
	worklist.StatusAlreadyCanceled:    "The UPS is already in the requested state of CANCELED.",
	worklist.StatusAlreadyCompleted:   "The UPS is already in the requested state of COMPLETED.",
	worklist.StatusLockNotGranted:     "Deletion Lock not granted.",
}

var errMediaType = errors.New("want Content-Type application/dicom+json or application/dicom+xml")

// upsTold writes the refusals of the room with the statuses and texts of PS3.18, and hands on the others.
func upsTold(h handler) handler {
	return func(w http.ResponseWriter, r *http.Request, s record.Scope) error {
		err := h(w, r, s)
		var fault *worklist.Fault
		switch {
		case errors.Is(err, errMediaType):
			return refuse(w, http.StatusUnsupportedMediaType, err.Error())
		case !errors.As(err, &fault):
			return err
		}
		status := http.StatusConflict
		switch record.KindOf(fault) {
		case record.Invalid:
			status = http.StatusBadRequest
		case record.NotFound:
			status = http.StatusNotFound
		}
		if text := statusTexts[fault.Status]; text != "" {
			upsWarning(w, text)
		}
		upsWarning(w, fault.Error())
		return refuse(w, status, fault.Error())
	}
}

// upsWarning adds a Warning header; the warn-agent is the name of the service.
func upsWarning(w http.ResponseWriter, text string) { addWarning(w, serviceName, text) }

const serviceName = "lianzhen"

// workitemOf is the workitem of the address.
func workitemOf(r *http.Request) (dicom.UID, error) {
	u := dicom.UID(r.PathValue("workitem"))
	if !u.Valid() {
		return "", record.Errorf(record.Invalid, "workitem: want a UID")
	}
	return u, nil
}

// uidIn reads a UID from the query: "?workitem=1.2.3", or as older editions have it "?1.2.3".
func uidIn(r *http.Request, name string) (dicom.UID, error) {
	u := dicom.UID(r.URL.Query().Get(name))
	if u == "" && !strings.Contains(r.URL.RawQuery, "=") {
		text, _ := url.QueryUnescape(r.URL.RawQuery)
		u = dicom.UID(text)
	}
	if u != "" && !u.Valid() {
		return "", record.Errorf(record.Invalid, "%s: want a UID", name)
	}
	return u, nil
}

// dataSetIn reads the body: one data set, alone or in an array. An empty body is an empty data set where that may be.
func dataSetIn(w http.ResponseWriter, r *http.Request, optional bool) (*dicom.DataSet, error) {
	media, params := mediaType(r.Header.Get("Content-Type"))
	body := &sender{r: http.MaxBytesReader(w, r.Body, maxWorkitemBytes), line: http.NewResponseController(w)}
	text, err := io.ReadAll(body)
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, record.Errorf(record.Invalid, "body: more than %d bytes", maxWorkitemBytes)
	case err != nil:
		return nil, brokenRequest(err)
	case len(text) == 0 && optional:
		return dicom.NewDataSet(), nil
	}
	if media == "multipart/related" { // of one part, which older editions ask for
		if media, text, err = onlyPart(text, params); err != nil {
			return nil, err
		}
	}
	lim := dicom.Limits{HeaderBytes: maxWorkitemBytes, ValueBytes: maxWorkitemBytes}
	var d *dicom.DataSet
	switch media {
	case mediaJSON, mediaPlainJSON:
		d, err = dicom.ParseJSON(text, lim)
	case mediaXML:
		d, err = dicom.ParseXML(bytes.NewReader(text), lim)
	default:
		return nil, errMediaType
	}
	if err != nil {
		var format *dicom.FormatError
		if errors.As(err, &format) {
			return nil, record.Errorf(record.Invalid, "body: %s at byte %d", format.Reason, format.Offset)
		}
		return nil, err
	}
	return d, nil
}

func onlyPart(text []byte, params map[string]string) (media string, body []byte, err error) {
	p, err := newParts(bytes.NewReader(text), params["boundary"], make([]byte, multipartWindow))
	if err != nil {
		return "", nil, err
	}
	one, err := p.next()
	switch {
	case err == io.EOF:
		return "", nil, errNoParts
	case err != nil:
		return "", nil, err
	case one.fault != nil:
		return "", nil, one.fault
	}
	media, _ = mediaType(cmp.Or(one.header["content-type"], params["type"]))
	body, err = io.ReadAll(one)
	return media, body, err
}

// createWorkitem is PS3.18 §11.4.
func (d *Door) createWorkitem(w http.ResponseWriter, r *http.Request, s record.Scope) error {
	uid, err := uidIn(r, "workitem")
	if err != nil {
		return err
	}
	data, err := dataSetIn(w, r, false)
	if err != nil {
		return err
	}
	modified := uid == "" && data.UID(dicom.SOPInstanceUID) == "" || data.Find(worklistLabelTag) == nil || data.Str(transactionUID) != ""
	if uid, err = d.worklist.CreateWorkitem(r.Context(), s, uid, data); err != nil {
		return err
	}
	if modified {
		upsWarning(w, createdModified)
	}
	at := d.base(r) + "/workitems/" + string(uid)
	w.Header().Set("Location", at)
	w.Header().Set("Content-Location", at)
	w.WriteHeader(http.StatusCreated)
	return nil
}

// retrieveWorkitem is PS3.18 §11.5.
func (d *Door) retrieveWorkitem(w http.ResponseWriter, r *http.Request, s record.Scope) error {
	uid, err := workitemOf(r)
	if err != nil {
		return err
	}
	data, err := d.worklist.Workitem(r.Context(), s, uid)
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-cache")
	return writeDataSets(w, r, []*dicom.DataSet{data})
}

// updateWorkitem is PS3.18 §11.6.
func (d *Door) updateWorkitem(w http.ResponseWriter, r *http.Request, s record.Scope) error {
	uid, err := workitemOf(r)
	if err != nil {
		return err
	}
	transaction, err := uidIn(r, "transaction")
	if err != nil {
		return err
	}
	data, err := dataSetIn(w, r, false)
	if err != nil {
		return err
	}
	transaction = cmp.Or(transaction, data.UID(transactionUID))
	err = d.worklist.UpdateWorkitem(r.Context(), s, uid, transaction, data)
	return d.transacted(w, r, uid, transaction, err)
}

// transacted says more exactly what is wrong with a Transaction UID, and where the workitem is.
func (d *Door) transacted(w http.ResponseWriter, r *http.Request, uid, transaction dicom.UID, err error) error {
	var fault *worklist.Fault
	switch {
	case err == nil:
		w.Header().Set("Content-Location", d.base(r)+"/workitems/"+string(uid))
		w.WriteHeader(http.StatusOK)
		return nil
	case !errors.As(err, &fault) || transaction != "":
		return err
	case fault.Status == worklist.StatusWrongTransaction, fault.Status == worklist.StatusMissingValue:
		upsWarning(w, transactionAbsent)
		return refuse(w, http.StatusBadRequest, transactionAbsent)
	}
	return err
}

// changeState is PS3.18 §11.7.
func (d *Door) changeState(w http.ResponseWriter, r *http.Request, s record.Scope) error {
	uid, err := workitemOf(r)
	if err != nil {
		return err
	}
	data, err := dataSetIn(w, r, false)
	if err != nil {
		return err
	}
	transaction := data.UID(transactionUID)
	warning, err := d.worklist.ChangeState(r.Context(), s, uid, transaction, data.Str(workitemStateTag))
	if warning != 0 {
		upsWarning(w, statusTexts[warning])
	}
	return d.transacted(w, r, uid, transaction, err)
}

// requestCancel is PS3.18 §11.8. Who asks is named by the address, or is the caller.
func (d *Door) requestCancel(w http.ResponseWriter, r *http.Request, s record.Scope) error {
	uid, err := workitemOf(r)
	if err != nil {
		return err
	}
	requester := r.PathValue("requester")
	if requester == "" {
		requester = s.Actor.ID[:min(len(s.Actor.ID), 16)] // VR AE
	}
	if !record.ValidID(requester) || len(requester) > 16 {
		return record.Errorf(record.Invalid, "requester: want an AE title")
	}
	info, err := dataSetIn(w, r, true)
	if err != nil {
		return err
	}
	warning, err := d.worklist.RequestCancel(r.Context(), s, uid, requester, info)
	switch {
	case err != nil:
		return err
	case warning != 0: // PS3.18 table 11.8.3-1: there is nothing left to cancel
		upsWarning(w, statusTexts[warning])
		return refuse(w, http.StatusConflict, statusTexts[warning])
	}
	w.WriteHeader(http.StatusAccepted)
	return nil
}

// writeDataSets answers with data sets: an array in JSON, and in XML a document, or a part for each.
func writeDataSets(w http.ResponseWriter, r *http.Request, all []*dicom.DataSet) error {
	o, ok := acceptsOf(r).choose(offer{media: mediaJSON}, offer{media: mediaXML}, offer{media: mediaXML, multipart: true}, offer{media: mediaPlainJSON})
	switch {
	case !ok:
		return refuse(w, http.StatusNotAcceptable, "want Accept application/dicom+json or application/dicom+xml")
	case o.media == mediaXML && (o.multipart || len(all) > 1):
		return writeXMLParts(w, all)
	}
	opt := dicom.JSONOptions{BulkBytes: maxWorkitemBytes}
	if o.media == mediaXML {
		w.Header().Set("Content-Type", mediaXML)
		_, err := w.Write(all[0].AppendXML(nil, opt))
		return err
	}
	w.Header().Set("Content-Type", o.media)
	for i, one := range all {
		lead := byte(',')
		if i == 0 {
			lead = '['
		}
		if _, err := w.Write(one.AppendJSON([]byte{lead}, opt)); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, "]")
	return err
}

func writeXMLParts(w http.ResponseWriter, all []*dicom.DataSet) error {
	boundary := strings.ReplaceAll(string(worklist.NewUID()), ".", "")
	w.Header().Set("Content-Type", `multipart/related; type="`+mediaXML+`"; boundary=`+boundary)
	for _, one := range all {
		head := "--" + boundary + "\r\nContent-Type: " + mediaXML + "\r\n\r\n"
		if _, err := w.Write(append(one.AppendXML([]byte(head), dicom.JSONOptions{BulkBytes: maxWorkitemBytes}), "\r\n"...)); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, "--"+boundary+"--\r\n")
	return err
}
