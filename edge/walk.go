// Finding files: every regular file below the given paths once, whatever its name, links and loops notwithstanding.

package edge

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// file is what the walk found; info is that of the file itself, never of a link.
type file struct {
	path string
	info fs.FileInfo
}

// walker visits folders in the order of their names.
type walker struct {
	seen  map[string]bool // real paths of the folders visited
	found func(file) error
	lost  func(path string, err error) // could not be read
}

// walk calls found for each regular file below paths and lost for what cannot be read. Its error is found's or the context's.
func walk(ctx context.Context, paths []string, found func(file) error, lost func(string, error)) error {
	w := walker{seen: map[string]bool{}, found: found, lost: lost}
	for _, p := range paths {
		if err := w.visit(ctx, filepath.Clean(p)); err != nil {
			return err
		}
	}
	return nil
}

func (w *walker) visit(ctx context.Context, path string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	info, err := os.Stat(path) // follows links; a link to itself is an error
	switch {
	case err != nil && link(path):
		w.lost(path, errBrokenLink)
		return nil
	case err != nil:
		w.lost(path, err)
		return nil
	case info.IsDir():
		return w.folder(ctx, path)
	case info.Mode().IsRegular():
		return w.found(file{path, info})
	}
	return nil // a pipe, a socket, a device: opening it might never return
}

var errBrokenLink = errors.New("a link that leads nowhere")

func link(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode()&fs.ModeSymlink != 0
}

func (w *walker) folder(ctx context.Context, path string) error {
	real, err := filepath.EvalSymlinks(path)
	if err == nil {
		real, err = filepath.Abs(real)
	}
	if err != nil {
		w.lost(path, err)
		return nil
	}
	if w.seen[real] {
		return nil
	}
	w.seen[real] = true
	entries, err := os.ReadDir(path)
	if err != nil {
		w.lost(path, err)
	}
	for _, e := range entries {
		if err := w.visit(ctx, filepath.Join(path, e.Name())); err != nil {
			return err
		}
	}
	return nil
}
