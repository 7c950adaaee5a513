package e2e

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/codec/dicom"
)

// peerStudies are what goes to and fro: names in UTF-8 and GB18030, native and compressed pixels, many frames.
func peerStudies(t testing.TB, seed uint64) []study {
	t.Helper()
	var out []study
	for _, s := range testStudies() {
		switch s.name {
		case "CT", "MR":
			s.spec.Count = 4
		case "US":
			s.spec.Count = 5
		case "JPEG-LS":
			s.spec.Count = 2
		default:
			continue
		}
		s.spec.Seed += seed
		s.spec.At = s.spec.At.Add(time.Duration(seed) * time.Hour)
		if s.name == "CT" || s.name == "MR" {
			s.spec.Rows, s.spec.Columns = 128, 128
		}
		s.make(t)
		out = append(out, s)
	}
	return out
}

func (s *study) uid(t testing.TB) string {
	t.Helper()
	return string(scan(t, s.objects[0]).Header.StudyUID)
}

// digests name each object's contents by its SOP Instance UID: transfer syntax, all attributes whatever lengths they were
// written with, and the bytes of its frames.
func digests(t testing.TB, objects [][]byte) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, b := range objects {
		o := scan(t, b)
		sum := sha256.New()
		d, err := dicom.ReadDataSet(b[o.DataSetOffset():], o.TransferSyntax, dicom.Limits{ValueBytes: 64 << 20, HeaderBytes: 128 << 20})
		if err != nil {
			t.Fatal(err)
		}
		d.Delete(0x7FE00010)
		fmt.Fprintf(sum, "%s %s", o.TransferSyntax, d.AppendJSON(nil, dicom.JSONOptions{}))
		for _, extents := range o.Pixels.Frames() {
			for _, e := range extents {
				sum.Write(b[e.Offset : e.Offset+e.Length])
			}
		}
		out[string(o.Header.SOPInstanceUID)] = fmt.Sprintf("%x", sum.Sum(nil))
	}
	return out
}

// wantSame compares two sets of objects.
func wantSame(t testing.TB, want, got [][]byte) {
	t.Helper()
	if diff := cmp.Diff(digests(t, want), digests(t, got)); diff != "" {
		t.Errorf("other objects than were sent (-sent +came):\n%s", diff)
	}
}

// ofOurs gives a study as our DICOMweb door hands it out, as it is kept.
func (p *peers) ofOurs(uid string) [][]byte {
	p.t.Helper()
	return p.partsOf(p.DICOMweb+"/studies/"+uid, p.Authorization)
}

func (p *peers) partsOf(url, authorization string) (objects [][]byte) {
	p.t.Helper()
	a, status := p.try(http.MethodGet, url, http.Header{
		"Authorization": {authorization}, "Accept": {`multipart/related; type="application/dicom"; transfer-syntax=*`},
	}, nil)
	if status != http.StatusOK {
		p.t.Fatalf("GET %s: HTTP %d: %.300s", url, status, a.body)
	}
	_, params, err := mime.ParseMediaType(a.header.Get("Content-Type"))
	if err != nil {
		p.t.Fatal(err)
	}
	for parts := multipart.NewReader(bytes.NewReader(a.body), params["boundary"]); ; {
		part, err := parts.NextPart()
		if err == io.EOF {
			return objects
		}
		if err != nil {
			p.t.Fatal(err)
		}
		b, err := io.ReadAll(part)
		if err != nil {
			p.t.Fatal(err)
		}
		objects = append(objects, b)
	}
}

// ofOrthanc gives a study's files as Orthanc keeps them.
func (p *peers) ofOrthanc(uid string) (objects [][]byte) {
	p.t.Helper()
	for _, id := range p.instances(uid) {
		objects = append(objects, p.orthanc(http.MethodGet, "/instances/"+id+"/file", nil).body)
	}
	return objects
}

// find gives Orthanc's names of what has the UID at a level.
func (p *peers) find(level string, uid string) (ids []string) {
	p.t.Helper()
	p.orthanc(http.MethodPost, "/tools/find", map[string]any{"Level": level, "Query": map[string]string{"StudyInstanceUID": uid}}).into(p.t, &ids)
	return ids
}

func (p *peers) instances(uid string) []string { return p.find("Instance", uid) }

// give puts objects into Orthanc and gives Orthanc's name of their study.
func (p *peers) give(s study) string {
	p.t.Helper()
	for _, o := range s.objects {
		p.orthanc(http.MethodPost, "/instances", o)
	}
	return p.find("Study", s.uid(p.t))[0]
}

// take removes the study from Orthanc.
func (p *peers) take(uid string) {
	p.t.Helper()
	for _, id := range p.find("Study", uid) {
		p.orthanc(http.MethodDelete, "/studies/"+id, nil)
	}
}
