// Controls and demographics: what a message brings beside results of people.

package lab

import (
	"context"
	"fmt"

	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// takeControl hands the results of a control material to quality control.
func (c *Centre) takeControl(ctx context.Context, tx *store.Tx, a *arrival, r *observation.Report) (StoredReport, error) {
	codes := make(map[string]string, len(r.Results))
	for i := range r.Results {
		x := &r.Results[i]
		found, err := c.resolve(ctx, tx, a, x, r.Specimen)
		if err != nil {
			return StoredReport{}, err
		}
		codes[x.Code.System+"|"+x.Code.Code] = found.analyte
	}
	err := c.desks.Quality.Take(ctx, tx, a.scope, a.site.institution, a.link.Name, *r, func(x observation.Result) (string, bool) {
		code := codes[x.Code.System+"|"+x.Code.Code]
		return code, code != ""
	})
	return StoredReport{Rows: len(r.Results), Control: true}, err
}

// takePatient takes over what a hospital says of a patient. Numbers that it has merged are two patients here whom a person may declare to be one:
// the machine never merges.
func (c *Centre) takePatient(ctx context.Context, tx *store.Tx, a *arrival, p *patientNews) error {
	who := p.patient
	who.Issuer = a.site.institution
	m, err := tx.MatchPatient(ctx, who)
	if err != nil {
		return fmt.Errorf("match patient: %w", err)
	}
	if p.merged.LocalID == "" || p.merged.LocalID == who.LocalID {
		return nil
	}
	old := p.merged
	old.Issuer = a.site.institution
	if old.Name == "" {
		old.Name, old.BirthDate, old.Sex = who.Name, who.BirthDate, who.Sex
	}
	gone, err := tx.MatchPatient(ctx, old)
	if err != nil {
		return fmt.Errorf("match patient: %w", err)
	}
	if gone.Patient == m.Patient {
		return nil
	}
	tx.Emit(record.Event{
		Act: "patient.merge.told", Institution: a.site.institution, Patient: m.Patient, Kind: "patient", Object: string(m.Patient), Outcome: record.Success,
		Detail: map[string]string{"other": string(gone.Patient)},
	}.By(a.scope))
	return tx.LinkPatients(ctx, m.Patient, gone.Patient, "the hospital has merged their numbers")
}
