// PatientService: who is who, who is treated where, who withdrew consent. The store does it; here is what of it a scope
// reaches, since a patient belongs to no single institution.

package gateway

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

type patientServer struct {
	pb.UnimplementedPatientServiceServer
	*Server
}

func (s *patientServer) RegisterPatient(ctx context.Context, req *pb.RegisterPatientRequest) (*pb.RegisterPatientResponse, error) {
	scope := scopeOf(ctx)
	d, err := demographics(req, scope.Actor.Institution)
	if err != nil {
		return nil, err
	}
	if err := atOwn(scope); err != nil {
		return nil, err
	}
	var m store.Match
	err = s.DB.Tx(ctx, func(tx *store.Tx) error {
		tx.As(scope)
		if m, err = tx.MatchPatient(ctx, d); err != nil {
			return err
		}
		tx.Emit(record.Event{
			Act: "patient.registered", Institution: d.Issuer, Patient: m.Patient, Kind: "patient",
			Object: string(m.Patient), Detail: map[string]string{"grade": string(m.Grade), "created": fmt.Sprint(m.Created)},
		}.By(scope))
		return nil
	})
	if err != nil {
		return nil, err
	}
	// What the caller sent is echoed, not what others sent of the same person: a match must tell nothing new.
	return &pb.RegisterPatientResponse{
		Patient: &pb.Patient{
			PatientId: string(m.Patient), Name: d.Name.Reveal(), BirthDate: d.BirthDate.String(),
			Sex: sexToPB(d.Sex), IdentityNumber: d.IDNumber.Mask(),
		},
		Identity: gradeToPB(m.Grade), Created: m.Created, Reason: m.Reason,
	}, nil
}

func demographics(req *pb.RegisterPatientRequest, issuer record.InstitutionID) (d record.Demographics, err error) {
	d = record.Demographics{
		Issuer: issuer, LocalID: record.Personal(req.GetLocalNumber()), Name: record.Personal(req.GetName()),
		Sex: sexes.in(req.GetSex()),
	}
	if d.BirthDate, err = record.ParseDate(req.GetBirthDate()); err != nil {
		return d, err
	}
	if req.GetIdentityNumber() != "" {
		d.IDNumber, err = record.ParseIDNumber(req.GetIdentityNumber())
	}
	return d, err
}

// atOwn refuses callers whose scope does not hold the institution for which they speak.
func atOwn(s record.Scope) error {
	if !s.Reaches(s.Actor.Institution) {
		return record.Errorf(record.Denied, "not permitted for institution %s", s.Actor.Institution)
	}
	return nil
}

func (s *patientServer) GetPatient(ctx context.Context, req *pb.GetPatientRequest) (*pb.Patient, error) {
	scope, id := scopeOf(ctx), record.PatientID(req.GetPatientId())
	p, err := s.DB.PatientIn(ctx, scope, id)
	if err != nil {
		return nil, err
	}
	links, err := s.DB.Links(ctx, id)
	if err != nil {
		return nil, err
	}
	withdrawn, err := s.DB.Withdrawn(ctx, id)
	if err != nil {
		return nil, err
	}
	if err := s.noteRead(ctx, scope, "patient.read", id); err != nil {
		return nil, err
	}
	open := 0
	for _, l := range links {
		if l.State == store.LinkOpen {
			open++
		}
	}
	return &pb.Patient{
		PatientId: string(p.ID), Name: p.Name.Reveal(), BirthDate: p.BirthDate.String(), Sex: sexToPB(p.Sex),
		IdentityNumber: p.IDNumber.Mask(), OpenLinks: int32(open), ConsentWithdrawn: withdrawn,
	}, nil
}

func (s *patientServer) noteRead(ctx context.Context, scope record.Scope, act string, id record.PatientID) error {
	return s.DB.Note(ctx, record.Event{Act: act, Institution: scope.Actor.Institution, Patient: id, Kind: "patient", Object: string(id)}.By(scope))
}

var encounterClasses = words[string, pb.EncounterClass]{
	{"AMB", pb.EncounterClass_ENCOUNTER_CLASS_AMB},
	{"IMP", pb.EncounterClass_ENCOUNTER_CLASS_IMP},
	{"EMER", pb.EncounterClass_ENCOUNTER_CLASS_EMER},
}

func (s *patientServer) OpenEncounter(ctx context.Context, req *pb.OpenEncounterRequest) (*pb.Encounter, error) {
	scope := scopeOf(ctx)
	if err := atOwn(scope); err != nil {
		return nil, err
	}
	// Who opens an encounter may read what others made of the patient: the own institution has registered the patient,
	// with what the patient showed, or examined the patient.
	known, err := s.DB.KnownAt(ctx, record.PatientID(req.GetPatientId()), scope.Actor.Institution)
	if err != nil {
		return nil, err
	}
	if !known {
		return nil, record.Errorf(record.NotFound, "patient %s is not registered here", req.GetPatientId())
	}
	var e store.Encounter
	err = s.DB.Tx(ctx, func(tx *store.Tx) (err error) {
		tx.As(scope)
		e, err = tx.OpenEncounter(ctx, store.Encounter{
			Patient: record.PatientID(req.GetPatientId()), Institution: scope.Actor.Institution,
			Class: encounterClasses.in(req.GetClass()), VisitNumber: req.GetVisitNumber(),
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return encounterToPB(e), nil
}

func (s *patientServer) CloseEncounter(ctx context.Context, req *pb.CloseEncounterRequest) (*pb.Encounter, error) {
	scope := scopeOf(ctx)
	var e store.Encounter
	err := s.DB.Tx(ctx, func(tx *store.Tx) error {
		tx.As(scope)
		args := []any{req.GetEncounterId()}
		where := s.DB.ScopeSQL(scope, "institution_id", "", &args)
		err := tx.QueryRow(ctx, `SELECT patient_id FROM encounters WHERE id = $1 AND `+where, args...).Scan(&e.Patient)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return record.Errorf(record.NotFound, "encounter %s", req.GetEncounterId())
		case err != nil:
			return fmt.Errorf("close encounter: %w", err)
		}
		return tx.CloseEncounter(ctx, req.GetEncounterId())
	})
	if err != nil {
		return nil, err
	}
	all, err := s.DB.Encounters(ctx, e.Patient)
	if err != nil {
		return nil, err
	}
	for _, one := range all {
		if one.ID == req.GetEncounterId() {
			return encounterToPB(one), nil
		}
	}
	return nil, fmt.Errorf("encounter %s is not listed", req.GetEncounterId())
}

func (s *patientServer) ListPatientLinks(ctx context.Context, req *pb.ListPatientLinksRequest) (*pb.ListPatientLinksResponse, error) {
	scope, id := scopeOf(ctx), record.PatientID(req.GetPatientId())
	if _, err := s.DB.PatientIn(ctx, scope, id); err != nil {
		return nil, err
	}
	links, err := s.DB.Links(ctx, id)
	if err != nil {
		return nil, err
	}
	if err := s.noteRead(ctx, scope, "patient.links_read", id); err != nil {
		return nil, err
	}
	return &pb.ListPatientLinksResponse{Links: each(links, linkToPB)}, nil
}

func (s *patientServer) DecidePatientLink(ctx context.Context, req *pb.DecidePatientLinkRequest) (*pb.PatientLink, error) {
	scope, id, other := scopeOf(ctx), record.PatientID(req.GetPatientId()), record.PatientID(req.GetOtherId())
	for _, p := range []record.PatientID{id, other} {
		if _, err := s.DB.PatientIn(ctx, scope, p); err != nil {
			return nil, err
		}
	}
	state := store.LinkDifferent
	if req.GetSamePerson() {
		state = store.LinkSame
	}
	err := s.DB.Tx(ctx, func(tx *store.Tx) error {
		tx.As(scope)
		return tx.DecideLink(ctx, id, other, state, record.UserID(scope.Actor.ID))
	})
	if err != nil {
		return nil, err
	}
	links, err := s.DB.Links(ctx, id)
	if err != nil {
		return nil, err
	}
	for _, l := range links {
		if l.Patient == other || l.Other == other {
			return linkToPB(l), nil
		}
	}
	return nil, fmt.Errorf("link of %s is not listed", id)
}

func (s *patientServer) SetConsent(ctx context.Context, req *pb.SetConsentRequest) (*pb.SetConsentResponse, error) {
	scope, id := scopeOf(ctx), record.PatientID(req.GetPatientId())
	scope.HideWithdrawn = false // who withdrew may come back
	if _, err := s.DB.PatientIn(ctx, scope, id); err != nil {
		return nil, err
	}
	err := s.DB.Tx(ctx, func(tx *store.Tx) error {
		tx.As(scope)
		if req.GetSharingAllowed() {
			return tx.RestoreConsent(ctx, id)
		}
		return tx.WithdrawConsent(ctx, id)
	})
	if err != nil {
		return nil, err
	}
	withdrawn, err := s.DB.Withdrawn(ctx, id)
	return &pb.SetConsentResponse{SharingAllowed: !withdrawn}, err
}

func encounterToPB(e store.Encounter) *pb.Encounter {
	return &pb.Encounter{
		EncounterId: e.ID, PatientId: string(e.Patient), InstitutionId: string(e.Institution), VisitNumber: e.VisitNumber,
		Class: encounterClasses.out(e.Class), OpenedAt: instant(e.OpenedAt), ClosedAt: instant(e.ClosedAt), ExpiresAt: instant(e.ExpiresAt),
	}
}

func linkToPB(l store.Link) *pb.PatientLink {
	return &pb.PatientLink{PatientId: string(l.Patient), OtherId: string(l.Other), Reason: l.Reason, State: string(l.State), DecidedBy: l.DecidedBy}
}
