// Render: a report on paper 检验报告单.

package lab

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/lab/catalogue"
	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/lab/sheet"
	"github.com/lianzhen/lianzhen/reading"
	"github.com/lianzhen/lianzhen/record"
)

// Sheet draws a report as PDF. language is "zh" (default), "en" or "both"; size "A4" (default) or "A5".
func (c *Centre) Sheet(ctx context.Context, s record.Scope, id record.ExamID, language, size string) ([]byte, error) {
	opt, err := sheetOptions(language, size)
	if err != nil {
		return nil, err
	}
	opt.Zone = c.opt.Zone
	k, err := c.Get(ctx, s, id, History)
	if err == nil && k.culture != nil { // susceptibilities are printed with what grew
		k, err = c.Get(ctx, s, k.culture.ID, History)
	}
	if err != nil {
		return nil, err
	}
	pack, err := c.desks.Catalogue.Pack(ctx, c.db, k.Centre)
	if err != nil {
		return nil, err
	}
	in := sheetOf(&k, pack)
	if err := c.nameSheet(ctx, &k, &in); err != nil {
		return nil, err
	}
	if k.Case != "" {
		rep, ok, err := c.room.Current(ctx, s, k.Case)
		if err != nil {
			return nil, err
		}
		if ok {
			signed(&in, rep)
		}
	}
	var b bytes.Buffer
	err = sheet.Draw(&b, in, opt)
	return b.Bytes(), err
}

func sheetOptions(language, size string) (sheet.Options, error) {
	var o sheet.Options
	switch language {
	case "", "zh":
		o.Language = sheet.Chinese
	case "en":
		o.Language = sheet.English
	case "both":
		o.Language = sheet.Bilingual
	default:
		return o, record.Errorf(record.Invalid, "language: want zh, en or both")
	}
	switch size {
	case "", "A4":
		o.Format = sheet.A4
	case "A5":
		o.Format = sheet.A5
	default:
		return o, record.Errorf(record.Invalid, "paper: want A4 or A5")
	}
	return o, nil
}

// nameSheet finds the names of who ordered and who measured.
func (c *Centre) nameSheet(ctx context.Context, k *Kept, in *sheet.Sheet) error {
	at, err := c.db.Institution(ctx, k.Institution)
	if err != nil {
		return err
	}
	in.Institution = at.Name
	by, err := c.db.Institution(ctx, k.Laboratory)
	if err != nil {
		return err
	}
	in.Laboratory = by.Name
	return nil
}

var sexWords = map[record.Sex]string{record.Male: "男", record.Female: "女"}

// sheetOf lays a report with all its versions out as it is printed: what is shown, and of what was corrected the value before.
func sheetOf(k *Kept, pack *catalogue.Pack) sheet.Sheet {
	in := sheet.Sheet{
		Number: cmp.Or(k.Filler, k.Placer, string(k.ID)), Version: max(k.Version, 1), Status: k.Status, Title: titleOf(k), ReportedAt: latest(k.ReportedAt, k.ReleasedAt),
		Patient:  sheet.Patient{Name: k.Name.Reveal(), Sex: sexWords[k.Sex], Age: ageText(k.AgeDays), Number: k.LocalNumber.Reveal()},
		Order:    sheet.Order{Number: k.Placer, Department: k.Ward, Visit: k.Visit, Orderer: k.Orderer, Clinical: k.ClinicalInfo},
		Specimen: sheet.Specimen{Type: k.Specimen.Type.Display(), Barcode: k.Barcode, CollectedAt: k.CollectedAt, ReceivedAt: k.LabAt, Condition: words(k.Specimen.Condition)},
		Notes:    k.Notes, Verification: fmt.Sprintf("%s-%d", k.ID, k.Version),
	}
	in.Technical = sheet.Signature{Name: k.Performer}
	var qualities []record.Quality
	var names []string
	tree := map[string]bool{}
	for i := range k.Isolates {
		for _, id := range k.Isolates[i].rows {
			tree[id] = true
		}
	}
	for i := range k.Rows {
		r := &k.Rows[i]
		if !r.Shown || tree[r.ID] {
			continue
		}
		in.Rows = append(in.Rows, sheetRow(k, r, pack))
		qualities = append(qualities, r.Judged.Quality)
		names = append(names, in.Rows[len(in.Rows)-1].Code)
		if r.ReleasedName != "" {
			in.Medical = sheet.Signature{Name: r.ReleasedName, At: r.ReleasedAt}
			in.Technical = sheet.Signature{Name: r.ValidatedName, At: r.ValidatedAt}
		}
	}
	in.Isolates = isolates(k)
	in.Quality = qualityLines(qualities, names)
	return in
}

// titleOf is the heading of a sheet: what was ordered, of one panel.
func titleOf(k *Kept) string {
	if k.Title == "" || strings.ContainsRune(k.Title, '、') || len([]rune(k.Title)) > 16 {
		return ""
	}
	return k.Title + "检验报告单"
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func ageText(days int) string {
	switch {
	case days < 0:
		return ""
	case days < 29:
		return fmt.Sprintf("%d天", days)
	case days < 365:
		return fmt.Sprintf("%d月", days*12/365)
	}
	return fmt.Sprintf("%d岁", days*100/36525)
}

func words(all []observation.Coding) string {
	var out []string
	for _, c := range all {
		out = append(out, c.Display())
	}
	return strings.Join(out, "、")
}

func sheetRow(k *Kept, r *Row, pack *catalogue.Pack) sheet.Row {
	x := &r.Result
	out := sheet.Row{
		Code: x.Code.Code, Name: x.Code.Display(), Result: x.Value.String(), Unit: x.Unit.Display(), Range: cmp.Or(x.Range, r.Judged.Interval),
		Method: x.Method.Display(), Sender: flagsText(x.Flags), Notes: x.Notes,
	}
	if a, ok := pack.Analyte(r.Analyte); ok { // senders' codes mean nothing to a reader
		out.Code, out.English = cmp.Or(a.Short, a.Code), a.Name.EN
		if x.Code.Text == "" {
			out.Name = a.Name.ZH
		}
	}
	if x.Value.Kind == observation.Attachment {
		out.Result = "（见附件 see attachment）"
	}
	if r.Judged.Flags != nil {
		out.Ours = flagsText(r.Judged.Flags)
	}
	if x.Status != k.Status {
		out.Status = x.Status
	}
	if validation(r.Validation) == byRules {
		out.Auto = r.Judged.Rules
	}
	if old := k.before(r); old != nil {
		out.Was = &sheet.Was{Result: old.Result.Value.String(), Unit: old.Result.Unit.Display(), Range: cmp.Or(old.Result.Range, old.Judged.Interval)}
	}
	return out
}

// before is the version that was in view before a row, nil if there was none, it said the same, or it was taken back: what is taken back is told to nobody.
func (k *Kept) before(r *Row) *Row {
	var last *Row
	gone := 0 // the last withdrawal before the row
	for i := range k.Rows {
		switch old := &k.Rows[i]; {
		case old.ID != r.ID || old.Version >= r.Version:
		case old.Result.Status == observation.Withdrawn:
			gone = max(gone, old.Version)
		case !old.HiddenAt.IsZero() && (last == nil || old.Version > last.Version):
			last = old
		}
	}
	if last == nil || last.Version < gone || replacedBy(last, r) == "confirmed" {
		return nil
	}
	return last
}

// isolates are the organisms that grew, each with its susceptibilities.
func isolates(k *Kept) []sheet.Isolate {
	was := k.valuesBefore()
	out := make([]sheet.Isolate, len(k.Isolates))
	for i := range k.Isolates {
		x := &k.Isolates[i]
		o := sheet.Isolate{Number: x.Number, Organism: x.Organism.String(), Quantity: strings.NewReplacer("{", "", "}", "").Replace(x.Quantity), Notes: x.Notes}
		for _, d := range x.Susceptibilities {
			drug := sheet.Drug{
				Code: d.Drug.Code, Name: d.Drug.Display(), Method: d.Method, Measured: d.Value, Unit: d.Unit, Breakpoints: d.Breakpoints,
				Interpretation: d.Interpretation,
			}
			if d.Value == "" {
				drug.Unit = ""
			}
			if d.Status.Rank() > observation.Final.Rank() {
				drug.Was = was[d.Row]
			}
			o.Drugs = append(o.Drugs, drug)
		}
		out[i] = o
	}
	return out
}

// valuesBefore are what the rows of a tree said before they were corrected.
func (k *Kept) valuesBefore() map[string]string {
	out := map[string]string{}
	take := func(rows []Row) {
		for i := range rows {
			if x := &rows[i].Result; !rows[i].HiddenAt.IsZero() && x.Status != observation.Withdrawn {
				out[rows[i].ID] = strings.TrimSpace(x.Value.String() + " " + interpretation(x))
			}
		}
	}
	take(k.Rows)
	for i := range k.Children {
		take(k.Children[i].Rows)
	}
	return out
}

var qcStates = map[record.QCVerdict]sheet.QCState{
	record.QCInControl: sheet.InControl, record.QCWarning: sheet.InControl, record.QCOutOfControl: sheet.OutControl, record.QCNone: sheet.NotRun,
	record.QCEstablishing: sheet.NotRun,
}

// qualityLines is the state of quality control, said once where all rows agree, else with the rows that it is of.
func qualityLines(all []record.Quality, names []string) []sheet.Quality {
	var out []sheet.Quality
	of := map[sheet.Quality][]string{}
	var order []sheet.Quality
	at := map[sheet.Quality]time.Time{}
	for i, q := range all {
		if q.At.IsZero() {
			continue
		}
		line := sheet.Quality{Internal: qcStates[q.Internal], Certificate: q.External, Scheme: q.ExternalScope}
		if t := q.ExternalUntil; !t.IsZero() {
			line.ValidTo = record.Date{Year: t.Year(), Month: t.Month(), Day: t.Day()}
		}
		if of[line] == nil {
			order = append(order, line)
		}
		of[line] = append(of[line], names[i])
		at[line] = latest(at[line], q.InternalAt)
	}
	for _, line := range order {
		said := line
		said.InternalAt = at[line]
		if len(order) > 1 {
			said.Items = strings.Join(of[line], "、")
		}
		out = append(out, said)
	}
	if len(out) > maxQualityLines { // they differ by analyte: the rows are in the system
		return nil
	}
	return out
}

const maxQualityLines = 4

// signed puts both signatures of the reading room on a sheet.
func signed(in *sheet.Sheet, rep reading.Report) {
	in.Technical = sheet.Signature{Name: rep.AuthorName, At: rep.SignedAt}
	in.Medical = sheet.Signature{Name: rep.ReviewerName, At: rep.SignedAt}
	in.SHA256 = rep.SHA256
	if rep.Reason != "" {
		in.Corrections = append(in.Corrections, sheet.Correction{Reason: rep.Reason, By: rep.ReviewerName, At: rep.SignedAt})
	}
	if rep.Text.Recommendation != "" {
		in.Notes = append(in.Notes, rep.Text.Recommendation)
	}
}
