package dicom

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// samples are whole objects of every form; free says how many of the bytes at the end may be missing unnoticed.
func samples(t testing.TB) map[string][]byte {
	return map[string][]byte{
		"explicit little":  native(t, ExplicitLE, 2, 16, 48),
		"implicit little":  native(t, ImplicitLE, 2, 16, 48),
		"explicit big":     native(t, ExplicitBE, 2, 16, 48),
		"deflated":         deflated(t, native(t, ExplicitLE, 2, 16, 48)),
		"packed bits":      native(t, ExplicitLE, 3, 1, 5),
		"JPEG":             encapsulated(t, JPEGBaseline, 2, []byte("frame one!"), []byte("frame two")),
		"HTJ2K":            encapsulated(t, "1.2.840.10008.1.2.4.201", 1, []byte("a"), []byte("b")),
		"JPEG XL":          encapsulated(t, "1.2.840.10008.1.2.4.110", 1, []byte("a")),
		"private syntax":   encapsulated(t, "1.2.840.113619.5.99", 1, []byte("a")),
		"video, one piece": encapsulated(t, "1.2.840.10008.1.2.4.102", 90, []byte("stream")),
		"padded behind":    append(native(t, ExplicitLE, 1, 8, 12), 0xFC, 0xFF, 0xFC, 0xFF, 'O', 'B', 0, 0, 2, 0, 0, 0, 0, 0),
		"zeros behind":     append(native(t, ExplicitLE, 1, 8, 12), make([]byte, 300)...),
	}
}

func TestEveryFormIsRead(t *testing.T) {
	for name, raw := range samples(t) {
		t.Run(name, func(t *testing.T) {
			obj, err := Scan(iotest.OneByteReader(bytes.NewReader(raw)), Options{})
			if err != nil {
				t.Fatal(err)
			}
			check(t, name, obj)
			if diff := cmp.Diff(PersonName{Alphabetic: "Li^Si", Ideographic: "李^四"}, obj.Header.Person(PatientName)); diff != "" {
				t.Error(diff)
			}
			if n, _ := obj.Header.Int(Columns); n != 4 {
				t.Error("columns", n)
			}
			if obj.Deflated != (name == "deflated") || !obj.Deflated && obj.Size != int64(len(raw)) {
				t.Error("deflated", obj.Deflated, "size", obj.Size)
			}
		})
	}
}

// TestNoTruncationIsAccepted cuts at every byte. Cuts at the end of the pixel data's last byte are whole objects.
func TestNoTruncationIsAccepted(t *testing.T) {
	for name, raw := range samples(t) {
		whole := len(raw)
		switch name {
		case "padded behind":
			whole -= 14
		case "zeros behind":
			whole -= 300
		}
		for cut := range raw {
			_, err := Scan(bytes.NewReader(raw[:cut]), Options{})
			boundary := name == "padded behind" && cut == whole || name == "zeros behind" && cut >= whole
			if (err == nil) != boundary {
				t.Errorf("%s cut at %d of %d: %v", name, cut, len(raw), err)
			}
		}
	}
}

// TestTruncationWithoutPixels: only cuts between two top-level elements behind the required UIDs pass.
func TestTruncationWithoutPixels(t *testing.T) {
	raw := build(t, ExplicitLE, func(e *Encoder) {
		identity(e)
		series(e)
		e.Seq(WaveformSequence, func(e *Encoder) { e.Bytes(WaveformData, OW, make([]byte, 20)) })
		e.Text(0x60000022, "x")
	})
	obj := mustScan(t, raw)
	boundaries := map[int]bool{}
	for _, el := range obj.Header.Elements {
		if el.Tag >= SeriesInstanceUID {
			boundaries[int(el.Offset+el.Length)] = true
		}
	}
	for cut := range raw {
		if _, err := Scan(bytes.NewReader(raw[:cut]), Options{}); (err == nil) != boundaries[cut] {
			t.Errorf("cut at %d: %v", cut, err)
		}
	}
}

// explicit is an element in explicit little endian, with whatever length is claimed.
func explicit(t Tag, vr string, n uint32, v ...byte) []byte {
	b := binary.LittleEndian.AppendUint16(nil, t.Group())
	b = append(binary.LittleEndian.AppendUint16(b, t.Element()), vr...)
	if vrTraits[VR(vr[0])<<8|VR(vr[1])].long {
		b = binary.LittleEndian.AppendUint32(append(b, 0, 0), n)
	} else {
		b = binary.LittleEndian.AppendUint16(b, uint16(n))
	}
	return append(b, v...)
}

func bare(t Tag, n uint32) []byte {
	b := binary.LittleEndian.AppendUint16(nil, t.Group())
	b = binary.LittleEndian.AppendUint16(b, t.Element())
	return binary.LittleEndian.AppendUint32(b, n)
}

func TestHostileIsRefused(t *testing.T) {
	head := build(t, ExplicitLE, func(e *Encoder) { identity(e); series(e) })
	implicit := build(t, ImplicitLE, func(e *Encoder) { identity(e); series(e) })
	pixels := func(frames int) []byte {
		return build(t, ExplicitLE, func(e *Encoder) { grid(e, frames, 16) })
	}
	with := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	jpeg := func(tail ...[]byte) []byte {
		b := build(t, JPEGBaseline, func(e *Encoder) { grid(e, 1, 8) })
		return with(append([][]byte{b, explicit(PixelDataTag, "OB", undefined)}, tail...)...)
	}
	nest := func(n int) []byte {
		return bytes.Repeat(with(explicit(0x00081140, "SQ", undefined), bare(item, undefined)), n)
	}
	geometry := func(bits, rows int) []byte {
		return build(t, ExplicitLE, func(e *Encoder) {
			identity(e)
			series(e)
			e.Int(Rows, rows)
			e.Int(Columns, 4)
			e.Int(BitsAllocated, bits)
		})
	}
	for _, c := range []struct {
		name string
		raw  []byte
		kind Kind
	}{
		{"nothing", nil, Missing},
		{"no DICM", make([]byte, 1000), Missing},
		{"gzip", with([]byte{0x1f, 0x8b}, make([]byte, 1000)), Missing},
		{"no group 2", with(make([]byte, 128), []byte("DICM"), explicit(PatientID, "LO", 0)), Missing},
		{"length FFFFFFFE", with(head, explicit(0x7FE10010, "OB", undefined-1)), Truncated},
		{"3.9 GB in 200 bytes", with(pixels(1), explicit(PixelDataTag, "OW", 3_900_000_000, 1, 2, 3)), Truncated},
		{"3.9 GB of text", with(head, explicit(0x00420010, "UT", 3_900_000_000, 'a')), Truncated},
		{"group 2 of 4 GB", with(head[:132], explicit(0x00020001, "OB", 4_000_000_000, 0)), Limit},
		{"undefined group 2", with(head[:132], explicit(0x00020001, "OB", undefined, 0)), Limit},
		{"nested 20 kB", with(head, nest(1000)), Limit},
		{"nested 2 MB", with(head, nest(100_000)), Limit},
		{"nested implicit UN", with(head, explicit(0x00091001, "UN", undefined), bytes.Repeat(with(bare(item, undefined), bare(0x00081140, undefined)), 500)), Limit},
		{"2e9 frames", with(pixels(2_000_000_000), explicit(PixelDataTag, "OW", 24), make([]byte, 24)), Limit},
		{"negative frames", with(pixels(-1), explicit(PixelDataTag, "OW", 24), make([]byte, 24)), Structure},
		{"short pixels", with(pixels(2), explicit(PixelDataTag, "OW", 24), make([]byte, 24)), Truncated},
		{"no pixels", with(pixels(1), explicit(PixelDataTag, "OW", 0)), Truncated},
		{"no rows", with(head, explicit(PixelDataTag, "OW", 0)), Missing},
		{"zero rows", with(geometry(8, 0), explicit(PixelDataTag, "OW", 0)), Structure},
		{"65535 bits", with(geometry(65535, 3), explicit(PixelDataTag, "OW", 24), make([]byte, 24)), Structure},
		{"missing VR", with(head, bare(0x00300010, 4), []byte("abcd")), Structure},
		{"undefined length of text", with(head, explicit(0x00420010, "UT", undefined)), Structure},
		{"item outside", with(head, bare(item, 0)), Structure},
		{"delimiter outside", with(head, bare(itemDelimitation, 0)), Structure},
		{"attribute for item", with(head, explicit(0x00321064, "SQ", undefined), explicit(PatientID, "LO", 0)), Structure},
		{"item longer than sequence", with(head, explicit(0x00321064, "SQ", 8), bare(item, 100), make([]byte, 100)), Structure},
		{"element longer than item", with(head, explicit(0x00321064, "SQ", 16), bare(item, 8), explicit(PatientID, "LO", 90), make([]byte, 90)), Structure},
		{"delimiter in a counted item", with(head, explicit(0x00321064, "SQ", 16), bare(item, 8), bare(itemDelimitation, 0)), Structure},
		{"open sequence", with(head, explicit(0x00321064, "SQ", undefined), bare(item, 0)), Truncated},
		{"no item in pixel data", jpeg(bare(sequenceDelimitation, 0)), Truncated},
		{"no fragment", jpeg(bare(item, 0), bare(sequenceDelimitation, 0)), Truncated},
		{"open pixel data", jpeg(bare(item, 0), bare(item, 4), make([]byte, 4)), Truncated},
		{"fragment without length", jpeg(bare(item, 0), bare(item, undefined)), Structure},
		{"offset table of 4 GB", jpeg(bare(item, 0xFFFFFFF0)), Limit},
		{"offset table of 3 bytes", jpeg(bare(item, 3), make([]byte, 3)), Structure},
		{"empty fragments without end", jpeg(bytes.Repeat(bare(item, 0), 1_000_010)), Limit},
		{"native under JPEG", with(build(t, JPEGBaseline, func(e *Encoder) { grid(e, 1, 8) }), explicit(PixelDataTag, "OB", 12), make([]byte, 12)), Structure},
		{"fragments under native", with(pixels(1), explicit(PixelDataTag, "OB", undefined), bare(item, 0), bare(item, 0), bare(sequenceDelimitation, 0)), Structure},
		{"two pixel data", with(native(t, ExplicitLE, 1, 8, 12), explicit(PixelDataTag, "OW", 12), make([]byte, 12)), Structure},
		{"garbage behind", with(native(t, ExplicitLE, 1, 8, 12), []byte("garbage garbage")), Structure},
		{"zeros, then garbage", with(native(t, ExplicitLE, 1, 8, 12), make([]byte, 100), []byte{1}), Structure},
		{"an attribute twice", with(head, explicit(0x00300010, "LO", 2, 'a', 'b'), explicit(0x00300010, "LO", 2, 'c', 'd')), Structure},
		{"elements without end", with(head, bytes.Repeat(explicit(0x00300010, "LO", 0), 200_001)), Limit},
		{"header without end", with(head, bytes.Repeat(explicit(0x00420010, "UT", 200_000, make([]byte, 200_000)...), 90)), Limit},
		{"deflate bomb", deflated(t, with(head, explicit(0x7FE10010, "OB", 64<<20), make([]byte, 64<<20))), Limit},
		{"deflate garbage", with(deflated(t, head)[:340], bytes.Repeat([]byte{0xFF}, 100)), Structure},
		{"garbage behind deflate", with(deflated(t, head), []byte("garbage")), Structure},
		{"DICOMDIR", build(t, ExplicitLE, func(e *Encoder) { e.Text(SOPClassUID, string(MediaDirectory)); e.Text(SOPInstanceUID, "1.2") }), Unsupported},
		{"image class without pixels", build(t, ExplicitLE, func(e *Encoder) {
			e.Text(SOPClassUID, "1.2.840.10008.5.1.4.1.1.2")
			e.Text(SOPInstanceUID, "1.2")
			series(e)
		}), Truncated},
		{"image size without pixels", pixels(1), Truncated},
		{"another instance in group 2", bytes.Replace(head, []byte(testObject), []byte("2.25.999"), 1), Structure},
		{"no UID grammar", bytes.ReplaceAll(head, []byte("2.25.102"), []byte("2..5.102")), Structure},
		{"letters in a UID", bytes.ReplaceAll(head, []byte("2.25.102"), []byte("2.25.1a2")), Structure},
		{"implicit with a huge value", with(implicit, bare(0x7FE10010, undefined-1)), Truncated},
	} {
		t.Run(c.name, func(t *testing.T) {
			var obj *Object
			var err error
			used := allocated(func() { obj, err = Scan(bytes.NewReader(c.raw), Options{}) })
			var f *FormatError
			if !errors.As(err, &f) || f.Kind != c.kind {
				t.Errorf("want %v, got %v, %v", c.kind, err, obj)
			}
			if limit := uint64(256<<10 + 60*len(c.raw)); used > min(limit, 120<<20) {
				t.Errorf("%d bytes allocated for %d", used, len(c.raw))
			}
		})
	}
}

// allocated is how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestErrorsHoldNoValues(t *testing.T) {
	raw := native(t, ExplicitLE, 2, 16, 48)
	for cut := range raw {
		if _, err := Scan(bytes.NewReader(raw[:cut]), Options{}); err != nil && strings.Contains(err.Error(), "Li") {
			t.Fatal(err)
		}
	}
}

func TestLargeValuesCostNoMemory(t *testing.T) {
	const n = 64 << 20
	head := build(t, ExplicitLE, func(e *Encoder) { identity(e); series(e) })
	r := io.MultiReader(bytes.NewReader(head), bytes.NewReader(explicit(EncapsulatedDocument, "OB", n)), io.LimitReader(zeroes{}, n),
		bytes.NewReader(explicit(MIMETypeOfEncapsulatedDocument, "LO", 2, 'a', 'b')))
	used := allocated(func() {
		obj, err := Scan(r, Options{})
		if err != nil {
			t.Fatal(err)
		}
		el := obj.Header.Find(EncapsulatedDocument)
		if el.Kept() || el.Length != n || obj.Header.Str(MIMETypeOfEncapsulatedDocument) != "ab" {
			t.Error("not located")
		}
	})
	if used > 512<<10 {
		t.Error(used, "bytes allocated")
	}
}

type zeroes struct{}

func (zeroes) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestHeaderComesBeforePixels(t *testing.T) {
	raw := native(t, ExplicitLE, 1, 8, 12)
	var read int
	r := io.TeeReader(iotest.OneByteReader(bytes.NewReader(raw)), writer(func(n int) { read += n }))
	stop := errors.New("stop")
	calls := 0
	_, err := Scan(r, Options{OnHeader: func(h *Header) error {
		calls++
		if read > len(raw)-12 || h.SOPInstanceUID != testObject || h.Find(Columns) == nil {
			t.Error("header after", read, "bytes")
		}
		return stop
	}})
	if !errors.Is(err, stop) || calls != 1 {
		t.Error(err, calls)
	}
}

type writer func(int)

func (w writer) Write(p []byte) (int, error) { w(len(p)); return len(p), nil }

func TestReaderErrorsPass(t *testing.T) {
	broken := errors.New("line broken")
	raw := native(t, ExplicitLE, 1, 8, 12)
	for cut := 0; cut < len(raw); cut += 7 {
		_, err := Scan(io.MultiReader(bytes.NewReader(raw[:cut]), iotest.ErrReader(broken)), Options{})
		if !errors.Is(err, broken) {
			t.Fatal(cut, err)
		}
	}
}

func TestHostilePreamble(t *testing.T) {
	raw := native(t, ExplicitLE, 1, 8, 12)
	if mustScan(t, raw).PreambleHostile {
		t.Error("zeros are called hostile")
	}
	for _, magic := range hostile {
		copy(raw, magic)
		if !mustScan(t, raw).PreambleHostile {
			t.Errorf("%q passes", magic)
		}
	}
}

func TestLeadingZerosInUIDs(t *testing.T) {
	raw := bytes.ReplaceAll(native(t, ExplicitLE, 1, 8, 12), []byte("2.25.102"), []byte("2.25.002"))
	if w := mustScan(t, raw).Header.Warnings; len(w) != 1 {
		t.Error(w)
	}
	if _, err := Scan(bytes.NewReader(raw), Options{StrictUID: true}); err == nil {
		t.Error("strict accepts")
	}
}

func TestOutOfOrderIsSorted(t *testing.T) {
	raw := build(t, ExplicitLE, func(e *Encoder) { identity(e); series(e) })
	obj := mustScan(t, append(raw, explicit(PatientID, "LO", 2, 'A', '1')...))
	if obj.Header.Str(PatientID) != "A1" || len(obj.Header.Warnings) != 1 {
		t.Error(obj.Header.Str(PatientID), obj.Header.Warnings)
	}
}
