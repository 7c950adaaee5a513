// lianzhen demo: one command that shows the whole house at work on this machine, with invented people.

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// runDemo builds the trial's world in its data folder, tells the story on the first start or with --once, and serves.
func runDemo(ctx context.Context, cmd demoCmd) error {
	start := time.Now()
	if err := os.MkdirAll(cmd.Data, 0o700); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	ready := filepath.Join(cmd.Data, "demo.json") // whoever waits for it finds a server that answers
	if err := os.Remove(ready); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("demo: %w", err)
	}
	world, err := openWorld(cmd.Data, start)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	running, err := startDemo(ctx, cmd, world)
	if running != nil {
		defer func() {
			stop()
			<-running.ended
		}()
	}
	if err != nil {
		return err
	}
	t := newDemoTable(os.Stdout)
	if cmd.Once || !world.Made["story"] {
		if err := running.tell(ctx, t, world, cmd.Data); err != nil {
			return err
		}
	}
	file := running.file(world)
	if err := writeSecret(ready, file); err != nil {
		return err
	}
	if cmd.Once {
		fmt.Fprintf(os.Stdout, t.t("\n全部完成,用时 %.1f 秒。账号与密钥在 %s\n", "\nall done in %.1f s. Logins and keys are in %s\n"), time.Since(start).Seconds(), ready)
		return nil
	}
	t.welcome(file, ready)
	select {
	case <-ctx.Done():
		return nil
	case <-running.ended:
		return running.err
	}
}

// demoServer is the trial's server while it runs.
type demoServer struct {
	demoDoors
	ended chan struct{} // closed when it has stopped
	err   error         // why, once ended
}

// startDemo builds the server over embedded storage, the world in it, opens the doors and waits until they answer.
func startDemo(ctx context.Context, cmd demoCmd, world *demoWorld) (*demoServer, error) {
	a, err := buildDemo(ctx, cmd)
	if err != nil {
		return nil, err
	}
	if err := world.build(ctx, demoRooms{a.db, a.book, a.desk}); err != nil {
		return nil, errors.Join(err, a.close())
	}
	d := &demoServer{
		demoDoors: demoDoors{
			http: "http://" + reachable(a.listeners.HTTP), grpc: reachable(a.listeners.GRPC), dimse: reachable(a.listeners.DIMSE),
			mllp: reachable(a.listeners.MLLP), astm: reachable(a.listeners.ASTM),
		},
		ended: make(chan struct{}),
	}
	go func() {
		defer close(d.ended)
		d.err = errors.Join(a.run(ctx), a.close())
	}()
	return d, d.await(ctx)
}

// buildDemo takes no settings file and no environment: the trial is the same everywhere. The server's log goes to a file, so
// that the table stays a table.
func buildDemo(ctx context.Context, cmd demoCmd) (*app, error) {
	cfg := defaults()
	cfg.Data, cfg.HTTP.Address, cfg.GRPC.Address, cfg.Ops.Address = cmd.Data, cmd.HTTP, cmd.GRPC, ""
	cfg.DIMSE.Address, cfg.HL7.Address, cfg.ASTM.Address = cmd.DIMSE, cmd.MLLP, cmd.ASTM
	cfg.Drain = 5 * time.Second
	log, err := os.OpenFile(filepath.Join(cmd.Data, "demo", "server.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	usual := os.Stderr
	os.Stderr = log // what build takes for the log's file
	defer func() { os.Stderr = usual }()
	a, err := build(ctx, cfg)
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	return a, nil
}

// reachable is the listener's address as a client on this machine dials it.
func reachable(l net.Listener) string {
	a := l.Addr().(*net.TCPAddr)
	if a.IP.IsUnspecified() {
		return fmt.Sprintf("127.0.0.1:%d", a.Port)
	}
	return a.String()
}

// await asks /readyz until the server is ready.
func (d *demoServer) await(ctx context.Context) error {
	late := time.Now().Add(30 * time.Second)
	for {
		res, err := restClient.Get(d.http + "/readyz")
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
			err = fmt.Errorf("/readyz: HTTP %d", res.StatusCode)
		}
		if time.Now().After(late) {
			return fmt.Errorf("demo: the server does not get ready: %w", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-d.ended:
			return fmt.Errorf("demo: the server stopped: %w", d.err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (d *demoServer) tell(ctx context.Context, t *demoTable, w *demoWorld, data string) error {
	s := newStory(d.demoDoors, t, w, filepath.Join(data, "demo"), time.Now())
	defer s.close()
	if err := w.save(); err != nil { // the next story makes other studies, whatever becomes of this one
		return err
	}
	t.head()
	if err := s.tell(ctx); err != nil {
		return fmt.Errorf("demo: the story failed: %w", err)
	}
	w.Made["story"] = true
	return w.save()
}

func (d *demoServer) file(w *demoWorld) demoFile {
	f := demoFile{HTTP: d.http, GRPC: d.grpc, DIMSE: d.dimse, MLLP: d.mllp, ASTM: d.astm, Users: w.logins(), Keys: w.keys()}
	for _, dev := range demoDevices() {
		if dev.AETitle == "" { // a link of the laboratory
			continue
		}
		f.Devices = append(f.Devices, demoAE{dev.AETitle, string(dev.Institution)})
	}
	return f
}
