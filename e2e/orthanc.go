package e2e

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

const (
	orthancProgram  = "Orthanc"
	orthancDICOMweb = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"
	orthancUser     = "viewer"
	orthancPassword = "viewer-password"
)

// Orthanc is a running Orthanc with its DICOMweb plugin.
type Orthanc struct {
	URL           string // of its REST interface, without a slash at the end
	DICOMweb      string // of its DICOMweb services
	Authorization string // the header that lets in
	AET           string
	DICOMPort     int
	Log           string // path of what it printed
}

// StartOrthanc runs an Orthanc of its own on free ports for as long as the test lasts. settings are laid over ours, by their
// names in Orthanc's configuration, such as DicomAet, DicomModalities or DicomWeb. HTTP answers the loopback only; DICOM is
// served unless settings say otherwise.
func StartOrthanc(t testing.TB, settings map[string]any) *Orthanc {
	t.Helper()
	program := Need(t, orthancProgram)
	NeedFile(t, orthancDICOMweb)
	dir := t.TempDir()
	httpPort, dicomPort := FreePort(t), FreePort(t)
	o := &Orthanc{
		URL:           fmt.Sprintf("http://127.0.0.1:%d", httpPort),
		DICOMweb:      fmt.Sprintf("http://127.0.0.1:%d/dicomweb", httpPort),
		Authorization: "Basic " + base64.StdEncoding.EncodeToString([]byte(orthancUser+":"+orthancPassword)),
		DICOMPort:     dicomPort,
		Log:           filepath.Join(dir, "orthanc.log"),
	}
	config := orthancSettings(dir, httpPort, dicomPort)
	maps.Copy(config, settings)
	o.AET, _ = config["DicomAet"].(string)
	file := filepath.Join(dir, "orthanc.json")
	text, err := json.MarshalIndent(config, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, o.Log, exec.Command(program, file), o.URL+"/system", o.Authorization)
	return o
}

func orthancSettings(dir string, httpPort, dicomPort int) map[string]any {
	return map[string]any{
		"Name":             "PEER",
		"StorageDirectory": filepath.Join(dir, "db"), "IndexDirectory": filepath.Join(dir, "db"),
		"Plugins":           []string{orthancDICOMweb},
		"HttpServerEnabled": true, "HttpPort": httpPort, "RemoteAccessAllowed": false,
		"AuthenticationEnabled": true, "RegisteredUsers": map[string]string{orthancUser: orthancPassword},
		"DicomServerEnabled": true, "DicomPort": dicomPort, "DicomAet": "ORTHANC", "DicomCheckCalledAet": false,
		"DicomAlwaysAllowEcho": true, "DicomAlwaysAllowStore": true, "DicomAlwaysAllowFind": true, "DicomAlwaysAllowGet": true,
		"SynchronousCMove": true, "UnknownSopClassAccepted": true,
		"DefaultEncoding": "Utf8", "StableAge": 1, "LimitFindResults": 0, "LimitFindInstances": 0,
		"DicomWeb": map[string]any{
			"Enable": true, "Root": "/dicomweb/", "StudiesMetadata": "Full", "SeriesMetadata": "Full",
		},
	}
}
