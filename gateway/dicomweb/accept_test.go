package dicomweb

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/imaging"
)

func TestAcceptIsReadInTheOrderOfItsWeights(t *testing.T) {
	for _, c := range []struct {
		name, header string
		want         accepts
	}{
		{"one", "application/dicom+json", accepts{{"application/dicom+json", false, "", 1}}},
		{"weights", "text/html;q=0.2, application/json ; q=0.9,image/png", accepts{{"image/png", false, "", 1}, {"application/json", false, "", 0.9}, {"text/html", false, "", 0.2}}},
		{"the vague behind the named", "*/*, image/*, image/png", accepts{{"image/png", false, "", 1}, {"image/*", false, "", 1}, {"*/*", false, "", 1}}},
		{"a type in quotes", `multipart/related; type="application/dicom"; transfer-syntax=*`, accepts{{"application/dicom", true, "*", 1}}},
		{"a type without", `multipart/related;type=application/octet-stream;transfer-syntax=1.2.840.10008.1.2.4.80;q=0.5`, accepts{{"application/octet-stream", true, "1.2.840.10008.1.2.4.80", 0.5}}},
		{"all in quotes", `multipart/related; type="image/jls; transfer-syntax=1.2.840.10008.1.2.4.80"`, accepts{{"image/jls", true, "1.2.840.10008.1.2.4.80", 1}}},
		{"the syntax before the type", `multipart/related; transfer-syntax=*; type="image/jls"`, accepts{{"image/jls", true, "*", 1}}},
		{"a comma in quotes", `a/b;x=",;", c/d`, accepts{{"a/b", false, "", 1}, {"c/d", false, "", 1}}},
		{"multipart of anything", "multipart/related", accepts{{"*/*", true, "", 1}}},
		{"a star", "*", accepts{{"*/*", false, "", 1}}},
		{"capitals", "Application/DICOM; Transfer-Syntax=*", accepts{{"application/dicom", false, "*", 1}}},
		{"rubbish is passed over", `;;, /, a, a/b;q=x, a/b;q=2, a/b;q=NaN, application/dicom;transfer-syntax=x, "a/b", image/png`, accepts{{"image/png", false, "", 1}}},
		{"nothing", "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if d := cmp.Diff(c.want, parseAccept(c.header), cmp.AllowUnexported(accepted{})); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestTheDearestOfferIsChosen(t *testing.T) {
	offers := []offer{{mediaJPEG, false}, {mediaPNG, false}, {mediaJPEG, true}}
	for _, c := range []struct {
		header string
		want   offer
		ok     bool
	}{
		{"*/*", offer{mediaJPEG, false}, true},
		{"image/png, image/jpeg", offer{mediaPNG, false}, true},
		{"image/png;q=0.5, image/jpeg", offer{mediaJPEG, false}, true},
		{"image/*, image/jpeg;q=0", offer{mediaPNG, false}, true},
		{`multipart/related; type="image/jpeg"`, offer{mediaJPEG, true}, true},
		{"image/gif", offer{}, false},
		{"*/*;q=0", offer{}, false},
		{"image/jpeg;q=0", offer{}, false},
	} {
		if got, ok := parseAccept(c.header).choose(offers...); got != c.want || ok != c.ok {
			t.Errorf("%s: %v %v", c.header, got, ok)
		}
	}
}

func TestEncodingsAreTakenAsAsked(t *testing.T) {
	for header, want := range map[string]bool{
		"gzip": true, "gzip, deflate, br": true, "br;q=1, gzip;q=0.1": true, "gzip;q=0": false, "": false, "identity": false, "*": true, "GZIP; q=1.0": true, "gzip;q=x": false,
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Accept-Encoding", header)
		if takesGzip(r) != want {
			t.Errorf("%q: %v", header, !want)
		}
	}
}

func TestRangesOfOnePart(t *testing.T) {
	for _, c := range []struct {
		header string
		off, n int64
		whole  bool
		bad    bool
	}{
		{"", 0, 100, true, false},
		{"bytes=0-9", 0, 10, false, false},
		{"bytes=90-", 90, 10, false, false},
		{"bytes=90-1000", 90, 10, false, false},
		{"bytes=-7", 93, 7, false, false},
		{"bytes=-1000", 0, 100, false, false},
		{"bytes=100-", 0, 0, false, true},
		{"bytes=5-2", 0, 100, true, false},
		{"bytes=a-b", 0, 100, true, false},
		{"bytes=0-1,5-6", 0, 100, true, false},
		{"items=0-1", 0, 100, true, false},
		{"bytes=9999999999999999999999-", 0, 100, true, false},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Range", c.header)
		off, n, whole, err := rangeOf(r, 100, `"a"`)
		if off != c.off || n != c.n || whole != c.whole || (err != nil) != c.bad {
			t.Errorf("%q: %d %d %v %v", c.header, off, n, whole, err)
		}
	}
}

func FuzzAccept(f *testing.F) {
	for _, s := range []string{"*/*", `multipart/related; type="application/dicom; transfer-syntax=*"; q=0.3`, `a/b;x="\",";q=0`, `multipart/related;type="multipart/related;type=\"a/b\""`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		last := 2.0
		for _, a := range parseAccept(s) {
			if a.quality > last || a.quality < 0 || a.syntax != "" && a.syntax != anySyntax && !dicom.UID(a.syntax).Valid() {
				t.Fatalf("%+v", a)
			}
			last = a.quality
			for _, form := range pixelForms(a, dicom.JPEG2000) {
				if form.syntax == "" || form.media == "" {
					t.Fatalf("%+v", form)
				}
			}
		}
	})
}

func FuzzQuery(f *testing.F) {
	for _, s := range []string{
		"PatientName=%E7%8E%8B*&limit=5&offset=2&includefield=all", "00082218.CodeValue=1&fuzzymatching=true", `StudyInstanceUID=1.2,3.4&AccessionNumber=""`,
		"limit=1&limit=2", "%zz", "a.b.c.d.e.f=1", "StudyDate=20260101-&ModalitiesInStudy=CT%5CMR", strings.Repeat("&", 100),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for level := imaging.StudyLevel; level <= imaging.ImageLevel; level++ {
			q, err := parseQuery(s, level, imaging.UIDs{})
			if err != nil {
				continue
			}
			ask := q.ask()
			if q.limit < 0 || q.limit > mostLimit || ask.Limit < 0 || ask.Offset < 0 || ask.Keys == nil {
				t.Fatalf("%+v", ask)
			}
			q.empties(ask.Keys)
		}
	})
}

func FuzzView(f *testing.F) {
	for _, s := range []string{"quality=50&viewport=100,100,0,0,-5,5&window=40,400,sigmoid&annotation=patient,technique", "viewport=,,,,,", "window=NaN,1e309"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		q, err := parameters(s)
		if err != nil {
			return
		}
		for _, parse := range []func(url.Values) (*view, error){parseView, parseThumbnail, func(q url.Values) (*view, error) { return uriQuery{q}.view() }} {
			v, err := parse(q)
			if err != nil {
				continue
			}
			if v.Width < 0 || v.Height < 0 || v.Width*v.Height > mostPicturePixels || v.quality < 0 || v.quality > 100 || v.Window != nil && !v.Window.Valid() {
				t.Fatalf("%+v", v)
			}
			_ = v.key()
		}
	})
}
