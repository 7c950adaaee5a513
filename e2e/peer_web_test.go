package e2e

import (
	"encoding/json"
	"net/http"
	"testing"
)

// TestOrthancIsADICOMwebClient has an Orthanc store with STOW-RS, search with QIDO-RS and retrieve with WADO-RS.
func TestOrthancIsADICOMwebClient(t *testing.T) {
	p := startPeers(t, "Utf8")
	const server = "/dicomweb/servers/lianzhen"
	for _, s := range peerStudies(t, 400) {
		t.Run(s.name, func(t *testing.T) {
			p := &peers{p.Lianzhen, p.Orthanc, t}
			uid := s.uid(t)
			p.orthanc(http.MethodPost, server+"/stow", map[string]any{"Resources": []string{p.give(s)}, "Synchronous": true})
			wantSame(t, s.objects, p.ofOurs(uid))
			p.take(uid)

			for _, tt := range []struct {
				name, uri string
				arguments map[string]string
				n         int
			}{
				{"by name", "/studies", map[string]string{"PatientName": string([]rune(s.spec.Patient.Name)[0]) + "*", "StudyInstanceUID": uid}, 1},
				{"nobody", "/studies", map[string]string{"PatientName": "司马*"}, 0},
				{"images", "/studies/" + uid + "/instances", map[string]string{}, len(s.objects)},
			} {
				found := p.orthanc(http.MethodPost, server+"/qido", map[string]any{"Uri": tt.uri, "Arguments": tt.arguments})
				var all []map[string]any
				if found.into(t, &all); len(all) != tt.n {
					t.Errorf("%s: %d answers", tt.name, len(all))
				}
			}
			metadata := p.orthanc(http.MethodPost, server+"/get", map[string]any{
				"Uri": "/studies/" + uid + "/metadata", "HttpHeaders": map[string]string{"Accept": "application/dicom+json"},
			})
			var all []map[string]json.RawMessage
			if metadata.into(t, &all); len(all) != len(s.objects) {
				t.Errorf("metadata of %d objects", len(all))
			}

			p.orthanc(http.MethodPost, server+"/retrieve", map[string]any{
				"Resources": []map[string]string{{"Study": uid}}, "Synchronous": true,
			})
			p.until("retrieved", func() bool { return len(p.instances(uid)) == len(s.objects) })
			wantSame(t, s.objects, p.ofOrthanc(uid))
		})
	}
}
