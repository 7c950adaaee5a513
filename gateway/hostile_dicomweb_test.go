// What a hostile client may ask of the DICOMweb door: no answer is our own fault, others are served meanwhile, and memory
// stays bounded.

package gateway

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lianzhen/lianzhen/store/storetest"
)

// raw sends a request as it stands and gives the status line's code and the length of what came behind it; 0 when the
// server has hung up.
func (v *viewer) raw(t testing.TB, request string) (status int, bytes int64) {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(v.http, "http://"))
	must(t, err)
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	go func() { _, _ = io.WriteString(c, request) }()
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0, 0
	}
	defer func() { _ = resp.Body.Close() }()
	n, _ := io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, n
}

// size asks and gives the status and how much came, without keeping it.
func (v *viewer) size(t testing.TB, path, accept string, more ...string) (int, int64) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, v.http+"/dicomweb"+path, nil)
	must(t, err)
	req.Header.Set("Authorization", "Bearer "+v.key)
	req.Header.Set("Accept", accept)
	for i := 0; i+1 < len(more); i += 2 {
		req.Header.Set(more[i], more[i+1])
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	must(t, err)
	defer func() { _ = resp.Body.Close() }()
	n, err := io.Copy(io.Discard, resp.Body)
	must(t, err)
	return resp.StatusCode, n
}

func hostileViewer(t testing.TB, seed uint64) (v *viewer, ofStudy, ofSeries, ofInstance string) {
	t.Helper()
	h := newHouse(t)
	v = newViewer(t, h, storetest.Suwu)
	objects := study(seed, 3)
	v.keep(objects...)
	above, series, instance := places(headerOf(t, objects[0]))
	return v, above, series, instance
}

func TestHugeListsOfFrames(t *testing.T) {
	v, _, _, instance := hostileViewer(t, 60)
	ones := strings.TrimSuffix(strings.Repeat("1,", 10_000), ",")
	const octets = `multipart/related; type="application/octet-stream"`
	heapDuring(t, func() {
		for _, tt := range []struct {
			name, list, accept string
			status             int
			least              int64
		}{
			{"10 000 times one frame", ones, octets, 200, 10_000 * 64 * 64 * 2},
			{"10 000 times one frame in JPEG-LS", ones, `multipart/related; type="image/jls"`, 200, 10_000},
			{"10 001", ones + ",1", octets, 400, 0},
			{"a frame that is not there", "1,2", octets, 404, 0},
			{"frame 0", "0", octets, 400, 0},
			{"a number without end", strings.Repeat("9", 5000), octets, 400, 0},
			{"negative", "-1", octets, 400, 0},
			{"commas", strings.Repeat(",", 1000), octets, 400, 0},
		} {
			status, n := v.size(t, instance+"/frames/"+tt.list, tt.accept)
			if status != tt.status || n < tt.least {
				t.Errorf("%s: HTTP %d, %d bytes", tt.name, status, n)
			}
		}
	})
	v.wantNoPanic(t)
}

func TestHugePictures(t *testing.T) {
	v, _, _, instance := hostileViewer(t, 61)
	for _, tt := range []struct {
		name, query string
		status      int
	}{
		{"more than all pixels", "viewport=99999,99999", 400},
		{"more than a number", "viewport=99999999999999999999,1", 400},
		{"a part of nothing", "viewport=10,10,0,0,0,0", 400},
		{"not a number", "viewport=NaN,10", 400},
		{"part that is not a number", "viewport=10,10,NaN,0,1,1", 400},
		{"part beyond the image", "viewport=10,10,1000,1000,5,5", 400},
		{"a sliver", "viewport=16384,1024,0,0,0.0001,64", 200},
		{"the largest", "viewport=4096,4096", 200},
		{"long", "viewport=16384,1024", 200},
		{"window without width", "window=0,0", 400},
		{"endless window", "window=1e400,1e400", 400},
		{"smallest window", "window=0,1e-300,linear-exact", 200},
		{"quality", "quality=1000", 400},
		{"said twice", "viewport=1,1&viewport=2,2", 400},
		{"70 annotations", "annotation=" + strings.Repeat("patient,", 70) + "patient", 200},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, _ := v.size(t, instance+"/rendered?"+tt.query, "image/jpeg")
			if status != tt.status && (tt.status != 200 || status >= 500) {
				t.Errorf("HTTP %d, want %d", status, tt.status)
			}
		})
	}
	clients := 32
	if testing.Short() {
		clients = 3
	}
	// The largest ones all at once: as many are drawn at a time as there are processors, and 48 MiB of pictures are kept.
	heapWithin(t, 160<<20, func() {
		var g sync.WaitGroup
		for range clients {
			g.Go(func() {
				if status, _ := v.size(t, instance+"/rendered?viewport=4096,4096", "image/png"); status != 200 {
					t.Errorf("HTTP %d", status)
				}
			})
		}
		g.Wait()
	})
	v.wantNoPanic(t)
}

func TestWeirdAccept(t *testing.T) {
	v, study, series, instance := hostileViewer(t, 62)
	resources := []string{study, series + "/metadata", instance, instance + "/frames/1", instance + "/rendered", instance + "/bulkdata/7FE00010", "/studies"}
	for _, accept := range []string{
		"", ",", ";", "*", "*/", "/*", "*/*;q=-1", "*/*;q=1e999", "*/*;q=NaN", "*/*;q=0", "multipart/related", "multipart/related;type=",
		`multipart/related; type="`, `multipart/related; type="application/dicom`, `multipart/related; type="application/dicom"; transfer-syntax=`,
		`multipart/related; type="application/dicom"; transfer-syntax=../../etc`, `application/dicom; transfer-syntax=1.2.840.10008.1.2.4.999`,
		strings.Repeat("a/b,", 5000) + "*/*", strings.Repeat("*/*;", 3000), "application/dicom" + strings.Repeat(";a=b", 3000), "image/jpeg;q=0.5;q=0.6;q=0.7",
		`"application/dicom"`, "application/dicom+json;charset=\"\\\"", "text/html", "\x80\xff/\xfe", "a/b;type=\"\\", "multipart/related;type=multipart/related",
	} {
		for _, r := range resources {
			if status, _ := v.size(t, r, accept); status >= 500 || status == 0 {
				t.Errorf("%.60q for %s: HTTP %d", accept, r, status)
			}
		}
	}
	v.wantNoPanic(t)
}

func TestRangesWithoutSense(t *testing.T) {
	v, _, _, instance := hostileViewer(t, 63)
	many := func(n int, f func(i int) string) string {
		var all []string
		for i := range n {
			all = append(all, f(i))
		}
		return "bytes=" + strings.Join(all, ",")
	}
	whole := v.get(instance, "application/dicom; transfer-syntax=*").want(t, 200)
	heapDuring(t, func() {
		for _, r := range []string{
			"bytes=0-", "bytes=-1", "bytes=-0", "bytes=1-0", "bytes=99999999999999999999-", "bytes=-99999999999999999999", "bytes=0-99999999999999999999",
			"bytes=", "bytes=,", "bytes=a-b", "lines=1-2", "bytes", "bytes=0-0,", "bytes=0-0,0-0,0-0", "bytes=0-1,1-2,2-3,3-4", "bytes=9223372036854775807-9223372036854775807",
			many(2000, func(int) string { return "0-" }), many(2000, func(i int) string { return fmt.Sprintf("%d-%d", i, i) }),
		} {
			for _, path := range []string{instance, instance + "/bulkdata/7FE00010"} {
				status, n := v.size(t, path, "*/*", "Range", r)
				if status != 200 && status != 206 && status != 416 && status != 400 {
					t.Errorf("%.40q: HTTP %d", r, status)
				}
				if n > 2*int64(len(whole.text))+64<<10 {
					t.Errorf("%.40q gives %d bytes of an object of %d", r, n, len(whole.text))
				}
			}
		}
	})
	v.wantNoPanic(t)
}

func TestAddressesWithoutEnd(t *testing.T) {
	v, _, _, _ := hostileViewer(t, 64)
	head := "Host: x\r\nAuthorization: Bearer " + v.key + "\r\nConnection: close\r\n\r\n"
	heapDuring(t, func() {
		for _, tt := range []struct {
			name, request string
		}{
			{"1 MB of query", "GET /dicomweb/studies?PatientName=" + strings.Repeat("a", 1<<20) + " HTTP/1.1\r\n" + head},
			{"1 MB of path", "GET /dicomweb/studies/" + strings.Repeat("1.", 1<<19) + " HTTP/1.1\r\n" + head},
			{"1 MB of header", "GET /dicomweb/studies HTTP/1.1\r\nX: " + strings.Repeat("a", 1<<20) + "\r\n" + head},
			{"100 000 headers", "GET /dicomweb/studies HTTP/1.1\r\n" + strings.Repeat("X: a\r\n", 100_000) + head},
		} {
			for range 5 {
				if status, _ := v.raw(t, tt.request); status != 431 && status != 414 && status != 400 && status != 0 {
					t.Errorf("%s: HTTP %d", tt.name, status)
				}
			}
		}
	})
	var params, list []string
	for i := range 2500 {
		params = append(params, fmt.Sprintf("%08X=1", 0x00110010+i))
		list = append(list, fmt.Sprintf("1.2.%d", i))
	}
	for name, q := range map[string]string{
		"2 500 parameters":  strings.Join(params, "&"),
		"2 500 UIDs":        "StudyInstanceUID=" + strings.Join(list, ","),
		"deep path":         strings.Repeat("00400275.", 500) + "00080100=1",
		"NUL":               "PatientName=%00",
		"broken escapes":    "PatientName=%zz%",
		"broken UTF-8":      "PatientName=%ff%fe%80*",
		"SQL":               "PatientName=" + url.QueryEscape("'; DROP TABLE studies; --"),
		"wildcards":         "PatientName=" + strings.Repeat("*%3F", 2000),
		"offset":            "offset=99999999999999999999",
		"negative limit":    "limit=-1",
		"huge limit":        "limit=99999999999999999999",
		"dates":             "StudyDate=99999999-00000000",
		"everything twice":  "includefield=all&includefield=all&fuzzymatching=true&fuzzymatching=maybe",
		"semicolons":        strings.Repeat(";", 5000),
		"30 000 ampersands": strings.Repeat("&", 30_000),
	} {
		if status, _ := v.size(t, "/studies?"+q, "application/dicom+json"); status >= 500 {
			t.Errorf("%s: HTTP %d", name, status)
		}
	}
	for _, path := range []string{
		"/studies/..%2f..%2fetc/series", "/studies/1.2.3%00/series", "/studies/" + strings.Repeat("1", 65), "/studies/1..2", "/studies/%2e%2e/x",
		"/studies/1.2.3/series/1.2.3/instances/1.2.3/bulkdata/" + strings.Repeat("00400275/0/", 2000) + "00080100", "/studies//series",
	} {
		if status, _ := v.size(t, path, "*/*"); status >= 500 || status == 200 {
			t.Errorf("%.60s: HTTP %d", path, status)
		}
	}
	v.wantNoPanic(t)
}

// TestSlowReadersHoldLittle asks for much forty times and reads nothing of it.
func TestSlowReadersHoldLittle(t *testing.T) {
	v, study, series, instance := hostileViewer(t, 65)
	ones := strings.TrimSuffix(strings.Repeat("1,", 5_000), ",")
	wanted := []struct{ path, accept string }{
		{instance + "/frames/" + ones, `multipart/related; type="application/octet-stream"`},
		{instance + "/frames/" + ones, `multipart/related; type="image/jls"`},
		{study, "application/zip"},
		{series + "/metadata", "application/dicom+json"},
	}
	heapDuring(t, func() {
		for i := range 40 {
			c, err := net.Dial("tcp", strings.TrimPrefix(v.http, "http://"))
			must(t, err)
			defer func() { _ = c.Close() }()
			one := wanted[i%len(wanted)]
			_, _ = fmt.Fprintf(c, "GET /dicomweb%s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nAccept: %s\r\n\r\n", one.path, v.key, one.accept)
		}
		for range 20 {
			v.get(instance+"/rendered", "image/jpeg").want(t, 200)
			v.get(study, "multipart/related; type=\"application/dicom\"; transfer-syntax=*").want(t, 200)
		}
	})
	v.wantNoPanic(t)
}

func TestHostileWorkitems(t *testing.T) {
	h := newHouse(t)
	_, key := h.key(storetest.Suwu, allScopes...)
	whole := workitemText("x")
	inner := strings.TrimSuffix(whole, "}]")
	text := func(n int) string {
		return inner + `,"00104000":{"vr":"LT","Value":["` + strings.Repeat("a", n) + `"]}}]`
	}
	nest := func(n int) string {
		return inner + "," + strings.Repeat(`"00404018":{"vr":"SQ","Value":[{`, n) + strings.Repeat("}]}", n) + "}]"
	}
	many := func(n int) string {
		var b strings.Builder
		b.WriteString(inner)
		for i := range n {
			fmt.Fprintf(&b, `,"%08X":{"vr":"LO","Value":["v"]}`, 0x00110010+(i/60_000)<<17+i%60_000)
		}
		return b.String() + "}]"
	}
	heapDuring(t, func() {
		for i, tt := range []struct {
			name, body string
			refused    bool
		}{
			{"4 MB of one value", text(4<<20 - 4096), false},
			{"more than 4 MB", text(4 << 20), true},
			{"1 000 sequences deep", nest(1000), true},
			{"100 000 sequences deep", nest(100_000), true},
			{"80 000 attributes", many(80_000), false},
			{"brackets", strings.Repeat("[", 1<<20), true},
			{"strings", `["` + strings.Repeat(`\u0000`, 600_000), true},
			{"numbers", `[{"00741000":{"vr":"DS","Value":[` + strings.Repeat("1e999999,", 300_000) + `1]}}]`, true},
			{"nothing", "", true},
			{"null", "null", true},
			{"not a workitem", `[{"7FE00010":{"vr":"OW","InlineBinary":"` + strings.Repeat("A", 3<<20) + `"}}]`, true},
		} {
			r := h.ups(key, "POST", fmt.Sprintf("workitems?workitem=2.25.77%d", i), tt.body, "Content-Type", "application/dicom+json")
			if r.StatusCode >= 500 || tt.refused && r.StatusCode < 400 {
				t.Errorf("%s: HTTP %d: %.200s", tt.name, r.StatusCode, r.text)
			}
		}
		h.ups(key, "GET", "workitems?includefield=all", "").want(t, http.StatusOK)
	})
	h.ups(key, "POST", "workitems?workitem=2.25.9999", whole).wantData(t, http.StatusCreated)
	h.wantNoPanic(t)
}

// TestHostilePartsOfARequest are bodies of STOW-RS that no sender writes.
func TestHostilePartsOfARequest(t *testing.T) {
	h := newHouse(t)
	_, key := h.key(storetest.Suwu, allScopes...)
	sound := multipartOf(objectParts(study(66, 1)...)...)
	boundary := func(b string) string { return `multipart/related; type="application/dicom"; boundary="` + b + `"` }
	for _, tt := range []struct {
		name, media string
		body        io.Reader
	}{
		{"no boundary", "multipart/related", strings.NewReader("x")},
		{"boundary of 20 kB", boundary(strings.Repeat("b", 20_000)), strings.NewReader("x")},
		{"60 000 empty parts", boundary("b"), strings.NewReader(strings.Repeat("--b\r\nContent-Type: application/dicom\r\n\r\n\r\n", 60_000) + "--b--\r\n")},
		{"header without end", boundary("b"), strings.NewReader("--b\r\nContent-Type: " + strings.Repeat("a", 8<<20))},
		{"preamble without end", boundary("b"), io.LimitReader(blanks{}, 64<<20)},
		{"part without end", boundary("b"), io.MultiReader(strings.NewReader("--b\r\nContent-Type: application/dicom\r\n\r\n"), io.LimitReader(blanks{}, 256<<20))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			heapDuring(t, func() {
				if r := h.stow(key, "/dicomweb/studies", tt.media, tt.body); r.StatusCode < 400 || r.StatusCode == 500 {
					t.Errorf("HTTP %d: %.300s", r.StatusCode, r.text)
				}
			})
		})
	}
	t.Run("metadata without end", func(t *testing.T) { // 64 MiB are taken of a request, of two requests at a time
		clients := 8
		if testing.Short() {
			clients = 2
		}
		heapWithin(t, 512<<20, func() {
			var g sync.WaitGroup
			for range clients {
				g.Go(func() {
					r := h.stow(key, "/dicomweb/studies", `multipart/related; type="application/dicom+json"; boundary="b"`, io.MultiReader(
						strings.NewReader("--b\r\nContent-Type: application/dicom+json\r\n\r\n["), io.LimitReader(blanks{}, 128<<20)))
					if r.StatusCode < 400 || r.StatusCode == 500 {
						t.Errorf("HTTP %d: %.300s", r.StatusCode, r.text)
					}
				})
			}
			g.Wait()
		})
	})
	h.stow(key, "/dicomweb/studies", boundary(stowBoundary), strings.NewReader(string(sound))).wantData(t, http.StatusOK)
	h.wantNoPanic(t)
}

type blanks struct{}

func (blanks) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = ' '
	}
	return len(b), nil
}
