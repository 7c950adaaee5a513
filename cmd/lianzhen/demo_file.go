// What the trial writes down: its own memory of secrets, and demo.json for people and scripts.

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// demoWorld is what the trial remembers between starts: passwords and keys cannot be read back from the database.
type demoWorld struct {
	MadeAt    time.Time         `json:"made_at"`
	Runs      int               `json:"runs"`     // stories told; each makes its own studies
	Messages  int               `json:"messages"` // of analysers, so far: their numbers are never used twice
	Passwords map[string]string `json:"passwords"`
	Keys      map[string]string `json:"keys"`
	Made      map[string]bool   `json:"made"`

	path string
}

// openWorld reads the memory of the data folder, or begins one.
func openWorld(data string, now time.Time) (*demoWorld, error) {
	w := &demoWorld{MadeAt: now.UTC(), path: filepath.Join(data, "demo", "world.json")}
	b, err := os.ReadFile(w.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("demo memory: %w", err)
	default:
		if err := json.Unmarshal(b, w); err != nil {
			return nil, fmt.Errorf("demo memory %s: %w", w.path, err)
		}
	}
	for _, m := range []*map[string]string{&w.Passwords, &w.Keys} {
		if *m == nil {
			*m = map[string]string{}
		}
	}
	if w.Made == nil {
		w.Made = map[string]bool{}
	}
	return w, os.MkdirAll(filepath.Dir(w.path), 0o700)
}

func (w *demoWorld) save() error { return writeSecret(w.path, w) }

// demoFile is DIR/demo.json, part of the outside contract.
type demoFile struct {
	HTTP    string       `json:"http"`
	GRPC    string       `json:"grpc"`
	DIMSE   string       `json:"dimse"`
	MLLP    string       `json:"mllp"`
	ASTM    string       `json:"astm"`
	Users   []demoLogin  `json:"users"`
	Keys    []demoSecret `json:"keys"`
	Devices []demoAE     `json:"devices"`
}

type demoLogin struct {
	Login       string `json:"login"`
	Password    string `json:"password"`
	Role        string `json:"role"`
	Institution string `json:"institution"`
}

type demoSecret struct {
	Name        string   `json:"name"`
	Institution string   `json:"institution"`
	Scopes      []string `json:"scopes"`
	Key         string   `json:"key"`
}

type demoAE struct {
	AETitle     string `json:"ae_title"`
	Institution string `json:"institution"`
}

// writeSecret writes JSON that only the owner may read; the name shows the old content or the new.
func writeSecret(path string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*") // made 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(append(b, '\n'))
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return os.Rename(f.Name(), path)
}
