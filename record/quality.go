// Quality of a laboratory result: what makes its recognition lawful.

package record

import (
	"slices"
	"strings"
	"time"
)

// QCVerdict is what internal quality control 室内质控 says of an analyte, on the analyser and in the run that measured it.
type QCVerdict string

// The verdicts. Results are released under the first two.
const (
	QCInControl    QCVerdict = "in_control"
	QCWarning      QCVerdict = "warning" // a warning rule such as 1-2s; the run stands
	QCOutOfControl QCVerdict = "out_of_control"
	QCEstablishing QCVerdict = "establishing" // a lot without established limits yet
	QCNone         QCVerdict = "none"         // the laboratory runs no control of it
)

// Known reports a verdict of the list; the empty one, nothing was said, is none of them.
func (v QCVerdict) Known() bool {
	switch v {
	case QCInControl, QCWarning, QCOutOfControl, QCEstablishing, QCNone:
		return true
	}
	return false
}

// InControl reports a verdict that results are recognised under.
func (v QCVerdict) InControl() bool { return v == QCInControl || v == QCWarning }

// Quality is what was known of the quality of a laboratory result at the moment it was released (国卫医发〔2022〕6号: internal control and
// external assessment are the precondition of recognition). It is kept with the result and not changed by what is learnt later, but for
// RevokedAt. An item of several analytes has the worst verdict of them, and a certificate only where all of them have one.
type Quality struct {
	Internal   QCVerdict `json:"internal,omitempty"`
	InternalAt time.Time `json:"internal_at,omitzero"` // of the control run behind the verdict

	// The certificate of external quality assessment 室间质评 with the widest scope among those that hold at the examination, if any: its number,
	// where it counts ("national", "province:62", "county:620921": as the scopes of HR marks) and when: [From, Until), open where zero.
	External      string    `json:"external,omitempty"`
	ExternalScope string    `json:"external_scope,omitempty"`
	ExternalFrom  time.Time `json:"external_from,omitzero"`
	ExternalUntil time.Time `json:"external_until,omitzero"`
	RevokedAt     time.Time `json:"revoked_at,omitzero"` // the certificate was revoked after the release: shown, not judged

	At time.Time `json:"at,omitzero"` // when this was so; zero: nobody said anything
}

// CertifiedAt reports whether the certificate held at an instant, wherever it counts.
func (q *Quality) CertifiedAt(at time.Time) bool {
	return q.External != "" && !at.Before(q.ExternalFrom) && (q.ExternalUntil.IsZero() || at.Before(q.ExternalUntil))
}

// worstFirst are the verdicts of several analytes together: the first that one of them has. Nothing said counts as none.
var worstFirst = []QCVerdict{QCOutOfControl, QCNone, "", QCEstablishing, QCWarning, QCInControl}

// And is the quality of several analytes as one item: the worse verdict, and what both certificates cover, under the number of the one that
// reaches less far.
func (q Quality) And(o Quality) Quality {
	if slices.Index(worstFirst, o.Internal) < slices.Index(worstFirst, q.Internal) {
		q.Internal, q.InternalAt = o.Internal, o.InternalAt
	}
	from, until := q.ExternalFrom, q.ExternalUntil
	if o.ExternalFrom.After(from) {
		from = o.ExternalFrom
	}
	if until.IsZero() || !o.ExternalUntil.IsZero() && o.ExternalUntil.Before(until) {
		until = o.ExternalUntil
	}
	narrower, wider := AreaRank(q.ExternalScope), AreaRank(o.ExternalScope)
	switch {
	case q.External == "" || o.External == "", narrower == wider && q.ExternalScope != o.ExternalScope:
		q.External, q.ExternalScope, from, until = "", "", time.Time{}, time.Time{} // no place has both
	case wider < narrower:
		q.External, q.ExternalScope = o.External, o.ExternalScope
	}
	q.ExternalFrom, q.ExternalUntil = from, until
	if o.At.After(q.At) {
		q.At = o.At
	}
	return q
}

// areaKinds are the kinds of places that marks and certificates reach, narrow to wide.
var areaKinds = []string{"community", "county", "city", "province", "region", Nationwide}

// Nationwide is the widest place.
const Nationwide = "national"

// AreaRank orders the places that a mark or a certificate can reach ("county:620921" before "national"), narrow to wide; -1 for a text that is none.
func AreaRank(area string) int {
	kind, name, named := strings.Cut(area, ":")
	if named != (kind != Nationwide) || named && !ValidID(name) {
		return -1
	}
	return slices.Index(areaKinds, kind)
}
