// What goes out: the file as it came, samples of a window, a sheet of paper, another format.

package ecg

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/codec/tracing/dicomecg"
	"github.com/lianzhen/lianzhen/codec/tracing/formats"
	"github.com/lianzhen/lianzhen/ecg/paper"
	"github.com/lianzhen/lianzhen/record"
)

// File opens the bytes of a tracing as they came, from offset on.
func (c *Centre) File(ctx context.Context, s record.Scope, id record.ExamID, offset int64) (Kept, io.ReadCloser, error) {
	t, err := c.Get(ctx, s, id)
	if err != nil {
		return Kept{}, nil, err
	}
	if offset < 0 || offset > t.Size {
		return Kept{}, nil, record.Errorf(record.Invalid, "the file has %d bytes", t.Size)
	}
	r, err := c.blobs.Range(ctx, t.key, offset, t.Size-offset)
	return t, r, err
}

// recording opens the samples of a tracing where they are kept.
func (c *Centre) recording(ctx context.Context, t Kept) (*tracing.Recording, error) {
	rec, err := formats.Open(&blobReader{ctx: ctx, blobs: c.blobs, key: t.key, size: t.Size}, t.Size)
	if err != nil {
		return nil, fmt.Errorf("open kept tracing %s: %w", t.ID, err)
	}
	return rec, nil
}

// window loads the samples from..from+span; a zero span is all, at most the longest that is loaded.
func (c *Centre) window(ctx context.Context, t Kept, from, span time.Duration) (*Tracing, error) {
	rec, err := c.recording(ctx, t)
	if err != nil {
		return nil, err
	}
	g := rec.Head.Rhythm()
	if g == nil {
		return nil, record.Errorf(record.Precondition, "tracing %s has no rhythm", t.ID)
	}
	if span <= 0 || span > longestWindow {
		span = longestWindow
	}
	out, err := rec.Window(samplesIn(from, g.Rate), samplesIn(span, g.Rate))
	if err != nil {
		return nil, err
	}
	return out, nil
}

const longestWindow = 2 * time.Minute

func samplesIn(d time.Duration, rate tracing.Ratio) int64 {
	return int64(d.Seconds()*rate.Float() + 0.5)
}

// Samples of a window in the compact form of docs/ecg.md.
func (c *Centre) Samples(ctx context.Context, s record.Scope, id record.ExamID, from, span time.Duration) ([]byte, error) {
	t, err := c.Get(ctx, s, id)
	if err != nil {
		return nil, err
	}
	w, err := c.window(ctx, t, from, span)
	if err != nil {
		return nil, err
	}
	return paper.Samples(w)
}

// SheetRequest says how a tracing is drawn.
type SheetRequest struct {
	Format   string // "pdf", "svg", "png"; empty is "pdf"
	Options  paper.Options
	Language paper.Language
	DPI      int // of PNG; 0 is 150
	From     time.Duration
}

// Sheet draws a tracing with what is known of it: the signed report, where there is one.
func (c *Centre) Sheet(ctx context.Context, s record.Scope, id record.ExamID, q SheetRequest) (data []byte, contentType string, err error) {
	t, err := c.Get(ctx, s, id)
	if err != nil {
		return nil, "", err
	}
	sheet, err := c.sheet(ctx, s, t, q)
	if err != nil {
		return nil, "", err
	}
	var buf bytes.Buffer
	switch q.Format {
	case "", "pdf":
		return drawn(&buf, "application/pdf", paper.PDF(&buf, sheet))
	case "svg":
		return drawn(&buf, "image/svg+xml", paper.SVG(&buf, sheet))
	case "png":
		dpi := q.DPI
		if dpi == 0 {
			dpi = 150
		}
		return drawn(&buf, "image/png", paper.PNG(&buf, sheet, dpi))
	}
	return nil, "", record.Errorf(record.Invalid, "format: want pdf, svg or png")
}

func drawn(buf *bytes.Buffer, contentType string, err error) ([]byte, string, error) {
	if err != nil {
		return nil, "", fmt.Errorf("draw tracing: %w", err)
	}
	return buf.Bytes(), contentType, nil
}

// Export writes a tracing in another format: one of formats.Names, or "dicom-pdf" for its sheet as DICOM Encapsulated PDF. Ambulatory
// recordings are exported as they came.
func (c *Centre) Export(ctx context.Context, s record.Scope, id record.ExamID, format string) (data []byte, contentType string, err error) {
	t, err := c.Get(ctx, s, id)
	if err != nil {
		return nil, "", err
	}
	var buf bytes.Buffer
	if format == "dicom-pdf" {
		return c.encapsulated(ctx, s, t)
	}
	types := map[string]string{
		"dicom": "application/dicom", "scp": "application/octet-stream", "aecg": "application/xml", "edf": "application/octet-stream", "csv": "text/csv",
	}
	if types[format] == "" {
		return nil, "", record.Errorf(record.Invalid, "format: want one of %v or dicom-pdf", formats.Written())
	}
	if t.Ambulatory {
		return nil, "", record.Errorf(record.Precondition, "an ambulatory recording is given out as it came: fetch its file")
	}
	rec, err := c.recording(ctx, t)
	if err != nil {
		return nil, "", err
	}
	w, err := rec.Load() // all of it: a part would pass for the whole
	if err != nil {
		return nil, "", err
	}
	if err := formats.Write(&buf, format, c.identified(t, w)); err != nil {
		return nil, "", record.Wrap(record.Precondition, nil, "this tracing cannot be written as "+format+": "+err.Error())
	}
	return buf.Bytes(), types[format], c.noteExport(ctx, s, t, format)
}

func (c *Centre) noteExport(ctx context.Context, s record.Scope, t Kept, format string) error {
	return c.db.Note(ctx, record.Event{
		Act: "tracing.exported", Institution: t.Institution, Patient: t.Patient, Kind: "tracing", Object: string(t.ID), Outcome: record.Success,
		Detail: map[string]string{"format": format},
	}.By(s))
}

// identified is a tracing under the patient whose it is here.
func (c *Centre) identified(t Kept, w *Tracing) *Tracing {
	out := *w
	p := &out.Patient
	p.ID, p.Name, p.Sex, p.BirthDate, p.AgeYears = t.LocalNumber.Reveal(), t.Name.Reveal(), string(t.Sex), "", float64(max(0, t.AgeYears))
	out.Order, out.Indication = cmp.Or(t.Accession, out.Order), cmp.Or(t.ClinicalInfo, out.Indication)
	if d, err := record.ParseDate(t.BirthDate); err == nil && !d.IsZero() {
		p.BirthDate = fmt.Sprintf("%04d%02d%02d", d.Year, d.Month, d.Day)
	}
	if out.RecordedAt.IsZero() {
		out.RecordedAt, out.ZoneKnown = t.RecordedAt, true
	}
	return &out
}

func (c *Centre) encapsulated(ctx context.Context, s record.Scope, t Kept) ([]byte, string, error) {
	sheet, err := c.sheet(ctx, s, t, SheetRequest{})
	if err != nil {
		return nil, "", err
	}
	var pdf, out bytes.Buffer
	if err := paper.PDF(&pdf, sheet); err != nil {
		return nil, "", fmt.Errorf("draw tracing: %w", err)
	}
	meta := dicomecg.PDFMeta{
		Patient: c.identified(t, &Tracing{}).Patient, Title: "心电图报告 ECG report", At: c.db.Now(), ZoneKnown: true, Recorded: t.RecordedAt,
	}
	meta.AccessionNumber = t.Accession
	err = dicomecg.EncapsulatePDF(&out, pdf.Bytes(), meta)
	if err != nil {
		return nil, "", fmt.Errorf("wrap sheet: %w", err)
	}
	return out.Bytes(), "application/dicom", c.noteExport(ctx, s, t, "dicom-pdf")
}
