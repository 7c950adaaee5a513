// The foot of every page: who answers for it, and how it is checked.

package sheet

import (
	"fmt"
	"strings"

	"github.com/lianzhen/lianzhen/codec/paper"
)

const footHeight = 21.0

func (l *layout) foot(p paper.Pen, page int) {
	y := l.size.H - footHeight + 1.5
	line(p, left, y, wide, 0.3, paper.Black)
	y += 4.6
	l.signature(p, wTechnical, l.s.Technical, left, y)
	l.signature(p, wMedical, l.s.Medical, left+wide/2, y)
	y += 5
	small := paper.Style{MM: 2.3, Ink: paper.Grey}
	if text := l.verification(); text != "" {
		p.Text(paper.XY(left, y), small, paper.Fit(text, wide/small.MM, false))
	}
	y += 4.2
	p.Text(paper.XY(left, y), paper.Style{MM: 2.8}, l.say(wOnly))
	number := fmt.Sprintf(l.short(wPage), page+1, l.pages)
	end := right - paper.Width(number, false)*2.8
	p.Text(paper.XY(end, y), paper.Style{MM: 2.8}, number)
	if s := l.s.Software; s != "" {
		from := left + paper.Width(l.say(wOnly), false)*2.8 + 6
		p.Text(paper.XY(from, y), small, paper.Fit(s, (end-from-4)/small.MM, false))
	}
}

// signature is the name, the time, and the rules where nobody signed.
func (l *layout) signature(p paper.Pen, w word, s Signature, x, y float64) {
	const size = 3.3
	label := l.label(w)
	p.Text(paper.XY(x, y), paper.Style{MM: size, Ink: paper.Grey}, label)
	x += paper.Width(label, false) * size
	name := s.Name
	switch {
	case name != "":
	case s.Rule != "":
		name = l.short(wAuto) + " " + s.Rule
	case w == wMedical:
		name = l.short(wUnsigned)
	}
	room := left + wide/2 - 3 - x
	if w == wMedical {
		room = right - x
	}
	at := l.clock(s.At)
	room -= paper.Width(at, false)*2.8 + 3
	name = paper.Fit(name, room/size, true)
	if name != "" {
		p.Text(paper.XY(x, y), paper.Style{MM: size, Bold: true}, name)
		x += paper.Width(name, true)*size + 3
	}
	if at != "" {
		p.Text(paper.XY(x, y), paper.Style{MM: 2.8}, at)
	}
}

func (l *layout) verification() string {
	var parts []string
	if v := l.s.Verification; v != "" {
		parts = append(parts, l.label(wCheck)+v)
	}
	if h := l.s.SHA256; h != "" {
		parts = append(parts, "SHA-256 "+h)
	}
	return strings.Join(parts, "  ")
}
