package phantom

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"iter"
	"math/big"
	"time"

	"github.com/lianzhen/lianzhen/codec/dicom"
)

// Kind is a kind of study.
type Kind uint8

// The kinds of study.
const (
	CTChest Kind = iota
	DRChest
	USHeart
	MRBrain
)

// Patient is the invented person of a study.
type Patient struct {
	Name       string // all groups: "Wang^Xiaoming=王^小明"
	ID         string
	BirthDate  string // YYYYMMDD
	Sex        string // M, F or O
	NationalID string // resident identity number; written as another patient ID if set
}

// Spec says which study to make. A zero number or an empty string takes what the kind usually has.
type Spec struct {
	Kind    Kind
	Seed    uint64
	Patient Patient

	Institution string
	Accession   string
	Description string
	Physician   string    // referring
	At          time.Time // of the study; local time of the device

	Charset string    // ISO_IR 192 (default) or GB18030
	Syntax  dicom.UID // explicit (default) or implicit little endian

	Count         int // slices or frames; one for DR
	Rows, Columns int
	Gray          bool // ultrasound in MONOCHROME2 instead of RGB
}

// StudyUID is the identifier of the study; like all of them it follows from kind and seed.
func (s Spec) StudyUID() dicom.UID { return s.uid("study", 0) }

// SeriesUID is the identifier of the study's only series.
func (s Spec) SeriesUID() dicom.UID { return s.uid("series", 0) }

// InstanceUID is the identifier of the n-th instance, from 0.
func (s Spec) InstanceUID(n int) dicom.UID { return s.uid("instance", n) }

// uid is a UID under 2.25 (PS3.5 §B.2) from kind, seed and place.
func (s Spec) uid(what string, n int) dicom.UID {
	sum := sha256.Sum256(fmt.Appendf(nil, "lianzhen phantom %d %d %s %d", s.Kind, s.Seed, what, n))
	sum[6], sum[8] = sum[6]&0x0F|0x40, sum[8]&0x3F|0x80 // the form of a version 4 UUID
	return dicom.UID("2.25." + new(big.Int).SetBytes(sum[:16]).String())
}

// Study gives the files of a study in turn: a name and what writes it.
func Study(s Spec) iter.Seq2[string, func(io.Writer) error] {
	s = s.orUsual()
	files := s.Count
	if s.Kind == DRChest || s.Kind == USHeart {
		files = 1
	}
	return func(yield func(string, func(io.Writer) error) bool) {
		for n := range files {
			if !yield(fmt.Sprintf("%s%04d.dcm", kinds[s.Kind].modality, n+1), func(w io.Writer) error { return s.write(w, n) }) {
				return
			}
		}
	}
}

// Large writes a colour ultrasound loop of 800×600 pixels, 1.44 MB for each frame, without ever holding more than one.
func Large(w io.Writer, frames int) error {
	s := Spec{Kind: USHeart, Seed: 547, Count: frames, Rows: 600, Columns: 800}
	return s.orUsual().write(w, 0)
}

// kind is what the kinds differ in.
type kind struct {
	modality, body, description, series, station, class string
	count, rows, columns                                int
	head                                                func(*header)
	pixels                                              func(Spec, int, io.Writer) error
}

var kinds = [...]kind{
	CTChest: {
		"CT", "CHEST", "胸部CT平扫", "胸部 平扫 1.0mm", "CT01", "1.2.840.10008.5.1.4.1.1.2",
		64, 512, 512, ctHead, ctPixels,
	},
	DRChest: {
		"DX", "CHEST", "胸部正位片", "胸部后前位", "DR01", "1.2.840.10008.5.1.4.1.1.1.1",
		1, 2022, 2022, drHead, drPixels,
	},
	USHeart: {
		"US", "HEART", "心脏超声", "四腔心", "US01", "1.2.840.10008.5.1.4.1.1.3.1",
		60, 480, 640, usHead, usPixels,
	},
	MRBrain: {
		"MR", "BRAIN", "颅脑MRI平扫", "T2 横断面", "MR01", "1.2.840.10008.5.1.4.1.1.4",
		24, 256, 256, mrHead, mrPixels,
	},
}

func (s Spec) orUsual() Spec {
	k := kinds[s.Kind]
	or(&s.Count, k.count)
	or(&s.Rows, k.rows)
	or(&s.Columns, k.columns)
	or(&s.Charset, "ISO_IR 192")
	or(&s.Syntax, dicom.ExplicitLE)
	or(&s.Description, k.description)
	or(&s.Institution, "青山县中心卫生院")
	or(&s.Physician, "Chen^Jing=陈^静")
	or(&s.Accession, fmt.Sprintf("A%010d", s.Seed%1e10))
	or(&s.Patient.Name, "Wang^Xiaoming=王^小明")
	or(&s.Patient.ID, fmt.Sprintf("P%08d", s.Seed%1e8))
	or(&s.Patient.BirthDate, "19600101")
	or(&s.Patient.Sex, "M")
	if s.At.IsZero() {
		s.At = time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC).Add(time.Duration(s.Seed%(200*24*60)) * time.Minute)
	}
	return s
}

func or[T comparable](v *T, usual T) {
	var zero T
	if *v == zero {
		*v = usual
	}
}

// noise is a table of random numbers of roughly normal distribution with a deviation of 16, cheap to draw rows from.
type noise struct {
	table []int16
	state uint64
}

const noiseLen = 1 << 14

func newNoise(seed uint64, n int) *noise {
	z := &noise{table: make([]int16, noiseLen), state: seed*0x9E3779B97F4A7C15 + uint64(n)*0xBF58476D1CE4E5B9 + 1}
	for i := range z.table {
		r := z.next()
		sum := int16(0)
		for range 8 {
			sum += int16(r & 0xFF)
			r >>= 8
		}
		z.table[i] = (sum - 1020) / 13
	}
	return z
}

// next is xorshift64*.
func (z *noise) next() uint64 {
	z.state ^= z.state >> 12
	z.state ^= z.state << 25
	z.state ^= z.state >> 27
	return z.state * 0x2545F4914F6CDD1D
}

// row gives n numbers, n at most half the table.
func (z *noise) row(n int) []int16 {
	at := int(z.next() % uint64(noiseLen-n))
	return z.table[at : at+n]
}

// words writes 16-bit pixels.
func words(w io.Writer, px []int16, buf []byte) error {
	for i, v := range px {
		binary.LittleEndian.PutUint16(buf[2*i:], uint16(v))
	}
	_, err := w.Write(buf[:2*len(px)])
	return err
}
