package gateway

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/imaging"
	"github.com/lianzhen/lianzhen/imaging/worklist"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store/storetest"
)

// tool runs a program that only makes files.
func tool(t testing.TB, name string, args ...string) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("LIANZHEN_TEST_REQUIRE") != "" {
			t.Fatalf("no %s", name)
		}
		t.Skipf("no %s", name)
	}
	if out, err := exec.Command(path, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", name, err, out)
	}
}

// TestAPeerCannotEndTheServer: termscu asks servers of DCMTK to stop.
func TestAPeerCannotEndTheServer(t *testing.T) {
	h := newHouse(t)
	h.device(storetest.Suwu, "SUWU_CT")
	for range 3 {
		_, _ = h.dcmtk("termscu", "SUWU_CT")
	}
	if out, err := h.dcmtk("echoscu", "SUWU_CT"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// TestManyEchoes asks over long associations and over many short ones.
func TestManyEchoes(t *testing.T) {
	h := newHouse(t)
	h.device(storetest.Suwu, "SUWU_CT")
	var g sync.WaitGroup
	for i := range 6 {
		g.Go(func() {
			args := []string{"--repeat", "500"}
			if i%2 == 1 { // proposes 128 contexts, over and over
				args = []string{"--repeat", "20", "--propose-pc", "128", "--propose-ts", "30"}
			}
			if out, err := h.dcmtk("echoscu", "SUWU_CT", args...); err != nil {
				t.Errorf("%v: %v\n%s", args, err, out)
			}
		})
	}
	g.Wait()
}

// compressions are how DCMTK and GDCM make an object of each transfer syntax and how storescu proposes it.
var compressions = []struct {
	name, make string
	args       []string
	propose    string
	syntax     dicom.UID
}{
	{"JPEG lossless", "dcmcjpeg", []string{"+e1"}, "-xs", "1.2.840.10008.1.2.4.70"},
	{"JPEG extended", "dcmcjpeg", []string{"+ee"}, "-xx", "1.2.840.10008.1.2.4.51"},
	{"JPEG-LS", "dcmcjpls", nil, "-xt", "1.2.840.10008.1.2.4.80"},
	{"RLE", "dcmcrle", nil, "-xr", "1.2.840.10008.1.2.5"},
	{"JPEG 2000", "gdcmconv", []string{"--j2k"}, "-xv", "1.2.840.10008.1.2.4.90"},
	{"deflated", "dcmconv", []string{"+td"}, "-xd", "1.2.840.10008.1.2.1.99"},
	{"big endian", "dcmconv", []string{"+tb"}, "-xb", "1.2.840.10008.1.2.2"},
	{"implicit", "dcmconv", []string{"+ti"}, "-xi", "1.2.840.10008.1.2"},
}

// compressed makes one object of each syntax.
func compressed(t testing.TB, seed uint64) []string {
	t.Helper()
	var out []string
	for i, c := range compressions {
		in := files(t, study(seed+uint64(i), 1))[0]
		name := filepath.Join(t.TempDir(), strings.ReplaceAll(c.name, " ", "-")+".dcm")
		tool(t, c.make, append(append([]string{}, c.args...), in, name)...)
		out = append(out, name)
	}
	return out
}

// keptAs gives the objects of the study of a file as they are kept.
func (h *house) keptAs(name string) (objects [][]byte) {
	h.t.Helper()
	raw, err := os.ReadFile(name)
	must(h.t, err)
	found, err := h.Imaging.Locate(h.t.Context(), imagingScope(storetest.Suwu), imaging.UIDs{Study: studyUIDOf(h.t, raw)})
	must(h.t, err)
	for _, l := range found {
		_, r, err := h.Imaging.Fetch(h.t.Context(), imagingScope(storetest.Suwu), l.ID, 0, -1)
		must(h.t, err)
		b, err := io.ReadAll(r)
		must(h.t, err)
		must(h.t, r.Close())
		objects = append(objects, b)
	}
	return objects
}

// wantAsSent compares what is kept with the file that was sent: the same syntax, the same attributes, the same pixels.
// DCMTK writes lengths of sequences as it likes, so that bytes may differ.
func (h *house) wantAsSent(t testing.TB, name string, syntax dicom.UID) {
	t.Helper()
	objects := h.keptAs(name)
	if len(objects) != 1 {
		t.Fatalf("%d objects", len(objects))
	}
	raw, err := os.ReadFile(name)
	must(t, err)
	sent, kept := headerOf(t, raw), headerOf(t, objects[0])
	if sent.TransferSyntax != syntax || kept.TransferSyntax != syntax {
		t.Errorf("sent in %s, kept in %s, want %s", sent.TransferSyntax, kept.TransferSyntax, syntax)
	}
	if diff := cmp.Diff(digestOf(t, raw, sent), digestOf(t, objects[0], kept)); diff != "" {
		t.Error(diff)
	}
}

// digestOf is an object in short.
func digestOf(t testing.TB, b []byte, o *dicom.Object) []string {
	t.Helper()
	d, err := dicom.ReadDataSet(b[o.DataSetOffset():], o.TransferSyntax, dicom.Limits{ValueBytes: 16 << 20})
	must(t, err)
	d.Delete(0x7FE00010)
	out := []string{string(d.AppendJSON(nil, dicom.JSONOptions{}))}
	if o.Deflated {
		return out
	}
	for _, extents := range o.Pixels.Frames() {
		for _, e := range extents {
			out = append(out, sha(b[e.Offset:e.Offset+e.Length]))
		}
	}
	return out
}

func TestCompressedObjectsAreKeptAsTheyCome(t *testing.T) {
	h := newHouse(t)
	h.device(storetest.Suwu, "SUWU_CT")
	for i, name := range compressed(t, 700) {
		c := compressions[i]
		t.Run(c.name, func(t *testing.T) {
			if out, err := h.dcmtk("storescu", "SUWU_CT", c.propose, "--", name); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			h.wantAsSent(t, name, c.syntax)
		})
	}
}

// TestDcmsendSendsAFolder has contexts for several syntaxes of one class in one association.
func TestDcmsendSendsAFolder(t *testing.T) {
	h := newHouse(t)
	h.device(storetest.Suwu, "SUWU_CT")
	names := compressed(t, 800)
	out, err := h.dcmtk("dcmsend", "SUWU_CT", append([]string{"--decompress-never", "--"}, names...)...)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for i, name := range names {
		if c := compressions[i]; c.name != "big endian" && c.name != "implicit" {
			h.wantAsSent(t, name, c.syntax)
			continue
		}
		// dcmsend proposes what is not compressed in one context, of which explicit little endian is chosen.
		objects := h.keptAs(name)
		if len(objects) != 1 || headerOf(t, objects[0]).TransferSyntax != dicom.ExplicitLE {
			t.Errorf("%s: %d objects", compressions[i].name, len(objects))
		}
	}
}

// TestAWorklistFileIsAQuery asks with keys from a file, as modalities of DCMTK do.
func TestAWorklistFileIsAQuery(t *testing.T) {
	h := newHouse(t)
	h.device(storetest.Suwu, "SUWU_CT")
	for i, person := range []record.Personal{"王小明", "欧阳丽华"} {
		_, err := h.Worklist.Create(t.Context(), imagingScope(storetest.Suwu), worklist.Order{
			Who:       record.Demographics{Issuer: storetest.Suwu, LocalID: record.Personal(fmt.Sprintf("P%d", i)), Name: person, Sex: record.Female},
			Accession: fmt.Sprintf("W%d", i), Procedure: worklist.Procedure{Description: "胸部CT"},
			Steps: []worklist.Step{{Modality: []string{"CT", "DX"}[i], Stations: []string{"SUWU_CT"}, StartAt: h.DB.Now().Add(time.Hour)}},
		})
		must(t, err)
	}
	const keys = `(0008,0005) CS [%s]
(0008,0050) SH []
(0010,0010) PN [%s]
(0010,0020) LO []
(0020,000d) UI []
(0040,0100) SQ (Sequence with undefined length)
(fffe,e000) na (Item with undefined length)
(0008,0060) CS [%s]
(0040,0001) AE [SUWU_CT]
(0040,0002) DA []
(0040,0003) TM []
(0040,0007) LO []
(fffe,e00d) na
(fffe,e0dd) na
`
	for _, tt := range []struct {
		name, charset, person, modality string
		found                           []string
	}{
		{"all", "ISO_IR 192", "", "", []string{"W0", "W1"}},
		{"modality", "ISO_IR 192", "", "DX", []string{"W1"}},
		{"Chinese name", "ISO_IR 192", "*王*", "", []string{"W0"}},
		{"nobody", "ISO_IR 192", "司马*", "", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			dump, query := filepath.Join(dir, "keys.txt"), filepath.Join(dir, "keys.wl")
			must(t, os.WriteFile(dump, fmt.Appendf(nil, keys, tt.charset, tt.person, tt.modality), 0o600))
			tool(t, "dump2dcm", dump, query)
			out, err := h.dcmtk("findscu", "SUWU_CT", "-W", "-X", "-od", dir, "--", query)
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if diff := cmp.Diff(tt.found, accessionsIn(t, dir)); diff != "" {
				t.Errorf("%s\n%s", diff, out)
			}
		})
	}
}

// accessionsIn reads the answers that findscu wrote.
func accessionsIn(t testing.TB, dir string) (out []string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "rsp*.dcm"))
	must(t, err)
	for _, name := range names {
		b, err := os.ReadFile(name)
		must(t, err)
		n, err := dicom.MetaLength(b)
		must(t, err)
		syntax := dicom.ExplicitLE
		if bytes.Contains(b[:n], []byte("1.2.840.10008.1.2\x00")) {
			syntax = dicom.ImplicitLE
		}
		d, err := dicom.ReadDataSet(b[n:], syntax, dicom.Limits{})
		must(t, err)
		out = append(out, d.Str(dicom.AccessionNumber))
	}
	return out
}
