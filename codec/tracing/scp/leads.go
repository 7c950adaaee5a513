// Section 3: which leads were recorded, and when (EN 1064 5.6).

package scp

import (
	"fmt"
	"strings"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

const leadSize = 9 // start, end, id

// leadDef is a lead of section 3. Its samples are number first to number first+count-1 of the recording.
type leadDef struct {
	id    byte
	first int64
	count int // 0: not said
}

// layout is section 3.
type layout struct {
	leads        []leadDef
	subtracted   bool // the reference beat was subtracted from the rhythm
	simultaneous bool // all leads are of the same time
}

// leadNames are the leads by their number, EN 1064 table of 5.6.3; a "-cal" lead is the calibration of another.
var leadNames = strings.Fields(`
	? I II V1 V2 V3 V4 V5 V6 V7 V2R V3R V4R V5R V6R V7R X Y Z CC5 CM5 LA RA LL fI fE fC fA fM fF fH
	I-cal II-cal V1-cal V2-cal V3-cal V4-cal V5-cal V6-cal V7-cal V2R-cal V3R-cal V4R-cal V5R-cal V6R-cal V7R-cal X-cal Y-cal Z-cal
	CC5-cal CM5-cal LA-cal RA-cal LL-cal fI-cal fE-cal fC-cal fA-cal fM-cal fF-cal fH-cal III aVR aVL aVF -aVR V8 V9 V8R V9R D A J
	Defib Extern A1 A2 A3 A4 V8-cal V9-cal V8R-cal V9R-cal D-cal A-cal J-cal Chest V VR VL VF MCL MCL1 MCL2 MCL3 MCL4 MCL5 MCL6
	CC CC1 CC2 CC3 CC4 CC6 CC7 CM CM1 CM2 CM3 CM4 CM6 III-cal aVR-cal aVL-cal aVF-cal -aVR-cal Chest-cal V-cal VR-cal VL-cal VF-cal
	CM7 CH5 CS5 CB5 CR5 ML AB1 AB2 AB3 AB4 ES AS AI S Defib-cal Extern-cal A1-cal A2-cal A3-cal A4-cal MCL1-cal MCL2-cal MCL3-cal
	MCL4-cal MCL5-cal MCL6-cal RL CV5RL CV6LL CV6LU V10`)

// leadCodes are those that LeadNamed does not know by the names above.
var leadCodes = map[byte]tracing.Code{70: tracing.LeadD, 71: tracing.LeadA, 72: tracing.LeadJ, 126: tracing.LeadML2}

// leadOf is an empty lead of a number.
func leadOf(id byte) tracing.Lead {
	l := tracing.Lead{Label: fmt.Sprintf("Lead %d", id), Code: leadCodes[id]}
	if int(id) < len(leadNames) && id > 0 {
		l.Label = leadNames[id]
	}
	if l.Code == "" {
		l.Code = tracing.LeadNamed(l.Label)
	}
	if l.Code != "" {
		l.Label = l.Code.Label()
	}
	return l
}

// layout reads section 3. It has no leads where the section is not there.
func (r *record) layout() layout {
	s, ok := r.sections[secLeads]
	if !ok || len(s.body) < 2 {
		return layout{}
	}
	flags := s.body[1]
	out := layout{subtracted: flags&1 != 0, simultaneous: flags&4 != 0}
	b := s.body[2:]
	for range int(s.body[0]) {
		if len(b) < leadSize {
			r.t.Warn(tracing.Truncated, "the list of leads is not whole")
			break
		}
		first, last := int64(le.Uint32(b)), int64(le.Uint32(b[4:]))
		d := leadDef{id: b[8], first: first}
		if n := max(last-first+1, 0); n > tracing.MaxSamples || last == 0 && first != 1 { // 1 to 0 is a lead that was off all the time
			r.t.Warn(tracing.BadValue, "a lead of an impossible number of samples")
		} else {
			d.count = int(n)
		}
		out.leads = append(out.leads, d)
		b = b[leadSize:]
	}
	return out
}
