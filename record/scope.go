// Who is calling, what for, and what they may touch. Doors make a Scope once; rooms filter by it in SQL.

package record

import "time"

// ActorKind says what sort of caller it is.
type ActorKind string

// The kinds of actor.
const (
	ActorUser   ActorKind = "user"
	ActorKey    ActorKind = "key"    // a program with an API key
	ActorCert   ActorKind = "cert"   // a program with a TLS client certificate
	ActorDevice ActorKind = "device" // a modality, by AE title
	ActorSystem ActorKind = "system" // the server itself
)

// Actor is a caller that has proved who it is.
type Actor struct {
	Kind        ActorKind
	ID          string        // user id, key id, certificate fingerprint, AE title
	Institution InstitutionID // on whose behalf
	Display     string        // what a person sees: a doctor's name, a program's name
}

// Purpose is an HL7 ActReason code.
type Purpose string

// The purposes that policies speak of.
const (
	Treatment          Purpose = "TREAT"
	EmergencyTreatment Purpose = "ETREAT" // break-glass: needs a justification
	Operations         Purpose = "HOPERAT"
	PublicHealth       Purpose = "PUBHLTH"
	Research           Purpose = "HRESCH"
)

// Scope is what an admitted caller may touch for one act. A row is inside when All, or its institution is listed, or
// its patient has an open encounter at RelatedAt. HideWithdrawn takes out patients who withdrew consent to sharing,
// except at institutions in Own. The zero Scope reaches nothing.
type Scope struct {
	Actor         Actor
	Purpose       Purpose
	All           bool
	Institutions  []InstitutionID // sorted
	RelatedAt     InstitutionID
	Own           InstitutionID // the actor's own institution: withdrawal does not hide what it made itself
	HideWithdrawn bool
	Rule          string // ids of the policy rows that allowed it
	Reason        string // the justification of a break-glass access; no personal data
}

// Reaches reports whether the scope covers rows of institution i without looking at the patient.
func (s Scope) Reaches(i InstitutionID) bool {
	if s.All {
		return true
	}
	for _, x := range s.Institutions {
		if x == i {
			return true
		}
	}
	return false
}

// Clock tells the time; tests hand in their own.
type Clock func() time.Time
