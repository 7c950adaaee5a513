package dicomecg

import (
	"fmt"
	"slices"
	"time"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/tracing"
)

// channels reads the definitions of a group's channels. Those that measure no voltage are left out.
func (o *object) channels(d *dicom.DataSet, p *part, s *samples, number int) {
	defs := d.Items(channelDefinitionSequence)
	others := 0
	for i := range s.channels {
		if len(p.group.Leads) == tracing.MaxLeads {
			o.t.Warn(tracing.Unsupported, fmt.Sprintf("multiplex group %d has more than %d leads: the others were left out", number, tracing.MaxLeads))
			break
		}
		lead := tracing.Lead{Label: fmt.Sprintf("channel %d", i+1)}
		if i < len(defs) {
			var voltage bool
			if lead, voltage = o.channel(&defs[i], p.group.Rate, i+1); !voltage {
				others++
				continue
			}
			o.filters(&defs[i], &p.group)
		}
		if !lead.Calibrated() {
			o.t.Warn(tracing.Uncalibrated, fmt.Sprintf("channel %d of multiplex group %d has no sensitivity", i+1, number))
		}
		p.channel[i+1] = lead.Code
		p.group.Leads, s.of = append(p.group.Leads, lead), append(s.of, i)
	}
	o.t.Single(&p.group)
	if others > 0 && len(p.group.Leads) > 0 {
		o.t.Warn(tracing.Unsupported, fmt.Sprintf("%d channels of multiplex group %d measure no voltage and were left out", others, number))
	}
}

// channel is one definition (PS3.3 C.10.9.1.4): value = sample x sensitivity x correction + baseline, in units. It is no voltage where
// the unit is another.
func (o *object) channel(d *dicom.DataSet, rate tracing.Ratio, number int) (l tracing.Lead, voltage bool) {
	source, _ := conceptOf(d, channelSourceSequence)
	own := tracing.CleanText(d.Str(channelLabel))
	if l.Code = leadOf(source, own); source.contradicts(l.Code) {
		o.t.Warn(tracing.Inconsistent, fmt.Sprintf("channel %d has the code of one lead and the name of another: the code is taken", number))
	}
	l.Label = own
	if l.Label == "" {
		l.Label = l.Code.Label()
	}
	if l.Label == "" {
		l.Label = source.meaning
	}
	if l.Label == "" {
		l.Label = fmt.Sprintf("channel %d", number)
	}
	l.Derived = d.Str(channelDerivationDescription) != ""
	l.Skew = o.skew(d, rate)
	unit, coded := conceptOf(d, channelSensitivityUnits)
	size, ok := unitOfVoltage(unit)
	if coded && !ok {
		return l, false
	}
	if ok {
		o.sensitivity(d, &l, size)
	}
	o.status(d, &l)
	return l, true
}

func (o *object) sensitivity(d *dicom.DataSet, l *tracing.Lead, unit tracing.Ratio) {
	size, ok := o.decimal(d, channelSensitivity)
	if !ok {
		return
	}
	if factor, ok := o.decimal(d, channelSensitivityCorrection); ok && factor.Num != 0 {
		size = size.Mul(factor)
	} else if ok {
		o.t.Warn(tracing.BadValue, "a sensitivity correction factor of zero was taken as one")
	}
	l.NVPerLSB = size.Mul(unit)
	if baseline, ok := o.decimal(d, channelBaseline); ok && baseline.Num != 0 {
		l.OffsetNV = baseline.Mul(unit)
	}
}

// skew is the offset of the first sample, in seconds or in samples (C.10.9.1.4.3).
func (o *object) skew(d *dicom.DataSet, rate tracing.Ratio) time.Duration {
	if s, ok := o.decimal(d, channelTimeSkew); ok {
		return duration(s, time.Second)
	}
	if s, ok := o.decimal(d, channelSampleSkew); ok && s.Num != 0 {
		return duration(s.Div(rate), time.Second)
	}
	return 0
}

func (o *object) status(d *dicom.DataSet, l *tracing.Lead) {
	status := d.Strs(channelStatus)
	if slices.Contains(status, "DISCONNECTED") || slices.Contains(status, "INVALID") {
		l.Off = true
		o.t.Warn(tracing.LeadsOff, "the device marks a channel as disconnected or invalid")
	}
	if slices.Contains(status, "UNCALIBRATED") {
		l.NVPerLSB, l.OffsetNV = tracing.Ratio{}, tracing.Ratio{}
	}
	if slices.Contains(status, "TEST DATA") {
		o.t.Warn(tracing.Inconsistent, "the device marks a channel as test data")
	}
}

// filters takes the corners of the first channel that has them; channels of one group have the same.
func (o *object) filters(d *dicom.DataSet, g *tracing.Group) {
	for _, f := range []struct {
		tag dicom.Tag
		to  *float64
	}{
		{filterLowFrequency, &g.Filters.HighPassHz},
		{filterHighFrequency, &g.Filters.LowPassHz},
		{notchFilterFrequency, &g.Filters.NotchHz},
	} {
		if *f.to != 0 {
			continue
		}
		if r, ok := o.decimal(d, f.tag); ok && r.Num > 0 {
			*f.to = r.Float()
		}
	}
}
