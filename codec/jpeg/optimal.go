package jpeg

import "math"

const classes = 17 // of differences: 0 to 16 bits (H.1.2.2)

// optimal is the best Huffman table for what was counted.
type optimal struct {
	count  [16]byte // codes of each length
	symbol []byte

	// What is written for a class: its code, before room for the bits by which a difference is told from others of its class;
	// which bits these are; and how long it is together. 32 of each to spare bounds checks.
	lead, own [32]uint32
	total     [32]uint8
}

// newOptimal makes a table for frequencies by annex K.2. A symbol that stands for no class is counted once, since no code
// may be all ones.
func newOptimal(freq [classes]int) *optimal {
	const none = classes
	var f, link, size [classes + 1]int
	copy(f[:], freq[:])
	f[none] = 1
	for i := range link {
		link[i] = -1
	}
	for {
		a, b := rarest(&f)
		if b < 0 {
			break
		}
		f[a] += f[b]
		f[b] = 0
		a = lengthen(a, &link, &size)
		link[a] = b
		lengthen(b, &link, &size)
	}
	return assign(size)
}

// rarest are the two symbols seen least, of equals the last; b is -1 when there is but one.
func rarest(f *[classes + 1]int) (a, b int) {
	a, b = -1, -1
	low, next := math.MaxInt, math.MaxInt
	for i, v := range f {
		switch {
		case v == 0:
		case v <= low:
			next, b = low, a
			low, a = v, i
		case v <= next:
			next, b = v, i
		}
	}
	return a, b
}

// lengthen makes the codes of a chain a bit longer, and gives its end.
func lengthen(i int, link, size *[classes + 1]int) int {
	size[i]++
	for link[i] >= 0 {
		i = link[i]
		size[i]++
	}
	return i
}

// assign gives out codes by length (figures K.3 and C.2). Eighteen symbols may need 17 bits; then two are brought to 16.
func assign(size [classes + 1]int) *optimal {
	var count [classes + 2]int
	for _, n := range size {
		count[n]++
	}
	for i := len(count) - 1; i > 16; i-- {
		for count[i] > 0 {
			j := i - 2
			for count[j] == 0 {
				j--
			}
			count[i] -= 2
			count[i-1]++
			count[j+1] += 2
			count[j]--
		}
	}
	for i := 16; i > 0; i-- {
		if count[i] > 0 {
			count[i]-- // the symbol that stands for no class
			break
		}
	}
	o := new(optimal)
	for n := 1; n < len(size)+1; n++ {
		for i, s := range size[:classes] {
			if s == n {
				o.symbol = append(o.symbol, byte(i))
			}
		}
	}
	code, place := uint32(0), 0
	for n := 1; n <= 16; n++ {
		o.count[n-1] = byte(count[n])
		for range count[n] {
			s := o.symbol[place]
			own := s
			if s == 16 { // 32768 alone
				own = 0
			}
			o.lead[s], o.own[s], o.total[s] = code<<own, 1<<own-1, uint8(n)+own
			code++
			place++
		}
		code <<= 1
	}
	return o
}
