// Command lab prints what the laboratory centre reaches: speed of the parser beside public ones, messages a second through the real door, what
// hostile input costs, how many of the published cases are right, trends, and what becomes of every sample file. `make bench-lab` runs it; the sample
// files are not part of the product.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// part is one table. data is the folder of sample files, empty where there is none.
type part struct {
	name string
	run  func(w io.Writer, data string) error
}

// parts in the order they are printed.
var parts = []part{
	{"parse", parse},
	{"ingest", ingest},
	{"hostile", hostile},
	{"charset", charsets},
	{"ucum", units},
	{"westgard", rules},
	{"trend", trends},
	{"files", files},
}

// errNoData ends a part that is about sample files.
var errNoData = errors.New("left out: no sample files (--data FOLDER)")

func main() {
	data := flag.String("data", sampleFolder(), "`folder` of sample files")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: lab [--data FOLDER] [PART...]\nparts:")
		for _, p := range parts {
			fmt.Fprintln(flag.CommandLine.Output(), " ", p.name)
		}
		flag.PrintDefaults()
	}
	flag.Parse()
	for _, p := range parts {
		if flag.NArg() > 0 && !slices.Contains(flag.Args(), p.name) {
			continue
		}
		fmt.Printf("== %s\n", p.name)
		err := p.run(os.Stdout, *data)
		switch {
		case errors.Is(err, errNoData):
			fmt.Println(err)
		case err != nil:
			fmt.Fprintf(os.Stderr, "%s: %v\n", p.name, err)
			os.Exit(1)
		}
		fmt.Println()
	}
}

// sampleFolder is shared/data/lab beside one of the folders above this one, empty where there is none.
func sampleFolder() string {
	at, err := os.Getwd()
	if err != nil {
		return ""
	}
	for {
		folder := filepath.Join(at, "shared", "data", "lab")
		if info, err := os.Stat(folder); err == nil && info.IsDir() {
			return folder
		}
		up := filepath.Dir(at)
		if up == at {
			return ""
		}
		at = up
	}
}
