package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lianzhen/lianzhen/authz"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// Lianzhen is a running server with one hospital, and a key of that hospital.
type Lianzhen struct {
	URL           string // of HTTP, without a slash at the end
	DICOMweb      string
	DIMSE         string // host:port
	Authorization string // the header that lets in
	Institution   record.InstitutionID
	Data          string // its data folder
	Log           string // path of what it printed
}

// StartLianzhen builds the program of this checkout and runs it on free ports of the loopback for as long as the test lasts,
// with further arguments for "lianzhen serve".
func StartLianzhen(t testing.TB, args ...string) *Lianzhen {
	t.Helper()
	dir := t.TempDir()
	program := lianzhenProgram(t, dir)
	free := func() string { return fmt.Sprintf("127.0.0.1:%d", FreePort(t)) }
	address := free()
	l := &Lianzhen{
		URL: "http://" + address, DICOMweb: "http://" + address + "/dicomweb",
		DIMSE: free(), Institution: "e2e-hospital", Data: filepath.Join(dir, "data"), Log: filepath.Join(dir, "lianzhen.log"),
	}
	l.Authorization = "Bearer " + plant(t, l.Data, l.Institution)
	serve := append([]string{
		"serve", "--data", l.Data, "--http", address, "--grpc", free(), "--dimse", l.DIMSE, "--mllp", free(), "--astm", free(), "--ops", free(),
	}, args...)
	cmd := exec.Command(program, serve...)
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "LIANZHEN_") }) // ours are no settings
	run(t, l.Log, cmd, l.URL+"/readyz", "")
	return l
}

// lianzhenProgram is the program that LIANZHEN_E2E_PROGRAM names, else one built from the checkout into dir.
func lianzhenProgram(t testing.TB, dir string) string {
	t.Helper()
	if program := os.Getenv("LIANZHEN_E2E_PROGRAM"); program != "" {
		return program
	}
	program := filepath.Join(dir, "lianzhen")
	build := exec.Command("go", "build", "-o", program, "github.com/lianzhen/lianzhen/cmd/lianzhen")
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v: %s", err, said)
	}
	return program
}

// plant makes the rows without which nobody could call: a hospital and its key.
func plant(t testing.TB, data string, hospital record.InstitutionID) string {
	t.Helper()
	if err := os.MkdirAll(data, 0o700); err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	keys, err := store.OpenKeys(filepath.Join(data, "keys"))
	if err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(ctx, "sqlite:"+filepath.Join(data, "index.sqlite"), store.Options{Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	scope := record.Scope{
		Actor:   record.Actor{Kind: record.ActorSystem, ID: "e2e", Display: "e2e", Institution: authz.Root},
		Purpose: record.Operations, All: true, Rule: "e2e",
	}
	book := authz.NewBook(db, keys)
	if _, err := book.CreateFirstAdmin(ctx, "root", "a-password-4-Tests", record.Personal("系统管理员")); err != nil {
		t.Fatal(err)
	}
	err = db.Tx(ctx, func(tx *store.Tx) error {
		tx.As(scope)
		return plantCounty(ctx, tx, hospital)
	})
	if err != nil {
		t.Fatal(err)
	}
	_, key, err := book.CreateKey(ctx, scope, authz.APIKey{Name: "e2e", Institution: hospital, Scopes: authz.KeyScopes()})
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// plantCounty puts the hospital into a county whose imaging centre it hosts.
func plantCounty(ctx context.Context, tx *store.Tx, hospital record.InstitutionID) error {
	const county, division = record.InstitutionID("e2e-county"), "620921"
	for _, i := range []store.Institution{
		{ID: county, Name: "青山县", Kind: store.County, Division: division, Active: true},
		{ID: hospital, Name: "青山县人民医院", Kind: store.CountyHospital, Division: division, Level: 2, Active: true},
	} {
		if err := tx.PutInstitution(ctx, i); err != nil {
			return err
		}
	}
	if err := tx.PutRelation(ctx, store.Relation{Child: hospital, Parent: county, Kind: store.MemberOf}); err != nil {
		return err
	}
	return tx.PutCentre(ctx, store.Centre{County: county, Kind: record.Imaging, Host: hospital, Name: "青山县影像诊断中心"})
}
