// Specimens as rows.

package specimen

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Specimen is one tube.
type Specimen struct {
	ID          SpecimenID
	Number      int // in its order, from 1
	Order       OrderID
	Institution record.InstitutionID // which collects
	Laboratory  record.InstitutionID // which measures
	Patient     record.PatientID
	Barcode     string
	Issuer      record.InstitutionID // whose barcode it is; empty: ours
	Parent      SpecimenID           // of an aliquot
	Type        observation.Coding
	Container   observation.Coding
	Volume      string
	Labels      int
	Temperature string // how it travels
	Priority    record.Priority

	State       State
	Since       time.Time
	Flags       []string
	Box         BoxID
	OrderedAt   time.Time
	CollectedAt time.Time
	ReceivedAt  time.Time
	StartedAt   time.Time
	ReportedAt  time.Time

	DeadlineAt      time.Time // when the first of its open analytes can no longer be measured; zero: not known
	DeadlineAnalyte string
	RejectCode      string
	RejectNote      string
	Replaces        SpecimenID
	ReplacedBy      SpecimenID
	Version         int64

	Lines []Line

	marks []string
}

// specimenDetails is the JSON column.
type specimenDetails struct {
	TypeText        string `json:"type_text,omitempty"`
	TypeSystem      string `json:"type_system,omitempty"`
	ContainerText   string `json:"container_text,omitempty"`
	ContainerSystem string `json:"container_system,omitempty"`
	Volume          string `json:"volume,omitempty"`
	Labels          int    `json:"labels,omitempty"`
	Temperature     string `json:"temperature,omitempty"`
}

func (sp *Specimen) details() (string, error) {
	b, err := json.Marshal(specimenDetails{
		sp.Type.Text, sp.Type.System, sp.Container.Text, sp.Container.System, sp.Volume, sp.Labels, sp.Temperature,
	})
	return string(b), err
}

const specimenColumns = `p.id, p.number, p.order_id, p.institution_id, p.laboratory_id, p.patient_id, p.barcode, p.issuer, p.parent_id, p.type, p.container,
	p.details, p.priority, p.state, p.state_at, p.flags, p.marks, p.box_id, p.ordered_at, p.collected_at, p.received_at, p.started_at,
	p.reported_at, p.deadline_at, p.deadline_analyte, p.reject_code, p.reject_note, p.replaces_id, p.replaced_by, p.version`

func scanSpecimen(scan func(...any) error) (Specimen, error) {
	var sp Specimen
	var details, flags, marks string
	var since, ordered, collected, received, started, reported, deadline int64
	err := scan(&sp.ID, &sp.Number, &sp.Order, &sp.Institution, &sp.Laboratory, &sp.Patient, &sp.Barcode, &sp.Issuer, &sp.Parent, &sp.Type.Code,
		&sp.Container.Code, &details, &sp.Priority, &sp.State, &since, &flags, &marks, &sp.Box, &ordered, &collected, &received, &started,
		&reported, &deadline, &sp.DeadlineAnalyte, &sp.RejectCode, &sp.RejectNote, &sp.Replaces, &sp.ReplacedBy, &sp.Version)
	if err != nil {
		return sp, err
	}
	var d specimenDetails
	if err := json.Unmarshal([]byte(details), &d); err != nil {
		return sp, err
	}
	sp.Type.Text, sp.Type.System, sp.Container.Text, sp.Container.System = d.TypeText, d.TypeSystem, d.ContainerText, d.ContainerSystem
	sp.Volume, sp.Labels, sp.Temperature = d.Volume, max(d.Labels, 1), d.Temperature
	sp.Since, sp.OrderedAt, sp.CollectedAt = record.FromMicros(since), record.FromMicros(ordered), record.FromMicros(collected)
	sp.ReceivedAt, sp.StartedAt, sp.ReportedAt = record.FromMicros(received), record.FromMicros(started), record.FromMicros(reported)
	sp.DeadlineAt = record.FromMicros(deadline)
	sp.marks = strings.Fields(marks)
	sp.Flags = append(strings.Fields(flags), sp.marks...)
	return sp, nil
}

// Has reports a flag.
func (sp *Specimen) Has(flag string) bool { return slices.Contains(sp.Flags, flag) }

func (sp *Specimen) mark(flag string) {
	if !slices.Contains(sp.marks, flag) {
		sp.marks = append(sp.marks, flag)
		sp.Flags = append(sp.Flags, flag)
	}
}

func (sp *Specimen) unmark(flag string) {
	is := func(f string) bool { return f == flag }
	sp.marks, sp.Flags = slices.DeleteFunc(sp.marks, is), slices.DeleteFunc(sp.Flags, is)
}

func (sp *Specimen) event(act string) record.Event {
	return record.Event{
		Act: "specimen." + act, Institution: sp.Institution, Patient: sp.Patient, Kind: "specimen", Object: string(sp.ID),
		Detail: map[string]string{"order": string(sp.Order), "laboratory": string(sp.Laboratory), "state": string(sp.State)},
	}
}

func specimenLock(id SpecimenID) string { return "specimen:" + string(id) }

// specimenOf reads one tube without asking for a scope.
func specimenOf(ctx context.Context, q store.Querier, id SpecimenID) (Specimen, error) {
	sp, err := scanSpecimen(q.QueryRow(ctx, `SELECT `+specimenColumns+` FROM specimens p WHERE p.id = $1`, string(id)).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return sp, record.Errorf(record.NotFound, "no specimen %s", id)
	}
	if err != nil {
		return sp, fmt.Errorf("specimen %s: %w", id, err)
	}
	return sp, withLines(ctx, q, []*Specimen{&sp})
}

// specimensWhere reads tubes with their lines.
func specimensWhere(ctx context.Context, q store.Querier, b *sqlText, rest string) ([]Specimen, error) {
	out, err := store.Collect(ctx, q, `SELECT `+specimenColumns+` FROM specimens p WHERE `+b.String()+" "+rest, b.Args, scanSpecimen)
	if err != nil {
		return nil, err
	}
	all := make([]*Specimen, len(out))
	for i := range out {
		all[i] = &out[i]
	}
	return out, withLines(ctx, q, all)
}

const linesAtOnce = 500

func withLines(ctx context.Context, q store.Querier, all []*Specimen) error {
	at := make(map[SpecimenID]*Specimen, len(all))
	for _, sp := range all {
		at[sp.ID] = sp
	}
	for some := range slices.Chunk(all, linesAtOnce) {
		ids := make([]SpecimenID, len(some))
		for i, sp := range some {
			ids[i] = sp.ID
		}
		b := &sqlText{}
		store.In(b, "l.specimen_id", ids)
		lines, err := linesWhere(ctx, q, b)
		if err != nil {
			return err
		}
		for _, l := range lines {
			at[l.Specimen].Lines = append(at[l.Specimen].Lines, l)
		}
	}
	return nil
}

func insertSpecimen(ctx context.Context, tx *store.Tx, sp *Specimen) error {
	details, err := sp.details()
	if err != nil {
		return err
	}
	sp.Version = 1
	_, err = tx.Exec(ctx, `INSERT INTO specimens (id, order_id, institution_id, laboratory_id, patient_id, barcode, issuer, parent_id, type, container,
		details, priority, state, state_at, marks, ordered_at, replaces_id, number, version) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18,1)`,
		string(sp.ID), string(sp.Order), string(sp.Institution), string(sp.Laboratory), string(sp.Patient), sp.Barcode, string(sp.Issuer),
		string(sp.Parent), sp.Type.Code, sp.Container.Code, details, string(sp.Priority), string(sp.State), record.Micros(sp.Since),
		joinWords(sp.marks), record.Micros(sp.OrderedAt), string(sp.Replaces), sp.Number)
	return err
}

// saveSpecimen writes what may change, if nobody else did since it was read. The flags of scans are the fold's.
func saveSpecimen(ctx context.Context, tx *store.Tx, sp *Specimen, flags []string) error {
	details, err := sp.details()
	if err != nil {
		return err
	}
	res, err := tx.Exec(ctx, `UPDATE specimens SET laboratory_id = $3, barcode = $4, issuer = $5, details = $6, state = $7, state_at = $8, flags = $9,
		marks = $10, box_id = $11, collected_at = $12, received_at = $13, started_at = $14, reported_at = $15, deadline_at = $16,
		deadline_analyte = $17, reject_code = $18, reject_note = $19, replaced_by = $20, version = version + 1,
		told_at = CASE WHEN state_at = $8 THEN told_at ELSE 0 END WHERE id = $1 AND version = $2`,
		string(sp.ID), sp.Version, string(sp.Laboratory), sp.Barcode, string(sp.Issuer), details, string(sp.State), record.Micros(sp.Since),
		joinWords(flags), joinWords(sp.marks), string(sp.Box), record.Micros(sp.CollectedAt), record.Micros(sp.ReceivedAt),
		record.Micros(sp.StartedAt), record.Micros(sp.ReportedAt), record.Micros(sp.DeadlineAt), sp.DeadlineAnalyte, sp.RejectCode, sp.RejectNote,
		string(sp.ReplacedBy))
	sp.Version++
	sp.Flags = append(slices.Clone(flags), sp.marks...)
	return exactlyOne(res, err)
}
