package beneheart_test

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/codec/tracing"
	"github.com/lianzhen/lianzhen/codec/tracing/beneheart"
	"github.com/lianzhen/lianzhen/codec/tracing/xmlin/xmlintest"
)

func data(lead, n int) (string, []int32) {
	var b []byte
	out := make([]int32, n)
	for k := range out {
		out[k] = int32(k*(lead+3)%500 - 250)
		b = binary.LittleEndian.AppendUint16(b, uint16(out[k]))
	}
	return base64.StdEncoding.EncodeToString(b), out
}

func document(leads string) []byte {
	return []byte(`<?xml version="1.0" encoding="UTF-8"?><BeneHeartR12><PatientInfo><PatientID>T-1</PatientID><FirstName>三</FirstName><LastName>张</LastName><Sex>F</Sex>
<DateOfBirth>1992-03-20</DateOfBirth><Age>31</Age><Height Unit="cm">165</Height><Weight Unit="kg">60</Weight></PatientInfo>
<AcquisitionInfo><AcquisitionDate>2023-12-01</AcquisitionDate><AcquisitionTime>09:15:00</AcquisitionTime><SampleRate>500</SampleRate><SerialNumber>R-1</SerialNumber></AcquisitionInfo>
<FilterSettings><HighPass>0.05</HighPass><LowPass>150</LowPass><Notch>0</Notch></FilterSettings>
<Measurements><HeartRate>72.6</HeartRate><PRInterval>150</PRInterval><QTcBazett>410</QTcBazett><TAxis>Failed</TAxis></Measurements>
<Diagnosis><Statement>Sinus rhythm</Statement><Statement>Normal ECG</Statement></Diagnosis>
<Leads>` + leads + `</Leads></BeneHeartR12>`)
}

func TestFormsOfLeads(t *testing.T) {
	text, want := data(1, 40)
	list := strings.Trim(strings.ReplaceAll(fmt.Sprint(want), " ", ","), "[]")
	const positive = "2048\n2050\n2047"
	for _, c := range []struct {
		name, lead string
		size       tracing.Ratio
	}{
		{"attribute", `<Lead Name="V2" Data="` + text + `"/>`, tracing.Ratio{}},
		{"text", `<Lead Name="V2" Resolution="5">` + text + `</Lead>`, tracing.Whole(5000)},
		{"children", `<Channel><Label>V2</Label><Data>` + text + `</Data><Resolution>2.5uV</Resolution></Channel>`, tracing.Whole(2500)},
		{"numbers", `<Lead Name="V2"><Samples>` + list + `</Samples></Lead>`, tracing.Ratio{}},
		{"element of the lead", `<V2>` + text + `</V2>`, tracing.Ratio{}},
		{"numbers without signs", `<Lead Name="V2"><Samples>` + positive + `</Samples></Lead>`, tracing.Ratio{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := want
			if strings.Contains(c.lead, positive) {
				want = []int32{2048, 2050, 2047}
			}
			got, err := beneheart.Read(document(c.lead))
			if err != nil {
				t.Fatal(err)
			}
			l := got.Rhythm().Leads[0]
			if diff := cmp.Diff(tracing.Lead{Code: tracing.LeadV2, Label: "V2", NVPerLSB: c.size, Samples: want}, l); diff != "" {
				t.Error(diff)
			}
			if said := len(got.Warnings) == 1 && got.Warnings[0].Code == tracing.Uncalibrated; said == l.Calibrated() {
				t.Errorf("warnings %v", got.Warnings)
			}
		})
	}
}

func TestWhole(t *testing.T) {
	leads := ""
	for i, id := range []string{"I", "II", "V1", "V2", "V3", "V4", "V5", "V6"} {
		text, _ := data(i, 500)
		leads += `<Lead Name="` + id + `" Resolution="5" Data="` + text + `"/>`
	}
	got, err := beneheart.Read(document(leads))
	if err != nil {
		t.Fatal(err)
	}
	g := got.Rhythm()
	if len(g.Leads) != 12 || g.Rate != tracing.Whole(500) || g.Filters != (tracing.Filters{HighPassHz: 0.05, LowPassHz: 150}) || len(got.Warnings) > 0 {
		t.Errorf("%v %v", g, got.Warnings)
	}
	p := tracing.Patient{ID: "T-1", Name: "张三", Sex: "F", BirthDate: "19920320", AgeYears: 31, HeightCM: 165, WeightKG: 60}
	if diff := cmp.Diff(p, got.Patient); diff != "" {
		t.Error(diff)
	}
	if !got.RecordedAt.Equal(time.Date(2023, 12, 1, 9, 15, 0, 0, time.UTC)) || len(got.Statements) != 2 || len(got.Measurements) != 3 {
		t.Errorf("%v %v %v", got.RecordedAt, got.Statements, got.Measurements)
	}
}

func TestCutEverywhere(t *testing.T) {
	leads := ""
	for i, id := range []string{"I", "II", "V1", "V2", "V3", "V4", "V5", "V6"} {
		text, _ := data(i, 3000)
		leads += `<Lead Name="` + id + `"><Data>` + text + `</Data></Lead>`
	}
	xmlintest.Cuts(t, document(leads), beneheart.Read, 95)
}

func TestHostile(t *testing.T) { xmlintest.Hostile(t, "BeneHeartR12", beneheart.Read) }

func TestSniff(t *testing.T) {
	if !beneheart.Sniff(document("")) || beneheart.Sniff([]byte("<AnnotatedECG>")) {
		t.Error("sniffed wrong")
	}
}

func FuzzRead(f *testing.F) {
	text, _ := data(0, 9)
	f.Add(document(`<Lead Name="I" Data="` + text + `"/><Lead Name="II">1 2 3</Lead>`))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := beneheart.Read(b)
		xmlintest.Sound(t, got, err)
	})
}
