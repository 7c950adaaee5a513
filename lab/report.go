// The rows of reports and of results.

package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Kept is a report as the index knows it.
type Kept struct {
	ID           record.ExamID
	Institution  record.InstitutionID // who ordered
	Laboratory   record.InstitutionID // who measured
	Centre       record.CentreID
	Link         string
	Patient      record.PatientID
	Grade        record.Grade
	LocalNumber  record.Personal
	Name         record.Personal
	BirthDate    string
	Sex          record.Sex
	AgeDays      int // -1: not known
	Visit, Ward  string
	Placer       string
	Filler       string
	Group        string
	Barcode      string
	SpecimenID   string
	Specimen     observation.Specimen
	Service      string
	Title        string
	Priority     record.Priority
	Orderer      string
	ClinicalInfo string
	Performer    string
	Notes        []string
	Warnings     []observation.Warning
	Parent       record.ExamID
	CollectedAt  time.Time
	LabAt        time.Time
	ReportedAt   time.Time
	ReceivedAt   time.Time
	UpdatedAt    time.Time
	Status       observation.Status // of what is shown
	Verified     string             // sender, auto, persons: the weakest of its rows
	ReleasedAt   time.Time
	Abnormal     int
	Critical     int
	Unmapped     int
	Waiting      int
	Version      int
	Case         record.CaseID
	Message      string
	parentNumber string    // of the culture that a susceptibility belongs to: f:<filler> p:<placer> s:<barcode>
	alarmDue     time.Time // critical values of it are told then at the latest

	Rows     []Row     // where they were asked for
	Children []Kept    // susceptibility reports of a culture
	Isolates []Isolate // of the whole tree that it belongs to, whichever part was asked for
	culture  *Kept     // that it belongs to, where it was read
}

// Row is one version of a row of a report.
type Row struct {
	ID            string
	Version       int
	Report        record.ExamID
	Latest, Shown bool
	Analyte       string
	Item          string
	LOINC         string
	UCUM          string
	Result        observation.Result
	Judged        Judged
	Validation    string
	ObservedAt    time.Time
	OrderedBy     time.Time
	Message       string
	RecordedAt    time.Time
	ValidatedBy   record.UserID
	ValidatedName string
	ValidatedAt   time.Time
	ReleasedBy    record.UserID
	ReleasedName  string
	ReleasedAt    time.Time
	HiddenAt      time.Time

	institution, laboratory record.InstitutionID
}

// reportRow is a report on its way into the index.
type reportRow struct {
	Kept
	latin string
	known bool                 // it is there already
	gone  []observation.Result // what grew and was taken back, in the culture of a susceptibility
}

const reportColumns = `r.id, r.institution_id, r.laboratory_id, r.centre_id, r.link_id, r.patient_id, r.grade, r.local_number, r.name, r.birth_date, r.sex,
	r.age_days, r.visit, r.ward, r.placer, r.filler, r.order_group, r.barcode, r.specimen_id, r.specimen, r.service_code, r.title, r.priority, r.orderer,
	r.clinical_info, r.performer, r.notes, r.warnings, r.parent, r.collected_at, r.lab_at, r.reported_at, r.received_at, r.updated_at, r.status,
	r.verified, r.released_at, r.abnormal, r.critical, r.unmapped, r.waiting, r.version, r.alarm_due, r.case_id, r.message_id, r.parent_number`

func scanReport(scan func(...any) error) (reportRow, error) {
	var r reportRow
	k := &r.Kept
	var local, name, tube, notes, warnings string
	var collected, lab, reported, received, updated, released, due int64
	err := scan(&k.ID, &k.Institution, &k.Laboratory, &k.Centre, &k.Link, &k.Patient, &k.Grade, &local, &name, &k.BirthDate, &k.Sex, &k.AgeDays, &k.Visit,
		&k.Ward, &k.Placer, &k.Filler, &k.Group, &k.Barcode, &k.SpecimenID, &tube, &k.Service, &k.Title, &k.Priority, &k.Orderer, &k.ClinicalInfo,
		&k.Performer, &notes, &warnings, &k.Parent, &collected, &lab, &reported, &received, &updated, &k.Status, &k.Verified, &released, &k.Abnormal,
		&k.Critical, &k.Unmapped, &k.Waiting, &k.Version, &due, &k.Case, &k.Message, &k.parentNumber)
	if err != nil {
		return r, err
	}
	k.LocalNumber, k.Name, k.Warnings = record.Personal(local), record.Personal(name), warningsOf(warnings)
	_ = json.Unmarshal([]byte(tube), &k.Specimen) // we wrote it
	_ = json.Unmarshal([]byte(notes), &k.Notes)
	k.CollectedAt, k.LabAt, k.ReportedAt = record.FromMicros(collected), record.FromMicros(lab), record.FromMicros(reported)
	k.ReceivedAt, k.UpdatedAt, k.ReleasedAt = record.FromMicros(received), record.FromMicros(updated), record.FromMicros(released)
	k.alarmDue = record.FromMicros(due)
	return r, nil
}

func (c *Centre) reportRows(ctx context.Context, q store.Querier, where string, args []any) ([]reportRow, error) {
	out, err := store.Collect(ctx, q, `SELECT `+reportColumns+` FROM lab_reports r WHERE `+where, args, scanReport)
	if err != nil {
		return nil, fmt.Errorf("laboratory reports: %w", err)
	}
	return out, nil
}

// putReport writes a report with its sums.
func putReport(ctx context.Context, tx *store.Tx, k *reportRow) error {
	name := k.Name.Reveal()
	values := []any{
		string(k.ID), string(k.Institution), string(k.Laboratory), string(k.Centre), k.Link, string(k.Patient), string(k.Grade), k.LocalNumber.Reveal(), name,
		searchKey(name, k.latin), k.BirthDate, string(k.Sex), k.AgeDays, k.Visit, k.Ward, k.Placer, k.Filler, k.Group, k.Barcode, k.SpecimenID,
		jsonText(k.Specimen), k.Service, k.Title, string(k.Priority), k.Orderer, k.ClinicalInfo, k.Performer, jsonText(k.Notes), warningsText(k.Warnings),
		string(k.Parent), record.Micros(k.CollectedAt), record.Micros(k.LabAt), record.Micros(k.ReportedAt), record.Micros(k.ReceivedAt),
		record.Micros(k.UpdatedAt), string(k.Status), k.Verified, record.Micros(k.ReleasedAt), k.Abnormal, k.Critical, k.Unmapped, k.Waiting, k.Version,
		record.Micros(k.alarmDue), string(k.Case), k.Message, k.parentNumber,
	}
	_, err := tx.Exec(ctx, putReportSQL, values...)
	if err != nil {
		return fmt.Errorf("keep laboratory report: %w", err)
	}
	return nil
}

// searchKey is what names are looked up in: without spaces, with pinyin and its initials.
func searchKey(name, latin string) string {
	return store.NameKey(strings.Join(strings.Fields(name), ""), strings.Join(strings.Fields(latin), "")) + "^" + store.PinyinInitials(name)
}

var putReportSQL = func() string {
	columns := []string{
		"id", "institution_id", "laboratory_id", "centre_id", "link_id", "patient_id", "grade", "local_number", "name", "name_key", "birth_date", "sex",
		"age_days", "visit", "ward", "placer", "filler", "order_group", "barcode", "specimen_id", "specimen", "service_code", "title", "priority", "orderer",
		"clinical_info", "performer", "notes", "warnings", "parent", "collected_at", "lab_at", "reported_at", "received_at", "updated_at", "status",
		"verified", "released_at", "abnormal", "critical", "unmapped", "waiting", "version", "alarm_due", "case_id", "message_id",
		"parent_number",
	}
	var names, marks, sets string
	for i, n := range columns {
		if i > 0 {
			names, marks = names+", ", marks+", "
		}
		names, marks = names+n, marks+"$"+strconv.Itoa(i+1)
		if i > 0 {
			if sets != "" {
				sets += ", "
			}
			sets += n + " = excluded." + n
		}
	}
	return `INSERT INTO lab_reports (` + names + `) VALUES (` + marks + `) ON CONFLICT (id) DO UPDATE SET ` + sets
}()

const rowColumns = `x.id, x.version, x.report_id, x.institution_id, x.laboratory_id, x.latest, x.shown, x.analyte, x.item, x.loinc, x.ucum, x.body, x.judged,
	x.validation, x.observed_at, x.ordered_by, x.message_id, x.recorded_at, x.validated_by, x.validated_name, x.validated_at, x.released_by,
	x.released_name, x.released_at, x.hidden_at`

func scanRow(scan func(...any) error) (Row, error) {
	var r Row
	var body, said string
	var observed, ordered, recorded, validated, released, hidden int64
	err := scan(&r.ID, &r.Version, &r.Report, &r.institution, &r.laboratory, &r.Latest, &r.Shown, &r.Analyte, &r.Item, &r.LOINC, &r.UCUM, &body, &said,
		&r.Validation, &observed, &ordered, &r.Message, &recorded, &r.ValidatedBy, &r.ValidatedName, &validated, &r.ReleasedBy, &r.ReleasedName, &released,
		&hidden)
	if err != nil {
		return r, err
	}
	r.ObservedAt, r.OrderedBy, r.RecordedAt = record.FromMicros(observed), record.FromMicros(ordered), record.FromMicros(recorded)
	r.ValidatedAt, r.ReleasedAt, r.HiddenAt = record.FromMicros(validated), record.FromMicros(released), record.FromMicros(hidden)
	if err := json.Unmarshal([]byte(body), &r.Result); err != nil {
		return r, fmt.Errorf("result %s: %w", r.ID, err)
	}
	return r, json.Unmarshal([]byte(said), &r.Judged)
}

func (c *Centre) rows(ctx context.Context, q store.Querier, where string, args []any) ([]Row, error) {
	out, err := store.Collect(ctx, q, `SELECT `+rowColumns+` FROM lab_results x WHERE `+where, args, scanRow)
	if err != nil {
		return nil, fmt.Errorf("laboratory results: %w", err)
	}
	return out, nil
}

// state is what versions are compared by.
func (r *Row) state() rowState {
	return rowState{
		id: r.ID, version: r.Version, latest: r.Latest, shown: r.Shown, status: r.Result.Status, value: valueText(r.Result.Value), unit: r.Result.Unit.Display(),
		flags: flagsText(r.Result.Flags), at: r.OrderedBy, validation: validation(r.Validation), analyte: r.Analyte, critical: r.Judged.Critical != nil,
	}
}
