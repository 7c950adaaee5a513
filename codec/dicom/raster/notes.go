package raster

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/mozillazg/go-pinyin"
)

// Corner of a picture.
type Corner uint8

// The corners.
const (
	TopLeft Corner = iota
	TopRight
	BottomLeft
	BottomRight
)

// Note is text in a corner of a picture, one line under the other. There is no Chinese font: Spell makes ASCII of names.
type Note struct {
	Corner Corner
	Lines  []string
}

// PatientNote is what the annotation "patient" shows: name, number, birth date and sex, institution (PS3.18 §8.3.5.1.3).
func PatientNote(d *dicom.DataSet) Note {
	name := d.Person(dicom.PatientName)
	line := strings.ReplaceAll(name.Alphabetic, "^", " ")
	if strings.TrimSpace(line) == "" {
		line = Spell(strings.ReplaceAll(name.Ideographic, "^", " "))
	}
	return Note{TopLeft, lines(
		line, d.Str(dicom.PatientID),
		strings.TrimSpace(d.Str(dicom.PatientBirthDate)+" "+d.Str(dicom.PatientSex)+" "+d.Str(dicom.PatientAge)),
		d.Str(dicom.InstitutionName), strings.TrimSpace(d.Str(dicom.StudyDate)+" "+clock(d.Str(dicom.StudyTime))),
	)}
}

func clock(s string) string { return s[:min(len(s), 6)] }

// TechniqueNotes is what the annotation "technique" shows: how the image was made, and how it is shown.
func TechniqueNotes(d *dicom.DataSet, frame int) []Note {
	numbers := strings.TrimSpace("Se " + d.Str(dicom.SeriesNumber) + "  Im " + d.Str(dicom.InstanceNumber))
	if n, ok := d.Int(dicom.NumberOfFrames); ok && n > 1 {
		numbers += fmt.Sprintf("  Fr %d/%d", frame+1, n)
	}
	beam := with("kV ", d.Str(dicom.KVP)) + with(" mA ", d.Str(dicom.XRayTubeCurrent)) + with(" ms ", d.Str(dicom.ExposureTime))
	spin := with("TR ", d.Str(dicom.RepetitionTime)) + with(" TE ", d.Str(dicom.EchoTime))
	plane := with("T ", d.Str(dicom.SliceThickness)) + with(" L ", d.Str(dicom.SliceLocation))
	return []Note{
		{BottomLeft, lines(d.Str(dicom.Modality)+" "+d.Str(dicom.BodyPartExamined), beam, spin, plane)},
		{BottomRight, lines(d.Str(dicom.SeriesDescription), numbers)},
	}
}

func with(label, value string) string {
	if value == "" {
		return ""
	}
	return label + value
}

// lines drops empty lines and spells the rest.
func lines(all ...string) []string {
	var out []string
	for _, l := range all {
		if l = strings.TrimSpace(Spell(l)); l != "" {
			out = append(out, l)
		}
	}
	return out
}

// Spell writes Chinese characters in pinyin, each with a capital, and leaves out marks that ASCII has not.
func Spell(s string) string {
	var b strings.Builder
	args := pinyin.NewArgs()
	for _, r := range s {
		switch p := pinyin.SinglePinyin(r, args); {
		case r < unicode.MaxASCII && r >= ' ':
			b.WriteRune(r)
		case unicode.Is(unicode.Han, r) && len(p) > 0 && p[0] != "":
			b.WriteString(strings.ToUpper(p[0][:1]) + p[0][1:])
		case unicode.IsSpace(r):
			b.WriteByte(' ')
		default:
			b.WriteByte('?')
		}
	}
	return b.String()
}

// draw writes the note into its corner.
func (n Note) draw(p *plane) {
	size := textSize(p.width)
	margin := 2 * size
	for i, line := range n.Lines[:min(len(n.Lines), maxLines)] {
		x, y := margin, margin+i*size*lineHeight
		if n.Corner == TopRight || n.Corner == BottomRight {
			x = p.width - margin - textWidth(line, size)
		}
		if n.Corner == BottomLeft || n.Corner == BottomRight {
			y = p.height - margin - (len(n.Lines)-i)*size*lineHeight
		}
		p.text(x, y, size, 0xFF, line)
	}
}
