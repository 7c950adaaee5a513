package specimen

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Create keeps a new order and plans its tubes; items that share a tube share one. A second order under the same number of the institution
// is a Conflict. The warnings tell of the same items ordered or reported lately; they never stand in the way.
func (d *Desk) Create(ctx context.Context, s record.Scope, o Order) (Order, []Tested, error) {
	o.Institution = cmp.Or(o.Institution, s.Actor.Institution)
	if err := writesAt(s, o.Institution); err != nil {
		return Order{}, nil, err
	}
	o.Lines = slices.Clone(o.Lines)
	for _, check := range []func() error{o.check, o.checkWho, o.checkLines} {
		if err := check(); err != nil {
			return Order{}, nil, err
		}
	}
	if err := d.sendTo(ctx, &o); err != nil {
		return Order{}, nil, err
	}
	if o.Patient != "" {
		if _, err := d.db.PatientIn(ctx, s, o.Patient); err != nil {
			return Order{}, nil, err
		}
	}
	sent := o
	var before []Tested
	err := d.db.Tx(ctx, func(tx *store.Tx) (err error) {
		tx.As(s)
		o = sent
		o.Lines = slices.Clone(sent.Lines)
		if err := d.open(ctx, tx, &o); err != nil {
			return err
		}
		before, err = d.ordersBefore(ctx, tx, &o)
		if err != nil {
			return err
		}
		return d.plan(ctx, tx, &o, o.Lines)
	})
	if err != nil {
		return Order{}, nil, fmt.Errorf("create laboratory order: %w", err)
	}
	if o, err = d.orderIn(ctx, d.db, record.Scope{All: true}, o.ID); err != nil {
		return Order{}, nil, err
	}
	return o, d.withResults(ctx, s, &o, before), nil
}

// sendTo finds the laboratory of an order: that of the county's centre, else the institution measures by itself.
func (d *Desk) sendTo(ctx context.Context, o *Order) error {
	g, err := d.db.Graph(ctx)
	if err != nil {
		return err
	}
	if o.Laboratory != "" {
		if _, ok := g.Institution(o.Laboratory); !ok {
			return record.Errorf(record.Invalid, "laboratory_id: no such institution")
		}
		return nil
	}
	o.Laboratory = o.Institution
	if c, ok := g.CentreFor(o.Institution, record.Lab); ok {
		o.Laboratory = c.Host
	}
	return nil
}

// open writes the row of a new order. A patient that is named by our id is taken as it is kept.
func (d *Desk) open(ctx context.Context, tx *store.Tx, o *Order) error {
	o.Who.Issuer = o.Institution
	if o.Patient == "" {
		m, err := tx.MatchPatient(ctx, o.Who)
		if err != nil {
			return err
		}
		o.Patient, o.Grade = m.Patient, m.Grade
	} else if err := d.known(ctx, tx, o); err != nil {
		return err
	}
	o.CreatedAt = stamp(tx.Now())
	o.ChangedAt, o.Version = o.CreatedAt, 1
	if o.OrderedAt.IsZero() {
		o.OrderedAt = o.CreatedAt
	}
	o.OrderedAt = stamp(o.OrderedAt)
	o.ID = OrderID(record.NewID(o.CreatedAt))
	o.Number = cmp.Or(o.Number, string(o.ID))
	if err := insertOrder(ctx, tx, o); err != nil {
		return err
	}
	e := o.event("created")
	e.Detail = map[string]string{"grade": string(o.Grade), "items": strconv.Itoa(len(o.Lines)), "laboratory": string(o.Laboratory)}
	tx.Emit(e)
	return nil
}

// known fills in the names of a patient that the caller named by our id.
func (d *Desk) known(ctx context.Context, tx *store.Tx, o *Order) error {
	var birth string
	err := tx.QueryRow(ctx, `SELECT name, latin, birth_date, sex FROM patients WHERE id = $1`, string(o.Patient)).
		Scan(&o.Who.Name, &o.Who.Latin, &birth, &o.Who.Sex)
	if err != nil {
		return fmt.Errorf("patient %s: %w", o.Patient, err)
	}
	o.Grade = record.Certain
	o.Who.BirthDate, err = record.ParseDate(birth)
	return err
}

// plan keeps new lines of an order and gives each a tube: one that is planned and fits, or a new one.
func (d *Desk) plan(ctx context.Context, tx *store.Tx, o *Order, lines []Line) error {
	for i := range lines {
		l := &lines[i]
		d.ready(ctx, tx, o, l)
		l.Number = o.nextLine(lines[:i])
		if l.Status != LineCancelled {
			sp, err := d.tubeFor(ctx, tx, o, l)
			if err != nil {
				return err
			}
			l.Specimen = sp.ID
		}
		if err := insertLine(ctx, tx, l); err != nil {
			return err
		}
	}
	return nil
}

// ready fills in what a new line does not say itself.
func (d *Desk) ready(ctx context.Context, tx *store.Tx, o *Order, l *Line) {
	l.need = d.needOf(ctx, o, l)
	l.ID = LineID(record.NewID(tx.Now()))
	l.Order, l.institution, l.patient = o.ID, o.Institution, o.Patient
	l.Status = cmp.Or(l.Status, LineOpen)
	l.Code = cmp.Or(l.need.Item, itemOf(l.Item))
	l.Title = cmp.Or(l.need.Title, l.Item.Display())
	l.Analytes = l.need.Analytes
	if l.OrderedAt.IsZero() {
		l.OrderedAt = o.OrderedAt
	}
}

func (d *Desk) needOf(ctx context.Context, o *Order, l *Line) Need {
	if d.opt.Needs != nil {
		if n, ok := d.opt.Needs(ctx, o.Laboratory, l.Item); ok {
			return n
		}
	}
	return d.opt.DefaultNeeds
}

// tubeFor finds the planned tube of the same material and container, or plans one.
func (d *Desk) tubeFor(ctx context.Context, tx *store.Tx, o *Order, l *Line) (*Specimen, error) {
	n := l.need
	for i := range o.Specimens {
		sp := &o.Specimens[i]
		if n.Alone || sp.Issuer != "" || sp.Type.Code != n.Type.Code || sp.Container.Code != n.Container.Code || sp.Laboratory != o.Laboratory {
			continue
		}
		if err := d.stillPlanned(ctx, tx, sp); err != nil {
			return nil, err
		}
		if sp.State == Planned {
			return sp, nil
		}
	}
	return d.planTube(ctx, tx, o, Specimen{
		Type: n.Type, Container: n.Container, Volume: n.Volume, Labels: max(n.Labels, 1), Temperature: n.Temperature,
	}, "")
}

// stillPlanned takes the lock of a tube that is planned and looks again whether it still is.
func (d *Desk) stillPlanned(ctx context.Context, tx *store.Tx, sp *Specimen) error {
	if sp.State != Planned {
		return nil
	}
	if err := tx.Lock(ctx, specimenLock(sp.ID)); err != nil {
		return err
	}
	return tx.QueryRow(ctx, `SELECT state FROM specimens WHERE id = $1`, string(sp.ID)).Scan(&sp.State)
}

// planTube keeps a new planned tube of an order. It gets the given barcode, else one of ours unless labels are printed already.
func (d *Desk) planTube(ctx context.Context, tx *store.Tx, o *Order, sp Specimen, barcode string) (*Specimen, error) {
	now := stamp(tx.Now())
	sp.ID, sp.Order, sp.Institution, sp.Patient = SpecimenID(record.NewID(now)), o.ID, o.Institution, o.Patient
	sp.Laboratory = cmp.Or(sp.Laboratory, o.Laboratory)
	sp.Number = 1
	for i := range o.Specimens {
		sp.Number = max(sp.Number, o.Specimens[i].Number+1)
	}
	sp.Priority, sp.OrderedAt, sp.Since, sp.State = o.Priority, o.OrderedAt, now, Planned
	var err error
	switch {
	case barcode != "":
		err = activate(ctx, tx, &sp, barcode)
	case !o.Preprinted:
		err = d.label(ctx, tx, &sp, o.Institution)
	}
	if err == nil {
		err = insertSpecimen(ctx, tx, &sp)
	}
	if err != nil {
		return nil, err
	}
	tx.Emit(sp.event("planned"))
	o.Specimens = append(o.Specimens, sp)
	return &o.Specimens[len(o.Specimens)-1], nil
}

// nextLine is the number of the next line, behind those that are kept and more.
func (o *Order) nextLine(more []Line) int {
	n := 1
	for _, lines := range [][]Line{o.Lines, more} {
		for i := range lines {
			n = max(n, lines[i].Number+1)
		}
	}
	return n
}
