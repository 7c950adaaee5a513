// Package wfdb reads records of PhysioNet's WFDB format 波形数据库: a text header (.hea) that describes the signals, one or several files with
// their samples, and annotation files. Specification: the WFDB Applications Guide, header(5), signal(5) and annot(5).
//
// A record is a set of files. It comes either from a folder (OpenFS, ReadFS) or as one archive, ZIP or tar, that holds one record (Open, Read).
package wfdb

import (
	"time"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

// Limits of what a header may claim.
const (
	maxHeader   = 1 << 20
	maxSegments = 10_000
	maxFrame    = 1 << 16 // samples of one signal in a frame
	maxLength   = 31 * 24 * time.Hour
)

func bad(offset int64, format string, args ...any) error {
	return tracing.Errorf(tracing.WFDB, offset, format, args...)
}
