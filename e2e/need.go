package e2e

import (
	"net"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/lianzhen/lianzhen/store/storetest"
)

// Need gives the path of a program, or leaves the test out when it is not installed.
func Need(t testing.TB, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		missing(t, program)
	}
	return path
}

// NeedFile leaves the test out when a file of a package is not installed.
func NeedFile(t testing.TB, path string) string {
	t.Helper()
	if _, err := os.Stat(path); err != nil {
		missing(t, path)
	}
	return path
}

func missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("LIANZHEN_TEST_REQUIRE") == "1" {
		t.Fatalf("%s is not installed, and LIANZHEN_TEST_REQUIRE=1; run tools/setup", what)
	}
	t.Skipf("%s is not installed; run tools/setup", what)
}

// FreePort is a TCP port of the loopback that nobody listened on a moment ago.
func FreePort(t testing.TB) int {
	t.Helper()
	_, port, err := net.SplitHostPort(storetest.FreeAddr(t))
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
