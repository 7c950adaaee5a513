package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/authz"
	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/dicom/phantom"
	"github.com/lianzhen/lianzhen/store/storetest"
)

const stowBoundary = "0f3cf5c0-70e0-41ef-baef-c6f9f65ec3e1"

// stowPart is one part of a request.
type stowPart struct {
	media, location string
	body            []byte
}

func multipartOf(parts ...stowPart) []byte {
	var b bytes.Buffer
	for _, p := range parts {
		fmt.Fprintf(&b, "--%s\r\nContent-Type: %s\r\n", stowBoundary, p.media)
		if p.location != "" {
			fmt.Fprintf(&b, "Content-Location: %s\r\n", p.location)
		}
		b.WriteString("\r\n")
		b.Write(p.body)
		b.WriteString("\r\n")
	}
	fmt.Fprintf(&b, "--%s--\r\n", stowBoundary)
	return b.Bytes()
}

func objectParts(objects ...[]byte) (out []stowPart) {
	for _, o := range objects {
		out = append(out, stowPart{media: "application/dicom", body: o})
	}
	return out
}

func related(kind string) string {
	return `multipart/related; type="` + kind + `"; boundary=` + stowBoundary
}

// stow sends a body; without a length it is chunked.
func (h *house) stow(key, path, contentType string, body io.Reader, header ...string) reply {
	h.t.Helper()
	req, err := http.NewRequest("POST", h.http+path, body)
	must(h.t, err)
	req.Header.Set("Authorization", "Bearer "+key)
	req.Header.Set("Content-Type", contentType)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	must(h.t, err)
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	must(h.t, err)
	return reply{resp, text}
}

func (h *house) stowObjects(key string, objects ...[]byte) reply {
	h.t.Helper()
	return h.stow(key, "/dicomweb/studies", related("application/dicom"), bytes.NewReader(multipartOf(objectParts(objects...)...)))
}

// storedAs is an answer in short: the SOP instances stored, the failures with their reasons.
type storedAs struct {
	Stored []string
	Failed []string // "<SOP instance> <reason in hexadecimal>"
	Other  []string // "<reason>"
}

func (r reply) storeAnswer(t testing.TB) storedAs {
	t.Helper()
	d, err := dicom.ParseJSON(r.text, dicom.Limits{})
	if err != nil {
		t.Fatalf("%v: %s", err, r.text)
	}
	var out storedAs
	for _, it := range d.Items(0x00081199) {
		out.Stored = append(out.Stored, it.Str(0x00081155))
	}
	for _, it := range d.Items(0x00081198) {
		n, _ := it.Int(0x00081197)
		out.Failed = append(out.Failed, fmt.Sprintf("%s %04X", it.Str(0x00081155), n))
	}
	for _, it := range d.Items(0x0008119A) {
		n, _ := it.Int(0x00081197)
		out.Other = append(out.Other, fmt.Sprintf("%04X", n))
	}
	return out
}

func headerOf(t testing.TB, b []byte) *dicom.Object {
	t.Helper()
	o, err := dicom.Scan(bytes.NewReader(b), dicom.Options{})
	must(t, err)
	return o
}

func sopsOf(t testing.TB, objects ...[]byte) (out []string) {
	for _, o := range objects {
		out = append(out, string(headerOf(t, o).Header.SOPInstanceUID))
	}
	return out
}

func TestObjectsAreStoredAndAnswered(t *testing.T) {
	h := newHouse(t)
	_, key := h.key(storetest.Suwu, allScopes...)
	objects := study(31, 5)
	first := headerOf(t, objects[0]).Header
	body := multipartOf(objectParts(objects...)...)
	for _, c := range []struct {
		name string
		body func() io.Reader
	}{
		{"with a length", func() io.Reader { return bytes.NewReader(body) }},
		{"chunked, the same again", func() io.Reader { return struct{ io.Reader }{bytes.NewReader(body)} }},
		{"to its study", func() io.Reader { return bytes.NewReader(body) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := "/dicomweb/studies"
			if c.name == "to its study" {
				path += "/" + string(first.StudyUID)
			}
			r := h.stow(key, path, related("application/dicom"), c.body()).want(t, http.StatusOK)
			if diff := cmp.Diff(storedAs{Stored: sopsOf(t, objects...)}, r.storeAnswer(t)); diff != "" {
				t.Error(diff)
			}
			d, err := dicom.ParseJSON(r.text, dicom.Limits{})
			must(t, err)
			at := h.http + "/dicomweb/studies/" + string(first.StudyUID)
			if d.Str(0x00081190) != at || r.Header.Get("Content-Type") != "application/dicom+json" {
				t.Errorf("%s %s", d.Str(0x00081190), r.Header.Get("Content-Type"))
			}
			item := d.Items(0x00081199)[0]
			want := at + "/series/" + string(first.SeriesUID) + "/instances/" + string(first.SOPInstanceUID)
			if item.Str(0x00081190) != want || item.Str(0x00081150) != string(first.SOPClassUID) {
				t.Errorf("%s", r.text)
			}
			back := h.do(ask{method: "GET", path: strings.TrimPrefix(want, h.http), header: map[string]string{
				"Authorization": "Bearer " + key, "Accept": "application/dicom; transfer-syntax=*",
			}}).want(t, http.StatusOK)
			if !bytes.Equal(back.text, objects[0]) {
				t.Errorf("%d bytes come back, %d were sent", len(back.text), len(objects[0]))
			}
		})
	}
	r := h.stow(key, "/dicomweb/studies", "application/dicom", bytes.NewReader(objects[0]), "Accept", "application/dicom+xml").want(t, http.StatusOK)
	if d, err := dicom.ParseXML(bytes.NewReader(r.text), dicom.Limits{}); err != nil || len(d.Items(0x00081199)) != 1 {
		t.Errorf("%v: %s", err, r.text)
	}
}

func TestWhatIsWrongWithOneObjectIsItsOwnFailure(t *testing.T) {
	h := newHouse(t)
	_, key := h.key(storetest.Suwu, allScopes...)
	objects := study(32, 4)
	sops := sopsOf(t, objects...)
	h.stowObjects(key, objects[3]).want(t, http.StatusOK)
	other := append(bytes.Clone(objects[3][:len(objects[3])-1]), objects[3][len(objects[3])-1]^1)
	cut := objects[2][:len(objects[2])-100]
	parts := objectParts(objects[0], []byte("no dicom"), nil, other, cut)
	parts = append(parts, stowPart{media: "multipart/mixed; boundary=x", body: []byte("--x\r\n\r\ny\r\n--x--")}, stowPart{media: "text/html", body: []byte("<p>")})
	parts = append(parts, objectParts(objects[1])...)
	r := h.stow(key, "/dicomweb/studies", related("application/dicom"), bytes.NewReader(multipartOf(parts...))).want(t, http.StatusAccepted)
	want := storedAs{
		Stored: []string{sops[0], sops[1]},
		Failed: []string{sops[3] + " 0111", sops[2] + " C000"},
		Other:  []string{"C000", "C000", "C000", "C000"},
	}
	if diff := cmp.Diff(want, r.storeAnswer(t)); diff != "" {
		t.Error(diff)
	}
	warnings := strings.Join(r.Header.Values("Warning"), "\n")
	if !strings.Contains(warnings, "object 4: other bytes are kept") || !strings.Contains(warnings, "kept for a person as ") {
		t.Errorf("warnings:\n%s", warnings)
	}
	d, err := dicom.ParseJSON(r.text, dicom.Limits{})
	must(t, err)
	file := strings.TrimPrefix(d.Items(0x00081198)[0].Str(0x00081190), h.http)
	h.user("technician", storetest.Suwu, authz.Technician)
	if back := h.do(ask{method: "GET", path: file, header: bearer(h.session("technician"))}).want(t, http.StatusOK); !bytes.Equal(back.text, other) {
		t.Error("the quarantined object is not where the answer says")
	}
}

func TestNothingStoredIsAConflict(t *testing.T) {
	h := newHouse(t)
	_, key := h.key(storetest.Suwu, allScopes...)
	objects := study(33, 2)
	r := h.stow(key, "/dicomweb/studies/1.2.3", related("application/dicom"), bytes.NewReader(multipartOf(objectParts(objects...)...)))
	if r.StatusCode != http.StatusConflict {
		t.Fatalf("HTTP %d %s", r.StatusCode, r.text)
	}
	sops := sopsOf(t, objects...)
	if diff := cmp.Diff(storedAs{Failed: []string{sops[0] + " A900", sops[1] + " A900"}}, r.storeAnswer(t)); diff != "" {
		t.Error(diff)
	}
	if strings.Contains(string(r.text), "quarantine") {
		t.Error("objects for another address are no business of a person's")
	}
}

func TestRequestsThatCannotBeRead(t *testing.T) {
	h := newHouse(t, func(d *Deps) { d.Options.MaxBlob = 1 << 20 })
	_, key := h.key(storetest.Suwu, allScopes...)
	_, reading := h.key(storetest.Suwu, "imaging:read")
	one := study(34, 1)[0]
	whole := multipartOf(objectParts(one)...)
	for _, c := range []struct {
		name, path, contentType, key string
		body                         []byte
		want                         int
	}{
		{"no permission", "", related("application/dicom"), reading, whole, 403},
		{"a web page", "", "text/html", key, whole, 415},
		{"form data", "", "multipart/form-data; boundary=" + stowBoundary, key, whole, 415},
		{"another type", "", related("image/jpeg"), key, whole, 415},
		{"no boundary", "", `multipart/related; type="application/dicom"`, key, whole, 400},
		{"another boundary", "", `multipart/related; type="application/dicom"; boundary=x`, key, whole, 400},
		{"an empty body", "", related("application/dicom"), key, nil, 400},
		{"no part", "", related("application/dicom"), key, []byte("--" + stowBoundary + "--"), 400},
		{"a path", "/..%2F..%2Fetc", related("application/dicom"), key, whole, 400},
		{"NUL", "/1.2%00.3", related("application/dicom"), key, whole, 400},
		{"no UID", "/study", related("application/dicom"), key, whole, 400},
		{"too large", "", "application/dicom", key, make([]byte, 1<<20+1), 413},
		{"too large, as a part", "", related("application/dicom"), key, multipartOf(objectParts(append(bytes.Clone(one), make([]byte, 1<<20)...))...), 409},
		{"without quotes", "", "multipart/related;type=application/dicom;boundary=" + stowBoundary, key, whole, 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := h.stow(c.key, "/dicomweb/studies"+c.path, c.contentType, bytes.NewReader(c.body))
			if r.StatusCode != c.want {
				t.Fatalf("HTTP %d %s", r.StatusCode, r.text)
			}
			if c.name == "too large, as a part" {
				if diff := cmp.Diff([]string{"A700"}, reasons(r.storeAnswer(t))); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

func reasons(a storedAs) (out []string) {
	for _, f := range append(a.Failed, a.Other...) {
		out = append(out, f[strings.LastIndex(f, " ")+1:])
	}
	return out
}

func TestTheLastPartMustEnd(t *testing.T) {
	h := newHouse(t)
	_, key := h.key(storetest.Suwu, allScopes...)
	objects := study(35, 2)
	body := multipartOf(objectParts(objects...)...)
	body = body[:len(body)-len("\r\n--"+stowBoundary+"--\r\n")]
	r := h.stow(key, "/dicomweb/studies", related("application/dicom"), bytes.NewReader(body)).want(t, http.StatusAccepted)
	got := r.storeAnswer(t)
	if diff := cmp.Diff(sopsOf(t, objects[0]), got.Stored); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"C000"}, reasons(got)); diff != "" {
		t.Error(diff)
	}
}

// TestABrokenLineLosesNothingThatWasAnswered cuts the connection in the middle of an object.
func TestABrokenLineLosesNothingThatWasAnswered(t *testing.T) {
	h := newHouse(t)
	_, key := h.key(storetest.Suwu, allScopes...)
	objects := study(36, 3)
	body := multipartOf(objectParts(objects...)...)
	for _, at := range []int{100, len(body) / 2, len(body) - 5} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(h.http, "http://"))
		must(t, err)
		fmt.Fprintf(conn, "POST /dicomweb/studies HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n",
			key, related("application/dicom"), len(body))
		_, err = conn.Write(body[:at])
		must(t, err)
		must(t, conn.Close())
	}
	for range 500 { // the server hears of a broken line in its own time
		if len(h.kept(t)) >= 2 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	for _, b := range h.kept(t) { // what is there is whole
		headerOf(t, b)
	}
	r := h.stowObjects(key, objects...).want(t, http.StatusOK)
	if diff := cmp.Diff(storedAs{Stored: sopsOf(t, objects...)}, r.storeAnswer(t)); diff != "" {
		t.Error(diff)
	}
}

// kept are the bytes of all instances.
func (h *house) kept(t testing.TB) (out [][]byte) {
	t.Helper()
	rows, err := h.DB.Query(context.Background(), `SELECT blob_key, blob_offset, size FROM instances`)
	must(t, err)
	defer func() { _ = rows.Close() }()
	type place struct {
		key       string
		off, size int64
	}
	var all []place
	for rows.Next() {
		var p place
		must(t, rows.Scan(&p.key, &p.off, &p.size))
		all = append(all, p)
	}
	must(t, rows.Err())
	for _, p := range all {
		body, err := h.Blobs.Range(context.Background(), p.key, p.off, p.size)
		must(t, err)
		b, err := io.ReadAll(body)
		must(t, err)
		out = append(out, b)
	}
	return out
}

func TestASlowSenderIsWaitedFor(t *testing.T) {
	h := newHouse(t)
	_, key := h.key(storetest.Suwu, allScopes...)
	objects := study(37, 2)
	in, out := io.Pipe()
	go func() {
		body := multipartOf(objectParts(objects...)...)
		for len(body) > 0 {
			n := min(len(body), 1999)
			_, _ = out.Write(body[:n])
			body = body[n:]
			time.Sleep(time.Millisecond)
		}
		_ = out.Close()
	}()
	r := h.stow(key, "/dicomweb/studies", related("application/dicom"), in).want(t, http.StatusOK)
	if got := r.storeAnswer(t); len(got.Stored) != 2 {
		t.Errorf("%+v", got)
	}
}

func TestTwoSendersOfOneStudyAtOnce(t *testing.T) {
	h := newHouse(t)
	_, key := h.key(storetest.Suwu, allScopes...)
	objects := study(38, 20)
	var sending sync.WaitGroup
	for i := range 4 {
		sending.Go(func() {
			r := h.stowObjects(key, objects[i*4:i*4+8]...)
			if r.StatusCode != http.StatusOK {
				t.Errorf("HTTP %d %s", r.StatusCode, r.text)
			}
		})
	}
	sending.Wait()
	if n := len(h.kept(t)); n != 20 {
		t.Errorf("%d instances, want 20", n)
	}
}

func TestObjectsStayWithTheirInstitution(t *testing.T) {
	h := newHouse(t)
	_, suwu := h.key(storetest.Suwu, allScopes...)
	_, other := h.key(storetest.Dongba, allScopes...)
	objects := study(39, 2)
	h.stowObjects(suwu, objects...).want(t, http.StatusOK)
	uid := string(headerOf(t, objects[0]).Header.StudyUID)
	get := ask{method: "GET", path: "/dicomweb/studies/" + uid + "/metadata", header: bearer(other)}
	h.do(get).want(t, http.StatusNotFound)
	// The same UIDs of another institution are another study: nobody occupies the numbers of another.
	h.stowObjects(other, objects...).want(t, http.StatusOK)
	h.do(get).want(t, http.StatusOK)
}

// metadataOf turns an object into metadata whose pixels are bulk data.
func metadataOf(t testing.TB, b []byte, uri string) (*dicom.DataSet, []byte) {
	t.Helper()
	o := headerOf(t, b)
	d := o.Header.DataSet.Clone()
	p := o.Pixels
	d.SetBulk(dicom.PixelDataTag, p.VR, uri)
	return d, b[p.Offset : p.Offset+p.Length]
}

func TestObjectsComeAsMetadataWithBulkData(t *testing.T) {
	h := newHouse(t)
	_, key := h.key(storetest.Suwu, allScopes...)
	objects := study(40, 3)
	var parts []stowPart
	list := []byte("[")
	var pixels [][]byte
	for i, o := range objects {
		uri := fmt.Sprintf("https://elsewhere.example/bulk/%d", i)
		d, px := metadataOf(t, o, uri)
		if i > 0 {
			list = append(list, ',')
		}
		list = d.AppendJSON(list, dicom.JSONOptions{})
		parts = append(parts, stowPart{"application/octet-stream", uri, px})
		pixels = append(pixels, px)
	}
	parts = append([]stowPart{{"application/dicom+json", "", append(list, ']')}}, parts...)
	r := h.stow(key, "/dicomweb/studies", related("application/dicom+json"), bytes.NewReader(multipartOf(parts...))).want(t, http.StatusOK)
	if diff := cmp.Diff(storedAs{Stored: sopsOf(t, objects...)}, r.storeAnswer(t)); diff != "" {
		t.Error(diff)
	}
	for _, b := range h.kept(t) {
		o := headerOf(t, b)
		i := -1
		for k, sop := range sopsOf(t, objects...) {
			if sop == string(o.Header.SOPInstanceUID) {
				i = k
			}
		}
		if i < 0 || !bytes.Equal(b[o.Pixels.Offset:o.Pixels.Offset+o.Pixels.Length], pixels[i]) {
			t.Errorf("pixels of object %d are others", i)
		}
		was := headerOf(t, objects[i]).Header
		if was.Str(dicom.PatientName) != o.Header.Str(dicom.PatientName) || was.StudyUID != o.Header.StudyUID {
			t.Error("attributes are others")
		}
	}
}

func TestMetadataInXMLAndCompressedFrames(t *testing.T) {
	h := newHouse(t)
	_, key := h.key(storetest.Suwu, allScopes...)
	d, _ := metadataOf(t, study(41, 1)[0], "cid:pixels@x")
	d.SetInt(dicom.NumberOfFrames, 2)
	sof := []byte{0xFF, 0xD8, 0xFF, 0xC3, 0, 11, 16, 0, 64, 0, 64, 1, 1, 0x11, 0, 0xFF, 0xDA, 0, 8, 1, 1, 0, 1, 0, 0, 1, 2, 3, 0xFF, 0xD9}
	var b bytes.Buffer
	fmt.Fprintf(&b, "--%[1]s\r\nContent-Type: application/dicom+xml\r\n\r\n%[2]s\r\n", stowBoundary, d.AppendXML(nil, dicom.JSONOptions{}))
	for range 2 {
		fmt.Fprintf(&b, "--%s\r\nContent-Type: image/jpeg\r\nContent-ID: <pixels@x>\r\n\r\n%s\r\n", stowBoundary, sof)
	}
	fmt.Fprintf(&b, "--%s--", stowBoundary)
	r := h.stow(key, "/dicomweb/studies", related("application/dicom+xml"), &b).want(t, http.StatusOK)
	if got := r.storeAnswer(t); len(got.Stored) != 1 {
		t.Fatalf("%s", r.text)
	}
	o := headerOf(t, h.kept(t)[0])
	if o.TransferSyntax != dicom.JPEGLossless || o.Pixels.NumFrames != 2 || !o.Pixels.Encapsulated {
		t.Errorf("%s, %d frames", o.TransferSyntax, o.Pixels.NumFrames)
	}
}

func TestMetadataThatDoNotFitTheirBulkData(t *testing.T) {
	h := newHouse(t)
	_, key := h.key(storetest.Suwu, allScopes...)
	d, px := metadataOf(t, study(42, 1)[0], "x")
	meta := stowPart{"application/dicom+json", "", d.AppendJSON(nil, dicom.JSONOptions{})}
	for _, c := range []struct {
		name  string
		parts []stowPart
	}{
		{"no bulk data", []stowPart{meta}},
		{"bulk data of another", []stowPart{meta, {"application/octet-stream", "y", px}}},
		{"too short", []stowPart{meta, {"application/octet-stream", "x", px[2:]}}},
		{"too long", []stowPart{meta, {"application/octet-stream", "x", append(bytes.Clone(px), 0, 0)}}},
		{"another transfer syntax than the media type", []stowPart{meta, {"image/jpeg; transfer-syntax=1.2.840.10008.1.2.4.80", "x", px}}},
		{"a picture that nobody knows", []stowPart{meta, {"image/gif", "x", px}}},
		{"no JSON", []stowPart{{"application/dicom+json", "", []byte(`{"00080018":`)}}},
		{"bulk data first", []stowPart{{"application/octet-stream", "x", px}, meta}},
		{"an object where metadata are", []stowPart{{"application/dicom", "", study(42, 1)[0]}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := h.stow(key, "/dicomweb/studies", related("application/dicom+json"), bytes.NewReader(multipartOf(c.parts...)))
			if r.StatusCode != http.StatusConflict {
				t.Fatalf("HTTP %d %s", r.StatusCode, r.text)
			}
			if n := len(h.kept(t)); n > 0 {
				t.Errorf("%d objects are kept", n)
			}
		})
	}
}

// TestHostileFilesAreAnsweredOneByOne sends everything there is, as one request.
func TestHostileFilesAreAnsweredOneByOne(t *testing.T) {
	const root = "../../shared/data/imaging"
	var parts []stowPart
	_ = filepath.WalkDir(root, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() || strings.HasSuffix(path, ".md") {
			return nil
		}
		if b, err := os.ReadFile(path); err == nil && len(b) < 4<<20 {
			parts = append(parts, stowPart{media: "application/dicom", body: b})
		}
		return nil
	})
	if len(parts) == 0 {
		t.Skip("no imaging test files here")
	}
	h := newHouse(t)
	_, key := h.key(storetest.Suwu, allScopes...)
	r := h.stow(key, "/dicomweb/studies", related("application/dicom"), bytes.NewReader(multipartOf(parts...))).want(t, http.StatusAccepted)
	got := r.storeAnswer(t)
	if n := len(got.Stored) + len(got.Failed) + len(got.Other); n != len(parts) || len(got.Stored) < len(parts)/4 {
		t.Errorf("%d answers for %d objects, %d stored", n, len(parts), len(got.Stored))
	}
	for _, f := range append(got.Failed, got.Other...) {
		if strings.HasSuffix(f, "0110") {
			t.Errorf("a processing failure: %s", f)
		}
	}
}

func TestPartsAreBounded(t *testing.T) {
	h := newHouse(t)
	_, key := h.key(storetest.Suwu, allScopes...)
	one := "--" + stowBoundary + "\r\n\r\n\r\n"
	in, out := io.Pipe()
	go func() {
		many := strings.Repeat(one, 1000)
		for range 200 {
			if _, err := io.WriteString(out, many); err != nil {
				return
			}
		}
		_ = out.Close()
	}()
	defer func() { _ = in.Close() }()
	req, err := http.NewRequest("POST", h.http+"/dicomweb/studies", in)
	must(t, err)
	req.Header.Set("Authorization", "Bearer "+key)
	req.Header.Set("Content-Type", related("application/dicom"))
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return // the server has closed the line before the sender saw the answer
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusConflict {
		t.Errorf("HTTP %d", resp.StatusCode)
	}
}

func TestACapabilityIsARoute(t *testing.T) {
	h := newHouse(t)
	for _, method := range []string{"GET", "OPTIONS"} {
		r := h.do(ask{method: method, path: "/dicomweb/", header: map[string]string{"Accept": "application/json"}}).want(t, http.StatusOK)
		var doc struct {
			Application struct {
				Resources struct {
					Resource []struct {
						Path   string
						Method []struct{ Name string }
					}
				}
			}
		}
		must(t, json.Unmarshal(r.text, &doc))
		said := map[string]bool{}
		for _, res := range doc.Application.Resources.Resource {
			for _, m := range res.Method {
				said[m.Name+" /dicomweb/"+res.Path] = true
			}
		}
		for _, want := range h.dicomweb.Routes() {
			pattern := strings.NewReplacer("...}", "}", "{$}", "").Replace(want.Pattern)
			if strings.Contains(pattern, "/dicomweb/") && !said[pattern] {
				t.Errorf("%s is not said", pattern)
			}
		}
	}
	r := h.do(ask{method: "GET", path: "/dicomweb/"}).want(t, http.StatusOK)
	if r.Header.Get("Content-Type") != "application/vnd.sun.wadl+xml" || !bytes.Contains(r.text, []byte(`<resource path="studies/{study}">`)) {
		t.Errorf("%s", r.text)
	}
	h.do(ask{method: "GET", path: "/dicomweb/", header: map[string]string{"Accept": "image/png"}}).want(t, http.StatusNotAcceptable)
}

func TestPagesOfOtherHosts(t *testing.T) {
	const viewer, stranger = "https://viewer.example", "https://stranger.example"
	h := newHouse(t, func(d *Deps) { d.Options.Origins = []string{viewer} })
	_, key := h.key(storetest.Suwu, allScopes...)
	h.user("reader", storetest.LeadHospital, authz.Reader)
	cookie := h.cookieName() + "=" + h.session("reader")
	preflight := map[string]string{"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
	with := func(base map[string]string, more ...string) map[string]string {
		out := map[string]string{}
		for k, v := range base {
			out[k] = v
		}
		for i := 0; i+1 < len(more); i += 2 {
			out[more[i]] = more[i+1]
		}
		return out
	}
	for _, c := range []struct {
		name, method, path string
		header             map[string]string
		want               int
		origin             string
	}{
		{"preflight", "OPTIONS", "/dicomweb/studies", with(preflight, "Origin", viewer), 204, viewer},
		{"preflight of a stranger", "OPTIONS", "/dicomweb/studies", with(preflight, "Origin", stranger), 204, ""},
		{"preflight for another door", "OPTIONS", "/api/v1/imaging/instances", with(preflight, "Origin", viewer), 404, ""},
		{"a search", "GET", "/dicomweb/studies", with(bearer(key), "Origin", viewer), 200, viewer},
		{"without a key", "GET", "/dicomweb/studies", with(nil, "Origin", viewer), 401, viewer},
		{"of a stranger", "GET", "/dicomweb/studies", with(bearer(key), "Origin", stranger), 200, ""},
		{"sending", "POST", "/dicomweb/studies", with(bearer(key), "Origin", viewer, "Sec-Fetch-Site", "cross-site", "Content-Type", "text/html"), 415, viewer},
		{"sending of a stranger", "POST", "/dicomweb/studies", with(bearer(key), "Origin", stranger, "Sec-Fetch-Site", "cross-site"), 403, ""},
		{"sending with a cookie", "POST", "/dicomweb/studies", with(nil, "Origin", viewer, "Cookie", cookie), 403, ""},
		{"sending to another door", "POST", "/api/v1/imaging/instances", with(bearer(key), "Origin", viewer), 403, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := h.do(ask{method: c.method, path: c.path, header: c.header})
			if got := r.Header.Get("Access-Control-Allow-Origin"); got != c.origin || r.Header.Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("allows %q, want %q", got, c.origin)
			}
			switch {
			case r.StatusCode == 204 && c.want == 200: // nothing found
			case r.StatusCode != c.want && (c.want != 404 || r.StatusCode != 405 && r.StatusCode != 501):
				t.Errorf("HTTP %d, want %d: %s", r.StatusCode, c.want, r.text)
			}
		})
	}
}

// cineLoop is an object of n bytes of pixels that nobody holds in memory.
func cineLoop(t testing.TB, n int64) io.Reader {
	t.Helper()
	e := dicom.NewEncoder(dicom.ExplicitLE, "")
	e.Text(dicom.SOPClassUID, "1.2.840.10008.5.1.4.1.1.3.1")
	e.Text(dicom.SOPInstanceUID, "2.25.4711")
	e.Text(dicom.Modality, "US")
	e.Text(dicom.PatientID, "P001")
	e.Text(dicom.StudyInstanceUID, "2.25.4712")
	e.Text(dicom.SeriesInstanceUID, "2.25.4713")
	e.Int(dicom.SamplesPerPixel, 1)
	e.Text(dicom.PhotometricInterpretation, "MONOCHROME2")
	e.Int(dicom.NumberOfFrames, int(n>>20))
	e.Int(dicom.Rows, 1024)
	e.Int(dicom.Columns, 1024)
	e.Int(dicom.BitsAllocated, 8)
	e.Int(dicom.BitsStored, 8)
	e.Int(dicom.HighBit, 7)
	e.IntAs(dicom.PixelRepresentation, dicom.US, 0)
	var head bytes.Buffer
	must(t, e.NativePixels(&head, dicom.OB, n))
	return io.MultiReader(&head, io.LimitReader(zeros{}, n))
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

func TestALargeObjectIsNotHeldInMemory(t *testing.T) {
	h := newHouse(t)
	_, key := h.key(storetest.Suwu, allScopes...)
	const size = 512 << 20
	begin := fmt.Sprintf("--%s\r\nContent-Type: application/dicom\r\n\r\n", stowBoundary)
	body := io.MultiReader(strings.NewReader(begin), cineLoop(t, size), strings.NewReader("\r\n--"+stowBoundary+"--\r\n"))
	runtime.GC()
	var before, peak, now runtime.MemStats
	runtime.ReadMemStats(&before)
	watched := &tapped{r: body, every: 32 << 20, do: func() {
		runtime.ReadMemStats(&now)
		peak.HeapSys, peak.HeapInuse = max(peak.HeapSys, now.HeapSys), max(peak.HeapInuse, now.HeapInuse)
	}}
	r := h.stow(key, "/dicomweb/studies", related("application/dicom"), watched).want(t, http.StatusOK)
	if got := r.storeAnswer(t); len(got.Stored) != 1 {
		t.Errorf("%s", r.text)
	}
	if grown := int64(peak.HeapInuse) - int64(before.HeapInuse); grown > 16<<20 {
		t.Errorf("the heap grew by %d bytes for an object of %d", grown, size)
	}
}

// tapped does something now and then while it is read.
type tapped struct {
	r       io.Reader
	n, next int64
	every   int64
	do      func()
}

func (p *tapped) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	if p.n += int64(n); p.n >= p.next {
		p.next += p.every
		p.do()
	}
	return n, err
}

// BenchmarkStow stores CT slices of 512 x 512: by one client and by eight, one to a request and twenty.
func BenchmarkStow(b *testing.B) {
	for _, c := range []struct{ clients, each int }{{1, 1}, {8, 1}, {1, 20}, {4, 20}} {
		b.Run(fmt.Sprintf("clients=%d/each=%d", c.clients, c.each), func(b *testing.B) {
			h := newHouse(b)
			_, key := h.key(storetest.Suwu, allScopes...)
			const slices = 200
			spec := phantom.Spec{Kind: phantom.CTChest, Count: slices, Rows: 512, Columns: 512, At: time.Date(2026, 3, 5, 9, 30, 0, 0, time.UTC)}
			seed := uint64(1000)
			b.SetBytes(slices * 512 * 512 * 2)
			for b.Loop() {
				b.StopTimer()
				seed++
				spec.Seed = seed
				work := make(chan []byte, slices)
				var objects [][]byte
				for _, write := range phantom.Study(spec) {
					var one bytes.Buffer
					must(b, write(&one))
					if objects = append(objects, one.Bytes()); len(objects) == c.each {
						work <- multipartOf(objectParts(objects...)...)
						objects = nil
					}
				}
				close(work)
				b.StartTimer()
				var sending sync.WaitGroup
				for range c.clients {
					sending.Go(func() {
						for body := range work {
							if r := h.stow(key, "/dicomweb/studies", related("application/dicom"), bytes.NewReader(body)); r.StatusCode != http.StatusOK {
								b.Errorf("HTTP %d %s", r.StatusCode, r.text)
							}
						}
					})
				}
				sending.Wait()
			}
			b.ReportMetric(float64(slices*b.N)/b.Elapsed().Seconds(), "inst/s")
		})
	}
}
