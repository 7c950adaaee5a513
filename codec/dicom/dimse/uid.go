package dimse

import (
	"strings"

	"github.com/lianzhen/lianzhen/codec/dicom"
)

// ApplicationContext is the one DICOM application context name (PS3.7 §A.2.1).
const ApplicationContext dicom.UID = "1.2.840.10008.3.1.1.1"

// SOP classes of services, by their name in PS3.6 table A-1.
const (
	Verification                     dicom.UID = "1.2.840.10008.1.1"
	StorageCommitmentPush            dicom.UID = "1.2.840.10008.1.20.1"
	PatientRootFind                  dicom.UID = "1.2.840.10008.5.1.4.1.2.1.1"
	PatientRootMove                  dicom.UID = "1.2.840.10008.5.1.4.1.2.1.2"
	PatientRootGet                   dicom.UID = "1.2.840.10008.5.1.4.1.2.1.3"
	StudyRootFind                    dicom.UID = "1.2.840.10008.5.1.4.1.2.2.1"
	StudyRootMove                    dicom.UID = "1.2.840.10008.5.1.4.1.2.2.2"
	StudyRootGet                     dicom.UID = "1.2.840.10008.5.1.4.1.2.2.3"
	PatientStudyOnlyFind             dicom.UID = "1.2.840.10008.5.1.4.1.2.3.1" // retired
	PatientStudyOnlyMove             dicom.UID = "1.2.840.10008.5.1.4.1.2.3.2"
	PatientStudyOnlyGet              dicom.UID = "1.2.840.10008.5.1.4.1.2.3.3"
	CompositeInstanceRootRetrieveGet dicom.UID = "1.2.840.10008.5.1.4.1.2.4.3"
	CompositeRetrieveWithoutBulkGet  dicom.UID = "1.2.840.10008.5.1.4.1.2.5.3"
	ModalityWorklistFind             dicom.UID = "1.2.840.10008.5.1.4.31"
	ModalityPerformedProcedureStep   dicom.UID = "1.2.840.10008.3.1.2.3.3"
	PerformedProcedureStepRetrieve   dicom.UID = "1.2.840.10008.3.1.2.3.4"
	PerformedProcedureStepNotify     dicom.UID = "1.2.840.10008.3.1.2.3.5"
	InstanceAvailabilityNotification dicom.UID = "1.2.840.10008.5.1.4.33"
)

// StorageCommitmentInstance is the well-known SOP Instance of storage commitment (PS3.4 §J.3.5).
const StorageCommitmentInstance dicom.UID = "1.2.840.10008.1.20.1.1"

const (
	storagePrefix = "1.2.840.10008.5.1.4.1.1."
	dicomPrefix   = "1.2.840.10008."
)

// otherStorage are the standard storage SOP classes outside of the common root.
var otherStorage = map[dicom.UID]bool{
	"1.2.840.10008.5.1.4.34.7":  true, // RT Beams Delivery Instruction
	"1.2.840.10008.5.1.4.34.10": true, // RT Brachy Application Setup Delivery Instruction
	"1.2.840.10008.5.1.4.38.1":  true, // Hanging Protocol
	"1.2.840.10008.5.1.4.39.1":  true, // Color Palette
	"1.2.840.10008.5.1.4.43.1":  true, // Generic Implant Template
	"1.2.840.10008.5.1.4.44.1":  true, // Implant Assembly Template
	"1.2.840.10008.5.1.4.45.1":  true, // Implant Template Group
}

// IsStorage tells whether a SOP class is one of composite objects that C-STORE carries (PS3.4 §B.5), retired ones included.
func IsStorage(class dicom.UID) bool {
	return strings.HasPrefix(string(class), storagePrefix) || otherStorage[class] // the queries begin with 1.2.840.10008.5.1.4.1.2
}

// IsPrivate tells whether a SOP class or transfer syntax is a manufacturer's own: devices keep private objects by C-STORE.
func IsPrivate(uid dicom.UID) bool {
	return uid.Valid() && !strings.HasPrefix(string(uid), dicomPrefix)
}
