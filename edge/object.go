// What is sent: objects in studies, and what became of each.

package edge

import (
	"encoding/hex"
	"time"
)

// Digest is the SHA-256 of a whole object.
type Digest [32]byte

// String writes the digest in lower-case hexadecimal, as the wire wants it.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// State is where an object stands.
type State uint8

// The states. The zero value is an object still on its way.
const (
	Pending State = iota
	Stored        // durable at the centre
	Twin          // the same bytes as another object of this run
	Refused       // will not be taken as it is: sending it again does not help
	Failed        // not sent yet: run again
)

var stateNames = [...]string{"pending", "stored", "twin", "refused", "failed"}

// String is the state in one word.
func (s State) String() string { return stateNames[s] }

// Object is one file that holds a DICOM object.
type Object struct {
	Path       string
	Size       int64
	ModifiedAt time.Time
	SOPUID     string
	Digest     Digest
	State      State
	InstanceID string // given by the centre
	Already    bool   // the centre had it before
	Reason     string // of a refusal or a failure
	Quarantine string // where the centre keeps a refused object
	Warnings   []string
	Saved      int64 // bytes that its container spared on the line

	study  *Study
	known  bool  // the digest is known
	cached bool  // from an earlier run
	plain  bool  // to be sent as it is: its container was refused
	whole  bool  // to be sent from its first byte, whatever the centre holds of it
	held   int64 // bytes that the centre is known to hold of it
	tries  int   // sendings that the centre answered with "later"
}

// Study is the objects of one Study Instance UID in one run.
type Study struct {
	UID     string
	Objects []*Object

	open                  int // objects on their way
	startedAt, answeredAt time.Time
}

// Finding is a file that is not sent, and why.
type Finding struct {
	Path   string `json:"file"`
	Reason string `json:"reason"`
}
