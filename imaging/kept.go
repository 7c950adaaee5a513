// Kept: is what a sender has sent safe here, so that it may delete its own (PS3.4 J)?

package imaging

import (
	"context"
	"fmt"
	"slices"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Reference names an object by class and instance.
type Reference struct{ SOPClass, SOPInstance dicom.UID }

// StatusClassConflict is the failure reason of a reference whose class is not that of the kept object (PS3.4 J.3.3.1.1).
const StatusClassConflict uint16 = 0x0119

// keysAtOnce bounds the ids of one query.
const keysAtOnce = 400

// Kept gives for each reference 0 when the object is indexed inside the scope, of that class, and its bytes are where the
// index says; else StatusNoSuchObject or StatusClassConflict. An error means that it could not be found out now.
func (c *Centre) Kept(ctx context.Context, s record.Scope, refs []Reference) ([]uint16, error) {
	places, err := c.placesOf(ctx, s)
	if err != nil {
		return nil, err
	}
	found := map[string][]Instance{}
	atOnce := max(1, keysAtOnce/max(1, len(places)))
	for some := range slices.Chunk(refs, atOnce) {
		if err := c.keptRefs(ctx, s, places, some, found); err != nil {
			return nil, err
		}
	}
	blobs := map[string]int64{}
	out := make([]uint16, len(refs))
	for i, r := range refs {
		if out[i], err = c.safe(ctx, r, found[string(r.SOPInstance)], blobs); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// keptRefs finds the instances of some references. A scope of very many places makes several queries of one reference.
func (c *Centre) keptRefs(ctx context.Context, s record.Scope, places []record.InstitutionID, refs []Reference, found map[string][]Instance) error {
	var ids []string
	for _, r := range refs {
		for _, p := range places {
			ids = append(ids, string(instanceID(p, r.SOPInstance)))
		}
	}
	for some := range slices.Chunk(ids, keysAtOnce) {
		b := &sqlText{}
		b.And(b.list("i.id", some))
		b.And(c.db.ScopeSQL(s, "i.institution_id", "i.patient_id", &b.Args))
		list, err := store.Collect(ctx, c.db, `SELECT `+instanceColumns+` FROM instances i WHERE `+b.String(), b.Args, scanInstance)
		if err != nil {
			return err
		}
		for _, i := range list {
			found[i.SOPUID] = append(found[i.SOPUID], i)
		}
	}
	return nil
}

// safe judges one reference. Blobs are looked at once, however many objects a pack has.
func (c *Centre) safe(ctx context.Context, r Reference, kept []Instance, blobs map[string]int64) (uint16, error) {
	status := StatusNoSuchObject
	for _, i := range kept {
		if i.SOPClass != string(r.SOPClass) {
			status = StatusClassConflict
			continue
		}
		size, seen := blobs[i.key]
		if !seen {
			info, err := c.blobs.Stat(ctx, i.key)
			switch {
			case record.KindOf(err) == record.NotFound:
				info.Size = -1
			case err != nil:
				return 0, fmt.Errorf("look for the bytes: %w", err)
			}
			size = info.Size
			blobs[i.key] = size
		}
		need := i.bytes.Size
		if inContainers(i.key) { // the container has another length
			need = 1
		}
		if i.offset+need <= size {
			return StatusStored, nil
		}
	}
	return status, nil
}

// Relocate finds instances by their ids, in that order; what is gone is left out. Who may see them was asked when they
// were located.
func (c *Centre) Relocate(ctx context.Context, ids []InstanceID) ([]Located, error) {
	byID := make(map[InstanceID]Located, len(ids))
	for some := range slices.Chunk(ids, keysAtOnce) {
		b := &sqlText{}
		texts := make([]string, len(some))
		for i, id := range some {
			texts[i] = string(id)
		}
		b.And(b.list("i.id", texts))
		list, err := store.Collect(ctx, c.db, `SELECT `+instanceColumns+`, st.study_uid, se.series_uid
			FROM instances i JOIN series se ON se.id = i.series_id JOIN studies st ON st.id = i.study_id WHERE `+b.String(), b.Args, scanLocated)
		if err != nil {
			return nil, err
		}
		for _, l := range list {
			byID[l.ID] = l
		}
	}
	out := make([]Located, 0, len(ids))
	for _, id := range ids {
		if l, ok := byID[id]; ok {
			out = append(out, l)
		}
	}
	return out, nil
}
