package dicomecg

import "github.com/lianzhen/lianzhen/codec/dicom"

// Attributes of waveforms and their annotations, by their keyword in PS3.6.
const (
	codingSchemeVersion          dicom.Tag = 0x00080103
	acquisitionDateTime          dicom.Tag = 0x0008002A
	medicalAlerts                dicom.Tag = 0x00102000
	ethnicGroup                  dicom.Tag = 0x00102160
	additionalPatientHistory     dicom.Tag = 0x001021B0
	multiplexGroupTimeOffset     dicom.Tag = 0x00181068
	reasonForStudy               dicom.Tag = 0x00321030
	currentPatientLocation       dicom.Tag = 0x00380300
	waveformOriginality          dicom.Tag = 0x003A0004
	numberOfWaveformChannels     dicom.Tag = 0x003A0005
	numberOfWaveformSamples      dicom.Tag = 0x003A0010
	samplingFrequency            dicom.Tag = 0x003A001A
	multiplexGroupLabel          dicom.Tag = 0x003A0020
	channelDefinitionSequence    dicom.Tag = 0x003A0200
	channelLabel                 dicom.Tag = 0x003A0203
	channelStatus                dicom.Tag = 0x003A0205
	channelSourceSequence        dicom.Tag = 0x003A0208
	channelDerivationDescription dicom.Tag = 0x003A020C
	channelSensitivity           dicom.Tag = 0x003A0210
	channelSensitivityUnits      dicom.Tag = 0x003A0211
	channelSensitivityCorrection dicom.Tag = 0x003A0212
	channelBaseline              dicom.Tag = 0x003A0213
	channelTimeSkew              dicom.Tag = 0x003A0214
	channelSampleSkew            dicom.Tag = 0x003A0215
	waveformBitsStored           dicom.Tag = 0x003A021A
	filterLowFrequency           dicom.Tag = 0x003A0220
	filterHighFrequency          dicom.Tag = 0x003A0221
	notchFilterFrequency         dicom.Tag = 0x003A0222
	acquisitionContextSequence   dicom.Tag = 0x00400555
	measurementUnitsCodeSequence dicom.Tag = 0x004008EA
	reasonForTheRequested        dicom.Tag = 0x00401002
	conceptNameCodeSequence      dicom.Tag = 0x0040A043
	referencedWaveformChannels   dicom.Tag = 0x0040A0B0
	temporalRangeType            dicom.Tag = 0x0040A130
	referencedSamplePositions    dicom.Tag = 0x0040A132
	referencedTimeOffsets        dicom.Tag = 0x0040A138
	conceptCodeSequence          dicom.Tag = 0x0040A168
	annotationGroupNumber        dicom.Tag = 0x0040A180
	modifierCodeSequence         dicom.Tag = 0x0040A195
	numericValue                 dicom.Tag = 0x0040A30A
	waveformAnnotationSequence   dicom.Tag = 0x0040B020
	documentTitle                dicom.Tag = 0x00420010
	sourceInstanceSequence       dicom.Tag = 0x00420013
	encapsulatedDocumentLength   dicom.Tag = 0x00420015
	unformattedTextValue         dicom.Tag = 0x00700006
	waveformBitsAllocated        dicom.Tag = 0x54001004
	waveformSampleInterpretation dicom.Tag = 0x54001006
	waveformPaddingValue         dicom.Tag = 0x5400100A
)
