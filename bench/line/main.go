//go:build linux

// Command line is the township's line on one machine: two network namespaces, joined in user space through a bottleneck
// with a rate, a delay, a queue and random loss, for kernels without netem. It also makes what is sent over it.
//
//	line up [-rate 10e6] [-delay 50ms] [-loss 0.02] [-queue 150000]   namespaces lzclinic (10.78.0.1) and lzcentre (10.78.0.2)
//	line gen DIR SEED COUNT                                            CT slices of 512 KiB
//
// Needs root, /dev/net/tun and ip. Traffic outside of the two namespaces is not touched.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"github.com/lianzhen/lianzhen/codec/dicom/phantom"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "line:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) > 0 && args[0] == "up":
		return up(args[1:])
	case len(args) == 4 && args[0] == "gen":
		return gen(args[1], args[2], args[3])
	}
	return fmt.Errorf("want up or gen DIR SEED COUNT")
}

// gen writes a study of CT slices.
func gen(dir, seed, count string) error {
	n, err := strconv.ParseUint(seed, 10, 64)
	if err != nil {
		return err
	}
	c, err := strconv.Atoi(count)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, write := range phantom.Study(phantom.Spec{Kind: phantom.CTChest, Seed: n, Count: c}) {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		w := bufio.NewWriter(f)
		if err := write(w); err != nil {
			return err
		}
		if err := w.Flush(); err != nil {
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	return nil
}

// link is the bottleneck of one direction.
type link struct {
	rate  float64 // bit/s
	delay time.Duration
	loss  float64
	queue float64 // bytes
}

// sides of the line: namespace, device, address.
var sides = [2][3]string{{"lzclinic", "lzline0", "10.78.0.1"}, {"lzcentre", "lzline1", "10.78.0.2"}}

func up(args []string) error {
	fs := flag.NewFlagSet("up", flag.ContinueOnError)
	var l link
	fs.Float64Var(&l.rate, "rate", 10e6, "bit/s each way")
	fs.DurationVar(&l.delay, "delay", 50*time.Millisecond, "one way")
	fs.Float64Var(&l.loss, "loss", 0.02, "of each packet, each way")
	fs.Float64Var(&l.queue, "queue", 150_000, "bytes before the bottleneck")
	if err := fs.Parse(args); err != nil {
		return err
	}
	down()
	defer down()
	var ends [2]*os.File
	for i, s := range sides {
		f, err := tunnel(s[1])
		if err != nil {
			return err
		}
		defer f.Close()
		ends[i] = f
		if err := place(s); err != nil {
			return err
		}
	}
	go l.carry(ends[0], ends[1], 1)
	go l.carry(ends[1], ends[0], 2)
	fmt.Println("up")
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	<-stop
	fmt.Printf("packets %d, lost %d, over the queue %d\n", carried.Load(), lost.Load(), overflowed.Load())
	return nil
}

func down() {
	for _, s := range sides {
		_ = exec.Command("ip", "netns", "del", s[0]).Run() // there may be none
	}
}

// place puts a device into its namespace and brings it up.
func place(s [3]string) error {
	for _, args := range [][]string{
		{"netns", "add", s[0]},
		{"link", "set", s[1], "netns", s[0]},
		{"-n", s[0], "link", "set", "lo", "up"},
		{"-n", s[0], "addr", "add", s[2] + "/24", "dev", s[1]},
		{"-n", s[0], "link", "set", s[1], "mtu", "1500", "up"},
	} {
		if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %v: %w: %s", args, err, out)
		}
	}
	return nil
}

// tunnel opens a TUN device without packet information (linux/if_tun.h).
func tunnel(name string) (*os.File, error) {
	const setInterface, tunNoInfo = 0x400454ca, 0x0001 | 0x1000
	fd, err := syscall.Open("/dev/net/tun", syscall.O_RDWR|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("/dev/net/tun: %w", err)
	}
	var req struct {
		name  [16]byte
		flags uint16
		_     [22]byte
	}
	copy(req.name[:15], name)
	req.flags = tunNoInfo
	if _, _, e := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), setInterface, uintptr(unsafe.Pointer(&req))); e != 0 {
		_ = syscall.Close(fd)
		return nil, fmt.Errorf("device %s: %w", name, e)
	}
	return os.NewFile(uintptr(fd), name), nil
}

var carried, lost, overflowed atomic.Int64

// carry moves packets: each waits for those before it at the rate, some are lost, the rest arrives after the delay.
func (l link) carry(from, to *os.File, seed uint64) {
	type packet struct {
		b  []byte
		at time.Time
	}
	flying := make(chan packet, 1<<16)
	go func() {
		for p := range flying {
			time.Sleep(time.Until(p.at))
			_, _ = to.Write(p.b) // a full device drops, as a line does
		}
	}()
	rnd := rand.New(rand.NewPCG(seed, uint64(time.Now().UnixNano())))
	free, buf := time.Now(), make([]byte, 4096)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		now := time.Now()
		if free.Before(now) {
			free = now
		}
		if free.Sub(now).Seconds()*l.rate/8 > l.queue {
			overflowed.Add(1)
			continue
		}
		free = free.Add(time.Duration(float64(8*n) / l.rate * float64(time.Second)))
		if rnd.Float64() < l.loss {
			lost.Add(1)
			continue
		}
		carried.Add(1)
		flying <- packet{append([]byte(nil), buf[:n]...), free.Add(l.delay)}
	}
}
