// Package ishne reads Holter recordings 动态心电图 in the standard output format of the International Society for Holter and Noninvasive
// Electrocardiology (Badilini, Ann Noninvasive Electrocardiol 1998). A recording of 24 hours stays in its file.
package ishne

import (
	"bytes"
	"encoding/binary"
	"io"
	"strconv"
	"time"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

// Places in the file, in bytes.
const (
	headerSize = 522 // magic 8, checksum 2, fixed block 512
	maxHeader  = 1 << 20
)

var magic = []byte("ISHNE1.0")

func bad(offset int64, format string, args ...any) error {
	return tracing.Errorf(tracing.ISHNE, offset, format, args...)
}

// Sniff reports whether a file begins as ISHNE.
func Sniff(head []byte) bool { return bytes.HasPrefix(head, magic) }

// Read reads a file whole, with derived limb leads.
func Read(b []byte) (*tracing.Tracing, error) {
	if len(b) > tracing.MaxFile {
		return nil, bad(-1, "a file of %d bytes", len(b))
	}
	r, err := Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, err
	}
	t, err := r.Load()
	if err != nil {
		return nil, err
	}
	g := t.Rhythm()
	g.Complete()
	return t, nil
}

// Open opens a file whose samples stay where they are. The checksum of the header is checked; how many samples there are is known from the
// size of the file, because writers do not agree on whether the header counts those of one lead or of all.
func Open(r io.ReaderAt, size int64) (*tracing.Recording, error) {
	if size < headerSize {
		return nil, bad(size, "the file is shorter than its header")
	}
	h := make([]byte, headerSize)
	if err := readFull(r, h, 0); err != nil {
		return nil, err
	}
	if !Sniff(h) {
		return nil, bad(0, "not ISHNE")
	}
	t := &tracing.Tracing{Format: tracing.ISHNE, Version: strconv.Itoa(int(i16(h, 26)))}
	leads := int64(i16(h, 156))
	if leads < 1 || leads > 12 {
		return nil, bad(156, "%d leads", leads)
	}
	rate := binary.LittleEndian.Uint16(h[272:])
	if rate == 0 {
		return nil, bad(272, "no sampling rate")
	}
	start := place(t, h, size)
	if err := check(t, r, h, start); err != nil {
		return nil, err
	}
	describe(t, h)
	g := tracing.Group{Kind: tracing.Rhythm, Rate: tracing.Whole(int64(rate))}
	for i := range int(leads) {
		g.Leads = append(g.Leads, lead(t, h, i))
	}
	t.Single(&g)
	t.Groups = []tracing.Group{g}
	count := (size - start) / (2 * leads)
	if count == 0 {
		return nil, bad(size, "the file has no samples")
	}
	compare(t, int64(i32(h, 14)), count, leads)
	s := &samples{r: r, start: start, leads: int(leads), count: count}
	return &tracing.Recording{Head: t, Count: count, Read: s.read}, nil
}

// place is where the samples begin: behind the variable block.
func place(t *tracing.Tracing, h []byte, size int64) int64 {
	variable, start := int64(i32(h, 10)), int64(i32(h, 22))
	if start >= headerSize && start <= size && (variable < 0 || headerSize+variable <= start) {
		return start
	}
	t.Warn(tracing.Inconsistent, "the place of the samples is not in the file")
	if variable > 0 && headerSize+variable < size {
		return headerSize + variable
	}
	return headerSize
}

// check compares the checksum: CRC-CCITT over the fixed and the variable block.
func check(t *tracing.Tracing, r io.ReaderAt, h []byte, start int64) error {
	end := headerSize + max(int64(i32(h, 10)), 0)
	if end > start || end > maxHeader {
		end = headerSize
	}
	b := make([]byte, end)
	if err := readFull(r, b, 0); err != nil {
		return err
	}
	if crc(b[10:]) != binary.LittleEndian.Uint16(h[8:]) {
		t.Warn(tracing.BadChecksum, "the checksum of the header is not that of its bytes")
	}
	return nil
}

// compare warns where the count of the header, of one lead or of all, is not that of the file.
func compare(t *tracing.Tracing, said, count, leads int64) {
	switch {
	case said == count || said == count*leads:
	case said <= 0 || said < count:
		t.Warn(tracing.Inconsistent, "the number of samples is not that of the file")
	default:
		t.Warn(tracing.Truncated, "the file has fewer samples than it says")
	}
}

var codes = map[int16]tracing.Code{
	2: tracing.LeadX, 3: tracing.LeadY, 4: tracing.LeadZ, 5: tracing.LeadI, 6: tracing.LeadII, 7: tracing.LeadIII, 8: tracing.LeadAVR,
	9: tracing.LeadAVL, 10: tracing.LeadAVF, 11: tracing.LeadV1, 12: tracing.LeadV2, 13: tracing.LeadV3, 14: tracing.LeadV4,
	15: tracing.LeadV5, 16: tracing.LeadV6,
}

var others = map[int16]string{1: "generic", 17: "ES", 18: "AS", 19: "AI"} // bipolar and EASI leads

func lead(t *tracing.Tracing, h []byte, i int) tracing.Lead {
	spec, quality, size := i16(h, 158+2*i), i16(h, 182+2*i), i16(h, 206+2*i)
	l := tracing.Lead{Code: codes[spec]}
	switch {
	case l.Code != "":
		l.Label = l.Code.Label()
	case others[spec] != "":
		l.Label = others[spec]
	default:
		l.Label = "channel " + strconv.Itoa(i+1)
	}
	if size > 0 {
		l.NVPerLSB = tracing.Whole(int64(size))
	} else {
		t.Warn(tracing.Uncalibrated, "a lead has no resolution")
	}
	if quality == 4 || quality == 5 {
		t.Warn(tracing.LeadsOff, "a lead is marked as disconnected at times")
	}
	return l
}

func describe(t *tracing.Tracing, h []byte) {
	text := func(at, n int) string {
		b, _, _ := bytes.Cut(h[at:at+n], []byte{0})
		return tracing.Text(b)
	}
	first, last := text(28, 40), text(68, 40)
	t.Patient.Name = last
	if last != "" && first != "" {
		t.Patient.Name += " "
	}
	t.Patient.Name += first
	t.Patient.ID = text(108, 20)
	t.Patient.Sex = map[int16]string{1: "M", 2: "F"}[i16(h, 128)]
	t.Patient.Race = map[int16]string{1: "Caucasian", 2: "Black", 3: "Oriental"}[i16(h, 130)]
	t.Patient.Pacemaker = i16(h, 230) > 0
	if d, ok := date(t, h, 132, "the date of birth is none"); ok {
		t.Patient.BirthDate = d.Format("20060102")
	}
	if d, ok := date(t, h, 138, "the date of the recording is none"); ok {
		hour, minute, second := int(i16(h, 150)), int(i16(h, 152)), int(i16(h, 154))
		if hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59 {
			t.Warn(tracing.BadValue, "the time of the recording is none")
			hour, minute, second = 0, 0, 0
		}
		t.RecordedAt = d.Add(time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute + time.Duration(second)*time.Second)
	}
	t.Device.Model = text(232, 40)
}

// date reads day, month, year; all zero or negative (-9) means that it is not said.
func date(t *tracing.Tracing, h []byte, at int, warning string) (time.Time, bool) {
	day, month, year := int(i16(h, at)), int(i16(h, at+2)), int(i16(h, at+4))
	if day <= 0 && month <= 0 && year <= 0 {
		return time.Time{}, false
	}
	d := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	if year < 1850 || year > 2200 || d.Day() != day || int(d.Month()) != month {
		t.Warn(tracing.BadValue, warning)
		return time.Time{}, false
	}
	return d, true
}

func i16(b []byte, at int) int16 { return int16(binary.LittleEndian.Uint16(b[at:])) }

func i32(b []byte, at int) int32 { return int32(binary.LittleEndian.Uint32(b[at:])) }
