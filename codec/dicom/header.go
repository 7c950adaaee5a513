package dicom

import (
	"slices"
	"strings"

	"github.com/suyashkumar/dicom/pkg/uid"
)

// Header is an object without its pixels: group 2, the identity that every object has, and all attributes.
type Header struct {
	Meta
	DataSet

	// The identity of the object: present and well formed (PS3.3 C.7.2.1, C.7.3.1, C.12.1).
	SOPClassUID, SOPInstanceUID, StudyUID, SeriesUID UID

	// Warnings tell what was wrong but could be read. They hold no values of the patient's.
	Warnings []string
}

func (h *Header) warn(w string) {
	if len(h.Warnings) < maxWarnings && !slices.Contains(h.Warnings, w) {
		h.Warnings = append(h.Warnings, w)
	}
}

func trimmed(b []byte) string { return strings.ToValidUTF8(strings.Trim(string(b), " \x00"), "\uFFFD") }

// MediaDirectory is the SOP class of a DICOMDIR (PS3.10 §8.6), which has no SOP Class UID in its data set.
const MediaDirectory UID = "1.2.840.10008.1.3.10"

// identify reads and checks the identity.
func (s *scanner) identify() error {
	h := s.head
	if h.Meta.SOPClass == MediaDirectory {
		return s.fail(Unsupported, "a DICOMDIR is a directory of files and no object of its own")
	}
	for _, id := range []struct {
		tag Tag
		to  *UID
	}{
		{SOPClassUID, &h.SOPClassUID},
		{SOPInstanceUID, &h.SOPInstanceUID},
		{StudyInstanceUID, &h.StudyUID},
		{SeriesInstanceUID, &h.SeriesUID},
	} {
		el := h.Find(id.tag)
		if el == nil || len(el.Value) == 0 {
			return s.fail(Missing, "no %v %s", id.tag, id.tag.Keyword())
		}
		*id.to = trimUID(el.Value)
		if err := s.uid(id.tag, *id.to); err != nil {
			return err
		}
	}
	return s.agree()
}

const pixelDataProviderURL Tag = 0x00287FE0 // PS3.5 §A.6: the pixels are fetched elsewhere

// image tells whether there must be pixel data: the data set says how large it is, or the SOP class is one of images.
func (h *Header) image() bool {
	if h.Find(pixelDataProviderURL) != nil || h.privatePixels() {
		return false
	}
	if h.Find(Rows) != nil || h.Find(BitsAllocated) != nil {
		return true
	}
	class, err := uid.Lookup(string(h.SOPClassUID))
	return err == nil && strings.Contains(class.Name, "Image Storage")
}

// privatePixels tells whether a manufacturer keeps the pixels in an attribute of its own: Elscint (and Philips after it) in
// (07A1,xx0A), others in the group behind that of the standard.
func (h *Header) privatePixels() bool {
	for i := range h.Elements {
		el := &h.Elements[i]
		switch el.Tag.Group() {
		case 0x07A1:
			if el.Tag.Element()&0xFF == 0x0A && h.Creator(el.Tag) == "ELSCINT1" {
				return true
			}
		case PixelDataTag.Group() + 1:
			if el.form == fragments || !el.Kept() {
				return true
			}
		}
	}
	return false
}

func (s *scanner) uid(t Tag, u UID) error {
	switch {
	case !u.Valid():
		return s.fail(Structure, "%v %s is not a UID", t, t.Keyword())
	case !u.Padded():
	case s.opt.StrictUID:
		return s.fail(Structure, "%v %s has a component with leading zeros", t, t.Keyword())
	default:
		s.warn(t.String() + " has a component with leading zeros")
	}
	return nil
}

// agree compares group 2 with the data set: who reads only the one must not file it elsewhere than who reads the other.
func (s *scanner) agree() error {
	h := s.head
	for _, pair := range []struct {
		tag       Tag
		meta, own UID
	}{
		{MediaStorageSOPClassUID, h.Meta.SOPClass, h.SOPClassUID},
		{MediaStorageSOPInstanceUID, h.Meta.SOPInstance, h.SOPInstanceUID},
	} {
		switch pair.meta {
		case pair.own:
		case "":
			s.warn("no " + pair.tag.String() + " in group 2")
		default:
			return s.fail(Structure, "%v in group 2 and in the data set differ", pair.tag)
		}
	}
	return nil
}
