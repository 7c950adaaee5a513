// The pages of a sheet, and their foot.

package paper

import (
	"fmt"
	"strings"

	"github.com/lianzhen/lianzhen/codec/paper"
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
	if cut := s.head(paper.Nothing{}, t); cut || s.Report != nil {
		texts = s.texts(paper.Nothing{}, 0, 0, maxTexts, 0)
	}
	return t, tracing, texts
}

// drawPages draws pages [from, to).
func (s *Sheet) drawPages(p pen, from, to int) {
	t, tracing, texts := s.extent()
	for page := from; page < min(to, tracing); page++ {
		p.Page()
		s.head(p, t)
		if t != nil {
			t.draw(p, page)
		} else {
			p.Grid(field)
		}
		s.foot(p, t, page, tracing+texts)
	}
	if texts > 0 && to > tracing {
		s.texts(p, tracing, max(from-tracing, 0), to-tracing, tracing+texts)
	}
}

// foot says how it was drawn and by what.
func (s *Sheet) foot(p pen, t *strip, page, total int) {
	w := s.words()
	small := style{MM: 2.6}
	end := left + wide
	made := joined("  ", s.Header.Device, s.Algorithm, s.Software)
	from := rightText(p, end, field.Bottom()+3.4, small, made)
	if t != nil {
		p.Text(paper.XY(left, field.Bottom()+3.4), small, paper.Fit(t.terms(page), (from-left-3)/small.MM, false))
	}
	grey := style{MM: 2.4, Ink: grey}
	y := field.Bottom() + 7
	p.Text(paper.XY(left, y), grey, w.support)
	if r := s.Report; r != nil {
		p.Text(paper.XY(left+95, y), style{MM: 2.9, Bold: true}, paper.Fit(s.signature(r), 140/2.9, true))
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
