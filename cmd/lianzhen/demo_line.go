// A bad line for the story: a TCP proxy that cuts its connections after so many bytes, a number of times.

package main

import (
	"io"
	"net"
	"sync"
)

type demoLine struct {
	listener net.Listener
	to       string

	mu   sync.Mutex
	cuts []int64 // bytes after which the next connections are cut
	made int
}

func newDemoLine(to string, cuts ...int64) (*demoLine, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	line := &demoLine{listener: l, to: to, cuts: cuts}
	go line.serve()
	return line, nil
}

func (l *demoLine) address() string { return l.listener.Addr().String() }

func (l *demoLine) close() { l.listener.Close() }

// cutsMade is how often the line was cut.
func (l *demoLine) cutsMade() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.made
}

func (l *demoLine) serve() {
	for {
		c, err := l.listener.Accept()
		if err != nil {
			return
		}
		go l.forward(c)
	}
}

func (l *demoLine) forward(c net.Conn) {
	defer c.Close()
	up, err := net.Dial("tcp", l.to)
	if err != nil {
		return
	}
	defer up.Close()
	go func() {
		_, _ = io.Copy(c, up)
		c.Close()
	}()
	n, cut := l.next()
	if !cut {
		_, _ = io.Copy(up, c)
		return
	}
	if _, err := io.CopyN(up, c, n); err != nil {
		l.putBack(n) // a connection that ended by itself was not cut
		return
	}
	l.mu.Lock()
	l.made++
	l.mu.Unlock()
}

func (l *demoLine) next() (int64, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.cuts) == 0 {
		return 0, false
	}
	n := l.cuts[0]
	l.cuts = l.cuts[1:]
	return n, true
}

func (l *demoLine) putBack(n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cuts = append(l.cuts, n)
}
