// The manifest: what is in a box, for the eye of who packs and for the machine of who unpacks.

package specimen

import (
	"context"
	"encoding/csv"
	"fmt"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/record"
)

// Manifest is a box with its tubes, for printing. It names nobody: barcode, container and items are what a courier may read.
type Manifest struct {
	Box     Box
	Climate Climate
	Rows    []ManifestRow
}

// ManifestRow is one tube.
type ManifestRow struct {
	BoxTube
	Container   string
	Items       []string
	Priority    record.Priority
	State       State
	CollectedAt time.Time
	DeadlineAt  time.Time
	Flags       []string
}

// Manifest gives what is in a box.
func (d *Desk) Manifest(ctx context.Context, s record.Scope, name string) (Manifest, error) {
	x, err := d.boxIn(ctx, d.db, s, name)
	if err != nil {
		return Manifest{}, err
	}
	m := Manifest{Box: x}
	if m.Climate, err = climateOf(ctx, d.db, &x); err != nil {
		return m, err
	}
	b := &sqlText{}
	b.And("p.id IN (SELECT t.specimen_id FROM specimen_box_tubes t WHERE t.box_id = " + b.Arg(string(x.ID)) + ")")
	found, err := specimensWhere(ctx, d.db, b, "")
	if err != nil {
		return m, err
	}
	at := map[SpecimenID]*Specimen{}
	for i := range found {
		at[found[i].ID] = &found[i]
	}
	for _, t := range x.Tubes {
		m.Rows = append(m.Rows, manifestRow(t, at[t.Specimen]))
	}
	return m, d.notes.Note(ctx, s, x.event("read"))
}

func manifestRow(t BoxTube, sp *Specimen) ManifestRow {
	r := ManifestRow{BoxTube: t}
	if sp == nil {
		return r
	}
	r.Container, r.Priority, r.State = sp.Container.Display(), sp.Priority, sp.State
	r.CollectedAt, r.DeadlineAt, r.Flags = sp.CollectedAt, sp.DeadlineAt, sp.Flags
	for i := range sp.Lines {
		if sp.Lines[i].Status != LineCancelled {
			r.Items = append(r.Items, sp.Lines[i].Title)
		}
	}
	return r
}

// Text is the sheet that travels with the box.
func (m Manifest) Text(zone *time.Location) string {
	var b strings.Builder
	x := &m.Box
	fmt.Fprintf(&b, "标本转运交接单 Specimen manifest\n箱号 Box %s  封条 Seal %s\n", x.Barcode, x.Seal)
	fmt.Fprintf(&b, "送出 From %s  送至 To %s\n", x.Institution, x.Laboratory)
	fmt.Fprintf(&b, "温度 Range %s to %s °C\n", degrees(x.LowMilliC), degrees(x.HighMilliC))
	fmt.Fprintf(&b, "封箱 Sealed %s  交出 Handed over %s  送达 Arrived %s\n", clock(x.SealedAt, zone), clock(x.HandedAt, zone), clock(x.ArrivedAt, zone))
	fmt.Fprintf(&b, "标本数 Tubes %d\n\n", len(m.Rows))
	for i, r := range m.Rows {
		fmt.Fprintf(&b, "%3d  %-14s %-8s %-12s %s  %s  %s\n", i+1, r.Barcode, r.Priority, clock(r.CollectedAt, zone), r.Container, strings.Join(r.Items, ", "), m.finding(r))
	}
	fmt.Fprintf(&b, "\n送出人 Handed over by ____________  承运 Courier ____________  接收人 Taken in by ____________\n")
	return b.String()
}

// finding is told once somebody has looked.
func (m Manifest) finding(r ManifestRow) string {
	if m.Box.ArrivedAt.IsZero() {
		return ""
	}
	return string(r.Finding())
}

// CSV is the same as a table, UTF-8 with a byte order mark for spreadsheet programs.
func (m Manifest) CSV(zone *time.Location) string {
	var b strings.Builder
	b.WriteString("\uFEFF")
	w := csv.NewWriter(&b)
	_ = w.Write([]string{"box", "barcode", "container", "items", "priority", "collected", "deadline", "finding", "flags"})
	for _, r := range m.Rows {
		_ = w.Write([]string{
			cell(m.Box.Barcode), cell(r.Barcode), cell(r.Container), cell(strings.Join(r.Items, "; ")), string(r.Priority), clock(r.CollectedAt, zone),
			clock(r.DeadlineAt, zone), m.finding(r), strings.Join(r.Flags, " "),
		})
	}
	w.Flush()
	return b.String()
}

// cell keeps a spreadsheet from taking a sender's text for a formula.
func cell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

func clock(t time.Time, zone *time.Location) string {
	if t.IsZero() {
		return "-"
	}
	return t.In(zone).Format("01-02 15:04")
}

func degrees(milli int) string {
	sign := ""
	if milli < 0 {
		sign, milli = "-", -milli
	}
	return fmt.Sprintf("%s%d.%d", sign, milli/1000, milli%1000/100)
}

// Zone is where the desk's days and printed times are.
func (d *Desk) Zone() *time.Location { return d.opt.Zone }
