// Aliquots: tubes that are filled from another one at the laboratory.

package specimen

import (
	"cmp"
	"context"
	"slices"

	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Portion is what goes into one aliquot.
type Portion struct {
	Lines      []LineID // measured from it
	Container  observation.Coding
	Volume     string
	Barcode    string               // of a label that is on it already; empty: one is made
	Laboratory record.InstitutionID // another that measures it; empty: the same
}

const maxPortions = 20

// Split fills aliquots from a tube that is at the laboratory. They are its children: as old as it, and of the same patient.
func (d *Desk) Split(ctx context.Context, s record.Scope, id SpecimenID, portions []Portion) ([]Specimen, error) {
	if len(portions) == 0 || len(portions) > maxPortions {
		return nil, record.Errorf(record.Invalid, "portions: want 1 to %d", maxPortions)
	}
	var out []Specimen
	err := d.change(ctx, s, []string{specimenLock(id)}, func(tx *store.Tx) error {
		out = nil
		sp, err := d.specimenIn(ctx, tx, s, id, false)
		if err != nil {
			return err
		}
		if sp.placeOf(s)&laboratory == 0 {
			return record.Errorf(record.Denied, "not permitted to divide this tube")
		}
		if !slices.Contains([]State{Received, Analysis, Stored, Reported}, sp.State) {
			return record.Errorf(record.Precondition, "a tube that is %s cannot be divided", sp.State)
		}
		for _, p := range portions {
			child, err := d.portion(ctx, tx, &sp, p, deed{s.Actor, clinic | laboratory})
			if err != nil {
				return err
			}
			out = append(out, child)
		}
		sp.mark(FlagSplit)
		return d.saveMarks(ctx, tx, &sp)
	})
	return out, err
}

func (d *Desk) portion(ctx context.Context, tx *store.Tx, sp *Specimen, p Portion, w deed) (Specimen, error) {
	o, err := orderByID(ctx, tx, sp.Order)
	if err != nil {
		return Specimen{}, err
	}
	container := p.Container
	if container.Empty() {
		container = sp.Container
	}
	if err := tidy(field{name: "volume", text: &p.Volume, most: shortText}); err != nil {
		return Specimen{}, err
	}
	o.Preprinted = false
	tube, err := d.planTube(ctx, tx, &o, Specimen{
		Parent: sp.ID, Laboratory: cmp.Or(p.Laboratory, sp.Laboratory), Type: sp.Type, Container: container, Volume: p.Volume, Labels: 1,
		Temperature: sp.Temperature, marks: slices.DeleteFunc(slices.Clone(sp.marks), func(f string) bool { return f == FlagSplit }),
	}, p.Barcode)
	if err != nil {
		return Specimen{}, err
	}
	for _, id := range p.Lines {
		i := slices.IndexFunc(sp.Lines, func(l Line) bool { return l.ID == id && l.Open() })
		if i < 0 {
			return Specimen{}, record.Errorf(record.NotFound, "no open line %s of this tube", id)
		}
		sp.Lines[i].Specimen = tube.ID
		if err := saveLine(ctx, tx, &sp.Lines[i]); err != nil {
			return Specimen{}, err
		}
		sp.Lines = slices.Delete(sp.Lines, i, i+1)
	}
	child, err := specimenOf(ctx, tx, tube.ID)
	if err != nil {
		return Specimen{}, err
	}
	steps := []Scan{{Act: Collect, At: sp.CollectedAt}, {Act: Receive}}
	if child.Laboratory != sp.Laboratory { // goes on to another house
		steps = steps[:1]
	}
	if sp.CollectedAt.IsZero() {
		steps[0].At = sp.ReceivedAt
	}
	for _, sc := range steps {
		if _, err := d.apply(ctx, tx, &child, sc, w); err != nil {
			return Specimen{}, err
		}
	}
	return child, nil
}
