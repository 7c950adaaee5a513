// BBR takes six times as much out of a line that loses packets as the usual congestion control; it is used where the kernel
// has it.

package edge

import (
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
)

const tcpCongestion = 13 // TCP_CONGESTION of <linux/tcp.h>

// lossy gives a dialler for bad lines, or with the control that is named; nil where there is none.
func lossy(named string) *net.Dialer {
	control := named
	if control == "" {
		control = "bbr"
	}
	b, err := os.ReadFile("/proc/sys/net/ipv4/tcp_available_congestion_control")
	if err != nil || !slices.Contains(strings.Fields(string(b)), control) {
		return nil
	}
	return &net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) {
			_ = syscall.SetsockoptString(int(fd), syscall.IPPROTO_TCP, tcpCongestion, control) // the usual one will do
		})
	}}
}
