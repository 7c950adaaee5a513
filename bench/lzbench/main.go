// Command lzbench asks the same of Lianzhen and of Orthanc and prints one JSON line for each run.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"time"

	"github.com/alecthomas/kong"
)

var cli struct {
	Gen    genCmd    `cmd:"" help:"Generate 200 CT slices (DIR/ct), a radiograph of 18 MB (DIR/dr), 2,000 objects of 2 kB (DIR/small), a multi-frame ultrasound of 547 MB (DIR/big); or with --studies small studies (DIR/studies)."`
	GRPC   grpcCmd   `cmd:"" name:"grpc" help:"Upload every file of a folder over gRPC streams."`
	Stow   stowCmd   `cmd:"" help:"POST every file of a folder to a STOW-RS server."`
	CStore cstoreCmd `cmd:"" name:"cstore" help:"Send every file of a folder by C-STORE."`
	Exec   execCmd   `cmd:"" help:"Time another program that sends every file of a folder."`
	Get    getCmd    `cmd:"" help:"Ask one address of a DICOMweb server many times."`
	Wado   wadoCmd   `cmd:"" help:"Fetch every instance of a study, each by itself."`
}

// run is what one line says.
type run struct {
	Test      string  `json:"test"`
	Objects   int     `json:"objects"`
	Bytes     int64   `json:"bytes"`
	Seconds   float64 `json:"seconds"`
	PerSecond float64 `json:"per_second"`
	MBs       float64 `json:"mb_per_second"`
	GrowthMB  float64 `json:"rss_growth_mb,omitempty"`
	FirstMS   float64 `json:"first_byte_ms,omitempty"` // median
	P50MS     float64 `json:"p50_ms,omitempty"`
	P99MS     float64 `json:"p99_ms,omitempty"`
}

func (r run) print(d time.Duration) error {
	r.Seconds = d.Seconds()
	r.PerSecond = float64(r.Objects) / r.Seconds
	r.MBs = float64(r.Bytes) / 1e6 / r.Seconds
	return json.NewEncoder(os.Stdout).Encode(r)
}

func files(dir string) (names []string, bytes int64, err error) {
	err = filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		names = append(names, p)
		bytes += info.Size()
		return err
	})
	sort.Strings(names)
	return names, bytes, err
}

// watch samples the resident memory of a process; stop gives the growth of its peak in MB.
func watch(pid int) (stop func() float64) {
	if pid == 0 {
		return func() float64 { return 0 }
	}
	first := rss(pid)
	done, peak := make(chan struct{}), make(chan float64)
	go func() {
		top := first
		for {
			select {
			case <-done:
				peak <- top
				return
			case <-time.After(5 * time.Millisecond):
				top = max(top, rss(pid))
			}
		}
	}()
	return func() float64 { close(done); return <-peak - first }
}

func rss(pid int) float64 {
	var total, resident int64
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	_, _ = fmt.Sscan(string(b), &total, &resident)
	return float64(resident) * float64(os.Getpagesize()) / 1e6
}

func main() {
	ctx := kong.Parse(&cli, kong.Description("Measures Lianzhen beside Orthanc."))
	ctx.FatalIfErrorf(ctx.Run())
}
