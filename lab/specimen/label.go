// Labels of tubes: text fields and a Code 128, for printers that speak ZPL or TSPL, and as a picture.

package specimen

import (
	"context"
	"encoding/xml"
	"fmt"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/record"
)

// Label is what stands on a tube. The name is there in full: who collects compares it with the person.
type Label struct {
	Specimen  SpecimenID
	Barcode   string
	Name      record.Personal
	Sex       record.Sex
	Age       string
	Ward      string
	Container string
	Items     string
	Priority  record.Priority
	Number    string // of the patient at the institution
	Date      string // of the order
	Copies    int
}

const maxLabels = 200

// Labels gives the labels of tubes that are to be collected or at the clinic, as many for each as its container asks for. Printing is noted.
func (d *Desk) Labels(ctx context.Context, s record.Scope, ids []SpecimenID) ([]Label, error) {
	if len(ids) == 0 || len(ids) > maxLabels {
		return nil, record.Errorf(record.Invalid, "specimens: want 1 to %d", maxLabels)
	}
	out := make([]Label, 0, len(ids))
	for _, id := range ids {
		sp, err := d.specimenIn(ctx, d.db, s, id, false)
		if err != nil {
			return nil, err
		}
		if !s.Reaches(sp.Institution) && sp.ReceivedAt.IsZero() { // the laboratory prints labels of what it has
			return nil, record.Errorf(record.NotFound, "no specimen %s", id)
		}
		if sp.Barcode == "" {
			return nil, record.Errorf(record.Precondition, "specimen %s gets a printed label at collection", id)
		}
		o, err := orderByID(ctx, d.db, sp.Order)
		if err != nil {
			return nil, err
		}
		out = append(out, d.labelOf(&o, &sp))
		if err := d.db.Note(ctx, sp.event("labelled").By(s)); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (d *Desk) labelOf(o *Order, sp *Specimen) Label {
	l := Label{
		Specimen: sp.ID, Barcode: sp.Barcode, Name: o.Who.Name, Sex: o.Who.Sex, Ward: o.Ward, Container: sp.Container.Display(), Priority: sp.Priority,
		Number: o.Who.LocalID.Reveal(), Date: o.OrderedAt.In(d.opt.Zone).Format("2006-01-02"), Copies: max(sp.Labels, 1), Age: ageOn(o.Who.BirthDate, o.OrderedAt.In(d.opt.Zone)),
	}
	var items []string
	for i := range sp.Lines {
		if sp.Lines[i].Status != LineCancelled {
			items = append(items, sp.Lines[i].Title)
		}
	}
	l.Items = record.Clip(strings.Join(items, " "), 60)
	return l
}

// ageOn is the age on the day of the order: years, months of infants, days of the newborn.
func ageOn(b record.Date, on time.Time) string {
	if b.IsZero() {
		return ""
	}
	born := time.Date(b.Year, b.Month, b.Day, 0, 0, 0, 0, on.Location())
	months := (on.Year()-b.Year)*12 + int(on.Month()-b.Month)
	if on.Day() < b.Day {
		months--
	}
	switch {
	case on.Before(born):
		return ""
	case months >= 24:
		return fmt.Sprintf("%d岁", months/12)
	case months >= 1:
		return fmt.Sprintf("%d月", months)
	}
	return fmt.Sprintf("%d天", int(on.Sub(born).Hours()/24))
}

var sexSigns = map[record.Sex]string{record.Male: "男", record.Female: "女"}

// lines are the text of a label, top to bottom.
func (l Label) lines() []string {
	stat := ""
	if l.Priority != record.Routine && l.Priority != "" {
		stat = "★急 "
	}
	return []string{
		strings.TrimSpace(stat + l.Name.Reveal() + " " + sexSigns[l.Sex] + " " + l.Age),
		strings.TrimSpace(l.Number + " " + l.Ward),
		strings.TrimSpace(l.Container + " " + l.Items),
		l.Date,
	}
}

// ZPL is a 50 by 30 mm label at 203 dpi. font is a font in the printer that has Chinese characters, "E:SIMSUN.TTF".
func (l Label) ZPL(font string) string {
	var b strings.Builder
	b.WriteString("^XA^CI28^PW400^LL240\n")
	for i, text := range l.lines() {
		fmt.Fprintf(&b, "^FO16,%d^A@N,24,24,%s^FH_^FD%s^FS\n", 12+[]int{0, 28, 56, 196}[i], printable(font), zplText(text))
	}
	fmt.Fprintf(&b, "^FO24,104^BY2^BCN,64,Y,N,N^FD%s^FS\n^PQ%d^XZ\n", zplText(zplCode(l.Barcode)), max(l.Copies, 1))
	return b.String()
}

// zplCode asks for pairs of digits where the code is nothing else.
func zplCode(s string) string {
	if allDigits(s) && len(s)%2 == 0 {
		return ">;" + s
	}
	return ">:" + strings.ReplaceAll(s, ">", "><")
}

// zplText takes the meaning from the signs of ZPL (^FH).
func zplText(s string) string {
	return strings.NewReplacer("_", "_5F", "^", "_5E", "~", "_7E").Replace(printable(s))
}

// TSPL is the same for printers of TSC and those that speak as they do. font is a font in the printer, "FONT001".
func (l Label) TSPL(font string) string {
	var b strings.Builder
	b.WriteString("SIZE 50 mm,30 mm\r\nGAP 2 mm,0\r\nCODEPAGE UTF-8\r\nCLS\r\n")
	for i, text := range l.lines() {
		fmt.Fprintf(&b, "TEXT 16,%d,\"%s\",0,1,1,\"%s\"\r\n", 12+[]int{0, 28, 56, 196}[i], tsplText(font), tsplText(text))
	}
	fmt.Fprintf(&b, "BARCODE 24,104,\"128\",64,1,0,2,2,\"%s\"\r\nPRINT 1,%d\r\n", tsplText(l.Barcode), max(l.Copies, 1))
	return b.String()
}

func tsplText(s string) string { return strings.ReplaceAll(printable(s), `"`, `\["]`) }

// printable keeps a text on its line: a command of the printer begins on the next.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7F {
			return -1
		}
		return r
	}, s)
}

// SVG is the label as a picture, 50 by 30 mm, four units to the millimetre and one to a module of the code where it fits.
func (l Label) SVG() string {
	path, modules := barcodeSVG(l.Barcode, 0, 0, 36)
	width := min(modules, 184)
	var b strings.Builder
	b.WriteString(`<svg xmlns="http://www.w3.org/2000/svg" width="50mm" height="30mm" viewBox="0 0 200 120"><rect width="200" height="120" fill="#fff"/>`)
	for i, text := range l.lines() {
		fmt.Fprintf(&b, `<text x="8" y="%d" font-size="%d" font-family="sans-serif">%s</text>`, []int{16, 29, 41, 115}[i], []int{13, 10, 10, 9}[i], xmlText(text))
	}
	fmt.Fprintf(&b, `<path transform="translate(%d 48) scale(%.4f 1)" d="%s"/>`, (200-width)/2, float64(width)/float64(modules), path)
	fmt.Fprintf(&b, `<text x="100" y="98" font-size="11" text-anchor="middle" font-family="monospace">%s</text></svg>`, xmlText(l.Barcode))
	return b.String()
}

func xmlText(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s))
	return b.String()
}
