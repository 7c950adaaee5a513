// State: whether what is measured now can be trusted, and whether others attest it. Read for every result that is released.

package quality

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/lianzhen/lianzhen/lab/westgard"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// internalOrder has the verdicts from the best to the worst. Out of control: the last control of a level was rejected or could not be judged.
// None: there was no control, or not of every level, in the time that one stands for.
var internalOrder = []record.QCVerdict{record.QCInControl, record.QCWarning, record.QCEstablishing, record.QCNone, record.QCOutOfControl}

// State is the quality of a series at an instant.
type State struct {
	Internal    record.QCVerdict
	InternalAt  time.Time // of the control that decides; zero without one
	Point       PointID
	Run         string
	Rules       []westgard.Rule // that it broke
	Provisional bool            // judged by a target that is not fixed yet

	External    string // number of the certificate; empty: none was valid
	Certificate CertificateID
	Scope       string // national province:x city:x county:x
	From, Until time.Time
}

// StateOf gives the state of an analyte on an analyser of a laboratory at an instant, as it was known at that instant: what was entered, voided
// or revoked later does not change the answer. Without a device it answers for the worst of the laboratory's analysers that control it.
func (d *Desk) StateOf(ctx context.Context, q store.Querier, laboratory record.InstitutionID, device, analyte string, at time.Time) (State, error) {
	return d.StateKnown(ctx, q, Series{laboratory, device, analyte}, at, at)
}

// StateKnown is StateOf as it was known at another instant, usually a later one.
func (d *Desk) StateKnown(ctx context.Context, q store.Querier, of Series, at, known time.Time) (State, error) {
	st, err := d.internal(ctx, q, of, at, known)
	if err != nil {
		return st, err
	}
	return d.attested(ctx, q, of, st, at, known)
}

// attested adds the certificate that attests an analyte, if there is one.
func (d *Desk) attested(ctx context.Context, q store.Querier, of Series, st State, at, known time.Time) (State, error) {
	c, err := d.certificateAt(ctx, q, of, at, known)
	if err == nil && c != nil {
		st.External, st.Certificate, st.Scope, st.From, st.Until = c.Number, c.ID, c.Scope, c.From, c.Until
	}
	return st, err
}

// Quality is the state as results carry it, known at the given instant.
func (st State) Quality(known time.Time) record.Quality {
	return record.Quality{
		Internal: st.Internal, InternalAt: st.InternalAt, External: st.External, ExternalScope: st.Scope, ExternalFrom: st.From, ExternalUntil: st.Until, At: known,
	}
}

func (d *Desk) internal(ctx context.Context, q store.Querier, of Series, at, known time.Time) (State, error) {
	if of.Device != "" {
		return d.seriesState(ctx, q, of.ID(), at, known)
	}
	ids, err := store.List(ctx, q, `SELECT id FROM qc_series WHERE institution_id = $1 AND analyte = $2 ORDER BY device LIMIT 100`,
		[]any{string(of.Laboratory), of.Analyte}, func(id *SeriesID) []any { return []any{id} })
	worst := State{Internal: record.QCNone}
	for i, id := range ids {
		st, err := d.seriesState(ctx, q, id, at, known)
		if err != nil {
			return st, err
		}
		if i == 0 || slices.Index(internalOrder, st.Internal) > slices.Index(internalOrder, worst.Internal) {
			worst = st
		}
	}
	return worst, err
}

// latest is the newest point of a level and lot.
type latest struct {
	id             PointID
	level, run     string
	lot            LotID
	at             int64
	decision       Decision
	hits           string
	source         Source
	judged, voided int64
	replaced       int
}

const mostLatest = 500

func (d *Desk) seriesState(ctx context.Context, q store.Querier, id SeriesID, at, known time.Time) (State, error) {
	plan, err := planAt(ctx, q, id, known)
	if err != nil {
		return State{}, err
	}
	rows, err := store.List(ctx, q, `SELECT p.id, p.level, p.lot_id, p.run, p.at, p.decision, p.hits, COALESCE(t.source, ''), p.judged_at, p.voided_at, p.verdicts
		FROM qc_points p JOIN qc_lots l ON l.id = p.lot_id LEFT JOIN qc_targets t ON t.id = p.target_id
		WHERE p.series_id = $1 AND p.at > $2 AND p.at <= $3 AND p.recorded_at <= $4 AND (p.voided_at = 0 OR p.voided_at > $4) AND (l.closed_at = 0 OR l.closed_at > $4)
		ORDER BY p.at DESC, p.number DESC LIMIT $5`,
		[]any{string(id), record.Micros(d.begins(plan, at)), record.Micros(at), record.Micros(known), mostLatest},
		func(r *latest) []any {
			return []any{&r.id, &r.level, &r.lot, &r.run, &r.at, &r.decision, &r.hits, &r.source, &r.judged, &r.voided, &r.replaced}
		})
	if err != nil {
		return State{}, err
	}
	type key struct {
		level string
		lot   LotID
	}
	seen := map[key]bool{}
	var last []latest
	for _, r := range rows {
		if k := (key{r.level, r.lot}); !seen[k] {
			seen[k] = true
			if err := r.asKnown(ctx, q, known); err != nil {
				return State{}, err
			}
			last = append(last, r)
		}
	}
	return stateOf(plan, last)
}

// asKnown takes a verdict back that was not made yet.
func (r *latest) asKnown(ctx context.Context, q store.Querier, known time.Time) error {
	if r.judged <= record.Micros(known) || r.replaced <= 0 {
		return nil
	}
	return q.QueryRow(ctx, `SELECT v.decision, v.hits, v.judged_at, COALESCE(t.source, '') FROM qc_verdicts v LEFT JOIN qc_targets t ON t.id = v.target_id
		WHERE v.point_id = $1 AND v.judged_at <= $2 ORDER BY v.number DESC LIMIT 1`, string(r.id), record.Micros(known)).
		Scan(&r.decision, &r.hits, &r.judged, &r.source)
}

var decisionState = map[Decision]record.QCVerdict{
	westgard.Accept: record.QCInControl, westgard.Warning: record.QCWarning, Establishing: record.QCEstablishing,
	westgard.Reject: record.QCOutOfControl, westgard.Blocked: record.QCOutOfControl,
}

// stateOf decides by the newest points of each level and lot, the newest first.
func stateOf(plan Plan, last []latest) (State, error) {
	judged := map[string]bool{}
	establishing := map[string]bool{}
	for _, r := range last {
		if r.decision == Establishing {
			establishing[r.level] = true
		} else {
			judged[r.level] = true
		}
	}
	st := State{Internal: record.QCNone}
	var by *latest
	for i, r := range last {
		if r.decision == Establishing && judged[r.level] {
			continue // a new lot beside the one in use
		}
		s := decisionState[r.decision]
		if by == nil || slices.Index(internalOrder, s) > slices.Index(internalOrder, st.Internal) {
			st.Internal, by = s, &last[i]
		}
	}
	if by == nil {
		return st, nil
	}
	if st.Internal != record.QCOutOfControl {
		for _, l := range plan.Levels {
			if !judged[l] && !establishing[l] {
				st.Internal = record.QCNone
			}
		}
	}
	hits, err := readHits(by.hits)
	for _, h := range hits {
		st.Rules = append(st.Rules, h.Rule)
	}
	st.InternalAt, st.Point, st.Run, st.Provisional = record.FromMicros(by.at), by.id, by.run, by.source == Provisional
	return st, err
}

// certificateAt finds the certificate that attests an analyte: that of the widest scope, then the one valid for longest.
func (d *Desk) certificateAt(ctx context.Context, q store.Querier, of Series, at, known time.Time) (*Certificate, error) {
	found, err := store.Collect(ctx, q, `SELECT c.id, c.number, c.scope, c.from_at, c.until_at FROM eqa_certificate_analytes a
		JOIN eqa_certificates c ON c.id = a.certificate_id WHERE a.institution_id = $1 AND a.analyte = $2 AND c.from_at <= $3 AND c.until_at > $3
		AND c.recorded_at <= $4 AND (c.revoked_at = 0 OR c.revoked_at > $4 OR c.revoked_from > $3)`,
		[]any{string(of.Laboratory), of.Analyte, record.Micros(at), record.Micros(known)}, func(scan func(...any) error) (c Certificate, err error) {
			var from, until int64
			err = scan(&c.ID, &c.Number, &c.Scope, &from, &until)
			c.From, c.Until = record.FromMicros(from), record.FromMicros(until)
			return c, err
		})
	if err != nil || len(found) == 0 {
		return nil, err
	}
	best := slices.MaxFunc(found, func(a, b Certificate) int {
		return cmp.Or(cmp.Compare(scopeRank(a.Scope), scopeRank(b.Scope)), a.Until.Compare(b.Until), cmp.Compare(a.ID, b.ID))
	})
	return &best, nil
}
