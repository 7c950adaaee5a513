package dicomecg

import (
	"fmt"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/tracing"
)

// part is one item of Waveform Sequence: a multiplex group (PS3.3 C.10.9).
type part struct {
	group   tracing.Group
	samples *samples
	channel map[int]tracing.Code // of the channels that are leads, by their number from 1 on
	derived bool
	at      int // in the tracing; -1: left out
}

// groups reads the waveforms, rhythm first, then median beats.
func (o *object) groups() error {
	items := o.src.head.Items(dicom.WaveformSequence)
	if len(items) == 0 {
		if o.src.fault != nil {
			return refuse(o.src.fault.Offset, "the object breaks off before its waveforms")
		}
		return refuse(-1, "the object has no waveform")
	}
	if len(items) > maxGroups {
		o.t.Warn(tracing.Unsupported, fmt.Sprintf("%d multiplex groups: only the first %d are read", len(items), maxGroups))
		items = items[:maxGroups]
	}
	for i := range items {
		o.parts = append(o.parts, o.part(&items[i], i+1))
	}
	o.kinds()
	room := int64(tracing.MaxLeadTotal)
	for _, kind := range []tracing.Kind{tracing.Rhythm, tracing.Median} {
		for i := range o.parts {
			p := &o.parts[i]
			if p.samples == nil || p.group.Kind != kind {
				continue
			}
			if err := o.keep(p, i+1, &room); err != nil {
				return err
			}
		}
	}
	if len(o.t.Groups) == 0 {
		return refuse(-1, "no multiplex group has a lead with samples")
	}
	return nil
}

const maxGroups = 64 // the standard allows five

// keep adds a group to the tracing. The first rhythm group is not loaded.
func (o *object) keep(p *part, number int, room *int64) error {
	if p.group.Kind == tracing.Rhythm && o.rhythm == nil {
		o.rhythm = p.samples
	} else {
		total := p.samples.n * int64(len(p.group.Leads))
		if p.samples.n > tracing.MaxSamples || total > *room {
			o.t.Warn(tracing.Unsupported, fmt.Sprintf("multiplex group %d is too long beside another and was left out", number))
			return nil
		}
		*room -= total
		if err := p.samples.load(p.group.Leads); err != nil {
			return err
		}
	}
	p.at = len(o.t.Groups)
	o.t.Groups = append(o.t.Groups, p.group)
	return nil
}

// part reads one multiplex group. One that cannot be shown has no samples.
func (o *object) part(d *dicom.DataSet, number int) part {
	p := part{channel: map[int]tracing.Code{}, at: -1}
	label := tracing.CleanText(d.Str(multiplexGroupLabel))
	p.group = tracing.Group{Kind: tracing.Rhythm, Label: label}
	p.derived = d.Str(waveformOriginality) == "DERIVED"
	if offset, ok := o.decimal(d, multiplexGroupTimeOffset); ok {
		p.group.Offset = duration(offset, time.Millisecond)
	}
	rate, ok := o.decimal(d, samplingFrequency)
	if !ok || rate.Num <= 0 || rate.Float() > maxRate {
		o.t.Warn(tracing.BadValue, fmt.Sprintf("multiplex group %d has no sampling frequency and was left out", number))
		return p
	}
	p.group.Rate = rate
	s := o.layout(d, number)
	if s == nil {
		return p
	}
	o.channels(d, &p, s, number)
	if len(p.group.Leads) == 0 {
		o.t.Warn(tracing.Unsupported, fmt.Sprintf("multiplex group %d has no channel of voltage and was left out", number))
		return p
	}
	p.samples = s
	return p
}

const maxRate = 1_000_000

// layout finds out how the group's samples are laid out and how many there are; nil if there are none.
func (o *object) layout(d *dicom.DataSet, number int) *samples {
	data := d.Find(dicom.WaveformData)
	if data == nil {
		o.t.Warn(tracing.Truncated, fmt.Sprintf("multiplex group %d has no data and was left out", number))
		return nil
	}
	s := &samples{src: o.src, data: data}
	s.channels, _ = d.Int(numberOfWaveformChannels)
	if defined := len(d.Items(channelDefinitionSequence)); s.channels <= 0 {
		s.channels = defined
		o.t.Warn(tracing.BadValue, fmt.Sprintf("multiplex group %d has no number of channels: as many as are defined", number))
	} else if defined != s.channels {
		o.t.Warn(tracing.Inconsistent, fmt.Sprintf("multiplex group %d has %d channels and defines %d", number, s.channels, defined))
	}
	if !o.form(d, s, number) {
		return nil
	}
	o.fit(d, s)
	if s.channels <= 0 || s.channels > maxChannels {
		return nil
	}
	o.count(d, s, number)
	if s.n == 0 {
		return nil
	}
	return s
}

const maxChannels = 1024

// fit takes as many channels as are defined where the data has room for just these and not for the number that is said: a wrong number
// would mix all leads.
func (o *object) fit(d *dicom.DataSet, s *samples) {
	defined := len(d.Items(channelDefinitionSequence))
	n, _ := d.Int(numberOfWaveformSamples)
	size := func(channels int) int64 { return (int64(n)*int64(channels)*int64(s.form.bytes) + 1) &^ 1 }
	if n > 0 && defined > 0 && defined != s.channels && s.data.Length == size(defined) && s.data.Length != size(s.channels) {
		s.channels = defined
	}
}

// form chooses how samples are decoded: the interpretation says it, and Bits Allocated where it is missing or they disagree in size.
func (o *object) form(d *dicom.DataSet, s *samples, number int) bool {
	name := d.Str(waveformSampleInterpretation)
	bits, given := d.Int(waveformBitsAllocated)
	f, known := forms[name]
	if known && given && bits != 8*f.bytes || !known {
		if given || !known {
			o.t.Warn(tracing.Inconsistent, fmt.Sprintf("multiplex group %d: interpretation and bits allocated do not agree: read as signed", number))
			name = map[int]string{8: "SB", 16: "SS", 32: "SL"}[bits]
			f, known = forms[name]
		}
	}
	if !known {
		o.t.Warn(tracing.Unsupported, fmt.Sprintf("multiplex group %d has samples of an unknown form and was left out", number))
		return false
	}
	if name == "UL" {
		o.t.Warn(tracing.Unsupported, fmt.Sprintf("multiplex group %d is unsigned of 32 bits: samples of the upper half of their range are missing", number))
	}
	if name == "MB" || name == "AB" {
		o.t.Warn(tracing.LossyEncoding, fmt.Sprintf("multiplex group %d is companded (G.711)", number))
	}
	s.form, s.linear16 = f, name == "SS"
	o.pad(d, s)
	return true
}

// pad reads the padding value. Zero is never one: a writer in wide use declares it, and means nothing by it.
func (o *object) pad(d *dicom.DataSet, s *samples) {
	el := d.Find(waveformPaddingValue)
	if el == nil || len(el.Value) < s.form.bytes {
		return
	}
	if v := s.form.decode(el.Value); v != 0 {
		s.padding, s.padded = v, true
	}
}

// count takes the number of samples from the data where the two disagree.
func (o *object) count(d *dicom.DataSet, s *samples, number int) {
	row := int64(s.channels * s.form.bytes)
	have := o.src.available(s.data) / row
	said, given := d.Int(numberOfWaveformSamples)
	switch {
	case !given || said <= 0:
		o.t.Warn(tracing.BadValue, fmt.Sprintf("multiplex group %d has no number of samples: as many as there are", number))
		s.n = have
	case int64(said) > have:
		o.t.Warn(tracing.Truncated, fmt.Sprintf("multiplex group %d has %d of %d samples", number, have, said))
		s.n = have
	default:
		if int64(said) < have {
			o.t.Warn(tracing.Inconsistent, fmt.Sprintf("multiplex group %d has data behind its last sample", number))
		}
		s.n = int64(said)
	}
}

// kinds decides which groups are a representative beat: by the label, else a derived one, or a short one beside a long one.
func (o *object) kinds() {
	var longest time.Duration
	for i := range o.parts {
		if o.parts[i].samples != nil {
			longest = max(longest, o.parts[i].length())
		}
	}
	for i := range o.parts {
		p := &o.parts[i]
		label := p.group.Label
		switch {
		case p.samples == nil:
		case kindOf(label) == tracing.Rhythm:
		case kindOf(label) == tracing.Median:
			p.group.Kind = tracing.Median
		case p.length() <= longestBeat && (longest >= 2*longestBeat || p.derived && p.length() < longest):
			p.group.Kind = tracing.Median
		}
	}
}

// beatLabels are what carts call a representative beat.
var beatLabels = []string{"MEDIAN", "AVERAGE", "REPRESENT", "TEMPLATE"}

// kindOf is the kind that a label says; empty if it says none.
func kindOf(label string) tracing.Kind {
	label = strings.ToUpper(label)
	if strings.Contains(label, "RHYTHM") {
		return tracing.Rhythm
	}
	for _, l := range beatLabels {
		if strings.Contains(label, l) {
			return tracing.Median
		}
	}
	return ""
}

// longestBeat is longer than any representative beat that carts write.
const longestBeat = 2 * time.Second

func (p *part) length() time.Duration { return p.group.Rate.Duration(p.samples.n) }
