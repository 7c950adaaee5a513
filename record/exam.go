// Exams, priorities and results: what the four centres share.

package record

import "time"

// CentreKind is one of the county's diagnostic centres.
type CentreKind string

// The centre kinds.
const (
	Imaging   CentreKind = "imaging"
	ECG       CentreKind = "ecg"
	Pathology CentreKind = "pathology"
	Lab       CentreKind = "lab"
)

// Priority orders a worklist. DICOM (0040,1003) and HL7 words.
type Priority string

// The priorities, most pressing first.
const (
	Stat    Priority = "STAT"
	Urgent  Priority = "URGENT"
	Routine Priority = "ROUTINE"
)

// Rank is 0 for STAT, 1 for URGENT, 2 for all else, so that rows sort by it.
func (p Priority) Rank() int {
	switch p {
	case Stat:
		return 0
	case Urgent:
		return 1
	}
	return 2
}

// Exam is what a centre tells the reading room when an examination is complete.
type Exam struct {
	ID          ExamID
	Kind        CentreKind
	Centre      CentreID      // who reads it
	Institution InstitutionID // who made it
	Patient     PatientID
	Grade       Grade // how certain the patient is
	Modality    string
	BodyPart    string // DICOM (0018,0015) or code, upper case
	Procedure   string // procedure or item code, as the sender's catalogue says
	Accession   string
	Title       string // what a person reads on a worklist; no personal data
	Priority    Priority
	PerformedAt time.Time
	ReceivedAt  time.Time
	Complete    bool // all that was announced has arrived

	// FirstContactAt is the first medical contact 首次医疗接触 of an emergency pathway (chest pain, stroke): its clock runs on the worklist.
	FirstContactAt time.Time
}

// ResultStatus is the life of a result (HL7 v2 table 0085 words).
type ResultStatus string

// The statuses of a result.
const (
	Preliminary ResultStatus = "preliminary"
	Final       ResultStatus = "final"
	Corrected   ResultStatus = "corrected"
	Withdrawn   ResultStatus = "withdrawn"
)

// Result is an exam with its report as other institutions see it. A laboratory has one for each item of the recognition catalogue in a
// report, each under an exam id of its own; Exam.Institution ordered it and decides who sees it, Exam.Procedure is the item.
type Result struct {
	ID         ResultID
	Exam       Exam
	Case       CaseID
	Report     ReportID
	Status     ResultStatus
	Positive   bool
	SignedAt   time.Time
	Laboratory InstitutionID // who measured; empty: Exam.Institution itself
	Quality    Quality       // of a laboratory result
}

// Maker is who made the result: the laboratory that measured, else the institution of the exam.
func (r *Result) Maker() InstitutionID {
	if r.Laboratory != "" {
		return r.Laboratory
	}
	return r.Exam.Institution
}
