// Who follows workitems, and the channel over which they hear of them (PS3.18 §11.10 to §11.13, §8.10).

package dicomweb

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/imaging/worklist"
	"github.com/lianzhen/lianzhen/record"
)

// subscriberOf is the subscriber of the address: an AE title.
func subscriberOf(r *http.Request) (string, error) {
	name := r.PathValue("subscriber")
	if !record.ValidID(name) || len(name) > 16 {
		return "", record.Errorf(record.Invalid, "subscriber: want an AE title of 1 to 16 letters, digits, . _ - or :")
	}
	return name, nil
}

func subscriptionOf(r *http.Request) (name string, uid dicom.UID, err error) {
	if name, err = subscriberOf(r); err == nil {
		uid, err = workitemOf(r)
	}
	return name, uid, err
}

// subscribe is PS3.18 §11.10: to one workitem, to all, or to those that match a filter.
func (d *Door) subscribe(w http.ResponseWriter, r *http.Request, s record.Scope) error {
	name, uid, err := subscriptionOf(r)
	if err != nil {
		return err
	}
	n := worklist.Subscription{Workitem: uid}
	q := &upsQuery{keys: keyTree{}}
	for pair := range strings.SplitSeq(r.URL.RawQuery, "&") {
		key, value, _ := strings.Cut(pair, "=")
		switch key = strings.ToLower(key); {
		case key == "deletionlock":
			if n.DeletionLock = value == "true"; !truth(value) {
				return record.Errorf(record.Invalid, "deletionlock: want true or false")
			}
		case key == "filter": // a query within the query
			inner, err := url.QueryUnescape(value)
			if err != nil {
				return record.Errorf(record.Invalid, "filter: want percent-encoded UTF-8")
			}
			if err := q.read(strings.ReplaceAll(inner, ",", "&")); err != nil {
				return err
			}
		case uid == worklist.FilteredSubscription:
			if err := q.read(pair); err != nil {
				return err
			}
		}
	}
	if uid == worklist.FilteredSubscription {
		n.Filter = q.keys.dataSet()
	}
	if err := d.worklist.Subscribe(r.Context(), s, name, n); err != nil {
		return err
	}
	w.Header().Set("Content-Location", "ws"+strings.TrimPrefix(d.base(r), "http")+"/subscribers/"+name)
	w.WriteHeader(http.StatusCreated)
	return nil
}

// unsubscribe is PS3.18 §11.11.
func (d *Door) unsubscribe(w http.ResponseWriter, r *http.Request, s record.Scope) error {
	name, uid, err := subscriptionOf(r)
	if err != nil {
		return err
	}
	if err := d.worklist.Unsubscribe(r.Context(), s, name, uid); err != nil {
		return err
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

// suspend is PS3.18 §11.12.
func (d *Door) suspend(w http.ResponseWriter, r *http.Request, s record.Scope) error {
	name, uid, err := subscriptionOf(r)
	if err != nil {
		return err
	}
	if err := d.worklist.Suspend(r.Context(), s, name, uid); err != nil {
		return err
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

const (
	pingEvery    = 30 * time.Second
	answerWithin = 30 * time.Second // a subscriber that takes longer for one report is cut off; the rest waits for it
	lookAgain    = time.Second      // for a subscriber that opens its channel before it subscribes
	eventClass   = "1.2.840.10008.5.1.4.34.6.4"
)

// channels are the open event channels of this server, by institution and subscriber: a new one ends the one before.
type channels struct {
	mu   sync.Mutex
	open map[string]*channel
}

type channel struct{ end context.CancelCauseFunc }

var errReplaced = record.Errorf(record.Unavailable, "the subscriber has opened another channel")

func (c *channels) enter(key string, end context.CancelCauseFunc) (leave func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open == nil {
		c.open = map[string]*channel{}
	}
	if before := c.open[key]; before != nil {
		before.end(errReplaced)
	}
	mine := &channel{end}
	c.open[key] = mine
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.open[key] == mine {
			delete(c.open, key)
		}
	}
}

// events opens the channel (PS3.18 §8.10.4): each report is a text frame of DICOM JSON. A report counts as delivered when
// the subscriber has answered the ping behind it; until then it waits, over a broken line and a restart.
//
// Pages of other hosts cannot open it: a browser would send its cookie along and no key.
func (d *Door) events(w http.ResponseWriter, r *http.Request, s record.Scope) error {
	name, err := subscriberOf(r)
	switch {
	case err != nil:
		return err
	case !s.Reaches(s.Actor.Institution):
		return record.Errorf(record.Denied, "not permitted for institution %s", s.Actor.Institution)
	case !strings.EqualFold(r.Header.Get("Upgrade"), "websocket"):
		w.Header().Set("Upgrade", "websocket")
		return refuse(w, http.StatusUpgradeRequired, "the event channel is a WebSocket")
	}
	ctx, end := context.WithCancelCause(r.Context())
	defer end(nil)
	// Before the answer, so that of two the later one is the one whose answer came later.
	defer d.channels.enter(string(s.Actor.Institution)+"/"+name, end)()
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return nil // Accept has answered
	}
	defer func() { _ = conn.CloseNow() }()
	alive := conn.CloseRead(ctx) // nothing is to be said by the subscriber; its pongs and its close are read here
	go keepAlive(alive, conn, end)
	err = d.report(alive, s, name, conn)
	code, why := closing(ctx, err)
	_ = conn.Close(code, why)
	return nil
}

// report sends until the channel ends.
func (d *Door) report(ctx context.Context, s record.Scope, name string, conn *websocket.Conn) error {
	for {
		err := d.worklist.WatchReports(ctx, s, name, func(rep worklist.Report) error { return deliver(ctx, conn, rep) })
		var fault *worklist.Fault
		if !errors.As(err, &fault) || fault.Status != worklist.StatusUnknownSubscriber {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lookAgain):
		}
	}
}

func deliver(ctx context.Context, conn *websocket.Conn, rep worklist.Report) error {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	if err := conn.Write(ctx, websocket.MessageText, reportJSON(rep)); err != nil {
		return err
	}
	return conn.Ping(ctx)
}

func keepAlive(ctx context.Context, conn *websocket.Conn, end context.CancelCauseFunc) {
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		one, cancel := context.WithTimeout(ctx, answerWithin)
		err := conn.Ping(one)
		cancel()
		if err != nil {
			end(err)
			return
		}
	}
}

// closing is the code and the reason with which a channel is closed (RFC 6455 §7.4.1).
func closing(ctx context.Context, err error) (websocket.StatusCode, string) {
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	switch record.KindOf(err) {
	case record.Denied, record.Unauthenticated:
		return websocket.StatusPolicyViolation, "no longer permitted"
	case record.Unavailable:
		return websocket.StatusGoingAway, "open the channel again"
	}
	return websocket.StatusInternalError, ""
}

// reportJSON writes a report with the command attributes of N-EVENT-REPORT before its information (PS3.18 §8.10.5).
func reportJSON(rep worklist.Report) []byte {
	b := fmt.Appendf(nil, `{"00000002":{"vr":"UI","Value":["%s"]},"00000110":{"vr":"US","Value":[%d]},`+
		`"00001000":{"vr":"UI","Value":["%s"]},"00001002":{"vr":"US","Value":[%d]}`, eventClass, rep.Number&0xFFFF, rep.Workitem, rep.Type)
	info := rep.Info.AppendJSON(nil, dicom.JSONOptions{BulkBytes: maxWorkitemBytes})
	if len(info) > len("{}") {
		b = append(b, ',')
	}
	return append(b, info[1:]...)
}
