// The server under measurement: the real gateway over real stores, with a small county and its links.

package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver that makes and drops databases

	"github.com/lianzhen/lianzhen/authz"
	"github.com/lianzhen/lianzhen/authz/recognition"
	"github.com/lianzhen/lianzhen/ecg"
	"github.com/lianzhen/lianzhen/gateway"
	"github.com/lianzhen/lianzhen/imaging"
	"github.com/lianzhen/lianzhen/imaging/exchange"
	"github.com/lianzhen/lianzhen/imaging/worklist"
	"github.com/lianzhen/lianzhen/lab"
	"github.com/lianzhen/lianzhen/lab/catalogue"
	"github.com/lianzhen/lianzhen/lab/quality"
	"github.com/lianzhen/lianzhen/lab/specimen"
	"github.com/lianzhen/lianzhen/reading"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// ground is a pair of stores that measurements are made over.
type ground struct {
	database, blobs string // sqlite or postgres; folder or s3
}

func (g ground) String() string { return g.database + " + " + g.blobs }

// grounds are the pairs that can be had here: PostgreSQL and S3 where their addresses are in the environment.
func grounds() []ground {
	all := []ground{{"SQLite", "folder"}}
	if os.Getenv(postgresEnv) != "" {
		all = append(all, ground{"PostgreSQL", "folder"})
		if os.Getenv(s3Env) != "" {
			all = append(all, ground{"PostgreSQL", "S3"})
		}
	}
	return all
}

const (
	postgresEnv = "LIANZHEN_TEST_POSTGRES"
	s3Env       = "LIANZHEN_TEST_S3"
)

// house is a server at work.
type house struct {
	db    *store.DB
	book  *authz.Book
	lab   *lab.Centre
	mllp  string
	undo  []func() error
	admin record.Scope
}

func (h *house) later(f func() error) { h.undo = append(h.undo, f) }

func (h *house) close() error {
	var errs []error
	for i := len(h.undo) - 1; i >= 0; i-- {
		errs = append(errs, h.undo[i]())
	}
	h.undo = nil
	return errors.Join(errs...)
}

// newHouse opens a server over fresh stores. Close it.
func newHouse(ctx context.Context, g ground) (*house, error) {
	h := &house{admin: record.Scope{Actor: record.Actor{Kind: record.ActorSystem, ID: "bench", Institution: authz.Root}, All: true, Purpose: record.Operations}}
	if err := h.open(ctx, g); err != nil {
		return nil, errors.Join(err, h.close())
	}
	return h, nil
}

func (h *house) open(ctx context.Context, g ground) error {
	folder, err := os.MkdirTemp("", "lianzhen-bench-")
	if err != nil {
		return err
	}
	h.later(func() error { return os.RemoveAll(folder) })
	keys, err := store.NewKeys([]byte("lianzhen bench master key, 32 b."))
	if err != nil {
		return err
	}
	address, err := h.address(ctx, g, folder)
	if err != nil {
		return err
	}
	if h.db, err = store.Open(ctx, address, store.Options{Keys: keys}); err != nil {
		return err
	}
	h.later(h.db.Close)
	if err := county(ctx, h.db); err != nil {
		return err
	}
	blobs, err := blobsOf(g, folder)
	if err != nil {
		return err
	}
	return h.serve(ctx, keys, blobs, folder)
}

// address is the URL of a fresh database.
func (h *house) address(ctx context.Context, g ground, folder string) (string, error) {
	if g.database == "SQLite" {
		return "sqlite:" + filepath.Join(folder, "index.sqlite"), nil
	}
	server := os.Getenv(postgresEnv)
	admin, err := sql.Open("pgx", server)
	if err != nil {
		return "", err
	}
	name := "bench_" + strings.ToLower(record.NewID(time.Now()))
	if _, err := admin.ExecContext(ctx, `CREATE DATABASE `+name); err != nil {
		return "", errors.Join(err, admin.Close())
	}
	h.later(func() error {
		_, err := admin.ExecContext(context.WithoutCancel(ctx), `DROP DATABASE `+name+` WITH (FORCE)`)
		return errors.Join(err, admin.Close())
	})
	u, err := url.Parse(server)
	if err != nil {
		return "", err
	}
	u.Path = "/" + name
	return u.String(), nil
}

func blobsOf(g ground, folder string) (store.Blobs, error) {
	if g.blobs == "folder" {
		return store.NewDir(filepath.Join(folder, "blobs"))
	}
	return store.NewS3(store.S3Config{
		Endpoint: os.Getenv(s3Env), AccessKey: os.Getenv(s3Env + "_ACCESS"), SecretKey: os.Getenv(s3Env + "_SECRET"),
		BucketPrefix: "b" + strings.ToLower(record.NewID(time.Now())[14:]) + "-",
	})
}

// serve builds the rooms and opens the HL7 door, as the program does.
func (h *house) serve(ctx context.Context, keys *store.Keys, blobs store.Blobs, folder string) error {
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	spool, err := store.NewSpool(filepath.Join(folder, "spool"), blobs, store.SpoolOptions{})
	if err != nil {
		return err
	}
	guard, err := authz.NewGuard(ctx, h.db)
	if err != nil {
		return err
	}
	h.later(func() error { guard.Close(); return nil })
	h.book = authz.NewBook(h.db, keys)
	room := reading.NewRoom(h.db, blobs, reading.Options{})
	tracings := ecg.New(h.db, blobs, spool, room, ecg.Options{})
	images := imaging.New(h.db, blobs, spool, room, imaging.Options{Quiet: time.Hour})
	h.later(func() error { return images.Close(context.WithoutCancel(ctx)) })
	desks := lab.Desks{Catalogue: catalogue.New(h.db), Specimens: specimen.New(h.db, specimen.Options{}), Quality: quality.New(h.db, quality.Options{})}
	h.lab = lab.New(h.db, blobs, room, desks, lab.Options{Link: gateway.LabLink(h.book)})
	desks.Catalogue.OnMapped = h.lab.OnMapped
	h.later(func() error { return h.lab.Close(context.WithoutCancel(ctx)) })
	server, err := gateway.New(gateway.Deps{
		DB: h.db, Keys: keys, Blobs: blobs, Book: h.book, Guard: guard, Desk: recognition.NewDesk(h.db, recognition.Default()), Room: room, Imaging: images,
		ECG: tracings, Lab: h.lab, Worklist: worklist.New(h.db, worklist.Options{}), Specimens: desks.Specimens, Quality: desks.Quality,
		Catalogue: desks.Catalogue, Exchange: exchange.New(h.db, images, exchange.Options{Device: gateway.Devices(h.book, guard), Log: log}), Log: log,
	})
	if err != nil {
		return err
	}
	h.later(func() error { server.Stop(); return nil })
	door, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	h.mllp = door.Addr().String()
	serving, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(serving, gateway.Listeners{MLLP: door}) }()
	h.later(func() error { stop(); return <-ended })
	ticking := make(chan struct{})
	go func() {
		defer close(ticking)
		h.lab.Run(serving, func(err error) { log.Error("laboratory", "error", err) })
	}()
	h.later(func() error { stop(); <-ticking; return nil })
	return nil
}

// link registers a sender at an institution.
func (h *house) link(ctx context.Context, at record.InstitutionID, name, profile string) (authz.Device, error) {
	d, err := h.book.CreateDevice(ctx, h.admin, authz.Device{Institution: at, Name: name, Protocol: authz.HL7, Link: authz.LinkName(name, string(at)), Address: "127.0.0.1"})
	if err != nil || profile == "" {
		return d, err
	}
	return h.book.UpdateDevice(ctx, h.admin, d.ID, authz.DeviceChange{Profile: &profile})
}

// townships is how many institutions of the county have a laboratory, beside its hospital.
const townships = 39

func township(i int) record.InstitutionID {
	return record.InstitutionID(fmt.Sprintf("county-t%02d", i))
}

// county writes a county with its hospital, townships and laboratory centre.
func county(ctx context.Context, db *store.DB) error {
	return db.Tx(ctx, func(tx *store.Tx) error {
		all := []store.Institution{
			{ID: "county", Name: "示例县", Kind: store.County, Division: "620621"},
			{ID: "community", Name: "示例县医共体", Kind: store.Community, Division: "620621"},
			{ID: "hospital", Name: "示例县医院", Kind: store.CountyHospital, Division: "620621", Level: 2},
		}
		for i := range townships {
			all = append(all, store.Institution{ID: township(i), Name: fmt.Sprintf("示例卫生院 %d", i), Kind: store.Township, Division: "620621", Level: 1})
		}
		for i, x := range all {
			x.Active = true
			if err := tx.PutInstitution(ctx, x); err != nil {
				return err
			}
			if i == 0 {
				continue
			}
			parent := record.InstitutionID("community")
			if x.ID == parent {
				parent = "county"
			}
			if err := tx.PutRelation(ctx, store.Relation{Child: x.ID, Parent: parent, Kind: store.MemberOf, From: since}); err != nil {
				return err
			}
		}
		if err := tx.PutRelation(ctx, store.Relation{Child: "hospital", Parent: "community", Kind: store.Leads, From: since}); err != nil {
			return err
		}
		return tx.PutCentre(ctx, store.Centre{County: "county", Kind: record.Lab, Host: "hospital", Name: "示例县检验中心"})
	})
}

var since = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
