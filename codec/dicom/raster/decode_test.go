package raster

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/dicom/phantom"
)

// uncompress names the DCMTK program that makes a transfer syntax native.
func uncompress(syntax dicom.UID) string {
	switch syntax {
	case dicom.JPEGLSLossless, JPEGLSNear:
		return "dcmdjpls"
	case dicom.RLELossless:
		return "dcmdrle"
	case dicom.JPEGBaseline, JPEGExtended, JPEGLossless14, dicom.JPEGLossless:
		return "dcmdjpeg"
	}
	return "dcmconv"
}

// TestDecodeAgreesWithDCMTK compares every decodable sample with what DCMTK makes of it. Lossy JPEG may differ by 2 of 255
// where chrominance is whole (the inverse transforms round differently); where it is subsampled the mean difference must be
// below 2, since the programs interpolate it in different ways.
func TestDecodeAgreesWithDCMTK(t *testing.T) {
	if testing.Short() {
		t.Skip("runs DCMTK on the whole corpus")
	}
	tool(t, "dcmdjpeg")
	count := map[string]int{}
	dir := t.TempDir()
	eachSample(t, func(name string, raw []byte, src Source) {
		syntax := src.Object.TransferSyntax
		got, out, err := native(src)
		var u *Unsupported
		if errors.As(err, &u) {
			count["unsupported "+string(syntax)]++
			return
		}
		if err != nil {
			t.Logf("%s %s: %v", short80(name), syntax, err)
			count["refused"]++
			return
		}
		in, to := filepath.Join(dir, "in.dcm"), filepath.Join(dir, "out.dcm")
		os.Remove(to)
		if err := os.WriteFile(in, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		args := []string{"+te", in, to}
		if uncompress(syntax) == "dcmconv" {
			args = []string{"-q", "+te", in, to}
		}
		if run(t, uncompress(syntax), args...) != nil {
			count["DCMTK fails"]++
			return
		}
		ref, ok := scanFile(t, to)
		if !ok {
			count["not scanned"]++
			return
		}
		want, wantOut, err := native(ref)
		if err != nil {
			t.Errorf("%s: what DCMTK wrote: %v", name, err)
			return
		}
		if why := differ(out, wantOut, got, want, syntax); why != "" {
			t.Errorf("%s %s: %s (%s / %s)", short80(name), syntax, why, out.Photometric, wantOut.Photometric)
			return
		}
		count["agree "+string(syntax)]++
	})
	t.Log(count)
}

// TestDecodeWhatDCMTKEncodes covers the processes that samples do not have: DCMTK encodes phantoms, both decode. Progressive
// and spectral selection of eight bits go through image/jpeg.
func TestDecodeWhatDCMTKEncodes(t *testing.T) {
	tool(t, "dcmcjpls")
	dir := t.TempDir()
	for _, c := range []struct {
		name string
		spec phantom.Spec
		run  []string
		back string
	}{
		{"process 14, predictor 4", ct, []string{"dcmcjpeg", "+el", "+sv", "4"}, "dcmdjpeg"},
		{"process 14, predictor 7", us, []string{"dcmcjpeg", "+el", "+sv", "7"}, "dcmdjpeg"},
		{"extended of 12 bits", ct, []string{"dcmcjpeg", "+ee"}, "dcmdjpeg"},
		{"baseline, full chrominance", us, []string{"dcmcjpeg", "+eb", "+s4"}, "dcmdjpeg"},
		{"baseline, halved chrominance", us, []string{"dcmcjpeg", "+eb", "+s2"}, "dcmdjpeg"},
		{"baseline, RGB", us, []string{"dcmcjpeg", "+eb", "+cr"}, "dcmdjpeg"},
		{"spectral selection", us, []string{"dcmcjpeg", "+es"}, "dcmdjpeg"},
		{"progressive", us, []string{"dcmcjpeg", "+ep"}, "dcmdjpeg"},
		{"near-lossless", ct, []string{"dcmcjpls", "+en", "+md", "3"}, "dcmdjpls"},
		{"near-lossless, by sample", us, []string{"dcmcjpls", "+en", "+md", "2", "+is"}, "dcmdjpls"},
		{"JPEG-LS by plane", us, []string{"dcmcjpls", "+el", "+in"}, "dcmdjpls"},
	} {
		t.Run(c.name, func(t *testing.T) {
			in, mid, to := filepath.Join(dir, "in.dcm"), filepath.Join(dir, "mid.dcm"), filepath.Join(dir, "out.dcm")
			os.Remove(to)
			c.spec.Count, c.spec.Rows, c.spec.Columns = 1, 97, 130
			for _, write := range phantom.Study(c.spec) {
				var b bytes.Buffer
				if err := write(&b); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(in, b.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := run(t, c.run[0], append(c.run[1:], in, mid)...); err != nil {
				t.Skip(err)
			}
			if err := run(t, c.back, mid, to); err != nil {
				t.Skip(err)
			}
			src, ok := scanFile(t, mid)
			ref, also := scanFile(t, to)
			if !ok || !also {
				t.Fatal("not scanned")
			}
			got, out, err := native(src)
			if err != nil {
				t.Fatal(err)
			}
			want, wantOut, err := native(ref)
			if err != nil {
				t.Fatal(err)
			}
			syntax := src.Object.TransferSyntax
			if syntax == jpegProgressive || syntax == jpegSpectral {
				syntax = dicom.JPEGBaseline
			}
			if why := differ(out, wantOut, got, want, syntax); why != "" {
				t.Errorf("%s: %s (%s / %s)", syntax, why, out.Photometric, wantOut.Photometric)
			}
		})
	}
}

// differ compares the meaning of samples; "" if they agree.
func differ(a, b Desc, x, y []byte, syntax dicom.UID) string {
	if len(x) != len(y) {
		return fmt.Sprintf("%d and %d bytes", len(x), len(y))
	}
	if bytes.Equal(x, y) {
		return ""
	}
	size := max(1, a.BitsAllocated/8)
	var sum float64
	worst := 0
	for i := 0; i+size <= len(x); i += size {
		var d int
		switch size {
		case 1:
			d = a.stored(uint16(x[i])) - b.stored(uint16(y[i]))
		case 2:
			d = a.stored(u16(x[i:])) - b.stored(u16(y[i:]))
		default:
			if !bytes.Equal(x[i:i+size], y[i:i+size]) {
				d = 1 << 20
			}
		}
		worst = max(worst, d, -d)
		sum += max(float64(d), -float64(d))
	}
	mean := sum / float64(len(x)/size)
	lossy := syntax == dicom.JPEGBaseline || syntax == JPEGExtended
	if worst == 0 || lossy && (worst <= 2 || mean < 2) {
		return ""
	}
	return fmt.Sprintf("worst %d, mean %.2f", worst, mean)
}
