package dimse

import (
	"crypto/tls"
	"net"
	"time"
)

// tune sets up a connection: no Nagle, and keepalive that finds a dead peer within two minutes while an operation is open and
// nothing is to be read. The socket's buffers are left to the system: a size asked for is cut to net.core.rmem_max, 208 KiB as
// shipped, and stops the window from growing to what a long line needs.
func tune(conn net.Conn) {
	t := tcpOf(conn)
	if t == nil {
		return
	}
	// What the system refuses costs speed only.
	_ = t.SetNoDelay(true)
	_ = t.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: 60 * time.Second, Interval: 15 * time.Second, Count: 4})
}

func tcpOf(conn net.Conn) *net.TCPConn {
	if c, ok := conn.(*tls.Conn); ok {
		conn = c.NetConn()
	}
	t, _ := conn.(*net.TCPConn)
	return t
}
