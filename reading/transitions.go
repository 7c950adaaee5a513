// What may be done to a case in which state, and by whom: one table.

package reading

import (
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/record"
)

// State is where a case is on its way.
type State string

// The states of a case.
const (
	Waiting   State = "waiting"
	Claimed   State = "claimed"
	Submitted State = "submitted" // a second doctor is awaited
	Returned  State = "returned"  // the second doctor sent it back
	Signed    State = "signed"
	Amending  State = "amending" // the signed version stands until the next is signed
	Withdrawn State = "withdrawn"
)

// States lists all states in the order of the way.
var States = []State{Waiting, Claimed, Submitted, Returned, Signed, Amending, Withdrawn}

// Act is what somebody does to a case.
type Act string

// The acts.
const (
	ActClaim    Act = "claim"
	ActRelease  Act = "release"
	ActExpire   Act = "expire"
	ActPriority Act = "set the priority of"
	ActDraft    Act = "draft"
	ActSubmit   Act = "submit"
	ActReturn   Act = "return"
	ActSign     Act = "sign"
	ActAmend    Act = "amend"
	ActWithdraw Act = "withdraw"
	ActRaise    Act = "raise a critical value of"
)

// Acts lists all acts.
var Acts = []Act{ActClaim, ActRelease, ActExpire, ActPriority, ActDraft, ActSubmit, ActReturn, ActSign, ActAmend, ActWithdraw, ActRaise}

// resting stands for the state that the case had before it was held.
const resting State = "resting"

type step struct {
	state State
	act   Act
}

type rule struct {
	to  State
	who who
}

var transitions = map[step]rule{
	{Waiting, ActClaim}:    {Claimed, claimer},
	{Waiting, ActPriority}: {Waiting, anyone},

	{Claimed, ActClaim}:    {Claimed, claimer},
	{Claimed, ActRelease}:  {resting, holder},
	{Claimed, ActExpire}:   {resting, clock},
	{Claimed, ActPriority}: {Claimed, anyone},
	{Claimed, ActDraft}:    {Claimed, holder},
	{Claimed, ActSubmit}:   {Submitted, holder},
	{Claimed, ActWithdraw}: {Withdrawn, standing},
	{Claimed, ActRaise}:    {Claimed, holder},

	{Submitted, ActPriority}: {Submitted, anyone},
	{Submitted, ActReturn}:   {Returned, second},
	{Submitted, ActSign}:     {Signed, second},
	{Submitted, ActWithdraw}: {Withdrawn, standing},
	{Submitted, ActRaise}:    {Submitted, person},

	// The author holds a returned case for a while and may go on at once.
	{Returned, ActClaim}:    {Claimed, claimer},
	{Returned, ActRelease}:  {Returned, holder},
	{Returned, ActExpire}:   {Returned, clock},
	{Returned, ActPriority}: {Returned, anyone},
	{Returned, ActDraft}:    {Returned, holder},
	{Returned, ActSubmit}:   {Submitted, holder},
	{Returned, ActWithdraw}: {Withdrawn, standing},
	{Returned, ActRaise}:    {Returned, holder},

	{Signed, ActAmend}:    {Amending, person},
	{Signed, ActWithdraw}: {Withdrawn, standing},
	{Signed, ActRaise}:    {Signed, involved},

	{Amending, ActClaim}:    {Amending, claimer},
	{Amending, ActRelease}:  {resting, holder},
	{Amending, ActExpire}:   {resting, clock},
	{Amending, ActPriority}: {Amending, anyone},
	{Amending, ActDraft}:    {Amending, holder},
	{Amending, ActSubmit}:   {Submitted, holder},
	{Amending, ActWithdraw}: {Withdrawn, standing},
	{Amending, ActRaise}:    {Amending, holder},

	{Withdrawn, ActAmend}: {Amending, person}, // a withdrawn report may be replaced by a right one
}

// who is the part that the actor must have in the case.
type who uint8

const (
	anyone   who = iota
	clock        // nobody: the claim has run out
	person       // somebody with a name, not a program
	claimer      // a person; the case is free, their own, or taken over with a reason
	holder       // the person who holds it
	second       // a person who is not the author
	involved     // author or reviewer
	standing     // a person; there is a signed version that still stands
)

// asking is one wish to act on a case.
type asking struct {
	act      Act
	actor    record.Actor
	takeOver bool
	reason   string
	now      time.Time
}

// parts says for each who what must hold of the case and the asking.
var parts = map[who]func(c *Case, a asking) error{
	anyone: func(*Case, asking) error { return nil },
	clock: func(c *Case, a asking) error {
		if c.held(a.now) || c.Holder == "" {
			return record.Errorf(record.Precondition, "the claim of case %s has not run out", c.ID)
		}
		return nil
	},
	person: func(*Case, asking) error { return nil },
	claimer: func(c *Case, a asking) error {
		switch {
		case c.mine(a.actor) || !c.held(a.now):
			return nil
		case !a.takeOver:
			return record.Errorf(record.Conflict, "case %s is held by another doctor until %s; it can be taken over with a reason",
				c.ID, c.ClaimExpiresAt.Format(time.RFC3339))
		case strings.TrimSpace(a.reason) == "":
			return record.Errorf(record.Invalid, "taking over case %s needs a reason", c.ID)
		}
		return nil
	},
	holder: func(c *Case, a asking) error {
		if !c.mine(a.actor) {
			return record.Errorf(record.Denied, "only the doctor who holds case %s may %s it; claim it first", c.ID, a.act)
		}
		return nil
	},
	second: func(c *Case, a asking) error {
		if c.Author == record.UserID(a.actor.ID) {
			return record.Errorf(record.Denied, "the author of the report may not %s case %s; a second doctor must", a.act, c.ID)
		}
		return nil
	},
	involved: func(c *Case, a asking) error {
		if me := record.UserID(a.actor.ID); c.Author != me && c.Reviewer != me {
			return record.Errorf(record.Denied, "only the author or the reviewer may %s case %s", a.act, c.ID)
		}
		return nil
	},
	standing: func(c *Case, a asking) error {
		if c.Report == "" || c.withdrawn {
			return record.Errorf(record.Precondition, "case %s is %s and has no signed report to %s", c.ID, c.State, a.act)
		}
		return nil
	},
}

// next returns the state that follows, or why the act is not possible.
func next(c *Case, a asking) (State, error) {
	r, ok := transitions[step{c.State, a.act}]
	if !ok {
		return "", record.Errorf(record.Precondition, "case %s is %s: it is not possible to %s it", c.ID, c.State, a.act)
	}
	if r.who > clock && (a.actor.Kind != record.ActorUser || a.actor.ID == "") {
		return "", record.Errorf(record.Denied, "only a person may %s case %s", a.act, c.ID)
	}
	if err := parts[r.who](c, a); err != nil {
		return "", err
	}
	if r.to == resting {
		return c.rest, nil
	}
	return r.to, nil
}
