// Congestion control of the listeners; what they accept inherits it.

package main

import (
	"log/slog"
	"os"
	"slices"
	"strings"
	"syscall"
)

const tcpCongestion = 13 // TCP_CONGESTION of <linux/tcp.h>

// congestion sets a listener's congestion control: "auto" is bbr where the kernel has it, and nothing is the system's own.
// A kernel that refuses keeps its own.
func congestion(name string, log *slog.Logger) func(network, address string, c syscall.RawConn) error {
	if name == "auto" {
		name = ""
		if b, err := os.ReadFile("/proc/sys/net/ipv4/tcp_available_congestion_control"); err == nil && slices.Contains(strings.Fields(string(b)), "bbr") {
			name = "bbr"
		}
	}
	if name == "" {
		return nil
	}
	return func(_, _ string, c syscall.RawConn) error {
		var refused error
		err := c.Control(func(fd uintptr) {
			refused = syscall.SetsockoptString(int(fd), syscall.IPPROTO_TCP, tcpCongestion, name)
		})
		if refused != nil {
			log.Warn("setting tcp.congestion: the kernel refuses it", "congestion", name, "error", refused)
		}
		return err
	}
}
