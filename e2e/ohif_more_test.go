package e2e

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"testing"

	"github.com/chromedp/chromedp"
)

// filters opens the list with filters in its address, which the viewer hands on to the service.
func filters(t *testing.T, browser context.Context, s *site, studies []study, orthanc bool) {
	tests := []struct {
		name, key, value string
		want             []int // places in studies
	}{
		{"Chinese name", "patientName", "芷若", []int{5}},
		{"pinyin", "patientName", "xiaohong", []int{3}},
		{"patient's number", "mrn", "E2E0002", []int{1}},
		{"two modalities", "modalities", "MR,US", []int{1, 2}},
		{"description", "description", "胸部正位", []int{3}},
		{"dates", "startDate", "20270101", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if orthanc && tt.key != "mrn" && tt.key != "startDate" {
				t.Skip("Orthanc 1.10 finds no Chinese and no list of modalities")
			}
			query := url.Values{tt.key: {tt.value}}
			if tt.key == "startDate" {
				query.Set("endDate", "20271231")
			}
			p := s.page(t, browser, "/?"+query.Encode())
			defer func() { keepFile(t, "requests.txt", []byte(listing(s.taken()))) }()
			var want []string
			for _, i := range tt.want {
				want = append(want, studies[i].shownName)
			}
			slices.Sort(want)
			p.await(fmt.Sprintf("only %q in the list", want), func() bool {
				names := value[[]string](p, `[...document.querySelectorAll('tbody tr')].filter(r => /\d\d-Mar-2026/.test(r.innerText))
					.map(r => r.querySelector('td').innerText.trim())`)
				slices.Sort(names)
				loaded := value[bool](p, `/Study List/.test(document.body.innerText) && !/Loading/.test(document.body.innerText)`)
				return loaded && len(s.seen()) > 0 && slices.Equal(names, want)
			})
			p.clean()
		})
	}
}

// reformats wants the series as a volume: across, from the side and from the front, through the middle of the chest.
func reformats(t *testing.T, p *page, st study) {
	p.await("a slice across the middle", func() bool {
		canvas := p.canvas(0)
		if canvas == nil {
			return false
		}
		// The volume is drawn between its voxels, and a little smaller than the canvas: a rougher measure than for a picture.
		half := len(st.frames) / 2
		return spot(canvas, st.frames[half], .50, .66) > 240 && spot(canvas, st.frames[half], .31, .50) < 40
	})
	type place struct {
		name     string
		viewport int
		x        float64 // from the middle, in widths of the canvas
		min, max float64
	}
	for _, l := range []place{
		{"vertebra from the side", 1, .173, 220, 255},
		{"muscle from the side", 1, -.145, 100, 175},
		{"air from the side", 1, -.40, 0, 15},
		{"right lung from the front", 2, -.183, 0, 40},
		{"left lung from the front", 2, .23, 0, 40},
		{"chest wall from the front", 2, -.355, 100, 175},
	} {
		p.await(l.name, func() bool {
			canvas := p.canvas(l.viewport)
			if canvas == nil {
				return false
			}
			b, sum := canvas.Bounds(), 0.0
			for dy := -2; dy <= 2; dy++ {
				sum += pixel(canvas, b.Dx()/2+int(l.x*float64(b.Dx())), b.Dy()/2+dy).mean()
			}
			return sum/5 >= l.min && sum/5 <= l.max
		})
	}
	p.keep("volume")
	p.clean()
}

// reads wants the document of the study to be handed to the browser's own reader, byte for byte.
func reads(t *testing.T, p *page, st study, pdf []byte) {
	// OHIF complains when a viewport is taken away while its picture still comes.
	p.await("the picture beside the document", func() bool { return p.shows(0, st, 0) })
	if err := chromedp.Do(p.ctx, chromedp.DoubleClick(chromedp.CSS(`[data-cy="study-browser-thumbnail-no-image"]`))); err != nil {
		t.Fatal(err)
	}
	p.await("the document", func() bool {
		return value[bool](p, `!!document.querySelector('object[type="application/pdf"]')?.data`)
	})
	sum, err := chromedp.Run(p.ctx, chromedp.Evaluate[string](`(async () => {
		const b = await (await fetch(document.querySelector('object[type="application/pdf"]').data)).arrayBuffer();
		const sum = new Uint8Array(await crypto.subtle.digest('SHA-256', b));
		return b.byteLength + ' ' + [...sum].map(x => x.toString(16).padStart(2, '0')).join('');
	})()`, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatal(err)
	}
	want := partOf(pdf)
	if sum != fmt.Sprintf("%d %s", want.Bytes, want.SHA256) {
		t.Errorf("the browser got other bytes: %s", sum)
	}
	p.keep("document")
	p.clean()
}
