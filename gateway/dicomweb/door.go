// Package dicomweb is the DICOMweb door (PS3.18): it decodes requests of viewers and archives, calls the imaging centre and
// encodes what comes back. Who is calling and what they may was settled before: every handler is handed a Scope.
package dicomweb

import (
	"context"
	"net/http"

	"github.com/lianzhen/lianzhen/imaging"
	"github.com/lianzhen/lianzhen/imaging/worklist"
	"github.com/lianzhen/lianzhen/record"
)

// Options of the door; the zero value of each means its default.
type Options struct {
	MaxObject int64 // bytes of one stored object; default 4 GiB

	// PublicURL is how clients reach this server, "https://host[:port]": addresses in answers begin with it. Empty: as the
	// request names the host.
	PublicURL string

	// Received and Sent count bytes of objects, err what became of the object. Either may be nil.
	Received func(bytes int64, err error)
	Sent     func(bytes int64)

	// Failed hears why one object of many was not taken, for the log. May be nil.
	Failed func(ctx context.Context, err error)

	// Origins are other hosts' pages that may ask, "https://viewer.example": exact, never with cookies. Empty: none.
	Origins []string
}

// Door answers requests under /dicomweb/.
type Door struct {
	centre   *imaging.Centre
	worklist *worklist.Worklist
	opt      Options
	work     work
	long     work // places of requests that store much metadata
	pictures *pictures
	channels channels
}

// New makes the door.
func New(c *imaging.Centre, w *worklist.Worklist, opt Options) *Door {
	return &Door{centre: c, worklist: w, opt: opt, work: newWork(), long: make(work, longAtOnce), pictures: newPictures()}
}

// Route is one address with what its caller must be permitted to do.
type Route struct {
	Pattern   string // of http.ServeMux
	Kind, Act string
	Search    bool     // looks for patients: bounded for each caller
	Open      bool     // anybody may ask
	Takes     []string // media types of requests, for the capabilities; none: no body
	Gives     []string // and of answers; none: not said
	Stream    bool     // has no end of its own: its context ends when the caller is no longer permitted, or the server stops
	Handle    func(w http.ResponseWriter, r *http.Request, s record.Scope) error
}

// Routes lists all addresses of the door.
func (d *Door) Routes() []Route {
	return append(append(d.reading(), d.storing()...), d.workitems()...)
}
