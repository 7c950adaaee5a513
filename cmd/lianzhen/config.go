// Settings: one struct, one table. A file, then the environment, then flags; what is unknown or wrong stops the start
// with one line that names it and never shows its value.

package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/rawbytes"
	"github.com/knadh/koanf/v2"

	"github.com/lianzhen/lianzhen/gateway/dicomweb"
	"github.com/lianzhen/lianzhen/record"
)

// secret is a setting that is never printed.
type secret string

func (secret) String() string { return "(secret)" }

// GoString hides it from %#v as well.
func (secret) GoString() string { return "(secret)" }

// size is a number of bytes: 4194304, 4MiB, 16GiB.
type size int64

// config is every setting of the server.
type config struct {
	Data string // folder of blobs, index, keys and spool

	Log struct {
		Level  string // debug, info, warn, error
		Format string // json, text
	}
	HTTP struct {
		Address        string
		PublicURL      string   // how clients reach this server
		Origins        []string // pages of other hosts that may use DICOMweb
		TrustedProxies []string // networks whose X-Forwarded-For is believed
		SecureCookies  bool     // TLS ends at a proxy in front: cookies for https only
		MaxBody        size     // of a JSON body
		MaxObject      size     // of one object sent over HTTP
	}
	GRPC  struct{ Address string }
	DIMSE struct {
		Address     string
		TLSAddress  string // with the certificate of tls.cert
		AETitle     string
		AnyCalledAE bool
		Charset     string
		StrangersAt string
	}
	HL7 struct {
		Address     string
		TLSAddress  string // with the certificate of tls.cert
		MaxMessage  size
		Connections int64
		PerAddress  int64
	}
	ASTM struct {
		Address    string
		TLSAddress string // with the certificate of tls.cert
		Dial       bool   // analysers that are TCP servers are called
	}
	Lab struct {
		LocalReceivers bool // results may be sent to this machine, and by http:// to private addresses
	}
	Ops struct{ Address string } // metrics; pprof on a loopback address only
	TCP struct {
		Congestion string // control of what goes out over gRPC and HTTP; auto: bbr where the kernel has it; empty: the system's
	}
	Drain time.Duration // how long a stopping server lets calls finish
	TLS   struct {
		Cert     string
		Key      string
		ClientCA string // whose client certificates are asked for
	}
	Database struct{ URL secret } // sqlite:<path> or postgres://...
	Storage  struct {
		S3 struct {
			Endpoint     string // host:port; empty: blobs are files in the data folder
			AccessKey    string
			SecretKey    secret
			Region       string
			Secure       bool // TLS
			SSE          bool // server-side encryption
			RetainDays   int64
			BucketPrefix string
		}
	}
	Imaging struct {
		Quiet         time.Duration // a study with nothing new for so long is complete
		MaxObject     size
		MaxQuarantine size
		InFlight      int64         // objects in the air on one upload stream
		SpoolMemory   size          // of all arriving objects together
		CompactAfter  time.Duration // objects older than this are kept in containers; 0: never
	}
	ECG struct {
		MaxFile, MaxQuarantine         size
		DueStat, DueUrgent, DueRoutine time.Duration
	}
	Reading struct {
		ClaimFor    time.Duration
		DueStat     time.Duration
		DueUrgent   time.Duration
		DueRoutine  time.Duration
		CriticalAck time.Duration
	}
	Recognition struct{ Rules string } // folder of rule packs; empty: those of the program
	Quota       struct {
		CallsPerSecond   int64
		SignInsPerMinute int64
		SearchesPerMin   int64
		Together         int64
	}
}

// setting is a row of the table: where a setting is, what it is for, where its value goes.
type setting struct {
	path string
	help string
	to   any // *string *secret *bool *int64 *size *time.Duration *[]string
}

func (s setting) env() string {
	return "LIANZHEN_" + strings.ToUpper(strings.ReplaceAll(s.path, ".", "_"))
}

// settings is the table.
func (c *config) settings() []setting {
	s3 := &c.Storage.S3
	return []setting{
		{"data", "folder of blobs, index, keys and spool", &c.Data},
		{"log.level", "debug, info, warn or error", &c.Log.Level},
		{"log.format", "json or text", &c.Log.Format},
		{"http.address", "REST, portal, DICOMweb, FHIR; empty: shut", &c.HTTP.Address},
		{"http.public_url", "how clients reach this server, https://host[:port]; empty: as the request names it", &c.HTTP.PublicURL},
		{"http.origins", "pages of other hosts (viewers) that may use DICOMweb with a key, https://host[:port] each; empty: none", &c.HTTP.Origins},
		{"http.trusted_proxies", "networks whose X-Forwarded-For is believed", &c.HTTP.TrustedProxies},
		{"http.secure_cookies", "TLS ends at a proxy in front: cookies for https only", &c.HTTP.SecureCookies},
		{"http.max_body", "largest JSON body", &c.HTTP.MaxBody},
		{"http.max_object", "largest object sent over HTTP", &c.HTTP.MaxObject},
		{"grpc.address", "gRPC; empty: shut", &c.GRPC.Address},
		{"dimse.address", "DIMSE (C-STORE, C-FIND, ...); empty: shut", &c.DIMSE.Address},
		{"dimse.tls_address", "DIMSE over TLS, with tls.cert; empty: shut", &c.DIMSE.TLSAddress},
		{"dimse.ae_title", "our AE title", &c.DIMSE.AETitle},
		{"dimse.any_called_ae", "take associations that call another AE title", &c.DIMSE.AnyCalledAE},
		{"dimse.charset", "of answers to queries that name none: GB18030 or ISO_IR 192", &c.DIMSE.Charset},
		{"dimse.strangers_at", "institution in whose quarantine objects of devices wait that are not registered; empty: they are rejected", &c.DIMSE.StrangersAt},
		{"hl7.address", "HL7 v2 over MLLP of laboratory and hospital systems; empty: shut", &c.HL7.Address},
		{"hl7.tls_address", "HL7 v2 over MLLP and TLS, with tls.cert; empty: shut", &c.HL7.TLSAddress},
		{"hl7.max_message", "largest message", &c.HL7.MaxMessage},
		{"hl7.connections", "connections at once", &c.HL7.Connections},
		{"hl7.per_address", "of them from one address", &c.HL7.PerAddress},
		{"astm.address", "ASTM (E1381, E1394) of laboratory analysers; empty: shut", &c.ASTM.Address},
		{"astm.tls_address", "ASTM over TLS, with tls.cert; empty: shut", &c.ASTM.TLSAddress},
		{"astm.dial", "call the analysers whose profile names an address, as those that are TCP servers", &c.ASTM.Dial},
		{"lab.local_receivers", "results may be sent to programs on this machine, and by http:// to private addresses", &c.Lab.LocalReceivers},
		{"ops.address", "metrics, and pprof where it is a loopback address; empty: shut", &c.Ops.Address},
		{"tcp.congestion", "congestion control towards clients of gRPC and HTTP: auto (bbr where the kernel has it, better on lines that lose packets), the name of one, or empty: the system's", &c.TCP.Congestion},
		{"drain", "how long a stopping server lets calls finish", &c.Drain},
		{"tls.cert", "file of the certificate chain (PEM); read again when it changes", &c.TLS.Cert},
		{"tls.key", "file of its key (PEM)", &c.TLS.Key},
		{"tls.client_ca", "file of the authorities whose client certificates are taken (PEM)", &c.TLS.ClientCA},
		{"database.url", "sqlite:<path> or postgres://...; empty: index.sqlite in the data folder", &c.Database.URL},
		{"storage.s3.endpoint", "host:port of the S3 server; empty: blobs are files in the data folder", &s3.Endpoint},
		{"storage.s3.access_key", "", &s3.AccessKey},
		{"storage.s3.secret_key", "", &s3.SecretKey},
		{"storage.s3.region", "", &s3.Region},
		{"storage.s3.secure", "speak TLS to it", &s3.Secure},
		{"storage.s3.sse", "ask for server-side encryption", &s3.SSE},
		{"storage.s3.retain_days", "object lock: how long nothing can be deleted; 0: none", &s3.RetainDays},
		{"storage.s3.bucket_prefix", "before the name of every bucket", &s3.BucketPrefix},
		{"imaging.quiet", "a study with nothing new for so long is complete", &c.Imaging.Quiet},
		{"imaging.max_object", "largest object", &c.Imaging.MaxObject},
		{"imaging.max_quarantine", "largest refused object whose bytes are kept", &c.Imaging.MaxQuarantine},
		{"imaging.in_flight", "objects in the air on one upload stream", &c.Imaging.InFlight},
		{"imaging.spool_memory", "memory of all arriving objects together; beyond it they go to files", &c.Imaging.SpoolMemory},
		{"imaging.compact_after", "objects older than this are kept in containers without loss, about half as large; 0: never", &c.Imaging.CompactAfter},
		{"ecg.max_file", "largest file of an ECG", &c.ECG.MaxFile},
		{"ecg.max_quarantine", "largest refused file whose bytes are kept", &c.ECG.MaxQuarantine},
		{"ecg.due_stat", "time for the report of a STAT resting ECG", &c.ECG.DueStat},
		{"ecg.due_urgent", "the same, URGENT", &c.ECG.DueUrgent},
		{"ecg.due_routine", "the same, ROUTINE", &c.ECG.DueRoutine},
		{"reading.claim_for", "a claim without a saved draft ends after this", &c.Reading.ClaimFor},
		{"reading.due_stat", "time for a STAT report", &c.Reading.DueStat},
		{"reading.due_urgent", "time for an URGENT report", &c.Reading.DueUrgent},
		{"reading.due_routine", "time for a ROUTINE report", &c.Reading.DueRoutine},
		{"reading.critical_ack", "an unacknowledged critical value is passed on after this", &c.Reading.CriticalAck},
		{"recognition.rules", "folder of rule packs (YAML); empty: those of the program", &c.Recognition.Rules},
		{"quota.calls_per_second", "of one caller", &c.Quota.CallsPerSecond},
		{"quota.sign_ins_per_minute", "failed ones of one address", &c.Quota.SignInsPerMinute},
		{"quota.searches_per_minute", "of one person", &c.Quota.SearchesPerMin},
		{"quota.together", "calls and streams of one caller at once", &c.Quota.Together},
	}
}

// defaults are the settings of a server that nobody has set up.
func defaults() config {
	var c config
	c.Data = "./lianzhen-data"
	c.Log.Level, c.Log.Format = "info", "json"
	c.HTTP.Address, c.GRPC.Address, c.Ops.Address = ":8080", ":9090", "127.0.0.1:9464"
	c.DIMSE.Address, c.DIMSE.AETitle, c.DIMSE.Charset = ":11112", "LIANZHEN", "GB18030"
	c.HL7.Address, c.HL7.MaxMessage, c.HL7.Connections, c.HL7.PerAddress = ":2575", 16<<20, 256, 64
	c.ASTM.Address, c.ASTM.Dial = ":2576", true
	c.HTTP.MaxBody, c.HTTP.MaxObject = 1<<20, 4<<30
	c.Drain = 20 * time.Second
	c.Storage.S3.Region, c.Storage.S3.Secure = "us-east-1", true
	c.Imaging.Quiet, c.Imaging.MaxObject, c.Imaging.MaxQuarantine = 2*time.Minute, 16<<30, 256<<20
	c.Imaging.InFlight, c.Imaging.SpoolMemory = 64, 256<<20
	c.ECG.MaxFile, c.ECG.MaxQuarantine = 4<<30, 64<<20
	c.ECG.DueStat, c.ECG.DueUrgent, c.ECG.DueRoutine = 10*time.Minute, 15*time.Minute, 30*time.Minute
	c.Reading.ClaimFor, c.Reading.CriticalAck = 30*time.Minute, 10*time.Minute
	c.Reading.DueStat, c.Reading.DueUrgent, c.Reading.DueRoutine = 30*time.Minute, 2*time.Hour, 24*time.Hour
	c.Quota.CallsPerSecond, c.Quota.SignInsPerMinute, c.Quota.SearchesPerMin, c.Quota.Together = 2000, 10, 120, 256
	return c
}

// loadConfig reads the file (where named), the environment and the flags, in this order.
func loadConfig(file string, environ []string, flags map[string]string) (config, error) {
	c := defaults()
	k := koanf.New(".")
	if file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return c, wrong("settings file: %w", err)
		}
		if err := k.Load(rawbytes.Provider(text), yaml.Parser()); err != nil {
			return c, wrong("settings file %s: %s", file, withoutValues(err))
		}
	}
	env, err := c.fromEnv(environ)
	if err != nil {
		return c, err
	}
	for _, over := range []map[string]string{env, flags} {
		plain := map[string]any{}
		for path, v := range over {
			plain[path] = v
		}
		if err := k.Load(confmap.Provider(plain, "."), nil); err != nil {
			return c, wrong("settings: %w", err)
		}
	}
	if err := c.take(k.All()); err != nil {
		return c, err
	}
	return c, c.check()
}

func wrong(format string, args ...any) error { return &usage{fmt.Errorf(format, args...)} }

var yamlPlace = regexp.MustCompile(`line \d+`)

// withoutValues keeps the place in the file and drops what stands there: it may be a secret.
func withoutValues(err error) string {
	if place := yamlPlace.FindString(err.Error()); place != "" {
		return "not YAML, or a name twice, at " + place
	}
	return "not YAML"
}

// fromEnv finds LIANZHEN_<SECTION>_<NAME>. Empty ones count as not set; those of the other programs are theirs.
func (c *config) fromEnv(environ []string) (map[string]string, error) {
	known := map[string]string{}
	for _, s := range c.settings() {
		known[s.env()] = s.path
	}
	out := map[string]string{}
	for _, e := range environ {
		name, value, _ := strings.Cut(e, "=")
		if !strings.HasPrefix(name, "LIANZHEN_") || strings.HasPrefix(name, "LIANZHEN_EDGE_") || strings.HasPrefix(name, "LIANZHEN_TEST_") {
			continue
		}
		path, ok := known[name]
		if !ok {
			return nil, wrong("environment: %s is no setting", name)
		}
		if value != "" {
			out[path] = value
		}
	}
	return out, nil
}

// take puts the values where the table says.
func (c *config) take(all map[string]any) error {
	table := map[string]setting{}
	for _, s := range c.settings() {
		table[s.path] = s
	}
	paths := make([]string, 0, len(all))
	for path := range all {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	for _, path := range paths {
		s, ok := table[path]
		if !ok {
			if emptySection(path, all[path], table) {
				continue
			}
			return wrong("setting %s: unknown", path)
		}
		if err := s.set(all[path]); err != nil {
			return wrong("setting %s (%s): %w", path, s.env(), err)
		}
	}
	return nil
}

// emptySection is a section of the file with nothing in it.
func emptySection(path string, v any, table map[string]setting) bool {
	m, isMap := v.(map[string]any)
	if v != nil && (!isMap || len(m) > 0) {
		return false
	}
	for known := range table {
		if strings.HasPrefix(known, path+".") {
			return true
		}
	}
	return false
}

// set converts. Errors say what is wanted, never what was given.
func (s setting) set(v any) error {
	text, isText := v.(string)
	if !isText {
		text = fmt.Sprint(v)
	}
	switch to := s.to.(type) {
	case *string:
		if !isText {
			return errors.New("want a text, in quotes where it looks like a number")
		}
		*to = text
	case *secret:
		if !isText {
			return errors.New("want a text, in quotes where it looks like a number")
		}
		*to = secret(text)
	case *bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return errors.New("want true or false")
		}
		*to = b
	case *int64:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 {
			return errors.New("want a whole number, not negative")
		}
		*to = n
	case *size:
		n, err := parseSize(text)
		if err != nil {
			return err
		}
		*to = n
	case *time.Duration:
		d, err := time.ParseDuration(text)
		if err != nil || d <= 0 {
			return errors.New("want a time such as 30s, 10m or 24h")
		}
		*to = d
	case *[]string:
		list, err := listOf(v)
		if err != nil {
			return err
		}
		*to = list
	}
	return nil
}

var units = []struct {
	name string
	n    int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"", 1}}

func parseSize(text string) (size, error) {
	for _, u := range units {
		digits, ok := strings.CutSuffix(text, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
		if err != nil || n <= 0 || n > (1<<62)/u.n {
			break
		}
		return size(n * u.n), nil
	}
	return 0, errors.New("want a number of bytes such as 1048576, 16MiB or 4GiB")
}

func listOf(v any) ([]string, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case string:
		return strings.FieldsFunc(v, func(r rune) bool { return r == ',' || r == ' ' }), nil
	case []any:
		var out []string
		for _, x := range v {
			text, ok := x.(string)
			if !ok {
				return nil, errors.New("want a list of texts")
			}
			out = append(out, text)
		}
		return out, nil
	}
	return nil, errors.New("want a list of texts")
}

// check refuses what cannot work together.
func (c *config) check() error {
	s3 := c.Storage.S3
	url := string(c.Database.URL)
	_, levelErr := logLevel(c.Log.Level)
	_, proxyErr := c.proxies()
	var originErr error
	for _, o := range c.HTTP.Origins {
		originErr = errors.Join(originErr, dicomweb.CheckOrigin(o))
	}
	for _, rule := range []struct {
		bad  bool
		text string
	}{
		{c.Data == "", "setting data: want a folder"},
		{levelErr != nil, "setting log.level: want debug, info, warn or error"},
		{c.Log.Format != "json" && c.Log.Format != "text", "setting log.format: want json or text"},
		{!address(c.HTTP.Address), "setting http.address: want host:port"},
		{!address(c.GRPC.Address), "setting grpc.address: want host:port"},
		{!address(c.DIMSE.Address), "setting dimse.address: want host:port"},
		{!address(c.DIMSE.TLSAddress), "setting dimse.tls_address: want host:port"},
		{c.DIMSE.TLSAddress != "" && c.TLS.Cert == "", "setting dimse.tls_address: needs tls.cert and tls.key"},
		{!address(c.HL7.Address), "setting hl7.address: want host:port"},
		{!address(c.HL7.TLSAddress), "setting hl7.tls_address: want host:port"},
		{c.HL7.TLSAddress != "" && c.TLS.Cert == "", "setting hl7.tls_address: needs tls.cert and tls.key"},
		{c.HL7.MaxMessage > 256<<20, "setting hl7.max_message: want at most 256MiB"},
		{!address(c.ASTM.Address), "setting astm.address: want host:port"},
		{!address(c.ASTM.TLSAddress), "setting astm.tls_address: want host:port"},
		{c.ASTM.TLSAddress != "" && c.TLS.Cert == "", "setting astm.tls_address: needs tls.cert and tls.key"},
		{!record.ValidID(c.DIMSE.AETitle) || len(c.DIMSE.AETitle) > 16, "setting dimse.ae_title: want 1 to 16 letters, digits, . _ - or :"},
		{c.DIMSE.Charset != "GB18030" && c.DIMSE.Charset != "ISO_IR 192", "setting dimse.charset: want GB18030 or ISO_IR 192"},
		{c.DIMSE.StrangersAt != "" && !record.ValidID(c.DIMSE.StrangersAt), "setting dimse.strangers_at: want the id of an institution"},
		{!address(c.Ops.Address), "setting ops.address: want host:port"},
		{c.HTTP.PublicURL != "" && dicomweb.CheckOrigin(c.HTTP.PublicURL) != nil, "setting http.public_url: want https://host or https://host:port"},
		{originErr != nil, "setting http.origins: want https://host or https://host:port each, in lower case; * is not taken"},
		{proxyErr != nil, "setting http.trusted_proxies: want networks such as 10.0.0.0/8"},
		{(c.TLS.Cert == "") != (c.TLS.Key == ""), "settings tls.cert and tls.key: want both or none"},
		{c.TLS.ClientCA != "" && c.TLS.Cert == "", "setting tls.client_ca: needs tls.cert and tls.key"},
		{
			url != "" && !strings.HasPrefix(url, "sqlite:") && !strings.HasPrefix(url, "postgres://") && !strings.HasPrefix(url, "postgresql://"),
			"setting database.url: want sqlite:<path> or postgres://...",
		},
		{s3.Endpoint != "" && (s3.AccessKey == "" || s3.SecretKey == ""), "settings storage.s3.access_key and storage.s3.secret_key: needed with an endpoint"},
		{s3.Endpoint == "" && (s3.AccessKey != "" || s3.SecretKey != ""), "setting storage.s3.endpoint: needed with the keys"},
		{strings.Contains(s3.Endpoint, "://"), "setting storage.s3.endpoint: want host:port; TLS is storage.s3.secure"},
		{len(c.TCP.Congestion) > 15 || c.TCP.Congestion != "" && !record.ValidID(c.TCP.Congestion), "setting tcp.congestion: want auto or the name of a congestion control"},
		{c.Imaging.CompactAfter < 0, "setting imaging.compact_after: want a time, or 0"},
		{c.Imaging.InFlight < 1 || c.Imaging.InFlight > 1024, "setting imaging.in_flight: want 1 to 1024"},
	} {
		if rule.bad {
			return wrong("%s", rule.text)
		}
	}
	for _, f := range []struct{ name, path string }{{"tls.cert", c.TLS.Cert}, {"tls.key", c.TLS.Key}, {"tls.client_ca", c.TLS.ClientCA}} {
		if f.path == "" {
			continue
		}
		if _, err := os.Stat(f.path); err != nil {
			return wrong("setting %s: %w", f.name, errors.Unwrap(err))
		}
	}
	return nil
}

func address(a string) bool {
	if a == "" {
		return true
	}
	_, port, err := net.SplitHostPort(a)
	n, numErr := strconv.Atoi(port)
	return err == nil && numErr == nil && 0 <= n && n <= 65535
}

func (c *config) proxies() ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, text := range c.HTTP.TrustedProxies {
		p, err := netip.ParsePrefix(text)
		if a, addrErr := netip.ParseAddr(text); err != nil && addrErr == nil {
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		if err != nil {
			return nil, err
		}
		out = append(out, p.Masked())
	}
	return out, nil
}

// databaseURL is where the rows are.
func (c *config) databaseURL() string {
	if c.Database.URL != "" {
		return string(c.Database.URL)
	}
	return "sqlite:" + filepath.Join(c.Data, "index.sqlite")
}

type settingsCmd struct{}

// Run prints the table of settings as Markdown.
func (settingsCmd) Run(out io.Writer) error {
	c := defaults()
	_, err := fmt.Fprint(out, "| setting | environment | default | what it is |\n|---|---|---|---|\n")
	for _, s := range c.settings() {
		if err == nil {
			_, err = fmt.Fprintf(out, "| `%s` | `%s` | %s | %s |\n", s.path, s.env(), s.shown(), s.help)
		}
	}
	return err
}

// shown is the default as one would write it.
func (s setting) shown() string {
	text := ""
	switch v := s.to.(type) {
	case *string:
		text = *v
	case *bool:
		text = strconv.FormatBool(*v)
	case *int64:
		text = strconv.FormatInt(*v, 10)
	case *time.Duration:
		text = v.String()
		if strings.HasSuffix(text, "m0s") {
			text = strings.TrimSuffix(text, "0s")
		}
		if strings.HasSuffix(text, "h0m") {
			text = strings.TrimSuffix(text, "0m")
		}
	case *size:
		text = strconv.FormatInt(int64(*v), 10)
		for _, u := range units {
			if int64(*v)%u.n == 0 {
				text = strconv.FormatInt(int64(*v)/u.n, 10) + u.name
				break
			}
		}
	}
	if text == "" {
		return ""
	}
	return "`" + text + "`"
}

// where are the flags of every command that works on a server's data.
type where struct {
	Config string `help:"Settings file (YAML)." type:"path" placeholder:"FILE"`
	Data   string `help:"Folder of the data." placeholder:"DIR"`
}

func (w where) load(more map[string]string) (config, error) {
	flags := map[string]string{"data": w.Data}
	for k, v := range more {
		flags[k] = v
	}
	for k, v := range flags {
		if v == "" {
			delete(flags, k)
		}
	}
	file := w.Config
	if file == "" {
		if _, err := os.Stat("lianzhen.yaml"); !errors.Is(err, fs.ErrNotExist) {
			file = "lianzhen.yaml"
		}
	}
	return loadConfig(file, os.Environ(), flags)
}
