package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

const ohifDist = "node_modules/@ohif/app/dist"

// viewerOptions is what the tests vary in OHIF's settings.
type viewerOptions struct {
	CPU               bool   `json:"cpu"`               // renders without WebGL
	Thumbnails        string `json:"thumbnails"`        // wadors, thumbnail or rendered
	ThumbnailStrategy string `json:"thumbnailStrategy"` // fetch or bulkDataRetrieve
	Quoted            bool   `json:"quoted"`            // the parameters of Accept stand in quotation marks
}

// site is a web site as a hospital would have it: OHIF, and under /dicomweb the door with the key that the browser never sees.
type site struct {
	URL string

	mu      sync.Mutex
	options viewerOptions
	calls   []call
}

// call is one request of a viewer to the door, and what came back.
type call struct {
	Method, Path, Query, Accept, ContentType string // UIDs in Path and Query are replaced by {uid}
	Status                                   int
	Answer                                   string // Content-Type without its boundary
}

// openSite serves until the test ends.
func openSite(t testing.TB, door Door) *site {
	t.Helper()
	dist := NeedFile(t, ohifDist)
	target, err := url.Parse(door.URL)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{options: viewerOptions{Thumbnails: "wadors"}}
	mux := http.NewServeMux()
	mux.Handle("/dicomweb/", s.forward(target, door.Authorization))
	mux.HandleFunc("/app-config.js", s.appConfig)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { viewerFile(w, r, dist) })
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	s.URL = server.URL
	return s
}

// viewerFile serves a file of OHIF, and its page for every path that is none. The page is isolated, as volume rendering
// needs it (SharedArrayBuffer).
func viewerFile(w http.ResponseWriter, r *http.Request, dist string) {
	name := filepath.Join(dist, filepath.FromSlash(r.URL.Path))
	if info, err := os.Stat(name); err != nil || info.IsDir() {
		name = filepath.Join(dist, "index.html")
	} else {
		w.Header().Set("Cache-Control", "max-age=3600")
	}
	w.Header().Set("Cross-Origin-Opener-Policy", "same-origin")
	w.Header().Set("Cross-Origin-Embedder-Policy", "require-corp")
	w.Header().Set("Cross-Origin-Resource-Policy", "same-origin")
	http.ServeFile(w, r, name)
}

// page opens a tab of the site.
func (s *site) page(t testing.TB, browser context.Context, path string) *page {
	t.Helper()
	s.taken()
	p := openPage(t, browser, s.URL+path)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.options.CPU {
		p.near = faithfulCPU
	}
	return p
}

func (s *site) appConfig(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	options, _ := json.Marshal(s.options)
	s.mu.Unlock()
	text, err := os.ReadFile("app-config.js")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/javascript")
	fmt.Fprintf(w, "window.e2e = %s;\n%s", options, text)
}

// forward hands requests on under the viewer's own Host, since absolute addresses in answers are made from it.
func (s *site) forward(target *url.URL, authorization string) http.Handler {
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = target.Scheme, target.Host
			r.Out.URL.Path = target.Path + strings.TrimPrefix(r.In.URL.Path, "/dicomweb")
			r.Out.Host = r.In.Host
			r.SetXForwarded()
			r.Out.Header.Set("Authorization", authorization)
			r.Out.Header.Del("Origin")
		},
		ModifyResponse: func(resp *http.Response) error {
			s.note(resp)
			resp.Header.Set("Cross-Origin-Resource-Policy", "same-origin")
			return nil
		},
	}
}

var (
	uids     = regexp.MustCompile(`\b[0-9]+(?:\.[0-9]+){2,}`)
	boundary = regexp.MustCompile(`;\s*boundary="?[^;"]*"?`)
)

func (s *site) note(resp *http.Response) {
	r := resp.Request
	query, _ := url.QueryUnescape(r.URL.RawQuery)
	c := call{
		Method: r.Method, Path: uids.ReplaceAllString(r.URL.Path, "{uid}"), Query: uids.ReplaceAllString(query, "{uid}"),
		Accept: r.Header.Get("Accept"), ContentType: boundary.ReplaceAllString(r.Header.Get("Content-Type"), ""),
		Status: resp.StatusCode, Answer: boundary.ReplaceAllString(resp.Header.Get("Content-Type"), ""),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, c)
}

// set gives the options for the pages opened from now on.
func (s *site) set(o viewerOptions) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.options = o
}

// taken gives the requests since the last time.
func (s *site) taken() []call {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := s.calls
	s.calls = nil
	return calls
}

// seen gives the requests since the last time and leaves them.
func (s *site) seen() []call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

var frameNumbers = regexp.MustCompile(`/frames/\d+`)

// listing writes each kind of request once, with how often it was made.
func listing(calls []call) string {
	count := map[string]int{}
	for _, c := range calls {
		path := frameNumbers.ReplaceAllString(c.Path, "/frames/{n}")
		if c.Query != "" {
			path += "?" + c.Query
		}
		line := fmt.Sprintf("%s %s\n    Accept: %s\n", c.Method, path, c.Accept)
		if c.ContentType != "" {
			line += fmt.Sprintf("    Content-Type: %s\n", c.ContentType)
		}
		count[fmt.Sprintf("%s    -> %d %s", line, c.Status, c.Answer)]++
	}
	var b strings.Builder
	for _, line := range slices.Sorted(maps.Keys(count)) {
		fmt.Fprintf(&b, "%s (x%d)\n", line, count[line])
	}
	return b.String()
}
