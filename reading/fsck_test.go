package reading

import (
	"testing"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

// Who changes row and hash together still meets the blob.
func TestFsckFindsWhatWasChanged(t *testing.T) {
	h, _ := clocked(t, Options{})
	ctx := t.Context()
	var reps []Report
	for range 4 {
		reps = append(reps, h.signed(h.open(storetest.Suwu, nil), doctor("li"), doctor("wang")))
	}
	forged := reps[1]
	forged.Text.Impression = "未见异常"
	doc := must(forged.document())(t)
	must(0, h.db.Tx(ctx, func(tx *store.Tx) error {
		if _, err := tx.Exec(ctx, `UPDATE reports SET sha256 = '0' WHERE id = $1`, string(reps[0].ID)); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE reports SET document = $1, sha256 = $2 WHERE id = $3`, string(doc), digest(doc), string(forged.ID))
		return err
	}))(t)
	must(0, h.blobs.Delete(ctx, reps[2].Key))(t)
	bad := map[record.ReportID]bool{}
	n, err := h.room.Fsck(ctx, func(id record.ReportID, _ error) { bad[id] = true })
	if err != nil || n != 4 || len(bad) != 3 || bad[reps[3].ID] {
		t.Fatalf("%d looked at, %v, %v", n, bad, err)
	}
}
