// Another program as client: how long it takes for a folder.

package main

import (
	"fmt"
	"os/exec"
	"time"
)

type execCmd struct {
	Dir     string   `arg:"" help:"Folder of DICOM files, which are added to the command."`
	Command []string `arg:"" passthrough:"" help:"Program and arguments."`
	Name    string   `default:"exec"`
}

// Run runs it once.
func (c *execCmd) Run() error {
	names, size, err := files(c.Dir)
	if err != nil {
		return err
	}
	args := c.Command
	if args[0] == "--" {
		args = args[1:]
	}
	start := time.Now()
	if out, err := exec.Command(args[0], append(args[1:], names...)...).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return run{Test: c.Name, Objects: len(names), Bytes: size}.print(time.Since(start))
}
