// What is on a sheet.

package sheet

import (
	"io"
	"time"

	"github.com/lianzhen/lianzhen/codec/paper"
	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/record"
)

// Sheet is one report. Empty texts and zero times leave no trace but where the form needs the place.
type Sheet struct {
	Institution string // whose sheet it is, over the title
	Laboratory  string // who measured
	Title       string // empty: 检验报告单
	Number      string // of the report
	Version     int    // from 1
	Status      observation.Status
	Mark        string // of mutual recognition 互认, framed: "HR"; empty: the report bears none

	Patient     Patient
	Order       Order
	Specimen    Specimen
	ReportedAt  time.Time
	Rows        []Row
	Isolates    []Isolate
	Quality     []Quality
	Corrections []Correction // of a corrected report
	Withdrawal  Withdrawal   // of a withdrawn one
	Notes       []string

	Technical Signature // 检验者
	Medical   Signature // 审核者

	Verification string // number by which the report is checked
	SHA256       string // of what was released, hexadecimal
	Software     string
}

// Patient is whose specimen it was.
type Patient struct{ Name, Sex, Age, Number string }

// Order is who asked, and why.
type Order struct {
	Number     string
	Department string // or the institution that sent the specimen
	Ward, Bed  string
	Visit      string // 门诊, 住院, 体检
	Orderer    string
	Clinical   string // clinical diagnosis
}

// Specimen is what was examined.
type Specimen struct {
	Type, Site  string
	Barcode     string // drawn as Code 128 where it can be
	Condition   string // haemolysed, lipaemic
	CollectedAt time.Time
	ReceivedAt  time.Time
}

// Row is one result.
type Row struct {
	Heading string // of a group, over this row: 血常规
	Number  string // empty: counted from 1
	Code    string
	Name    string
	English string // of the name, on English and bilingual sheets

	Result string // the digits exactly as they were sent; paragraphs by line feeds
	Unit   string // as sent
	Range  string // that travelled with the result
	Method string
	Ours   string // flag of HL7 table 0078 by our rules: N H L HH LL A AA; empty: not judged
	Sender string // as the sender flagged it

	Status     observation.Status // where it is another than the sheet's
	Was        *Was               // before the correction
	Recognised bool               // the row bears the mark
	Auto       string             // rules and version that released it; empty: a person did
	Quality    string             // where its quality control is another than the sheet's
	Notes      []string
}

// Was is a value before its correction.
type Was struct{ Result, Unit, Range string }

// Isolate is an organism that grew, with what it resists.
type Isolate struct {
	Number     string // empty: counted from 1
	Organism   string
	English    string // or Latin
	Quantity   string // "10^5 CFU/mL", "+++"
	Phenotypes []string
	Drugs      []Drug
	Notes      []string
}

// Drug is one line of a susceptibility table.
type Drug struct {
	Code, Name, English string
	Method              string // MIC, KB, E-test
	Measured            string // concentration or zone, as sent: "<=0.25", "22"
	Unit                string // mg/L, mm
	Breakpoints         string
	Interpretation      string // S SDD I R NS
	Was                 string // interpretation and value before the correction
}

// Quality is the state of quality control when the results were made.
type Quality struct {
	Items       string // which; empty: all
	Internal    QCState
	InternalAt  time.Time
	Scheme      string // of external assessment
	Certificate string
	ValidTo     record.Date
}

// QCState is a verdict of internal quality control 室内质控.
type QCState string

// The states.
const (
	QCUnknown  QCState = ""
	InControl  QCState = "in-control"
	OutControl QCState = "out-of-control"
	NotRun     QCState = "not-run"
)

// Correction says what a corrected report has changed beside the values, which stand in their rows.
type Correction struct {
	Item, Was, Now, Reason string
	By                     string
	At                     time.Time
}

// Withdrawal says why a report must not be used.
type Withdrawal struct {
	Reason, By string
	At         time.Time
}

// Signature is who answers for it. Rule names the rules and their version where nobody did.
type Signature struct {
	Name string
	At   time.Time
	Rule string
}

// Language of what this package writes itself.
type Language string

// The languages.
const (
	Chinese   Language = "zh" // the default
	English   Language = "en"
	Bilingual Language = "zh-en"
)

// Format of the page.
type Format string

// The formats. A5 lies on its side, as it is torn from an A4 page.
const (
	A4 Format = "A4" // the default
	A5 Format = "A5"
)

// Options say how it is drawn.
type Options struct {
	Language Language
	Format   Format
	Columns  int            // of the result table: 1, 2, or 0 for what saves a page
	Zone     *time.Location // of the times; nil: UTC+8
}

// Bounds of one sheet. What is beyond is refused: a report that lacks a result without saying so is none.
const (
	MaxPages = 300
	maxLine  = 300
	maxText  = observation.MaxText
	maxTotal = 2 << 20 // of all texts: more than MaxPages hold
	maxRows  = observation.MaxResults
	maxDrugs = 500
	maxItems = 1000 // of any other list
)

// String tells nothing: a sheet is full of personal data.
func (Sheet) String() string { return "(laboratory sheet)" }

// GoString tells nothing.
func (Sheet) GoString() string { return "sheet.Sheet{}" }

// Draw writes the sheet as PDF. Equal sheets give equal bytes. The error is record.Invalid for one that is too long.
func Draw(w io.Writer, s Sheet, opt Options) error {
	l, err := newLayout(s, opt)
	if err != nil {
		return err
	}
	lang := "zh-CN"
	if l.o.Language == English {
		lang = "en"
	}
	p := paper.NewPDF(l.size, lang)
	l.draw(p, 0, l.pages)
	return p.Encode(w)
}

// Preview writes one page, the first is 0, as a picture.
func Preview(w io.Writer, s Sheet, opt Options, page, dpi int) error {
	l, err := newLayout(s, opt)
	if err != nil {
		return err
	}
	if page < 0 || page >= l.pages {
		return record.Errorf(record.NotFound, "page %d of %d", page+1, l.pages)
	}
	p := paper.NewPNG(l.size, dpi)
	l.draw(p, page, page+1)
	return p.Encode(w)
}

// Pages counts them.
func Pages(s Sheet, opt Options) (int, error) {
	l, err := newLayout(s, opt)
	if err != nil {
		return 0, err
	}
	return l.pages, nil
}
