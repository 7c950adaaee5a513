package scp

import (
	"fmt"
	"slices"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

// ownSections is the number from which sections are those of manufacturers; below it and above 11 are those of later versions.
const ownSections = 128

// Read reads a record. Wrong checksums, damaged sections and a missing end are warnings: what is there is given, samples that are not
// there are tracing.Missing. It is a tracing.FormatError where there is no record, no lead or no sample at all.
func Read(b []byte) (*tracing.Tracing, error) {
	r, err := open(b)
	if err != nil {
		return nil, err
	}
	r.header()
	if err := r.signals(); err != nil {
		return nil, err
	}
	r.global()
	r.perLead()
	r.statements()
	var ids []int
	for id := range r.sections {
		if id >= sections && id < ownSections {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	for _, id := range ids {
		r.t.Warn(tracing.Unsupported, fmt.Sprintf("section %d", id))
	}
	return r.t, nil
}
