package dimse

import "github.com/lianzhen/lianzhen/codec/dicom"

// StorageClasses are the storage SOP classes that equipment of a hospital sends and asks for (PS3.4 §B.5, the usual ones
// first, retired ones that old devices still make at the end). A C-GET requester proposes those it is ready to receive; the
// list is shorter than the 128 contexts of an association.
var StorageClasses = []dicom.UID{
	"1.2.840.10008.5.1.4.1.1.1",        // CR
	"1.2.840.10008.5.1.4.1.1.1.1",      // Digital X-Ray, for presentation
	"1.2.840.10008.5.1.4.1.1.1.1.1",    // Digital X-Ray, for processing
	"1.2.840.10008.5.1.4.1.1.1.2",      // Digital mammography, for presentation
	"1.2.840.10008.5.1.4.1.1.1.2.1",    // Digital mammography, for processing
	"1.2.840.10008.5.1.4.1.1.1.3",      // Intra-oral X-Ray, for presentation
	"1.2.840.10008.5.1.4.1.1.1.3.1",    // Intra-oral X-Ray, for processing
	"1.2.840.10008.5.1.4.1.1.2",        // CT
	"1.2.840.10008.5.1.4.1.1.2.1",      // Enhanced CT
	"1.2.840.10008.5.1.4.1.1.2.2",      // Legacy converted enhanced CT
	"1.2.840.10008.5.1.4.1.1.3.1",      // Ultrasound multi-frame
	"1.2.840.10008.5.1.4.1.1.4",        // MR
	"1.2.840.10008.5.1.4.1.1.4.1",      // Enhanced MR
	"1.2.840.10008.5.1.4.1.1.4.2",      // MR spectroscopy
	"1.2.840.10008.5.1.4.1.1.4.3",      // Enhanced MR colour
	"1.2.840.10008.5.1.4.1.1.4.4",      // Legacy converted enhanced MR
	"1.2.840.10008.5.1.4.1.1.6.1",      // Ultrasound
	"1.2.840.10008.5.1.4.1.1.6.2",      // Enhanced ultrasound volume
	"1.2.840.10008.5.1.4.1.1.7",        // Secondary capture
	"1.2.840.10008.5.1.4.1.1.7.1",      // Multi-frame single bit secondary capture
	"1.2.840.10008.5.1.4.1.1.7.2",      // Multi-frame greyscale byte secondary capture
	"1.2.840.10008.5.1.4.1.1.7.3",      // Multi-frame greyscale word secondary capture
	"1.2.840.10008.5.1.4.1.1.7.4",      // Multi-frame true colour secondary capture
	"1.2.840.10008.5.1.4.1.1.9.1.1",    // 12-lead ECG
	"1.2.840.10008.5.1.4.1.1.9.1.2",    // General ECG
	"1.2.840.10008.5.1.4.1.1.9.1.3",    // Ambulatory ECG
	"1.2.840.10008.5.1.4.1.1.9.2.1",    // Haemodynamic waveform
	"1.2.840.10008.5.1.4.1.1.9.3.1",    // Cardiac electrophysiology
	"1.2.840.10008.5.1.4.1.1.9.4.1",    // Basic voice audio
	"1.2.840.10008.5.1.4.1.1.9.4.2",    // General audio
	"1.2.840.10008.5.1.4.1.1.9.5.1",    // Arterial pulse
	"1.2.840.10008.5.1.4.1.1.9.6.1",    // Respiratory
	"1.2.840.10008.5.1.4.1.1.11.1",     // Greyscale softcopy presentation state
	"1.2.840.10008.5.1.4.1.1.11.2",     // Colour softcopy presentation state
	"1.2.840.10008.5.1.4.1.1.11.3",     // Pseudo-colour softcopy presentation state
	"1.2.840.10008.5.1.4.1.1.11.4",     // Blending softcopy presentation state
	"1.2.840.10008.5.1.4.1.1.11.5",     // XA/XRF greyscale softcopy presentation state
	"1.2.840.10008.5.1.4.1.1.12.1",     // X-Ray angiography
	"1.2.840.10008.5.1.4.1.1.12.1.1",   // Enhanced XA
	"1.2.840.10008.5.1.4.1.1.12.2",     // X-Ray fluoroscopy
	"1.2.840.10008.5.1.4.1.1.12.2.1",   // Enhanced XRF
	"1.2.840.10008.5.1.4.1.1.13.1.1",   // X-Ray 3D angiography
	"1.2.840.10008.5.1.4.1.1.13.1.2",   // X-Ray 3D craniofacial
	"1.2.840.10008.5.1.4.1.1.13.1.3",   // Breast tomosynthesis
	"1.2.840.10008.5.1.4.1.1.14.1",     // Intravascular OCT, for presentation
	"1.2.840.10008.5.1.4.1.1.20",       // Nuclear medicine
	"1.2.840.10008.5.1.4.1.1.30",       // Parametric map
	"1.2.840.10008.5.1.4.1.1.66",       // Raw data
	"1.2.840.10008.5.1.4.1.1.66.1",     // Spatial registration
	"1.2.840.10008.5.1.4.1.1.66.2",     // Spatial fiducials
	"1.2.840.10008.5.1.4.1.1.66.3",     // Deformable spatial registration
	"1.2.840.10008.5.1.4.1.1.66.4",     // Segmentation
	"1.2.840.10008.5.1.4.1.1.66.5",     // Surface segmentation
	"1.2.840.10008.5.1.4.1.1.67",       // Real world value mapping
	"1.2.840.10008.5.1.4.1.1.77.1.1",   // VL endoscopic
	"1.2.840.10008.5.1.4.1.1.77.1.1.1", // Video endoscopic
	"1.2.840.10008.5.1.4.1.1.77.1.2",   // VL microscopic
	"1.2.840.10008.5.1.4.1.1.77.1.2.1", // Video microscopic
	"1.2.840.10008.5.1.4.1.1.77.1.3",   // VL slide-coordinates microscopic
	"1.2.840.10008.5.1.4.1.1.77.1.4",   // VL photographic
	"1.2.840.10008.5.1.4.1.1.77.1.4.1", // Video photographic
	"1.2.840.10008.5.1.4.1.1.77.1.5.1", // Ophthalmic photography 8 bit
	"1.2.840.10008.5.1.4.1.1.77.1.5.2", // Ophthalmic photography 16 bit
	"1.2.840.10008.5.1.4.1.1.77.1.5.4", // Ophthalmic tomography
	"1.2.840.10008.5.1.4.1.1.77.1.6",   // VL whole slide microscopy
	"1.2.840.10008.5.1.4.1.1.88.11",    // Basic text SR
	"1.2.840.10008.5.1.4.1.1.88.22",    // Enhanced SR
	"1.2.840.10008.5.1.4.1.1.88.33",    // Comprehensive SR
	"1.2.840.10008.5.1.4.1.1.88.34",    // Comprehensive 3D SR
	"1.2.840.10008.5.1.4.1.1.88.40",    // Procedure log
	"1.2.840.10008.5.1.4.1.1.88.50",    // Mammography CAD SR
	"1.2.840.10008.5.1.4.1.1.88.59",    // Key object selection
	"1.2.840.10008.5.1.4.1.1.88.65",    // Chest CAD SR
	"1.2.840.10008.5.1.4.1.1.88.67",    // X-Ray radiation dose SR
	"1.2.840.10008.5.1.4.1.1.104.1",    // Encapsulated PDF
	"1.2.840.10008.5.1.4.1.1.104.2",    // Encapsulated CDA
	"1.2.840.10008.5.1.4.1.1.128",      // PET
	"1.2.840.10008.5.1.4.1.1.130",      // Enhanced PET
	"1.2.840.10008.5.1.4.1.1.128.1",    // Legacy converted enhanced PET
	"1.2.840.10008.5.1.4.1.1.481.1",    // RT image
	"1.2.840.10008.5.1.4.1.1.481.2",    // RT dose
	"1.2.840.10008.5.1.4.1.1.481.3",    // RT structure set
	"1.2.840.10008.5.1.4.1.1.481.4",    // RT beams treatment record
	"1.2.840.10008.5.1.4.1.1.481.5",    // RT plan
	"1.2.840.10008.5.1.4.1.1.481.6",    // RT brachy treatment record
	"1.2.840.10008.5.1.4.1.1.481.7",    // RT treatment summary record
	"1.2.840.10008.5.1.4.1.1.481.8",    // RT ion plan
	"1.2.840.10008.5.1.4.1.1.481.9",    // RT ion beams treatment record
	"1.2.840.10008.5.1.4.1.1.3",        // Ultrasound multi-frame, retired
	"1.2.840.10008.5.1.4.1.1.5",        // Nuclear medicine, retired
	"1.2.840.10008.5.1.4.1.1.6",        // Ultrasound, retired
	"1.2.840.10008.5.1.4.1.1.12.3",     // X-Ray angiography biplane, retired
}
