package raster

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/lianzhen/lianzhen/codec/dicom"
)

var losslessSyntaxes = []dicom.UID{
	dicom.ExplicitLE, dicom.ImplicitLE, dicom.ExplicitBE, dicom.DeflatedLE, EncapsulatedLE, DeflatedFrame,
	dicom.RLELossless, dicom.JPEGLossless, JPEGLossless14, dicom.JPEGLSLossless,
}

// transcode writes an object in another transfer syntax and scans the result.
func transcode(t testing.TB, src Source, to dicom.UID) (Source, []byte, error) {
	t.Helper()
	c, err := Transcode{Source: src, Syntax: to}.Copy()
	if err != nil {
		return Source{}, nil, err
	}
	var b bytes.Buffer
	if _, err := c.WriteTo(&b); err != nil {
		return Source{}, nil, err
	}
	obj, err := dicom.Scan(bytes.NewReader(b.Bytes()), dicom.Options{})
	if err != nil {
		t.Errorf("%s: what was written is refused: %v", to, err)
		return Source{}, nil, err
	}
	return Source{Object: obj, Open: opener(b.Bytes())}, b.Bytes(), nil
}

// TestTranscodeRestoresPixels writes decodable samples of every kind in every lossless transfer syntax and compares all native bytes,
// those above Bits Stored too.
func TestTranscodeRestoresPixels(t *testing.T) {
	if testing.Short() {
		t.Skip("encodes the corpus in ten transfer syntaxes")
	}
	count, seen := map[string]int{}, kinds{}
	eachSample(t, func(name string, _ []byte, src Source) {
		if seen.enough(src) {
			return
		}
		want, _, err := native(src)
		if err != nil {
			return
		}
		for _, to := range losslessSyntaxes {
			there, _, err := transcode(t, src, to)
			var u *Unsupported
			if errors.As(err, &u) {
				count["cannot "+string(to)+" "+u.Reason]++
				continue
			}
			if err != nil {
				t.Errorf("%s: to %s: %v", short80(name), to, err)
				continue
			}
			got, _, err := native(there)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: %s to %s: pixels differ (%v)", short80(name), src.Object.TransferSyntax, to, err)
				continue
			}
			count[string(to)]++
		}
	})
	t.Log(count)
}

// object writes a data set and its native pixels and scans it again.
func object(t testing.TB, d Desc, pixels []byte, syntax dicom.UID, change func(*dicom.DataSet)) Source {
	t.Helper()
	s := dataSet(d)
	s.SetText(dicom.SOPClassUID, "1.2.840.10008.5.1.4.1.1.7")
	s.SetText(dicom.SOPInstanceUID, "2.25.1")
	s.SetText(dicom.StudyInstanceUID, "2.25.2")
	s.SetText(dicom.SeriesInstanceUID, "2.25.3")
	if change != nil {
		change(s)
	}
	var b bytes.Buffer
	c := dicom.Copy{DataSet: s, Syntax: syntax, Frames: func(yield func([]byte, error) bool) { yield(pixels, nil) }}
	if _, err := c.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	obj, err := dicom.Scan(bytes.NewReader(b.Bytes()), dicom.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return Source{Object: obj, Open: opener(b.Bytes())}
}

// TestTranscodeRestoresOddPixels holds for forms that samples do not have.
func TestTranscodeRestoresOddPixels(t *testing.T) {
	frames := func(d Desc, n int) Desc { d.Frames = n; return d }
	signed := func(d Desc) Desc { d.Signed = true; return d }
	for _, c := range []struct {
		name string
		desc Desc
		set  func([]byte)
	}{
		{"single bits across bytes", frames(grey(5, 3, 1, 1), 7), nil},
		{"single bits", frames(grey(8, 3, 1, 1), 2), nil},
		{"odd frames of bytes", frames(grey(3, 3, 8, 8), 5), nil},
		{"six of eight bits", grey(9, 5, 8, 6), nil},
		{"twelve of sixteen bits", frames(grey(9, 5, 16, 12), 3), nil},
		{"signed with its sign in front", signed(grey(4, 1, 16, 12)), func(b []byte) { copy(b, []byte{0xFF, 0xFF, 0, 0xF8, 1, 0, 0xFF, 7}) }},
		{"signed without its sign in front", signed(grey(4, 1, 16, 12)), func(b []byte) { copy(b, []byte{0xFF, 0x0F, 0, 0x08, 1, 0, 0xFF, 7}) }},
		{"signed bytes", signed(grey(4, 1, 8, 7)), func(b []byte) { copy(b, []byte{0xFF, 0xC0, 1, 0x3F}) }},
		{"an overlay in the upper bits", grey(4, 1, 16, 12), func(b []byte) { b[1], b[3] = 0x80, 0xF0 }},
		{"six bits in sixteen", grey(4, 4, 16, 6), nil},
		{"upper twelve bits", func() Desc { d := grey(4, 4, 16, 12); d.HighBit = 15; return d }(), nil},
		{"32 bits", frames(grey(4, 3, 32, 32), 2), nil},
		{"colour", frames(colour(5, 3), 4), nil},
		{"colour of 16 bits", func() Desc { d := colour(5, 3); d.BitsAllocated, d.BitsStored, d.HighBit = 16, 16, 15; return d }(), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			all := make([]byte, (int64(c.desc.Frames)*c.desc.frameBits()+7)/8)
			for i := range all {
				all[i] = byte(i * 73)
			}
			if c.desc.BitsAllocated == 16 || c.desc.BitsStored < 8 && c.desc.BitsAllocated == 8 {
				one := ramp(c.desc)
				for i := range all {
					all[i] = one[i%len(one)]
				}
			}
			if rest := int64(c.desc.Frames) * c.desc.frameBits() % 8; rest > 0 {
				all[len(all)-1] &= 1<<rest - 1
			}
			if c.set != nil {
				c.set(all)
			}
			src := object(t, c.desc, all, dicom.ExplicitLE, nil)
			n := 0
			for _, to := range losslessSyntaxes {
				there, _, err := transcode(t, src, to)
				if u := new(Unsupported); errors.As(err, &u) {
					continue
				}
				if err != nil {
					t.Errorf("to %s: %v", to, err)
					continue
				}
				back, raw, err := transcode(t, there, dicom.ExplicitLE)
				if err != nil {
					t.Errorf("from %s: %v", to, err)
					continue
				}
				n++
				p := back.Object.Pixels
				if got := raw[p.Offset : p.Offset+int64(len(all))]; !bytes.Equal(got, all) {
					t.Errorf("%s: %x becomes %x", to, all, got)
				}
			}
			if n < 4 {
				t.Error("too few transfer syntaxes", n)
			}
		})
	}
}

// TestBigEndianBytesInWords reads frames of three bytes that lie in turned words (PS3.5 §D.1).
func TestBigEndianBytesInWords(t *testing.T) {
	d := grey(3, 1, 8, 8)
	d.Frames = 2
	src := object(t, d, []byte{2, 1, 4, 3, 6, 5}, dicom.ExplicitBE, nil)
	src.Object.Header.Find(dicom.PixelDataTag).VR = dicom.OW
	got, _, err := native(src)
	if err != nil || !bytes.Equal(got, []byte{1, 2, 3, 4, 5, 6}) {
		t.Error(got, err)
	}
}

// TestLossyIsSaid checks the attributes of lossy compression (PS3.3 C.7.6.1.1.5), also after the picture is native again.
func TestLossyIsSaid(t *testing.T) {
	d := colour(64, 48)
	d.Planar, d.Frames = 1, 2
	src := object(t, d, make([]byte, 2*d.NativeBytes()), dicom.ExplicitLE, func(s *dicom.DataSet) {
		s.SetText(dicom.LossyImageCompression, "01")
		s.SetText(dicom.LossyImageCompressionRatio, "3")
		s.SetText(lossyMethod, "ISO_15444_1")
	})
	there, _, err := transcode(t, src, dicom.JPEGBaseline)
	if err != nil {
		t.Fatal(err)
	}
	h := there.Object.Header
	ratios, methods := h.Strs(dicom.LossyImageCompressionRatio), h.Strs(lossyMethod)
	planar, _ := h.Int(dicom.PlanarConfiguration)
	if h.Str(dicom.PhotometricInterpretation) != YBRFull422 || planar != 0 || len(ratios) != 2 || len(methods) != 2 || methods[1] != lossyJPEG {
		t.Error(h.Str(dicom.PhotometricInterpretation), planar, ratios, methods)
	}
	back, _, err := transcode(t, there, dicom.ExplicitLE)
	if err != nil {
		t.Fatal(err)
	}
	h = back.Object.Header
	if h.Str(dicom.PhotometricInterpretation) != RGB || h.Str(dicom.LossyImageCompression) != "01" {
		t.Error(h.Str(dicom.PhotometricInterpretation))
	}
}

// TestTranscodeSaysWhyNot holds that what cannot be done is known before anything is written.
func TestTranscodeSaysWhyNot(t *testing.T) {
	wide := object(t, grey(4, 4, 16, 12), make([]byte, 32), dicom.ExplicitLE, nil)
	for _, c := range []struct {
		name string
		src  Source
		to   dicom.UID
	}{
		{"lossy JPEG of 12 bits", wide, dicom.JPEGBaseline},
		{"JPEG 2000", wide, dicom.JPEG2000},
		{"an unknown syntax", wide, "1.2.3"},
		{"RLE of single bits", object(t, grey(8, 1, 1, 1), []byte{1}, dicom.ExplicitLE, nil), dicom.RLELossless},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr := Transcode{Source: c.src, Syntax: c.to}
			u := new(Unsupported)
			if err := tr.Possible(); !errors.As(err, &u) || u.Reason == "" {
				t.Error(err)
			}
			if _, err := tr.Copy(); !errors.As(err, &u) {
				t.Error(err)
			}
		})
	}
	if err := (Transcode{Source: wide, Syntax: dicom.JPEGLSLossless}).Possible(); err != nil {
		t.Error(err)
	}
}

// TestTranscodeStopsEarly holds that a receiver who goes away leaves nothing running and gets his own error back.
func TestTranscodeStopsEarly(t *testing.T) {
	d := grey(16, 16, 8, 8)
	d.Frames = 50
	gone := errors.New("gone")
	for _, from := range []dicom.UID{dicom.ExplicitLE, dicom.DeflatedLE} {
		src := object(t, d, make([]byte, 50*256), from, nil)
		c, err := Transcode{Source: src, Syntax: dicom.RLELossless}.Copy()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.WriteTo(&limited{left: 2000, err: gone}); !errors.Is(err, gone) {
			t.Error(err)
		}
	}
}

type limited struct {
	left int
	err  error
}

func (l *limited) Write(p []byte) (int, error) {
	if l.left -= len(p); l.left < 0 {
		return 0, l.err
	}
	return len(p), nil
}

// TestDCMTKReadsWhatIsTranscoded makes samples native with DCMTK after they were encoded here.
func TestDCMTKReadsWhatIsTranscoded(t *testing.T) {
	if testing.Short() {
		t.Skip("runs DCMTK on the whole corpus")
	}
	tool(t, "dcmdjpls")
	dir := t.TempDir()
	count, seen := map[string]int{}, kinds{}
	eachSample(t, func(name string, _ []byte, src Source) {
		if seen.enough(src) {
			return
		}
		want, wantOut, err := native(src)
		if err != nil {
			return
		}
		for _, to := range []dicom.UID{dicom.ImplicitLE, dicom.ExplicitBE, dicom.DeflatedLE, dicom.RLELossless, dicom.JPEGLossless, dicom.JPEGLSLossless} {
			if to == dicom.ExplicitBE && wantOut.BitsAllocated > 16 {
				continue // DCMTK turns the words of OW, others the samples
			}
			_, raw, err := transcode(t, src, to)
			if err != nil {
				continue
			}
			in, out := filepath.Join(dir, "in.dcm"), filepath.Join(dir, "out.dcm")
			os.Remove(out)
			if err := os.WriteFile(in, raw, 0o600); err != nil {
				t.Fatal(err)
			}
			args := []string{"-q", "+te", in, out}
			if to == dicom.JPEGLossless {
				args = append([]string{"+cn"}, args...) // no colour transform
			}
			if run(t, uncompress(to), args...) != nil {
				t.Errorf("%s: DCMTK does not read our %s", short80(name), to)
				continue
			}
			ref, ok := scanFile(t, out)
			if !ok {
				continue
			}
			got, gotOut, err := native(ref)
			if err != nil {
				t.Errorf("%s to %s: %v", short80(name), to, err)
			} else if why := differ(gotOut, wantOut, got, want, to); why != "" {
				t.Errorf("%s: %s to %s: %s", short80(name), src.Object.TransferSyntax, to, why)
			} else {
				count[string(to)]++
			}
		}
	})
	t.Log(count)
}
