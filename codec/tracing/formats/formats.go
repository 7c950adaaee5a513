package formats

import (
	"io"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/codec/tracing/aecg"
	"github.com/lianzhen/lianzhen/codec/tracing/beneheart"
	"github.com/lianzhen/lianzhen/codec/tracing/contec"
	"github.com/lianzhen/lianzhen/codec/tracing/csv"
	"github.com/lianzhen/lianzhen/codec/tracing/dicomecg"
	"github.com/lianzhen/lianzhen/codec/tracing/edan"
	"github.com/lianzhen/lianzhen/codec/tracing/edf"
	"github.com/lianzhen/lianzhen/codec/tracing/ishne"
	"github.com/lianzhen/lianzhen/codec/tracing/mfer"
	"github.com/lianzhen/lianzhen/codec/tracing/muse"
	"github.com/lianzhen/lianzhen/codec/tracing/scp"
	"github.com/lianzhen/lianzhen/codec/tracing/sierra"
	"github.com/lianzhen/lianzhen/codec/tracing/wfdb"
	"github.com/lianzhen/lianzhen/codec/tracing/zoncare"
)

// dialect is one format that is read.
type dialect struct {
	format tracing.Format
	sniff  func(head []byte) bool
	read   func(b []byte) (*tracing.Tracing, error)
	open   func(r io.ReaderAt, size int64) (*tracing.Recording, error) // nil: its files are short
	guess  bool                                                        // its files have no signature: asked only where no other knows the file
}

// dialects in the order they are asked: what begins with a signature first, what is only likely last.
var dialects = []dialect{
	{tracing.DICOM, dicomecg.Sniff, dicomecg.Read, dicomecg.Open, false},
	{tracing.SCP, scp.Sniff, scp.Read, nil, false},
	{tracing.ISHNE, ishne.Sniff, ishne.Read, ishne.Open, false},
	{tracing.BDF, bdf, edf.Read, edf.Open, false},
	{tracing.EDF, func(h []byte) bool { return !bdf(h) && edf.Sniff(h) }, edf.Read, edf.Open, false},
	{tracing.MUSE, muse.Sniff, muse.Read, nil, false},
	{tracing.Sierra, sierra.Sniff, sierra.Read, nil, false},
	{tracing.Mindray, beneheart.Sniff, beneheart.Read, nil, false},
	{tracing.Zoncare, zoncare.Sniff, zoncare.Read, nil, false},
	{tracing.AECG, aecg.Sniff, aecg.Read, nil, false},
	{tracing.WFDB, wfdb.Sniff, wfdb.Read, wfdb.Open, false},
	{tracing.MFER, mfer.Sniff, mfer.Read, nil, false},
	{tracing.Contec, contec.Sniff, contec.Read, nil, true},
	{tracing.Edan, edan.Sniff, edan.Read, nil, true},
}

// bdf tells the form of EDF with 24 bits by its first byte.
func bdf(head []byte) bool { return len(head) > 0 && head[0] == 0xFF && edf.Sniff(head) }

// writer is one format that is written.
type writer struct {
	name  string
	write func(w io.Writer, t *tracing.Tracing) error
}

// writers by the names that users give.
var writers = []writer{
	{"dicom", dicomecg.Write},
	{"scp", scp.Write},
	{"aecg", aecg.Write},
	{"edf", edf.Write},
	{"csv", csv.Write},
}
