package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/record"
)

// The story is told twice and served once on the same data: nothing is doubled, and every key and password stays.
func TestDemo(t *testing.T) {
	if testing.Short() {
		t.Skip("plays the whole story")
	}
	data := filepath.Join(t.TempDir(), "data")
	args := []string{"demo", "--data", data, "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--dimse", "127.0.0.1:0", "--mllp", "127.0.0.1:0", "--astm", "127.0.0.1:0"}
	first := playDemo(t, data, append(args, "--once"))
	second := playDemo(t, data, append(args, "--once"))

	var served demoFile
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		defer cancel()
		for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline) && ctx.Err() == nil; time.Sleep(20 * time.Millisecond) {
			if b, err := os.ReadFile(filepath.Join(data, "demo.json")); err == nil && json.Unmarshal(b, &served) == nil && served.GRPC != first.GRPC && served.GRPC != second.GRPC {
				return
			}
		}
	}()
	var errs bytes.Buffer
	if code := run(ctx, args, os.Stdout, &errs); code != exitOK {
		t.Fatalf("serving: code %d: %s", code, errs.String())
	}
	for _, f := range []*demoFile{&first, &second, &served} {
		f.HTTP, f.GRPC, f.DIMSE, f.MLLP, f.ASTM = "", "", "", "", ""
	}
	if diff := cmp.Diff(first, second) + cmp.Diff(first, served); diff != "" {
		t.Errorf("the second start changed: %s", diff)
	}
	if len(first.Keys) == 0 || first.Keys[0].Name != "bench" || !strings.HasPrefix(first.Keys[0].Key, "lz_") {
		t.Error("there is no key named bench")
	}
	for _, ae := range []string{"BENCH", "STORESCU"} {
		if !slices.Contains(first.Devices, demoAE{ae, first.Keys[0].Institution}) {
			t.Errorf("AE title %s is not of the institution of bench", ae)
		}
	}
	info, err := os.Stat(filepath.Join(data, "demo.json"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("demo.json: %v %v", info.Mode(), err)
	}
}

func playDemo(t *testing.T, data string, args []string) demoFile {
	t.Helper()
	var errs bytes.Buffer
	if code := run(t.Context(), args, os.Stdout, &errs); code != exitOK {
		log, _ := os.ReadFile(filepath.Join(data, "demo", "server.log"))
		t.Fatalf("code %d: %s\n%s", code, errs.String(), log)
	}
	b, err := os.ReadFile(filepath.Join(data, "demo.json"))
	if err != nil {
		t.Fatal(err)
	}
	var f demoFile
	if err := json.Unmarshal(b, &f); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestDemoPatientsAreNobody(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range demoPatients {
		n, err := record.ParseIDNumber(p.number)
		if err != nil || seen[p.number] || !strings.HasPrefix(p.number, noDivision) {
			t.Errorf("identity number of patient %d: %v", len(seen), err)
		}
		if strings.ReplaceAll(n.BirthDate().String(), "-", "") != p.birth || string(n.Sex()) != p.sex {
			t.Errorf("patient %d: the number tells another birth date or sex", len(seen))
		}
		seen[p.number] = true
	}
}

func TestDemoTableCountsChineseTwice(t *testing.T) {
	if n := displayWidth("CT 云杉镇(a)"); n != 3+6+3 {
		t.Errorf("%d", n)
	}
}
