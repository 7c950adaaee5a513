package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestUsage(t *testing.T) {
	dir := t.TempDir()
	state := "--state=" + filepath.Join(dir, "state")
	keyFile := filepath.Join(dir, "key")
	if err := os.WriteFile(keyFile, []byte("lz_abc\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		args []string
		want int
		text string
	}{
		{"help", []string{"--help"}, 0, "Exit codes"},
		{"no address", []string{"send", dir, "--key=lz_a"}, 2, "--to"},
		{"no key", []string{"send", dir, "--to=h:1"}, 2, "key is needed"},
		{"not a key", []string{"send", dir, "--to=h:1", "--key=abc"}, 2, "lz_"},
		{"no port", []string{"send", dir, "--to=h", "--key=lz_a"}, 2, "host:port"},
		{"plain text over a line", []string{"send", dir, "--to=10.0.0.1:1", "--key=lz_a", "--insecure"}, 2, "this computer only"},
		{"no such folder", []string{"send", filepath.Join(dir, "none"), "--to=localhost:1", "--key=lz_a", "--insecure"}, 2, "none"},
		{"unknown priority", []string{"send", dir, "--to=h:1", "--key=lz_a", "--priority=SOON"}, 2, "priority"},
		{"no authorities", []string{"send", dir, "--to=h:1", "--key=lz_a", "--ca=" + keyFile}, 2, "no certificate"},
		{"too many streams", []string{"send", dir, "--to=localhost:1", "--key=lz_a", "--insecure", "--parallel=100", state}, 2, "streams"},
		{"watched without a key", []string{"watch", dir, "--to=h:1"}, 2, "key is needed"},
		{"watched all the time", []string{"watch", dir, "--to=localhost:1", "--key=lz_a", "--insecure", "--every=10ms"}, 2, "--every"},
		{"nothing to send", []string{"send", dir, "--to=localhost:1", "--key-file=" + keyFile, "--insecure", "--lang=zh", state}, 0, "没有找到"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, name := range []string{"LIANZHEN_EDGE_KEY", "LIANZHEN_EDGE_TO"} {
				t.Setenv(name, "")
				os.Unsetenv(name)
			}
			var out bytes.Buffer
			if code := run(t.Context(), tt.args, &out, &out); code != tt.want || !strings.Contains(out.String(), tt.text) {
				t.Errorf("code %d, want %d; output:\n%s", code, tt.want, out.String())
			}
		})
	}
}

func TestLanguageFollowsTheSystem(t *testing.T) {
	for _, tt := range []struct {
		flag, lang string
		want       words
	}{{"auto", "zh_CN.UTF-8", 0}, {"auto", "C.UTF-8", 1}, {"zh", "en_US.UTF-8", 0}, {"en", "zh_CN", 1}, {"auto", "", 1}} {
		env := func(name string) string {
			if name == "LANG" {
				return tt.lang
			}
			return ""
		}
		if got := speak(tt.flag, env); got != tt.want {
			t.Errorf("%s %s: %d", tt.flag, tt.lang, got)
		}
	}
}

func TestEveryTextSaysTheSameInBothLanguages(t *testing.T) {
	for name, t2 := range texts {
		if strings.Count(t2[0], "%") != strings.Count(t2[1], "%") {
			t.Errorf("%s: different arguments", name)
		}
	}
}
