package e2e

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"testing"
)

// Door is a DICOMweb service under test.
type Door struct {
	URL           string // without a slash at the end
	Authorization string // header that lets in
}

// Store sends the objects in one STOW-RS request (PS3.18 §10.5) and fails the test unless all are kept.
func (d Door) Store(t testing.TB, objects ...[]byte) {
	t.Helper()
	var body bytes.Buffer
	parts := multipart.NewWriter(&body)
	for _, o := range objects {
		w, err := parts.CreatePart(textproto.MIMEHeader{"Content-Type": {"application/dicom"}})
		if err != nil {
			t.Fatal(err)
		}
		_, _ = w.Write(o)
	}
	_ = parts.Close()
	req, err := http.NewRequest(http.MethodPost, d.URL+"/studies", &body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", fmt.Sprintf(`multipart/related; type="application/dicom"; boundary=%s`, parts.Boundary()))
	req.Header.Set("Accept", "application/dicom+json")
	req.Header.Set("Authorization", d.Authorization)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if answer, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10)); resp.StatusCode != http.StatusOK {
		t.Fatalf("STOW-RS of %d objects: %s: %s", len(objects), resp.Status, answer)
	}
}
