package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func writeFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "lianzhen.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFlagsGoBeforeEnvironmentBeforeFileBeforeDefaults(t *testing.T) {
	file := writeFile(t, "data: /from/file\nlog: {level: debug}\nimaging:\n  quiet: 5m\n  max_object: 8GiB\nhttp: {trusted_proxies: [10.0.0.0/8, 127.0.0.1]}\nstorage:\n  s3:\n")
	c, err := loadConfig(file, []string{"LIANZHEN_LOG_LEVEL=warn", "LIANZHEN_GRPC_ADDRESS=:1", "PATH=/bin", "LIANZHEN_TLS_CERT="},
		map[string]string{"grpc.address": ":2"})
	if err != nil {
		t.Fatal(err)
	}
	if c.Data != "/from/file" || c.Log.Level != "warn" || c.GRPC.Address != ":2" || c.HTTP.Address != ":8080" ||
		c.Imaging.Quiet != 5*time.Minute || c.Imaging.MaxObject != 8<<30 || len(c.HTTP.TrustedProxies) != 2 {
		t.Errorf("%+v", c)
	}
}

func TestAWrongSettingStopsTheStartWithOneLineThatNamesIt(t *testing.T) {
	for _, c := range []struct{ name, file, env, names string }{
		{"unknown", "imagin: {quiet: 5m}", "", "imagin.quiet"},
		{"unknown section", "nonsense:", "", "nonsense"},
		{"unknown in a section", "storage: {s3: {secret: hunter2}}", "", "storage.s3.secret"},
		{"unknown in the environment", "", "LIANZHEN_STORAGE_S3_SECRET=hunter2", "LIANZHEN_STORAGE_S3_SECRET"},
		{"no time", "drain: hunter2", "", "drain"},
		{"a time of nothing", "drain: 0s", "", "drain"},
		{"no number", "", "LIANZHEN_IMAGING_IN_FLIGHT=hunter2", "LIANZHEN_IMAGING_IN_FLIGHT"},
		{"no size", "imaging: {max_object: hunter2}", "", "imaging.max_object"},
		{"no bool", "storage: {s3: {secure: hunter2}}", "", "storage.s3.secure"},
		{"a secret that is a number", "storage: {s3: {secret_key: 0123}}", "", "storage.s3.secret_key"},
		{"a secret that is a list", "storage: {s3: {secret_key: [hunter2]}}", "", "storage.s3.secret_key"},
		{"half a pair of keys", "storage: {s3: {endpoint: 'a:1', secret_key: hunter2}}", "", "storage.s3.access_key"},
		{"an address without port", "http: {address: localhost}", "", "http.address"},
		{"half of TLS", "tls: {cert: /etc/passwd}", "", "tls.key"},
		{"no file of TLS", "tls: {cert: /nowhere/a, key: /nowhere/b}", "", "tls.cert"},
		{"another database", "database: {url: 'mysql://root:hunter2@db'}", "", "database.url"},
		{"twice", "data: a\ndata: hunter2", "", "line 2"},
		{"no YAML", "data: [hunter2", "", "not YAML"},
		{"any origin", "http: {origins: '*'}", "", "http.origins"},
		{"an origin with a path", "http: {origins: ['https://hunter2.example/']}", "", "http.origins"},
		{"no address of the server", "http: {public_url: hunter2}", "", "http.public_url"},
		{"no network", "http: {trusted_proxies: hunter2}", "", "http.trusted_proxies"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := loadConfig(writeFile(t, c.file), []string{c.env}, nil)
			if err == nil {
				t.Fatal("accepted")
			}
			if !strings.Contains(err.Error(), c.names) || strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "0123") {
				t.Errorf("says %q", err)
			}
		})
	}
}

func TestSecretsAreNotPrinted(t *testing.T) {
	c := defaults()
	c.Storage.S3.SecretKey, c.Database.URL = "hunter2", "postgres://u:hunter2@db"
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if strings.Contains(fmt.Sprintf(format, c), "hunter2") {
			t.Errorf("%s prints a secret", format)
		}
	}
}

func TestExitCodes(t *testing.T) {
	data := t.TempDir()
	for _, c := range []struct {
		name string
		args []string
		want int
	}{
		{"help", []string{"--help"}, exitOK},
		{"settings", []string{"settings"}, exitOK},
		{"version", []string{"version"}, exitOK},
		{"no command", nil, exitUsage},
		{"unknown flag", []string{"serve", "--port", "1"}, exitUsage},
		{"no such file of settings", []string{"serve", "--config", "/nowhere.yaml"}, exitUsage},
		{"wrong address", []string{"serve", "--data", data, "--http", "nowhere"}, exitUsage},
		{"verify", []string{"admin", "verify-audit", "--data", data}, exitOK},
		{"fsck", []string{"admin", "fsck", "--data", data}, exitOK},
		{"compact", []string{"admin", "compact", "--dry-run", "--data", data}, exitOK},
		{"policy show", []string{"admin", "policy", "show", "--data", data}, exitOK},
		{"user list", []string{"admin", "user", "list", "--data", data}, exitOK},
		{"key for nobody", []string{"admin", "key", "create", "x", "--institution", "nobody", "--scope", "imaging:read", "--data", data}, exitFailed},
		{"backup", []string{"admin", "backup", filepath.Join(data, "copy.sqlite"), "--data", data}, exitOK},
		{"backup onto a file", []string{"admin", "backup", filepath.Join(data, "copy.sqlite"), "--data", data}, exitUsage},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			if got := run(t.Context(), c.args, &out, &errs); got != c.want {
				t.Errorf("exit %d, want %d\n%s%s", got, c.want, out.String(), errs.String())
			}
		})
	}
}

func TestTheServerStartsAnswersAndStops(t *testing.T) {
	cfg := defaults()
	cfg.Data = t.TempDir()
	cfg.HTTP.Address, cfg.GRPC.Address, cfg.Ops.Address = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	ctx, stop := context.WithCancel(t.Context())
	a, err := build(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- a.run(ctx) }()
	get := func(url string) string {
		resp, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		text, _ := io.ReadAll(resp.Body)
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s: HTTP %d %s", url, resp.StatusCode, text)
		}
		return string(text)
	}
	get("http://" + a.listeners.HTTP.Addr().String() + "/readyz")
	metrics := get("http://" + a.listeners.Ops.Addr().String() + "/metrics")
	if !strings.Contains(metrics, "lianzhen_call_seconds") {
		t.Error("no metrics of ours")
	}
	get("http://" + a.listeners.Ops.Addr().String() + "/debug/pprof/")
	http.DefaultClient.CloseIdleConnections()
	stop()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("does not stop")
	}
	if err := a.close(); err != nil {
		t.Error(err)
	}
}
