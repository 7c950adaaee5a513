// Payload: what a webhook is told, as JSON. Values are texts in the digits that were sent.

package dispatch

import (
	"encoding/json"
	"time"

	"github.com/lianzhen/lianzhen/lab"
	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/record"
)

// Notice is the body of a webhook. A thin one ends before Report; that of a recall never has values.
type Notice struct {
	Event        string  `json:"event"` // lab.released lab.corrected lab.withdrawn lab.recalled lab.probe
	Subscription string  `json:"subscription_id"`
	Institution  string  `json:"institution_id"`
	ReportID     string  `json:"report_id,omitempty"`
	Version      int     `json:"version,omitempty"`
	PatientID    string  `json:"patient_id,omitempty"`
	RecallID     string  `json:"recall_id,omitempty"`
	Reason       string  `json:"reason,omitempty"`
	Report       *Report `json:"report,omitempty"`
}

// Report is a report as JSON: the state that it has when it is sent.
type Report struct {
	Status      string    `json:"status"` // preliminary final corrected withdrawn
	Laboratory  string    `json:"laboratory_id"`
	LocalNumber string    `json:"local_patient_number,omitempty"`
	Name        string    `json:"patient_name,omitempty"`
	BirthDate   string    `json:"patient_birth_date,omitempty"`
	Sex         string    `json:"patient_sex,omitempty"`
	Visit       string    `json:"visit_number,omitempty"`
	Ward        string    `json:"ward,omitempty"`
	Placer      string    `json:"placer_number,omitempty"`
	Filler      string    `json:"filler_number,omitempty"`
	Barcode     string    `json:"barcode,omitempty"`
	Service     Code      `json:"service"`
	Specimen    Code      `json:"specimen_type"`
	Clinical    string    `json:"clinical_information,omitempty"`
	CollectedAt time.Time `json:"collected_at,omitzero"`
	ReceivedAt  time.Time `json:"received_at,omitzero"`
	ReportedAt  time.Time `json:"reported_at,omitzero"`
	Performer   string    `json:"performer,omitempty"`
	Notes       []string  `json:"notes,omitempty"`
	Results     []Result  `json:"results"`
}

// Result is a row. One that was withdrawn has no value.
type Result struct {
	Code       Code     `json:"code"`
	SubID      string   `json:"sub_id,omitempty"`
	Kind       string   `json:"kind,omitempty"` // quantity range ratio coded text time attachment
	Value      string   `json:"value,omitempty"`
	Coded      *Code    `json:"coded,omitempty"`
	Media      string   `json:"media,omitempty"`      // of an attachment
	Attachment string   `json:"attachment,omitempty"` // where it can be had
	Unit       string   `json:"unit,omitempty"`
	Range      string   `json:"range,omitempty"`
	Flags      []string `json:"flags,omitempty"`
	Status     string   `json:"status"` // letter of HL7 table 0085: P F C A W
	Method     string   `json:"method,omitempty"`
	Device     string   `json:"device,omitempty"`
	Notes      []string `json:"notes,omitempty"`
}

// Code is a code with its other codes.
type Code struct {
	Code       string `json:"code,omitempty"`
	Text       string `json:"text,omitempty"`
	System     string `json:"system,omitempty"`
	Alternates []Code `json:"alternates,omitempty"`
}

func codeOf(c observation.Coding) Code {
	out := Code{Code: c.Code, Text: c.Text, System: c.System}
	for _, a := range c.Alternates {
		out.Alternates = append(out.Alternates, codeOf(a))
	}
	return out
}

// reportOf writes a report as JSON. rows name what is asked for to get an attachment.
func reportOf(k *lab.Kept, r *observation.Report) *Report {
	out := &Report{
		Status: string(r.Status), Laboratory: string(k.Laboratory), LocalNumber: r.Patient.LocalID.Reveal(), Name: r.Patient.Name.Reveal(),
		BirthDate: r.Patient.BirthDate.String(), Sex: string(r.Patient.Sex), Visit: r.Visit, Ward: r.Ward, Placer: r.Placer, Filler: r.Filler,
		Barcode: r.Specimen.ID, Service: codeOf(r.Service), Specimen: codeOf(r.Specimen.Type), Clinical: r.Clinical, CollectedAt: r.Specimen.CollectedAt,
		ReceivedAt: r.Specimen.ReceivedAt, ReportedAt: r.ReportedAt, Performer: r.Performer, Notes: r.Notes,
	}
	rows := k.Outgoing()
	for i := range r.Results {
		out.Results = append(out.Results, resultOf(k.ID, rows[i].ID, &r.Results[i]))
	}
	return out
}

func resultOf(report record.ExamID, row string, x *observation.Result) Result {
	out := Result{
		Code: codeOf(x.Code), SubID: x.SubID, Kind: string(x.Value.Kind), Value: x.Value.String(), Unit: x.Unit.Display(), Range: x.Range, Flags: x.Flags,
		Status: x.Status.Letter(), Method: x.Method.Display(), Device: x.Device, Notes: x.Notes,
	}
	switch x.Value.Kind {
	case observation.Coded:
		c := codeOf(x.Value.Coding)
		out.Coded = &c
	case observation.Attachment:
		out.Media, out.Attachment = x.Value.Media, x.Value.Pointer
		if out.Attachment == "" {
			out.Attachment = "/api/v1/lab/reports/" + string(report) + "/rows/" + row + "/attachment"
		}
	}
	return out
}

// reportMessage makes the body of a webhook.
func reportMessage(s *Subscription, x *Delivery, k *lab.Kept, r *observation.Report) (message, error) {
	n := Notice{
		Event: released, Subscription: string(s.ID), Institution: string(s.Institution), ReportID: string(x.Report), Version: k.Version, PatientID: string(k.Patient),
	}
	switch k.Status { // as it is now: several events may have become one delivery
	case observation.Withdrawn:
		n.Event = withdrawn
	case observation.Corrected:
		n.Event = corrected
	}
	if !s.Thin {
		n.Report = reportOf(k, r)
	}
	return noticeMessage(s, x, n)
}

func recallMessage(s *Subscription, x *Delivery) (message, error) {
	return noticeMessage(s, x, Notice{
		Event: x.Act, Subscription: string(s.ID), Institution: string(s.Institution), ReportID: string(x.Report), PatientID: string(x.Patient),
		RecallID: x.Subject[len(recallMark):], Reason: x.Reason,
	})
}

func noticeMessage(s *Subscription, x *Delivery, n Notice) (message, error) {
	body, err := json.Marshal(n)
	return message{numberOf(s, x, body), body}, err
}
