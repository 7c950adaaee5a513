// Section 7: what the cart measured over all leads (EN 1064 5.10).

package scp

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

const (
	globalHead   = 6  // blocks, spikes, RR, PP
	globalBlock  = 16 // five times, three axes
	spikeSize    = 4  // time, amplitude
	spikeAbout   = 6  // type, source, beat, width
	globalTail   = 7  // ventricular and atrial rate, QTc, its formula
	spikeUnit    = " uV"
	beatTypeText = "type "
)

// qtcFormulas are the codes of corrected QT intervals by the number of the formula.
var qtcFormulas = []string{tracing.QTcUnsaid, tracing.QTcBazett, tracing.QTcHodges}

func (r *record) source() tracing.Source {
	return tracing.Source{Kind: tracing.ByDevice, Name: r.t.Device.Model}
}

// measure keeps a number unless it stands for none.
func (r *record) measure(code string, value int, unit string, lead tracing.Code) {
	if value == notComputed || value == rejected || value == absentWave || len(r.t.Measurements) >= tracing.MaxTexts {
		return
	}
	r.t.Measurements = append(r.t.Measurements, tracing.Measurement{
		Code: code, Value: float64(value), Unit: unit, Lead: lead, Source: r.source(),
	})
}

// interval keeps the time from one mark to another, if both are known and in order.
func (r *record) interval(code string, from, to int) {
	if from != notComputed && to != notComputed && to > from {
		r.measure(code, to-from, "ms", "")
	}
}

// positive keeps a number that makes no sense unless it is over 0 and at most max.
func (r *record) positive(code string, value, most int, unit string) {
	if value > 0 && value <= most {
		r.measure(code, value, unit, "")
	}
}

// global reads section 7. Its times are those of the reference beat; the first block is for its type 0.
func (r *record) global() {
	b := r.sections[secGlobal].body
	if len(b) < globalHead {
		return
	}
	blocks, spikes := int(b[0]), int(b[1])
	r.positive(tracing.RRInterval, int(le.Uint16(b[2:])), 10_000, "ms")
	b = b[globalHead:]
	if blocks > 0 && len(b) >= globalBlock {
		r.block(b)
	}
	b = b[min(blocks*globalBlock, len(b)):]
	r.spikes(b, spikes)
	b = b[min(spikes*(spikeSize+spikeAbout), len(b)):]
	if len(b) < 2 {
		return
	}
	if types := int(le.Uint16(b)); types < notComputed && 2+types+globalTail <= len(b) {
		r.rates(b[2+types:])
	}
}

// block reads the marks and axes of a beat.
func (r *record) block(b []byte) {
	u := func(i int) int { return int(le.Uint16(b[2*i:])) }
	pOn, pOff, qrsOn, qrsOff, tOff := u(0), u(1), u(2), u(3), u(4)
	r.interval(tracing.PDuration, pOn, pOff)
	r.interval(tracing.PRInterval, pOn, qrsOn)
	r.interval(tracing.QRSDuration, qrsOn, qrsOff)
	r.interval(tracing.QTInterval, qrsOn, tOff)
	for i, code := range []string{tracing.PAxis, tracing.QRSAxis, tracing.TAxis} {
		if v := int(int16(u(5 + i))); v >= -360 && v <= 360 { // 999: none
			r.measure(code, v, "deg", "")
		}
	}
	r.mark(tracing.WaveP, pOn, pOff)
	r.mark(tracing.WaveQRS, qrsOn, qrsOff)
}

// mark puts a wave on the reference beat.
func (r *record) mark(code string, from, to int) {
	if r.marks < 0 || from == notComputed || to == notComputed || to <= from {
		return
	}
	at, end := time.Duration(from)*time.Millisecond, time.Duration(to)*time.Millisecond
	if end > r.t.Groups[r.marks].Duration() {
		return
	}
	r.t.Annotations = append(r.t.Annotations, tracing.Annotation{Group: r.marks, At: at, For: end - at, Code: code})
}

// spikes reads what is known of pacemaker spikes: times from the start of the recording, then as many descriptions.
func (r *record) spikes(b []byte, n int) {
	if n == 0 || n*spikeSize > len(b) {
		return
	}
	about := b[n*spikeSize:]
	for i := range n {
		s := b[i*spikeSize:]
		a := tracing.Annotation{
			At: time.Duration(le.Uint16(s)) * time.Millisecond, Code: tracing.Pace,
			Text: fmt.Sprintf("%d%s", int16(le.Uint16(s[2:])), spikeUnit),
		}
		if len(about) >= (i+1)*spikeAbout {
			if width := le.Uint16(about[i*spikeAbout+4:]); width < rejected {
				a.For = time.Duration(width) * time.Microsecond
			}
		}
		r.t.Annotations = append(r.t.Annotations, a)
	}
}

// rates reads the measurements after the types of the beats.
func (r *record) rates(b []byte) {
	u := func(i int) int { return int(le.Uint16(b[2*i:])) }
	r.positive(tracing.HeartRate, u(0), 400, "/min")
	r.positive(tracing.AtrialRate, u(1), 1000, "/min")
	formula := tracing.QTcUnsaid
	if f := int(b[6]); f < len(qtcFormulas) {
		formula = qtcFormulas[f]
	}
	r.positive(formula, u(2), 2000, "ms")
}

// beatType is the text of a beat annotation: empty for the type of the reference beat.
func beatType(kind int) string {
	if kind == 0 {
		return ""
	}
	return beatTypeText + strconv.Itoa(kind)
}

// numberIn reads the number of a text that this package made; 0 if it has none.
func numberIn(text, prefix, suffix string) int {
	n, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(text, prefix), suffix))
	return n
}
