// Draft: what a report would say of its rows, for the reading room: two doctors sign a text, and with it the rows.

package lab

import (
	"context"
	"fmt"
	"strings"

	"github.com/lianzhen/lianzhen/reading"
	"github.com/lianzhen/lianzhen/record"
)

const maxDraftRows = 300 // findings are bounded; the rows themselves are what is signed

// Draft writes the rows that count as findings, and those outside their interval as the impression.
func (c *Centre) Draft(ctx context.Context, s record.Scope, id record.ExamID, language string) (reading.Text, error) {
	k, err := c.Get(ctx, s, id, Working)
	if err != nil {
		return reading.Text{}, err
	}
	var lines, odd []string
	for i := range k.Rows {
		r := &k.Rows[i]
		if !r.Latest || !r.Result.Status.Shown() {
			continue
		}
		line := fmt.Sprintf("%s %s %s", r.Result.Code.Display(), record.Clip(r.Result.Value.String(), 200), r.Result.Unit.Display())
		if f := r.flags(); f != "" && f != "N" {
			line += " [" + f + "]"
		}
		if len(lines) < maxDraftRows {
			lines = append(lines, line)
		}
		if r.abnormal() {
			odd = append(odd, line)
		}
	}
	out := reading.Text{Findings: strings.Join(lines, "\n"), Positive: len(odd)+len(k.Isolates) > 0}
	none, some, grew := "所检项目均在参考区间内。", "以下项目超出参考区间：\n", "培养检出："
	if language == "en" {
		none, some, grew = "All within the reference intervals.", "Outside the reference intervals:\n", "Growth of: "
	}
	var said []string
	for i := range k.Isolates {
		said = append(said, strings.TrimSpace(grew+k.Isolates[i].Organism.String()+" "+k.Isolates[i].Quantity))
	}
	if len(odd) > 0 {
		said = append(said, some+strings.Join(odd, "\n"))
	}
	out.Impression = none
	if len(said) > 0 {
		out.Impression = record.Clip(strings.Join(said, "\n"), 7900)
	}
	return out, nil
}
