package e2e

import (
	"fmt"
	"image"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// faithful and faithfulCPU are the distances up to which a canvas counts as showing a picture. WebGL that does right stays
// below a half; OHIF without WebGL interpolates in its own way and comes to four and a half. The next slice is at fourteen.
const (
	faithful    = 1.0
	faithfulCPU = 6.0
)

func TestOHIF(t *testing.T) {
	if testing.Short() {
		t.Skip("drives other programs")
	}
	door := openDoor(t)
	s := openSite(t, door.Door)
	browser := openBrowser(t)
	studies := testStudies()
	for i := range studies {
		studies[i].make(t)
		door.Store(t, studies[i].objects...)
	}
	pdf := onePage()
	viewers := []viewerOptions{
		{Thumbnails: "thumbnail", ThumbnailStrategy: "fetch"},
		{Thumbnails: "rendered", ThumbnailStrategy: "fetch", Quoted: true},
		{Thumbnails: "wadors", Quoted: true, CPU: true},
	}
	t.Run("list", func(t *testing.T) { lists(t, s.page(t, browser, "/"), s, studies, door.orthanc) })
	for i, st := range studies {
		t.Run(st.name, func(t *testing.T) {
			viewer := viewers[i%len(viewers)]
			if door.orthanc || st.name == "JPEG 2000" { // that is passed on and not decoded by us: the viewer draws its own thumbnail
				viewer.Thumbnails = "wadors"
			}
			s.set(viewer)
			p := s.page(t, browser, "/viewer?StudyInstanceUIDs="+string(st.spec.StudyUID()))
			defer func() { keepFile(t, "requests.txt", []byte(listing(s.taken()))) }()
			opens(t, p, st)
		})
	}
	t.Run("filter", func(t *testing.T) { filters(t, browser, s, studies, door.orthanc) })
	t.Run("MPR", func(t *testing.T) {
		s.set(viewerOptions{Thumbnails: "wadors"})
		defer func() { keepFile(t, "requests.txt", []byte(listing(s.taken()))) }()
		reformats(t, s.page(t, browser, "/viewer?hangingprotocolId=mpr&StudyInstanceUIDs="+string(studies[0].spec.StudyUID())), studies[0])
	})
	t.Run("document", func(t *testing.T) {
		door.Store(t, encapsulatedPDF(t, studies[3].spec, pdf))
		defer func() { keepFile(t, "requests.txt", []byte(listing(s.taken()))) }()
		reads(t, s.page(t, browser, "/viewer?StudyInstanceUIDs="+string(studies[3].spec.StudyUID())), studies[3], pdf)
	})
}

// lists wants every study in the list of studies, and only those of a name after the name is typed in.
func lists(t *testing.T, p *page, s *site, studies []study, orthanc bool) {
	defer func() { keepFile(t, "requests.txt", []byte(listing(s.taken()))) }()
	rows := func() []string {
		return value[[]string](p, `[...document.querySelectorAll('tbody tr')]
			.map(r => r.innerText.replace(/\s+/g, ' ').trim()).filter(r => r !== 'Reset')`)
	}
	row := func(st study) string {
		objects := len(st.objects)
		description := map[string]string{"CT": "胸部CT平扫", "MR": "颅脑MRI平扫", "US": "心脏超声", "DX": "胸部正位片"}[st.modality]
		if orthanc {
			description = "No Description"
		}
		return fmt.Sprintf("%s 02-Mar-2026 09:30 AM %s %s %d", st.shownName, st.modality, description, objects)
	}
	p.await("all studies in the list", func() bool { return len(rows()) == len(studies) })
	for _, st := range studies {
		if got := strings.Join(rows(), "\n"); !strings.Contains(got, row(st)) {
			t.Errorf("no row %q in\n%s", row(st), got)
		}
	}
	p.keep("all")
	if err := chromedp.Do(p.ctx, chromedp.SendKeys(chromedp.CSS("tbody input"), "欧阳")); err != nil {
		t.Fatal(err)
	}
	p.await("one study after a name was typed", func() bool { got := rows(); return len(got) == 1 && got[0] == row(studies[1]) })
	p.keep("filtered")
	p.clean()
}

// opens wants the study's pictures in the viewer: the first one, another after scrolling, and all of a loop while it plays.
func opens(t *testing.T, p *page, st study) {
	first, step := 0, 1
	if st.headFirst {
		first, step = len(st.frames)-1, -1
	}
	var canvas image.Image
	p.await("the first picture", func() bool {
		canvas = p.canvas(0)
		return canvas != nil && distance(canvas, st.frames[first], st.center, st.width, 7) < p.near
	})
	for _, l := range st.landmarks {
		if v := spot(canvas, st.frames[first], l.x, l.y); v < l.min || v > l.max {
			t.Errorf("%s is shown with brightness %.0f, not %.0f to %.0f", l.name, v, l.min, l.max)
		}
	}
	p.thumbnail()
	p.keep("first")
	p.scroll(len(st.frames), st.further)
	wanted := first + st.further*step
	p.await(fmt.Sprintf("picture %d", wanted), func() bool { return p.shows(0, st, wanted) })
	if st.further > 0 {
		p.keep("further")
	}
	if st.modality == "US" {
		plays(t, p, st)
	}
	p.clean()
}

// scroll presses the key for the next picture, one at a time: the viewer drops those that come while it still draws.
func (p *page) scroll(pictures, further int) {
	p.Helper()
	for n := range further {
		place, pressed := fmt.Sprintf("(%d/%d)", n+2, pictures), time.Time{}
		p.await("the place "+place, func() bool {
			if strings.Contains(value[string](p, `document.body.innerText`), place) {
				return true
			}
			if time.Since(pressed) > 3*time.Second {
				pressed = time.Now()
				if err := chromedp.Do(p.ctx, chromedp.KeyEvent(kb.ArrowDown)); err != nil {
					p.Fatal(err)
				}
			}
			return false
		})
	}
}

// shows tells whether the viewport shows this frame, and no other resembles it more.
func (p *page) shows(viewport int, st study, n int) bool {
	p.Helper()
	canvas := p.canvas(viewport)
	if canvas == nil {
		return false
	}
	got, far := nearest(canvas, st.frames, st.center, st.width)
	return got == n && far < p.near
}

// plays starts the loop and wants several of its frames to come by.
func plays(t *testing.T, p *page, st study) {
	if err := chromedp.Do(p.ctx, chromedp.Click(chromedp.CSS(`[data-cy="cine-player-play-pause"]`), chromedp.NodeVisible)); err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	p.await("five frames of the loop", func() bool {
		if n, far := nearest(p.canvas(0), st.frames, st.center, st.width); far < p.near {
			seen[n] = true
		}
		return len(seen) >= 5
	})
	p.keep("playing")
}

// thumbnail wants the series' small picture to be there, with light and dark in it.
func (p *page) thumbnail() {
	p.Helper()
	p.await("the thumbnail", func() bool {
		return value[int](p, `(() => {
			const img = document.querySelector('[data-cy="study-browser-thumbnail"] img');
			if (!img || !img.complete || img.naturalWidth < 16) return 0;
			const c = Object.assign(document.createElement('canvas'), { width: 64, height: 64 });
			c.getContext('2d').drawImage(img, 0, 0, 64, 64);
			const px = c.getContext('2d').getImageData(0, 0, 64, 64).data.filter((_, i) => i % 4 === 0);
			return Math.max(...px) - Math.min(...px);
		})()`) > 100
	})
}

// clean wants no red line in the developer tools.
func (p *page) clean() {
	p.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range p.faults {
		p.Errorf("in the browser: %s", f)
	}
}
