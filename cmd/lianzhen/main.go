// Command lianzhen is the county's diagnostic exchange: the server, a trial of it, and what its administrator needs.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1 // it was tried and went wrong
	exitUsage  = 2 // the command line or a setting is wrong
)

type cli struct {
	Serve    serveCmd    `cmd:"" help:"Run the server."`
	Demo     demoCmd     `cmd:"" help:"Run a trial with two counties of generated data, nothing to set up."`
	Admin    adminCmd    `cmd:"" help:"Check, rebuild, back up; make the first accounts."`
	Settings settingsCmd `cmd:"" help:"List every setting with its default."`
	Version  versionCmd  `cmd:"" help:"Say which version this is."`
}

// demoCmd is the trial; demo.go plays it.
type demoCmd struct {
	Data  string `default:"./lianzhen-demo" help:"Folder of the trial's data."`
	HTTP  string `default:"127.0.0.1:8080" help:"Address of HTTP."`
	GRPC  string `default:"127.0.0.1:9090" help:"Address of gRPC."`
	DIMSE string `default:"127.0.0.1:11112" help:"Address of DIMSE."`
	MLLP  string `default:"127.0.0.1:2575" help:"Address of HL7 v2 over MLLP."`
	ASTM  string `default:"127.0.0.1:2576" help:"Address of ASTM."`
	Once  bool   `help:"Play the whole story once and exit."`
}

// Run plays the trial.
func (c *demoCmd) Run(ctx context.Context) error { return runDemo(ctx, *c) }

type versionCmd struct{}

// Run prints the version of the module and of the commit.
func (versionCmd) Run(out io.Writer) error {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return errors.New("no build information")
	}
	revision := ""
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			revision = " " + s.Value
		}
	}
	_, err := fmt.Fprintf(out, "lianzhen %s%s %s\n", info.Main.Version, revision, info.GoVersion)
	return err
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the whole program: tests call it as the shell does.
func run(ctx context.Context, args []string, out, errs io.Writer) int {
	var c cli
	exited := -1
	parser, err := kong.New(&c, kong.Name("lianzhen"), kong.Description("Lianzhen 联诊, a county diagnostic exchange."),
		kong.UsageOnError(), kong.Writers(out, errs), kong.Exit(func(code int) { exited = code }),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.BindTo(out, (*io.Writer)(nil)))
	if err != nil {
		_, _ = fmt.Fprintln(errs, "lianzhen:", err)
		return exitFailed
	}
	k, err := parser.Parse(args)
	if exited >= 0 { // --help has answered
		return exited
	}
	if err == nil {
		err = k.Run()
	} else {
		err = &usage{err}
	}
	var wrong *usage
	switch {
	case err == nil, errors.Is(err, context.Canceled) && ctx.Err() != nil:
		return exitOK
	case errors.As(err, &wrong):
		_, _ = fmt.Fprintln(errs, "lianzhen:", err)
		return exitUsage
	}
	_, _ = fmt.Fprintln(errs, "lianzhen:", err)
	return exitFailed
}

// usage is an error of the command line or of a setting.
type usage struct{ error }

func (u *usage) Unwrap() error { return u.error }
