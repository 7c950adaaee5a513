package raster

import (
	_ "embed"
	"strings"
)

// drawn holds the printable characters of ASCII in blocks of 16, each eight rows of five dots.
//
//go:embed font.txt
var drawn string

const (
	glyphWidth  = 5
	glyphHeight = 8
	lineHeight  = glyphHeight + 2
	maxLines    = 32
	maxRunes    = 200 // of a line
)

// glyphs has a byte for each row of a character, the leftmost dot in bit 0.
var glyphs = func() (all [95][glyphHeight]byte) {
	for i, row := range strings.Split(strings.TrimRight(drawn, "\n"), "\n") {
		for at, dot := range []byte(row) {
			if dot == '#' {
				c := i/glyphHeight*16 + at/(glyphWidth+1)
				all[c][i%glyphHeight] |= 1 << (at % (glyphWidth + 1))
			}
		}
	}
	return all
}()

// textSize is how many pixels a dot takes in a picture of the width.
func textSize(width int) int { return max(1, min(6, width/320)) }

// textWidth is that of a line in pixels.
func textWidth(line string, size int) int {
	return min(len([]rune(line)), maxRunes) * (glyphWidth + 1) * size
}

// text writes a line whose upper left corner is at x\y, with a black edge. What is not ASCII becomes a box.
func (p *plane) text(x, y, size int, grey byte, line string) {
	for _, edge := range [2]bool{true, false} {
		n := 0
		for _, r := range line {
			if n++; n > maxRunes {
				break
			}
			p.glyph(x+(n-1)*(glyphWidth+1)*size, y, size, grey, r, edge)
		}
	}
}

var box = [glyphHeight]byte{0x1F, 0x11, 0x11, 0x11, 0x11, 0x11, 0x1F}

func (p *plane) glyph(x, y, size int, grey byte, r rune, edge bool) {
	rows := &box
	if r >= ' ' && r <= '~' {
		rows = &glyphs[r-' ']
	}
	for i, dots := range rows {
		for k := range glyphWidth {
			switch {
			case dots>>k&1 == 0:
			case edge:
				p.block(x+k*size-1, y+i*size-1, size+2, 0)
			default:
				p.block(x+k*size, y+i*size, size, grey)
			}
		}
	}
}

func (p *plane) block(x, y, size int, grey byte) {
	for j := range size {
		for i := range size {
			p.set(x+i, y+j, grey)
		}
	}
}
