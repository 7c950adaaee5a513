package dicomecg

import (
	"encoding/binary"
	"math"
	"math/big"
	"strconv"
	"time"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/tracing"
)

// group writes one multiplex group (PS3.3 C.10.9).
func group(g *tracing.Group, class dicom.UID) *dicom.DataSet {
	d := dicom.NewDataSet()
	if g.Offset != 0 {
		d.SetText(multiplexGroupTimeOffset, decimalOf(ratioOf(g.Offset, time.Millisecond)))
	}
	originality, label := "ORIGINAL", "RHYTHM"
	if g.Kind == tracing.Median {
		originality, label = "DERIVED", "MEDIAN BEAT"
	}
	if own := clean(g.Label, 16); own != "" && g.Kind == kindOf(own) {
		label = own
	}
	d.SetText(waveformOriginality, originality)
	d.SetInt(numberOfWaveformChannels, len(g.Leads))
	d.SetInt(numberOfWaveformSamples, g.Len())
	d.SetText(samplingFrequency, decimalOf(g.Rate))
	d.SetText(multiplexGroupLabel, label)
	bits := 16
	if class == General32 {
		bits = 32
	}
	defs := make([]*dicom.DataSet, len(g.Leads))
	for i := range g.Leads {
		defs[i] = definition(g, &g.Leads[i], bits)
	}
	d.SetItems(channelDefinitionSequence, defs...)
	d.SetInt(waveformBitsAllocated, bits)
	d.SetText(waveformSampleInterpretation, map[int]string{16: "SS", 32: "SL"}[bits])
	data, missing := interleave(g, bits)
	if missing {
		padding := []byte{0, 0x80}
		if bits == 32 {
			padding = []byte{0, 0, 0, 0x80}
		}
		d.SetBytes(waveformPaddingValue, dicom.OW, padding)
	}
	d.SetBytes(dicom.WaveformData, dicom.OW, data)
	return d
}

// definition writes one channel. Its sensitivity is in microvolts.
func definition(g *tracing.Group, l *tracing.Lead, bits int) *dicom.DataSet {
	d := dicom.NewDataSet()
	if label := clean(l.Label, 16); label != "" && label != l.Code.Label() {
		d.SetText(channelLabel, label)
	}
	if l.Off {
		d.SetText(channelStatus, "DISCONNECTED")
	}
	d.SetItems(channelSourceSequence, sourceOf(l).item())
	if l.Derived {
		d.SetText(channelDerivationDescription, "computed from other leads")
	}
	if l.Calibrated() {
		micro := tracing.Whole(1000)
		size, factor := factors(l.NVPerLSB.Div(micro))
		d.SetText(channelSensitivity, size)
		d.SetItems(channelSensitivityUnits, concept{"uV", "UCUM", "1.4", "microvolt"}.item())
		d.SetText(channelSensitivityCorrection, factor)
		d.SetText(channelBaseline, decimalOf(l.OffsetNV.Div(micro)))
	}
	if l.Skew != 0 {
		d.SetText(channelTimeSkew, decimalOf(ratioOf(l.Skew, time.Second)))
	} else {
		d.SetText(channelSampleSkew, "0")
	}
	d.SetInt(waveformBitsStored, bits)
	for _, f := range []struct {
		tag dicom.Tag
		hz  float64
	}{
		{filterLowFrequency, g.Filters.HighPassHz}, {filterHighFrequency, g.Filters.LowPassHz}, {notchFilterFrequency, g.Filters.NotchHz},
	} {
		if f.hz > 0 {
			d.SetFloat(f.tag, f.hz)
		}
	}
	return d
}

func ratioOf(d, unit time.Duration) tracing.Ratio { return tracing.NewRatio(int64(d), int64(unit)) }

const decimalBytes = 16 // of a DS (PS3.5 6.2)

// decimalOf writes a ratio exactly where sixteen characters hold it, else as near as they do.
func decimalOf(r tracing.Ratio) string {
	if s, ok := exactDecimal(r); ok {
		return s
	}
	v := r.Float()
	for digits := decimalBytes; digits > 0; digits-- {
		if s := strconv.FormatFloat(v, 'g', digits, 64); len(s) <= decimalBytes {
			return s
		}
	}
	return "0"
}

func exactDecimal(r tracing.Ratio) (string, bool) {
	if r.Den == 0 {
		return "0", true
	}
	x := big.NewRat(r.Num, r.Den)
	n, exact := x.FloatPrec()
	if !exact || n > decimalBytes {
		return "", false
	}
	s := x.FloatString(n)
	return s, len(s) <= decimalBytes
}

// factors writes a size as sensitivity and correction: the correction is one where a decimal holds the size, else it takes a part of it.
func factors(r tracing.Ratio) (size, factor string) {
	if s, ok := exactDecimal(r); ok {
		return s, "1"
	}
	for two := int64(1); two <= 1<<16; two *= 2 { // a size is often a step of a converter
		part := r.Mul(tracing.Whole(two))
		s, ok := exactDecimal(part)
		f, fine := exactDecimal(tracing.NewRatio(1, two))
		if part.Den != 0 && ok && fine {
			return s, f
		}
	}
	return decimalOf(r), "1"
}

// interleave writes the samples, sample by sample, in each channel by channel, and tells whether some are missing.
func interleave(g *tracing.Group, bits int) (b []byte, missing bool) {
	n, channels := g.Len(), len(g.Leads)
	b = make([]byte, n*channels*bits/8)
	for c := range g.Leads {
		for k, v := range g.Leads[c].Samples {
			at := (k*channels + c) * bits / 8
			missing = missing || v == tracing.Missing
			if bits == 32 {
				binary.LittleEndian.PutUint32(b[at:], uint32(v))
				continue
			}
			if v == tracing.Missing {
				v = math.MinInt16
			}
			binary.LittleEndian.PutUint16(b[at:], uint16(v))
		}
	}
	return b, missing
}
