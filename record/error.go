// Errors: seven kinds that a caller can act on; everything else is Internal and its text stays inside.

package record

import (
	"errors"
	"fmt"
)

// Kind says what the caller can do about an error.
type Kind uint8

// The kinds. Internal is the zero value: an error that was not given a kind.
const (
	Internal        Kind = iota
	Invalid              // the input is wrong; sending it again will not help
	Unauthenticated      // who is calling is not known
	Denied               // known, but not permitted
	NotFound             // no such thing, or none that the caller may see
	Conflict             // another version is kept already
	Precondition         // the thing is in a state that does not allow it
	Unavailable          // try again later
)

var kindNames = [...]string{"internal", "invalid", "unauthenticated", "denied", "not found", "conflict", "precondition", "unavailable"}

func (k Kind) String() string { return kindNames[k] }

// Error is an error with a kind. Msg is shown to callers: no personal data, no inner text.
type Error struct {
	Kind Kind
	Msg  string
	Err  error // the cause, for the log
}

func (e *Error) Error() string {
	if e.Err != nil {
		return e.Msg + ": " + e.Err.Error()
	}
	return e.Msg
}

func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an error of kind k whose whole text may be shown to callers.
func Errorf(k Kind, format string, args ...any) error {
	return &Error{Kind: k, Msg: fmt.Sprintf(format, args...)}
}

// Wrap gives err the kind k and the public text msg, keeping err as the cause.
func Wrap(k Kind, err error, msg string) error { return &Error{Kind: k, Msg: msg, Err: err} }

// Public returns the text of err that a caller may read: that of the first Error in its chain, nothing for Internal.
func Public(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Msg
	}
	return ""
}

// KindOf returns the kind of the first Error in err's chain, or Internal.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}
