package dimse

import (
	"net"
	"syscall"
)

// quickAck gives a function that makes the kernel acknowledge at once what has come (TCP_QUICKACK, which it forgets by itself
// and which is set again before every read). A peer with Nagle's algorithm on, such as storescu as Debian ships it, sends the
// last piece of an object only after the acknowledgement of the one before: 40 ms for each object otherwise.
func quickAck(conn net.Conn) func() {
	t := tcpOf(conn)
	if t == nil {
		return func() {}
	}
	raw, err := t.SyscallConn()
	if err != nil {
		return func() {}
	}
	set := func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_QUICKACK, 1) }
	return func() { _ = raw.Control(set) }
}
