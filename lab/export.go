// Export: a report in another format.

package lab

import (
	"context"

	"github.com/lianzhen/lianzhen/record"
)

// Export gives a report in a format, and its media type.
func (c *Centre) Export(ctx context.Context, s record.Scope, id record.ExamID, format string) ([]byte, string, error) {
	return nil, "", record.Errorf(record.Invalid, "format: want hl7v2, csv or xlsx")
}
