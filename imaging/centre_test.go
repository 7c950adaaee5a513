package imaging

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/lianzhen/lianzhen/codec/dicom/phantom"
	"github.com/lianzhen/lianzhen/reading"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

// lab is a centre over real stores, with a technician of a township.
type lab struct {
	*Centre
	db    *store.DB
	blobs store.Blobs
	room  *reading.Room
	tech  record.Scope
	other record.Scope // of another township
}

func newLab(t testing.TB, db *store.DB, blobs store.Blobs) *lab {
	t.Helper()
	storetest.County(t, db)
	return openLab(t, db, blobs)
}

func openLab(t testing.TB, db *store.DB, blobs store.Blobs) *lab {
	t.Helper()
	spool, err := store.NewSpool(t.TempDir(), blobs, store.SpoolOptions{})
	if err != nil {
		t.Fatal(err)
	}
	room := reading.NewRoom(db, blobs, reading.Options{})
	c := New(db, blobs, spool, room, Options{Quiet: time.Hour})
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	return &lab{c, db, blobs, room, scopeOf(storetest.Suwu), scopeOf(storetest.Dongba)}
}

func scopeOf(i record.InstitutionID) record.Scope {
	return record.Scope{
		Actor:        record.Actor{Kind: record.ActorKey, ID: "key-" + string(i), Institution: i},
		Purpose:      record.Treatment,
		Institutions: []record.InstitutionID{i},
	}
}

var wang = phantom.Patient{Name: "Wang^Xiaoming=王^小明", ID: "P001", BirthDate: "19800307", Sex: "M"}

func study(kind phantom.Kind, seed uint64, n int, who phantom.Patient) [][]byte {
	var out [][]byte
	spec := phantom.Spec{
		Kind: kind, Seed: seed, Count: n, Patient: who, Rows: 64, Columns: 64,
		Accession: fmt.Sprintf("A%06d", seed), At: time.Date(2026, 3, 5, 9, 30, 0, 0, time.UTC),
	}
	for _, write := range phantom.Study(spec) {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			panic(err)
		}
		out = append(out, b.Bytes())
	}
	return out
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func source(b []byte) Source {
	return Source{Reader: bytes.NewReader(b), Size: int64(len(b)), SHA256: digest(b)}
}

func (l *lab) accept(t testing.TB, s record.Scope, b []byte) Stored {
	t.Helper()
	got, err := l.Accept(t.Context(), s, source(b))
	if err != nil {
		t.Fatalf("accept: %v", err)
	}
	return got
}

func (l *lab) fetch(t testing.TB, s record.Scope, id InstanceID) []byte {
	t.Helper()
	_, r, err := l.Fetch(t.Context(), s, id, 0, -1)
	if err != nil {
		t.Fatalf("fetch: %v", err)
	}
	defer func() { _ = r.Close() }()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func wantKind(t testing.TB, err error, kind record.Kind) {
	t.Helper()
	if err == nil || record.KindOf(err) != kind {
		t.Fatalf("error %v, want kind %s", err, kind)
	}
}
