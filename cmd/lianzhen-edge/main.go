// Command lianzhen-edge sends what a township examines to the county's centre, over whatever line there is.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// Exit codes, part of the outside contract.
const (
	exitDone     = 0 // everything is at the centre
	exitUsage    = 2 // the command line is wrong
	exitRefused  = 3 // some files are refused; they are listed
	exitUnfinish = 4 // not finished: run again to continue
)

type commandLine struct {
	Send  sendCmd  `cmd:"" help:"Send DICOM objects and ECGs of folders and files to the centre. 把文件夹中的影像和心电图传到中心。"`
	Watch watchCmd `cmd:"" help:"Watch folders and send what comes there, until stopped. 监视文件夹,随到随传。"`
	Lang  string   `enum:"zh,en,auto" default:"auto" help:"Language of the output: zh, en, or by LANG. 语言。"`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the program without its process: tests call it.
func run(ctx context.Context, args []string, out, errOut io.Writer) int {
	var cl commandLine
	left := -1
	parser, err := kong.New(&cl,
		kong.Name("lianzhen-edge"),
		kong.Description("The township program of Lianzhen (联诊).\nExit codes: 0 all at the centre, 2 wrong usage, 3 some files refused, 4 not finished: run again to continue."),
		kong.Writers(out, errOut),
		kong.Exit(func(code int) { left = code; panic(exited{}) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	if err != nil {
		panic(err) // the structure above is wrong
	}
	kctx, err := parse(parser, args)
	switch {
	case left >= 0:
		return left
	case err != nil:
		fmt.Fprintf(errOut, "lianzhen-edge: %v\n", err)
		return exitUsage
	}
	s := screen{out: out, err: errOut, words: speak(cl.Lang, os.Getenv)}
	kctx.BindTo(ctx, (*context.Context)(nil))
	err = kctx.Run(&s)
	var usage usageError
	switch {
	case errors.As(err, &usage):
		fmt.Fprintf(errOut, "lianzhen-edge: %v\n", err)
		return exitUsage
	case err != nil:
		fmt.Fprintf(errOut, "lianzhen-edge: %v\n", err)
		return exitUnfinish
	}
	return s.code
}

// exited stops kong after it printed its help.
type exited struct{}

func parse(p *kong.Kong, args []string) (k *kong.Context, err error) {
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(exited); !ok {
				panic(r)
			}
		}
	}()
	return p.Parse(args)
}

// usageError says that the command line asks for what cannot be done.
type usageError struct{ error }
