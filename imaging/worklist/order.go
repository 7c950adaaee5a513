package worklist

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"math/big"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/record"
)

type (
	OrderID    string // an imaging order
	StepID     string // a scheduled step of an order
	PerformID  string // a performed step
	WorkitemID string // a unified procedure step of one institution
)

// OrderStatus is the life of an order.
type OrderStatus string

// The statuses of an order. It follows its steps: in progress with the first that has begun, completed when none is left.
const (
	OrderScheduled  OrderStatus = "scheduled"
	OrderInProgress OrderStatus = "in_progress"
	OrderCompleted  OrderStatus = "completed"
	OrderCancelled  OrderStatus = "cancelled"
)

// StepStatus is Scheduled Procedure Step Status (0040,0020).
type StepStatus string

// The statuses of a scheduled step. The first three are for people who say where the patient is.
const (
	StepScheduled    StepStatus = "SCHEDULED"
	StepArrived      StepStatus = "ARRIVED"
	StepReady        StepStatus = "READY"
	StepStarted      StepStatus = "STARTED"
	StepCompleted    StepStatus = "COMPLETED"
	StepDiscontinued StepStatus = "DISCONTINUED"
)

// Ended tells whether nothing more is expected of the step.
func (s StepStatus) Ended() bool { return s == StepCompleted || s == StepDiscontinued }

// waiting tells whether the step has not begun.
func (s StepStatus) waiting() bool { return s == StepScheduled || s == StepArrived || s == StepReady }

// Code is a coded entry (PS3.3 8.8).
type Code struct {
	Value   string `json:"value,omitempty"`
	Scheme  string `json:"scheme,omitempty"` // Coding Scheme Designator
	Meaning string `json:"meaning,omitempty"`
}

// Order is an imaging service request with one requested procedure, which is one study, and its scheduled steps.
type Order struct {
	ID          OrderID
	Institution record.InstitutionID // which examines; default the caller's own
	Who         record.Demographics  // as the sender says
	Patient     record.PatientID
	Grade       record.Grade
	Accession   string    // unique at the institution; made when empty
	Study       dicom.UID // made when empty
	Placer      string    // the number of the system that ordered
	Procedure   Procedure
	Priority    record.Priority // default ROUTINE
	Reason      string
	Referring   record.Personal
	Requesting  record.Personal
	Service     string // which requested
	Visit       Visit
	Steps       []Step

	Status       OrderStatus
	CancelReason string
	CreatedAt    time.Time
	ChangedAt    time.Time
	Version      int64
}

// Etag names the version of the order as a caller saw it.
func (o *Order) Etag() string { return fmt.Sprint(o.Version) }

// Procedure is what was requested.
type Procedure struct {
	ID          string // Requested Procedure ID; made when empty
	Description string
	Code        Code
	Comments    string
}

// Visit is what the staff at the modality should know of the patient's stay and state.
type Visit struct {
	Number       string // Admission ID
	Location     string // where the patient is now: ward, bed
	State        string
	SpecialNeeds string
	Alerts       string // Medical Alerts
	Allergies    string
	Pregnancy    int // Pregnancy Status: 1 no, 2 possibly, 3 definitely, 4 unknown; 0 not told
	WeightKg     string
}

// Step is a scheduled procedure step: one piece of work on one modality.
type Step struct {
	ID            StepID
	Number        string // Scheduled Procedure Step ID; made when empty
	Modality      string
	Stations      []string // AE titles that may do it; none: any of the institution
	StationName   string
	StartAt       time.Time
	Description   string
	Protocol      Code
	Performing    record.Personal
	Location      string
	ContrastAgent string
	PreMedication string
	Comments      string
	Status        StepStatus
}

const (
	maxSteps    = 16
	maxStations = 8
	longText    = 1000
)

// NewUID makes a UID of a random UUID (PS3.5 B.2).
func NewUID() dicom.UID {
	var b [16]byte
	_, _ = rand.Read(b[:])
	b[6], b[8] = b[6]&0x0F|0x40, b[8]&0x3F|0x80 // RFC 9562 version 4
	return dicom.UID("2.25." + new(big.Int).SetBytes(b[:]).String())
}

// field is a text of a person or program with the longest form that its VR allows.
type field struct {
	name   string
	text   *string
	most   int
	needed bool
	plain  bool // printable ASCII only
}

// tidy checks a text and takes the blanks from its ends.
func (f field) tidy() error {
	*f.text = strings.TrimSpace(*f.text)
	t := *f.text
	switch {
	case t == "" && f.needed:
		return record.Errorf(record.Invalid, "%s: is required", f.name)
	case !utf8.ValidString(t):
		return record.Errorf(record.Invalid, "%s: not valid UTF-8", f.name)
	case utf8.RuneCountInString(t) > f.most:
		return record.Errorf(record.Invalid, "%s: longer than %d characters", f.name, f.most)
	case strings.ContainsFunc(t, func(r rune) bool { return r == '\\' || f.most < longText && unicode.IsControl(r) || r == 0 }):
		return record.Errorf(record.Invalid, "%s: backslash and control characters are not allowed", f.name)
	case f.plain && strings.ContainsFunc(t, func(r rune) bool { return r < ' ' || r > '~' }):
		return record.Errorf(record.Invalid, "%s: only letters, digits and signs of ASCII", f.name)
	}
	return nil
}

func tidy(fields []field) error {
	for _, f := range fields {
		if err := f.tidy(); err != nil {
			return err
		}
	}
	return nil
}

func codeFields(name string, c *Code) []field {
	return []field{
		{name: name + ".value", text: &c.Value, most: 16},
		{name: name + ".scheme", text: &c.Scheme, most: 16},
		{name: name + ".meaning", text: &c.Meaning, most: 64},
	}
}

// check tidies an order and refuses what no modality could be told.
func (o *Order) check() error {
	o.Priority = cmp.Or(o.Priority, record.Routine)
	referring, requesting := (*string)(&o.Referring), (*string)(&o.Requesting)
	err := tidy(append([]field{
		{name: "accession_number", text: &o.Accession, most: 16},
		{name: "placer_order_number", text: &o.Placer, most: 64},
		{name: "procedure.id", text: &o.Procedure.ID, most: 16},
		{name: "procedure.description", text: &o.Procedure.Description, most: 64},
		{name: "procedure.comments", text: &o.Procedure.Comments, most: longText},
		{name: "reason", text: &o.Reason, most: longText},
		{name: "referring_physician", text: referring, most: 64},
		{name: "requesting_physician", text: requesting, most: 64},
		{name: "requesting_service", text: &o.Service, most: 64},
		{name: "visit.number", text: &o.Visit.Number, most: 64},
		{name: "visit.location", text: &o.Visit.Location, most: 64},
		{name: "visit.state", text: &o.Visit.State, most: 64},
		{name: "visit.special_needs", text: &o.Visit.SpecialNeeds, most: 64},
		{name: "visit.alerts", text: &o.Visit.Alerts, most: 64},
		{name: "visit.allergies", text: &o.Visit.Allergies, most: 64},
		{name: "visit.weight_kg", text: &o.Visit.WeightKg, most: 16, plain: true},
	}, codeFields("procedure.code", &o.Procedure.Code)...))
	switch {
	case err != nil:
		return err
	case o.Priority != record.Stat && o.Priority != record.Urgent && o.Priority != record.Routine:
		return record.Errorf(record.Invalid, "priority: want STAT, URGENT or ROUTINE")
	case o.Visit.Pregnancy < 0 || o.Visit.Pregnancy > 4:
		return record.Errorf(record.Invalid, "visit.pregnancy_status: want 0 to 4")
	case o.Study != "" && !o.Study.Valid():
		return record.Errorf(record.Invalid, "study_instance_uid: not a UID")
	case strings.Trim(o.Visit.WeightKg, "0123456789.") != "":
		return record.Errorf(record.Invalid, "visit.weight_kg: want a decimal number")
	}
	return nil
}

// checkWho tidies the patient of a new order.
func (o *Order) checkWho() error {
	d := &o.Who
	err := tidy([]field{
		{name: "patient.local_number", text: (*string)(&d.LocalID), most: 64},
		{name: "patient.name", text: (*string)(&d.Name), most: 64, needed: true},
		{name: "patient.latin_name", text: (*string)(&d.Latin), most: 64},
	})
	switch {
	case err != nil:
		return err
	case strings.ContainsAny(d.Name.Reveal()+d.Latin.Reveal(), "="):
		return record.Errorf(record.Invalid, "patient.name: = is not allowed")
	case d.Sex != record.SexUnknown && d.Sex != record.Male && d.Sex != record.Female && d.Sex != record.OtherSex:
		return record.Errorf(record.Invalid, "patient.sex: want M, F, O or nothing")
	}
	return nil
}

// checkSteps tidies the steps of a new order.
func (o *Order) checkSteps() error {
	if len(o.Steps) == 0 || len(o.Steps) > maxSteps {
		return record.Errorf(record.Invalid, "steps: want 1 to %d", maxSteps)
	}
	seen := map[string]bool{}
	for i := range o.Steps {
		at := fmt.Sprintf("steps[%d].", i)
		if err := o.Steps[i].check(at); err != nil {
			return err
		}
		if n := o.Steps[i].Number; n != "" && seen[n] {
			return record.Errorf(record.Invalid, "%sid: given twice", at)
		}
		seen[o.Steps[i].Number] = true
	}
	return nil
}

// check tidies a step; at is where it stands in the request.
func (st *Step) check(at string) error {
	performing := (*string)(&st.Performing)
	fields := append([]field{
		{name: at + "id", text: &st.Number, most: 16},
		{name: at + "modality", text: &st.Modality, most: 16, needed: true},
		{name: at + "station_name", text: &st.StationName, most: 16},
		{name: at + "description", text: &st.Description, most: 64},
		{name: at + "performing_physician", text: performing, most: 64},
		{name: at + "location", text: &st.Location, most: 16},
		{name: at + "contrast_agent", text: &st.ContrastAgent, most: 64},
		{name: at + "pre_medication", text: &st.PreMedication, most: 64},
		{name: at + "comments", text: &st.Comments, most: longText},
	}, codeFields(at+"protocol", &st.Protocol)...)
	for i := range st.Stations {
		fields = append(fields, field{name: at + "station_ae_titles", text: &st.Stations[i], most: 16, needed: true, plain: true})
	}
	st.Modality = strings.ToUpper(strings.TrimSpace(st.Modality))
	st.Status = cmp.Or(st.Status, StepScheduled)
	err := tidy(fields)
	switch {
	case err != nil:
		return err
	case strings.Trim(st.Modality, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != "":
		return record.Errorf(record.Invalid, "%smodality: want a DICOM modality such as CT", at)
	case len(st.Stations) > maxStations:
		return record.Errorf(record.Invalid, "%sstation_ae_titles: at most %d", at, maxStations)
	case st.StartAt.IsZero() || st.StartAt.Year() < 1900 || st.StartAt.Year() > 9998:
		return record.Errorf(record.Invalid, "%sstart_at: is required", at)
	case !st.Status.waiting():
		return record.Errorf(record.Invalid, "%sstatus: want SCHEDULED, ARRIVED or READY", at)
	}
	st.StartAt = st.StartAt.UTC().Truncate(time.Second) // DICOM clocks of modalities count seconds
	return nil
}
