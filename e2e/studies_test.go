package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/dicom/phantom"
)

// landmark is a place of the phantom's anatomy, in shares of the picture, and how bright it must be shown.
type landmark struct {
	name     string
	x, y     float64
	min, max float64 // mean of the three colours of the spot, 0 to 255
}

// study is a test study: what is stored, and what a viewer must show of it.
type study struct {
	name      string
	spec      phantom.Spec
	compress  func(testing.TB, []byte) []byte // to the transfer syntax under test; nil: as it is
	shownName string                          // the patient's name in OHIF
	modality  string
	center    float64 // of the window; a colour image has none
	width     float64
	landmarks []landmark
	further   int  // how far the test scrolls
	headFirst bool // viewers show the last slice first, since it lies nearest to the head

	objects [][]byte // Part 10 objects as stored
	frames  []frame  // their pictures in order, from before compression
}

var ctLandmarks = []landmark{
	{"air outside", .03, .03, 0, 15},
	{"left lung", .70, .56, 0, 40},
	{"vertebra", .50, .66, 240, 255},
	{"muscle", .50, .36, 115, 155},
	{"fat", .924, .52, 20, 75},
}

// testStudies describes one study for each kind of image and transfer syntax.
func testStudies() []study {
	at := time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC)
	person := func(name, id string) phantom.Patient {
		return phantom.Patient{Name: name, ID: id, BirthDate: "19580712", Sex: "F"}
	}
	ct := func(seed uint64, name, id string, n int) phantom.Spec {
		return phantom.Spec{Kind: phantom.CTChest, Seed: seed, Patient: person(name, id), At: at, Count: n}
	}
	return []study{
		{
			name: "CT", spec: ct(1, "王^小明", "E2E0001", 20), shownName: "王, 小明", modality: "CT",
			center: 40, width: 400, landmarks: ctLandmarks, further: 7, headFirst: true,
		},
		{
			name: "MR", spec: phantom.Spec{
				Kind: phantom.MRBrain, Seed: 2, Patient: person("欧阳^丽华", "E2E0002"), At: at, Count: 12, Charset: "GB18030",
			},
			shownName: "欧阳, 丽华", modality: "MR", center: 700, width: 1400,
			landmarks: []landmark{{"air", .02, .5, 0, 12}, {"marrow", .40, .50, 60, 100}, {"falx", .5, .35, 140, 190}},
			further:   5, headFirst: true,
		},
		{
			name: "US", spec: phantom.Spec{Kind: phantom.USHeart, Seed: 3, Patient: person("赵^铁柱", "E2E0003"), At: at, Count: 30},
			shownName: "赵, 铁柱", modality: "US",
			landmarks: []landmark{{"beside the sector", .05, .10, 0, 2}, {"below the sector", .02, .98, 0, 2}, {"left ventricle", .446, .447, 0, 20}, {"septum", .5, .447, 80, 220}},
			further:   12,
		},
		{
			name: "DR", spec: phantom.Spec{
				Kind: phantom.DRChest, Seed: 4, Patient: person("Li^Xiaohong=李^小红", "E2E0004"), At: at, Rows: 2000, Columns: 2000,
			},
			shownName: "Li, Xiaohong", modality: "DX", center: 8000, width: 12000,
			landmarks: []landmark{{"air", .01, .02, 0, 10}, {"heart", .57, .60, 95, 125}, {"right lung", .28, .50, 0, 25}, {"spine", .50, .20, 110, 160}},
		},
		{
			name: "JPEG-LS", spec: ct(5, "孙^悟空", "E2E0005", 4), shownName: "孙, 悟空", modality: "CT", compress: by("dcmcjpls"),
			center: 40, width: 400, landmarks: ctLandmarks, further: 2, headFirst: true,
		},
		{
			name: "JPEG lossless", spec: ct(6, "周^芷若", "E2E0006", 4), shownName: "周, 芷若", modality: "CT", compress: by("dcmcjpeg", "+e1"),
			center: 40, width: 400, landmarks: ctLandmarks, further: 2, headFirst: true,
		},
		{
			name: "JPEG 2000", spec: ct(7, "郭^靖", "E2E0007", 4), shownName: "郭, 靖", modality: "CT", compress: by("gdcmconv", "--j2k"),
			center: 40, width: 400, landmarks: ctLandmarks, further: 2, headFirst: true,
		},
	}
}

// by compresses an object with a program that takes two file names.
func by(program string, args ...string) func(testing.TB, []byte) []byte {
	return func(t testing.TB, object []byte) []byte {
		t.Helper()
		in, out := filepath.Join(t.TempDir(), "in.dcm"), filepath.Join(t.TempDir(), "out.dcm")
		if err := os.WriteFile(in, object, 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(Need(t, program), append(append([]string{}, args...), in, out)...)
		if said, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", program, err, said)
		}
		b, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
}

// make writes the study's objects.
func (s *study) make(t testing.TB) {
	t.Helper()
	for _, write := range phantom.Study(s.spec) {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		s.frames = append(s.frames, framesOf(t, b.Bytes())...)
		object := b.Bytes()
		if s.compress != nil {
			object = s.compress(t, object)
			if scan(t, object).TransferSyntax.Native() {
				t.Fatalf("%s is not compressed", s.name)
			}
		}
		s.objects = append(s.objects, object)
	}
}

func scan(t testing.TB, object []byte) *dicom.Object {
	t.Helper()
	o, err := dicom.Scan(bytes.NewReader(object), dicom.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// frame is a picture as it is stored: samples of 16 bits, or three of 8.
type frame struct {
	rows, columns int
	colour        bool
	signed        bool
	px            []byte
}

// framesOf cuts the frames out of a native object.
func framesOf(t testing.TB, object []byte) []frame {
	t.Helper()
	o := scan(t, object)
	number := func(tag dicom.Tag) int {
		n, ok := o.Header.Int(tag)
		if !ok {
			t.Fatal(fmt.Errorf("no %v", tag))
		}
		return n
	}
	f := frame{rows: number(dicom.Rows), columns: number(dicom.Columns), colour: number(dicom.SamplesPerPixel) == 3}
	f.signed = number(dicom.PixelRepresentation) == 1
	var frames []frame
	for _, at := range o.Pixels.Frames() {
		f.px = object[at[0].Offset : at[0].Offset+at[0].Length]
		frames = append(frames, f)
	}
	return frames
}
