// STOW-RS: objects in (PS3.18 §10.5). The parts of a request are read one after the other; each is scanned while it comes and
// becomes durable while the next is read, so that small objects of one request become durable together.

package dicomweb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/imaging"
	"github.com/lianzhen/lianzhen/record"
)

// storing are the routes of STOW-RS.
func (d *Door) storing() []Route {
	takes := []string{"multipart/related; type=" + mediaDICOM, "multipart/related; type=" + mediaJSON, "multipart/related; type=" + mediaXML, mediaDICOM}
	gives := []string{mediaJSON, mediaXML}
	return []Route{
		{Pattern: "POST /dicomweb/studies", Kind: "imaging", Act: "write", Takes: takes, Gives: gives, Handle: d.store},
		{Pattern: "POST /dicomweb/studies/{study}", Kind: "imaging", Act: "write", Takes: takes, Gives: gives, Handle: d.store},
	}
}

const (
	storeInFlight  = 16     // objects of one request that are not yet durable
	maxParts       = 50_000 // of one request
	stalledLine    = time.Minute
	defaultMaxBlob = 4 << 30
)

// windows are the memory of requests, one for each while it is read.
var windows = sync.Pool{New: func() any { b := make([]byte, multipartWindow); return &b }}

// inbound is one request that stores.
type inbound struct {
	*Door
	ctx     context.Context
	scope   record.Scope
	study   dicom.UID // of the address; empty: any
	slots   chan struct{}
	working sync.WaitGroup
	drafts  *drafts

	mu       sync.Mutex
	outcomes []outcome
}

// outcome is what became of one object, in the order in which they came.
type outcome struct {
	stored imaging.Stored
	err    error
	draft  *dicom.DataSet // of an object that came as metadata
}

var (
	errTooManyParts = record.Errorf(record.Unavailable, "more than %d parts in one request: send the rest in another", maxParts)
	errEmptyPart    = record.Errorf(record.Invalid, "the part is empty")
	errPartType     = record.Errorf(record.Invalid, "the part is no DICOM object, no metadata and no bulk data that metadata before it refer to")
)

// store takes the objects of one request.
func (d *Door) store(w http.ResponseWriter, r *http.Request, s record.Scope) error {
	in := &inbound{Door: d, ctx: r.Context(), scope: s, study: dicom.UID(r.PathValue("study")), slots: make(chan struct{}, storeInFlight)}
	if r.PathValue("study") != "" && !in.study.Valid() {
		return record.Errorf(record.Invalid, "study: not a UID")
	}
	kind, params := mediaType(r.Header.Get("Content-Type"))
	root, _ := mediaType(params["type"])
	body := &sender{r: r.Body, line: http.NewResponseController(w)}
	var err error
	switch {
	case kind == mediaDICOM && r.ContentLength > d.maxObject():
		return refuse(w, http.StatusRequestEntityTooLarge, "object: too large")
	case kind == mediaDICOM:
		in.accept(in.begin(), imaging.Source{Reader: body, Size: r.ContentLength})
	case kind == "multipart/related" && (root == "" || root == mediaDICOM || root == mediaJSON || root == mediaXML):
		err = in.receive(body, params["boundary"], root)
	default:
		return refuse(w, http.StatusUnsupportedMediaType,
			"want Content-Type application/dicom, or multipart/related with type application/dicom, application/dicom+json or application/dicom+xml")
	}
	in.working.Wait()
	if err != nil && len(in.outcomes) == 0 {
		return err
	}
	return in.answer(w, r)
}

func (d *Door) maxObject() int64 {
	if d.opt.MaxObject > 0 {
		return d.opt.MaxObject
	}
	return defaultMaxBlob
}

// sender is a body that gives up when nothing comes for long.
type sender struct {
	r    io.Reader
	line *http.ResponseController
	last time.Time
}

func (p *sender) Read(b []byte) (int, error) {
	if now := time.Now(); now.Sub(p.last) > stalledLine/8 { // not for each piece: a timer costs more than the piece
		p.last = now
		_ = p.line.SetReadDeadline(now.Add(stalledLine))
	}
	return p.r.Read(b)
}

// receive reads the parts. The error is of the request as a whole; what came before it is stored all the same.
func (in *inbound) receive(body io.Reader, boundary, root string) error {
	window := windows.Get().(*[]byte)
	defer windows.Put(window)
	p, err := newParts(body, boundary, *window)
	if err != nil {
		return err
	}
	in.drafts = newDrafts(in)
	defer in.drafts.close()
	for n := 0; ; n++ {
		part, err := p.next()
		switch {
		case err == io.EOF && n == 0:
			return errNoParts
		case err == io.EOF:
			return nil
		case err != nil && part == nil:
			return brokenRequest(err) // the part before has it as its own failure
		case n == maxParts:
			err = errTooManyParts
		}
		if err != nil {
			in.done(in.begin(), outcome{err: brokenRequest(err)})
			return err
		}
		if err := in.take(part, root); err != nil {
			return err
		}
	}
}

func brokenRequest(err error) error {
	if record.KindOf(err) != record.Internal {
		return err
	}
	return record.Wrap(record.Unavailable, err, "the request did not arrive whole")
}

// take sends a part where it belongs. What is wrong with it is its own failure.
func (in *inbound) take(part *bodyPart, root string) error {
	media, params := mediaType(part.header["content-type"])
	if media == "" {
		media = root
	}
	switch {
	case part.fault != nil:
		in.done(in.begin(), outcome{err: part.fault})
	case part.empty:
		in.done(in.begin(), outcome{err: errEmptyPart})
	case media == mediaDICOM && (root == mediaDICOM || root == ""):
		return in.object(part)
	case (media == mediaJSON || media == mediaXML) && root != mediaDICOM:
		return in.drafts.metadata(part, media)
	case root != mediaDICOM && !strings.HasPrefix(media, "multipart/"):
		return in.drafts.bulk(part, media, params)
	default:
		in.done(in.begin(), outcome{err: errPartType})
	}
	return nil
}

// object gives a part to the centre, and returns when the part is read: it becomes durable meanwhile.
func (in *inbound) object(part *bodyPart) error {
	if err := in.enter(); err != nil {
		return err
	}
	returned := make(chan struct{})
	i := in.begin()
	in.working.Go(func() {
		defer func() { <-in.slots }()
		defer close(returned)
		in.accept(i, imaging.Source{Reader: part, Size: -1})
	})
	select {
	case <-part.ended:
	case <-returned:
	}
	return nil
}

// enter waits for a slot.
func (in *inbound) enter() error {
	select {
	case in.slots <- struct{}{}:
		return nil
	case <-in.ctx.Done():
		return in.ctx.Err()
	}
}

// begin keeps the place of an object in the order.
func (in *inbound) begin() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.outcomes = append(in.outcomes, outcome{})
	return len(in.outcomes) - 1
}

func (in *inbound) done(i int, o outcome) {
	if o.err != nil && in.opt.Failed != nil {
		in.opt.Failed(in.ctx, o.err)
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	o.draft = in.outcomes[i].draft
	in.outcomes[i] = o
}

// accept gives one object to the centre.
func (in *inbound) accept(i int, src imaging.Source) {
	src.Study = in.study
	body := &bounded{r: src.Reader, most: in.maxObject()}
	src.Reader = body
	stored, err := in.guarded(src)
	if in.opt.Received != nil {
		in.opt.Received(body.n, err)
	}
	in.done(i, outcome{stored: stored, err: err})
}

// guarded makes an error of a panic: it would end the program, since it is not in the goroutine of the request.
func (in *inbound) guarded(src imaging.Source) (s imaging.Stored, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return in.centre.Accept(in.ctx, in.scope, src)
}

// bounded ends with an error where an object is too large, and counts.
type bounded struct {
	r       io.Reader
	most, n int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.n += int64(n); b.n > b.most {
		return 0, imaging.TooLarge(b.most)
	}
	var size *http.MaxBytesError
	if errors.As(err, &size) {
		err = imaging.TooLarge(size.Limit)
	}
	return n, err
}
