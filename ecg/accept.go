// Accept: one file in, from its first byte to the acknowledgement.

package ecg

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/codec/tracing/formats"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Source is one file on its way in.
type Source struct {
	Reader io.Reader
	Size   int64  // bytes announced, -1 if not known
	SHA256 string // hexadecimal digest announced, empty if not known
	SOPUID string // of a DICOM object that the imaging centre keeps too
	Said   Said
}

// Said is what the sender knows beside the file. What is given here replaces what the file says.
type Said struct {
	LocalID        record.Personal
	Name           record.Personal
	IDNumber       record.IDNumber
	BirthDate      record.Date
	Sex            record.Sex
	Accession      string
	Priority       record.Priority
	ClinicalInfo   string
	FirstContactAt time.Time
	Whole          bool // the patient is the one said here and nobody of the file
}

// Stored says what became of a file.
type Stored struct {
	Tracing  record.ExamID
	Case     record.CaseID
	Patient  record.PatientID
	Already  bool // the same bytes were kept before
	Format   string
	Warnings []tracing.Warning
	Alarms   []string // ids of the rules that raised one
	Pending  bool     // it is analysed afterwards
}

// Refusal is the reason a file was not taken, with its place and where the bytes are kept for a person.
type Refusal struct {
	Offset     int64 // in the file; -1 if it has no place
	Quarantine QuarantineID
	Err        error
}

func (r *Refusal) Error() string { return r.Err.Error() }
func (r *Refusal) Unwrap() error { return r.Err }

// arrival is a file that was read and measured, on its way into the index.
type arrival struct {
	scope      record.Scope
	site       site
	id         record.ExamID
	facts      facts
	said       Said
	sopUID     string
	analysis   *analysis
	state      state
	key        string
	saidKey    string
	size       int64
	sha256     string
	receivedAt time.Time // zero: now
	caseID     record.CaseID
}

// Accept takes one file: Invalid with a Refusal for what is no readable tracing, Unavailable when it should be sent again. It returns when file,
// index and case are durable. The same bytes again are answered with what was kept.
func (c *Centre) Accept(ctx context.Context, s record.Scope, src Source) (Stored, error) {
	place, err := c.siteOf(ctx, s)
	if err != nil {
		return Stored{}, err
	}
	if src.Size > c.opt.MaxFile {
		return Stored{}, tooLarge(c.opt.MaxFile)
	}
	part, err := c.spool.Begin(ctx, "")
	if err != nil {
		return Stored{}, err
	}
	defer part.Discard() // after Store it does nothing
	if err := c.receive(part, src); err != nil {
		return Stored{}, err
	}
	in, err := part.ReaderAt()
	if err != nil {
		return Stored{}, err
	}
	id, err := tracingID(place.institution, in, part.Size(), part.SHA256())
	if err != nil {
		return Stored{}, err
	}
	if kept, err := c.kept(ctx, id); err != nil || kept.Tracing != "" {
		return kept, errors.Join(err, c.nameObject(ctx, kept.Tracing, src.SOPUID))
	}
	a := &arrival{
		scope: s, site: place, id: id, said: src.Said, sopUID: src.SOPUID, size: part.Size(), sha256: part.SHA256(),
	}
	if err := c.read(a, in); err != nil {
		return Stored{}, c.refuse(ctx, s, place, part, err)
	}
	if err := c.keep(ctx, a, part); err != nil {
		return Stored{}, err
	}
	return c.index(ctx, a)
}

func tooLarge(most int64) error {
	return record.Errorf(record.Invalid, "the file is larger than %d bytes", most)
}

// receive reads the file to its end into the spool and compares it with what was announced.
func (c *Centre) receive(part *store.Part, src Source) error {
	n, err := io.Copy(part, io.LimitReader(src.Reader, c.opt.MaxFile+1))
	switch {
	case err != nil && record.KindOf(err) != record.Internal:
		return err
	case err != nil:
		return record.Wrap(record.Unavailable, err, "the file did not arrive whole; send it again")
	case n > c.opt.MaxFile:
		return tooLarge(c.opt.MaxFile)
	case n == 0:
		return record.Errorf(record.Invalid, "the file is empty")
	case src.Size >= 0 && n != src.Size:
		return record.Errorf(record.Invalid, "the file has %d bytes, %d were announced", n, src.Size)
	case src.SHA256 != "" && part.SHA256() != src.SHA256:
		return record.Errorf(record.Invalid, "the file's SHA-256 is not the announced one: it was damaged on its way")
	}
	return nil
}

// read makes a tracing of the file and measures it, if it is short.
func (c *Centre) read(a *arrival, in io.ReaderAt) error {
	rec, err := formats.Open(in, a.size)
	if err != nil {
		return err
	}
	return c.readRecording(a, rec)
}

func (c *Centre) readRecording(a *arrival, rec *tracing.Recording) error {
	g := rec.Head.Rhythm()
	if g == nil || len(g.Leads) == 0 || rec.Count == 0 {
		return tracing.Errorf(rec.Head.Format, -1, "no lead has a sample")
	}
	received := a.receivedAt
	if received.IsZero() {
		received = c.db.Now()
	}
	a.facts = c.factsOf(rec, a.site.institution, a.said, received)
	if a.facts.ambulatory {
		a.state, a.analysis = pending, &analysis{Device: deviceSays(rec.Head)}
		return nil
	}
	t, err := rec.Load()
	if err != nil {
		return err
	}
	a.state, a.analysis = analyse(t, a.facts)
	return nil
}

// keep puts what the sender said and then the file.
func (c *Centre) keep(ctx context.Context, a *arrival, part *store.Part) error {
	base := a.site.group(a.id) + "/" + record.NewID(c.db.Now())
	if a.said != (Said{}) || a.sopUID != "" {
		a.saidKey = base + saidExtension
		if err := c.putSaid(ctx, a.saidKey, a); err != nil {
			return fmt.Errorf("keep what the sender said: %w", err)
		}
	}
	a.key = base + fileExtension
	if _, err := part.Store(ctx, a.key); err != nil {
		return fmt.Errorf("keep tracing: %w", err)
	}
	return nil
}

// refuse says why a file is not taken, and keeps its bytes where a person should look at them.
func (c *Centre) refuse(ctx context.Context, s record.Scope, place site, part *store.Part, err error) error {
	var format *tracing.FormatError
	if !errors.As(err, &format) {
		return err
	}
	out := &Refusal{Offset: format.Offset, Err: record.Wrap(record.Invalid, nil, format.Error())}
	q, qErr := c.quarantine(ctx, s, place, part, out.Err)
	if qErr != nil {
		return qErr
	}
	out.Quarantine = q
	return out
}
