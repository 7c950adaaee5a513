package dicomecg

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/big"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/tracing"
)

// Identity says where an object belongs. UIDs that are empty are made from the tracing: the same tracing has the same ones.
type Identity struct {
	StudyInstanceUID, SeriesInstanceUID, SOPInstanceUID dicom.UID

	StudyID          string
	StudyAt          time.Time // zero: when the tracing was recorded; in its own zone
	StudyDescription string
	AccessionNumber  string // empty: the tracing's order
	IssuerOfID       string // of the patient's ID
	Referring        string // physician's name
	SeriesNumber     int    // zero: 1
	InstanceNumber   int    // zero: 1
}

// Write writes a tracing as a DICOM object of its own study: 12-Lead ECG where it fits (PS3.3 A.34.3), General ECG beyond, Ambulatory ECG
// for long or slowly sampled ones, General 32-bit ECG where 16 bits do not hold the samples. All that the model has goes over, but the
// names of algorithms, and who confirmed a statement. A tracing without a time gives an object without one, which the standard does not
// allow.
func Write(w io.Writer, t *tracing.Tracing) error { return WriteWith(w, t, Identity{}) }

// WriteWith is Write with a place in a study.
func WriteWith(w io.Writer, t *tracing.Tracing, id Identity) error {
	if err := writable(t); err != nil {
		return err
	}
	class := classOf(t)
	id.complete(t)
	d := dicom.NewDataSet()
	d.SetText(dicom.SOPClassUID, string(class))
	d.SetText(dicom.SOPInstanceUID, string(id.SOPInstanceUID))
	id.place(d, t.RecordedAt, t.ZoneKnown)
	d.SetText(dicom.Modality, "ECG")
	d.SetText(dicom.AccessionNumber, orElse(id.AccessionNumber, clean(t.Order, 16)))
	setPatient(d, &t.Patient, id.IssuerOfID)
	setDevice(d, t)
	d.SetText(dicom.InstanceNumber, fmt.Sprint(max(1, id.InstanceNumber)))
	setTime(d, t.RecordedAt, t.ZoneKnown)
	d.SetItems(acquisitionContextSequence)
	if t.Indication != "" {
		d.SetText(reasonForTheRequested, clean(t.Indication, 64))
	}
	if notes := annotations(t); len(notes) > 0 {
		d.SetItems(waveformAnnotationSequence, notes...)
	}
	groups := make([]*dicom.DataSet, len(t.Groups))
	for i := range t.Groups {
		groups[i] = group(&t.Groups[i], class)
	}
	d.SetItems(dicom.WaveformSequence, groups...)
	return part10Of(w, d, class, id.SOPInstanceUID)
}

func part10Of(w io.Writer, d *dicom.DataSet, class, instance dicom.UID) error {
	head, err := dicom.FileMeta(dicom.Meta{SOPClass: class, SOPInstance: instance, TransferSyntax: dicom.ExplicitLE})
	if err != nil {
		return err
	}
	body, err := dicom.AppendDataSet(nil, d, dicom.ExplicitLE, "")
	if err != nil {
		return err
	}
	if _, err := w.Write(head); err != nil {
		return err
	}
	_, err = w.Write(body)
	return err
}

// writable refuses what no object can hold.
func writable(t *tracing.Tracing) error {
	if len(t.Groups) == 0 {
		return refuse(-1, "a tracing without leads cannot be written")
	}
	for i := range t.Groups {
		g := &t.Groups[i]
		if len(g.Leads) == 0 || g.Len() == 0 || g.Rate.Num <= 0 {
			return refuse(-1, "a group without samples or without a sampling rate cannot be written")
		}
		for j := range g.Leads {
			if len(g.Leads[j].Samples) != g.Len() {
				return refuse(-1, "the leads of a group have different numbers of samples")
			}
		}
		if int64(g.Len())*int64(len(g.Leads))*4 > math.MaxUint32-16 {
			return refuse(-1, "a group is longer than a value can be")
		}
	}
	return nil
}

// complete makes the UIDs that are not given.
func (id *Identity) complete(t *tracing.Tracing) {
	sum := digest(t)
	for i, u := range []*dicom.UID{&id.StudyInstanceUID, &id.SeriesInstanceUID, &id.SOPInstanceUID} {
		if *u == "" {
			*u = uidFrom(append([]byte{byte(i)}, sum...))
		}
	}
}

// digest is that of what was recorded, when, and of whom.
func digest(t *tracing.Tracing) []byte {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %d %q\n", t.Patient.ID, t.Patient.Name, t.RecordedAt.UnixNano(), t.Device.Serial)
	b := make([]byte, 0, 4096)
	for i := range t.Groups {
		for j := range t.Groups[i].Leads {
			l := &t.Groups[i].Leads[j]
			fmt.Fprintf(h, "%d %q %q %v %v\n", i, l.Code, l.Label, l.NVPerLSB, l.OffsetNV)
			for _, v := range l.Samples {
				if b = binary.LittleEndian.AppendUint32(b, uint32(v)); len(b) == cap(b) {
					h.Write(b)
					b = b[:0]
				}
			}
			h.Write(b)
			b = b[:0]
		}
	}
	return h.Sum(nil)
}

// uidFrom makes a UID of a digest, in the form of one made from a UUID of version 8 (PS3.5 B.2).
func uidFrom(b []byte) dicom.UID {
	sum := sha256.Sum256(b)
	sum[6], sum[8] = sum[6]&0x0F|0x80, sum[8]&0x3F|0x80
	return dicom.UID("2.25." + new(big.Int).SetBytes(sum[:16]).String())
}

// place writes the attributes of study and series.
func (id *Identity) place(d *dicom.DataSet, at time.Time, zone bool) {
	if !id.StudyAt.IsZero() {
		at = id.StudyAt
	}
	d.SetText(dicom.StudyInstanceUID, string(id.StudyInstanceUID))
	d.SetText(dicom.SeriesInstanceUID, string(id.SeriesInstanceUID))
	setDateTime(d, dicom.StudyDate, dicom.StudyTime, at, zone)
	d.SetText(dicom.StudyID, clean(id.StudyID, 16))
	d.SetText(dicom.SeriesNumber, fmt.Sprint(max(1, id.SeriesNumber)))
	d.SetText(dicom.ReferringPhysicianName, personName(id.Referring))
	if id.StudyDescription != "" {
		d.SetText(dicom.StudyDescription, clean(id.StudyDescription, 64))
	}
}

func setDateTime(d *dicom.DataSet, day, clock dicom.Tag, at time.Time, zone bool) {
	if at.IsZero() {
		d.SetEmpty(day)
		d.SetEmpty(clock)
		return
	}
	if !zone {
		at = at.UTC()
	}
	d.SetText(day, at.Format("20060102"))
	d.SetText(clock, timeOfDay(at))
}

// timeOfDay leaves out a fraction of zero.
func timeOfDay(at time.Time) string { return strings.TrimSuffix(at.Format("150405.000000"), ".000000") }

// setTime writes when the content was recorded. The zone is said where it is known.
func setTime(d *dicom.DataSet, at time.Time, zone bool) {
	setDateTime(d, dicom.ContentDate, dicom.ContentTime, at, zone)
	setAcquired(d, at, zone)
	if zone && !at.IsZero() {
		d.SetText(dicom.TimezoneOffsetFromUTC, at.Format("-0700"))
	}
}

// clean makes a text fit for a value: one line, no delimiter, n characters at most.
func clean(s string, n int) string {
	return clip(strings.ReplaceAll(tracing.CleanText(s), `\`, "/"), n)
}

// personName writes a name as it is, in the family name: where it ends is not known.
func personName(s string) string {
	return strings.NewReplacer("^", " ", "=", " ").Replace(clean(s, 64))
}

func orElse(s, other string) string {
	if s != "" {
		return s
	}
	return other
}
