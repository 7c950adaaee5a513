// The send command: from flags to an edge.Sender.

package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/lianzhen/lianzhen/edge"
	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
)

type sendCmd struct {
	Paths []string `arg:"" name:"paths" help:"Folders and files. Files are known as DICOM or ECG by their content; a CD works."`

	To       string `required:"" placeholder:"HOST:PORT" env:"LIANZHEN_EDGE_TO" help:"The centre's gRPC door."`
	Key      string `xor:"key" placeholder:"lz_..." env:"LIANZHEN_EDGE_KEY" help:"API key. Other users of this computer can see it in the list of processes: prefer --key-file or the environment."`
	KeyFile  string `xor:"key" type:"path" placeholder:"FILE" help:"File with the API key and nothing else."`
	CA       string `type:"path" placeholder:"FILE" help:"Certificates in PEM that the centre's certificate must come from."`
	Cert     string `type:"path" placeholder:"FILE" help:"Client certificate in PEM."`
	CertKey  string `type:"path" placeholder:"FILE" help:"Key of the client certificate in PEM."`
	Insecure bool   `help:"Plain text without TLS. Only to this computer itself."`

	Priority   string        `enum:"STAT,URGENT,ROUTINE," default:"" placeholder:"STAT|URGENT|ROUTINE" help:"How pressing the studies are."`
	Note       string        `placeholder:"TEXT" help:"Symptoms, history and question for the reader, at most 3900 characters."`
	NoFinish   bool          `help:"Do not say that the studies are whole: more is to come."`
	Compress   string        `enum:"auto,jpeg-ls,off" default:"auto" placeholder:"auto|jpeg-ls|off" help:"Shrink pictures on the line without losing a bit: where it is slow (auto), always (jpeg-ls), never (off)."`
	Streams    string        `default:"auto" aliases:"parallel" placeholder:"N" help:"Streams side by side, 1 to 64, or auto."`
	Congestion string        `hidden:"" placeholder:"NAME" help:"TCP congestion control instead of bbr, to compare."`
	Window     int64         `default:"8" placeholder:"MIB" help:"Unacknowledged MiB for each stream (${default})."`
	Timeout    time.Duration `default:"30m" help:"Give up when nothing was acknowledged for so long (${default}); 0: never."`

	State   string `type:"path" placeholder:"DIR" help:"Folder of what earlier runs learnt."`
	Receipt string `type:"path" placeholder:"DIR" help:"Folder for the receipts; default: receipts in the state folder."`
	Quiet   bool   `short:"q" help:"Print problems only."`
	JSON    bool   `name:"json" help:"Print receipts and the summary as lines of JSON."`
}

var priorities = map[string]pb.Priority{
	"": pb.Priority_PRIORITY_UNSPECIFIED, "STAT": pb.Priority_PRIORITY_STAT,
	"URGENT": pb.Priority_PRIORITY_URGENT, "ROUTINE": pb.Priority_PRIORITY_ROUTINE,
}

var ways = map[string]edge.Compress{"auto": edge.CompressAuto, "jpeg-ls": edge.CompressJPEGLS, "off": edge.CompressOff}

// Run sends and leaves the exit code with the screen.
func (c *sendCmd) Run(ctx context.Context, s *screen) error {
	cfg, err := c.config()
	if err != nil {
		return usageError{err}
	}
	s.quiet, s.json = c.Quiet, c.JSON
	cfg.OnReceipt, cfg.OnTracings, cfg.OnProgress, cfg.OnRetry = s.receipt, s.tracings, s.progress, s.retry
	sender, err := edge.New(cfg)
	if err != nil {
		return usageError{err}
	}
	defer sender.Close()
	sum, err := sender.Send(ctx, c.Paths...)
	s.summary(&sum, err)
	s.code = sum.Code()
	if err != nil {
		s.code = exitUnfinish
	}
	return nil
}

func (c *sendCmd) config() (edge.Config, error) {
	cfg := edge.Config{
		To: c.To, Priority: priorities[c.Priority], Note: c.Note, NoFinish: c.NoFinish, Compress: ways[c.Compress], Congestion: c.Congestion,
		Window: c.Window << 20, Timeout: c.Timeout, StateDir: c.State, ReceiptDir: c.Receipt,
	}
	if c.Streams != "auto" {
		n, err := strconv.Atoi(c.Streams)
		if err != nil || n < 1 || n > 64 {
			return cfg, errors.New("--streams: want auto, or 1 to 64")
		}
		cfg.Streams = n
	}
	if c.Window < 1 || c.Window > 1024 {
		return cfg, errors.New("--window: want 1 to 1024")
	}
	if len([]rune(c.Note)) > 3900 {
		return cfg, errors.New("--note: at most 3900 characters")
	}
	for _, p := range c.Paths {
		if _, err := os.Stat(p); err != nil {
			return cfg, err
		}
	}
	var err error
	if cfg.Key, err = c.key(); err != nil {
		return cfg, err
	}
	cfg.TLS, err = c.tls()
	return cfg, err
}

func (c *sendCmd) key() (string, error) {
	key := c.Key
	if c.KeyFile != "" {
		b, err := os.ReadFile(c.KeyFile)
		if err != nil {
			return "", fmt.Errorf("--key-file: %w", err)
		}
		key = strings.TrimSpace(string(b))
	}
	switch {
	case key == "" && c.Cert == "":
		return "", errors.New("a key is needed: --key-file, LIANZHEN_EDGE_KEY or --key, or a client certificate")
	case key != "" && !strings.HasPrefix(key, "lz_"):
		return "", errors.New("the key does not begin with lz_")
	case strings.ContainsAny(key, " \t\r\n"):
		return "", errors.New("the key has more than one line")
	}
	return key, nil
}

func (c *sendCmd) tls() (*tls.Config, error) {
	host, port, err := net.SplitHostPort(c.To)
	if err != nil || host == "" || port == "" {
		return nil, fmt.Errorf("--to: want host:port, have %q", c.To)
	}
	if !c.Insecure {
		return edge.ClientTLS(c.CA, c.Cert, c.CertKey)
	}
	switch ip := net.ParseIP(host); {
	case c.CA != "" || c.Cert != "" || c.CertKey != "":
		return nil, errors.New("--insecure goes with neither --ca nor --cert")
	case host != "localhost" && (ip == nil || !ip.IsLoopback()):
		return nil, errors.New("--insecure: plain text goes to this computer only, never over a line")
	}
	return nil, nil
}
