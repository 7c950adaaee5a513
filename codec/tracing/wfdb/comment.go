// Comments of headers: who was recorded and what was found, as the public databases write it.

package wfdb

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

var (
	ageWords = regexp.MustCompile(`(?i)\bage>?\s*:\s*(\d{1,3})\b`)
	sexWords = regexp.MustCompile(`(?i)\bsex>?\s*:\s*(male|female|m|f)\b`)
	mitWords = regexp.MustCompile(`^(\d{1,3}|-1) ([MF]) `) // 69 M 1085 1629 x1
)

// describe fills in what comments say. Nothing else of them is kept: they are free text.
func describe(t *tracing.Tracing, comments []string) {
	diagnoses := false
	for _, c := range comments {
		if len(c) > tracing.MaxText {
			continue
		}
		c = tracing.Text([]byte(c))
		if m := ageWords.FindStringSubmatch(c); m != nil {
			t.Patient.AgeYears = age(m[1])
		}
		if m := sexWords.FindStringSubmatch(c); m != nil {
			t.Patient.Sex = strings.ToUpper(m[1][:1])
		}
		if m := mitWords.FindStringSubmatch(c); m != nil {
			t.Patient.AgeYears, t.Patient.Sex = age(m[1]), m[2]
		}
		key, value, ok := strings.Cut(c, ":")
		value = strings.TrimSpace(value)
		switch key = strings.ToLower(strings.Trim(strings.TrimSpace(key), "<>")); {
		case ok && key == "diagnoses":
			diagnoses = true
			state(t, "", value)
		case ok && key == "dx":
			codes(t, value)
		case ok && key == "reason for admission":
			t.Indication = said(value)
		case ok && key == "recorder type":
			t.Device.Model = said(value)
		case ok && key == "rx" && said(value) != "":
			for _, d := range strings.Split(value, ",") {
				t.Patient.Drugs = append(t.Patient.Drugs, strings.TrimSpace(d))
			}
		case diagnoses:
			state(t, "", c)
		}
	}
}

func age(text string) float64 {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > 130 {
		return 0
	}
	return float64(n)
}

// codes are SNOMED CT numbers, as the challenges of 2020 and 2021 write them.
func codes(t *tracing.Tracing, list string) {
	for _, c := range strings.Split(list, ",") {
		if c = strings.TrimSpace(c); c == "" {
			continue
		}
		if strings.Trim(c, "0123456789") == "" {
			state(t, c, "")
		} else {
			state(t, "", c)
		}
	}
}

func state(t *tracing.Tracing, code, text string) {
	if code == "" && text == "" || len(t.Statements) >= tracing.MaxTexts {
		return
	}
	s := tracing.Statement{Code: code, Text: text, Source: tracing.Source{Kind: tracing.ByPerson}}
	if code != "" {
		s.System = "SCT"
	}
	t.Statements = append(t.Statements, s)
}

func said(value string) string {
	switch strings.ToLower(value) {
	case "unknown", "n/a", "none", "nan":
		return ""
	}
	return value
}
