// Package mfer reads the Medical waveform Format Encoding Rules 医用波形 (ISO 22077-1, ISO/TS 11073-92001) of Japanese carts and monitors: definitions of
// tag, length and value, each in force until it is given again, and frames of samples.
//
// Real files were not at hand when it was written: it follows the published tables.
package mfer

import "github.com/lianzhen/lianzhen/codec/tracing"

// Tags.
const (
	tagZero      = 0x00
	tagByteOrder = 0x01
	tagVersion   = 0x02
	tagCharset   = 0x03
	tagBlock     = 0x04 // samples of a channel in a sequence
	tagChannels  = 0x05
	tagSequences = 0x06
	tagPointer   = 0x07
	tagWaveform  = 0x08
	tagLead      = 0x09
	tagDataType  = 0x0A
	tagInterval  = 0x0B
	tagSize      = 0x0C // "sensitivity": the size of a unit
	tagOffset    = 0x0D
	tagCompress  = 0x0E
	tagFilter    = 0x11
	tagNull      = 0x12
	tagMaker     = 0x17
	tagWave      = 0x1E
	tagChannel   = 0x3F
	tagPreamble  = 0x40
	tagEvent     = 0x41
	tagValue     = 0x42
	tagSkew      = 0x43
	tagGroup     = 0x67
	tagEnd       = 0x80
	tagName      = 0x81
	tagID        = 0x82
	tagAge       = 0x83
	tagSex       = 0x84
	tagTime      = 0x85
	tagMessage   = 0x86
)

const (
	maxDepth   = 4
	maxEntries = 1 << 20
	maxChanges = 4096
	maxParts   = 4 * tracing.MaxLeads
	dominant   = 9 // tagWaveform: a representative beat
	statusLead = 4160
)

func bad(offset int, format string, args ...any) error {
	return tracing.Errorf(tracing.MFER, int64(offset), format, args...)
}

var leads = map[int]tracing.Code{
	1: tracing.LeadI, 2: tracing.LeadII, 3: tracing.LeadV1, 4: tracing.LeadV2, 5: tracing.LeadV3, 6: tracing.LeadV4, 7: tracing.LeadV5, 8: tracing.LeadV6,
	9: tracing.LeadV7, 11: tracing.LeadV3R, 12: tracing.LeadV4R, 13: tracing.LeadV5R, 14: tracing.LeadV6R, 15: tracing.LeadV7R,
	16: tracing.LeadX, 17: tracing.LeadY, 18: tracing.LeadZ, 20: tracing.LeadCM5,
	61: tracing.LeadIII, 62: tracing.LeadAVR, 63: tracing.LeadAVL, 64: tracing.LeadAVF, 66: tracing.LeadV8, 67: tracing.LeadV9,
	70: tracing.LeadD, 71: tracing.LeadA, 72: tracing.LeadJ,
}

var labels = map[int]string{
	19: "CC5", 31: "NASA", 32: "CB4", 33: "CB5", 34: "CB6", 65: "-aVR", 68: "V8R", 69: "V9R",
	4166: "ECG1", 4167: "ECG2", 4168: "ECG3", 4169: "ECG4",
}
