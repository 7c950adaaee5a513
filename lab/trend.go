// Trend: one analyte of one person over years, laboratories and methods 历次结果. Values are shown as they were sent; for comparing they are
// converted to one unit, exactly; where method or unit do not allow that, the line breaks.

package lab

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cockroachdb/apd/v3"

	"github.com/lianzhen/lianzhen/lab/catalogue"
	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/lab/packfile"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Point is one result of a trend.
type Point struct {
	Report     record.ExamID
	Row        string
	At         time.Time
	Laboratory record.InstitutionID
	Device     string
	Method     string
	Value      string // as sent
	Unit       string // as sent
	Number     *apd.Decimal
	Comparator string
	Compared   *apd.Decimal // in the trend's unit; nil: it cannot be
	Flags      string
	Interval   string
	Status     observation.Status
	Break      []string // what differs from the point before: "unit" (cannot be converted), "method", "laboratory"
}

// Trend is the points of an analyte, oldest first.
type Trend struct {
	Analyte string
	Unit    string // UCUM, of Compared: that of the newest result
	Points  []Point
	More    bool // older ones were left out
}

// maxPoints bounds a trend: 40 laboratories for ten years.
const maxPoints = 20_000

// Trend gives the results of an analyte that the scope reaches, of the person and of those that a person decided to be the same.
func (c *Centre) Trend(ctx context.Context, s record.Scope, patient record.PatientID, analyte string, from, to time.Time) (Trend, error) {
	if !record.ValidID(string(patient)) || analyte == "" {
		return Trend{}, record.Errorf(record.Invalid, "trend: want a patient and an analyte")
	}
	err := c.noteFirst(ctx, s, record.Event{Act: trended, Patient: patient, Kind: "lab-trend", Object: string(patient) + ":" + analyte})
	if err != nil {
		return Trend{}, err
	}
	args := []any{string(patient), analyte, record.Micros(from), record.Micros(to)}
	where := `x.patient_id IN (SELECT CAST($1 AS TEXT) UNION SELECT same.id FROM patients me JOIN patients same ON same.person = me.person WHERE me.id = $1)
		AND x.analyte = $2 AND x.shown = 1 AND x.observed_at >= $3 AND ($4 = 0 OR x.observed_at <= $4) AND ` +
		c.db.ScopeSQL(s, "x.institution_id", "x.patient_id", &args)
	points, err := store.Collect(ctx, c.db, `SELECT x.report_id, x.id, x.observed_at, x.laboratory_id, x.device, x.method, x.value_kind, x.value, x.unit, x.ucum,
		x.flags, x.range_text, x.status FROM lab_results x WHERE `+where+` ORDER BY x.observed_at DESC, x.id DESC LIMIT `+fmt.Sprint(maxPoints+1), args, scanPoint)
	if err != nil {
		return Trend{}, fmt.Errorf("trend: %w", err)
	}
	out := Trend{Analyte: analyte, More: len(points) > maxPoints}
	points = points[:min(len(points), maxPoints)]
	slices.Reverse(points)
	pack, err := c.desks.Catalogue.For(ctx, s.Actor.Institution)
	if err != nil {
		return Trend{}, err
	}
	out.compare(points, pack)
	return out, nil
}

type trendPoint struct {
	Point
	ucum  string
	group string // of methods, in the catalogue
}

func scanPoint(scan func(...any) error) (trendPoint, error) {
	var p trendPoint
	var at int64
	var kind observation.Kind
	err := scan(&p.Report, &p.Row, &at, &p.Laboratory, &p.Device, &p.Method, &kind, &p.Value, &p.Unit, &p.ucum, &p.Flags, &p.Interval, &p.Status)
	p.At = record.FromMicros(at)
	if kind == observation.Quantity {
		if p.Number, err = parse(p.Value, err); p.Number == nil { // a comparator stands before it
			p.Comparator = strings.TrimRight(p.Value, "0123456789.-")
			p.Number, err = parse(p.Value[len(p.Comparator):], err)
		}
	}
	return p, err
}

func parse(s string, err error) (*apd.Decimal, error) {
	n, bad := observation.ParseNumber(s)
	if bad != nil {
		return nil, err
	}
	return n, err
}

// compare converts every point to the unit of the newest one and marks where the line breaks.
func (t *Trend) compare(points []trendPoint, by *catalogue.Pack) {
	for _, p := range slices.Backward(points) {
		if p.ucum != "" && p.Number != nil {
			t.Unit = p.ucum
			break
		}
	}
	methods := map[[2]string]string{} // there are few, and looking one up reads the whole catalogue
	for i := range points {
		p := &points[i]
		key := [2]string{p.Method, p.Device}
		group, known := methods[key]
		if !known {
			group = by.Method(t.Analyte, p.Method, p.Device)
			methods[key] = group
		}
		p.group = group
		switch {
		case p.Number == nil || p.ucum == "" || t.Unit == "":
		case p.ucum == t.Unit:
			p.Compared = p.Number
		default:
			if v, err := by.Convert(packfile.Decimal{Decimal: p.Number}, p.ucum, t.Unit, t.Analyte); err == nil {
				p.Compared = v.Decimal
			}
		}
		if i > 0 {
			p.breaks(&points[i-1])
		}
		t.Points = append(t.Points, p.Point)
	}
}

func (p *trendPoint) breaks(before *trendPoint) {
	if (p.Compared == nil) != (before.Compared == nil) {
		p.Break = append(p.Break, "unit")
	}
	if a, b := p.group, before.group; a != b && a != "" && b != "" {
		p.Break = append(p.Break, "method")
	}
	if p.Laboratory != before.Laboratory {
		p.Break = append(p.Break, "laboratory")
	}
}

// Cumulative is a table of a person's results: a row for each analyte, a column for each report 累积报告.
type Cumulative struct {
	Reports []Kept // newest first
	Lines   []CumulativeLine
}

// CumulativeLine is one analyte with its result in each report, empty where it was not measured.
type CumulativeLine struct {
	Analyte string
	Name    string
	Unit    string
	Cells   []Row // as many as reports; Analyte is empty where there is none
}

const maxColumns = 50

// Cumulative gives the newest reports of a person inside the scope as one table.
func (c *Centre) Cumulative(ctx context.Context, s record.Scope, patient record.PatientID, reports int) (Cumulative, error) {
	err := c.noteFirst(ctx, s, record.Event{Act: trended, Patient: patient, Kind: "lab-trend", Object: string(patient) + ":" + wholeTable})
	if err != nil {
		return Cumulative{}, err
	}
	args := []any{string(patient)}
	found, err := c.reportRows(ctx, c.db, `r.patient_id IN (SELECT CAST($1 AS TEXT) UNION
		SELECT same.id FROM patients me JOIN patients same ON same.person = me.person WHERE me.id = $1) AND r.released_at > 0 AND `+
		c.db.ScopeSQL(s, "r.institution_id", "r.patient_id", &args)+fmt.Sprintf(` ORDER BY r.collected_at DESC, r.id DESC LIMIT %d`, min(reports, maxColumns)), args)
	if err != nil {
		return Cumulative{}, err
	}
	var out Cumulative
	at := map[string]int{}
	for column := range found {
		k := found[column].Kept
		rows, err := c.rows(ctx, c.db, `x.report_id = $1 AND x.shown = 1 ORDER BY x.number`, []any{string(k.ID)})
		if err != nil {
			return Cumulative{}, err
		}
		out.Reports = append(out.Reports, k)
		for _, r := range rows {
			key := cmp.Or(r.Analyte, r.Result.Code.System+"|"+r.Result.Code.Code)
			i, known := at[key]
			if !known {
				i = len(out.Lines)
				at[key] = i
				out.Lines = append(out.Lines, CumulativeLine{
					Analyte: r.Analyte, Name: r.Result.Code.Display(), Unit: r.Result.Unit.Display(), Cells: make([]Row, len(found)),
				})
			}
			out.Lines[i].Cells[column] = r
		}
	}
	return out, nil
}
