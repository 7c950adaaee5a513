// Devices: modalities, carts, analysers, reading workstations. An AE title says only which institution a sender claims to
// be of; the address and the certificate of the device's row bind it, and it opens no more than its role does.

package authz

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
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
	Address     string // host:port, host or network; empty: calls may come from anywhere, and nothing is sent to it
	Modality    string
	Role        string // DeviceRole or WorkstationRole
	Certificate string // SHA-256 of the TLS certificate it must show, hexadecimal; empty: none is asked for
	Active      bool
	CreatedAt   time.Time
}

// Station is what a caller shows of itself: the AE title it names, the address it calls from, the SHA-256 of the client
// certificate that TLS has verified.
type Station struct {
	AETitle     string
	Address     netip.Addr
	Certificate string
}

// DeviceChange is what UpdateDevice changes; nil leaves a thing as it is.
type DeviceChange struct {
	Name, Address, Modality, Role, Certificate *string
	Active                                     *bool
}

const maxAETitle = 16 // PS3.5 §6.2: AE

var (
	errDevice  = record.Errorf(record.Unauthenticated, "no active device has this AE title")
	errStation = record.Errorf(record.Unauthenticated, "the device calls from another address or with another certificate than it is registered with")
)

func (d Device) check() error {
	// AE titles become ids of actors, so that they follow the grammar of ids: no spaces inside, which PS3.5 would allow.
	if !record.ValidID(d.AETitle) || len(d.AETitle) > maxAETitle {
		return record.Errorf(record.Invalid, "AE title: want 1 to %d letters, digits, . _ - or :", maxAETitle)
	}
	if len(d.Address) > 255 || len(d.Modality) > maxAETitle || (d.Modality != "" && !record.ValidID(d.Modality)) {
		return record.Errorf(record.Invalid, "device: address or modality is not valid")
	}
	if d.Role != DeviceRole && d.Role != WorkstationRole {
		return record.Errorf(record.Invalid, "device: role: want %s or %s", DeviceRole, WorkstationRole)
	}
	if d.Role == WorkstationRole && d.Address == "" && d.Certificate == "" {
		return record.Errorf(record.Invalid, "device: a workstation reads for many institutions: it needs an address or a certificate")
	}
	if raw, err := hex.DecodeString(d.Certificate); d.Certificate != "" && (err != nil || len(raw) != sha256.Size) {
		return record.Errorf(record.Invalid, "device: certificate: want a SHA-256 in hexadecimal")
	}
	return checkName(d.Name, 128)
}

// ByDevice finds the caller of an AE title. Leading and trailing spaces do not count (PS3.5 §6.2).
func (b *Book) ByDevice(ctx context.Context, st Station) (Caller, error) {
	shown := strings.Trim(st.AETitle, " ") + "\x00" + st.Address.String() + "\x00" + st.Certificate
	return b.caller(credentialOf("device", shown), func(time.Time) (Caller, error) {
		d, err := b.Device(ctx, st.AETitle)
		switch {
		case record.KindOf(err) == record.NotFound:
			return Caller{}, errDevice
		case err != nil:
			return Caller{}, err
		case d.Certificate != "" && d.Certificate != st.Certificate, !d.calls(ctx, st.Address):
			return Caller{}, errStation
		}
		return d.Caller(), nil
	})
}

// Caller is what the device is once it has proved to be it.
func (d Device) Caller() Caller {
	return Caller{
		Actor: record.Actor{Kind: record.ActorDevice, ID: d.AETitle, Institution: d.Institution, Display: d.Name},
		Roles: []string{d.Role},
	}
}

// Device finds the active device of an AE title; NotFound if there is none.
func (b *Book) Device(ctx context.Context, aeTitle string) (Device, error) {
	ae := strings.Trim(aeTitle, " ")
	var r deviceRow
	err := b.db.QueryRow(ctx, `SELECT `+deviceColumns+` FROM devices WHERE ae_title = $1 AND active = 1`, ae).Scan(r.fields()...)
	if errors.Is(err, sql.ErrNoRows) {
		return Device{}, record.Errorf(record.NotFound, "no active device has this AE title")
	}
	if err != nil {
		return Device{}, fmt.Errorf("device: %w", err)
	}
	return r.device(), nil
}

const lookUpFor = 2 * time.Second

// calls tells whether a call from an address may be the device's.
func (d Device) calls(ctx context.Context, from netip.Addr) bool {
	host := d.Address
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	from = from.Unmap()
	if host == "" {
		return true
	}
	if network, err := netip.ParsePrefix(host); err == nil {
		return network.Contains(from)
	}
	if a, err := netip.ParseAddr(host); err == nil {
		return a.Unmap() == from
	}
	ctx, cancel := context.WithTimeout(ctx, lookUpFor)
	defer cancel()
	all, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	return err == nil && slices.ContainsFunc(all, func(a netip.Addr) bool { return a.Unmap() == from })
}

const deviceColumns = `id, institution_id, name, ae_title, address, modality, role, certificate, active, created_at`

type deviceRow struct {
	Device
	created int64
}

func (r *deviceRow) fields() []any {
	return []any{&r.ID, &r.Institution, &r.Name, &r.AETitle, &r.Address, &r.Modality, &r.Role, &r.Certificate, &r.Active, &r.created}
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
	d.AETitle, d.Role = strings.Trim(d.AETitle, " "), cmp.Or(d.Role, DeviceRole)
	if err := errors.Join(manages(s, d.Institution), d.check()); err != nil {
		return Device{}, err
	}
	var r deviceRow
	err := b.change(ctx, s, func(tx *store.Tx) error {
		err := tx.QueryRow(ctx, `INSERT INTO devices (id, institution_id, name, ae_title, address, modality, role, certificate, active, created_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1, $9) RETURNING `+deviceColumns, record.NewID(tx.Now()), string(d.Institution), d.Name,
			d.AETitle, d.Address, d.Modality, d.Role, d.Certificate, record.Micros(tx.Now())).Scan(r.fields()...)
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
		if _, err := tx.Exec(ctx, `UPDATE devices SET name = $1, address = $2, modality = $3, active = $4, role = $5,
			certificate = $6 WHERE id = $7`, r.Name, r.Address, r.Modality, r.Active, r.Role, r.Certificate, string(id)); err != nil {
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
	for _, f := range []struct{ from, to *string }{
		{c.Name, &d.Name},
		{c.Address, &d.Address},
		{c.Modality, &d.Modality},
		{c.Role, &d.Role},
		{c.Certificate, &d.Certificate},
	} {
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
