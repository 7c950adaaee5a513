// Package edf reads and writes the European Data Format 欧洲数据格式 and its relatives: EDF (1992), EDF+ with annotations, continuous or with
// gaps (2003), and the 24-bit BDF and BDF+ of BioSemi. What real writers get wrong (decimal commas, record counts that were never filled in,
// a last record full of padding) is read with a warning.
package edf

import "github.com/lianzhen/lianzhen/codec/tracing"

const (
	fixedSize  = 256 // of the fixed header, and of the header of a signal
	maxSignals = 512 // in a file; tracing.MaxLeads of them are taken
)

func bad(f tracing.Format, offset int64, format string, args ...any) error {
	return tracing.Errorf(f, offset, format, args...)
}
