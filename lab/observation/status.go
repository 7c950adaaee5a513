// Status: the life of a result, by the letters of HL7 table 0085 (OBX-11).

package observation

// Status is where a result is on its way.
type Status string

// The statuses, as FHIR R4 names them where it does.
const (
	Registered  Status = "registered"  // I S O: nothing to see yet
	Unverified  Status = "unverified"  // R: entered, never shown to who ordered
	Preliminary Status = "preliminary" // P
	Final       Status = "final"       // F, U (only the status changed), V
	Corrected   Status = "corrected"   // C
	Amended     Status = "amended"     // A, B: added to
	Withdrawn   Status = "withdrawn"   // W wrong patient, D deleted: hidden everywhere, kept for the law
	Cancelled   Status = "cancelled"   // X: cannot be obtained
)

var byLetter = map[string]Status{
	"I": Registered, "S": Registered, "O": Registered, "N": Registered, "R": Unverified, "P": Preliminary, "F": Final, "U": Final, "V": Final,
	"C": Corrected, "A": Amended, "B": Amended, "W": Withdrawn, "D": Withdrawn, "X": Cancelled,
}

// StatusOf reads OBX-11; false for a letter that is not in table 0085.
func StatusOf(letter string) (Status, bool) {
	s, ok := byLetter[letter]
	return s, ok
}

var letters = map[Status]string{
	Registered: "I", Unverified: "R", Preliminary: "P", Final: "F", Corrected: "C", Amended: "A", Withdrawn: "W", Cancelled: "X",
}

// Letter writes OBX-11.
func (s Status) Letter() string { return letters[s] }

// rank orders statuses by how much they say: a later arrival of a lower rank does not replace one of a higher.
var ranks = map[Status]int{
	Registered: 1, Unverified: 1, Preliminary: 2, Final: 3, Cancelled: 3, Amended: 4, Corrected: 4, Withdrawn: 5,
}

// Rank is 1 for what is only registered to 5 for what is withdrawn; 0 for no status.
func (s Status) Rank() int { return ranks[s] }

// Shown reports whether who ordered may see a value of this status.
func (s Status) Shown() bool {
	switch s {
	case Preliminary, Final, Corrected, Amended:
		return true
	}
	return false
}

// Settled reports a status that its sender stands for: it can be recognised.
func (s Status) Settled() bool { return s == Final || s == Corrected || s == Amended }
