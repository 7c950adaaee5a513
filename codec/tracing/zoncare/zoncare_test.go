package zoncare_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"github.com/lianzhen/lianzhen/codec/tracing/tracingtest"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/codec/tracing/xmlin/xmlintest"
	"github.com/lianzhen/lianzhen/codec/tracing/zoncare"
)

// frames are n frames of the twelve leads and one word more, which stands behind them or before.
func frames(n int, before bool) string {
	var b []byte
	for k := range n {
		i, ii := int16(k*37%400-200), int16(k*53%900-300)
		f := []int16{i, ii, ii - i, -(i + ii) / 2, i - ii/2, ii - i/2, 1, 2, 3, 4, 5, int16(k)}
		if before {
			f = append([]int16{int16(k * 31)}, f...)
		} else {
			f = append(f, int16(k*31))
		}
		for _, v := range f {
			b = binary.LittleEndian.AppendUint16(b, uint16(v))
		}
	}
	return base64.StdEncoding.EncodeToString(b)
}

func document(more, data string) []byte {
	return []byte(`<?xml version="1.0" encoding="utf-8"?><zqecg><patient><patientid>T-1</patientid><name>张三</name><sex>男</sex><age>61岁</age></patient>
<exam><checktime>2024-05-06 07:08:09</checktime><hospital>某乡卫生院</hospital>` + more + `<hr>72</hr><diagnosis>窦性心律</diagnosis></exam><data>` + data + `</data></zqecg>`)
}

func TestRead(t *testing.T) {
	for _, c := range []struct {
		name   string
		before bool
	}{{"word behind", false}, {"word before", true}} {
		t.Run(c.name, func(t *testing.T) {
			got, err := zoncare.Read(document("<samplerate>1000</samplerate>", frames(50, c.before)))
			if err != nil {
				t.Fatal(err)
			}
			g := got.Rhythm()
			if g == nil || len(g.Leads) != 12 || g.Len() != 50 || g.Rate != tracing.Whole(1000) || len(got.Warnings) > 0 {
				t.Fatalf("%v %v", g, got.Warnings)
			}
			for k := range 50 {
				if g.Lead(tracing.LeadI).Samples[k] != int32(k*37%400-200) || g.Lead(tracing.LeadV6).Samples[k] != int32(k) {
					t.Fatalf("sample %d", k)
				}
			}
			if g.Leads[0].NVPerLSB != tracing.Whole(1000) {
				t.Error("size of a sample")
			}
			if diff := cmp.Diff(tracing.Patient{ID: "T-1", Name: "张三", Sex: "M", AgeYears: 61}, got.Patient); diff != "" {
				t.Error(diff)
			}
			if !got.RecordedAt.Equal(time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)) || got.Statements[0].Text != "窦性心律" || got.Site.Institution != "某乡卫生院" {
				t.Errorf("%v %v", got.RecordedAt, got.Statements)
			}
			if m, ok := got.Measured(tracing.ByDevice, tracing.HeartRate); !ok || m.Value != 72 {
				t.Error("no rate")
			}
		})
	}
}

func TestRateIsAssumedAloud(t *testing.T) {
	got, err := zoncare.Read(document("", frames(5, false)))
	if err != nil || got.Rhythm().Rate != tracing.Whole(500) || len(got.Warnings) != 1 {
		t.Errorf("%v %v", got, err)
	}
}

func TestWrongBase64(t *testing.T) {
	got, err := zoncare.Read(document("<samplerate>500</samplerate>", frames(5, false)[:110]+"*"+frames(5, false)))
	if err != nil || got.Rhythm().Len() != 3 || len(got.Warnings) != 2 || got.Warnings[0].Code != tracing.BadValue ||
		got.Warnings[1].Code != tracing.Truncated {
		t.Errorf("%v", err)
	}
}

func TestFramesThatAreNotThirteenLeadsAreTold(t *testing.T) {
	b, err := base64.StdEncoding.DecodeString(frames(130, false))
	if err != nil {
		t.Fatal(err)
	}
	shifted := base64.StdEncoding.EncodeToString(b[6:]) // three words late: no lead is where it is looked for
	got, err := zoncare.Read(document("<samplerate>500</samplerate>", shifted))
	if err != nil || !tracingtest.Warned(got, tracing.Inconsistent) || !tracingtest.Warned(got, tracing.Truncated) {
		t.Errorf("%v %v", got, err)
	}
}

func TestTimeWithoutPunctuation(t *testing.T) {
	b := bytes.Replace(document("", frames(5, false)), []byte("2024-05-06 07:08:09"), []byte("20240506070809"), 1)
	got, err := zoncare.Read(b)
	if want := time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC); err != nil || !got.RecordedAt.Equal(want) {
		t.Errorf("%v %v", got.RecordedAt, err)
	}
}

func TestCutEverywhere(t *testing.T) {
	xmlintest.Cuts(t, document("<samplerate>500</samplerate>", frames(2000, false)), zoncare.Read, 95)
}

func TestHostile(t *testing.T) { xmlintest.Hostile(t, "zqecg", zoncare.Read) }

func TestSniff(t *testing.T) {
	if !zoncare.Sniff([]byte("<?xml version='1.0'?>\n<zqecg>")) || zoncare.Sniff([]byte(strings.Repeat(" ", 10))) {
		t.Error("sniffed wrong")
	}
}

func FuzzRead(f *testing.F) {
	f.Add(document("<hz>500</hz>", frames(5, true)))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := zoncare.Read(b)
		xmlintest.Sound(t, got, err)
	})
}
