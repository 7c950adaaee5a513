// Ids: one type per thing, so that a patient id never lands where a case id belongs.

package record

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"time"

	"github.com/oklog/ulid/v2"
)

type (
	InstitutionID string // slug given by the administrator, e.g. "yongjing-liujiaxia"
	CentreID      string // "<county institution id>-<kind>", e.g. "yongjing-imaging"
	UserID        string
	KeyID         string // the public half of an API key
	PatientID     string
	ExamID        string // an imaging study of one institution, a tracing, a panel
	CaseID        string
	ReportID      string
	ResultID      string
)

// NewID returns a ULID: 26 characters, sortable by the time of its making.
func NewID(now time.Time) string {
	return ulid.MustNew(ulid.Timestamp(now), rand.Reader).String()
}

// TimeOfID is when an id of NewID was made, in milliseconds.
func TimeOfID(id string) (time.Time, error) {
	u, err := ulid.ParseStrict(id)
	if err != nil {
		return time.Time{}, Errorf(Invalid, "not an id that says when it was made")
	}
	return ulid.Time(u.Time()).UTC(), nil
}

// ValidID reports whether s may be used as an identifier anywhere in the house: [A-Za-z0-9._:-]{1,64}, no "..".
// casbin's memo keys and object keys rely on it.
func ValidID(s string) bool {
	if len(s) == 0 || len(s) > 64 || s[0] == '.' {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '-', c == ':':
		case c == '.' && s[i-1] != '.':
		default:
			return false
		}
	}
	return true
}

// idText has the alphabet of ULIDs, so that ids look alike everywhere.
var idText = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// DigestID is the id of a thing that an institution names itself: an index made again from the blobs gives the same ids, and a
// name that another institution used before cannot be in the way.
func DigestID(kind string, institution InstitutionID, name string) string {
	sum := sha256.Sum256([]byte(kind + "|" + string(institution) + "|" + name))
	return idText.EncodeToString(sum[:16])
}
