// Package deid takes out of a data set what tells whom it is about: the Basic Application Level Confidentiality Profile of
// PS3.15 annex E with some of its options. It works on attributes; text burned into pixels it can only warn of (Burned).
package deid

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"math/big"
	"slices"
	"strings"

	"github.com/lianzhen/lianzhen/codec/dicom"
)

// Profile says how data sets are de-identified. With one Key the same patient, study and instance become the same new ones in
// every data set; without the key nobody can tell which was which.
type Profile struct {
	Key []byte // secret of at least 16 bytes

	// Pseudonym replaces patient name and patient ID; "" derives one from the patient ID and its issuer with the key.
	Pseudonym string

	ModifiedDates   bool // shift dates by an offset of the patient's, instead of removing them (PS3.15 §E.3.6)
	RetainUIDs      bool // §E.3.9
	RetainPatient   bool // sex, age, size, weight and such (§E.3.5)
	RetainDevice    bool // §E.3.7
	RetainHospital  bool // institution identity (§E.3.8)
	CleanDescriptor bool // remove free text that no rule is about, too (§E.3.4)

	SafePrivate []SafePrivate // private attributes that stay (§E.3.10); nil: none
}

const leastKey = 16

// Apply de-identifies the data set in place, items included, and says in it that and how it was done. What can only be
// located and might hold text is removed.
func (p *Profile) Apply(d *dicom.DataSet) error {
	if len(p.Key) < leastKey {
		return errors.New("deid: the key is too short")
	}
	run := &run{Profile: p, patient: patientOf(d), known: map[string]bool{}}
	run.secrets(d)
	run.shift = run.offset()
	run.clean(d)
	run.identify(d)
	run.scrub(d)
	p.declare(d)
	return nil
}

// run is one data set being de-identified.
type run struct {
	*Profile
	patient string          // what tells patients apart: ID and issuer, else the name
	shift   int             // days
	known   map[string]bool // in lower case
}

func patientOf(d *dicom.DataSet) string {
	id := d.Str(dicom.PatientID)
	if id == "" {
		return d.Str(dicom.PatientName)
	}
	return id + "\x00" + d.Str(dicom.IssuerOfPatientID)
}

func (p *Profile) mac(domain, s string) []byte {
	h := hmac.New(sha256.New, p.Key)
	h.Write([]byte(domain + "\x00" + s))
	return h.Sum(nil)
}

// UID is what becomes of a UID: one under 2.25 that the key decides (PS3.5 §B.2).
func (p *Profile) UID(u dicom.UID) dicom.UID {
	if p.RetainUIDs || u == "" {
		return u
	}
	return dicom.UID("2.25." + new(big.Int).SetBytes(p.mac("uid", string(u))[:16]).String())
}

// maxShift is how far dates are moved back, in days.
const maxShift = 3650

func (r *run) offset() int {
	n := new(big.Int).SetBytes(r.mac("dates", r.patient)[:8])
	return -1 - int(n.Mod(n, big.NewInt(maxShift)).Int64())
}

// identify gives the patient the pseudonym.
func (r *run) identify(d *dicom.DataSet) {
	name := r.Pseudonym
	if name == "" {
		name = "P" + strings.ToUpper(hex.EncodeToString(r.mac("patient", r.patient)[:6]))
	}
	d.SetText(dicom.PatientName, name)
	d.SetText(dicom.PatientID, name)
}

const (
	patientIdentityRemoved   dicom.Tag = 0x00120062
	deidentificationMethod   dicom.Tag = 0x00120063
	deidentificationMethods  dicom.Tag = 0x00120064
	longitudinalInformation  dicom.Tag = 0x00280303
	documentTitle            dicom.Tag = 0x00420010
	recognizableVisual       dicom.Tag = 0x00280302
	contentSequence          dicom.Tag = 0x0040A730
	relationshipType         dicom.Tag = 0x0040A010
	valueType                dicom.Tag = 0x0040A040
	conceptNameCodeSequence  dicom.Tag = 0x0040A043
	textValue                dicom.Tag = 0x0040A160
	sopClassesInStudy        dicom.Tag = 0x00080062
	codingSchemeIdentifiers  dicom.Tag = 0x00080110
	encapsulatedDocumentRoot           = "1.2.840.10008.5.1.4.1.1.104."
	standardRoot                       = "1.2.840.10008."
)

// declare says what was done (PS3.3 C.7.1.1, PS3.16 CID 7050).
func (p *Profile) declare(d *dicom.DataSet) {
	codes := []*dicom.DataSet{code("113100", "Basic Application Confidentiality Profile")}
	for _, o := range []struct {
		on             bool
		value, meaning string
	}{
		{p.CleanDescriptor, "113105", "Clean Descriptors Option"},
		{p.ModifiedDates, "113107", "Retain Longitudinal Temporal Information Modified Dates Option"},
		{p.RetainPatient, "113108", "Retain Patient Characteristics Option"},
		{p.RetainDevice, "113109", "Retain Device Identity Option"},
		{p.RetainUIDs, "113110", "Retain UIDs Option"},
		{len(p.SafePrivate) > 0, "113111", "Retain Safe Private Option"},
		{p.RetainHospital, "113112", "Retain Institution Identity Option"},
	} {
		if o.on {
			codes = append(codes, code(o.value, o.meaning))
		}
	}
	d.SetText(patientIdentityRemoved, "YES")
	d.SetText(deidentificationMethod, "PS3.15 E.1 Basic Profile")
	d.SetItems(deidentificationMethods, codes...)
	modified := "REMOVED"
	if p.ModifiedDates {
		modified = "MODIFIED"
	}
	d.SetText(longitudinalInformation, modified)
}

func code(value, meaning string) *dicom.DataSet {
	d := dicom.NewDataSet()
	d.SetText(dicom.CodeValue, value)
	d.SetText(dicom.CodingSchemeDesignator, "DCM")
	d.SetText(dicom.CodeMeaning, meaning)
	return d
}

// burning are modalities whose devices write the patient's name into the pixels.
var burning = []string{"US", "IVUS", "OT", "SC", "DOC", "ES", "GM", "XC", "OP", "ECG", "IO", "BDUS", "DG"}

// Burned tells whether the pixels, or the document, may show whom they are about, so that attributes are not all there is to
// clean: Burned In Annotation or Recognizable Visual Features says so, or nothing says no and it is an object of a kind that
// often does (ultrasound, secondary capture, visible light, documents, scans on film).
func Burned(d *dicom.DataSet) bool {
	class := string(d.UID(dicom.SOPClassUID))
	switch burned := strings.ToUpper(d.Str(dicom.BurnedInAnnotation)); {
	case burned == "YES", strings.EqualFold(d.Str(recognizableVisual), "YES"), strings.HasPrefix(class, encapsulatedDocumentRoot):
		return true
	case burned == "NO":
		return false
	}
	kind := strings.TrimPrefix(class, "1.2.840.10008.5.1.4.1.1.")
	return kind == "7" || strings.HasPrefix(kind, "7.") || strings.HasPrefix(kind, "3.1") || strings.HasPrefix(kind, "6.") ||
		strings.HasPrefix(kind, "77.1.") || d.Find(dicom.ConversionType) != nil ||
		slices.Contains(burning, strings.ToUpper(d.Str(dicom.Modality))) || slices.Contains(d.Strs(dicom.ImageType), "SCREEN SAVE")
}
