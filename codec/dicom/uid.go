package dicom

import "strings"

// UID is a unique identifier (PS3.5 §9).
type UID string

// Transfer syntaxes that the code names (PS3.5 annex A).
const (
	ImplicitLE     UID = "1.2.840.10008.1.2"
	ExplicitLE     UID = "1.2.840.10008.1.2.1"
	DeflatedLE     UID = "1.2.840.10008.1.2.1.99"
	ExplicitBE     UID = "1.2.840.10008.1.2.2"
	JPEGBaseline   UID = "1.2.840.10008.1.2.4.50"
	JPEGLossless   UID = "1.2.840.10008.1.2.4.70"
	JPEGLSLossless UID = "1.2.840.10008.1.2.4.80"
	JPEG2000       UID = "1.2.840.10008.1.2.4.90"
	RLELossless    UID = "1.2.840.10008.1.2.5"
)

// coding is how a transfer syntax writes the data set and its pixel data.
type coding struct {
	implicit, big, deflated bool
	native                  bool // pixel data has a length; otherwise it is in fragments
	turned                  bool // native pixel data is big endian though the data set is not
	shared                  bool // one fragment may hold many frames: video, multi-component and referenced pixels
}

// codings lists the transfer syntaxes that differ from the rule of PS3.5 §A.4: explicit little endian, pixel data in
// fragments, a fragment or more for each frame. Any other well-formed UID, known or not, follows the rule.
var codings = map[UID]coding{
	ImplicitLE:                  {implicit: true, native: true},
	ExplicitLE:                  {native: true},
	ExplicitBE:                  {big: true, native: true},
	DeflatedLE:                  {deflated: true, native: true},
	"1.2.840.113619.5.2":        {implicit: true, native: true, turned: true}, // GE private: implicit little endian, pixels big endian
	"1.2.840.10008.1.20":        {implicit: true, native: true},               // Papyrus 3, retired
	"1.2.840.10008.1.2.4.92":    {shared: true},                               // JPEG 2000 part 2 multi-component
	"1.2.840.10008.1.2.4.93":    {shared: true},
	"1.2.840.10008.1.2.4.94":    {native: true}, // JPIP: the pixels are elsewhere
	"1.2.840.10008.1.2.4.95":    {native: true, deflated: true},
	"1.2.840.10008.1.2.4.204":   {native: true}, // JPIP HTJ2K
	"1.2.840.10008.1.2.4.205":   {native: true, deflated: true},
	"1.2.840.10008.1.2.4.100":   {shared: true}, // MPEG-2
	"1.2.840.10008.1.2.4.100.1": {shared: true},
	"1.2.840.10008.1.2.4.101":   {shared: true},
	"1.2.840.10008.1.2.4.101.1": {shared: true},
	"1.2.840.10008.1.2.4.102":   {shared: true}, // MPEG-4 AVC
	"1.2.840.10008.1.2.4.102.1": {shared: true},
	"1.2.840.10008.1.2.4.103":   {shared: true},
	"1.2.840.10008.1.2.4.103.1": {shared: true},
	"1.2.840.10008.1.2.4.104":   {shared: true},
	"1.2.840.10008.1.2.4.104.1": {shared: true},
	"1.2.840.10008.1.2.4.105":   {shared: true},
	"1.2.840.10008.1.2.4.105.1": {shared: true},
	"1.2.840.10008.1.2.4.106":   {shared: true},
	"1.2.840.10008.1.2.4.106.1": {shared: true},
	"1.2.840.10008.1.2.4.107":   {shared: true}, // HEVC
	"1.2.840.10008.1.2.4.108":   {shared: true},
}

// Native tells whether the transfer syntax keeps pixels uncompressed and without fragments.
func (u UID) Native() bool { return codings[u].native }

// Valid tells whether the UID follows PS3.5 §9.1. Leading zeros in a component break the rule too, but devices write them:
// they are Valid and Padded.
func (u UID) Valid() bool {
	if len(u) == 0 || len(u) > 64 {
		return false
	}
	dot := true
	for i := range len(u) {
		switch c := u[i]; {
		case c == '.' && dot, c != '.' && (c < '0' || c > '9'):
			return false
		default:
			dot = c == '.'
		}
	}
	return !dot
}

// Padded tells whether a component has a leading zero.
func (u UID) Padded() bool {
	for arc := range strings.SplitSeq(string(u), ".") {
		if len(arc) > 1 && arc[0] == '0' {
			return true
		}
	}
	return false
}

// trimUID takes off the pad: one NUL by the standard, blanks in practice.
func trimUID(b []byte) UID { return UID(strings.Trim(string(b), " \x00")) }
