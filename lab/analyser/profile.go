// The profile of a model.

package analyser

import (
	"time"

	"github.com/lianzhen/lianzhen/codec/astm"
	"github.com/lianzhen/lianzhen/lab/observation"
)

// Text is a text in both languages.
type Text struct {
	ZH string `yaml:"zh"`
	EN string `yaml:"en"`
}

// Profile is what is known of one model, or one family of models that speak alike.
type Profile struct {
	ID      string `yaml:"profile"`
	BasedOn string `yaml:"based_on"` // a profile of the program, of which this one changes something
	Title   Text   `yaml:"title"`

	// Protocol is ASTM, or HL7 for models that the HL7 door takes; Speaks is then the name of the profile there.
	Protocol string `yaml:"protocol"`
	Speaks   string `yaml:"speaks"`

	// Basis says what the profile rests on.
	Basis string `yaml:"basis"`

	// Sender are patterns of what H-5 says; * stands for anything.
	Sender  []string     `yaml:"sender"`
	Charset astm.Charset `yaml:"charset"`
	Zone    string       `yaml:"zone"` // of times; default Asia/Shanghai

	Line         Line              `yaml:"line"`
	Patient      PatientPaths      `yaml:"patient"`
	Order        OrderPaths        `yaml:"order"`
	Result       ResultPaths       `yaml:"result"`
	Status       map[string]string `yaml:"status"` // letters of R-9 that mean something else than LIS2-A2 says: to letters of HL7 table 0085
	Verified     bool              `yaml:"verified"`
	Control      Control           `yaml:"control"`
	ControlRows  *ControlRows      `yaml:"control_rows"`
	Comments     map[string]string `yaml:"comments"` // texts of coded comments; an empty one: it says nothing
	Tests        map[string]Test   `yaml:"tests"`
	Microbiology *Microbiology     `yaml:"microbiology"`
	Query        QueryPaths        `yaml:"query"`
	Reply        Answer            `yaml:"answer"`

	zone *time.Location
}

// Line is how the model's line differs from LIS1-A, and where it is dialled.
type Line struct {
	Dial       string        `yaml:"dial"`        // host:port of an analyser that is a TCP server
	Checksum   string        `yaml:"checksum"`    // verified (default), ignored, absent
	Numbers    string        `yaml:"numbers"`     // counted (default), any
	NoTrailer  bool          `yaml:"no_trailer"`  // frames without CR LF
	Bare       bool          `yaml:"bare"`        // messages without ENQ or frames
	Tokens     bool          `yaml:"tokens"`      // STX, ETX and EOT each acknowledged, no number, no checksum
	MaxFrame   int           `yaml:"max_frame"`   // bytes
	MaxMessage int           `yaml:"max_message"` // bytes
	SendText   int           `yaml:"send_text"`   // characters of a frame that we send
	SendPacked bool          `yaml:"send_packed"` // several records in a frame
	Silence    time.Duration `yaml:"silence"`     // a line on which nothing is said for so long is closed
}

// Options are those of a link to the model.
func (l Line) Options() astm.Options {
	o := astm.Options{
		NoTrailer: l.NoTrailer, Bare: l.Bare, Tokens: l.Tokens, MaxFrame: l.MaxFrame, MaxMessage: l.MaxMessage,
		SendText: l.SendText, SendPacked: l.SendPacked, Timers: astm.Timers{Idle: l.Silence},
	}
	switch l.Checksum {
	case "ignored":
		o.Checksum = astm.ChecksumIgnored
	case "absent":
		o.Checksum = astm.ChecksumAbsent
	}
	if l.Numbers == "any" {
		o.Numbers = astm.NumbersAny
	}
	return o
}

// PatientPaths say where the patient stands.
type PatientPaths struct {
	ID    Path `yaml:"id"`
	Name  Path `yaml:"name"`
	Birth Path `yaml:"birth"`
	Sex   Path `yaml:"sex"`
	Ward  Path `yaml:"ward"`
	Visit Path `yaml:"visit"`
}

// OrderPaths say where the specimen and the order stand.
type OrderPaths struct {
	Barcode   Path `yaml:"barcode"`
	Filler    Path `yaml:"filler"`   // the analyser's own number
	Service   Path `yaml:"service"`  // what was asked for, when it is one thing
	Specimen  Path `yaml:"specimen"` // type of the material
	Priority  Path `yaml:"priority"`
	Collected Path `yaml:"collected"`
	Received  Path `yaml:"received"`
	Reported  Path `yaml:"reported"`
	Orderer   Path `yaml:"orderer"`
}

// ResultPaths say where the parts of a result stand.
type ResultPaths struct {
	Code       Path `yaml:"code"`
	Name       Path `yaml:"name"`
	LOINC      Path `yaml:"loinc"`
	Value      Path `yaml:"value"`
	Unit       Path `yaml:"unit"`
	Range      Path `yaml:"range"`
	Flags      Path `yaml:"flags"`
	Nature     Path `yaml:"nature"`
	Status     Path `yaml:"status"`
	Operator   Path `yaml:"operator"`
	Started    Path `yaml:"started"`
	Analysed   Path `yaml:"analysed"`
	Instrument Path `yaml:"instrument"`
	Reagent    Path `yaml:"reagent"`
	Method     Path `yaml:"method"`

	// Also is a second saying of the value, as the judgement beside a cut-off index: it becomes a note of the row where it says
	// something else.
	Also Path `yaml:"also"`

	// CodeUntil cuts the code at a character; what follows is the dilution or the run, and goes to the row's SubID.
	CodeUntil string `yaml:"code_until"`

	// Aspect tells several rows of one measurement apart: the value itself, its signal, its interpretation. Rows of another
	// aspect than Main have "/" and the aspect behind their code.
	Aspect Path   `yaml:"aspect"`
	Main   string `yaml:"main"`

	// Replicate tells repetitions apart. Keep says which count: all (default), last, first; those that do not stay as
	// unverified rows.
	Replicate Path   `yaml:"replicate"`
	Keep      string `yaml:"keep"`

	NoUnit   []string `yaml:"no_unit"`  // what stands for a unit and is none
	NoValue  []string `yaml:"no_value"` // what stands for a value that was not obtained
	Pointers []string `yaml:"pointers"` // patterns of codes whose value is the name of a picture
}

// Control says how control material is told from patients.
type Control struct {
	When  []Condition `yaml:"when"`
	Lot   Path        `yaml:"lot"`
	Level Path        `yaml:"level"`
}

// Condition holds where what stands at Path is one of Is or like one of the patterns.
type Condition struct {
	Path Path     `yaml:"path"`
	Is   []string `yaml:"is"`
	Like []string `yaml:"like"`
}

// ControlRows are results of control material that stand in records of another type.
type ControlRows struct {
	Record   string `yaml:"record"`
	Code     Path   `yaml:"code"`
	Value    Path   `yaml:"value"`
	Unit     Path   `yaml:"unit"`
	Flags    Path   `yaml:"flags"`
	Analysed Path   `yaml:"analysed"`
	Lot      Path   `yaml:"lot"`
	Level    Path   `yaml:"level"`
}

// Test is what is known of a code of the analyser.
type Test struct {
	Name Text   `yaml:"name"`
	Unit string `yaml:"unit"` // where the message has none
}

// Microbiology says how cultures are reported: rows that name an organism, and rows of its susceptibilities.
type Microbiology struct {
	Organism   []string `yaml:"organism"`    // codes of the rows that name one
	OrganismID Path     `yaml:"organism_id"` // its code
	Name       Path     `yaml:"name"`
	Isolate    Path     `yaml:"isolate"` // number of the isolate, of organism and susceptibility rows
	Kind       Path     `yaml:"kind"`    // what tells a susceptibility row
	Is         []string `yaml:"is"`
	Antibiotic Path     `yaml:"antibiotic"`
	Drug       Path     `yaml:"drug"` // its name
	MIC        Path     `yaml:"mic"`
	Verdict    Path     `yaml:"verdict"` // S I R
}

// QueryPaths say what an analyser asks for.
type QueryPaths struct {
	Barcode Path   `yaml:"barcode"`
	Tests   Path   `yaml:"tests"`
	Cancels string `yaml:"cancels"` // letters of Q-13 that end a query and ask nothing; default A
}

// Answer says how orders are written for the model. Fields are templates by their number: "3: '{rack}^{barcode}'"; ^ and \ in a
// template are components and repeats, and what stands in braces is data:
//
//	{barcode} {tests} {priority} {control} {specimen} {collected} {ordered} {now} {placer} {orderer}
//	{patient.id} {patient.name} {patient.birth} {patient.sex} {q3.1} ... what stood there in the query
type Answer struct {
	Delimiters string         `yaml:"delimiters"` // field, repeat, component, escape; default |\^&
	Header     map[int]string `yaml:"header"`
	Patient    map[int]string `yaml:"patient"`
	Order      map[int]string `yaml:"order"`
	Test       string         `yaml:"test"`  // one test, {code}; default ^^^{code}
	Each       bool           `yaml:"each"`  // an O record for each test
	Last       string         `yaml:"last"`  // L-3 of an answer with orders; default N
	Empty      string         `yaml:"empty"` // L-3 of an answer without; default I
	Charset    astm.Charset   `yaml:"charset"`
}

// location is the zone of the model's times.
func (p *Profile) location() *time.Location {
	if p.zone == nil {
		return china
	}
	return p.zone
}

// china is civil time in all of China.
var china = time.FixedZone("UTC+8", 8*3600)

// codeSystem is the system of the codes of a model: local to it.
func (p *Profile) coding(code, name string) observation.Coding {
	c := observation.Coding{Code: code, Text: name, System: "L"}
	if t, ok := p.Tests[code]; ok && t.Name.ZH != "" {
		c.Text = t.Name.ZH
	} else if ok && c.Text == "" {
		c.Text = t.Name.EN
	}
	if c.Empty() {
		c.System = ""
	}
	return c
}
