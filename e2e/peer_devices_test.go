package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// peers are a Lianzhen and an Orthanc that know each other, over DIMSE both ways and over DICOMweb from the Orthanc.
type peers struct {
	*Lianzhen
	Orthanc *Orthanc
	t       testing.TB
}

const (
	waitForPeer = 60 * time.Second
	peerAET     = "ORTHANC"
)

// startPeers runs both. encoding is the character set that Orthanc speaks, by its own word for it.
func startPeers(t testing.TB, encoding string) *peers {
	t.Helper()
	l := StartLianzhen(t)
	_, port, _ := strings.Cut(l.DIMSE, ":")
	o := StartOrthanc(t, map[string]any{
		"DefaultEncoding": encoding, "DicomModalities": map[string]any{"lianzhen": []any{"LIANZHEN", "127.0.0.1", number(port)}},
		"DicomWeb": map[string]any{
			"Enable": true, "Root": "/dicomweb/", "Servers": map[string]any{"lianzhen": map[string]any{
				"Url": l.DICOMweb + "/", "HttpHeaders": map[string]string{"Authorization": l.Authorization},
			}},
		},
	})
	p := &peers{Lianzhen: l, Orthanc: o, t: t}
	p.register(peerAET, fmt.Sprintf("127.0.0.1:%d", o.DICOMPort))
	return p
}

func number(s string) (n int) {
	_, _ = fmt.Sscan(s, &n)
	return n
}

// register makes the hospital's device, as an administrator does it in the portal.
func (p *peers) register(ae, address string) {
	p.t.Helper()
	origin := http.Header{"Origin": {p.URL}, "Content-Type": {"application/json"}}
	in := p.do(http.MethodPost, p.URL+"/api/v1/session:signIn", origin, map[string]any{"login": "root", "password": "a-password-4-Tests"})
	for _, c := range (&http.Response{Header: in.header}).Cookies() {
		origin.Add("Cookie", c.Name+"="+c.Value)
	}
	p.do(http.MethodPost, p.URL+"/api/v1/devices", origin, map[string]any{
		"device": map[string]any{"institutionId": p.Institution, "name": ae, "aeTitle": ae, "address": address},
	})
	echo := p.do(http.MethodPost, p.URL+"/api/v1/exchange/devices/"+ae+":echo", origin, map[string]any{}).fields(p.t)
	if echo["answered"] != true {
		p.t.Fatalf("%s does not answer our C-ECHO: %v", ae, echo)
	}
}

// answer is what an interface said, after it said 200.
type answer struct {
	header http.Header
	body   []byte
}

func (a answer) fields(t testing.TB) map[string]any {
	t.Helper()
	var m map[string]any
	a.into(t, &m)
	return m
}

func (a answer) into(t testing.TB, v any) {
	t.Helper()
	if err := json.Unmarshal(a.body, v); err != nil {
		t.Fatalf("%v: %.300s", err, a.body)
	}
}

// do calls an interface. A body of bytes goes as it is, any other as JSON.
func (p *peers) do(method, url string, header http.Header, body any) answer {
	p.t.Helper()
	a, status := p.try(method, url, header, body)
	if status != http.StatusOK {
		p.t.Fatalf("%s %s: HTTP %d: %.500s", method, url, status, a.body)
	}
	return a
}

func (p *peers) try(method, url string, header http.Header, body any) (answer, int) {
	p.t.Helper()
	var r io.Reader
	switch b := body.(type) {
	case nil:
	case []byte:
		r = bytes.NewReader(b)
	default:
		text, err := json.Marshal(b)
		if err != nil {
			p.t.Fatal(err)
		}
		r = bytes.NewReader(text)
	}
	req, err := http.NewRequest(method, url, r)
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header = header
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return answer{resp.Header, b}, resp.StatusCode
}

// orthanc calls Orthanc's REST interface.
func (p *peers) orthanc(method, path string, body any) answer {
	p.t.Helper()
	return p.do(method, p.Orthanc.URL+path, http.Header{"Authorization": {p.Orthanc.Authorization}}, body)
}

// ours calls our REST interface.
func (p *peers) ours(method, path string, body any) answer {
	p.t.Helper()
	return p.do(method, p.URL+path, http.Header{"Authorization": {p.Authorization}, "Content-Type": {"application/json"}}, body)
}

// until asks again and again until the answer is yes.
func (p *peers) until(what string, ask func() bool) {
	p.t.Helper()
	for end := time.Now().Add(waitForPeer); !ask(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			p.t.Fatalf("still not %s", what)
		}
	}
}
