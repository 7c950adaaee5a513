// Building the server from the ground up, running it, and stopping it in reverse.

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/lianzhen/lianzhen/authz"
	"github.com/lianzhen/lianzhen/authz/recognition"
	"github.com/lianzhen/lianzhen/ecg"
	"github.com/lianzhen/lianzhen/gateway"
	"github.com/lianzhen/lianzhen/imaging"
	"github.com/lianzhen/lianzhen/imaging/exchange"
	"github.com/lianzhen/lianzhen/imaging/worklist"
	"github.com/lianzhen/lianzhen/lab"
	"github.com/lianzhen/lianzhen/lab/catalogue"
	"github.com/lianzhen/lianzhen/lab/dispatch"
	"github.com/lianzhen/lianzhen/lab/quality"
	"github.com/lianzhen/lianzhen/lab/specimen"
	"github.com/lianzhen/lianzhen/reading"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

type serveCmd struct {
	where
	HTTP  string `help:"Address of HTTP." placeholder:"HOST:PORT"`
	GRPC  string `help:"Address of gRPC." placeholder:"HOST:PORT"`
	DIMSE string `name:"dimse" help:"Address of DIMSE." placeholder:"HOST:PORT"`
	MLLP  string `name:"mllp" help:"Address of HL7 v2 over MLLP." placeholder:"HOST:PORT"`
	ASTM  string `name:"astm" help:"Address of ASTM." placeholder:"HOST:PORT"`
	Ops   string `help:"Address of metrics." placeholder:"HOST:PORT"`
}

// Run serves until ctx ends.
func (c *serveCmd) Run(ctx context.Context) error {
	cfg, err := c.load(map[string]string{"http.address": c.HTTP, "grpc.address": c.GRPC, "dimse.address": c.DIMSE, "hl7.address": c.MLLP, "astm.address": c.ASTM, "ops.address": c.Ops})
	if err != nil {
		return err
	}
	a, err := build(ctx, cfg)
	if err != nil {
		return err
	}
	return errors.Join(a.run(ctx), a.close())
}

// app is the server with its rooms. Build it with build or, without doors, with open; close it in the end.
type app struct {
	cfg       config
	log       *slog.Logger
	keys      *store.Keys
	db        *store.DB
	blobs     store.Blobs
	spool     *store.Spool
	book      *authz.Book
	guard     *authz.Guard
	desk      *recognition.Desk
	room      *reading.Room
	imaging   *imaging.Centre
	ecg       *ecg.Centre
	orders    *worklist.Worklist
	specimens *specimen.Desk
	peers     *exchange.Exchange
	quality   *quality.Desk
	catalogue *catalogue.Desk
	lab       *lab.Centre
	dispatch  *dispatch.Desk

	gateway   *gateway.Server
	listeners gateway.Listeners

	undo []func() error // in the order of making
}

func (a *app) later(f func() error) { a.undo = append(a.undo, f) }

// close undoes in reverse what was made.
func (a *app) close() error {
	var errs []error
	for i := len(a.undo) - 1; i >= 0; i-- {
		errs = append(errs, a.undo[i]())
	}
	a.undo = nil
	return errors.Join(errs...)
}

// serverSpool is the spool of the one server that may run on a data folder; commands beside it have their own.
const serverSpool = "spool"

// open makes the stores and the rooms: all that works without doors. spool names the folder of arriving objects, of
// which one program uses one.
func open(ctx context.Context, cfg config, spool string) (a *app, err error) {
	a = &app{cfg: cfg}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.close())
			a = nil
		}
	}()
	if a.log, err = newLog(cfg); err != nil {
		return a, err
	}
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return a, fmt.Errorf("data folder: %w", err)
	}
	if spool == serverSpool {
		release, err := lockFolder(cfg.Data)
		if err != nil {
			return a, err
		}
		a.later(release)
	}
	if a.keys, err = store.OpenKeys(filepath.Join(cfg.Data, "keys")); err != nil {
		return a, err
	}
	if a.blobs, err = openBlobs(cfg); err != nil {
		return a, err
	}
	if a.spool, err = store.NewSpool(filepath.Join(cfg.Data, spool), a.blobs, store.SpoolOptions{
		TotalMemory: int64(cfg.Imaging.SpoolMemory), MaxBytes: int64(cfg.Imaging.MaxObject) + 1,
	}); err != nil {
		return a, err
	}
	if a.db, err = store.Open(ctx, cfg.databaseURL(), store.Options{Keys: a.keys}); err != nil {
		return a, err
	}
	a.later(a.db.Close)
	return a, a.openRooms(ctx)
}

func openBlobs(cfg config) (store.Blobs, error) {
	s3 := cfg.Storage.S3
	if s3.Endpoint == "" {
		return store.NewDir(filepath.Join(cfg.Data, "blobs"))
	}
	return store.NewS3(store.S3Config{
		Endpoint: s3.Endpoint, AccessKey: s3.AccessKey, SecretKey: string(s3.SecretKey), Region: s3.Region, Secure: s3.Secure,
		SSE: s3.SSE, RetainFor: time.Duration(s3.RetainDays) * 24 * time.Hour, BucketPrefix: s3.BucketPrefix,
	})
}

// loadRules reads the packs of a folder, or those that came with the program.
func loadRules(dir string) (*recognition.Rulebook, error) {
	if dir == "" {
		return recognition.Default(), nil
	}
	rules, err := recognition.Load(os.DirFS(dir))
	if err != nil {
		return nil, fmt.Errorf("setting recognition.rules: %w", err)
	}
	return rules, nil
}

const closeFor = 30 * time.Second

func (a *app) openRooms(ctx context.Context) (err error) {
	a.book = authz.NewBook(a.db, a.keys)
	// The guard lives until the last call has been answered, longer than ctx.
	if a.guard, err = authz.NewGuard(context.WithoutCancel(ctx), a.db); err != nil {
		return err
	}
	a.later(func() error { a.guard.Close(); return nil })
	rules, err := loadRules(a.cfg.Recognition.Rules)
	if err != nil {
		return err
	}
	a.desk = recognition.NewDesk(a.db, rules)
	r := a.cfg.Reading
	a.room = reading.NewRoom(a.db, a.blobs, reading.Options{
		ClaimFor: r.ClaimFor, CriticalAck: r.CriticalAck,
		Due:   reading.Due{Stat: r.DueStat, Urgent: r.DueUrgent, Routine: r.DueRoutine},
		DueBy: map[string]reading.Due{ecg.Resting: {Stat: a.cfg.ECG.DueStat, Urgent: a.cfg.ECG.DueUrgent, Routine: a.cfg.ECG.DueRoutine}},
	})
	a.ecg = ecg.New(a.db, a.blobs, a.spool, a.room, ecg.Options{
		MaxFile: int64(a.cfg.ECG.MaxFile), MaxQuarantine: int64(a.cfg.ECG.MaxQuarantine),
	})
	i := a.cfg.Imaging
	a.imaging = imaging.New(a.db, a.blobs, a.spool, a.room, imaging.Options{
		Quiet: i.Quiet, MaxObject: int64(i.MaxObject), MaxQuarantine: int64(i.MaxQuarantine),
		OnStored: gateway.Waveforms(a.ecg), ReadElsewhere: gateway.ReadAsTracings(a.ecg),
	})
	a.later(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), closeFor)
		defer cancel()
		return a.imaging.Close(ctx)
	})
	a.orders = worklist.New(a.db, worklist.Options{})
	a.quality = quality.New(a.db, quality.Options{})
	a.catalogue = catalogue.New(a.db)
	a.specimens = specimen.New(a.db, specimen.Catalogued(a.catalogue, specimen.Options{Recent: a.recent}))
	a.openLab()
	a.peers = exchange.New(a.db, a.imaging, exchange.Options{AETitle: a.cfg.DIMSE.AETitle, Device: gateway.Devices(a.book, a.guard), Log: a.log})
	return nil
}

// recent asks the centre, which is made after the desk that asks it.
func (a *app) recent(ctx context.Context, s record.Scope, patient record.PatientID, items []string, since time.Time) ([]specimen.Tested, error) {
	return a.lab.Recent(ctx, s, patient, items, since)
}

// openLab makes the laboratory centre over its desks.
func (a *app) openLab() {
	a.lab = lab.New(a.db, a.blobs, a.room, lab.Desks{Catalogue: a.catalogue, Specimens: a.specimens, Quality: a.quality}, lab.Options{Link: gateway.LabLink(a.book)})
	a.catalogue.OnMapped, a.catalogue.History = a.lab.OnMapped, a.lab.Judged
	a.dispatch = dispatch.New(a.db, a.lab, dispatch.Options{Local: a.cfg.Lab.LocalReceivers})
	a.later(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), closeFor)
		defer cancel()
		return a.lab.Close(ctx)
	})
}

// build makes the whole server and opens its listeners, so that a port in use is told before anything runs.
func build(ctx context.Context, cfg config) (a *app, err error) {
	a, err = open(ctx, cfg, serverSpool)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.close())
			a = nil
		}
	}()
	opt, err := gatewayOptions(cfg)
	if err != nil {
		return a, err
	}
	a.gateway, err = gateway.New(gateway.Deps{
		DB: a.db, Keys: a.keys, Blobs: a.blobs, Book: a.book, Guard: a.guard, Desk: a.desk, Room: a.room, Imaging: a.imaging, ECG: a.ecg, Lab: a.lab, Dispatch: a.dispatch,
		Worklist: a.orders, Exchange: a.peers, Quality: a.quality, Catalogue: a.catalogue, Specimens: a.specimens, Log: a.log, Options: opt,
	})
	if err != nil {
		return a, err
	}
	a.later(func() error { a.gateway.Stop(); return nil })
	return a, a.listen()
}

func gatewayOptions(cfg config) (gateway.Options, error) {
	t, err := newTLS(cfg)
	if err != nil {
		return gateway.Options{}, err
	}
	proxies, err := cfg.proxies()
	if err != nil {
		return gateway.Options{}, err
	}
	q := cfg.Quota
	return gateway.Options{
		TLS: t, PublicURL: cfg.HTTP.PublicURL, Origins: cfg.HTTP.Origins, MaxBody: int64(cfg.HTTP.MaxBody), MaxBlob: int64(cfg.HTTP.MaxObject), Drain: cfg.Drain,
		DIMSE: gateway.DIMSE{
			AETitle: cfg.DIMSE.AETitle, AnyCalledAE: cfg.DIMSE.AnyCalledAE, Charset: cfg.DIMSE.Charset,
			StrangersAt: record.InstitutionID(cfg.DIMSE.StrangersAt),
		},
		HL7: gateway.HL7{
			MaxMessage: int64(cfg.HL7.MaxMessage), Connections: int(cfg.HL7.Connections), PerAddress: int(cfg.HL7.PerAddress),
		},
		ASTM:     gateway.ASTM{Dial: cfg.ASTM.Dial},
		InFlight: int(cfg.Imaging.InFlight), SecureCookies: cfg.HTTP.SecureCookies, TrustedProxies: proxies, Pprof: loopback(cfg.Ops.Address),
		Quota: gateway.Quota{
			Calls: gateway.Rate{N: int(q.CallsPerSecond), Per: time.Second}, SignIns: gateway.Rate{N: int(q.SignInsPerMinute), Per: time.Minute},
			Searches: gateway.Rate{N: int(q.SearchesPerMin), Per: time.Minute}, Together: int(q.Together),
		},
	}, nil
}

func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	a, addrErr := netip.ParseAddr(host)
	return err == nil && (host == "localhost" || addrErr == nil && a.IsLoopback())
}

func (a *app) listen() error {
	for _, l := range []struct {
		name, address string
		to            *net.Listener
	}{
		{"grpc.address", a.cfg.GRPC.Address, &a.listeners.GRPC},
		{"http.address", a.cfg.HTTP.Address, &a.listeners.HTTP},
		{"ops.address", a.cfg.Ops.Address, &a.listeners.Ops},
		{"dimse.address", a.cfg.DIMSE.Address, &a.listeners.DIMSE},
		{"dimse.tls_address", a.cfg.DIMSE.TLSAddress, &a.listeners.DIMSETLS},
		{"hl7.address", a.cfg.HL7.Address, &a.listeners.MLLP},
		{"hl7.tls_address", a.cfg.HL7.TLSAddress, &a.listeners.MLLPTLS},
		{"astm.address", a.cfg.ASTM.Address, &a.listeners.ASTM},
		{"astm.tls_address", a.cfg.ASTM.TLSAddress, &a.listeners.ASTMTLS},
	} {
		if l.address == "" {
			continue
		}
		var how net.ListenConfig
		if l.to == &a.listeners.GRPC || l.to == &a.listeners.HTTP {
			how.Control = congestion(a.cfg.TCP.Congestion, a.log)
		}
		opened, err := how.Listen(context.Background(), "tcp", l.address)
		if err != nil {
			return fmt.Errorf("setting %s: %w", l.name, err)
		}
		if l.to == &a.listeners.DIMSETLS || l.to == &a.listeners.MLLPTLS || l.to == &a.listeners.ASTMTLS {
			if opened, err = overTLS(opened, a.cfg); err != nil {
				return err
			}
		}
		*l.to = opened
		a.later(func() error { _ = opened.Close(); return nil })
	}
	return nil
}

// run serves until ctx ends. What the rooms do by the clock goes on until the last call has been answered.
func (a *app) run(ctx context.Context) error {
	clock, stop := context.WithCancel(context.WithoutCancel(ctx))
	var ticking sync.WaitGroup
	ticking.Go(func() {
		a.room.Run(clock, func(err error) { a.log.Error("reading room", "error", err) })
	})
	ticking.Go(func() { a.imaging.Run(clock) })
	ticking.Go(func() { a.ecg.Run(clock) })
	ticking.Go(func() {
		a.lab.Run(clock, func(err error) { a.log.Error("laboratory", "error", err) })
	})
	ticking.Go(func() {
		a.dispatch.Run(clock, func(err error) { a.log.Error("results on their way", "error", err) })
	})
	if age := a.cfg.Imaging.CompactAfter; age > 0 {
		if err := a.compactable(); err != nil {
			a.log.Warn("setting imaging.compact_after has no effect", "reason", err)
		} else {
			ticking.Go(func() { a.imaging.RunCompact(clock, age) })
		}
	}
	ticking.Go(func() {
		a.orders.Run(clock, func(err error) { a.log.Error("worklist", "error", err) })
	})
	ticking.Go(func() {
		a.specimens.Run(clock, func(err error) { a.log.Error("specimens", "error", err) })
	})
	ticking.Go(func() {
		a.catalogue.Run(clock, func(err error) { a.log.Error("catalogue", "error", err) })
	})
	ticking.Go(func() { a.peers.Run(clock) })
	defer ticking.Wait()
	defer stop()
	a.log.Info("serving", "http", addressOf(a.listeners.HTTP), "grpc", addressOf(a.listeners.GRPC), "dimse", addressOf(a.listeners.DIMSE), "mllp", addressOf(a.listeners.MLLP), "astm", addressOf(a.listeners.ASTM), "ops", addressOf(a.listeners.Ops),
		"tls", a.cfg.TLS.Cert != "", "database", a.db.Dialect(), "s3", a.cfg.Storage.S3.Endpoint != "")
	if a.cfg.TLS.Cert == "" && !loopback(a.cfg.HTTP.Address) && !a.cfg.HTTP.SecureCookies {
		a.log.Warn("no TLS: set tls.cert and tls.key, or http.secure_cookies behind a proxy that speaks it")
	}
	err := a.gateway.Serve(ctx, a.listeners)
	a.log.Info("stopped")
	return err
}

// overTLS makes a listener speak TLS as DICOM does (PS3.15 B.12): no application protocol is negotiated.
func overTLS(l net.Listener, cfg config) (net.Listener, error) {
	t, err := newTLS(cfg)
	if err != nil {
		return nil, err
	}
	t.NextProtos = nil
	return tls.NewListener(l, t), nil
}

func addressOf(l net.Listener) string {
	if l == nil {
		return ""
	}
	return l.Addr().String()
}

// newLog also makes the logger the default one, for what logs without being handed a logger.
func newLog(cfg config) (*slog.Logger, error) {
	level, err := logLevel(cfg.Log.Level)
	if err != nil {
		return nil, err
	}
	opt := &slog.HandlerOptions{Level: level}
	var h slog.Handler = slog.NewJSONHandler(os.Stderr, opt)
	if cfg.Log.Format == "text" {
		h = slog.NewTextHandler(os.Stderr, opt)
	}
	log := slog.New(h)
	slog.SetDefault(log)
	return log, nil
}

func logLevel(name string) (level slog.Level, err error) {
	return level, level.UnmarshalText([]byte(name))
}

// newTLS is nil without a certificate.
func newTLS(cfg config) (*tls.Config, error) {
	if cfg.TLS.Cert == "" {
		return nil, nil
	}
	p := &pair{cert: cfg.TLS.Cert, key: cfg.TLS.Key}
	if _, err := p.get(nil); err != nil {
		return nil, wrong("settings tls.cert and tls.key: %w", err)
	}
	t := &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: p.get, NextProtos: []string{"h2", "http/1.1"}}
	if cfg.TLS.ClientCA == "" {
		return t, nil
	}
	text, err := os.ReadFile(cfg.TLS.ClientCA)
	if err != nil {
		return nil, wrong("setting tls.client_ca: %w", err)
	}
	t.ClientCAs, t.ClientAuth = x509.NewCertPool(), tls.VerifyClientCertIfGiven
	if !t.ClientCAs.AppendCertsFromPEM(text) {
		return nil, wrong("setting tls.client_ca: no certificate in the file")
	}
	return t, nil
}

// pair is a certificate that is read again when its file has changed.
type pair struct {
	cert, key string
	mu        sync.Mutex
	looked    time.Time
	changed   time.Time
	loaded    *tls.Certificate
}

const lookEvery = time.Minute

func (p *pair) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.loaded != nil && time.Since(p.looked) < lookEvery {
		return p.loaded, nil
	}
	p.looked = time.Now()
	info, err := os.Stat(p.cert)
	if err == nil && p.loaded != nil && info.ModTime().Equal(p.changed) {
		return p.loaded, nil
	}
	var fresh tls.Certificate
	if err == nil {
		fresh, err = tls.LoadX509KeyPair(p.cert, p.key)
	}
	if err != nil {
		if p.loaded != nil { // half written: the old one still serves
			slog.Error("tls: certificate not read again", "error", err)
			return p.loaded, nil
		}
		return nil, err
	}
	p.loaded, p.changed = &fresh, info.ModTime()
	return p.loaded, nil
}
