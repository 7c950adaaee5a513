// From bands to pages.

package sheet

import (
	"time"

	"github.com/lianzhen/lianzhen/codec/paper"
)

// Millimetres that all pages share.
const (
	left  = 10.0
	wide  = 190.0
	right = left + wide
	gap   = 6.0 // between two columns
)

// band is a strip of the body that is never torn.
type band struct {
	h    float64
	keep bool // on one page with the next
	draw func(p paper.Pen, x, y float64)
}

// segment is a part of the body in one or two columns, each of which begins with the header.
type segment struct {
	columns int
	header  []band
	bands   []band
}

type placed struct {
	x, y float64
	draw func(p paper.Pen, x, y float64)
}

// layout is a sheet on its pages.
type layout struct {
	s     Sheet
	o     Options
	zone  *time.Location
	size  paper.Size
	pages int
	body  [][]placed // of each page

	top, bottom  float64 // of the body
	fieldLines   int     // that the longest field of the head may take
	clinicalFull bool    // the head has no room for the clinical diagnosis
}

var beijing = time.FixedZone("UTC+8", 8*60*60)

func newLayout(s Sheet, o Options) (*layout, error) {
	s, err := s.settled()
	if err != nil {
		return nil, err
	}
	l := &layout{s: s, o: o, zone: o.Zone, size: paper.A4}
	if l.zone == nil {
		l.zone = beijing
	}
	if o.Format == A5 {
		l.size = paper.A5Landscape
	}
	l.fieldLines = 2
	if l.top = l.head(paper.Nothing{}); l.top > l.size.H*0.45 { // texts that no form has: the results need the page
		l.fieldLines = 1
		l.top = l.head(paper.Nothing{})
	}
	l.top += 1.5
	l.bottom = l.size.H - footHeight
	flow := l.fill(l.segments(l.columns()))
	if len(flow.pages) > MaxPages {
		return nil, tooLong()
	}
	l.body, l.pages = flow.pages, len(flow.pages)
	return l, nil
}

// columns of the result table: two where that saves a page.
func (l *layout) columns() int {
	if l.o.Columns == 1 || l.o.Columns == 2 {
		return l.o.Columns
	}
	if len(l.s.Rows) < 20 || !l.narrow() {
		return 1
	}
	if one := len(l.fill(l.segments(1)).pages); one > 1 && len(l.fill(l.segments(2)).pages) < one {
		return 2
	}
	return 1
}

// flow sets bands from the top of a page to its foot, and begins another one when it is full.
type flow struct {
	l     *layout
	y     float64
	pages [][]placed
}

func (l *layout) fill(segments []segment) *flow {
	f := &flow{l: l, y: l.top, pages: [][]placed{nil}}
	for _, s := range segments {
		if len(f.pages) > MaxPages {
			break
		}
		if s.columns == 2 {
			f.two(s)
		} else {
			f.one(s)
		}
	}
	return f
}

func (f *flow) next() {
	f.pages = append(f.pages, nil)
	f.y = f.l.top
}

func (f *flow) put(b band, x float64) {
	last := len(f.pages) - 1
	if b.draw != nil {
		f.pages[last] = append(f.pages[last], placed{x, f.y, b.draw})
	}
	f.y += b.h
}

func height(bands []band) (h float64) {
	for _, b := range bands {
		h += b.h
	}
	return h
}

// group is how many of the first bands stand together.
func group(bands []band) int {
	n := 1
	for n < len(bands) && bands[n-1].keep {
		n++
	}
	return n
}

func (f *flow) one(s segment) {
	head := height(s.header)
	started := false
	begin := func() {
		for _, b := range s.header {
			f.put(b, left)
		}
		started = true
	}
	for i := 0; i < len(s.bands) && len(f.pages) <= MaxPages; {
		n := group(s.bands[i:])
		need := height(s.bands[i : i+n])
		if !started {
			need += head
		}
		if f.y+need > f.l.bottom && f.y > f.l.top+head+0.1 {
			f.next()
			started = false
		}
		if !started {
			begin()
		}
		if n > 1 && f.y+height(s.bands[i:i+n]) > f.l.bottom {
			n = 1 // more than a page holds
		}
		for range n {
			f.put(s.bands[i], left)
			i++
		}
	}
}

// two fills pages of two columns; those of the last page are of one height.
func (f *flow) two(s segment) {
	head := height(s.header)
	for i := 0; i < len(s.bands) && len(f.pages) <= MaxPages; {
		room := f.l.bottom - f.y - head
		first := group(s.bands[i:])
		if height(s.bands[i:i+first]) > room && f.y > f.l.top+0.1 {
			f.next()
			continue
		}
		if a, ok := halves(s.bands[i:], room); ok {
			room = a
		}
		top, lowest := f.y, f.y
		for column := range 2 {
			f.y = top
			n := fits(s.bands[i:], room)
			if n == 0 {
				break
			}
			x := left + float64(column)*(wide+gap)/2
			for _, b := range append(s.header[:len(s.header):len(s.header)], s.bands[i:i+n]...) {
				f.put(b, x)
			}
			i += n
			lowest = max(lowest, f.y)
		}
		f.y = lowest
		if i < len(s.bands) {
			f.next()
		}
	}
}

// fits is how many bands stand in a column of a height; groups are torn only where one is higher than that.
func fits(bands []band, room float64) int {
	n := 0
	for n < len(bands) {
		g := group(bands[n:])
		h := height(bands[n : n+g])
		if h > room+1e-6 {
			if n > 0 {
				return n
			}
			g, h = 1, bands[0].h
		}
		room -= h
		n += g
	}
	return n
}

// halves is the least height of two columns that hold all bands; false where they do not fit.
func halves(bands []band, room float64) (float64, bool) {
	ok := func(h float64) bool {
		n := fits(bands, h)
		return n == len(bands) || n > 0 && n+fits(bands[n:], h) >= len(bands)
	}
	if !ok(room) {
		return 0, false
	}
	low, high := 0.0, room
	for range 12 {
		if mid := (low + high) / 2; ok(mid) {
			high = mid
		} else {
			low = mid
		}
	}
	return high, true
}

// draw puts pages [from, to) on a pen.
func (l *layout) draw(p paper.Pen, from, to int) {
	for page := from; page < to; page++ {
		p.Page()
		l.watermark(p)
		l.head(p)
		for _, b := range l.body[page] {
			b.draw(p, b.x, b.y)
		}
		l.foot(p, page)
	}
}
