// Command ecg prints what the ECG centre reaches: fidelity of the readers, accuracy of detection, delineation and measurement against
// annotated databases, and speed. `make bench-ecg` runs it; the databases are not part of the product.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
)

// part is one table. data is the folder of sample files and databases.
type part struct {
	name string
	run  func(w io.Writer, data string) error
}

// parts in the order they are printed.
var parts = []part{
	{"fidelity", fidelity},
	{"robustness", robustness},
	{"qrs", qrs},
	{"rhythm", rhythms},
	{"delineation", delineation},
	{"globals", globals},
	{"speed", speed},
}

func main() {
	data := flag.String("data", "../shared/data/ecg", "`folder` of sample files and databases")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: ecg [--data FOLDER] [PART...]\nparts:")
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
		if err := p.run(os.Stdout, *data); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", p.name, err)
			os.Exit(1)
		}
	}
}
