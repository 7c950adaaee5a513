// The checksum of records and sections: CRC-CCITT, polynomial 0x1021, start 0xFFFF, over everything after the field itself (EN 1064 5.2).

package scp

// crcTables[k][b] is what byte b does to a CRC that k further bytes follow: four bytes are taken at a time.
var crcTables = func() (t [4][256]uint16) {
	for i := range t[0] {
		c := uint16(i) << 8
		for range 8 {
			if c&0x8000 != 0 {
				c = c<<1 ^ 0x1021
			} else {
				c <<= 1
			}
		}
		t[0][i] = c
	}
	for k := 1; k < len(t); k++ {
		for i, c := range t[k-1] {
			t[k][i] = c<<8 ^ t[0][c>>8]
		}
	}
	return t
}()

func crc(b []byte) uint16 {
	c := uint16(0xFFFF)
	for ; len(b) >= 4; b = b[4:] {
		c = crcTables[3][b[0]^byte(c>>8)] ^ crcTables[2][b[1]^byte(c)] ^ crcTables[1][b[2]] ^ crcTables[0][b[3]]
	}
	for _, v := range b {
		c = c<<8 ^ crcTables[0][byte(c>>8)^v]
	}
	return c
}
