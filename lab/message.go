// A message as the centre takes it, whatever syntax it came in.

package lab

import (
	"encoding/json"
	"time"

	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/record"
)

// message is what one message says.
type message struct {
	kind     string // ORU^R01
	control  string // digest of who says it is (MSH-3, MSH-4) and its number (MSH-10); of the content where it has none
	hash     string // of the content without the time of sending
	sentAt   time.Time
	reports  []observation.Report
	orders   []observation.Order
	patients []patientNews
	warnings []observation.Warning
}

// patientNews is what a sender tells of a patient: demographics, and the number that was merged into it.
type patientNews struct {
	patient record.Demographics
	merged  record.Demographics // the number that is no longer used; empty: none
}

const maxWarnings = 50

func warningsText(all []observation.Warning) string {
	if len(all) == 0 {
		return "[]"
	}
	all = all[:min(len(all), maxWarnings)]
	for i := range all {
		all[i].Note = record.Clip(all[i].Note, 200)
	}
	return jsonText(all)
}

func warningsOf(s string) []observation.Warning {
	var out []observation.Warning
	_ = json.Unmarshal([]byte(s), &out) // we wrote it
	return out
}

// jsonText encodes what only has encodable parts.
func jsonText(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return "null"
	}
	return string(b)
}
