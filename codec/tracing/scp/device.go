// Tag 14 of section 1: the acquiring device (EN 1064 5.4.5).

package scp

import (
	"strings"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

// makers are the manufacturers by their code; 255 is one that gives its name as text.
var makers = []string{
	"", "Burdick", "Cambridge", "Compumed", "Datamed", "Fukuda", "Hewlett-Packard", "Marquette Electronics", "Mortara Instruments",
	"Nihon Kohden", "Okin", "Quinton", "Siemens", "Spacelabs", "Telemed", "Hellige", "ESA-OTE", "Schiller", "Picker-Schwarzer",
	"et medical devices", "Zwönitz",
}

// Places in tag 14.
const (
	deviceMaker    = 7
	deviceModel    = 8
	modelSize      = 6
	deviceProtocol = 14
	deviceLevel    = 15
	deviceLanguage = 16
	deviceTexts    = 36
)

// device reads tag 14: 36 bytes, then texts that end with NUL: analysing program, serial number, system software, SCP software,
// manufacturer. Carts leave texts out at the end, and some the whole tail.
func (r *record) device(v []byte) {
	if len(v) < deviceModel+modelSize {
		r.t.Warn(tracing.BadValue, "the device is not described whole")
		return
	}
	if len(v) > deviceLanguage {
		r.language = v[deviceLanguage]
	}
	if len(v) > deviceProtocol && r.protocol == 0 {
		r.protocol = v[deviceProtocol]
	}
	d := &r.t.Device
	d.Model = r.said(v[deviceModel:][:modelSize])
	if code := int(v[deviceMaker]); code < len(makers) {
		d.Manufacturer = makers[code]
	}
	if len(v) < deviceTexts {
		return
	}
	var texts [5]string
	rest := v[deviceTexts:]
	for i := range texts {
		var s []byte
		s, rest = untilNUL(rest)
		texts[i] = r.said(s)
	}
	d.AcquiredBy, d.Serial, d.Software = texts[0], texts[1], texts[2]
	if texts[4] != "" {
		d.Manufacturer = texts[4]
	}
}

// said is a text, empty if it says that nothing is known.
func (r *record) said(b []byte) string {
	s := r.text(b)
	if strings.EqualFold(s, "unknown") {
		return ""
	}
	return s
}

// own reads what Write keeps beside the standard: the model in full, and the order number.
func (r *record) own(v []byte) {
	rest, ok := strings.CutPrefix(string(v), ownMark)
	if !ok {
		return
	}
	model, order, _ := strings.Cut(rest, "\x00")
	if s := r.text([]byte(model)); s != "" {
		r.t.Device.Model = s
	}
	r.t.Order = r.text([]byte(order))
}
