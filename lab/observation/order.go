// Order: what is to be measured, as doors and analysers speak of it.

package observation

import (
	"time"

	"github.com/lianzhen/lianzhen/record"
)

// Control says what is to be done with an order (HL7 table 0119).
type Control string

// The controls.
const (
	NewOrder    Control = "NW"
	CancelOrder Control = "CA"
	ChangeOrder Control = "XO"
	HoldOrder   Control = "HD"
)

// Order is one line of an order: one service on one specimen.
type Order struct {
	Control   Control
	Patient   record.Demographics
	Visit     string
	Ward      string
	Placer    string // ORC-2
	Filler    string // ORC-3
	Group     string // ORC-4
	Service   Coding // OBR-4
	Items     []Coding
	Specimen  Specimen
	Priority  record.Priority
	Orderer   string
	Clinical  string
	OrderedAt time.Time // ORC-9
	Notes     []string
	Warnings  []Warning
}
