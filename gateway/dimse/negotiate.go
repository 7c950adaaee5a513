package dimse

import (
	"slices"

	"github.com/lianzhen/lianzhen/codec/dicom"
	ul "github.com/lianzhen/lianzhen/codec/dicom/dimse"
)

// plain transfer syntaxes are those of identifiers and of DIMSE-N data sets, the best first.
var plain = []dicom.UID{dicom.ExplicitLE, dicom.ImplicitLE, dicom.ExplicitBE, dicom.DeflatedLE}

// services are the SOP classes besides storage. extended answers their extended negotiation, nil where there is none.
var services = map[dicom.UID]func(proposed []byte) []byte{
	ul.Verification:                   nil,
	ul.PatientRootFind:                queryExtended,
	ul.StudyRootFind:                  queryExtended,
	ul.PatientStudyOnlyFind:           queryExtended,
	ul.PatientRootMove:                retrieveExtended,
	ul.StudyRootMove:                  retrieveExtended,
	ul.PatientStudyOnlyMove:           retrieveExtended,
	ul.PatientRootGet:                 retrieveExtended,
	ul.StudyRootGet:                   retrieveExtended,
	ul.PatientStudyOnlyGet:            retrieveExtended,
	ul.ModalityWorklistFind:           nil,
	ul.ModalityPerformedProcedureStep: nil,
	ul.PerformedProcedureStepRetrieve: nil,
	ul.StorageCommitmentPush:          nil,
}

// queryExtended accepts relational queries and fuzzy matching of names, and declines combined dates and times and the
// adjustment of zones (PS3.4 table C.5.1.1-1).
func queryExtended(proposed []byte) []byte {
	answer := make([]byte, min(len(proposed), 5))
	for _, i := range []int{0, 2} {
		if i < len(answer) {
			answer[i] = min(proposed[i], 1)
		}
	}
	return answer
}

// retrieveExtended accepts relational retrieval (PS3.4 table C.5.2.1-1).
func retrieveExtended(proposed []byte) []byte {
	answer := make([]byte, min(len(proposed), 2))
	if len(answer) > 0 {
		answer[0] = min(proposed[0], 1)
	}
	return answer
}

// accept takes every storage class and every transfer syntax as it is sent: nothing is decoded on the way in. Of several
// syntaxes in one context the first is chosen, which is the one that the sender has or likes best; but never a lossy one
// beside one that loses nothing, since some senders would then compress.
func (d *Door) accept(q *ul.Request, p *ul.Proposal) ul.Answer {
	if ul.IsStorage(p.AbstractSyntax) || ul.IsPrivate(p.AbstractSyntax) {
		a := ul.Choose(p, preferred(p.TransferSyntaxes)...)
		a.Roles = p.Roles // as SCP it receives what C-GET sends
		return a
	}
	extended, known := services[p.AbstractSyntax]
	if !known {
		return ul.Answer{Result: ul.AbstractSyntaxNotSupported}
	}
	a := ul.Choose(p, plain...)
	if extended != nil && p.Extended != nil {
		a.Extended = extended(p.Extended)
	}
	if p.AbstractSyntax == ul.StorageCommitmentPush {
		a.Roles = p.Roles
	}
	return a
}

var lossy = []dicom.UID{
	"1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.81", "1.2.840.10008.1.2.4.91",
	"1.2.840.10008.1.2.4.93", "1.2.840.10008.1.2.4.203", "1.2.840.10008.1.2.4.112",
}

func preferred(proposed []dicom.UID) []dicom.UID {
	out := slices.Clone(proposed)
	slices.SortStableFunc(out, func(a, b dicom.UID) int { return rank(a) - rank(b) })
	return out
}

func rank(ts dicom.UID) int {
	if slices.Contains(lossy, ts) {
		return 1
	}
	return 0
}
