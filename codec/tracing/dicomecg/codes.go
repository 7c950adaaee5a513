package dicomecg

import (
	"strconv"
	"strings"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/codec/tracing"
)

// concept is one coded entry (PS3.3 table 8.8-1).
type concept struct{ value, scheme, version, meaning string }

// conceptOf is the first item of a code sequence; ok is false if there is none.
func conceptOf(d *dicom.DataSet, t dicom.Tag) (c concept, ok bool) {
	items := d.Items(t)
	if len(items) == 0 {
		return concept{}, false
	}
	it := &items[0]
	c = concept{
		value: it.Str(dicom.CodeValue), scheme: it.Str(dicom.CodingSchemeDesignator), version: it.Str(codingSchemeVersion),
		meaning: tracing.CleanText(it.Str(dicom.CodeMeaning)),
	}
	if c.value == "" { // PS3.3 8.8: a long code, or one that is a URN
		c.value = it.Str(longCodeValue)
	}
	return c, true
}

const longCodeValue dicom.Tag = 0x00080119

// item writes the coded entry.
func (c concept) item() *dicom.DataSet {
	d := dicom.NewDataSet()
	d.SetText(dicom.CodeValue, c.value)
	d.SetText(dicom.CodingSchemeDesignator, c.scheme)
	if c.version != "" {
		d.SetText(codingSchemeVersion, c.version)
	}
	d.SetText(dicom.CodeMeaning, c.meaning)
	return d
}

// private is the coding scheme of codes that have none in DICOM (PS3.16 8.2: private ones begin with 99). The code is the meaning too.
const private = "99LIANZHEN"

func privateConcept(code string) concept {
	short := strings.TrimPrefix(code, "MDC_ECG_")
	return concept{value: clip(short, 16), scheme: private, meaning: clip(code, 64)}
}

// clip keeps n characters.
func clip(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}

// leadNumbers are the leads by their number in SCP-ECG (5.6.3-9-n) and in MDC (2:n), which are the same (PS3.16 CID 3001).
var leadNumbers = map[int]tracing.Code{
	1: tracing.LeadI, 2: tracing.LeadII, 3: tracing.LeadV1, 4: tracing.LeadV2, 5: tracing.LeadV3, 6: tracing.LeadV4, 7: tracing.LeadV5,
	8: tracing.LeadV6, 9: tracing.LeadV7, 10: tracing.LeadV2R, 11: tracing.LeadV3R, 12: tracing.LeadV4R, 13: tracing.LeadV5R,
	14: tracing.LeadV6R, 15: tracing.LeadV7R, 16: tracing.LeadX, 17: tracing.LeadY, 18: tracing.LeadZ, 20: tracing.LeadCM5,
	61: tracing.LeadIII, 62: tracing.LeadAVR, 63: tracing.LeadAVL, 64: tracing.LeadAVF, 66: tracing.LeadV8, 67: tracing.LeadV9,
	70: tracing.LeadD, 71: tracing.LeadA, 72: tracing.LeadJ,
}

var numberOfLead = func() map[tracing.Code]int {
	m := map[tracing.Code]int{}
	for n, c := range leadNumbers {
		m[c] = n
	}
	return m
}()

// leadOf reads a channel's source: by its number, by its reference id, else by its name as devices write it.
func leadOf(c concept, label string) tracing.Code {
	scheme := strings.ToUpper(c.scheme)
	for _, prefix := range []string{"5.6.3-9-", "2:"} {
		rest, found := strings.CutPrefix(strings.ReplaceAll(c.value, " ", ""), prefix)
		if n, err := strconv.Atoi(rest); found && err == nil && leadNumbers[n] != "" {
			return leadNumbers[n]
		}
	}
	if n, err := strconv.Atoi(c.value); err == nil && strings.HasPrefix(scheme, "MDC") { // partition and code as one number
		if code := leadNumbers[n&0xFFFF]; code != "" && n>>16 == 2 {
			return code
		}
	}
	if strings.HasPrefix(c.value, "MDC_ECG_LEAD_") {
		if code := named(c.value); code != "" {
			return code
		}
	}
	if code := named(c.meaning); code != "" {
		return code
	}
	return named(label)
}

// contradicts reports whether a channel's source names another lead than its code is that of.
func (c concept) contradicts(lead tracing.Code) bool {
	other := named(c.meaning)
	return lead != "" && other != "" && other != lead
}

// named reads "Lead I (Einthoven)", "aVR, augmented voltage, right", "MDC_ECG_LEAD_ML".
func named(name string) tracing.Code {
	name, _, _ = strings.Cut(name, "(")
	name, _, _ = strings.Cut(name, ",")
	if code := tracing.LeadNamed(name); code != "" {
		return code
	}
	for _, code := range []tracing.Code{tracing.LeadML2, tracing.LeadD, tracing.LeadA, tracing.LeadJ} {
		if name == string(code) {
			return code
		}
	}
	return ""
}

// sourceOf is the channel source that we write.
func sourceOf(l *tracing.Lead) concept {
	switch n := numberOfLead[l.Code]; {
	case n > 0:
		return concept{value: "2:" + strconv.Itoa(n), scheme: "MDC", meaning: leadMeaning(l.Code)}
	case l.Code != "":
		return privateConcept(string(l.Code))
	case l.Label == "":
		return privateConcept("unknown")
	}
	return privateConcept(l.Label)
}

// leadMeaning is the wording of CID 3001.
func leadMeaning(c tracing.Code) string {
	switch c {
	case tracing.LeadAVR:
		return "aVR, augmented voltage, right"
	case tracing.LeadAVL:
		return "aVL, augmented voltage, left"
	case tracing.LeadAVF:
		return "aVF, augmented voltage, foot"
	}
	return "Lead " + c.Label()
}

// volts are the units of channel sensitivity, in nanovolts.
var volts = map[string]tracing.Ratio{
	"nV": {Num: 1, Den: 1}, "uV": {Num: 1000, Den: 1}, "mV": {Num: 1_000_000, Den: 1}, "V": {Num: 1_000_000_000, Den: 1},
	"µV": {Num: 1000, Den: 1}, "μV": {Num: 1000, Den: 1}, "UV": {Num: 1000, Den: 1}, "MV": {Num: 1_000_000, Den: 1},
	"microvolt": {Num: 1000, Den: 1}, "millivolt": {Num: 1_000_000, Den: 1}, "nanovolt": {Num: 1, Den: 1}, "volt": {Num: 1_000_000_000, Den: 1},
}

// unitOfVoltage is the size of a unit in nanovolts; false if it is none of voltage.
func unitOfVoltage(c concept) (tracing.Ratio, bool) {
	if r, ok := volts[c.value]; ok {
		return r, true
	}
	r, ok := volts[strings.TrimSuffix(strings.ToLower(c.meaning), "s")]
	return r, ok
}
