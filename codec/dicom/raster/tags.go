package raster

import "github.com/lianzhen/lianzhen/codec/dicom"

// Attributes of pixels, look-up tables and functional groups (PS3.6), by keyword.
const (
	pixelPaddingValue        dicom.Tag = 0x00280120
	pixelPaddingRangeLimit   dicom.Tag = 0x00280121
	windowExplanation        dicom.Tag = 0x00281055
	voiLUTFunction           dicom.Tag = 0x00281056
	redPaletteDescriptor     dicom.Tag = 0x00281101
	redPaletteData           dicom.Tag = 0x00281201
	redPaletteSegmented      dicom.Tag = 0x00281221
	lossyMethod              dicom.Tag = 0x00282114
	modalityLUTSequence      dicom.Tag = 0x00283000
	lutDescriptor            dicom.Tag = 0x00283002
	lutExplanation           dicom.Tag = 0x00283003
	lutData                  dicom.Tag = 0x00283006
	voiLUTSequence           dicom.Tag = 0x00283010
	pixelMeasuresSequence    dicom.Tag = 0x00289110
	frameVOILUTSequence      dicom.Tag = 0x00289132
	pixelTransformSequence   dicom.Tag = 0x00289145
	sharedFunctionalGroups   dicom.Tag = 0x52009229
	perFrameFunctionalGroups dicom.Tag = 0x52009230
	nominalPixelSpacing      dicom.Tag = 0x00182010
	presentationLUTSequence  dicom.Tag = 0x20500010
)

// Attributes of presentation states (PS3.3 C.10.4 to C.10.6, C.11.8, C.11.15), by keyword.
const (
	shutterShape              dicom.Tag = 0x00181600
	shutterLeft               dicom.Tag = 0x00181602
	shutterRight              dicom.Tag = 0x00181604
	shutterUpper              dicom.Tag = 0x00181606
	shutterLower              dicom.Tag = 0x00181608
	shutterCentre             dicom.Tag = 0x00181610
	shutterRadius             dicom.Tag = 0x00181612
	shutterVertices           dicom.Tag = 0x00181620
	shutterValue              dicom.Tag = 0x00181622
	referencedSeriesSequence  dicom.Tag = 0x00081115
	referencedImageSequence   dicom.Tag = 0x00081140
	referencedFrameNumber     dicom.Tag = 0x00081160
	softcopyVOISequence       dicom.Tag = 0x00283110
	graphicAnnotationSequence dicom.Tag = 0x00700001
	graphicLayer              dicom.Tag = 0x00700002
	boundingBoxUnits          dicom.Tag = 0x00700003
	anchorPointUnits          dicom.Tag = 0x00700004
	graphicUnits              dicom.Tag = 0x00700005
	unformattedText           dicom.Tag = 0x00700006
	textObjectSequence        dicom.Tag = 0x00700008
	graphicObjectSequence     dicom.Tag = 0x00700009
	boundingBoxTopLeft        dicom.Tag = 0x00700010
	boundingBoxBottomRight    dicom.Tag = 0x00700011
	anchorPoint               dicom.Tag = 0x00700014
	anchorPointVisibility     dicom.Tag = 0x00700015
	graphicData               dicom.Tag = 0x00700022
	graphicType               dicom.Tag = 0x00700023
	graphicFilled             dicom.Tag = 0x00700024
	imageHorizontalFlip       dicom.Tag = 0x00700041
	imageRotation             dicom.Tag = 0x00700042
	displayedAreaTopLeft      dicom.Tag = 0x00700052
	displayedAreaBottomRight  dicom.Tag = 0x00700053
	displayedAreaSequence     dicom.Tag = 0x0070005A
	graphicLayerSequence      dicom.Tag = 0x00700060
	graphicLayerOrder         dicom.Tag = 0x00700062
	graphicLayerGray          dicom.Tag = 0x00700066
	presentationPixelSpacing  dicom.Tag = 0x00700101
	presentationPixelAspect   dicom.Tag = 0x00700102
)
