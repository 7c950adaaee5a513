package dicomecg

import (
	"encoding/binary"
	"strconv"
	"testing"

	"github.com/lianzhen/lianzhen/codec/dicom"
)

// wave is one multiplex group to be built.
type wave struct {
	interpretation string
	bits           int
	data           []byte
	vr             dicom.VR
	channels       []*dicom.DataSet
	samples        int
	rate, label    string
	set            func(d *dicom.DataSet)
}

func code(value, scheme, meaning string) *dicom.DataSet {
	return concept{value: value, scheme: scheme, meaning: meaning}.item()
}

// channelDef is a channel of so many microvolts a unit.
func channelDef(source *dicom.DataSet, sensitivity, unit string) *dicom.DataSet {
	d := dicom.NewDataSet()
	d.SetItems(channelSourceSequence, source)
	if sensitivity != "" {
		d.SetText(channelSensitivity, sensitivity)
		d.SetItems(channelSensitivityUnits, code(unit, "UCUM", unit))
		d.SetText(channelSensitivityCorrection, "1")
		d.SetText(channelBaseline, "0")
	}
	d.SetText(channelSampleSkew, "0")
	d.SetInt(waveformBitsStored, 16)
	return d
}

func (w wave) item() *dicom.DataSet {
	d := dicom.NewDataSet()
	d.SetText(waveformOriginality, "ORIGINAL")
	d.SetInt(numberOfWaveformChannels, len(w.channels))
	d.SetInt(numberOfWaveformSamples, w.samples)
	d.SetText(samplingFrequency, w.rate)
	if w.label != "" {
		d.SetText(multiplexGroupLabel, w.label)
	}
	d.SetItems(channelDefinitionSequence, w.channels...)
	d.SetInt(waveformBitsAllocated, w.bits)
	d.SetText(waveformSampleInterpretation, w.interpretation)
	vr := w.vr
	if vr == 0 {
		vr = dicom.OW
	}
	d.SetBytes(dicom.WaveformData, vr, w.data)
	if w.set != nil {
		w.set(d)
	}
	return d
}

// object is a whole data set with the groups.
func dataSet(class dicom.UID, waves ...wave) *dicom.DataSet {
	d := dicom.NewDataSet()
	d.SetText(dicom.SOPClassUID, string(class))
	d.SetText(dicom.SOPInstanceUID, "1.2.3.4")
	d.SetText(dicom.StudyInstanceUID, "1.2.3.5")
	d.SetText(dicom.SeriesInstanceUID, "1.2.3.6")
	d.SetText(dicom.Modality, "ECG")
	items := make([]*dicom.DataSet, len(waves))
	for i, w := range waves {
		items[i] = w.item()
	}
	d.SetItems(dicom.WaveformSequence, items...)
	return d
}

// file writes the data set as an object of a transfer syntax.
func file(t testing.TB, d *dicom.DataSet, syntax dicom.UID, charset string) []byte {
	t.Helper()
	head, err := dicom.FileMeta(dicom.Meta{SOPClass: d.UID(dicom.SOPClassUID), SOPInstance: d.UID(dicom.SOPInstanceUID), TransferSyntax: syntax})
	if err != nil {
		t.Fatal(err)
	}
	b, err := dicom.AppendDataSet(head, d, syntax, charset)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// ramp is a group of leads whose sample k of lead c is k*10+c, in 16 bits.
func ramp(n int, leads ...string) wave {
	w := wave{interpretation: "SS", bits: 16, samples: n, rate: "500", label: "RHYTHM"}
	for c, l := range leads {
		w.channels = append(w.channels, channelDef(code("5.6.3-9-"+l, "SCPECG", "Lead "+strconv.Itoa(c)), "2.5", "uV"))
	}
	for k := range n {
		for c := range leads {
			w.data = binary.LittleEndian.AppendUint16(w.data, uint16(int16(k*10+c-100)))
		}
	}
	return w
}
