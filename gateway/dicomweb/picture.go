// Pictures: one frame shown as JPEG or PNG, and the few that were asked for last.

package dicomweb

import (
	"bytes"
	"container/list"
	"context"
	"strconv"
	"sync"

	"github.com/lianzhen/lianzhen/codec/dicom/raster"
	"github.com/lianzhen/lianzhen/imaging"
)

// shot is one picture that is asked for.
type shot struct {
	*imaging.Located
	frame int // from 1
	media string
	view  *view
	state *imaging.Located // presentation state; nil: none
}

func (s *shot) tag() string {
	state := ""
	if s.state != nil {
		state = s.state.SHA256
	}
	return tagOf(s.SHA256, strconv.Itoa(s.frame), s.media, s.view.key(), state)
}

// picture gives the encoded picture. Who asks was permitted to see the image just now: what is kept is never given to
// somebody who was not.
func (d *Door) picture(ctx context.Context, s *shot) ([]byte, error) {
	tag := s.tag()
	if b := d.pictures.get(tag); b != nil {
		return b, nil
	}
	b, err := d.draw(ctx, s)
	if err == nil {
		d.pictures.put(tag, b)
	}
	return b, err
}

func (d *Door) draw(ctx context.Context, s *shot) ([]byte, error) {
	if s.Frames == 0 {
		return nil, noForm("the object has no pixels to show")
	}
	if !raster.CanDecode(dicomUID(s.Syntax)) {
		return nil, noForm("pixels are kept in transfer syntax %s, which is not decoded here", s.Syntax)
	}
	if err := d.work.enter(ctx); err != nil {
		return nil, err
	}
	defer d.work.leave()
	table, err := d.centre.FrameTable(ctx, s.Instance)
	if err != nil {
		return nil, err
	}
	m, err := d.newFrameMaker(ctx, s.Located, table)
	if err != nil {
		return nil, err
	}
	v, err := s.view.show(&m.desc)
	if err != nil {
		return nil, err
	}
	if err := d.arrange(ctx, s, m, &v); err != nil {
		return nil, err
	}
	native, desc, err := m.native(ctx, s.frame)
	if err != nil {
		return nil, err
	}
	img, err := raster.Render(desc, native, s.frame-1, v)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if s.media == mediaPNG {
		err = raster.WritePNG(&out, img)
	} else {
		err = raster.WriteJPEG(&out, img, s.view.quality)
	}
	return out.Bytes(), err
}

// arrange adds what the data sets say: presentation, and texts.
func (d *Door) arrange(ctx context.Context, s *shot, m *frameMaker, v *raster.View) error {
	v.Instance = dicomUID(s.SOPUID)
	if s.view.patient {
		v.Notes = append(v.Notes, raster.PatientNote(&m.head.Header.DataSet))
	}
	if s.view.technique {
		v.Notes = append(v.Notes, raster.TechniqueNotes(&m.head.Header.DataSet, s.frame-1)...)
	}
	if s.state == nil {
		return nil
	}
	o, err := d.centre.Header(ctx, s.state.Instance)
	if err != nil {
		return err
	}
	v.Presentation, err = raster.StateOf(&o.Header.DataSet)
	return err
}

// pictures keeps what was drawn last, up to a number of bytes.
type pictures struct {
	mu    sync.Mutex
	of    map[string]*list.Element
	order *list.List // of *drawn, the last asked in front
	bytes int
}

type drawn struct {
	tag string
	b   []byte
}

const (
	picturesKept   = 48 << 20
	pictureLargest = 4 << 20
)

func newPictures() *pictures { return &pictures{of: map[string]*list.Element{}, order: list.New()} }

func (p *pictures) get(tag string) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.of[tag]
	if e == nil {
		return nil
	}
	p.order.MoveToFront(e)
	return e.Value.(*drawn).b
}

func (p *pictures) put(tag string, b []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(b) > pictureLargest || p.of[tag] != nil {
		return
	}
	p.of[tag] = p.order.PushFront(&drawn{tag, b})
	for p.bytes += len(b); p.bytes > picturesKept; {
		oldest := p.order.Remove(p.order.Back()).(*drawn)
		p.bytes -= len(oldest.b)
		delete(p.of, oldest.tag)
	}
}
