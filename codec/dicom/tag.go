package dicom

import "fmt"

// Tag names an attribute: group in the upper, element in the lower 16 bits.
type Tag uint32

// Group is the upper half of the tag.
func (t Tag) Group() uint16 { return uint16(t >> 16) }

// Element is the lower half of the tag.
func (t Tag) Element() uint16 { return uint16(t) }

// Private tells a manufacturer's attribute by its odd group (PS3.5 §7.8).
func (t Tag) Private() bool { return t>>16&1 == 1 }

// String writes the tag as (gggg,eeee).
func (t Tag) String() string { return fmt.Sprintf("(%04X,%04X)", t.Group(), t.Element()) }

// Hex writes the tag as in the JSON model: eight upper-case digits (PS3.18 §F.2.2).
func (t Tag) Hex() string { return string(appendHex(nil, t)) }

const hexDigits = "0123456789ABCDEF"

func appendHex(b []byte, t Tag) []byte {
	for shift := 28; shift >= 0; shift -= 4 {
		b = append(b, hexDigits[t>>shift&0xF])
	}
	return b
}

// Tags of file meta information (PS3.10 §7.1).
const (
	FileMetaInformationGroupLength Tag = 0x00020000
	FileMetaInformationVersion     Tag = 0x00020001
	MediaStorageSOPClassUID        Tag = 0x00020002
	MediaStorageSOPInstanceUID     Tag = 0x00020003
	TransferSyntaxUID              Tag = 0x00020010
	ImplementationClassUID         Tag = 0x00020012
	ImplementationVersionName      Tag = 0x00020013
	SourceApplicationEntityTitle   Tag = 0x00020016
)

// Tags that the index, the phantoms and the scanner use, by their keyword in PS3.6.
const (
	SpecificCharacterSet              Tag = 0x00080005
	ImageType                         Tag = 0x00080008
	InstanceCreationDate              Tag = 0x00080012
	InstanceCreationTime              Tag = 0x00080013
	SOPClassUID                       Tag = 0x00080016
	SOPInstanceUID                    Tag = 0x00080018
	StudyDate                         Tag = 0x00080020
	SeriesDate                        Tag = 0x00080021
	AcquisitionDate                   Tag = 0x00080022
	ContentDate                       Tag = 0x00080023
	AcquisitionDateTime               Tag = 0x0008002A
	StudyTime                         Tag = 0x00080030
	SeriesTime                        Tag = 0x00080031
	AcquisitionTime                   Tag = 0x00080032
	ContentTime                       Tag = 0x00080033
	AccessionNumber                   Tag = 0x00080050
	IssuerOfAccessionNumberSequence   Tag = 0x00080051
	Modality                          Tag = 0x00080060
	ConversionType                    Tag = 0x00080064
	PresentationIntentType            Tag = 0x00080068
	Manufacturer                      Tag = 0x00080070
	InstitutionName                   Tag = 0x00080080
	InstitutionAddress                Tag = 0x00080081
	ReferringPhysicianName            Tag = 0x00080090
	CodeValue                         Tag = 0x00080100
	CodingSchemeDesignator            Tag = 0x00080102
	CodeMeaning                       Tag = 0x00080104
	TimezoneOffsetFromUTC             Tag = 0x00080201
	StationName                       Tag = 0x00081010
	StudyDescription                  Tag = 0x00081030
	ProcedureCodeSequence             Tag = 0x00081032
	SeriesDescription                 Tag = 0x0008103E
	InstitutionalDepartmentName       Tag = 0x00081040
	PerformingPhysicianName           Tag = 0x00081050
	OperatorsName                     Tag = 0x00081070
	ManufacturerModelName             Tag = 0x00081090
	ReferencedSOPClassUID             Tag = 0x00081150
	ReferencedSOPInstanceUID          Tag = 0x00081155
	AnatomicRegionSequence            Tag = 0x00082218
	PatientName                       Tag = 0x00100010
	PatientID                         Tag = 0x00100020
	IssuerOfPatientID                 Tag = 0x00100021
	TypeOfPatientID                   Tag = 0x00100022
	IssuerOfPatientIDQualifiers       Tag = 0x00100024
	PatientBirthDate                  Tag = 0x00100030
	PatientSex                        Tag = 0x00100040
	OtherPatientIDs                   Tag = 0x00101000
	OtherPatientIDsSequence           Tag = 0x00101002
	PatientAge                        Tag = 0x00101010
	PatientSize                       Tag = 0x00101020
	PatientWeight                     Tag = 0x00101030
	PatientComments                   Tag = 0x00104000
	BodyPartExamined                  Tag = 0x00180015
	ScanningSequence                  Tag = 0x00180020
	SequenceVariant                   Tag = 0x00180021
	ScanOptions                       Tag = 0x00180022
	MRAcquisitionType                 Tag = 0x00180023
	SliceThickness                    Tag = 0x00180050
	KVP                               Tag = 0x00180060
	RepetitionTime                    Tag = 0x00180080
	EchoTime                          Tag = 0x00180081
	EchoTrainLength                   Tag = 0x00180091
	DeviceSerialNumber                Tag = 0x00181000
	SoftwareVersions                  Tag = 0x00181020
	ProtocolName                      Tag = 0x00181030
	CineRate                          Tag = 0x00180040
	FrameTime                         Tag = 0x00181063
	ImagerPixelSpacing                Tag = 0x00181164
	XRayTubeCurrent                   Tag = 0x00181151
	ExposureTime                      Tag = 0x00181150
	ConvolutionKernel                 Tag = 0x00181210
	PatientPosition                   Tag = 0x00185100
	ViewPosition                      Tag = 0x00185101
	StudyInstanceUID                  Tag = 0x0020000D
	SeriesInstanceUID                 Tag = 0x0020000E
	StudyID                           Tag = 0x00200010
	SeriesNumber                      Tag = 0x00200011
	AcquisitionNumber                 Tag = 0x00200012
	InstanceNumber                    Tag = 0x00200013
	PatientOrientation                Tag = 0x00200020
	ImagePositionPatient              Tag = 0x00200032
	ImageOrientationPatient           Tag = 0x00200037
	FrameOfReferenceUID               Tag = 0x00200052
	ImageLaterality                   Tag = 0x00200062
	PositionReferenceIndicator        Tag = 0x00201040
	SliceLocation                     Tag = 0x00201041
	SamplesPerPixel                   Tag = 0x00280002
	PhotometricInterpretation         Tag = 0x00280004
	PlanarConfiguration               Tag = 0x00280006
	NumberOfFrames                    Tag = 0x00280008
	FrameIncrementPointer             Tag = 0x00280009
	Rows                              Tag = 0x00280010
	Columns                           Tag = 0x00280011
	PixelSpacing                      Tag = 0x00280030
	PixelAspectRatio                  Tag = 0x00280034
	BitsAllocated                     Tag = 0x00280100
	BitsStored                        Tag = 0x00280101
	HighBit                           Tag = 0x00280102
	PixelRepresentation               Tag = 0x00280103
	BurnedInAnnotation                Tag = 0x00280301
	PixelIntensityRelationship        Tag = 0x00281040
	PixelIntensityRelationshipSign    Tag = 0x00281041
	WindowCenter                      Tag = 0x00281050
	WindowWidth                       Tag = 0x00281051
	RescaleIntercept                  Tag = 0x00281052
	RescaleSlope                      Tag = 0x00281053
	RescaleType                       Tag = 0x00281054
	LossyImageCompression             Tag = 0x00282110
	LossyImageCompressionRatio        Tag = 0x00282112
	RequestedProcedureDescription     Tag = 0x00321060
	PerformedProcedureStepStartDate   Tag = 0x00400244
	PerformedProcedureStepStartTime   Tag = 0x00400245
	PerformedProcedureStepID          Tag = 0x00400253
	PerformedProcedureStepDescription Tag = 0x00400254
	RequestAttributesSequence         Tag = 0x00400275
	UniversalEntityID                 Tag = 0x00400032
	UniversalEntityIDType             Tag = 0x00400033
	ViewCodeSequence                  Tag = 0x00540220
	PresentationLUTShape              Tag = 0x20500020
	EncapsulatedDocument              Tag = 0x00420011
	MIMETypeOfEncapsulatedDocument    Tag = 0x00420012
	WaveformSequence                  Tag = 0x54000100
	WaveformData                      Tag = 0x54001010
	ExtendedOffsetTable               Tag = 0x7FE00001
	ExtendedOffsetTableLengths        Tag = 0x7FE00002
	FloatPixelData                    Tag = 0x7FE00008
	DoubleFloatPixelData              Tag = 0x7FE00009
	PixelDataTag                      Tag = 0x7FE00010
	DataSetTrailingPadding            Tag = 0xFFFCFFFC
	item                              Tag = 0xFFFEE000
	itemDelimitation                  Tag = 0xFFFEE00D
	sequenceDelimitation              Tag = 0xFFFEE0DD
)
