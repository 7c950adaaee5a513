// Fonts in a PDF: TrueType subsets as CID fonts (ISO 32000-1, 9.7.4), with the way back from codes to characters, so that a text can be searched.

package paper

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"
)

// utf16Hex is a character's code in UTF-16.
func utf16Hex(r rune) string {
	var b strings.Builder
	for _, u := range utf16.Encode([]rune{r}) {
		fmt.Fprintf(&b, "%04X", u)
	}
	return b.String()
}

// fonts adds those that the pages use and gives their resource entries.
func (d *document) fonts(p *PDF) string {
	var out strings.Builder
	for _, f := range []struct {
		name, base string
		of         *subset
	}{
		{"R", "LZGOAA+GoRegular", p.latin},
		{"B", "LZGOBA+GoBold", p.heavy},
		{"H", "LZNSAA+NotoSansSC-Regular", p.han},
	} {
		if len(f.of.glyphs) > 1 {
			fmt.Fprintf(&out, "/%s %d 0 R ", f.name, d.embed(f.base, f.of))
		}
	}
	if len(p.song) > 0 {
		fmt.Fprintf(&out, "/S %d 0 R ", d.song(p.song))
	}
	return out.String()
}

func (d *document) embed(base string, s *subset) int {
	program := s.font()
	file := d.stream(fmt.Sprintf("/Length1 %d", len(program)), program)
	t := s.pending[1].face.tables
	em := func(v int) int { return v * 1000 / t.ems() }
	i16 := func(table string, at int) int { return em(int(int16(be.Uint16(t[table][at:])))) }
	ascent, descent := i16("hhea", 4), i16("hhea", 6)
	descriptor := d.add(fmt.Sprintf("<< /Type /FontDescriptor /FontName /%s /Flags 4 /FontBBox [%d %d %d %d] /ItalicAngle 0 /Ascent %d /Descent %d /CapHeight 720 /StemV 80 /FontFile2 %d 0 R >>",
		base, i16("head", 36), i16("head", 38), i16("head", 40), i16("head", 42), ascent, descent, file))
	var widths bytes.Buffer
	for _, k := range s.pending {
		wide := t.ems()
		if k.face != nil {
			wide, _ = k.face.tables.metric(k.index)
		}
		fmt.Fprintf(&widths, "%d ", em(wide))
	}
	cid := d.add(fmt.Sprintf("<< /Type /Font /Subtype /CIDFontType2 /BaseFont /%s /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> /FontDescriptor %d 0 R /DW 1000 /W [0 [%s]] /CIDToGIDMap /Identity >>",
		base, descriptor, widths.String()))
	var pairs []string
	for n, g := range s.glyphs {
		if g.rune != 0 {
			pairs = append(pairs, fmt.Sprintf("<%04X> <%s>", n, utf16Hex(g.rune)))
		}
	}
	back := d.stream("", toUnicode("<0000> <FFFF>", pairs))
	return d.add(fmt.Sprintf("<< /Type /Font /Subtype /Type0 /BaseFont /%s /Encoding /Identity-H /DescendantFonts [%d 0 R] /ToUnicode %d 0 R >>", base, cid, back))
}

// song is the Chinese font of every viewer, which need not be embedded (ISO 32000-1, 9.7.5.2).
func (d *document) song(used map[rune]bool) int {
	descriptor := d.add("<< /Type /FontDescriptor /FontName /STSong-Light /Flags 6 /FontBBox [-25 -254 1000 880] /ItalicAngle 0 /Ascent 880 /Descent -120 /CapHeight 880 /StemV 93 >>")
	cid := d.add(fmt.Sprintf("<< /Type /Font /Subtype /CIDFontType0 /BaseFont /STSong-Light /CIDSystemInfo << /Registry (Adobe) /Ordering (GB1) /Supplement 4 >> /FontDescriptor %d 0 R /DW 1000 >>", descriptor))
	var pairs []string
	for r := range used {
		if r < 0x1_0000 {
			pairs = append(pairs, fmt.Sprintf("<%s> <%s>", utf16Hex(r), utf16Hex(r)))
		}
	}
	slices.Sort(pairs)
	back := d.stream("", toUnicode("<0000> <D7FF>\n<D800DC00> <DBFFDFFF>\n<E000> <FFFF>", pairs))
	return d.add(fmt.Sprintf("<< /Type /Font /Subtype /Type0 /BaseFont /STSong-Light-UniGB-UTF16-H /Encoding /UniGB-UTF16-H /DescendantFonts [%d 0 R] /ToUnicode %d 0 R >>", cid, back))
}

// toUnicode is a CMap from codes to characters (ISO 32000-1, 9.10.3).
func toUnicode(space string, pairs []string) []byte {
	var b bytes.Buffer
	b.WriteString("/CIDInit /ProcSet findresource begin 12 dict begin begincmap\n/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n/CMapName /Adobe-Identity-UCS def /CMapType 2 def\n")
	fmt.Fprintf(&b, "%d begincodespacerange\n%s\nendcodespacerange\n", strings.Count(space, "\n")+1, space)
	for part := range slices.Chunk(pairs, 100) {
		fmt.Fprintf(&b, "%d beginbfchar\n%s\nendbfchar\n", len(part), strings.Join(part, "\n"))
	}
	b.WriteString("endcmap CMapName currentdict /CMap defineresource pop end end\n")
	return b.Bytes()
}
