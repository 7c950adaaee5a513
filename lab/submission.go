// Submission: results as JSON, the form in which programs without HL7 send them. It is kept as it came.

package lab

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/record"
)

// Submission is one message of results. Instants are RFC 3339.
type Submission struct {
	ControlID string             `json:"control_id,omitempty"` // the sender's number of the message
	SentAt    time.Time          `json:"sent_at,omitzero"`
	Final     bool               `json:"final,omitempty"` // the sender has verified them
	Reports   []SubmissionReport `json:"reports"`
}

// SubmissionReport is one report. It holds personal data in the clear, since it is what is kept.
type SubmissionReport struct {
	LocalNumber  string             `json:"local_patient_number,omitempty"`
	Name         string             `json:"patient_name,omitempty"`
	IDNumber     string             `json:"identity_number,omitempty"`
	BirthDate    string             `json:"patient_birth_date,omitempty"`
	Sex          string             `json:"patient_sex,omitempty"` // M F O
	Visit        string             `json:"visit_number,omitempty"`
	Ward         string             `json:"ward,omitempty"`
	Filler       string             `json:"filler_number,omitempty"`
	Placer       string             `json:"placer_number,omitempty"`
	Barcode      string             `json:"barcode,omitempty"`
	Service      observation.Coding `json:"service"`
	SpecimenType observation.Coding `json:"specimen_type"`
	Priority     record.Priority    `json:"priority,omitempty"`
	Clinical     string             `json:"clinical_information,omitempty"`
	CollectedAt  time.Time          `json:"collected_at,omitzero"`
	ReceivedAt   time.Time          `json:"received_at,omitzero"`
	ReportedAt   time.Time          `json:"reported_at,omitzero"`
	Performer    string             `json:"performer,omitempty"`
	Notes        []string           `json:"notes,omitempty"`
	Results      []SubmissionResult `json:"results"`
}

// SubmissionResult is one row.
type SubmissionResult struct {
	Code       observation.Coding `json:"code"`
	Value      string             `json:"value"`
	Unit       string             `json:"unit,omitempty"`
	Range      string             `json:"range,omitempty"`
	Flags      []string           `json:"flags,omitempty"`
	Status     string             `json:"status,omitempty"` // letter of HL7 table 0085; empty: F
	SubID      string             `json:"sub_id,omitempty"`
	Method     string             `json:"method,omitempty"`
	Device     string             `json:"device,omitempty"`
	AnalysedAt time.Time          `json:"analysed_at,omitzero"`
	Notes      []string           `json:"notes,omitempty"`
}

func (c *Centre) decodeJSON(src Source) (*message, error) {
	var s Submission
	d := json.NewDecoder(bytes.NewReader(src.Body))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return nil, record.Wrap(record.Invalid, err, "the results are no JSON of this form")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, record.Errorf(record.Invalid, "something follows the results")
	}
	out := &message{kind: "results", sentAt: s.SentAt}
	for i := range s.Reports {
		r, err := s.Reports[i].report(i, s.Final)
		if err != nil {
			return nil, err
		}
		out.reports = append(out.reports, r)
	}
	s.SentAt = time.Time{}
	content, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	out.hash = digestBytes(content)
	out.control = out.hash
	if s.ControlID != "" {
		out.control = digestBytes([]byte("json|" + s.ControlID))
	}
	return out, nil
}

func (r *SubmissionReport) report(n int, final bool) (observation.Report, error) {
	out := observation.Report{
		Visit: r.Visit, Ward: r.Ward, Placer: r.Placer, Filler: r.Filler, Service: r.Service, Priority: r.Priority, Clinical: r.Clinical,
		ReportedAt: r.ReportedAt, Performer: r.Performer, Notes: r.Notes, Final: final,
		Specimen: observation.Specimen{ID: r.Barcode, Type: r.SpecimenType, CollectedAt: r.CollectedAt, ReceivedAt: r.ReceivedAt},
	}
	p := record.Demographics{LocalID: record.Personal(r.LocalNumber), Name: record.Personal(r.Name), Sex: record.ParseSex(r.Sex)}
	var err error
	if r.IDNumber != "" {
		if p.IDNumber, err = record.ParseIDNumber(r.IDNumber); err != nil {
			return out, err
		}
	}
	if p.BirthDate, err = record.ParseDate(r.BirthDate); err != nil {
		return out, err
	}
	out.Patient = p
	for i := range r.Results {
		row, err := r.Results[i].row(n, i)
		if err != nil {
			return out, err
		}
		out.Results = append(out.Results, row)
	}
	return out, nil
}

func (r *SubmissionResult) row(report, n int) (observation.Result, error) {
	status, ok := observation.StatusOf(r.Status)
	if r.Status == "" {
		status, ok = observation.Final, true
	}
	if !ok {
		return observation.Result{}, &placed{rowPlace(report, n), record.Errorf(record.Invalid, "%s: status: want a letter of HL7 table 0085", rowPlace(report, n))}
	}
	if r.Code.Empty() {
		return observation.Result{}, &placed{rowPlace(report, n), record.Errorf(record.Invalid, "%s: no code", rowPlace(report, n))}
	}
	out := observation.Result{
		Number: n + 1, Code: r.Code, SubID: r.SubID, Value: observation.ParseValue(r.Value), Unit: observation.Coding{Text: r.Unit}, Range: r.Range,
		Flags: r.Flags, Status: status, Device: r.Device, AnalysedAt: r.AnalysedAt, Notes: r.Notes,
	}
	if r.Method != "" {
		out.Method = observation.Coding{Text: r.Method}
	}
	return out, nil
}
