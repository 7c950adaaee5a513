package raster

// chroma holds what a chrominance sample adds to red, green and blue, in 65536ths (PS3.3 C.7.6.3.1.2, CCIR 601-2).
type chroma struct{ red, greenR, greenB, blue [256]int32 }

const half = 1 << 15

var fullChroma = newChroma(1.402, 0.714136286, 0.344136286, 1.772)

// partialChroma is for samples between 16 and 240.
var partialChroma = newChroma(1.596026786, 0.812967647, 0.391762290, 2.017232143)

func newChroma(rv, gv, gu, bu float64) *chroma {
	c := &chroma{}
	for i := range 256 {
		d := float64(i-128) * (1 << 16)
		c.red[i], c.blue[i] = int32(rv*d)+half, int32(bu*d)+half
		c.greenR[i], c.greenB[i] = int32(-gv*d), int32(-gu*d)+half
	}
	return c
}

// fullToRGB turns pixels of YBR_FULL, three bytes each, into RGB in place.
func fullToRGB(b []byte) {
	for ; len(b) >= 3; b = b[3:] {
		y, u, v := int32(b[0])<<16, b[1], b[2]
		b[0] = eight(y + fullChroma.red[v])
		b[1] = eight(y + fullChroma.greenR[v] + fullChroma.greenB[u])
		b[2] = eight(y + fullChroma.blue[u])
	}
}

// partialToRGB is fullToRGB for luminance of 16 to 235 and chrominance of 16 to 240.
func partialToRGB(b []byte) {
	for ; len(b) >= 3; b = b[3:] {
		y, u, v := (int32(b[0])-16)*76309, b[1], b[2] // 255/219 in 65536ths
		b[0] = eight(y + partialChroma.red[v])
		b[1] = eight(y + partialChroma.greenR[v] + partialChroma.greenB[u])
		b[2] = eight(y + partialChroma.blue[u])
	}
}

// eight takes the whole part within a byte.
func eight(v int32) byte {
	if v>>16 != 0 && uint32(v) > 0xFFFFFF {
		if v < 0 {
			return 0
		}
		return 255
	}
	return byte(v >> 16)
}
