package gateway

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"image"
	_ "image/jpeg"
	_ "image/png"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/dicom/phantom"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store/storetest"
)

// viewer is a program that reads over DICOMweb.
type viewer struct {
	*house
	key string
}

func newViewer(t testing.TB, h *house, at record.InstitutionID) *viewer {
	t.Helper()
	_, key := h.key(at, allScopes...)
	return &viewer{h, key}
}

// keep stores objects.
func (v *viewer) keep(objects ...[]byte) {
	v.t.Helper()
	for _, b := range objects {
		r := v.do(ask{method: "POST", path: "/api/v1/imaging/instances", body: string(b), header: map[string]string{
			"Authorization": "Bearer " + v.key, "Content-Type": "application/dicom",
		}})
		if r.StatusCode != 200 && r.StatusCode != 201 {
			v.t.Fatalf("store: HTTP %d %s", r.StatusCode, r.text)
		}
	}
}

// get asks; more are headers by name and value.
func (v *viewer) get(path, accept string, more ...string) reply {
	v.t.Helper()
	h := bearer(v.key)
	if accept != "" {
		h["Accept"] = accept
	}
	method := "GET"
	for i := 0; i < len(more); i += 2 {
		if more[i] == "method" {
			method = more[i+1]
			continue
		}
		h[more[i]] = more[i+1]
	}
	return v.do(ask{method: method, path: "/dicomweb" + path, header: h})
}

// parts are those of a multipart answer.
func (r reply) parts(t testing.TB) (bodies [][]byte, types []string) {
	t.Helper()
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/related" {
		t.Fatalf("Content-Type %q: %v", r.Header.Get("Content-Type"), err)
	}
	m := multipart.NewReader(bytes.NewReader(r.text), params["boundary"])
	for {
		p, err := m.NextRawPart()
		if err == io.EOF {
			return bodies, types
		}
		must(t, err)
		b, err := io.ReadAll(p)
		must(t, err)
		bodies, types = append(bodies, b), append(types, p.Header.Get("Content-Type"))
	}
}

func (r reply) list(t testing.TB) []map[string]struct {
	VR           string `json:"vr"`
	Value        []any
	BulkDataURI  string
	InlineBinary string
} {
	t.Helper()
	var out []map[string]struct {
		VR           string `json:"vr"`
		Value        []any
		BulkDataURI  string
		InlineBinary string
	}
	if err := json.Unmarshal(r.text, &out); err != nil {
		t.Fatalf("%v: %.300s", err, r.text)
	}
	return out
}

func scanned(t testing.TB, b []byte) *dicom.Object {
	t.Helper()
	o, err := dicom.Scan(bytes.NewReader(b), dicom.Options{})
	must(t, err)
	return o
}

func pixelsOf(t testing.TB, b []byte) []byte {
	t.Helper()
	p := scanned(t, b).Pixels
	return b[p.Offset : p.Offset+p.Length]
}

func places(o *dicom.Object) (study, series, instance string) {
	study = "/studies/" + string(o.Header.StudyUID)
	series = study + "/series/" + string(o.Header.SeriesUID)
	return study, series, series + "/instances/" + string(o.Header.SOPInstanceUID)
}

// sample reads a file of the corpus beside the checkout.
func sample(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("../../shared/data/imaging", name))
	if err != nil {
		t.Skipf("no sample %s", name)
	}
	return b
}

const pydicomFiles = "pydicom_pydicom/src/pydicom/data/test_files/"

// loop makes an ultrasound loop in colour.
func loop(t testing.TB, frames int) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, write := range phantom.Study(phantom.Spec{
		Kind: phantom.USHeart, Seed: 5, Count: frames, Rows: 48, Columns: 60,
		Patient: phantom.Patient{Name: "Loop^Lu", ID: "P5", BirthDate: "19700101", Sex: "F"},
	}) {
		must(t, write(&b))
	}
	return b.Bytes()
}

func TestObjectsAreRetrievedAsTheyAreKept(t *testing.T) {
	h := newHouse(t)
	v := newViewer(t, h, storetest.Suwu)
	objects := study(1, 3)
	v.keep(objects...)
	st, se, in := places(scanned(t, objects[0]))
	for _, c := range []struct {
		name, path, accept string
		parts              int
	}{
		{"a study", st, `multipart/related; type="application/dicom"`, 3},
		{"a series", se, `multipart/related; type=application/dicom; transfer-syntax=*`, 3},
		{"an instance", in, `multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.1`, 1},
		{"nothing said", in, "", 1},
		{"by parameter", in + "?accept=" + `multipart/related%3Btype%3D%22application/dicom%22`, "image/gif", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := v.get(c.path, c.accept).want(t, 200)
			bodies, types := r.parts(t)
			if len(bodies) != c.parts || r.ContentLength != int64(len(r.text)) {
				t.Fatalf("%d parts, Content-Length %d for %d", len(bodies), r.ContentLength, len(r.text))
			}
			for i, b := range bodies {
				if !bytes.Equal(b, objects[i]) || types[i] != "application/dicom; transfer-syntax=1.2.840.10008.1.2.1" {
					t.Errorf("part %d: %d bytes %s", i, len(b), types[i])
				}
			}
			again := v.get(c.path, c.accept, "If-None-Match", r.Header.Get("ETag"))
			if again.StatusCode != 304 || len(again.text) != 0 {
				t.Errorf("with its validator: HTTP %d", again.StatusCode)
			}
			head := v.get(c.path, c.accept, "method", "HEAD")
			if head.StatusCode != 200 || head.ContentLength != r.ContentLength || head.Header.Get("ETag") != r.Header.Get("ETag") {
				t.Errorf("HEAD: HTTP %d, %d bytes", head.StatusCode, head.ContentLength)
			}
		})
	}
	single := v.get(in, "application/dicom").want(t, 200)
	if !bytes.Equal(single.text, objects[0]) || single.Header.Get("ETag") != `"`+sha(objects[0])+`"` {
		t.Error("one object alone differs")
	}
	ranged := v.get(in, "application/dicom", "Range", "bytes=128-131").want(t, 206)
	if string(ranged.text) != "DICM" || ranged.Header.Get("Content-Range") != "bytes 128-131/"+strconv.Itoa(len(objects[0])) {
		t.Errorf("range %q %s", ranged.text, ranged.Header.Get("Content-Range"))
	}
	v.get(in, "application/dicom", "Range", "bytes=99999999-").want(t, 416)
	v.get(st, "application/dicom").want(t, 406)
	v.get(st, "image/gif").want(t, 406)
	z := v.get(st, "application/zip").want(t, 200)
	files, err := zip.NewReader(bytes.NewReader(z.text), int64(len(z.text)))
	must(t, err)
	if len(files.File) != 3 {
		t.Errorf("%d files in the archive", len(files.File))
	}
}

func TestWhatIsNotThereAndWhatMayNotBeSeenLookAlike(t *testing.T) {
	h := newHouse(t)
	v := newViewer(t, h, storetest.Suwu)
	objects := study(1, 1)
	v.keep(objects...)
	st, se, in := places(scanned(t, objects[0]))
	stranger := newViewer(t, h, storetest.Dongba)
	for _, p := range []string{
		st, se, in, st + "/metadata", se + "/metadata", in + "/metadata", in + "/frames/1", in + "/rendered", se + "/thumbnail", st + "/rendered",
		in + "/bulkdata/7FE00010", in + "/frames/1/rendered",
		"/wado?requestType=WADO&" + strings.NewReplacer("/studies/", "studyUID=", "/series/", "&seriesUID=", "/instances/", "&objectUID=").Replace(in),
	} {
		t.Run(p, func(t *testing.T) {
			if r := v.get(p, ""); r.StatusCode != 200 {
				t.Fatalf("the owner gets HTTP %d: %s", r.StatusCode, r.text)
			}
			missing := stranger.get(strings.NewReplacer(string(scanned(t, objects[0]).Header.StudyUID), "1.2.3").Replace(p), "")
			foreign := stranger.get(p, "")
			if foreign.StatusCode != 404 || missing.StatusCode != 404 || foreign.decode(t)["message"] != missing.decode(t)["message"] {
				t.Errorf("foreign HTTP %d %s, missing HTTP %d %s", foreign.StatusCode, foreign.text, missing.StatusCode, missing.text)
			}
			if foreign.Header.Get("ETag") != "" {
				t.Error("a validator is told")
			}
		})
	}
	for _, p := range []string{"/studies", "/series", "/instances", st + "/series", st + "/instances", se + "/instances"} {
		if got := stranger.get(p, "").want(t, 200).list(t); len(got) != 0 {
			t.Errorf("%s: a stranger finds %d", p, len(got))
		}
		if got := v.get(p, "").want(t, 200).list(t); len(got) != 1 {
			t.Errorf("%s: the owner finds %d", p, len(got))
		}
	}
	// What was drawn and gathered for the owner is not given to a stranger either.
	v.get(in+"/rendered", "").want(t, 200)
	tag := v.get(in+"/rendered", "").Header.Get("ETag")
	stranger.get(in+"/rendered", "", "If-None-Match", tag).want(t, 404)
	if r := v.do(ask{method: "GET", path: "/dicomweb" + st}); r.StatusCode != 401 {
		t.Errorf("without a key: HTTP %d", r.StatusCode)
	}
}

func TestFramesAreGivenAsViewersAsk(t *testing.T) {
	h := newHouse(t)
	v := newViewer(t, h, storetest.Suwu)
	b := loop(t, 7)
	v.keep(b)
	_, _, in := places(scanned(t, b))
	px := pixelsOf(t, b)
	size := 48 * 60 * 3
	for _, c := range []struct {
		name, accept, list string
		want               []int
	}{
		{"OHIF", "multipart/related; type=application/octet-stream; transfer-syntax=*", "3", []int{3}},
		{"dicomweb-client", `multipart/related; type="application/octet-stream"`, "1,7,2", []int{1, 7, 2}},
		{"nothing said", "", "4", []int{4}},
		{"anything", "*/*", "4", []int{4}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := v.get(in+"/frames/"+c.list, c.accept).want(t, 200)
			bodies, types := r.parts(t)
			if len(bodies) != len(c.want) || r.ContentLength != int64(len(r.text)) {
				t.Fatalf("%d parts", len(bodies))
			}
			for i, n := range c.want {
				if !bytes.Equal(bodies[i], px[(n-1)*size:n*size]) || types[i] != "application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1" {
					t.Errorf("frame %d: %d bytes %s", n, len(bodies[i]), types[i])
				}
			}
		})
	}
	one := v.get(in+"/frames/2", "application/octet-stream").want(t, 200)
	if !bytes.Equal(one.text, px[size:2*size]) {
		t.Error("a frame alone differs")
	}
	v.get(in+"/frames/2,3", "application/octet-stream").want(t, 406)
	v.get(in+"/frames/8", "").want(t, 404)
	for _, bad := range []string{"0", "-1", "a", "1,,2", "99999999999", strings.Repeat("1,", 11000) + "1"} {
		if r := v.get(in+"/frames/"+bad, ""); r.StatusCode != 400 {
			t.Errorf("frames %.20s: HTTP %d", bad, r.StatusCode)
		}
	}
	rle := v.get(in+"/frames/1", `multipart/related; type="image/dicom-rle"`).want(t, 200)
	if _, types := rle.parts(t); types[0] != "image/dicom-rle; transfer-syntax=1.2.840.10008.1.2.5" {
		t.Errorf("RLE as %s", types[0])
	}
}

func TestCompressedFramesAreDecodedOrPassedOn(t *testing.T) {
	h := newHouse(t)
	v := newViewer(t, h, storetest.Suwu)
	lossless := sample(t, pydicomFiles+"MR_small_RLE.dcm")
	j2k := sample(t, pydicomFiles+"JPEG2000.dcm")
	jpeg := sample(t, pydicomFiles+"SC_rgb_jpeg_dcmtk.dcm")
	v.keep(lossless, j2k, jpeg)
	const octets, all = `multipart/related; type="application/octet-stream"`, `multipart/related; type=application/octet-stream; transfer-syntax=*`
	for _, c := range []struct {
		name, accept string
		object       []byte
		status       int
		typ          string
		size         int
	}{
		{"RLE decoded", octets, lossless, 200, "application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1", 64 * 64 * 2},
		{"RLE as it is", all, lossless, 200, "application/octet-stream; transfer-syntax=1.2.840.10008.1.2.5", 0},
		{"RLE as JPEG-LS", `multipart/related; type="image/jls"`, lossless, 200, "image/jls; transfer-syntax=1.2.840.10008.1.2.4.80", 0},
		{"baseline decoded", octets, jpeg, 200, "application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1", 100 * 100 * 3},
		{"baseline as it is", `multipart/related; type="image/jpeg"`, jpeg, 200, "image/jpeg; transfer-syntax=1.2.840.10008.1.2.4.50", 0},
		{"JPEG 2000 is not decoded", octets, j2k, 406, "", 0},
		{"JPEG 2000 as it is", all, j2k, 200, "application/octet-stream; transfer-syntax=1.2.840.10008.1.2.4.91", 0},
		{"JPEG 2000 by media type", "image/jp2", j2k, 200, "image/jp2; transfer-syntax=1.2.840.10008.1.2.4.91", 0},
		{"JPEG 2000 to who takes all", "*/*", j2k, 200, "image/jp2; transfer-syntax=1.2.840.10008.1.2.4.91", 0},
		{"the second choice", octets + ", multipart/related; type=image/jp2;q=0.5", j2k, 200, "image/jp2; transfer-syntax=1.2.840.10008.1.2.4.91", 0},
		{"the second choice refused", octets + ", image/jp2;q=0", j2k, 406, "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, in := places(scanned(t, c.object))
			r := v.get(in+"/frames/1", c.accept).want(t, c.status)
			if c.status != 200 {
				if !strings.Contains(r.decode(t)["message"].(string), "1.2.840.10008.1.2.4.91") {
					t.Errorf("says %s", r.text)
				}
				return
			}
			body, typ := r.text, r.Header.Get("Content-Type")
			if strings.HasPrefix(typ, "multipart") {
				bodies, types := r.parts(t)
				body, typ = bodies[0], types[0]
			}
			if typ != c.typ || c.size > 0 && len(body) != c.size {
				t.Errorf("%d bytes %s", len(body), typ)
			}
		})
	}
}

func TestObjectsAreTranscoded(t *testing.T) {
	h := newHouse(t)
	v := newViewer(t, h, storetest.Suwu)
	lossless := sample(t, pydicomFiles+"MR_small_RLE.dcm")
	native := pixelsOf(t, sample(t, pydicomFiles+"MR_small.dcm"))
	big := sample(t, pydicomFiles+"MR_small_bigendian.dcm")
	j2k := sample(t, pydicomFiles+"JPEG2000.dcm")
	ct := study(1, 1)[0]
	v.keep(lossless, j2k, ct)
	for _, c := range []struct {
		name, accept string
		object       []byte
		syntax       dicom.UID
	}{
		{"RLE to the default", "application/dicom", lossless, dicom.ExplicitLE},
		{"RLE to implicit", "application/dicom; transfer-syntax=1.2.840.10008.1.2", lossless, dicom.ImplicitLE},
		{"RLE to JPEG-LS", "application/dicom; transfer-syntax=1.2.840.10008.1.2.4.80", lossless, dicom.JPEGLSLossless},
		{"RLE as it is", "application/dicom; transfer-syntax=*", lossless, dicom.RLELossless},
		{"native to JPEG lossless", "application/dicom; transfer-syntax=1.2.840.10008.1.2.4.70", ct, dicom.JPEGLossless},
		{"the second choice", "application/dicom; transfer-syntax=1.2.840.10008.1.2.4.201, application/dicom;q=0.9", ct, dicom.ExplicitLE},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, in := places(scanned(t, c.object))
			r := v.get(in, c.accept).want(t, 200)
			o := scanned(t, r.text)
			if o.TransferSyntax != c.syntax || r.Header.Get("Content-Type") != "application/dicom; transfer-syntax="+string(c.syntax) {
				t.Errorf("in %s as %s", o.TransferSyntax, r.Header.Get("Content-Type"))
			}
			if o.Header.SOPInstanceUID != scanned(t, c.object).Header.SOPInstanceUID {
				t.Error("another instance")
			}
			if c.syntax == dicom.ExplicitLE && c.name == "RLE to the default" && !bytes.Equal(pixelsOf(t, r.text), native) {
				t.Error("other pixels")
			}
		})
	}
	_, _, in := places(scanned(t, j2k))
	r := v.get(in, "").want(t, 406)
	if m := r.decode(t)["message"].(string); !strings.Contains(m, "transfer-syntax=*") {
		t.Errorf("says %q", m)
	}
	v.get(in, `multipart/related; type="application/dicom"; transfer-syntax=*`).want(t, 200)
	stranger := newViewer(t, h, storetest.Dongba) // the same instance in another byte order, at another place
	stranger.keep(big)
	_, _, in = places(scanned(t, big))
	r = stranger.get(in, "application/dicom").want(t, 200)
	if !bytes.Equal(pixelsOf(t, r.text), native) {
		t.Error("big endian is not turned")
	}
	r = stranger.get(in+"/frames/1", "application/octet-stream").want(t, 200)
	if !bytes.Equal(r.text, native) {
		t.Error("a big endian frame is not turned")
	}
}

func TestMetadataPointsToWhatItLeavesOut(t *testing.T) {
	h := newHouse(t)
	v := newViewer(t, h, storetest.Suwu)
	objects := study(1, 3)
	v.keep(objects...)
	st, se, in := places(scanned(t, objects[1]))
	for _, c := range []struct {
		path string
		n    int
	}{{st, 3}, {se, 3}, {in, 1}, {se, 3}} {
		r := v.get(c.path+"/metadata", "application/dicom+json").want(t, 200)
		list := r.list(t)
		if len(list) != c.n || r.Header.Get("Content-Type") != "application/dicom+json" {
			t.Fatalf("%s: %d of %s", c.path, len(list), r.Header.Get("Content-Type"))
		}
		for i, m := range list {
			want := h.http + "/dicomweb" + se + "/instances/" + m["00080018"].Value[0].(string) + "/bulkdata/7FE00010"
			if m["7FE00010"].BulkDataURI != want || m["00083002"].Value[0] != "1.2.840.10008.1.2.1" {
				t.Errorf("%d: %v %v", i, m["7FE00010"], m["00083002"])
			}
		}
		if v.get(c.path+"/metadata", "application/dicom+json", "If-None-Match", r.Header.Get("ETag")).StatusCode != 304 {
			t.Error("no 304")
		}
	}
	m := v.get(in+"/metadata", "").want(t, 200).list(t)[0]
	bulk := strings.TrimPrefix(m["7FE00010"].BulkDataURI, h.http+"/dicomweb")
	whole := v.get(bulk, "").want(t, 200)
	if !bytes.Equal(whole.text, pixelsOf(t, objects[1])) {
		t.Error("the value differs")
	}
	if r := v.get(bulk, "application/octet-stream", "Range", "bytes=-4").want(t, 206); !bytes.Equal(r.text, whole.text[len(whole.text)-4:]) {
		t.Error("the end of the value differs")
	}
	if bodies, _ := v.get(bulk, `multipart/related; type="application/octet-stream"`).want(t, 200).parts(t); !bytes.Equal(bodies[0], whole.text) {
		t.Error("the value in a part differs")
	}
	for _, missing := range []string{"00100010x", "7FE00011", "00081140/1/00081150", "00081140/0/00081150", "", "../x", "7FE00010/1"} {
		if r := v.get(in+"/bulkdata/"+missing, ""); r.StatusCode != 404 && r.StatusCode != 307 && r.StatusCode != 301 {
			t.Errorf("bulkdata/%s: HTTP %d", missing, r.StatusCode)
		}
	}
	bodies, types := v.get(se+"/metadata", `multipart/related; type="application/dicom+xml"`).want(t, 200).parts(t)
	if len(bodies) != 3 || types[0] != "application/dicom+xml" {
		t.Fatalf("XML: %d parts %v", len(bodies), types)
	}
	d, err := dicom.ParseXML(bytes.NewReader(bodies[0]), dicom.Limits{})
	must(t, err)
	if d.UID(dicom.SeriesInstanceUID) != scanned(t, objects[0]).Header.SeriesUID {
		t.Error("XML of something else")
	}
	// A series that grows gives another text.
	before := v.get(se+"/metadata", "").Header.Get("ETag")
	v.keep(study(1, 4)[3])
	r := v.get(se+"/metadata", "", "If-None-Match", before).want(t, 200)
	if len(r.list(t)) != 4 {
		t.Errorf("%d instances after the series has grown", len(r.list(t)))
	}
}

func TestTextIsCompressedForWhoTakesIt(t *testing.T) {
	h := newHouse(t)
	v := newViewer(t, h, storetest.Suwu)
	objects := study(1, 3)
	v.keep(objects...)
	_, se, _ := places(scanned(t, objects[0]))
	for _, p := range []string{se + "/metadata", se + "/instances"} {
		r := v.get(p, "", "Accept-Encoding", "gzip;q=0.5")
		if r.Header.Get("Content-Encoding") != "gzip" {
			t.Fatalf("%s: Content-Encoding %q", p, r.Header.Get("Content-Encoding"))
		}
		z, err := gzip.NewReader(bytes.NewReader(r.text))
		must(t, err)
		packed, err := io.ReadAll(z)
		must(t, err)
		plain := v.get(p, "", "Accept-Encoding", "identity, gzip;q=0")
		if plain.Header.Get("Content-Encoding") != "" || !bytes.Equal(plain.text, packed) {
			t.Errorf("%s: the plain text differs", p)
		}
		if plain.Header.Get("ETag") != "" && plain.Header.Get("ETag") == r.Header.Get("ETag") {
			t.Errorf("%s: one strong validator for two texts", p)
		}
	}
}

func TestPicturesAreDrawn(t *testing.T) {
	h := newHouse(t)
	v := newViewer(t, h, storetest.Suwu)
	objects, us := study(1, 5), loop(t, 9)
	v.keep(append(objects, us)...)
	st, se, in := places(scanned(t, objects[0]))
	_, _, moving := places(scanned(t, us))
	for _, c := range []struct {
		name, path, accept, media string
		w, h                      int
	}{
		{"an instance", in + "/rendered", "", "image/jpeg", 64, 64},
		{"a browser's image", in + "/rendered", "image/avif,image/webp,image/png,image/*,*/*;q=0.8", "image/png", 64, 64},
		{"a series", se + "/rendered", "image/jpeg", "image/jpeg", 64, 64},
		{"a study", st + "/rendered", "image/png", "image/png", 64, 64},
		{"OHIF", in + "/rendered?accept=image%2Fjpeg", "*/*", "image/jpeg", 64, 64},
		{"a window", in + "/rendered?window=40,400,linear", "image/png", "image/png", 64, 64},
		{"a viewport", in + "/rendered?viewport=128,256", "image/png", "image/png", 128, 128},
		{"a part of it, turned round", in + "/rendered?viewport=100,100,16,16,-32,32", "image/png", "image/png", 100, 100},
		{"a part that is left open", in + "/rendered?viewport=100,100,32,,,", "image/png", "image/png", 50, 100},
		{"with texts", in + "/rendered?annotation=patient,technique&quality=40", "", "image/jpeg", 64, 64},
		{"a frame", moving + "/frames/3/rendered", "image/png", "image/png", 60, 48},
		{"the middle of a loop", moving + "/rendered", "image/png", "image/png", 60, 48},
		{"thumbnail of a study", st + "/thumbnail", "", "image/jpeg", 200, 200},
		{"thumbnail of a series", se + "/thumbnail?viewport=80,80", "", "image/jpeg", 80, 80},
		{"thumbnail of an instance", in + "/thumbnail", "image/png", "image/png", 200, 200},
		{"thumbnail of a frame", moving + "/frames/2/thumbnail", "", "image/jpeg", 200, 160},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := v.get(c.path, c.accept).want(t, 200)
			img, _, err := image.DecodeConfig(bytes.NewReader(r.text))
			if err != nil || img.Width != c.w || img.Height != c.h || r.Header.Get("Content-Type") != c.media {
				t.Errorf("%s %d×%d: %v", r.Header.Get("Content-Type"), img.Width, img.Height, err)
			}
			if v.get(c.path, c.accept, "If-None-Match", r.Header.Get("ETag")).StatusCode != 304 {
				t.Error("no 304")
			}
		})
	}
	middle, third := v.get(moving+"/rendered", "image/png").text, v.get(moving+"/frames/5/rendered", "image/png").text
	if !bytes.Equal(middle, third) {
		t.Error("the middle of nine frames is the fifth")
	}
	if bodies, types := v.get(se+"/rendered", `multipart/related; type="image/jpeg"`).want(t, 200).parts(t); len(bodies) != 5 || types[0] != "image/jpeg" {
		t.Errorf("%d pictures of five", len(bodies))
	}
	wide, narrow := v.get(in+"/rendered?window=40,4000", "image/png").text, v.get(in+"/rendered?window=40,40", "image/png").text
	if bytes.Equal(wide, narrow) {
		t.Error("windows make no difference")
	}
	for _, bad := range []string{
		"quality=0", "quality=101", "quality=a", "quality=1&quality=2", "viewport=1", "viewport=0,5", "viewport=-1,5", "viewport=1000000000,1000000000",
		"viewport=16384,16384", "viewport=NaN,5", "viewport=10,10,NaN,0,5,5", "viewport=10,10,-1,0,5,5", "viewport=10,10,0,0,0,5", "viewport=10,10,1e300,0,5,5",
		"viewport=10,10,64,0,,", "window=NaN,400", "window=40,NaN", "window=Inf,1", "window=40,0", "window=40,-5", "window=1e308,1e308", "window=40",
		"window=40,400,cubic", "annotation=everything", "annotation=patient%00",
	} {
		if r := v.get(in+"/rendered?"+bad, ""); r.StatusCode != 400 {
			t.Errorf("%s: HTTP %d %.200s", bad, r.StatusCode, r.text)
		}
	}
	v.get(in+"/rendered", "text/html").want(t, 406)
}

func TestOtherDocumentsAreNoPictures(t *testing.T) {
	h := newHouse(t)
	v := newViewer(t, h, storetest.Suwu)
	pdf, j2k := sample(t, "orthanc-mirrors_orthanc-tests/Database/sample-pdf.dcm"), sample(t, pydicomFiles+"JPEG2000.dcm")
	report := sample(t, pydicomFiles+"reportsi.dcm")
	v.keep(pdf, j2k, report)
	_, _, in := places(scanned(t, pdf))
	r := v.get(in+"/rendered", "application/pdf, image/jpeg").want(t, 200)
	if !bytes.HasPrefix(r.text, []byte("%PDF")) || r.Header.Get("Content-Type") != "application/pdf" {
		t.Errorf("%s: %.20q", r.Header.Get("Content-Type"), r.text)
	}
	v.get(in+"/rendered", "image/jpeg").want(t, 406)
	v.get(in+"/thumbnail", "").want(t, 406)
	_, _, in = places(scanned(t, j2k))
	v.get(in+"/rendered", "").want(t, 406)
	_, se, in := places(scanned(t, report))
	v.get(in+"/rendered", "text/html").want(t, 406)
	v.get(in+"/rendered", "").want(t, 406)
	v.get(se+"/thumbnail", "").want(t, 406)
}

// softcopy makes a presentation state for an image: turned by a quarter, in a window of its own.
func softcopy(t testing.TB, image *dicom.Object) []byte {
	t.Helper()
	tag := func(name string) dicom.Tag {
		g, ok := dicom.Keyword(name)
		if !ok {
			t.Fatal(name)
		}
		return g
	}
	d := dicom.NewDataSet()
	d.CopyFrom(&image.Header.DataSet, dicom.StudyInstanceUID, dicom.PatientID, dicom.PatientName, dicom.PatientBirthDate, dicom.PatientSex)
	d.SetText(dicom.SOPClassUID, "1.2.840.10008.5.1.4.1.1.11.1")
	d.SetText(dicom.SOPInstanceUID, "1.2.826.0.1.77.1")
	d.SetText(dicom.SeriesInstanceUID, "1.2.826.0.1.77")
	d.SetText(dicom.Modality, "PR")
	ref := dicom.NewDataSet()
	ref.SetText(dicom.ReferencedSOPClassUID, string(image.Header.SOPClassUID))
	ref.SetText(dicom.ReferencedSOPInstanceUID, string(image.Header.SOPInstanceUID))
	series := dicom.NewDataSet()
	series.SetText(dicom.SeriesInstanceUID, string(image.Header.SeriesUID))
	series.SetItems(tag("ReferencedImageSequence"), ref)
	d.SetItems(tag("ReferencedSeriesSequence"), series)
	voi := dicom.NewDataSet()
	voi.SetFloat(dicom.WindowCenter, 40)
	voi.SetFloat(dicom.WindowWidth, 80)
	d.SetItems(tag("SoftcopyVOILUTSequence"), voi)
	d.SetInt(tag("ImageRotation"), 90)
	d.SetText(tag("ImageHorizontalFlip"), "N")
	d.SetText(dicom.PresentationLUTShape, "IDENTITY")
	var b bytes.Buffer
	_, err := (&dicom.Copy{DataSet: d, Syntax: dicom.ExplicitLE}).WriteTo(&b)
	must(t, err)
	return b.Bytes()
}

func TestPresentationStatesAreShown(t *testing.T) {
	h := newHouse(t)
	v := newViewer(t, h, storetest.Suwu)
	objects := study(1, 2)
	first := scanned(t, objects[0])
	state := softcopy(t, first)
	v.keep(append(objects, state)...)
	_, _, in := places(first)
	_, _, pr := places(scanned(t, state))
	plain, shown := v.get(in+"/rendered", "image/png").want(t, 200), v.get(pr+"/rendered", "image/png").want(t, 200)
	if bytes.Equal(plain.text, shown.text) {
		t.Error("the presentation state changes nothing")
	}
	uri := "/wado?requestType=WADO&contentType=image/png&" + strings.NewReplacer("/studies/", "studyUID=", "/series/", "&seriesUID=", "/instances/", "&objectUID=").Replace(in)
	same := v.get(uri+"&presentationSeriesUID=1.2.826.0.1.77&presentationUID=1.2.826.0.1.77.1", "").want(t, 200)
	if !bytes.Equal(same.text, shown.text) {
		t.Error("WADO-URI shows it otherwise")
	}
	v.get(uri+"&presentationSeriesUID=1.2.826.0.1.77&presentationUID=1.2.826.0.1.77.2", "").want(t, 404)
}

func TestObjectsByURI(t *testing.T) {
	h := newHouse(t)
	v := newViewer(t, h, storetest.Suwu)
	objects, us := study(1, 1), loop(t, 4)
	v.keep(objects[0], us)
	uri := func(b []byte) string {
		_, _, in := places(scanned(t, b))
		return "/wado?requestType=WADO&" + strings.NewReplacer("/studies/", "studyUID=", "/series/", "&seriesUID=", "/instances/", "&objectUID=").Replace(in)
	}
	ct := uri(objects[0])
	if r := v.get(ct, "").want(t, 200); r.Header.Get("Content-Type") != "image/jpeg" {
		t.Errorf("an image is %s", r.Header.Get("Content-Type"))
	}
	if r := v.get(ct+"&contentType=application/dicom&transferSyntax=*", "").want(t, 200); !bytes.Equal(r.text, objects[0]) {
		t.Error("the object differs")
	}
	if r := v.get(uri(us), "").want(t, 200); !bytes.Equal(r.text, us) {
		t.Error("a loop is given as it is")
	}
	if r := v.do(ask{method: "GET", path: ct, header: bearer(v.key)}); r.StatusCode != 200 {
		t.Errorf("/wado: HTTP %d", r.StatusCode)
	}
	for query, size := range map[string]image.Point{
		ct + "&contentType=image/png&rows=32":                             {X: 32, Y: 32},
		ct + "&contentType=image/png&rows=128&columns=64":                 {X: 64, Y: 64},
		ct + "&contentType=image/png&region=0,0,0.5,1":                    {X: 32, Y: 64},
		ct + "&contentType=image/png&windowCenter=40&windowWidth=400":     {X: 64, Y: 64},
		uri(us) + "&contentType=image/png&frameNumber=4":                  {X: 60, Y: 48},
		ct + "&contentType=image/png,image/jpeg;q=0.5&annotation=patient": {X: 64, Y: 64},
	} {
		r := v.get(query, "").want(t, 200)
		img, kind, err := image.DecodeConfig(bytes.NewReader(r.text))
		if err != nil || kind != "png" || img.Width != size.X || img.Height != size.Y {
			t.Errorf("%s: %s %d×%d %v", query[len(ct):], kind, img.Width, img.Height, err)
		}
	}
	for query, status := range map[string]int{
		"/wado": 400, ct + "&anonymize=yes": 501, ct + "&windowCenter=NaN&windowWidth=1": 400, ct + "&rows=0": 400, ct + "&rows=99999999": 400,
		ct + "&region=0,0,2,2": 400, ct + "&region=0,0,0,0": 400, ct + "&frameNumber=2": 404, ct + "&frameNumber=x": 400, ct + "&contentType=text/html": 406,
		ct + "&studyUID=1.2.3": 400, strings.Replace(ct, "WADO&", "OTHER&", 1): 400, ct + "&contentType=application/dicom&transferSyntax=x": 400, ct + "&rows=%zz": 400,
	} {
		if r := v.get(query, ""); r.StatusCode != status {
			t.Errorf("%s: HTTP %d, want %d", query, r.StatusCode, status)
		}
	}
}

// bits makes an object of single bits whose frames do not end with a byte.
func bits(t testing.TB) []byte {
	t.Helper()
	e := dicom.NewEncoder(dicom.ExplicitLE, "")
	e.Text(dicom.SOPClassUID, "1.2.840.10008.5.1.4.1.1.7.1")
	e.Text(dicom.SOPInstanceUID, "1.2.826.0.1.88.1")
	e.Text(dicom.PatientID, "P88")
	e.Text(dicom.StudyInstanceUID, "1.2.826.0.1.88.2")
	e.Text(dicom.SeriesInstanceUID, "1.2.826.0.1.88.3")
	e.Int(dicom.SamplesPerPixel, 1)
	e.Text(dicom.PhotometricInterpretation, "MONOCHROME2")
	e.Int(dicom.NumberOfFrames, 2)
	e.Int(dicom.Rows, 5)
	e.Int(dicom.Columns, 5)
	e.Int(dicom.BitsAllocated, 1)
	e.Int(dicom.BitsStored, 1)
	e.Int(dicom.HighBit, 0)
	e.Int(dicom.PixelRepresentation, 0)
	var b bytes.Buffer
	must(t, e.NativePixels(&b, dicom.OB, 8))
	b.Write(binary.LittleEndian.AppendUint64(nil, 0b11111_00000_11111_00000_11111<<25|0b10101_01010_10101_01010_10101))
	return b.Bytes()
}

func TestFramesOfSingleBitsBeginWithABit(t *testing.T) {
	h := newHouse(t)
	v := newViewer(t, h, storetest.Suwu)
	b := bits(t)
	v.keep(b)
	_, _, in := places(scanned(t, b))
	bodies, _ := v.get(in+"/frames/1,2", `multipart/related; type="application/octet-stream"`).want(t, 200).parts(t)
	for i, want := range []uint32{0b10101_01010_10101_01010_10101, 0b11111_00000_11111_00000_11111} {
		if len(bodies[i]) != 4 || binary.LittleEndian.Uint32(bodies[i])&(1<<25-1) != want {
			t.Errorf("frame %d: %08b", i+1, bodies[i])
		}
	}
	v.get(in+"/frames/2/rendered", "").want(t, http.StatusOK)
}
