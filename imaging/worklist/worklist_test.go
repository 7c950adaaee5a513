package worklist

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

// ward is a worklist with the county, and who works there.
type ward struct {
	*Worklist
	t  *testing.T
	db *store.DB
}

func newWard(t *testing.T, db *store.DB, opt Options) *ward {
	t.Helper()
	storetest.County(t, db)
	return &ward{New(db, opt), t, db}
}

// at is a scope of one institution.
func at(i record.InstitutionID) record.Scope {
	return record.Scope{
		Actor: record.Actor{Kind: record.ActorDevice, ID: "CT1", Institution: i}, Purpose: record.Treatment,
		Institutions: []record.InstitutionID{i}, Own: i,
	}
}

var (
	suwu      = at(storetest.Suwu)
	dongba    = at(storetest.Dongba)
	nine      = time.Date(2026, 3, 5, 1, 0, 0, 0, time.UTC) // 09:00 in China
	wang      = record.Demographics{LocalID: "P001", Name: "王小明", BirthDate: record.Date{Year: 1980, Month: 3, Day: 7}, Sex: record.Male}
	ouyang    = record.Demographics{LocalID: "P002", Name: "欧阳修", Sex: record.Male}
	smith     = record.Demographics{LocalID: "P003", Name: "Smith John", Sex: record.Male}
	chestStep = Step{Modality: "CT", Stations: []string{"SUWUCT"}, StationName: "CT1", StartAt: nine, Description: "胸部平扫"}
)

func order(who record.Demographics, steps ...Step) Order {
	if len(steps) == 0 {
		steps = []Step{chestStep}
	}
	return Order{Who: who, Steps: steps, Procedure: Procedure{Description: "CT 胸部", Code: Code{"CT001", "LZ", "CT 胸部平扫"}}, Reason: "咳嗽"}
}

func (w *ward) create(s record.Scope, o Order) Order {
	w.t.Helper()
	return must(w.Create(w.t.Context(), s, o))(w.t)
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func wantKind(t *testing.T, err error, kind record.Kind) {
	t.Helper()
	if err == nil || record.KindOf(err) != kind {
		t.Fatalf("%v, want %v", err, kind)
	}
}

func wantStatus(t *testing.T, err error, st Status, tags ...dicom.Tag) {
	t.Helper()
	var f *Fault
	if !errors.As(err, &f) || f.Status != st || !slices.Equal(f.Tags, tags) {
		t.Fatalf("%v, want status %04X of %v", err, uint16(st), tags)
	}
}

// ds makes a data set of text attributes.
func ds(pairs ...any) *dicom.DataSet {
	d := dicom.NewDataSet()
	for i := 0; i < len(pairs); i += 2 {
		t := pairs[i].(dicom.Tag)
		switch v := pairs[i+1].(type) {
		case string:
			set(d, t, v)
		case []string:
			d.SetText(t, v...)
		case *dicom.DataSet:
			d.SetItems(t, v)
		case []*dicom.DataSet:
			d.SetItems(t, v...)
		}
	}
	return d
}

// each runs a test over both databases.
func each(t *testing.T, f func(t *testing.T, w *ward)) {
	t.Helper()
	storetest.EachDB(t, func(t *testing.T, db *store.DB) { f(t, newWard(t, db, Options{})) })
}

func (w *ward) find(s record.Scope, keys *dicom.DataSet) []*dicom.DataSet {
	w.t.Helper()
	var out []*dicom.DataSet
	for d, err := range w.Find(w.t.Context(), s, keys, 0) {
		if err != nil {
			w.t.Fatal(err)
		}
		out = append(out, d)
	}
	return out
}

func (w *ward) acts(prefix string) (out []string) {
	w.t.Helper()
	for _, e := range must(w.db.Events(context.Background(), store.EventFilter{Acts: []string{prefix}, Limit: 10000}))(w.t) {
		out = append(out, e.Act)
	}
	return out
}
