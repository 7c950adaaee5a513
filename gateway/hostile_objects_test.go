package gateway

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/codec/dicom"
	ul "github.com/lianzhen/lianzhen/codec/dicom/dimse"
	"github.com/lianzhen/lianzhen/imaging"
	"github.com/lianzhen/lianzhen/store/storetest"
)

// hostileObject is one that somebody sends to do harm, or that a device wrote badly.
type hostileObject struct {
	name   string
	syntax dicom.UID
	object []byte // Part 10
	status ul.Status
}

// made writes an object by hand: what an encoder would refuse to write too.
func made(t testing.TB, sop string, syntax dicom.UID, data []byte) []byte {
	t.Helper()
	head, err := dicom.FileMeta(dicom.Meta{SOPClass: textReport, SOPInstance: dicom.UID(sop), TransferSyntax: syntax})
	must(t, err)
	return append(head, data...)
}

// identity is the beginning of a data set.
func identity(class, sop, study, series string) []byte {
	pad := func(s string) []byte {
		if len(s)%2 == 1 {
			s += "\x00"
		}
		return []byte(s)
	}
	b := explicit(nil, dicom.SOPClassUID, "UI", pad(class))
	b = explicit(b, dicom.SOPInstanceUID, "UI", pad(sop))
	b = explicit(b, dicom.Modality, "CS", []byte("OT"))
	b = explicit(b, dicom.StudyInstanceUID, "UI", pad(study))
	return explicit(b, dicom.SeriesInstanceUID, "UI", pad(series))
}

// person puts a character set and a name into an object without pixels (a basic text report).
func person(charset string, name []byte, sop string) []byte {
	b := explicit(nil, dicom.SpecificCharacterSet, "CS", []byte(charset))
	b = explicit(b, dicom.SOPClassUID, "UI", []byte("1.2.840.10008.5.1.4.1.1.88.11\x00"))
	b = explicit(b, dicom.SOPInstanceUID, "UI", []byte(sop))
	b = explicit(b, dicom.Modality, "CS", []byte("SR"))
	b = explicit(b, dicom.PatientName, "PN", name)
	b = explicit(b, dicom.StudyInstanceUID, "UI", []byte("1.2.7.50"))
	return explicit(b, dicom.SeriesInstanceUID, "UI", []byte("1.2.7.51"))
}

func deflated(t testing.TB, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	must(t, err)
	_, err = w.Write(data)
	must(t, err)
	must(t, w.Close())
	return b.Bytes()
}

const textReport = "1.2.840.10008.5.1.4.1.1.88.11"

func hostileObjects(t testing.TB) []hostileObject {
	long := strings.Repeat("1.2345678", 7) + "90"                                                                           // 65 characters
	bomb := append(identity(textReport, "1.2.7.14", "1.2.7.12", "1.2.7.13"), 0x11, 0, 0x10, 0, 'O', 'B', 0, 0, 0, 0, 0, 16) // 256 MiB
	size := 256 << 20
	if testing.Short() {
		size = 32 << 20
	}
	bomb = append(bomb, make([]byte, size)...)
	gbk := []byte("\xcd\xf5^\xd0\xa1\xc3\xf7 ") // 王^小明
	sound := func(sop string) []byte { return identity(textReport, sop, "1.2.7.1", "1.2.7.2") }
	return []hostileObject{
		{"sequences 1250 deep", dicom.ExplicitLE, made(t, "1.2.7.3", dicom.ExplicitLE, append(sound("1.2.7.3"), nestedSequences(1250)...)), ul.OutOfResources},
		{"element of 3.9 GB", dicom.ExplicitLE, made(t, "1.2.7.4", dicom.ExplicitLE, append(sound("1.2.7.4"), 0x11, 0, 0x10, 0, 'O', 'B', 0, 0, 0, 0, 0x80, 0xE8)), ul.CannotUnderstand},
		{"deflate bomb", dicom.DeflatedLE, made(t, "1.2.7.14", dicom.DeflatedLE, deflated(t, bomb)), ul.OutOfResources},
		{"path for a UID", dicom.ExplicitLE, made(t, "1.2.7.5", dicom.ExplicitLE, identity(textReport, "../../etc/passwd", "1.2.7.1", "1.2.7.2")), ul.CannotUnderstand},
		{"path for a study", dicom.ExplicitLE, made(t, "1.2.7.6", dicom.ExplicitLE, identity(textReport, "1.2.7.6", "../../../tmp/x", "1.2.7.2")), ul.CannotUnderstand},
		{"NUL in a UID", dicom.ExplicitLE, made(t, "1.2.7.7", dicom.ExplicitLE, identity(textReport, "1.2\x00.7.7", "1.2.7.1", "1.2.7.2")), ul.CannotUnderstand},
		{"UID of 65 characters", dicom.ExplicitLE, made(t, "1.2.7.8", dicom.ExplicitLE, identity(textReport, "1.2.7.8", long, "1.2.7.2")), ul.CannotUnderstand},
		{"no UIDs at all", dicom.ExplicitLE, made(t, "1.2.7.9", dicom.ExplicitLE, explicit(nil, dicom.Modality, "CS", []byte("CT"))), ul.CannotUnderstand},
		{"another UID than was said", dicom.ExplicitLE, made(t, "1.2.7.10", dicom.ExplicitLE, sound("1.2.7.11")), ul.CannotUnderstand},
		// All but three syntaxes are written in explicit little endian (PS3.5 A.4): a new or private one is kept as it is.
		{"unknown transfer syntax", "1.2.3.4.5", made(t, "1.2.7.20", "1.2.3.4.5", sound("1.2.7.20")), ul.Success},
		{"GBK said to be Latin", dicom.ExplicitLE, made(t, "1.2.7.21", dicom.ExplicitLE, person("ISO_IR 100", gbk, "1.2.7.21")), ul.Success},
		{"GBK said to be UTF-8", dicom.ExplicitLE, made(t, "1.2.7.22", dicom.ExplicitLE, person("ISO_IR 192", gbk, "1.2.7.22")), ul.Success},
		{"character set that is none", dicom.ExplicitLE, made(t, "1.2.7.23", dicom.ExplicitLE, person("ISO_IR 999", gbk, "1.2.7.23")), ul.Success},
		{"100 000 elements", dicom.ExplicitLE, made(t, "1.2.7.24", dicom.ExplicitLE, append(sound("1.2.7.24"), manyElements(100_000)...)), ul.Success},
		{"300 000 elements", dicom.ExplicitLE, made(t, "1.2.7.25", dicom.ExplicitLE, append(sound("1.2.7.25"), manyElements(300_000)...)), ul.OutOfResources},
		{"nothing", dicom.ExplicitLE, made(t, "1.2.7.26", dicom.ExplicitLE, nil), ul.CannotUnderstand},
		{"zeros", dicom.ExplicitLE, made(t, "1.2.7.27", dicom.ExplicitLE, make([]byte, 1<<20)), ul.CannotUnderstand},
	}
}

func manyElements(n int) []byte {
	var b []byte
	for i := range n {
		t := dicom.Tag(0x00210000 + (i/60_000)<<17 + i%60_000 + 0x1000)
		b = explicit(b, t, "LO", []byte(fmt.Sprintf("%06d", i)))
	}
	return b
}

// overDIMSE sends an object under the UIDs of its group 2, on a context of its own syntax.
func (h *house) overDIMSE(t testing.TB, o hostileObject) (ul.Status, error) {
	t.Helper()
	n, err := dicom.MetaLength(o.object)
	must(t, err)
	class := dicom.UID(textReport)
	a, err := ul.Dial(t.Context(), h.dimse, ul.Request{CalledAE: "LIANZHEN", CallingAE: "SUWU_CT", Contexts: []ul.Proposal{
		{AbstractSyntax: class, TransferSyntaxes: []dicom.UID{o.syntax}},
	}}, ul.Options{})
	must(t, err)
	defer a.Abort()
	at := bytes.Index(o.object[:n], []byte("1.2.7."))
	end := at + bytes.IndexAny(o.object[at:n], "\x00\x02")
	return a.Store(t.Context(), ul.Object{
		SOPClass: class, SOPInstance: dicom.UID(o.object[at:end]), TransferSyntax: o.syntax, Data: bytes.NewReader(o.object[n:]),
	})
}

func TestHostileObjectsOverDIMSE(t *testing.T) {
	h := newHouse(t)
	h.device(storetest.Suwu, "SUWU_CT")
	objects := hostileObjects(t)
	good := study(50, len(objects))
	heapDuring(t, func() {
		for i, o := range objects {
			if st, err := h.overDIMSE(t, o); err != nil || st != o.status {
				t.Errorf("%s: status %v, want %v; %v", o.name, st, o.status, err)
			}
			a := h.associate("SUWU_CT", ctImage)
			if st, err := storeOver(t, a, good[i]); err != nil || st != ul.Success {
				t.Fatalf("after %s: %v, %v", o.name, st, err)
			}
			_ = a.Release(t.Context())
		}
	})
	all, err := h.Imaging.Locate(t.Context(), imagingScope(storetest.Suwu), imaging.UIDs{Study: studyUIDOf(t, good[0])})
	if err != nil || len(all) != len(good) {
		t.Errorf("%d of %d sound objects, %v", len(all), len(good), err)
	}
	h.wantNoPanic(t)
}

func (h *house) wantNoPanic(t testing.TB) {
	t.Helper()
	if said := h.log.String(); strings.Contains(said, "panic") {
		t.Errorf("something panicked: %.2000s", said[strings.Index(said, "panic"):])
	}
}

// TestHostileObjectsOverSTOW sends all in one request between sound ones.
func TestHostileObjectsOverSTOW(t *testing.T) {
	h := newHouse(t)
	_, key := h.key(storetest.Suwu, allScopes...)
	objects := hostileObjects(t)
	good := study(51, len(objects)+1)
	var parts [][]byte
	want := map[string]int{}
	for i, o := range objects {
		parts = append(parts, good[i], o.object)
		if o.status != ul.Success {
			want[o.status.String()]++
		}
	}
	parts = append(parts, good[len(objects)])
	// Sixteen of them are in hand at once, and the client is in this process.
	heapWithin(t, 2*mostHeap, func() {
		r := h.stowObjects(key, parts...).want(t, http.StatusAccepted)
		got := map[string]int{}
		answer := r.storeAnswer(t)
		for _, f := range append(answer.Failed, answer.Other...) {
			got[f[strings.LastIndex(f, " ")+1:]]++
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s\n%v", diff, answer)
		}
		if n := len(parts) - len(answer.Failed) - len(answer.Other); len(answer.Stored) != n {
			t.Errorf("%d stored, want %d", len(answer.Stored), n)
		}
	})
	all, err := h.Imaging.Locate(t.Context(), imagingScope(storetest.Suwu), imaging.UIDs{Study: studyUIDOf(t, good[0])})
	if err != nil || len(all) != len(good) {
		t.Errorf("%d of %d sound objects, %v", len(all), len(good), err)
	}
	h.wantNoPanic(t)
}

// TestObjectsCutAnywhereAreRefused cuts a CT at every 97th byte, and holds both doors to refuse each piece.
func TestObjectsCutAnywhereAreRefused(t *testing.T) {
	h := newHouse(t)
	h.device(storetest.Suwu, "SUWU_CT")
	_, key := h.key(storetest.Suwu, allScopes...)
	whole := study(52, 1)[0]
	o := headerOf(t, whole)
	var pieces [][]byte
	heapDuring(t, func() {
		for n := 0; n < len(whole); n += 97 {
			pieces = append(pieces, whole[:n])
			if int64(n) <= o.DataSetOffset() {
				continue
			}
			a := h.associate("SUWU_CT", ctImage)
			st, err := a.Store(t.Context(), ul.Object{
				SOPClass: ctImage, SOPInstance: o.Header.SOPInstanceUID, TransferSyntax: dicom.ExplicitLE,
				Data: bytes.NewReader(whole[o.DataSetOffset():n]),
			})
			if err != nil || st != ul.CannotUnderstand {
				t.Errorf("%d of %d bytes over DIMSE: %v, %v", n, len(whole), st, err)
			}
			_ = a.Release(t.Context())
		}
		r := h.stowObjects(key, pieces...).wantData(t, http.StatusConflict)
		answer := r.storeAnswer(t)
		if len(answer.Stored) != 0 || len(answer.Failed)+len(answer.Other) != len(pieces) {
			t.Errorf("of %d pieces: %v", len(pieces), answer)
		}
		for _, f := range append(answer.Failed, answer.Other...) {
			if !strings.HasSuffix(f, "C000") {
				t.Errorf("reason %s", f)
			}
		}
	})
	t.Logf("%d pieces", len(pieces))
	r := h.stowObjects(key, whole).want(t, http.StatusOK)
	if len(r.storeAnswer(t).Stored) != 1 {
		t.Errorf("the whole object: %s", r.text)
	}
	h.wantNoPanic(t)
}

// wantData checks the status of an answer that is a data set, not google.rpc.Status, although it refuses.
func (r reply) wantData(t testing.TB, code int) reply {
	t.Helper()
	if r.StatusCode != code {
		t.Fatalf("HTTP %d, want %d: %.500s", r.StatusCode, code, r.text)
	}
	return r
}

// TestLengthsOfFragmentsThatLie tries every length of a fragment, and of the offset table, that does not fit.
func TestLengthsOfFragmentsThatLie(t *testing.T) {
	h := newHouse(t)
	h.device(storetest.Suwu, "SUWU_CT")
	sound := study(53, 1)[0]
	o := headerOf(t, sound)
	head := bytes.Clone(sound[o.DataSetOffset() : o.Pixels.Offset-12])
	for i, n := range []uint32{1, 7, 0x7FFFFFFE, 0xFFFFFFFE, 0xFFFFFFFF} {
		d := append(bytes.Clone(head), 0xE0, 0x7F, 0x10, 0, 'O', 'B', 0, 0, 0xFF, 0xFF, 0xFF, 0xFF)
		d = append(d, 0xFE, 0xFF, 0, 0xE0, 0, 0, 0, 0, 0xFE, 0xFF, 0, 0xE0)
		d = append(binary.LittleEndian.AppendUint32(d, n), make([]byte, 100)...)
		a, err := ul.Dial(t.Context(), h.dimse, ul.Request{CalledAE: "LIANZHEN", CallingAE: "SUWU_CT", Contexts: []ul.Proposal{
			{AbstractSyntax: ctImage, TransferSyntaxes: []dicom.UID{"1.2.840.10008.1.2.4.70"}},
		}}, ul.Options{})
		must(t, err)
		st, err := a.Store(t.Context(), ul.Object{
			SOPClass: ctImage, SOPInstance: o.Header.SOPInstanceUID, TransferSyntax: "1.2.840.10008.1.2.4.70", Data: bytes.NewReader(d),
		})
		if err != nil || st != ul.CannotUnderstand {
			t.Errorf("case %d: %v, %v", i, st, err)
		}
		_ = a.Release(t.Context())
	}
}
