// Package dicomdir writes the directory of a medium: the DICOMDIR of PS3.10 §8 and PS3.3 annex F, by which viewers find the
// patients, studies and series of a disc or an archive file.
package dicomdir

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/lianzhen/lianzhen/codec/dicom"
)

// Directory gathers the records of a file-set. It keeps the key attributes of each object only.
type Directory struct {
	UID       dicom.UID // of the file-set
	FileSetID string    // label of the medium, up to 16 of A-Z 0-9 _; may be ""
	Charset   string    // of the records, as AppendDataSet takes it; "" is UTF-8 where it is needed

	patients []*record
	byKey    map[string]*record
	files    map[string]bool
}

// record is a directory record with what is below it.
type record struct {
	kind  string
	keys  *dicom.DataSet
	below []*record
	file  []string
	n     int // among its siblings, from 1

	at, next, lower int64
	bytes           []byte
}

// Add takes an object into the directory and returns its file ID: where it must be stored on the medium, components of at
// most eight characters (PS3.10 §8.2). One is chosen if none is given. The object needs its identity (PS3.3 C.7.2.1, C.7.3.1,
// C.12.1); it must not be there already.
func (d *Directory) Add(object *dicom.DataSet, syntax dicom.UID, id ...string) ([]string, error) {
	uids := [...]dicom.UID{object.UID(dicom.StudyInstanceUID), object.UID(dicom.SeriesInstanceUID), object.UID(dicom.SOPInstanceUID)}
	for _, u := range append(uids[:], object.UID(dicom.SOPClassUID), syntax) {
		if !u.Valid() {
			return nil, errors.New("dicomdir: an object without study, series, instance, class or transfer syntax")
		}
	}
	if d.byKey == nil {
		d.byKey, d.files = map[string]*record{}, map[string]bool{}
	}
	leaf := "I" + string(uids[2])
	if d.byKey[leaf] != nil {
		return nil, errors.New("dicomdir: the object is in the directory already")
	}
	if len(id) > 0 {
		if err := d.take(id); err != nil {
			return nil, err
		}
	}
	patient := d.find(nil, "P"+object.Str(dicom.PatientID)+"\x00"+object.Str(dicom.IssuerOfPatientID)+"\x00"+object.Str(dicom.PatientName), patientRecord, object)
	study := d.find(patient, "T"+string(uids[0])+"\x00"+fmt.Sprint(patient.n), studyRecord, object)
	series := d.find(study, "S"+string(uids[1])+"\x00"+string(uids[0]), seriesRecord, object)
	if len(id) == 0 {
		id = []string{"DICOM", name("PA", patient.n), name("ST", study.n), name("SE", series.n), name("IM", len(series.below)+1)}
		if err := d.take(id); err != nil {
			return nil, err
		}
	}
	it := d.find(series, leaf, kindOf(object), object)
	it.file = id
	it.refer(object, syntax)
	return id, nil
}

func name(prefix string, n int) string { return fmt.Sprintf("%s%06d", prefix, n) }

const (
	maxComponents = 8
	maxComponent  = 8
)

// take checks a file ID and that no other object has it.
func (d *Directory) take(id []string) error {
	if len(id) > maxComponents {
		return errors.New("dicomdir: a file ID has more than eight components")
	}
	for _, c := range id {
		if len(c) == 0 || len(c) > maxComponent || strings.Trim(c, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != "" {
			return errors.New("dicomdir: a component of a file ID is not one to eight of A-Z, 0-9 and _")
		}
	}
	path := strings.Join(id, "/")
	if d.files[path] || path == "DICOMDIR" {
		return errors.New("dicomdir: two objects have one file ID")
	}
	d.files[path] = true
	return nil
}

// find gives the record with the key, a new one below the parent if there is none.
func (d *Directory) find(parent *record, key string, kind recordKind, object *dicom.DataSet) *record {
	if r := d.byKey[key]; r != nil {
		return r
	}
	siblings := &d.patients
	if parent != nil {
		siblings = &parent.below
	}
	r := &record{kind: kind.name, n: len(*siblings) + 1}
	*siblings = append(*siblings, r)
	r.keys = kind.take(object, r.n)
	d.byKey[key] = r
	return r
}

// Tags of a directory (PS3.3 F.3.2).
const (
	fileSetID           dicom.Tag = 0x00041130
	offsetOfFirst       dicom.Tag = 0x00041200
	offsetOfLast        dicom.Tag = 0x00041202
	consistencyFlag     dicom.Tag = 0x00041212
	recordSequence      dicom.Tag = 0x00041220
	offsetOfNext        dicom.Tag = 0x00041400
	inUseFlag           dicom.Tag = 0x00041410
	offsetOfLower       dicom.Tag = 0x00041420
	recordType          dicom.Tag = 0x00041430
	referencedFileID    dicom.Tag = 0x00041500
	referencedClass     dicom.Tag = 0x00041510
	referencedInstance  dicom.Tag = 0x00041511
	referencedTransfer  dicom.Tag = 0x00041512
	inUse                         = 0xFFFF
	itemHeader                    = 8
	sequenceHeader                = 12
	offsetOfNextValue             = itemHeader + 8
	offsetOfLowerValue            = itemHeader + 12 + 10 + 8
	offsetOfFirstFromID           = 8
)

// refer names the object's file.
func (r *record) refer(object *dicom.DataSet, syntax dicom.UID) {
	r.keys.SetText(referencedFileID, r.file...)
	r.keys.SetText(referencedClass, object.Str(dicom.SOPClassUID))
	r.keys.SetText(referencedInstance, object.Str(dicom.SOPInstanceUID))
	r.keys.SetText(referencedTransfer, string(syntax))
}

// encode writes the record with offsets of zero, and those below it.
func (r *record) encode(charset string) error {
	r.keys.SetInt(offsetOfNext, 0)
	r.keys.SetInt(inUseFlag, inUse)
	r.keys.SetInt(offsetOfLower, 0)
	r.keys.SetText(recordType, r.kind)
	var err error
	if r.bytes, err = dicom.AppendDataSet(make([]byte, itemHeader), r.keys, dicom.ExplicitLE, charset); err != nil {
		return err
	}
	copy(r.bytes, []byte{0xFE, 0xFF, 0x00, 0xE0})
	binary.LittleEndian.PutUint32(r.bytes[4:], uint32(len(r.bytes)-itemHeader))
	for _, b := range r.below {
		if err := b.encode(charset); err != nil {
			return err
		}
	}
	return nil
}

// place gives records their offsets: each before those below it, and those before its siblings.
func place(records []*record, at int64) int64 {
	for i, r := range records {
		r.at = at
		at = place(r.below, at+int64(len(r.bytes)))
		if len(r.below) > 0 {
			r.lower = r.below[0].at
		}
		if i+1 < len(records) {
			r.next = at
		}
	}
	return at
}

func write(w io.Writer, records []*record) error {
	for _, r := range records {
		binary.LittleEndian.PutUint32(r.bytes[offsetOfNextValue:], uint32(r.next))
		binary.LittleEndian.PutUint32(r.bytes[offsetOfLowerValue:], uint32(r.lower))
		if _, err := w.Write(r.bytes); err != nil {
			return err
		}
		if err := write(w, r.below); err != nil {
			return err
		}
	}
	return nil
}

// WriteTo writes the DICOMDIR file.
func (d *Directory) WriteTo(w io.Writer) (int64, error) {
	if !d.UID.Valid() {
		return 0, errors.New("dicomdir: the file-set has no UID")
	}
	for _, r := range d.patients {
		if err := r.encode(d.Charset); err != nil {
			return 0, err
		}
	}
	head, err := dicom.FileMeta(dicom.Meta{SOPClass: dicom.MediaDirectory, SOPInstance: d.UID, TransferSyntax: dicom.ExplicitLE})
	if err != nil {
		return 0, err
	}
	set := dicom.NewDataSet()
	set.SetText(fileSetID, d.FileSetID)
	set.SetInt(offsetOfFirst, 0)
	set.SetInt(offsetOfLast, 0)
	set.SetInt(consistencyFlag, 0)
	if head, err = dicom.AppendDataSet(head, set, dicom.ExplicitLE, ""); err != nil {
		return 0, err
	}
	first := int64(len(head) + sequenceHeader)
	end := place(d.patients, first)
	if end > math.MaxUint32 {
		return 0, errors.New("dicomdir: the directory is larger than 4 GiB")
	}
	if n := len(d.patients); n > 0 {
		at := len(head) - 10 - 12 - 12 // the flag, and both offsets, stand last
		binary.LittleEndian.PutUint32(head[at+offsetOfFirstFromID:], uint32(first))
		binary.LittleEndian.PutUint32(head[at+12+offsetOfFirstFromID:], uint32(d.patients[n-1].at))
	}
	head = append(head, 0x04, 0x00, 0x20, 0x12, 'S', 'Q', 0, 0)
	head = binary.LittleEndian.AppendUint32(head, uint32(end-first))
	if _, err := w.Write(head); err != nil {
		return 0, err
	}
	return end, write(w, d.patients)
}
