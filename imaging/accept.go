// Accept: one object in, from its first byte to the acknowledgement.

package imaging

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Source is one object on its way in. Reader ends with io.EOF when the sender has said all; any other error is a broken
// line, after which a resumable object can be continued.
type Source struct {
	Reader io.Reader
	Size   int64  // bytes announced, -1 if not known
	SHA256 string // hexadecimal digest announced, empty if not known
	Resume bool   // hold the bytes when the line breaks; needs Size and SHA256

	// Study is the one that the object was sent for, empty for any. An object of another is refused, and not kept: its
	// sender holds it and has only said the wrong address.
	Study dicom.UID
}

// Stored says what became of an object.
type Stored struct {
	Instance  InstanceID
	Study     record.ExamID
	StudyUID  dicom.UID
	SeriesUID dicom.UID
	SOPUID    dicom.UID
	SOPClass  dicom.UID
	Already   bool // the same bytes were kept before
	Warnings  []string
}

// Refusal is the reason an object was not taken, with its place and where the bytes are kept for a person.
type Refusal struct {
	Offset     int64 // in the object; -1 if it has no place
	Quarantine QuarantineID
	Format     dicom.Kind // of what the scanner refused, else 0
	SOPUID     dicom.UID  // as far as the object could be read
	SOPClass   dicom.UID
	Err        error
}

func (r *Refusal) Error() string { return r.Err.Error() }
func (r *Refusal) Unwrap() error { return r.Err }

// arrival is an object whose bytes are complete and checked, on its way into the index.
type arrival struct {
	scope      record.Scope
	site       site
	facts      facts
	header     *dicom.DataSet
	id         InstanceID
	study      record.ExamID
	size       int64
	sha256     string
	meta       []byte
	frames     []byte
	receivedAt time.Time // zero: now
	key        string    // of a blob of its own, once stored
	already    bool

	form *form         // of an object under correction: facts, header, meta and frames are the form's
	sent record.ExamID // the study that it was sent as, if it is of another

	studyRaw, seriesRaw []byte // where the header was let go
}

// Accept takes one object: Invalid for what is no acceptable DICOM, Conflict when other bytes are kept under its SOP
// Instance UID, Unavailable when it should be sent again. It returns when bytes and index are durable.
func (c *Centre) Accept(ctx context.Context, s record.Scope, src Source) (Stored, error) {
	place, err := c.siteOf(ctx, s)
	if err != nil {
		return Stored{}, err
	}
	if src.Size > c.opt.MaxObject {
		return Stored{}, TooLarge(c.opt.MaxObject)
	}
	part, err := c.spool.Begin(ctx, resumeKey(src, place.institution))
	if err != nil {
		return Stored{}, err
	}
	defer part.Discard() // after Store or Keep it does nothing
	here := c.arriving.begin()
	defer here()
	got := refused{Part: part}
	o, err := c.receive(&got, src, here)
	here()
	if err != nil {
		return Stored{}, c.refuse(ctx, s, place, src, got, err)
	}
	a := &arrival{scope: s, site: place, facts: c.factsOf(o, place.institution, c.db.Now()), header: &o.Header.DataSet, size: part.Size(), sha256: part.SHA256()}
	a.id, a.study = instanceID(place.institution, a.facts.sop), studyID(place.institution, a.facts.study)
	if a.meta, err = metadata(o); err != nil {
		return Stored{}, err
	}
	a.frames = frameTable(o)
	if err := c.keep(ctx, a, part); err != nil {
		got.key = a.key
		same, sameErr := c.forwarded(ctx, a, part, err)
		if same {
			return c.tell(ctx, s, c.alreadyStored(ctx, a))
		}
		if sameErr != nil {
			return Stored{}, fmt.Errorf("compare with the kept object: %w", sameErr)
		}
		return Stored{}, c.refuse(ctx, a.scope, place, src, got, err)
	}
	return c.tell(ctx, s, a.stored())
}

// tell lets the rest of the house know of an object before its sender does.
func (c *Centre) tell(ctx context.Context, s record.Scope, st Stored) (Stored, error) {
	if c.opt.OnStored == nil {
		return st, nil
	}
	warning, err := c.opt.OnStored(ctx, s, st, func() (io.ReadCloser, error) {
		i, err := c.instance(ctx, st.Instance, "1 = 1")
		if err != nil {
			return nil, err
		}
		return c.open(ctx, i, 0, i.Size)
	})
	if warning != "" {
		st.Warnings = append(st.Warnings, warning)
	}
	return st, err
}

func (a *arrival) stored() Stored {
	return Stored{
		Instance: a.id, Study: a.study, StudyUID: a.facts.study, SeriesUID: a.facts.series, SOPUID: a.facts.sop,
		SOPClass: a.facts.sopClass, Already: a.already, Warnings: a.facts.warnings,
	}
}

// alreadyStored answers for an object whose data set is kept; a blob that it has become meanwhile is of no use.
func (c *Centre) alreadyStored(ctx context.Context, a *arrival) Stored {
	if a.key != "" {
		_ = c.blobs.Delete(ctx, a.key) // what stays is swept
	}
	a.already = true
	return a.stored()
}

// Withhold keeps the bytes of an object from a sender who may not store it, for a person to decide. It gives Unavailable
// when they did not come whole.
func (c *Centre) Withhold(ctx context.Context, s record.Scope, src Source, why string) (QuarantineID, error) {
	place, err := c.siteOf(ctx, s)
	if err != nil {
		return "", err
	}
	part, err := c.spool.Begin(ctx, "")
	if err != nil {
		return "", err
	}
	defer part.Discard()
	in := &counted{r: src.Reader, left: c.opt.MaxQuarantine + 1}
	if _, err := io.Copy(part, in); err != nil {
		return "", err
	}
	switch {
	case in.err != nil:
		return "", brokenLine(in.err)
	case in.left <= 0:
		return "", record.Errorf(record.Invalid, "object is larger than %d bytes", c.opt.MaxQuarantine)
	}
	return c.quarantine(ctx, s, place, refused{Part: part}, record.Errorf(record.Denied, "%s", why))
}

// resumeFrom is the size from which the bytes of a broken upload are held: sending less again costs less than a file.
const resumeFrom = 1 << 20

func resumeKey(src Source, i record.InstitutionID) string {
	if !src.Resume || src.SHA256 == "" || src.Size < resumeFrom {
		return ""
	}
	return digestID("resume", i, dicom.UID(src.SHA256))
}

// receive reads the object to its end, into the spool and through the scanner, and compares it with what was announced.
func (c *Centre) receive(got *refused, src Source, large func()) (*dicom.Object, error) {
	part := got.Part
	in := &counted{r: src.Reader, left: c.opt.MaxObject - part.Size() + 1, large: large}
	o, err := dicom.Scan(io.MultiReader(part.Prefix(), io.TeeReader(in, part)), dicom.Options{
		Limits: c.opt.Limits,
		OnHeader: func(h *dicom.Header) error {
			got.sop, got.class = h.SOPInstanceUID, h.SOPClassUID
			if src.Study != "" && src.Study != h.StudyUID {
				return record.Wrap(record.Invalid, errOtherStudy, "the object is of another study than it was sent for")
			}
			return nil
		},
	})
	switch {
	case in.err != nil:
		return nil, brokenLine(in.err)
	case in.left <= 0:
		return nil, TooLarge(c.opt.MaxObject)
	}
	if errors.Is(err, errOtherStudy) {
		return nil, err
	}
	if err != nil {
		// The rest may be wanted by a person who looks at it.
		if _, drainErr := io.Copy(part, in); drainErr != nil {
			return nil, brokenLine(drainErr)
		}
	}
	switch {
	case src.Size >= 0 && part.Size() != src.Size:
		return nil, record.Errorf(record.Invalid, "object has %d bytes, %d were announced", part.Size(), src.Size)
	case src.SHA256 != "" && part.SHA256() != src.SHA256:
		return nil, record.Errorf(record.Invalid, "the object's SHA-256 is not the announced one: it was damaged on its way")
	}
	return o, err
}

// counted reads at most left bytes and remembers an error that is not the end.
type counted struct {
	r     io.Reader
	left  int64
	n     int64
	large func() // called when there is more than goes into a pack
	err   error
}

func (r *counted) Read(b []byte) (int, error) {
	if r.left <= 0 {
		return 0, io.EOF
	}
	n, err := r.r.Read(b[:min(int64(len(b)), r.left)])
	r.left -= int64(n)
	if before := r.n; r.large != nil && before <= resumeFrom && before+int64(n) > resumeFrom {
		r.large()
	}
	r.n += int64(n)
	if err != nil && err != io.EOF {
		r.err = err
	}
	return n, err
}

type lineError struct{ error }

func (e lineError) Unwrap() error { return e.error }

func brokenLine(err error) error {
	if record.KindOf(err) != record.Internal {
		return lineError{err}
	}
	return lineError{record.Wrap(record.Unavailable, err, "the object did not arrive whole; send it again")}
}

// keep makes bytes and index durable.
func (c *Centre) keep(ctx context.Context, a *arrival, part *store.Part) error {
	known, err := c.known(ctx, a)
	if err != nil || known {
		return err
	}
	group := a.site.group(a.facts.study)
	if data := part.InMemory(); data != nil {
		// An object that came whole is kept, whatever becomes of its sender: the part's memory is in use until then.
		ctx := context.WithoutCancel(ctx)
		return c.packer.Add(ctx, group, string(a.facts.sop)+".dcm", data, a)
	}
	key := group + "/" + record.NewID(c.db.Now()) + ".dcm"
	if _, err := part.Store(ctx, key); err != nil {
		return err
	}
	a.key = key
	return c.commit(ctx, []packed{{Item: a, Key: key, Length: a.size}})[0]
}

// refused is an object that is not taken; key is its blob where it was stored before that was known.
type refused struct {
	*store.Part
	key        string
	sop, class dicom.UID // as far as the object could be read
}

// refuse says why an object is not taken, and keeps its bytes where a person should look at them.
func (c *Centre) refuse(ctx context.Context, s record.Scope, place site, src Source, part refused, err error) error {
	var line lineError
	if errors.As(err, &line) {
		part.Keep()
		return fmt.Errorf("receive object: %w", line.error)
	}
	out := &Refusal{Offset: -1, SOPUID: part.sop, SOPClass: part.class, Err: err}
	var format *dicom.FormatError
	if errors.As(err, &format) {
		out.Offset, out.Format = format.Offset, format.Kind
		out.Err = record.Wrap(record.Invalid, nil, format.Error())
	}
	switch record.KindOf(out.Err) {
	case record.Invalid, record.Conflict:
	default:
		return err
	}
	if errors.Is(err, errOtherStudy) {
		return out
	}
	damaged := src.SHA256 != "" && part.SHA256() != src.SHA256 || src.Size >= 0 && part.Size() != src.Size
	if damaged {
		return out // what the sender holds is another object than this
	}
	q, qErr := c.quarantine(ctx, s, place, part, out.Err)
	if qErr != nil {
		return qErr
	}
	out.Quarantine = q
	return out
}
