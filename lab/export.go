// Export: a report in another format.

package lab

import (
	"bytes"
	"context"

	"github.com/lianzhen/lianzhen/codec/hl7"
	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/lab/table"
	"github.com/lianzhen/lianzhen/lab/v2"
	"github.com/lianzhen/lianzhen/record"
)

// Application is how we name ourselves in messages (MSH-3) where a profile does not say.
const Application = "LIANZHEN"

// Export gives what is shown of a report in a format, and its media type: "hl7v2" (ORU^R01 by the standard), "csv" or "xlsx".
func (c *Centre) Export(ctx context.Context, s record.Scope, id record.ExamID, format string) ([]byte, string, error) {
	var encode func(all []*Kept) ([]byte, error)
	var media string
	switch format {
	case string(HL7):
		encode, media = func(all []*Kept) ([]byte, error) { return c.oru(ctx, all) }, "application/hl7-v2; charset=utf-8"
	case string(table.CSV):
		encode, media = tableOf(table.CSV), "text/csv; charset=utf-8"
	case string(table.XLSX):
		encode, media = tableOf(table.XLSX), "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	default:
		return nil, "", record.Errorf(record.Invalid, "format: want hl7v2, csv or xlsx")
	}
	seen, err := c.Get(ctx, s, id, Shown) // it is a reading, and noted as one
	if err != nil {
		return nil, "", err
	}
	ids := []record.ExamID{id}
	for i := range seen.Children { // a culture goes with its susceptibilities
		ids = append(ids, seen.Children[i].ID)
	}
	var all []*Kept
	for _, id := range ids {
		k, err := c.Outward(ctx, s, id)
		if err != nil {
			return nil, "", err
		}
		all = append(all, &k)
	}
	b, err := encode(all)
	return b, media, err
}

func outwardReports(all []*Kept) []observation.Report {
	out := make([]observation.Report, len(all))
	for i, k := range all {
		out[i] = k.Report()
	}
	return out
}

// oru writes a report by the profile of the standard.
func (c *Centre) oru(ctx context.Context, all []*Kept) ([]byte, error) {
	p, err := v2.ParseProfile(nil)
	if err != nil {
		return nil, err
	}
	for _, k := range all {
		if err := c.Attach(ctx, k); err != nil {
			return nil, err
		}
	}
	k := all[0]
	p.Ours = v2.Party{Application: Application, Facility: string(k.Centre)}
	now := c.db.Now()
	return v2.EncodeResults(outwardReports(all), p, hl7.Reply{ControlID: record.DigestID("lab-export", k.Institution, record.NewID(now))[:20], At: now})
}

func tableOf(f table.Format) func([]*Kept) ([]byte, error) {
	return func(all []*Kept) ([]byte, error) {
		var b bytes.Buffer
		err := table.WriteResults(&b, f, table.Chinese, outwardReports(all))
		return b.Bytes(), err
	}
}
