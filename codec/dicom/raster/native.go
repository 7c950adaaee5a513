package raster

import "github.com/lianzhen/lianzhen/codec/dicom"

// decodeNative brings a frame of native pixel data to colour by pixel with full chrominance.
func decodeNative(_ dicom.UID, d Desc, frame []byte) ([]byte, Desc, error) {
	need := (d.frameBits() + int64(d.FirstBit) + 7) / 8
	if int64(len(frame)) < need {
		return nil, d, short(need, int64(len(frame)))
	}
	frame = frame[:need]
	switch {
	case d.BitsAllocated == 1:
		frame = aligned(frame, d.FirstBit, int(d.frameBits()))
		d.FirstBit = 0
	case d.Samples == 3 && d.pixelBits() != 3*int64(d.BitsAllocated):
		return fullChrominance(d, frame)
	case d.Samples == 3 && d.Planar == 1:
		frame = byPixel(frame, int(d.Rows)*int(d.Columns), d.BitsAllocated/8)
	}
	d.Planar = 0
	return frame, d, nil
}

// decodeBig turns big-endian samples round first. Eight bits in OW are words too (PS3.5 §A.3, §D.1); their frame needs a byte
// more than it has when it is odd.
func decodeBig(syntax dicom.UID, d Desc, frame []byte) ([]byte, Desc, error) {
	return decodeNative(syntax, d, swapped(frame, d.unit(), nil))
}

// unit is how many bytes a big-endian stream turns round.
func (d *Desc) unit() int {
	switch {
	case d.BitsAllocated > 8:
		return d.BitsAllocated / 8
	case d.VR == dicom.OW:
		return 2
	}
	return 1
}

// swapped gives b with every unit turned round, in new memory; bytes of an unfinished unit stay.
func swapped(b []byte, unit int, to []byte) []byte {
	if unit == 1 {
		return b
	}
	to = append(to[:0], b...)
	switch unit {
	case 2:
		for i := 0; i+1 < len(to); i += 2 {
			to[i], to[i+1] = to[i+1], to[i]
		}
	default:
		for i := 0; i+unit <= len(to); i += unit {
			for j, k := i, i+unit-1; j < k; j, k = j+1, k-1 {
				to[j], to[k] = to[k], to[j]
			}
		}
	}
	return to
}

// aligned shifts n packed bits from a first bit down to bit 0 and clears what follows them.
func aligned(b []byte, first, n int) []byte {
	out := make([]byte, (n+7)/8)
	for i := range out {
		out[i] = b[i] >> first
		if first > 0 && i+1 < len(b) {
			out[i] |= b[i+1] << (8 - first)
		}
	}
	if rest := n % 8; rest > 0 {
		out[len(out)-1] &= 1<<rest - 1
	}
	return out
}

// byPixel turns three planes into pixels of three samples, each of size bytes.
func byPixel(b []byte, pixels, size int) []byte {
	out := make([]byte, len(b))
	plane := pixels * size
	if size == 1 {
		r, g, bl := b[:plane], b[plane:2*plane], b[2*plane:3*plane]
		for i := range r {
			out[3*i], out[3*i+1], out[3*i+2] = r[i], g[i], bl[i]
		}
		return out
	}
	for c := range 3 {
		for i := range pixels {
			copy(out[(3*i+c)*size:(3*i+c+1)*size], b[c*plane+i*size:])
		}
	}
	return out
}

// fullChrominance gives each pixel of a horizontally halved frame, Y1 Y2 Cb Cr, its own chrominance (PS3.3 C.7.6.3.1.2).
func fullChrominance(d Desc, b []byte) ([]byte, Desc, error) {
	if d.BitsAllocated != 8 || d.Photometric == YBRPartial420 || d.Columns%2 != 0 {
		return nil, d, unsupported("", "native %s of %d bits with %d columns", d.Photometric, d.BitsAllocated, d.Columns)
	}
	out := make([]byte, 0, d.NativeBytes())
	for ; len(b) >= 4; b = b[4:] {
		out = append(out, b[0], b[2], b[3], b[1], b[2], b[3])
	}
	d.Planar = 0
	if d.Photometric == YBRPartial422 { // has no name with full chrominance
		partialToRGB(out)
		d.Photometric = RGB
	} else {
		d.Photometric = YBRFull
	}
	return out, d, nil
}

// joiner packs frames of single bits one behind the other, as native pixel data wants them (PS3.5 §8.1.1).
type joiner struct {
	held byte
	n    int // bits held
}

// add gives the whole bytes that are ready after n more bits.
func (j *joiner) add(b []byte, n int) []byte {
	out := make([]byte, 0, len(b)+1)
	for i := range b {
		k := min(8, n-8*i)
		v := b[i] & byte(1<<k-1)
		out, j.held, j.n = j.push(out, v, k)
	}
	return out
}

func (j *joiner) push(out []byte, v byte, k int) ([]byte, byte, int) {
	all := uint16(j.held) | uint16(v)<<j.n
	if n := j.n + k; n < 8 {
		return out, byte(all), n
	}
	return append(out, byte(all)), byte(all >> 8), j.n + k - 8
}

// rest gives the last, unfinished byte.
func (j *joiner) rest() []byte {
	if j.n == 0 {
		return nil
	}
	return []byte{j.held}
}
