package storetest

import (
	"math/rand/v2"
	"net"
	"strconv"
	"testing"
)

// FreeAddr is an address of this machine that nothing listens on now, for a program that opens it by itself. It lies below the ports that the
// kernel gives to outgoing connections, which would take one of those before the program does.
func FreeAddr(t testing.TB) string {
	t.Helper()
	for range 100 {
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(12000+rand.IntN(8000)))
		if l, err := net.Listen("tcp", addr); err == nil {
			_ = l.Close()
			return addr
		}
	}
	t.Fatal("no free port")
	return ""
}
