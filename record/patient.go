// A patient as others know them: identifiers and demographics, and how sure we are.

package record

// Sex as in DICOM (0010,0040) and GB/T 2261.1.
type Sex string

// The sexes. SexUnknown is empty.
const (
	Male       Sex = "M"
	Female     Sex = "F"
	OtherSex   Sex = "O"
	SexUnknown Sex = ""
)

// Demographics is what a sender says of a patient. Issuer + LocalID is the sender's own number; the same LocalID of
// another issuer is another person.
type Demographics struct {
	Issuer    InstitutionID // whose LocalID it is
	LocalID   Personal
	IDNumber  IDNumber // national identity number, checked, or empty
	Name      Personal // in the patient's own script where known, else alphabetic
	Latin     Personal // alphabetic form (pinyin) where sent
	BirthDate Date
	Sex       Sex
}

// Grade is how certain an identity is.
type Grade string

// Certain: an identifier agrees and nothing contradicts it. Probable: demographics agree, no identifier does, or an
// identifier agrees but demographics contradict it. A probable match never merges by itself and never recognises.
const (
	Certain  Grade = "certain"
	Probable Grade = "probable"
	NoMatch  Grade = "none"
)
