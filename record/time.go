// Instants are UTC time.Time and end in At; civil dates are Date.

package record

import (
	"fmt"
	"time"
)

// Date is a civil date without a time zone. The zero value is unknown.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// ParseDate reads YYYYMMDD or YYYY-MM-DD; an empty text is the unknown date.
func ParseDate(s string) (Date, error) {
	layout := "20060102"
	switch len(s) {
	case 0:
		return Date{}, nil
	case 10:
		layout = time.DateOnly
	}
	t, err := time.Parse(layout, s)
	if err != nil {
		return Date{}, Errorf(Invalid, "date: want YYYY-MM-DD")
	}
	return Date{t.Year(), t.Month(), t.Day()}, nil
}

// IsZero reports whether the date is unknown.
func (d Date) IsZero() bool { return d == Date{} }

// String returns YYYY-MM-DD, or nothing for the unknown date.
func (d Date) String() string {
	if d.IsZero() {
		return ""
	}
	return fmt.Sprintf("%04d-%02d-%02d", d.Year, d.Month, d.Day)
}

// Micros is the stored form of an instant: UTC microseconds since 1970; the zero time is 0.
func Micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// FromMicros is the inverse of Micros.
func FromMicros(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}
