package raster

import "encoding/binary"

// rows gives a frame as display values, a stretch of a row at a time: one byte for each pixel, or three.
type rows struct {
	width, height, channels int
	read                    func(y, x0, x1 int, to []byte)
}

// newRows chooses how the pixels of a frame are read.
func newRows(d *Desc, native []byte, frame int, v View) (rows, error) {
	r := rows{width: d.Columns, height: d.Rows, channels: d.Samples}
	switch {
	case d.Samples == 3:
		read, err := colourRows(d, native)
		r.read = read
		return r, err
	case d.Photometric == PaletteColor:
		r.channels = 3
		if d.Palette == nil || d.BitsAllocated > 16 || d.BitsAllocated < 8 {
			return r, unsupported("", "a palette for %d bits allocated", d.BitsAllocated)
		}
		r.read = paletteRows(d, native)
		return r, nil
	case d.Photometric != Monochrome1 && d.Photometric != Monochrome2:
		return r, unsupported("", "one sample per pixel in %s", d.Photometric)
	}
	t := newTone(d, native, frame, v)
	switch d.BitsAllocated {
	case 1:
		r.read = bitRows(d, native, t.table())
	case 8:
		r.read = byteRows(d, native, t.table())
	case 16:
		r.read = wordRows(d, native, t.table())
	default:
		r.read = wideRows(d, native, t)
	}
	return r, nil
}

func bitRows(d *Desc, native, table []byte) func(y, x0, x1 int, to []byte) {
	return func(y, x0, x1 int, to []byte) {
		for x := x0; x < x1; x++ {
			i := y*d.Columns + x
			to[x-x0] = table[native[i>>3]>>(i&7)&1]
		}
	}
}

func byteRows(d *Desc, native, table []byte) func(y, x0, x1 int, to []byte) {
	return func(y, x0, x1 int, to []byte) {
		for i, v := range native[y*d.Columns+x0 : y*d.Columns+x1] {
			to[i] = table[v]
		}
	}
}

func wordRows(d *Desc, native, table []byte) func(y, x0, x1 int, to []byte) {
	all := (*[1 << 16]byte)(table)
	return func(y, x0, x1 int, to []byte) {
		row := native[2*(y*d.Columns+x0) : 2*(y*d.Columns+x1)]
		to = to[:x1-x0]
		for i := range to {
			to[i] = all[binary.LittleEndian.Uint16(row[2*i:])]
		}
	}
}

func wideRows(d *Desc, native []byte, t *tone) func(y, x0, x1 int, to []byte) {
	size := d.BitsAllocated / 8
	return func(y, x0, x1 int, to []byte) {
		for x := x0; x < x1; x++ {
			to[x-x0] = t.level(d.wide(native[size*(y*d.Columns+x):]))
		}
	}
}

func paletteRows(d *Desc, native []byte) func(y, x0, x1 int, to []byte) {
	table := make([][3]byte, 1<<d.BitsAllocated)
	for raw := range table {
		table[raw][0], table[raw][1], table[raw][2] = d.Palette.At(d.stored(uint16(raw)))
	}
	size := d.BitsAllocated / 8
	return func(y, x0, x1 int, to []byte) {
		row := native[size*(y*d.Columns+x0) : size*(y*d.Columns+x1)]
		for i := 0; i < len(row); i += size {
			v := uint16(row[i])
			if size == 2 {
				v |= uint16(row[i+1]) << 8
			}
			to = to[copy(to, table[v][:]):]
		}
	}
}

// colourRows takes the upper eight of the bits stored of each sample.
func colourRows(d *Desc, native []byte) (func(y, x0, x1 int, to []byte), error) {
	if d.Photometric != RGB && d.Photometric != YBRFull {
		return nil, unsupported("", "colour in %s", d.Photometric)
	}
	size := d.BitsAllocated / 8
	return func(y, x0, x1 int, to []byte) {
		row := native[3*size*(y*d.Columns+x0) : 3*size*(y*d.Columns+x1)]
		to = to[:3*(x1-x0)]
		if size == 1 && d.BitsStored == 8 {
			copy(to, row)
		} else {
			d.upper(row, to)
		}
		if d.Photometric == YBRFull {
			fullToRGB(to)
		}
	}, nil
}

// upper brings samples of any size to eight bits.
func (d *Desc) upper(row, to []byte) {
	size := d.BitsAllocated / 8
	for i := range to {
		var v uint32
		for k := range size {
			v |= uint32(row[i*size+k]) << (8 * k)
		}
		v = v >> (d.HighBit + 1 - d.BitsStored) & uint32(1<<d.BitsStored-1)
		if d.BitsStored >= 8 {
			to[i] = byte(v >> (d.BitsStored - 8))
		} else {
			to[i] = byte(v * 255 / (1<<d.BitsStored - 1))
		}
	}
}
