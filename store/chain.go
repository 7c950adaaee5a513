// How events are chained. hash(n) = hex(SHA-256(hash(n-1) || row)), where hash(0) is the empty text and row is the JSON
// object of link below: members in this order, texts escaped as encoding/json does, `detail` the stored text itself.

package store

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/lianzhen/lianzhen/record"
)

// link is the stored form of one event, in the order of its columns.
type link struct {
	Seq         int64  `json:"seq"`
	At          int64  `json:"at"`
	Act         string `json:"act"`
	ActorKind   string `json:"actor_kind"`
	ActorID     string `json:"actor_id"`
	ActorOrg    string `json:"actor_org"`
	ActorName   string `json:"actor_name"`
	Purpose     string `json:"purpose"`
	Institution string `json:"institution_id"`
	Patient     string `json:"patient_id"`
	Kind        string `json:"kind"`
	Object      string `json:"object_id"`
	Outcome     string `json:"outcome"`
	Rule        string `json:"rule"`
	Detail      string `json:"detail"`
}

const linkColumns = `seq, at, act, actor_kind, actor_id, actor_org, actor_name, purpose, institution_id, patient_id, kind, object_id, outcome, rule, detail`

func (l *link) hash(prev string) (string, error) {
	row, err := json.Marshal(l)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	_, _ = h.Write([]byte(prev))
	_, _ = h.Write(row)
	return hex.EncodeToString(h.Sum(nil)), nil
}

func (l *link) values() []any {
	return []any{
		l.Seq, l.At, l.Act, l.ActorKind, l.ActorID, l.ActorOrg, l.ActorName, l.Purpose, l.Institution, l.Patient,
		l.Kind, l.Object, l.Outcome, l.Rule, l.Detail,
	}
}

func (l *link) fields() []any {
	return []any{
		&l.Seq, &l.At, &l.Act, &l.ActorKind, &l.ActorID, &l.ActorOrg, &l.ActorName, &l.Purpose, &l.Institution,
		&l.Patient, &l.Kind, &l.Object, &l.Outcome, &l.Rule, &l.Detail,
	}
}

// clean makes a text one that both databases keep unchanged: valid UTF-8 without NUL.
func clean(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	return strings.ReplaceAll(s, "\x00", "\uFFFD")
}

func linkOf(e record.Event, seq int64) (*link, error) {
	detail := make(map[string]string, len(e.Detail))
	for k, v := range e.Detail {
		detail[clean(k)] = clean(v)
	}
	text, err := json.Marshal(detail)
	if err != nil {
		return nil, fmt.Errorf("event detail: %w", err)
	}
	return &link{
		Seq: seq, At: record.Micros(e.At), Act: clean(e.Act),
		ActorKind: clean(string(e.Actor.Kind)), ActorID: clean(e.Actor.ID),
		ActorOrg: clean(string(e.Actor.Institution)), ActorName: clean(e.Actor.Display),
		Purpose: clean(string(e.Purpose)), Institution: clean(string(e.Institution)), Patient: clean(string(e.Patient)),
		Kind: clean(e.Kind), Object: clean(e.Object), Outcome: clean(string(e.Outcome)), Rule: clean(e.Rule), Detail: string(text),
	}, nil
}

func (l *link) event() (record.Event, error) {
	e := record.Event{
		Seq: l.Seq, At: record.FromMicros(l.At), Act: l.Act,
		Actor: record.Actor{
			Kind: record.ActorKind(l.ActorKind), ID: l.ActorID,
			Institution: record.InstitutionID(l.ActorOrg), Display: l.ActorName,
		},
		Purpose: record.Purpose(l.Purpose), Institution: record.InstitutionID(l.Institution),
		Patient: record.PatientID(l.Patient), Kind: l.Kind, Object: l.Object, Outcome: record.Outcome(l.Outcome), Rule: l.Rule,
	}
	if l.Detail == "{}" {
		return e, nil
	}
	if err := json.Unmarshal([]byte(l.Detail), &e.Detail); err != nil {
		return e, fmt.Errorf("event %d: detail: %w", l.Seq, err)
	}
	return e, nil
}
