// The pages of a sheet, and their foot.

package paper

import (
	"fmt"
	"strings"
)

// draw puts the sheet on any pen.
func (s *Sheet) draw(p pen) { s.settled().drawPages(p, 0, maxPages+maxTexts) }

// drawPage draws one page, if there is such.
func (s *Sheet) drawPage(p pen, page int) {
	if page = max(page, 0); page < maxPages+maxTexts {
		s.settled().drawPages(p, page, page+1)
	}
}

// Pages counts them: those of the tracing, then those of texts.
func (s *Sheet) Pages() int {
	_, tracing, texts := s.settled().extent()
	return tracing + texts
}

// extent lays the tracing out and counts the pages of both kinds.
func (s *Sheet) extent() (t *strip, tracing, texts int) {
	t, tracing = newStrip(s, s.Options.settled()), 1
	if t != nil {
		tracing = t.pages()
	}
	if cut := s.head(nothing{}, t); cut || s.Report != nil {
		texts = s.texts(nothing{}, 0, 0, maxTexts, 0)
	}
	return t, tracing, texts
}

// drawPages draws pages [from, to).
func (s *Sheet) drawPages(p pen, from, to int) {
	t, tracing, texts := s.extent()
	for page := from; page < min(to, tracing); page++ {
		p.page()
		s.head(p, t)
		if t != nil {
			t.draw(p, page)
		} else {
			p.grid(field)
		}
		s.foot(p, t, page, tracing+texts)
	}
	if texts > 0 && to > tracing {
		s.texts(p, tracing, max(from-tracing, 0), to-tracing, tracing+texts)
	}
}

// nothing is the pen that only shows how much there is.
type nothing struct{}

func (nothing) page()                      {}
func (nothing) grid(rect)                  {}
func (nothing) fill(rect, colour)          {}
func (nothing) rule(_, _ point, _ float64) {}
func (nothing) trace(rect, [][]point, int) {}
func (nothing) text(point, style, string)  {}

// foot says how it was drawn and by what.
func (s *Sheet) foot(p pen, t *strip, page, total int) {
	w := s.words()
	small := style{mm: 2.6}
	end := left + wide
	made := joined("  ", s.Header.Device, s.Algorithm, s.Software)
	from := rightText(p, end, field.bottom()+3.4, small, made)
	if t != nil {
		p.text(point{left, field.bottom() + 3.4}, small, fitted(t.terms(page), (from-left-3)/small.mm, false))
	}
	grey := style{mm: 2.4, ink: grey}
	y := field.bottom() + 7
	p.text(point{left, y}, grey, w.support)
	if r := s.Report; r != nil {
		p.text(point{left + 95, y}, style{mm: 2.9, bold: true}, fitted(s.signature(r), 140/2.9, true))
	}
	rightText(p, end, y, grey, fmt.Sprintf(w.page, page+1, total))
}

// signature names the doctors on one line.
func (s *Sheet) signature(r *Report) string {
	w := s.words()
	var parts []string
	for _, f := range []labelled{{w.reporter, r.Reporter}, {w.reviewer, r.Reviewer}, {w.signed, r.SignedAt}} {
		if text := f.text; text != "" {
			parts = append(parts, f.label+w.colon+text)
		}
	}
	return strings.Join(parts, "  ")
}

func joined(sep string, parts ...string) string {
	var out []string
	for _, p := range parts {
		if p != "" {
			out = append(out, p)
		}
	}
	return strings.Join(out, sep)
}
