// What the sender said beside a file, kept as a blob beside it: the file alone would not tell it when the index is made again.

package ecg

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/lianzhen/lianzhen/record"
)

// The blobs of a tracing: <bucket>/<institution>/<tracing>/<ulid>.ecg and .said.json.
const (
	fileExtension = ".ecg"
	saidExtension = ".said.json"
)

const (
	saidFormat = "lianzhen.ecg.said/1"
	maxSaid    = 1 << 20
)

// saidDocument holds personal data as the file itself does.
type saidDocument struct {
	Format         string          `json:"format"`
	LocalID        string          `json:"local_patient_number,omitempty"`
	Name           string          `json:"patient_name,omitempty"`
	IDNumber       string          `json:"identity_number,omitempty"`
	BirthDate      string          `json:"patient_birth_date,omitempty"`
	Sex            record.Sex      `json:"patient_sex,omitempty"`
	Accession      string          `json:"accession_number,omitempty"`
	Priority       record.Priority `json:"priority,omitempty"`
	ClinicalInfo   string          `json:"clinical_information,omitempty"`
	FirstContactAt *time.Time      `json:"first_contact_at,omitempty"`
	SOPUID         string          `json:"sop_instance_uid,omitempty"`
	Whole          bool            `json:"whole_patient,omitempty"` // nothing of the file's patient counts
}

func (c *Centre) putSaid(ctx context.Context, key string, a *arrival) error {
	s := a.said
	d := saidDocument{
		Format: saidFormat, LocalID: s.LocalID.Reveal(), Name: s.Name.Reveal(), IDNumber: s.IDNumber.Reveal(), BirthDate: s.BirthDate.String(),
		Sex: s.Sex, Accession: s.Accession, Priority: s.Priority, ClinicalInfo: s.ClinicalInfo, SOPUID: a.sopUID, Whole: s.Whole,
	}
	if !s.FirstContactAt.IsZero() {
		at := s.FirstContactAt.UTC()
		d.FirstContactAt = &at
	}
	text, err := json.Marshal(d)
	if err != nil {
		return err
	}
	_, err = c.blobs.Put(ctx, key, bytes.NewReader(text), int64(len(text)))
	return err
}

// readSaid is nothing said where the blob is not there.
func (c *Centre) readSaid(ctx context.Context, key string) (s Said, sopUID string, err error) {
	if key == "" {
		return s, "", nil
	}
	r, _, err := c.blobs.Open(ctx, key)
	if record.KindOf(err) == record.NotFound {
		return s, "", nil
	}
	if err != nil {
		return s, "", err
	}
	defer func() { _ = r.Close() }()
	var d saidDocument
	if err := json.NewDecoder(io.LimitReader(r, maxSaid)).Decode(&d); err != nil || d.Format != saidFormat {
		return s, "", errors.New("not a document of what a sender said")
	}
	s = Said{
		LocalID: record.Personal(d.LocalID), Name: record.Personal(d.Name), IDNumber: record.IDNumber(d.IDNumber), Sex: d.Sex,
		Accession: d.Accession, Priority: d.Priority, ClinicalInfo: d.ClinicalInfo, Whole: d.Whole,
	}
	if d.BirthDate != "" {
		if s.BirthDate, err = record.ParseDate(d.BirthDate); err != nil {
			return s, "", err
		}
	}
	if d.FirstContactAt != nil {
		s.FirstContactAt = *d.FirstContactAt
	}
	return s, d.SOPUID, nil
}
