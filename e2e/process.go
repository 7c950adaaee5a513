package e2e

import (
	"net/http"
	"os"
	"os/exec"
	"testing"
	"time"
)

const (
	startWait = 60 * time.Second
	stopWait  = 15 * time.Second
)

// run starts a server, waits until the address answers with 200, and ends the server with the test. What it prints goes to
// the log.
func run(t testing.TB, log string, cmd *exec.Cmd, ready, authorization string) {
	t.Helper()
	out, err := os.Create(log)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		stop(cmd, ended)
		if t.Failed() {
			t.Logf("the last it said: %s", tail(log))
		}
	})
	for deadline := time.Now().Add(startWait); !answers(ready, authorization); {
		select {
		case <-ended:
			t.Fatalf("%s ended: %s", cmd.Path, tail(log))
		case <-time.After(50 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not answer: %s", cmd.Path, tail(log))
		}
	}
}

func answers(url, authorization string) bool {
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	req.Header.Set("Authorization", authorization)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// stop asks the server to end, and ends it if it does not.
func stop(cmd *exec.Cmd, ended <-chan struct{}) {
	_ = cmd.Process.Signal(os.Interrupt)
	select {
	case <-ended:
	case <-time.After(stopWait):
		_ = cmd.Process.Kill()
		<-ended
	}
}

// tail is the end of a log.
func tail(path string) string {
	b, _ := os.ReadFile(path)
	return string(b[max(0, len(b)-2000):])
}
