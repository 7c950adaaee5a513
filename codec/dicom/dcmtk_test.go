package dicom

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestJSONAgreesWithDCMTK compares every attribute of every accepted sample with what dcm2json makes of it, bulk data
// excepted. The known differences are listed in agree.
func TestJSONAgreesWithDCMTK(t *testing.T) {
	tool, err := exec.LookPath("dcm2json")
	if err != nil {
		t.Skip("no dcm2json")
	}
	if testing.Short() {
		t.Skip("runs dcm2json on the whole corpus")
	}
	var files, whole, attributes, same int
	eachSample(t, func(name string, raw []byte) {
		obj, err := Scan(bytes.NewReader(raw), Options{HeaderOnly: true})
		if err != nil {
			return
		}
		if obj.Pixels != nil && !obj.Deflated { // dcm2json cannot do compressed pixels
			raw = raw[:obj.Pixels.Offset-int64(pixelHead(obj))]
		}
		path := filepath.Join(t.TempDir(), "x.dcm")
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(tool, "-q", path).Output()
		var theirs, ours map[string]any
		if err != nil || json.Unmarshal(out, &theirs) != nil {
			t.Logf("dcm2json fails on %s", name)
			return
		}
		if err := json.Unmarshal(obj.Header.AppendJSON(nil, JSONOptions{BulkBytes: 1 << 30}), &ours); err != nil {
			t.Fatal(name, err)
		}
		for k := range ours {
			if k >= ExtendedOffsetTable.Hex() {
				delete(ours, k)
				delete(theirs, k)
			}
		}
		delete(theirs, DataSetTrailingPadding.Hex())
		delete(theirs, MediaStorageSOPInstanceUID.Hex()) // of a file whose group 2 has a wrong length
		files++
		n := attributes - same
		compare(t, name, ours, theirs, &attributes, &same)
		if attributes-same == n {
			whole++
		}
	})
	t.Logf("%d files, %d agree wholly; %d attributes, %d agree", files, whole, attributes, same)
}

// pixelHead is the length of tag, VR and length before the pixel data.
func pixelHead(obj *Object) int {
	if codings[obj.TransferSyntax].implicit {
		return 8
	}
	return 12
}

func compare(t *testing.T, path string, ours, theirs map[string]any, n, same *int) {
	t.Helper()
	tags := map[string]bool{}
	for k := range ours {
		tags[k] = true
	}
	for k := range theirs {
		tags[k] = true
	}
	for k := range tags {
		*n++
		a, _ := ours[k].(map[string]any)
		b, _ := theirs[k].(map[string]any)
		as, aIs := a["Value"].([]any)
		bs, bIs := b["Value"].([]any)
		if a["vr"] == "SQ" && aIs && bIs && len(as) == len(bs) {
			for i := range as {
				compare(t, path+"/"+k, as[i].(map[string]any), bs[i].(map[string]any), n, same)
			}
			*same++
			continue
		}
		if agree(k, a, b) || cmp.Equal(a, b) {
			*same++
			continue
		}
		t.Errorf("%s %s: ours %.150v theirs %.150v", path, k, short(a), short(b))
	}
}

func short(m map[string]any) string {
	b, _ := json.Marshal(m)
	return string(b)
}

// agree knows what dcm2json does otherwise: it keeps stray NULs and blanks, writes nine digits of an FL, and has opaque
// values inline or by reference as it was told.
func agree(tag string, a, b map[string]any) bool {
	vr, _ := a["vr"].(string)
	switch {
	case a == nil || b == nil:
		return false
	case tag == SpecificCharacterSet.Hex(), vr[0] == 'O', vr == "UN":
		return true
	}
	return cmp.Equal(plainly(a["Value"]), plainly(b["Value"]))
}

func plainly(v any) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = plainly(v[i])
		}
		return out
	case map[string]any:
		out := map[string]any{}
		for k := range v {
			out[k] = plainly(v[k])
		}
		return out
	case string:
		v = strings.Trim(v, " \x00")
		if v == "" {
			return nil
		}
		if f, err := strconv.ParseFloat(v, 64); err == nil {
			return float32(f)
		}
		return v
	case float64:
		return float32(v)
	}
	return v
}
