// Links: devices of the laboratory that speak HL7 v2 or ASTM. The name that a message shows proves nothing; the address and the certificate of
// the device's row bind it. How its messages are read is a profile, kept in all its versions.

package authz

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Protocol is the language of a device.
type Protocol string

// The protocols.
const (
	DICOM Protocol = "DICOM"
	HL7   Protocol = "HL7"  // v2 over MLLP
	ASTM  Protocol = "ASTM" // E1381 and E1394 over TCP
)

// Profile is one version of how a link's messages are read.
type Profile struct {
	Number     int // from 1, 0: none was ever set
	YAML       string
	RecordedAt time.Time
	RecordedBy string
}

const (
	maxLink    = 120 // characters of a link's name
	maxProfile = 256 << 10
)

var errLink = record.Errorf(record.Unauthenticated, "no active device of this protocol has this name or this address")

// ErrSeveralLinks is what ByLink says of an address that several devices share, as those behind one converter of serial lines, when no name
// tells them apart.
var ErrSeveralLinks = record.Errorf(record.Unauthenticated, "several devices have this address: the message must name the one that sends")

// CheckProfiles says how the text of a profile is judged before it is kept; without it none is taken. The gateway knows the readers.
func (b *Book) CheckProfiles(check func(p Protocol, yaml string) error) { b.checkProfile = check }

// checkLink holds the rules of HL7 and ASTM devices.
func (d Device) checkLink() error {
	if d.AETitle != "" || d.Modality != "" {
		return record.Errorf(record.Invalid, "device: AE title and modality are of DICOM devices only")
	}
	name := d.Link
	if name != strings.TrimSpace(name) || checkName(name, maxLink) != nil {
		return record.Errorf(record.Invalid, "device: link: want 1 to %d visible characters", maxLink)
	}
	if d.Protocol == HL7 && (strings.Count(name, "|") != 1 || name == "|") {
		return record.Errorf(record.Invalid, "device: link: want APPLICATION|FACILITY as in MSH-3 and MSH-4")
	}
	if d.Role != DeviceRole && (d.Role != HISRole || d.Protocol != HL7) {
		return record.Errorf(record.Invalid, "device: role: want %s, or %s for HL7", DeviceRole, HISRole)
	}
	if d.Address == "" && d.Certificate == "" {
		return record.Errorf(record.Invalid, "device: %s has no other proof of who calls: it needs an address or a certificate", d.Protocol)
	}
	return nil
}

// LinkName is the name of an HL7 link as a message shows it: MSH-3 and MSH-4.
func LinkName(application, facility string) string {
	application, facility = strings.TrimSpace(application), strings.TrimSpace(facility)
	if application == "" && facility == "" {
		return ""
	}
	return application + "|" + facility
}

// ByLink finds the device of a link with its profile: by the name that it shows, or, where it shows none, as the only one with that address.
// The address and the certificate must be those of its row.
func (b *Book) ByLink(ctx context.Context, p Protocol, name string, from netip.Addr, certificate string) (Device, error) {
	shown := credentialOf("link", string(p)+"\x00"+name+"\x00"+from.String()+"\x00"+certificate)
	now := b.db.Now()
	if d, ok := b.links.get(shown, now); ok {
		return d, nil
	}
	d, err := b.findLink(ctx, p, name, from, certificate)
	if err == nil {
		b.links.put(shown, d, now)
	}
	return d, err
}

func (b *Book) findLink(ctx context.Context, p Protocol, name string, from netip.Addr, certificate string) (Device, error) {
	where, args := `protocol = $1 AND active = 1`, []any{string(p)}
	if name != "" {
		where, args = where+` AND link = $2`, append(args, name)
	}
	rows, err := store.List(ctx, b.db, `SELECT `+deviceColumns+` FROM devices WHERE `+where+` ORDER BY id`, args, (*deviceRow).fields)
	if err != nil {
		return Device{}, fmt.Errorf("link: %w", err)
	}
	var found []Device
	for i := range rows {
		if d := rows[i].device(); d.proves(ctx, from, certificate) {
			found = append(found, d)
		}
	}
	switch {
	case len(found) == 1:
	case len(found) > 1:
		return Device{}, ErrSeveralLinks
	case name != "" && len(rows) > 0:
		return Device{}, errStation
	default:
		return Device{}, errLink
	}
	profile, err := profileOf(ctx, b.db, found[0].ID)
	found[0].Profile = profile
	return found[0], err
}

// proves tells whether who calls shows what the device's row asks for.
func (d Device) proves(ctx context.Context, from netip.Addr, certificate string) bool {
	return (d.Certificate == "" || d.Certificate == certificate) && d.calls(ctx, from)
}

// Profile is the newest profile of a device; the zero Profile where none was set.
func (b *Book) Profile(ctx context.Context, id DeviceID) (Profile, error) {
	return profileOf(ctx, b.db, id)
}

// LinkByID is a device with its newest profile; NotFound where there is none. Closed devices too: what they sent may have to be read again.
func (b *Book) LinkByID(ctx context.Context, id DeviceID) (Device, error) {
	rows, err := store.List(ctx, b.db, `SELECT `+deviceColumns+` FROM devices WHERE id = $1`, []any{string(id)}, (*deviceRow).fields)
	if err != nil {
		return Device{}, fmt.Errorf("link: %w", err)
	}
	if len(rows) == 0 {
		return Device{}, record.Errorf(record.NotFound, "device %s", id)
	}
	d := rows[0].device()
	d.Profile, err = profileOf(ctx, b.db, id)
	return d, err
}

func profileOf(ctx context.Context, q store.Querier, id DeviceID) (Profile, error) {
	var p Profile
	var at int64
	err := q.QueryRow(ctx, `SELECT number, yaml, recorded_at, recorded_by FROM link_profiles WHERE device_id = $1 ORDER BY number DESC LIMIT 1`,
		string(id)).Scan(&p.Number, &p.YAML, &at, &p.RecordedBy)
	if errors.Is(err, sql.ErrNoRows) {
		return Profile{}, nil
	}
	if err != nil {
		return Profile{}, fmt.Errorf("profile of a link: %w", err)
	}
	p.RecordedAt = record.FromMicros(at)
	return p, nil
}

// judge refuses a profile that its reader does not take.
func (b *Book) judge(p Protocol, yaml string) error {
	switch {
	case p == DICOM:
		return record.Errorf(record.Invalid, "device: a profile is of HL7 and ASTM devices only")
	case len(yaml) > maxProfile:
		return record.Errorf(record.Invalid, "device: profile: want at most %d bytes", maxProfile)
	case b.checkProfile == nil:
		return record.Errorf(record.Precondition, "device: nothing here can read profiles")
	}
	return b.checkProfile(p, yaml)
}

// putProfile follows the newest profile of a device by another. The same text again changes nothing.
func (b *Book) putProfile(ctx context.Context, tx *store.Tx, d *Device, yaml string, by record.Scope) error {
	if yaml == d.Profile.YAML {
		return nil
	}
	if err := b.judge(d.Protocol, yaml); err != nil {
		return err
	}
	p := Profile{YAML: yaml, RecordedAt: tx.Now(), RecordedBy: by.Actor.ID}
	err := tx.QueryRow(ctx, `INSERT INTO link_profiles (device_id, number, yaml, recorded_at, recorded_by)
		SELECT $1, COALESCE(MAX(number), 0) + 1, $2, $3, $4 FROM link_profiles WHERE device_id = $1 RETURNING number`,
		string(d.ID), yaml, record.Micros(p.RecordedAt), p.RecordedBy).Scan(&p.Number)
	if err != nil {
		return fmt.Errorf("profile of a link: %w", err)
	}
	d.Profile = p
	tx.Emit(record.Event{
		Act: "device.profile", Kind: "device", Object: string(d.ID), Institution: d.Institution, Detail: map[string]string{"number": fmt.Sprint(p.Number)},
	}.By(by))
	return nil
}
