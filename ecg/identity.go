// By what a file is known to be here already.

package ecg

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/record"
)

// metaMost is how much of a file the group 2 of a DICOM object may take.
const metaMost = 64 << 10

// tracingID is a digest of what the file says: of the whole of it, or of the data set of a DICOM object, since whoever forwards one writes a group 2
// of his own.
func tracingID(i record.InstitutionID, in io.ReaderAt, size int64, whole string) (record.ExamID, error) {
	head := make([]byte, min(size, metaMost))
	if _, err := in.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	if n, err := dicom.MetaLength(head); err == nil && n > 0 && n < size {
		sum := sha256.New()
		if _, err := io.Copy(sum, io.NewSectionReader(in, n, size-n)); err != nil {
			return "", err
		}
		whole = hex.EncodeToString(sum.Sum(nil))
	}
	return record.ExamID(record.DigestID("tracing", i, whole)), nil
}
