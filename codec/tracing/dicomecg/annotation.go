package dicomecg

import (
	"encoding/binary"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/tracing"
)

// annotations reads Waveform Annotation Sequence (PS3.3 C.10.10): numbers become measurements, texts statements, and what names a
// place in the waveform annotations.
func (o *object) annotations() {
	items := o.src.head.Items(waveformAnnotationSequence)
	n := notes{object: o, open: map[place]int{}, median: o.medianSet(items)}
	for i := range items {
		if len(o.t.Annotations) >= tracing.MaxTexts || len(o.t.Measurements) >= tracing.MaxTexts || len(o.t.Statements) >= tracing.MaxTexts {
			o.t.Warn(tracing.Unsupported, "more annotations than are read: the others were left out")
			break
		}
		n.item(&items[i])
	}
	if n.moved {
		o.t.Warn(tracing.Repaired, "fiducials of the median beat reference the rhythm")
	}
}

// notes reads annotations one after the other.
type notes struct {
	*object
	open   map[place]int // waves whose onset was seen, and their place among the annotations
	median int           // the annotation group number whose fiducials are those of the median beat; -1: none
	moved  bool
}

// place is where a wave that was begun may end.
type place struct {
	set, group int
	lead       tracing.Code
	code       string
}

func (n *notes) item(d *dicom.DataSet) {
	group, lead := n.referenced(d)
	at := n.positions(d, group)
	name, named := conceptOf(d, conceptNameCodeSequence)
	text := d.Str(unformattedTextValue)
	switch {
	case len(at) > 0:
		n.mark(d, name, text, group, lead, at)
	case d.Find(referencedSamplePositions) != nil: // outside the waveform
	case d.Find(numericValue) != nil:
		n.number(d, name, lead)
	case text != "":
		for line := range strings.Lines(text) {
			if line = tracing.CleanText(line); line != "" {
				n.t.Statements = append(n.t.Statements, tracing.Statement{Text: line, Source: byDevice})
			}
		}
	case named:
		n.coded(d, name)
	}
}

var byDevice = tracing.Source{Kind: tracing.ByDevice}

// coded is a conclusion as a code: the value, or the name alone.
func (n *notes) coded(d *dicom.DataSet, name concept) {
	if value, ok := conceptOf(d, conceptCodeSequence); ok {
		name = value
	}
	if name.meaning != "" || name.value != "" {
		n.t.Statements = append(n.t.Statements, tracing.Statement{Code: name.value, System: name.scheme, Text: name.meaning, Source: sourceFrom(d)})
	}
}

// number is one measurement in its usual unit.
func (n *notes) number(d *dicom.DataSet, name concept, lead tracing.Code) {
	v, ok := d.Float(numericValue)
	code := quantityOf(name)
	if !ok || code == "" {
		return
	}
	unit, _ := conceptOf(d, measurementUnitsCodeSequence)
	m := tracing.Measurement{Code: code, Value: v, Unit: unit.value, Lead: lead, Source: sourceFrom(d)}
	usual := usualUnit(code)
	switch scale, known := scales[unit.value]; {
	case known && (usual == "" || scale.unit == usual):
		m.Value, m.Unit = v*scale.per, scale.unit
	case usual == "deg", usual == "/min": // the C# ECG toolkit writes axes in milliseconds
		m.Unit = usual
		if unit.value != "" {
			n.t.Warn(tracing.Repaired, "a measurement has the unit of another kind: "+code)
		}
	case unit.value == "":
		m.Unit = usual
	case usual != "":
		n.t.Warn(tracing.BadValue, "a measurement has a unit that it cannot have, and was left out: "+code)
		return
	}
	if !notMeasured(m.Unit, m.Value) {
		n.t.Measurements = append(n.t.Measurements, m)
	}
}

// referenced reads Referenced Waveform Channels: pairs of group and channel, both from 1 on, channel 0 being all of the group.
func (o *object) referenced(d *dicom.DataSet) (group int, lead tracing.Code) {
	el := d.Find(referencedWaveformChannels)
	if el == nil || len(el.Value) < 4 {
		return 0, ""
	}
	group = int(binary.LittleEndian.Uint16(el.Value)) - 1
	if group < 0 || group >= len(o.parts) {
		return 0, ""
	}
	if len(el.Value) == 4 {
		lead = o.parts[group].channel[int(binary.LittleEndian.Uint16(el.Value[2:]))]
	}
	return group, lead
}

// positions are the times that the annotation names, from the first sample of its group on; samples are counted from 1.
func (o *object) positions(d *dicom.DataSet, group int) []time.Duration {
	var at []time.Duration
	if len(o.parts) == 0 || o.parts[group].at < 0 {
		return nil
	}
	if el := d.Find(referencedSamplePositions); el != nil {
		for b := el.Value; len(b) >= 4 && len(at) < tracing.MaxTexts; b = b[4:] {
			if p := int64(binary.LittleEndian.Uint32(b)); p > 0 && p <= o.parts[group].samples.n {
				at = append(at, o.parts[group].group.Rate.Duration(p-1))
			}
		}
		return at
	}
	for _, s := range d.Strs(referencedTimeOffsets) {
		if r, ok := tracing.ParseRatio(s); ok && r.Num >= 0 && len(at) < tracing.MaxTexts {
			at = append(at, duration(r, time.Second))
		}
	}
	return at
}

// mark is an annotation of one or more places.
func (n *notes) mark(d *dicom.DataSet, name concept, text string, group int, lead tracing.Code, at []time.Duration) {
	set, _ := d.Int(annotationGroupNumber)
	code, edge := waveOf(name)
	if n.median == set && edge != "" {
		if beat := n.medianPart(); beat >= 0 {
			at, group, n.moved = n.moveTo(at, group, beat), beat, true
		}
	}
	a := tracing.Annotation{Group: n.parts[group].at, Lead: lead, Code: code, Text: tracing.CleanText(text)}
	if value, ok := conceptOf(d, conceptCodeSequence); ok && text == "" {
		a.Text = value.meaning
	}
	key := place{set, group, lead, code}
	kind := d.Str(temporalRangeType)
	span := (kind == "SEGMENT" || kind == "MULTISEGMENT") && len(at) >= 2
	if begun, ok := n.open[key]; ok && edge == "offset" && !span && at[0] >= n.t.Annotations[begun].At {
		n.t.Annotations[begun].For, n.t.Annotations[begun].Text = at[0]-n.t.Annotations[begun].At, ""
		delete(n.open, key)
		return
	}
	for i := 0; i < len(at) && len(n.t.Annotations) < tracing.MaxTexts; i++ {
		a.At, a.For = at[i], 0
		if span {
			if i+1 == len(at) {
				break
			}
			a.For = max(0, at[i+1]-at[i])
			i++
		} else if edge == "onset" || edge == "offset" {
			a.Text = edge
		}
		n.t.Annotations = append(n.t.Annotations, a)
	}
	if edge == "onset" && !span && len(at) == 1 {
		n.open[key] = len(n.t.Annotations) - 1
	}
}

// moveTo counts the samples of one group in the rate of another.
func (n *notes) moveTo(at []time.Duration, from, to int) []time.Duration {
	a, b := n.parts[from].group.Rate, n.parts[to].group.Rate
	if a == b {
		return at
	}
	moved := make([]time.Duration, len(at))
	for i := range at {
		moved[i] = b.Duration(int64(a.Float()*at[i].Seconds() + 0.5))
	}
	return moved
}

func (o *object) medianPart() int {
	for i := range o.parts {
		if o.parts[i].at >= 0 && o.parts[i].group.Kind == tracing.Median {
			return i
		}
	}
	return -1
}

// medianSet finds the annotation group number of the fiducials that are those of the median beat though they reference the rhythm:
// carts that write their beats one by one number these from 100 on, and the one set of global ones, of the beat that was measured,
// below. -1 where there is no median beat, or all fiducials reference it rightly.
func (o *object) medianSet(items []dicom.DataSet) int {
	beat := o.medianPart()
	if beat < 0 {
		return -1
	}
	set := -1
	for i := range items {
		name, _ := conceptOf(&items[i], conceptNameCodeSequence)
		_, edge := waveOf(name)
		group, _ := o.referenced(&items[i])
		number, given := items[i].Int(annotationGroupNumber)
		if edge == "" || !given || group == beat || number >= 100 {
			continue
		}
		if set >= 0 && number != set { // several beats, numbered from one on
			return -1
		}
		el := items[i].Find(referencedSamplePositions)
		if el == nil || len(el.Value) < 4 || int64(binary.LittleEndian.Uint32(el.Value)) > o.parts[beat].samples.n {
			return -1
		}
		set = number
	}
	return set
}

// waves are the marks in the waveform: of SCP-ECG (5.10.3, 5.7.1), which carts write, and of MDC (PS3.16 CID 3335). Those of SCP-ECG
// give onset and offset apart.
var waves = map[string]struct{ code, edge string }{
	"5.10.3-1": {tracing.WaveP, "onset"}, "5.10.3-2": {tracing.WaveP, "offset"}, "5.10.3-3": {tracing.WaveQRS, "onset"},
	"5.10.3-4": {tracing.WaveQRS, "offset"}, "5.10.3-5": {tracing.WaveT, "offset"}, "5.7.1-3": {tracing.Beat, "peak"},
	"10:256": {tracing.WaveP, ""}, "10:448": {tracing.WaveT, ""},
}

// waveOf is the code of a mark, and which point of the wave it is; the concept's own code where we know none.
func waveOf(c concept) (code, edge string) {
	if c.scheme == private {
		return c.meaning, ""
	}
	if w, ok := waves[c.value]; ok {
		return w.code, w.edge
	}
	return c.value, ""
}

// sourceFrom reads who measured, which our writer puts into the modifier of the concept; a device, if nothing is said.
func sourceFrom(d *dicom.DataSet) tracing.Source {
	items := d.Items(conceptNameCodeSequence)
	if len(items) == 0 {
		return byDevice
	}
	switch c, _ := conceptOf(&items[0], modifierCodeSequence); c {
	case person:
		return tracing.Source{Kind: tracing.ByPerson}
	case algorithm:
		return tracing.Source{Kind: tracing.ByAlgorithm}
	}
	return byDevice
}

// Who measured, as a modifier of what was measured (PS3.16 annex D).
var (
	person    = concept{"121006", "DCM", "", "Person"}
	algorithm = concept{"111001", "DCM", "", "Algorithm Name"}
)
