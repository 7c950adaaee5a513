package dicom

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"
)

// maxDS is how many characters a DS may have (PS3.5 table 6.2-1).
const maxDS = 16

// appendBinary writes a number, or an attribute tag as eight hexadecimal digits, that came as text; false if it is none.
func appendBinary(to []byte, vr VR, s string) ([]byte, bool) {
	s = strings.TrimSpace(s)
	o := binary.LittleEndian
	switch vr {
	case FL, OF:
		f, err := strconv.ParseFloat(s, 32)
		return o.AppendUint32(to, math.Float32bits(float32(f))), err == nil
	case FD, OD:
		f, err := strconv.ParseFloat(s, 64)
		return o.AppendUint64(to, math.Float64bits(f)), err == nil
	case AT:
		n, err := strconv.ParseUint(s, 16, 32)
		if err != nil || len(s) != 8 {
			return to, false
		}
		return o.AppendUint16(o.AppendUint16(to, uint16(n>>16)), uint16(n)), true
	}
	n, ok := whole(s, int(vr.traits().unit)*8, vr == SS || vr == SL || vr == SV)
	if !ok {
		return to, false
	}
	switch vr.traits().unit {
	case 1:
		return append(to, byte(n)), true
	case 2:
		return o.AppendUint16(to, uint16(n)), true
	case 4:
		return o.AppendUint32(to, uint32(n)), true
	}
	return o.AppendUint64(to, n), true
}

// whole reads a whole number, also one written as 3.0 or 1e2, which fits the bits.
func whole(s string, bits int, signed bool) (uint64, bool) {
	s = strings.TrimPrefix(s, "+")
	if signed {
		if n, err := strconv.ParseInt(s, 10, bits); err == nil {
			return uint64(n), true
		}
	} else if n, err := strconv.ParseUint(s, 10, bits); err == nil {
		return n, true
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f != math.Trunc(f) {
		return 0, false
	}
	low, high := 0.0, math.Ldexp(1, bits)
	if signed {
		low, high = -high/2, high/2
	}
	if f < low || f >= high {
		return 0, false
	}
	if f < 0 {
		return uint64(int64(f)), true
	}
	return uint64(f), true
}

func appendInt(to []byte, vr VR, i, v int) []byte {
	switch vr.traits().shape {
	case numbers:
		switch {
		case vr == FL || vr == FD:
			return appendFloat(to, vr, i, float64(v))
		case vr.traits().unit == 2:
			return binary.LittleEndian.AppendUint16(to, uint16(v))
		case vr.traits().unit == 4:
			return binary.LittleEndian.AppendUint32(to, uint32(v))
		}
		return binary.LittleEndian.AppendUint64(to, uint64(v))
	case tags:
		return binary.LittleEndian.AppendUint16(binary.LittleEndian.AppendUint16(to, uint16(v>>16)), uint16(v))
	}
	if i > 0 {
		to = append(to, '\\')
	}
	return strconv.AppendInt(to, int64(v), 10)
}

func appendFloat(to []byte, vr VR, i int, v float64) []byte {
	switch vr {
	case FL:
		return binary.LittleEndian.AppendUint32(to, math.Float32bits(float32(v)))
	case FD:
		return binary.LittleEndian.AppendUint64(to, math.Float64bits(v))
	}
	if vr.traits().shape == numbers {
		return appendInt(to, vr, i, int(v))
	}
	if i > 0 {
		to = append(to, '\\')
	}
	return append(to, fitDecimal(strconv.FormatFloat(v, 'g', -1, 64))...)
}

// fitDecimal shortens a number to what a DS has room for. What is no number stays.
func fitDecimal(s string) string {
	if len(s) <= maxDS {
		return s
	}
	f, err := strconv.ParseFloat(s, 64)
	for digits := maxDS - 1; err == nil && digits > 0; digits-- {
		if short := strconv.FormatFloat(f, 'g', digits, 64); len(short) <= maxDS {
			return short
		}
	}
	return s
}

// fitNumber makes of a number in text what a DS or IS can hold; an IS knows neither 3.0 nor 1e2.
func fitNumber(vr VR, s string) string {
	if vr == DS {
		return fitDecimal(s)
	}
	if _, rest := digits([]byte(strings.TrimLeft(s, "+-"))); len(rest) > 0 {
		if n, ok := whole(s, 32, true); ok {
			return strconv.FormatInt(int64(n), 10)
		}
	}
	return s
}
