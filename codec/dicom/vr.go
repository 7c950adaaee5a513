package dicom

// VR is a value representation: its two letters as one number (PS3.5 §6.2).
type VR uint16

// The value representations of PS3.5 table 6.2-1.
const (
	AE VR = 'A'<<8 | 'E'
	AS VR = 'A'<<8 | 'S'
	AT VR = 'A'<<8 | 'T'
	CS VR = 'C'<<8 | 'S'
	DA VR = 'D'<<8 | 'A'
	DS VR = 'D'<<8 | 'S'
	DT VR = 'D'<<8 | 'T'
	FD VR = 'F'<<8 | 'D'
	FL VR = 'F'<<8 | 'L'
	IS VR = 'I'<<8 | 'S'
	LO VR = 'L'<<8 | 'O'
	LT VR = 'L'<<8 | 'T'
	OB VR = 'O'<<8 | 'B'
	OD VR = 'O'<<8 | 'D'
	OF VR = 'O'<<8 | 'F'
	OL VR = 'O'<<8 | 'L'
	OV VR = 'O'<<8 | 'V'
	OW VR = 'O'<<8 | 'W'
	PN VR = 'P'<<8 | 'N'
	SH VR = 'S'<<8 | 'H'
	SL VR = 'S'<<8 | 'L'
	SQ VR = 'S'<<8 | 'Q'
	SS VR = 'S'<<8 | 'S'
	ST VR = 'S'<<8 | 'T'
	SV VR = 'S'<<8 | 'V'
	TM VR = 'T'<<8 | 'M'
	UC VR = 'U'<<8 | 'C'
	UI VR = 'U'<<8 | 'I'
	UL VR = 'U'<<8 | 'L'
	UN VR = 'U'<<8 | 'N'
	UR VR = 'U'<<8 | 'R'
	US VR = 'U'<<8 | 'S'
	UT VR = 'U'<<8 | 'T'
	UV VR = 'U'<<8 | 'V'
)

// shape says how values of a VR are laid out and read.
type shape uint8

const (
	strings8 shape = iota + 1 // values parted by backslash, default repertoire
	texts                     // values parted by backslash, Specific Character Set applies
	text                      // one value, Specific Character Set applies
	names                     // person names
	decimals                  // numbers as text
	numbers                   // binary numbers
	tags                      // attribute tags
	opaque                    // bytes or words
	sequence
)

// traits is what the standard says of one VR: PS3.5 table 6.2-1 and §7.1.2 (long: four-byte length after two reserved bytes).
type traits struct {
	shape shape
	unit  uint8 // bytes of one binary value; what big endian turns round
	long  bool
}

var vrTraits = map[VR]traits{
	AE: {shape: strings8}, AS: {shape: strings8}, CS: {shape: strings8}, DA: {shape: strings8}, DT: {shape: strings8},
	TM: {shape: strings8}, UI: {shape: strings8}, UR: {shape: text, long: true},
	LO: {shape: texts}, SH: {shape: texts}, UC: {shape: texts, long: true},
	LT: {shape: text}, ST: {shape: text}, UT: {shape: text, long: true},
	PN: {shape: names}, DS: {shape: decimals}, IS: {shape: decimals},
	AT: {shape: tags, unit: 2}, SS: {shape: numbers, unit: 2}, US: {shape: numbers, unit: 2},
	SL: {shape: numbers, unit: 4}, UL: {shape: numbers, unit: 4}, FL: {shape: numbers, unit: 4},
	FD: {shape: numbers, unit: 8}, SV: {shape: numbers, unit: 8, long: true}, UV: {shape: numbers, unit: 8, long: true},
	OB: {shape: opaque, unit: 1, long: true}, OW: {shape: opaque, unit: 2, long: true}, OL: {shape: opaque, unit: 4, long: true},
	OF: {shape: opaque, unit: 4, long: true}, OD: {shape: opaque, unit: 8, long: true}, OV: {shape: opaque, unit: 8, long: true},
	UN: {shape: opaque, unit: 1, long: true}, SQ: {shape: sequence, long: true},
}

// vrIndex is vrTraits as an array over both letters, since every element asks.
var vrIndex = func() (index [26 * 26]traits) {
	for vr, t := range vrTraits {
		index[vr.slot()] = t
	}
	return index
}()

func (vr VR) slot() int { return int(vr>>8-'A')*26 + int(vr&0xFF-'A') }

// letters tells whether both bytes are capital letters, as those of any VR are.
func (vr VR) letters() bool {
	a, b := vr>>8, vr&0xFF
	return 'A' <= a && a <= 'Z' && 'A' <= b && b <= 'Z'
}

// traits of a VR that the standard does not know (yet) are those of UN: PS3.5 §6.2 note, future VRs take the long form.
func (vr VR) traits() traits {
	if !vr.letters() {
		return vrTraits[UN]
	}
	if t := vrIndex[vr.slot()]; t.shape != 0 {
		return t
	}
	return traits{shape: opaque, unit: 1, long: true}
}

// String is the two letters.
func (vr VR) String() string { return string([]byte{byte(vr >> 8), byte(vr)}) }

// text tells whether Specific Character Set applies (PS3.3 C.12.1.1.2).
func (vr VR) text() bool {
	switch vr.traits().shape {
	case texts, text, names:
		return vr != UR
	}
	return false
}

// swap turns big-endian binary values round in place; text and bytes stay.
func (vr VR) swap(b []byte) {
	unit := int(vr.traits().unit)
	for ; unit > 1 && len(b) >= unit; b = b[unit:] {
		for i, j := 0, unit-1; i < j; i, j = i+1, j-1 {
			b[i], b[j] = b[j], b[i]
		}
	}
}
