package worklist

import "github.com/lianzhen/lianzhen/codec/dicom"

// Attributes of worklists, performed steps and workitems, by their keyword in PS3.6.
const (
	referencedImageSequence   dicom.Tag = 0x00081140
	medicalAlerts             dicom.Tag = 0x00102000
	allergies                 dicom.Tag = 0x00102110
	pregnancyStatus           dicom.Tag = 0x001021C0
	requestingPhysician       dicom.Tag = 0x00321032
	requestingService         dicom.Tag = 0x00321033
	requestedProcedureCodes   dicom.Tag = 0x00321064
	requestedContrastAgent    dicom.Tag = 0x00321070
	admissionID               dicom.Tag = 0x00380010
	specialNeeds              dicom.Tag = 0x00380050
	currentPatientLocation    dicom.Tag = 0x00380300
	patientState              dicom.Tag = 0x00380500
	scheduledStationAE        dicom.Tag = 0x00400001
	stepStartDate             dicom.Tag = 0x00400002
	stepStartTime             dicom.Tag = 0x00400003
	stepPerformingPhysician   dicom.Tag = 0x00400006
	stepDescription           dicom.Tag = 0x00400007
	stepProtocolCodes         dicom.Tag = 0x00400008
	stepID                    dicom.Tag = 0x00400009
	stepStationName           dicom.Tag = 0x00400010
	stepLocation              dicom.Tag = 0x00400011
	preMedication             dicom.Tag = 0x00400012
	stepStatus                dicom.Tag = 0x00400020
	scheduledStepSequence     dicom.Tag = 0x00400100
	referencedNonImages       dicom.Tag = 0x00400220
	performedStationAE        dicom.Tag = 0x00400241
	performedStartDate        dicom.Tag = 0x00400244
	performedStartTime        dicom.Tag = 0x00400245
	performedEndDate          dicom.Tag = 0x00400250
	performedEndTime          dicom.Tag = 0x00400251
	performedStatus           dicom.Tag = 0x00400252
	performedID               dicom.Tag = 0x00400253
	scheduledStepAttributes   dicom.Tag = 0x00400270
	performedSeriesSequence   dicom.Tag = 0x00400340
	stepComments              dicom.Tag = 0x00400400
	requestedProcedureID      dicom.Tag = 0x00401001
	reasonForProcedure        dicom.Tag = 0x00401002
	requestedPriority         dicom.Tag = 0x00401003
	procedureComments         dicom.Tag = 0x00401400
	placerOrderNumber         dicom.Tag = 0x00402016
	fillerOrderNumber         dicom.Tag = 0x00402017
	workitemStart             dicom.Tag = 0x00404005
	workitemModified          dicom.Tag = 0x00404010
	workitemHumanPerformers   dicom.Tag = 0x00404034
	performerCodes            dicom.Tag = 0x00404009
	performerOrganization     dicom.Tag = 0x00404036
	workitemStationNames      dicom.Tag = 0x00404025
	workitemCancelledAt       dicom.Tag = 0x00404052
	workitemPerformedCodes    dicom.Tag = 0x00404019
	workitemPerformedStations dicom.Tag = 0x00404028
	workitemPerformedStart    dicom.Tag = 0x00404050
	workitemPerformedEnd      dicom.Tag = 0x00404051
	inputReadiness            dicom.Tag = 0x00404041
	workitemState             dicom.Tag = 0x00741000
	workitemProgress          dicom.Tag = 0x00741002
	contactURI                dicom.Tag = 0x0074100A
	contactName               dicom.Tag = 0x0074100C
	discontinuationReasons    dicom.Tag = 0x0074100E
	workitemPriority          dicom.Tag = 0x00741200
	worklistLabel             dicom.Tag = 0x00741202
	workitemLabel             dicom.Tag = 0x00741204
	workitemPerformed         dicom.Tag = 0x00741216
	requestingAE              dicom.Tag = 0x00741236
	cancellationReason        dicom.Tag = 0x00741238
	transactionUID            dicom.Tag = 0x00081195
	scpStatus                 dicom.Tag = 0x00741242
	subscriptionListStatus    dicom.Tag = 0x00741244
	workitemListStatus        dicom.Tag = 0x00741246
)

// SOP classes and well-known instances (PS3.6 table A-1).
const (
	ModalityWorklistFind  dicom.UID = "1.2.840.10008.5.1.4.31"
	PerformedStepSOPClass dicom.UID = "1.2.840.10008.3.1.2.3.3"
	WorkitemSOPClass      dicom.UID = "1.2.840.10008.5.1.4.34.6.1" // Unified Procedure Step - Push
	GlobalSubscription    dicom.UID = "1.2.840.10008.5.1.4.34.5"
	FilteredSubscription  dicom.UID = "1.2.840.10008.5.1.4.34.5.1"
)
