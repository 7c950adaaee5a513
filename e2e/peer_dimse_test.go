package e2e

import (
	"net/http"
	"testing"
)

// TestOrthancStoresQueriesAndRetrieves has an Orthanc send us studies, search them and get them back, in both character
// sets that it may speak.
func TestOrthancStoresQueriesAndRetrieves(t *testing.T) {
	for i, encoding := range []string{"Utf8", "Chinese"} {
		t.Run(encoding, func(t *testing.T) {
			p := startPeers(t, encoding)
			p.orthanc(http.MethodPost, "/modalities/lianzhen/echo", map[string]any{})
			for _, s := range peerStudies(t, uint64(100+i*10)) {
				t.Run(s.name, func(t *testing.T) {
					p := &peers{p.Lianzhen, p.Orthanc, t}
					uid := s.uid(t)
					sent := p.orthanc(http.MethodPost, "/modalities/lianzhen/store", map[string]any{
						"Resources": []string{p.give(s)}, "Synchronous": true, "StorageCommitment": true,
					}).fields(t)
					if sent["FailedInstancesCount"] != 0. || sent["InstancesCount"] != float64(len(s.objects)) {
						t.Fatalf("C-STORE: %v", sent)
					}
					wantSame(t, s.objects, p.ofOurs(uid))
					p.isPromised(sent["StorageCommitmentTransactionUID"])
					p.take(uid)
					p.retrieves(s, p.asks(s))
				})
			}
		})
	}
}

// isPromised waits for our N-EVENT-REPORT.
func (p *peers) isPromised(transaction any) {
	p.t.Helper()
	var report struct {
		Status            string
		Success, Failures []map[string]string
	}
	p.until("promised", func() bool {
		report.Status = ""
		p.orthanc(http.MethodGet, "/storage-commitment/"+transaction.(string), nil).into(p.t, &report)
		return report.Status != "Pending"
	})
	if report.Status != "Success" || len(report.Success) == 0 || len(report.Failures) != 0 {
		p.t.Errorf("storage commitment: %+v", report)
	}
}

// asks has Orthanc search for the study by parts of its name, and gives the query that found it.
func (p *peers) asks(s study) (query string) {
	p.t.Helper()
	name := []rune(s.spec.Patient.Name)
	for _, tt := range []struct {
		name  string
		level string
		keys  map[string]string
		n     int
	}{
		{"nobody of the name", "Study", map[string]string{"PatientName": "司马*", "PatientID": s.spec.Patient.ID}, 0},
		{"name's end", "Study", map[string]string{"PatientName": "*" + string(name[len(name)-1]), "PatientID": s.spec.Patient.ID}, 1},
		{"images", "Instance", map[string]string{"StudyInstanceUID": s.uid(p.t), "InstanceNumber": "", "SeriesInstanceUID": "", "SOPInstanceUID": ""}, len(s.objects)},
		{"series", "Series", map[string]string{"StudyInstanceUID": s.uid(p.t), "Modality": s.modality}, 1},
		{"name's beginning", "Study", map[string]string{
			"PatientName": string(name[0]) + "*", "StudyInstanceUID": s.uid(p.t), "NumberOfStudyRelatedInstances": "",
		}, 1},
	} {
		made := p.orthanc(http.MethodPost, "/modalities/lianzhen/query", map[string]any{"Level": tt.level, "Query": tt.keys}).fields(p.t)
		query = made["ID"].(string)
		var found []map[string]string
		p.orthanc(http.MethodGet, "/queries/"+query+"/answers?expand&simplify", nil).into(p.t, &found)
		if len(found) != tt.n {
			p.t.Errorf("%s: %d answers", tt.name, len(found))
			continue
		}
		for _, f := range found {
			if f["StudyInstanceUID"] != s.uid(p.t) || tt.level == "Study" && f["PatientName"] != s.spec.Patient.Name {
				p.t.Errorf("%s: %v", tt.name, f)
			}
		}
	}
	return query
}

// retrieves has Orthanc move the query's study to itself.
func (p *peers) retrieves(s study, query string) {
	p.t.Helper()
	p.orthanc(http.MethodPost, "/queries/"+query+"/retrieve", map[string]any{"TargetAet": peerAET, "Synchronous": true})
	p.until("moved", func() bool { return len(p.instances(s.uid(p.t))) == len(s.objects) })
	wantSame(p.t, s.objects, p.ofOrthanc(s.uid(p.t)))
}

// TestStudiesGoToOrthancAndComeFromIt uses the exchange's own interface.
func TestStudiesGoToOrthancAndComeFromIt(t *testing.T) {
	p := startPeers(t, "Utf8")
	for _, s := range peerStudies(t, 200) {
		t.Run("to/"+s.name, func(t *testing.T) {
			p := &peers{p.Lianzhen, p.Orthanc, t}
			Door{p.DICOMweb, p.Authorization}.Store(t, s.objects...)
			got := p.transfer("/api/v1/exchange/studies/"+p.studyID(s.uid(t))+":forward", map[string]any{"aeTitle": peerAET, "commitment": true})
			if n := float64(len(s.objects)); got["sent"] != n || got["committed"] != n {
				t.Errorf("%v", got)
			}
			wantSame(t, s.objects, p.ofOrthanc(s.uid(t)))
		})
	}
	for _, s := range peerStudies(t, 300) {
		t.Run("from/"+s.name, func(t *testing.T) {
			p := &peers{p.Lianzhen, p.Orthanc, t}
			p.give(s)
			p.known(s)
			got := p.transfer("/api/v1/exchange/devices/"+peerAET+":fetch", map[string]any{"studyInstanceUid": s.uid(t)})
			if got["sent"] != float64(len(s.objects)) {
				t.Errorf("%v", got)
			}
			wantSame(t, s.objects, p.ofOurs(s.uid(t)))
		})
	}
}

// known asks Orthanc, through us, what it has of the patient's name.
func (p *peers) known(s study) {
	p.t.Helper()
	found := p.ours(http.MethodPost, "/api/v1/exchange/devices/"+peerAET+":query", map[string]any{"studyInstanceUid": s.uid(p.t)}).fields(p.t)
	all, _ := found["studies"].([]any)
	if len(all) != 1 || all[0].(map[string]any)["patientName"] != s.spec.Patient.Name {
		p.t.Errorf("%s: %v", s.name, found)
	}
}

// transfer begins one and waits for its good end.
func (p *peers) transfer(path string, ask map[string]any) (t map[string]any) {
	p.t.Helper()
	id := p.ours(http.MethodPost, path, ask).fields(p.t)["transferId"].(string)
	p.until("done", func() bool {
		t = p.ours(http.MethodGet, "/api/v1/exchange/transfers/"+id, nil).fields(p.t)
		if t["state"] == "TRANSFER_STATE_FAILED" {
			p.t.Fatalf("%v", t)
		}
		return t["state"] == "TRANSFER_STATE_DONE"
	})
	return t
}

// studyID is our own name of a study.
func (p *peers) studyID(uid string) string {
	p.t.Helper()
	found := p.ours(http.MethodGet, "/api/v1/imaging/studies?studyInstanceUid="+uid, nil).fields(p.t)
	all, _ := found["studies"].([]any)
	if len(all) != 1 {
		p.t.Fatalf("%v", found)
	}
	return all[0].(map[string]any)["studyId"].(string)
}
