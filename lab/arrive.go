// One report on its way into the index: whose it is, which report it belongs to, what of it is new.

package lab

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/lianzhen/lianzhen/lab/observation"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// owner is whose result it is.
type owner struct {
	patient     record.PatientID
	grade       record.Grade
	institution record.InstitutionID // who ordered
	who         record.Demographics
	specimen    *tube // of our own list
}

// takeReport takes report n of a message. What contradicts what is kept is a Conflict: the whole message waits for a person.
func (c *Centre) takeReport(ctx context.Context, tx *store.Tx, a *arrival, n int) (StoredReport, error) {
	r := &a.message.reports[n]
	if r.Control {
		return c.takeControl(ctx, tx, a, r)
	}
	id := reportID(a, n)
	if err := tx.Lock(ctx, "lab-report:"+string(id)); err != nil {
		return StoredReport{}, err
	}
	found, err := c.reportRows(ctx, tx, `r.id = $1`, []any{string(id)})
	if err != nil {
		return StoredReport{}, err
	}
	who, parked, err := c.whose(ctx, tx, a, r, found)
	if err != nil {
		return StoredReport{}, err
	}
	if parked != "" {
		return StoredReport{Rows: len(r.Results), Parked: parked}, c.park(ctx, tx, a, n, parked)
	}
	rep, err := c.reportFor(id, a, r, who, found)
	if err != nil {
		return StoredReport{}, err
	}
	if err := c.tie(ctx, tx, rep); err != nil {
		return StoredReport{}, err
	}
	return c.takeRows(ctx, tx, a, r, rep)
}

// reportID is the id of the report that a part of a message belongs to: by the laboratory's number and the specimen, else by the specimen, else by the
// number of the order, else by the message.
func reportID(a *arrival, n int) record.ExamID {
	r := &a.message.reports[n]
	var key string
	switch {
	case r.Filler != "":
		key = "f:" + r.Filler + "|" + r.Specimen.ID
	case r.Specimen.ID != "":
		key = "s:" + r.Specimen.ID
	case r.Placer != "":
		key = "p:" + r.Placer + "|" + r.Service.Code
	default:
		key = fmt.Sprintf("m:%s|%d", a.message.control, n)
	}
	key += branchKey(r)
	return record.ExamID(record.DigestID("lab-report", a.site.institution, key))
}

// whose finds the person of a report: by our own specimen, else by what the sender says. What names nobody and a specimen that nobody has registered
// yet is parked.
func (c *Centre) whose(ctx context.Context, tx *store.Tx, a *arrival, r *observation.Report, found []reportRow) (owner, string, error) {
	own, err := c.tubeOf(ctx, tx, a, r)
	if err != nil {
		return owner{}, "", err
	}
	if own != nil {
		return c.ownerOfTube(ctx, r, own)
	}
	p := r.Patient
	if len(found) > 0 && found[0].isOf(p) { // a later word on the same report: nobody is looked for again
		k := &found[0].Kept
		return owner{patient: k.Patient, grade: k.Grade, institution: k.Institution, who: p}, "", nil
	}
	if p.LocalID == "" && p.IDNumber == "" && strings.TrimSpace(p.Name.Reveal()) == "" {
		if r.Specimen.ID == "" {
			return owner{}, "", record.Errorf(record.Invalid, "the report names neither a patient nor a specimen")
		}
		return owner{}, "no order of this specimen is known yet", nil
	}
	p.Issuer = a.site.institution
	m, err := tx.MatchPatient(ctx, p)
	if err != nil {
		return owner{}, "", fmt.Errorf("match patient: %w", err)
	}
	return owner{patient: m.Patient, grade: m.Grade, institution: a.site.institution, who: p}, "", nil
}

// ownerOfTube takes the person from the order of the specimen. A sender that says another name, day of birth or sex has mixed up two tubes.
func (c *Centre) ownerOfTube(ctx context.Context, r *observation.Report, own *tube) (owner, string, error) {
	known, err := c.db.Patient(ctx, own.patient)
	if err != nil {
		return owner{}, "", err
	}
	said := r.Patient
	if !sameName(said.Name, known.Name) || disagrees(said.BirthDate.String(), known.BirthDate.String()) || disagrees(string(said.Sex), string(known.Sex)) {
		return owner{}, "", record.Errorf(record.Conflict, "the specimen was taken from another person than the message names")
	}
	who := record.Demographics{
		Issuer: own.institution, LocalID: own.localNumber, Name: known.Name, Latin: known.Latin, BirthDate: known.BirthDate, Sex: known.Sex,
	}
	return owner{patient: own.patient, grade: own.grade, institution: own.institution, who: who, specimen: own}, "", nil
}

// isOf reports whether a report is of the person that a message names: by the sender's own number, and nothing contradicts it.
func (k *reportRow) isOf(p record.Demographics) bool {
	born := ""
	if !p.BirthDate.IsZero() {
		born = p.BirthDate.String()
	}
	return k.SpecimenID == "" && p.Name != "" && sameName(p.Name, k.Name) && p.LocalID == k.LocalNumber && !disagrees(born, k.BirthDate) &&
		!disagrees(string(p.Sex), string(k.Sex)) && p.IDNumber == ""
}

// sameName reports names that do not contradict each other: either is empty, or they agree without spaces and signs, or one is the pinyin of the other,
// as analysers have it.
func sameName(a, b record.Personal) bool {
	x, y := bareName(a.Reveal()), bareName(b.Reveal())
	return x == "" || y == "" || x == y || bareName(store.Pinyin(x)) == y || bareName(store.Pinyin(y)) == x
}

// bareName is a name without what writers differ in.
func bareName(s string) string {
	return store.Fold(strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, s))
}

// disagrees reports two texts that are both there and differ.
func disagrees(a, b string) bool { return a != "" && b != "" && a != b }

// reportFor is the row of a report, as it will be with this message, and whether it is new.
func (c *Centre) reportFor(id record.ExamID, a *arrival, r *observation.Report, who owner, found []reportRow) (*reportRow, error) {
	rep := &reportRow{Kept: Kept{ID: id, Institution: who.institution, Laboratory: a.site.institution, Centre: a.site.centre.ID, Link: a.link.ID}}
	if len(found) > 0 {
		rep = &found[0]
		rep.known = true
		if rep.Patient != who.patient {
			return nil, record.Errorf(record.Conflict, "the report is kept as another person's; who is right must be decided by a person")
		}
	} else {
		rep.ReceivedAt, rep.Status = a.receivedAt, observation.Registered
	}
	rep.follow(r, who, a)
	rep.AgeDays = ageInDays(who.who.BirthDate, rep.observed(a.receivedAt).In(c.opt.Zone))
	return rep, nil
}

// follow takes over what a message says of a report. Nothing that was known is replaced by nothing.
func (k *reportRow) follow(r *observation.Report, who owner, a *arrival) {
	k.Patient, k.Grade = who.patient, who.grade
	take(&k.LocalNumber, who.who.LocalID)
	take(&k.Name, who.who.Name)
	k.latin = who.who.Latin.Reveal()
	take(&k.BirthDate, who.who.BirthDate.String())
	take(&k.Sex, who.who.Sex)
	take(&k.Visit, r.Visit)
	take(&k.Ward, r.Ward)
	take(&k.Placer, r.Placer)
	take(&k.Filler, r.Filler)
	take(&k.Group, r.Group)
	take(&k.parentNumber, cultureNumber(r))
	take(&k.Barcode, r.Specimen.ID)
	take(&k.Service, r.Service.Code)
	take(&k.Title, r.Service.Display())
	take(&k.Priority, r.Priority)
	take(&k.Orderer, r.Orderer)
	take(&k.ClinicalInfo, r.Clinical)
	take(&k.Performer, r.Performer)
	takeTime(&k.CollectedAt, r.Specimen.CollectedAt)
	takeTime(&k.CollectedAt, r.ObservedAt)
	takeTime(&k.LabAt, r.Specimen.ReceivedAt)
	if r.ReportedAt.After(k.ReportedAt) {
		k.ReportedAt = r.ReportedAt
	}
	if len(r.Notes) > 0 {
		k.Notes = r.Notes
	}
	if !r.Specimen.Type.Empty() || len(r.Specimen.Condition) > 0 || len(r.Specimen.Rejected) > 0 {
		k.Specimen = r.Specimen
		k.Specimen.ID, k.Specimen.Notes = "", nil
	}
	if t := who.specimen; t != nil {
		k.SpecimenID = t.id
		take(&k.Title, t.title)
		take(&k.Placer, t.placer)
		takeTime(&k.CollectedAt, t.collectedAt)
		takeTime(&k.LabAt, t.receivedAt)
		if k.Specimen.Type.Empty() {
			k.Specimen.Type = t.kind
		}
		if t.priority.Rank() < k.Priority.Rank() {
			k.Priority = t.priority
		}
	}
	k.Warnings = append(k.Warnings[:len(k.Warnings):len(k.Warnings)], r.Warnings...)
	k.Warnings = k.Warnings[:min(len(k.Warnings), maxWarnings)]
	k.UpdatedAt, k.Message = a.receivedAt, a.id
}

// observed is when the specimen was taken, else the best that is known.
func (k *Kept) observed(otherwise time.Time) time.Time {
	for _, t := range []time.Time{k.CollectedAt, k.LabAt, k.ReportedAt} {
		if !t.IsZero() {
			return t
		}
	}
	return otherwise
}

func take[T comparable](to *T, v T) {
	var none T
	if v != none {
		*to = v
	}
}

func takeTime(to *time.Time, v time.Time) {
	if to.IsZero() {
		*to = v
	}
}

// ageInDays counts civil days; -1 where the day of birth is not known or lies ahead.
func ageInDays(born record.Date, at time.Time) int {
	if born.IsZero() {
		return -1
	}
	from := time.Date(born.Year, born.Month, born.Day, 0, 0, 0, 0, time.UTC)
	to := time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, time.UTC)
	if to.Before(from) {
		return -1
	}
	return int(to.Sub(from).Hours() / 24)
}
