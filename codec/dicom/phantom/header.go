package phantom

import (
	"fmt"
	"io"

	"github.com/lianzhen/lianzhen/codec/dicom"
)

// header is an instance in the making. The attributes must come in order, so the parts that the kinds differ in are called
// between those that all have.
type header struct {
	*dicom.Encoder
	Spec
	kind
	n int
}

// idNumbers is the arc under which China registers resident identity numbers.
const idNumbers = "2.16.156.10011.1.3"

func (s Spec) write(w io.Writer, n int) error {
	if s.Syntax != dicom.ExplicitLE && s.Syntax != dicom.ImplicitLE {
		return fmt.Errorf("phantom: no transfer syntax %s", s.Syntax)
	}
	h := &header{dicom.NewEncoder(s.Syntax, s.Charset), s, kinds[s.Kind], n}
	h.common()
	h.patient()
	h.kind.head(h)
	bytes := int64(s.Rows) * int64(s.Columns) * 2
	vr := dicom.OW
	if s.Kind == USHeart {
		bytes = int64(s.Rows) * int64(s.Columns) * int64(s.Count)
		if vr = dicom.OB; !s.Gray {
			bytes *= 3
		}
	}
	if err := h.NativePixels(w, vr, bytes); err != nil {
		return err
	}
	if err := h.kind.pixels(s, n, w); err != nil {
		return err
	}
	if bytes%2 == 1 {
		_, err := w.Write([]byte{0})
		return err
	}
	return nil
}

func (h *header) common() {
	day, clock := h.At.Format("20060102"), h.At.Format("150405")
	h.Text(dicom.ImageType, h.imageType()...)
	h.Text(dicom.SOPClassUID, h.class)
	h.Text(dicom.SOPInstanceUID, string(h.InstanceUID(h.n)))
	for _, t := range []dicom.Tag{dicom.StudyDate, dicom.SeriesDate, dicom.AcquisitionDate, dicom.ContentDate} {
		h.Text(t, day)
	}
	for _, t := range []dicom.Tag{dicom.StudyTime, dicom.SeriesTime, dicom.AcquisitionTime, dicom.ContentTime} {
		h.Text(t, clock)
	}
	h.Text(dicom.AccessionNumber, h.Accession)
	h.Text(dicom.Modality, h.modality)
	if h.Kind == DRChest {
		h.Text(dicom.PresentationIntentType, "FOR PRESENTATION")
	}
	h.Text(dicom.Manufacturer, "Lianzhen Phantom")
	h.Text(dicom.InstitutionName, h.Institution)
	h.Text(dicom.ReferringPhysicianName, h.Physician)
	h.Text(dicom.StationName, h.station)
	h.Text(dicom.StudyDescription, h.Description)
	h.Text(dicom.SeriesDescription, h.series)
	h.Text(dicom.InstitutionalDepartmentName, "放射科")
	h.Text(dicom.ManufacturerModelName, "Phantom 1")
	if h.Kind == DRChest {
		h.Seq(dicom.AnatomicRegionSequence, code("51185008", "SCT", "Chest"))
	}
}

func (h *header) imageType() []string {
	switch h.Kind {
	case CTChest:
		return []string{"ORIGINAL", "PRIMARY", "AXIAL"}
	case MRBrain:
		return []string{"ORIGINAL", "PRIMARY", "M_SE", "M", "SE"}
	}
	return []string{"ORIGINAL", "PRIMARY"}
}

func (h *header) patient() {
	h.Text(dicom.PatientName, h.Patient.Name)
	h.Text(dicom.PatientID, h.Patient.ID)
	h.Text(dicom.PatientBirthDate, h.Patient.BirthDate)
	h.Text(dicom.PatientSex, h.Patient.Sex)
	if h.Patient.NationalID != "" {
		h.Seq(dicom.OtherPatientIDsSequence, func(e *dicom.Encoder) {
			e.Text(dicom.PatientID, h.Patient.NationalID)
			e.Text(dicom.TypeOfPatientID, "TEXT")
			e.Seq(dicom.IssuerOfPatientIDQualifiers, func(e *dicom.Encoder) {
				e.Text(dicom.UniversalEntityID, idNumbers)
				e.Text(dicom.UniversalEntityIDType, "ISO")
			})
		})
	}
	if born := h.Patient.BirthDate; len(born) == 8 {
		h.Text(dicom.PatientAge, fmt.Sprintf("%03dY", max(0, h.At.Year()-digits(born[:4]))))
	}
	h.Text(dicom.BodyPartExamined, h.body)
}

func digits(s string) (n int) {
	for _, c := range []byte(s) {
		n = n*10 + int(c-'0')
	}
	return n
}

func code(value, scheme, meaning string) func(*dicom.Encoder) {
	return func(e *dicom.Encoder) {
		e.Text(dicom.CodeValue, value)
		e.Text(dicom.CodingSchemeDesignator, scheme)
		e.Text(dicom.CodeMeaning, meaning)
	}
}

// place writes the general study, series and image attributes.
func (h *header) place() {
	h.Text(dicom.StudyInstanceUID, string(h.StudyUID()))
	h.Text(dicom.SeriesInstanceUID, string(h.SeriesUID()))
	h.Text(dicom.StudyID, fmt.Sprint(h.Seed%1e6))
	h.Int(dicom.SeriesNumber, 1)
	h.Int(dicom.AcquisitionNumber, 1)
	h.Int(dicom.InstanceNumber, h.n+1)
}

// plane places a transverse slice, from feet to head.
func (h *header) plane(spacing, thickness float64) {
	half := spacing * float64(h.Columns) / 2
	z := float64(h.n) * thickness
	h.Float(dicom.ImagePositionPatient, -half, -half, z)
	h.Int(dicom.ImageOrientationPatient, 1, 0, 0, 0, 1, 0)
	h.Text(dicom.FrameOfReferenceUID, string(h.uid("frame of reference", 0)))
	h.Text(dicom.PositionReferenceIndicator)
	h.Float(dicom.SliceLocation, z)
}

// image writes the pixel module of a grey image.
func (h *header) image(spacing float64, stored int, signed bool) {
	h.Int(dicom.SamplesPerPixel, 1)
	h.Text(dicom.PhotometricInterpretation, "MONOCHROME2")
	h.Int(dicom.Rows, h.Rows)
	h.Int(dicom.Columns, h.Columns)
	if h.Kind != DRChest {
		h.Float(dicom.PixelSpacing, spacing, spacing)
	}
	h.Int(dicom.BitsAllocated, 16)
	h.Int(dicom.BitsStored, stored)
	h.Int(dicom.HighBit, stored-1)
	representation := 0
	if signed {
		representation = 1
	}
	h.Int(dicom.PixelRepresentation, representation)
}

// window writes display values and the rescale that goes with them.
func (h *header) window(center, width int, rescale string) {
	h.Int(dicom.WindowCenter, center)
	h.Int(dicom.WindowWidth, width)
	if rescale != "" {
		h.Int(dicom.RescaleIntercept, 0)
		h.Int(dicom.RescaleSlope, 1)
		h.Text(dicom.RescaleType, rescale)
	}
}
