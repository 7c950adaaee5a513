package dicom

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"
	"unicode/utf8"
)

// FuzzScan holds that no input panics, that refusals say what kind they are, and that what is accepted has a header, JSON
// and frames within the stream.
func FuzzScan(f *testing.F) {
	for _, raw := range samples(f) {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		obj, err := Scan(bytes.NewReader(raw), Options{HeaderOnly: true, Limits: Limits{InflateBytes: 1 << 20}})
		if err != nil {
			var refusal *FormatError
			if !errors.As(err, &refusal) || refusal.Kind == 0 {
				t.Fatalf("refused with %v", err)
			}
			return
		}
		check(t, "fuzz", obj)
		for i := range obj.Header.Elements {
			el := &obj.Header.Elements[i]
			for _, s := range obj.Header.Strs(el.Tag) {
				if !utf8.ValidString(s) {
					t.Error(el.Tag, "is not UTF-8")
				}
			}
			obj.Header.Person(el.Tag)
			obj.Header.Date(el.Tag)
			obj.Header.Time(el.Tag)
		}
		if _, err := obj.Header.Library(); err != nil {
			t.Skip(err)
		}
	})
}

// FuzzCharset holds that any bytes under any character set become UTF-8 and JSON.
func FuzzCharset(f *testing.F) {
	f.Add([]byte(`\ISO 2022 IR 58`), []byte("Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab="))
	f.Add([]byte(`ISO 2022 IR 13\ISO 2022 IR 87`), []byte("\xd4\xcf=\x1b$B;3ED\x1b(J"))
	f.Add([]byte("GB18030"), []byte("\x81\x39\xee\x39"))
	f.Fuzz(func(t *testing.T, name, value []byte) {
		d := DataSet{charset: newCharset(name, func(string) {})}
		d.Elements = []Element{{Tag: PatientName, VR: PN, Value: value, Length: int64(len(value))}}
		if s := d.decode(&d.Elements[0]); !utf8.ValidString(s) {
			t.Errorf("%q", s)
		}
		h := Header{DataSet: d}
		if b := h.AppendJSON(nil, JSONOptions{}); !json.Valid(b) || !utf8.Valid(b) {
			t.Errorf("%s", b)
		}
	})
}
