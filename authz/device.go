// Devices: modalities, carts and analysers. An AE title says only which institution a sender claims to be of; it opens
// no more than the role "device" does.

package authz

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// DeviceID names a device.
type DeviceID string

// Device is a modality of an institution. Of all active devices only one has an AE title.
type Device struct {
	ID          DeviceID
	Institution record.InstitutionID
	Name        string
	AETitle     string
	Address     string
	Modality    string
	Active      bool
	CreatedAt   time.Time
}

// DeviceChange is what UpdateDevice changes; nil leaves a thing as it is.
type DeviceChange struct {
	Name, Address, Modality *string
	Active                  *bool
}

const maxAETitle = 16 // PS3.5 §6.2: AE

var errDevice = record.Errorf(record.Unauthenticated, "no active device has this AE title")

func (d Device) check() error {
	// AE titles become ids of actors, so that they follow the grammar of ids: no spaces inside, which PS3.5 would allow.
	if !record.ValidID(d.AETitle) || len(d.AETitle) > maxAETitle {
		return record.Errorf(record.Invalid, "AE title: want 1 to %d letters, digits, . _ - or :", maxAETitle)
	}
	if len(d.Address) > 255 || len(d.Modality) > maxAETitle || (d.Modality != "" && !record.ValidID(d.Modality)) {
		return record.Errorf(record.Invalid, "device: address or modality is not valid")
	}
	return checkName(d.Name, 128)
}

// ByDevice finds the caller of an AE title. Leading and trailing spaces do not count (PS3.5 §6.2).
func (b *Book) ByDevice(ctx context.Context, aeTitle string) (Caller, error) {
	ae := strings.Trim(aeTitle, " ")
	if !record.ValidID(ae) || len(ae) > maxAETitle {
		return Caller{}, errDevice
	}
	return b.caller(credentialOf("device", ae), func(time.Time) (Caller, error) {
		var r deviceRow
		err := b.db.QueryRow(ctx, `SELECT `+deviceColumns+` FROM devices WHERE ae_title = $1 AND active = 1`, ae).Scan(r.fields()...)
		if errors.Is(err, sql.ErrNoRows) {
			return Caller{}, errDevice
		}
		if err != nil {
			return Caller{}, fmt.Errorf("device: %w", err)
		}
		return Caller{
			Actor: record.Actor{Kind: record.ActorDevice, ID: r.AETitle, Institution: r.Institution, Display: r.Name},
			Roles: []string{DeviceRole},
		}, nil
	})
}

const deviceColumns = `id, institution_id, name, ae_title, address, modality, active, created_at`

type deviceRow struct {
	Device
	created int64
}

func (r *deviceRow) fields() []any {
	return []any{&r.ID, &r.Institution, &r.Name, &r.AETitle, &r.Address, &r.Modality, &r.Active, &r.created}
}

func (r *deviceRow) device() Device {
	r.CreatedAt = record.FromMicros(r.created)
	return r.Device
}

// deviceFault names the one conflict that devices have.
func deviceFault(err error) error {
	if err = store.Fault(err); record.KindOf(err) == record.Conflict {
		return record.Wrap(record.Conflict, err, "another active device has this AE title")
	}
	return err
}

// CreateDevice registers an active device.
func (b *Book) CreateDevice(ctx context.Context, s record.Scope, d Device) (Device, error) {
	d.AETitle = strings.Trim(d.AETitle, " ")
	if err := errors.Join(manages(s, d.Institution), d.check()); err != nil {
		return Device{}, err
	}
	var r deviceRow
	err := b.change(ctx, s, func(tx *store.Tx) error {
		err := tx.QueryRow(ctx, `INSERT INTO devices (id, institution_id, name, ae_title, address, modality, active, created_at)
			VALUES ($1, $2, $3, $4, $5, $6, 1, $7) RETURNING `+deviceColumns, record.NewID(tx.Now()), string(d.Institution), d.Name,
			d.AETitle, d.Address, d.Modality, record.Micros(tx.Now())).Scan(r.fields()...)
		if err != nil {
			return deviceFault(err)
		}
		tx.Emit(record.Event{Act: "device.created", Kind: "device", Object: string(r.ID), Institution: d.Institution}.By(s))
		return nil
	})
	return r.device(), err
}

// UpdateDevice changes what is not nil. The AE title and the institution stay: another device is another row.
func (b *Book) UpdateDevice(ctx context.Context, s record.Scope, id DeviceID, c DeviceChange) (Device, error) {
	var r deviceRow
	err := b.change(ctx, s, func(tx *store.Tx) error {
		err := tx.QueryRow(ctx, `SELECT `+deviceColumns+` FROM devices WHERE id = $1`, string(id)).Scan(r.fields()...)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("device: %w", err)
		}
		if err != nil || manages(s, r.Institution) != nil {
			return record.Errorf(record.NotFound, "device %s", id)
		}
		c.apply(&r.Device)
		if err := r.check(); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE devices SET name = $1, address = $2, modality = $3, active = $4 WHERE id = $5`,
			r.Name, r.Address, r.Modality, r.Active, string(id)); err != nil {
			return deviceFault(err)
		}
		tx.Emit(record.Event{Act: "device.updated", Kind: "device", Object: string(id), Institution: r.Institution}.By(s))
		return nil
	})
	if err != nil {
		return Device{}, err
	}
	return r.device(), nil
}

func (c DeviceChange) apply(d *Device) {
	for _, f := range []struct{ from, to *string }{{c.Name, &d.Name}, {c.Address, &d.Address}, {c.Modality, &d.Modality}} {
		if f.from != nil {
			*f.to = *f.from
		}
	}
	if c.Active != nil {
		d.Active = *c.Active
	}
}

// ListDevices lists the devices inside the scope by id; of one institution where it is named.
func (b *Book) ListDevices(ctx context.Context, s record.Scope, institution record.InstitutionID, p store.Page) (
	list []Device, next string, err error,
) {
	where, args := within(s, institution, p)
	rows, err := store.List(ctx, b.db, `SELECT `+deviceColumns+` FROM devices WHERE id > $1 AND `+where, args, (*deviceRow).fields)
	for i := range rows {
		list = append(list, rows[i].device())
	}
	return list, nextOf(list, pageOf(p), func(d Device) string { return string(d.ID) }), err
}
