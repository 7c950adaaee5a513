// Storage commitment as SCP (PS3.4 J): others ask whether what they sent is safe here, and get the answer in writing.

package exchange

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/dicom/dimse"
	"github.com/lianzhen/lianzhen/imaging"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Attributes of storage commitment (PS3.4 tables J.3-1 and J.3-2).
const (
	transactionUID        dicom.Tag = 0x00081195
	failureReason         dicom.Tag = 0x00081197
	failedSOPSequence     dicom.Tag = 0x00081198
	referencedSOPSequence dicom.Tag = 0x00081199
	retrieveAETitle       dicom.Tag = 0x00080054
)

// Event types of storage commitment (PS3.4 J.3.3): all is kept; failures exist.
const (
	allCommitted uint16 = 1
	someFailed   uint16 = 2
)

// requestCommitment is the action type (PS3.4 J.3.2).
const requestCommitment uint16 = 1

// maxReferences of one request.
const maxReferences = 50_000

// CommitmentID names a request for storage commitment that was taken.
type CommitmentID string

// promise is a row: what is to be told to whom.
type promise struct {
	id          CommitmentID
	ae          string
	institution record.InstitutionID
	transaction dicom.UID
	digest      string
	event       uint16
	report      []byte // data set, explicit little endian
	tries       int
	owner       string
	createdAt   time.Time
}

// TakeCommitment keeps a request for storage commitment of a device, with what is to be answered: every object inside the
// scope is looked for, index and bytes. It is durable when this returns; Report then tells it over the association that
// asked, and where that fails Run over one of ours. The same request again is answered again; another one under the same
// Transaction UID is answered with the failure reason of PS3.4 J.3.3.1.1 for each of its objects.
func (x *Exchange) TakeCommitment(ctx context.Context, s record.Scope, aeTitle string, request *dicom.DataSet) (CommitmentID, error) {
	refs, err := references(request, referencedSOPSequence)
	if err != nil {
		return "", err
	}
	transaction := request.UID(transactionUID)
	switch {
	case !transaction.Valid():
		return "", record.Errorf(record.Invalid, "Transaction UID (0008,1195) is missing or not valid")
	case len(refs) == 0:
		return "", record.Errorf(record.Invalid, "Referenced SOP Sequence (0008,1199) is empty")
	}
	reasons, err := x.centre.Kept(ctx, s, refs)
	if err != nil {
		return "", err
	}
	p := promise{ae: aeTitle, institution: s.Actor.Institution, transaction: transaction, digest: digestOf(refs)}
	err = x.db.Tx(ctx, func(tx *store.Tx) error {
		if err := tx.Lock(ctx, "commitment:"+aeTitle+":"+string(transaction)); err != nil {
			return err
		}
		var others int
		err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM commitments WHERE institution_id = $1 AND ae_title = $2 AND transaction_uid = $3 AND digest <> $4`,
			string(p.institution), p.ae, string(transaction), p.digest).Scan(&others)
		if err != nil {
			return err
		}
		if others > 0 {
			for i := range reasons {
				reasons[i] = uint16(dimse.CommitmentDuplicateUID)
			}
		}
		if err := p.answer(x.opt.AETitle, refs, reasons); err != nil {
			return err
		}
		if err := p.put(ctx, tx); err != nil {
			return err
		}
		tx.Emit(p.taken(reasons).By(s))
		return nil
	})
	return p.id, err
}

func (p *promise) taken(reasons []uint16) record.Event {
	failed := 0
	for _, r := range reasons {
		if r != 0 {
			failed++
		}
	}
	e := record.Event{
		Act: "commitment.requested", Institution: p.institution, Kind: "commitment", Object: string(p.id), Outcome: record.Success,
		Detail: map[string]string{"ae_title": p.ae, "objects": fmt.Sprint(len(reasons)), "failed": fmt.Sprint(failed)},
	}
	if failed > 0 {
		e.Outcome = record.Failed
	}
	return e
}

// holdBack is how long the association that asked has for the report before another one is opened for it.
const holdBack = 30 * time.Second

func (p *promise) put(ctx context.Context, tx *store.Tx) error {
	now := tx.Now()
	return tx.QueryRow(ctx, `INSERT INTO commitments (id, ae_title, institution_id, transaction_uid, digest, state, event_type, report, next_at, created_at)
		VALUES ($1, $2, $3, $4, $5, 'waiting', $6, $7, $8, $9)
		ON CONFLICT (institution_id, ae_title, transaction_uid, digest) DO UPDATE SET
			state = 'waiting', event_type = excluded.event_type, report = excluded.report, tries = 0, owner = '', next_at = excluded.next_at,
			created_at = excluded.created_at
		RETURNING id`, record.NewID(now), p.ae, string(p.institution), string(p.transaction), p.digest, int(p.event), p.report,
		record.Micros(now.Add(holdBack)), record.Micros(now)).Scan(&p.id)
}

// answer writes the Event Information (PS3.4 table J.3-2).
func (p *promise) answer(ours string, refs []imaging.Reference, reasons []uint16) error {
	var kept, failed []*dicom.DataSet
	for i, r := range refs {
		item := dicom.NewDataSet()
		item.SetText(dicom.ReferencedSOPClassUID, string(r.SOPClass))
		item.SetText(dicom.ReferencedSOPInstanceUID, string(r.SOPInstance))
		if reasons[i] == 0 {
			kept = append(kept, item)
			continue
		}
		item.SetInt(failureReason, int(reasons[i]))
		failed = append(failed, item)
	}
	ds := dicom.NewDataSet()
	ds.SetText(transactionUID, string(p.transaction))
	p.event = allCommitted
	if len(kept) > 0 {
		ds.SetText(retrieveAETitle, ours)
		ds.SetItems(referencedSOPSequence, kept...)
	}
	if len(failed) > 0 {
		p.event = someFailed
		ds.SetItems(failedSOPSequence, failed...)
	}
	var err error
	p.report, err = dicom.AppendDataSet(nil, ds, dicom.ExplicitLE, "")
	return err
}

// references reads a sequence of Referenced SOP Class and Instance UIDs.
func references(ds *dicom.DataSet, sequence dicom.Tag) ([]imaging.Reference, error) {
	items := ds.Items(sequence)
	if len(items) > maxReferences {
		return nil, record.Errorf(record.Invalid, "more than %d objects in one request", maxReferences)
	}
	out := make([]imaging.Reference, len(items))
	for i := range items {
		out[i] = imaging.Reference{SOPClass: items[i].UID(dicom.ReferencedSOPClassUID), SOPInstance: items[i].UID(dicom.ReferencedSOPInstanceUID)}
		if !out[i].SOPClass.Valid() || !out[i].SOPInstance.Valid() {
			return nil, record.Errorf(record.Invalid, "item %d of the sequence names no SOP class and instance", i+1)
		}
	}
	return out, nil
}

func digestOf(refs []imaging.Reference) string {
	var b strings.Builder
	for _, r := range refs {
		fmt.Fprintf(&b, "%s %s\n", r.SOPClass, r.SOPInstance)
	}
	sum := sha256.Sum256([]byte(b.String()))
	return hex.EncodeToString(sum[:])
}
