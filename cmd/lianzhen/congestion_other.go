//go:build !linux

package main

import (
	"log/slog"
	"syscall"
)

// congestion does nothing: elsewhere the system's own control is used.
func congestion(string, *slog.Logger) func(network, address string, c syscall.RawConn) error {
	return nil
}
