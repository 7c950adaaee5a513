// Package dicomecg reads and writes electrocardiograms as DICOM waveform objects (PS3.3 A.34.3 and following): 12-Lead, General,
// Ambulatory and General 32-bit ECG, and the ECG that some carts file under the Hemodynamic class. It also wraps a report as an
// Encapsulated PDF (PS3.3 A.45.1).
//
// The parsing is codec/dicom's; here stands what the attributes mean. Samples of long recordings stay in the file. A file that is cut
// off or damaged gives what stands before the fault, with a warning.
package dicomecg

import (
	"bytes"
	"slices"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/tracing"
)

// The SOP classes (PS3.4 B.5).
const (
	TwelveLead  dicom.UID = "1.2.840.10008.5.1.4.1.1.9.1.1"
	General     dicom.UID = "1.2.840.10008.5.1.4.1.1.9.1.2"
	Ambulatory  dicom.UID = "1.2.840.10008.5.1.4.1.1.9.1.3"
	General32   dicom.UID = "1.2.840.10008.5.1.4.1.1.9.1.4"
	Hemodynamic dicom.UID = "1.2.840.10008.5.1.4.1.1.9.2.1"
	PDF         dicom.UID = "1.2.840.10008.5.1.4.1.1.104.1"
)

// IsECG tells whether objects of a SOP class are read here. An object of the Hemodynamic class may hold pressures only: Read refuses
// one that has no lead.
func IsECG(sopClass string) bool {
	return slices.Contains([]dicom.UID{TwelveLead, General, Ambulatory, General32, Hemodynamic}, dicom.UID(sopClass))
}

// waveformClasses is how the SOP classes of waveforms begin.
const waveformClasses = "1.2.840.10008.5.1.4.1.1.9."

const preamble = 128 // bytes before "DICM" (PS3.10 7.1)

// Sniff tells a DICOM object by its first bytes: "DICM" behind the preamble, or a data set without either that names a waveform class.
// Whether it is an ECG is seen by reading; of an object whose class stands in the bytes given, here already.
func Sniff(head []byte) bool {
	switch {
	case part10(head):
		i := bytes.Index(head, []byte("1.2.840.10008.5.1.4.1.1."))
		return i < 0 || bytes.HasPrefix(head[i:], []byte(waveformClasses))
	case bare(head) != "":
		return bytes.Contains(head, []byte(waveformClasses))
	}
	return false
}

func part10(head []byte) bool {
	return len(head) >= preamble+4 && string(head[preamble:preamble+4]) == "DICM"
}

// bare is the transfer syntax of a data set that came without preamble and group 2, told by its first element; empty if it is none.
// Devices write the groups of identification (0008) first.
func bare(head []byte) dicom.UID {
	if len(head) < 16 || head[0] != 8 || head[1] != 0 || head[3] != 0 || head[2] > 0x20 {
		return ""
	}
	if vr := string(head[4:6]); vr == "CS" || vr == "UL" || vr == "DA" || vr == "UI" || vr == "TM" {
		return dicom.ExplicitLE
	}
	if head[5] == 0 && head[6] == 0 && head[7] == 0 { // a short value: its length in four bytes
		return dicom.ImplicitLE
	}
	return ""
}

func refuse(offset int64, format string, args ...any) error {
	return tracing.Errorf(tracing.DICOM, offset, format, args...)
}
