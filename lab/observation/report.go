// Package observation is the one model of laboratory results 检验结果, whatever door they came by: HL7 v2, ASTM, a table, JSON. It knows no
// database, no message syntax and no rule. What a sender said is kept as it was said: digits, units, ranges, flags; what the house
// makes of it stands beside it, in types of other packages.
package observation

import (
	"time"

	"github.com/lianzhen/lianzhen/record"
)

// Bounds of one report: what is beyond is refused by readers, not cut.
const (
	MaxResults    = 5000 // rows of one report
	MaxReports    = 500  // reports of one message
	MaxText       = 65536
	MaxAttachment = 16 << 20
)

// Report is one group of results on one specimen for one person: OBR with its OBX, an ASTM order record with its results, the rows of one
// accession number of a table.
type Report struct {
	Patient  record.Demographics
	Visit    string // number of the visit at the ordering institution
	Ward     string
	Placer   string // number of the order at who ordered: ORC-2, OBR-2
	Filler   string // number of the work at who measured: ORC-3, OBR-3
	Group    string // number of the group of orders (ORC-4)
	Service  Coding // what was ordered: OBR-4, ASTM O-5
	Specimen Specimen
	Priority record.Priority
	Orderer  string // who ordered, as a person reads it
	Clinical string // OBR-13, OBR-31: what the orderer says of the patient
	Status   Status // of the whole: OBR-25, worst consistent with the rows

	ObservedAt time.Time // OBR-7: the specimen was taken, zero if it was not said
	ReportedAt time.Time // OBR-22
	Performer  string    // who measured or verified, as the sender names them

	Parent  Parent // of a susceptibility: the isolate it belongs to
	Results []Result
	Notes   []string

	// Final reports were verified by their sender; others need the validation of this house.
	Final    bool
	Control  bool // of a control material, not of a person: quality control takes it
	Lot      string
	Level    string
	Warnings []Warning
}

// Parent is the result that a report grew from (OBR-26, OBR-29): the culture of a susceptibility.
type Parent struct {
	Placer, Filler string
	Code           string // OBX-3.1 of the parent row
	SubID          string // OBX-4 of the parent row
	Text           string // what the parent row said, e.g. the organism
}

// Specimen is what was examined.
type Specimen struct {
	ID          string // our barcode or the sender's own number
	Placer      string // SPM-2.1
	Filler      string // SPM-2.2
	Type        Coding // SPM-4, OBR-15.1, ASTM O-16
	Site        Coding
	Volume      string
	CollectedAt time.Time // SPM-17
	ReceivedAt  time.Time // SPM-18
	Condition   []Coding  // SPM-24: haemolysed, lipaemic, icteric
	Rejected    []Coding  // SPM-21: reasons; its results do not count
	Notes       []string
}

// Result is one row.
type Result struct {
	Number  int    // OBX-1 or the place in the source, from 1
	Code    Coding // as the sender has it
	SubID   string // OBX-4: rows of one isolate share it; "1.2" nests
	Value   Value
	Unit    Coding // OBX-6 as sent; its text alone where it has no code
	Range   string // OBX-7 as sent
	Flags   []string
	Nature  string // OBX-10: A age, S sex, R race, N none
	Status  Status // OBX-11
	Probe   Parent
	Method  Coding // OBX-17
	Device  string // OBX-18 or the analyser of the link
	Reagent string // lot, where it is told

	ObservedAt  time.Time // OBX-14: when it was true of the patient
	AnalysedAt  time.Time // OBX-19
	Responsible string    // OBX-16
	Laboratory  string    // OBX-15, OBX-23

	Notes    []string
	Warnings []Warning
}

// Coding is a code with its names. Alternates are the other codes of the same thing (CWE.4 and CWE.10).
type Coding struct {
	Code       string
	Text       string
	System     string // "LN" LOINC, "99..." or "L" local, "UCUM" ...: as sent, upper case
	Alternates []Coding
}

// Empty reports a coding that says nothing.
func (c Coding) Empty() bool { return c.Code == "" && c.Text == "" }

// In gives the code of a system among the coding and its alternates, nothing if it has none.
func (c Coding) In(system string) string {
	if c.System == system {
		return c.Code
	}
	for _, a := range c.Alternates {
		if a.System == system {
			return a.Code
		}
	}
	return ""
}

// Display is what a person reads.
func (c Coding) Display() string {
	if c.Text != "" {
		return c.Text
	}
	return c.Code
}

// LOINC is the system of LOINC codes (HL7 table 0396).
const LOINC = "LN"

// Warning is something that a reader could not take as it stands; nothing was lost by it.
type Warning struct {
	Code  string // "number-as-text", "unknown-escape", "range-unread", "status-conflict" ...
	Place string // "OBX[3]-5": segment, repetition, field; no value
	Note  string // no personal data
}
