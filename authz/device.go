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

// Device is a modality or a link of the laboratory of an institution. Of all active devices only one has an AE title, and of one protocol only
// one has a link's name.
type Device struct {
	ID          DeviceID
	Institution record.InstitutionID
	Name        string
	Protocol    Protocol // default DICOM
	AETitle     string   // of DICOM
	Link        string   // of HL7 and ASTM: the name that its messages show
	Address     string   // host:port, host or network; empty: calls may come from anywhere, and nothing is sent to it
	Modality    string
	Role        string // DeviceRole, WorkstationRole (DICOM), HISRole (HL7)
	Certificate string // SHA-256 of the TLS certificate it must show, hexadecimal; empty: none is asked for
	Active      bool
	CreatedAt   time.Time
	Profile     Profile // of a link: the newest, where Create, Update and ByLink tell it
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
	Profile                                    *string // YAML of a link's next profile
	Active                                     *bool
}

const maxAETitle = 16 // PS3.5 §6.2: AE

var (
	errDevice  = record.Errorf(record.Unauthenticated, "no active device has this AE title")
	errStation = record.Errorf(record.Unauthenticated, "the device calls from another address or with another certificate than it is registered with")
)

func (d Device) check() error {
	if len(d.Address) > 255 {
		return record.Errorf(record.Invalid, "device: address is not valid")
	}
	if raw, err := hex.DecodeString(d.Certificate); d.Certificate != "" && (err != nil || len(raw) != sha256.Size) {
		return record.Errorf(record.Invalid, "device: certificate: want a SHA-256 in hexadecimal")
	}
	if err := checkName(d.Name, 128); err != nil {
		return err
	}
	switch d.Protocol {
	case DICOM:
		return d.checkStation()
	case HL7, ASTM:
		return d.checkLink()
	}
	return record.Errorf(record.Invalid, "device: protocol: want %s, %s or %s", DICOM, HL7, ASTM)
}

// checkStation holds the rules of DICOM devices.
func (d Device) checkStation() error {
	if d.Link != "" {
		return record.Errorf(record.Invalid, "device: link is of HL7 and ASTM devices only")
	}
	// AE titles become ids of actors, so that they follow the grammar of ids: no spaces inside, which PS3.5 would allow.
	if !record.ValidID(d.AETitle) || len(d.AETitle) > maxAETitle {
		return record.Errorf(record.Invalid, "AE title: want 1 to %d letters, digits, . _ - or :", maxAETitle)
	}
	if len(d.Modality) > maxAETitle || (d.Modality != "" && !record.ValidID(d.Modality)) {
		return record.Errorf(record.Invalid, "device: modality is not valid")
	}
	if d.Role != DeviceRole && d.Role != WorkstationRole {
		return record.Errorf(record.Invalid, "device: role: want %s or %s", DeviceRole, WorkstationRole)
	}
	if d.Role == WorkstationRole && d.Address == "" && d.Certificate == "" {
		return record.Errorf(record.Invalid, "device: a workstation reads for many institutions: it needs an address or a certificate")
	}
	return nil
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

// Caller is what the device is once it has proved to be it. A link is known by its id: its name may be of any script.
func (d Device) Caller() Caller {
	id := d.AETitle
	if d.Protocol != "" && d.Protocol != DICOM {
		id = string(d.ID)
	}
	return Caller{
		Actor: record.Actor{Kind: record.ActorDevice, ID: id, Institution: d.Institution, Display: d.Name},
		Roles: []string{d.Role},
	}
}

// Device finds the active device of an AE title; NotFound if there is none.
func (b *Book) Device(ctx context.Context, aeTitle string) (Device, error) {
	ae := strings.Trim(aeTitle, " ")
	var r deviceRow
	err := b.db.QueryRow(ctx, `SELECT `+deviceColumns+` FROM devices WHERE ae_title = $1 AND active = 1 AND protocol = 'DICOM'`, ae).Scan(r.fields()...)
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

const deviceColumns = `id, institution_id, name, protocol, ae_title, link, address, modality, role, certificate, active, created_at`

type deviceRow struct {
	Device
	created int64
}

func (r *deviceRow) fields() []any {
	return []any{&r.ID, &r.Institution, &r.Name, &r.Protocol, &r.AETitle, &r.Link, &r.Address, &r.Modality, &r.Role, &r.Certificate, &r.Active, &r.created}
}

func (r *deviceRow) device() Device {
	r.CreatedAt = record.FromMicros(r.created)
	return r.Device
}

// deviceFault names the one conflict that devices have.
func deviceFault(err error) error {
	if err = store.Fault(err); record.KindOf(err) == record.Conflict {
		return record.Wrap(record.Conflict, err, "another active device has this AE title or this name of a link")
	}
	return err
}

// CreateDevice registers an active device, a link with its first profile where it has one.
func (b *Book) CreateDevice(ctx context.Context, s record.Scope, d Device) (Device, error) {
	d.AETitle, d.Role, d.Protocol = strings.Trim(d.AETitle, " "), cmp.Or(d.Role, DeviceRole), cmp.Or(d.Protocol, DICOM)
	if err := errors.Join(manages(s, d.Institution), d.check()); err != nil {
		return Device{}, err
	}
	var r deviceRow
	err := b.change(ctx, s, func(tx *store.Tx) error {
		err := tx.QueryRow(ctx, `INSERT INTO devices (id, institution_id, name, ae_title, address, modality, role, certificate, active, created_at,
			protocol, link) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1, $9, $10, $11) RETURNING `+deviceColumns, record.NewID(tx.Now()),
			string(d.Institution), d.Name, d.AETitle, d.Address, d.Modality, d.Role, d.Certificate, record.Micros(tx.Now()), string(d.Protocol),
			d.Link).Scan(r.fields()...)
		if err != nil {
			return deviceFault(err)
		}
		tx.Emit(record.Event{Act: "device.created", Kind: "device", Object: string(r.ID), Institution: d.Institution}.By(s))
		return b.putProfile(ctx, tx, &r.Device, d.Profile.YAML, s)
	})
	return r.device(), err
}

// UpdateDevice changes what is not nil. The AE title, the link's name and the institution stay: another device is another row.
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
		if r.Profile, err = profileOf(ctx, tx, r.ID); err != nil {
			return err
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
		if c.Profile == nil {
			return nil
		}
		return b.putProfile(ctx, tx, &r.Device, *c.Profile, s)
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
