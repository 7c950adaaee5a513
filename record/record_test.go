package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestPersonalDataLeavesOnlyThroughReveal(t *testing.T) {
	name, number := Personal("王小明"), IDNumber("11010519491231002X")
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "name", name, "number", number)
	js, err := json.Marshal(map[string]any{"name": name, "number": number, "in": struct{ N Personal }{name}})
	if err != nil {
		t.Fatal(err)
	}
	for _, out := range []string{
		log.String(), string(js), fmt.Sprint(name, number), fmt.Sprintf("%v %+v %#v %s %q %x %d", name, name, name, name, name, name, name),
		fmt.Sprintf("%v %+v %#v %s %q %x", number, number, number, number, number, number),
		fmt.Sprintf("%+v", Demographics{Name: name, IDNumber: number}), Errorf(Invalid, "of %s %s", name, number).Error(),
	} {
		if strings.Contains(out, "小明") || strings.Contains(out, "19491231") || strings.Contains(out, "e5b08f") {
			t.Errorf("shows too much: %s", out)
		}
	}
	if name.Reveal() != "王小明" || number.Mask() != "110105********002X" {
		t.Errorf("%s %s", name.Reveal(), number.Mask())
	}
}

func TestIdentityNumbersAreChecked(t *testing.T) {
	const good = "11010519491231002X"
	n, err := ParseIDNumber(strings.ToLower(good))
	if err != nil || n != good || n.Sex() != Female || n.BirthDate().String() != "1949-12-31" {
		t.Fatalf("%q %v", n.Reveal(), err)
	}
	for i := range good { // every single wrong digit is caught
		for _, c := range "0123456789X" {
			bad := good[:i] + string(c) + good[i+1:]
			if bad == good {
				continue
			}
			if _, err := ParseIDNumber(bad); err == nil {
				t.Errorf("%s was taken", bad)
			}
		}
	}
	for _, bad := range []string{"", "123", good + "0", "110105194902310021"} {
		if _, err := ParseIDNumber(bad); KindOf(err) != Invalid || strings.Contains(err.Error(), "1949") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestKindsSurviveWrapping(t *testing.T) {
	cause := errors.New("disk on fire")
	err := fmt.Errorf("accept: %w", Wrap(Unavailable, cause, "try again"))
	if KindOf(err) != Unavailable || Public(err) != "try again" || !errors.Is(err, cause) {
		t.Errorf("%v", err)
	}
	if KindOf(cause) != Internal || Public(cause) != "" {
		t.Error("a plain error has a public text")
	}
}

func TestIDsThatReachKeysAndPolicies(t *testing.T) {
	for id, want := range map[string]bool{
		"minqin-hospital": true, "1.2.840.1": true, "01JX": true, "": false, "..": false, "a..b": false, ".a": false, "a/b": false,
		"a\x00b": false, "a b": false, "a$$b": false, strings.Repeat("a", 65): false, "王": false,
	} {
		if ValidID(id) != want {
			t.Errorf("ValidID(%q) = %v", id, !want)
		}
	}
}

func TestDates(t *testing.T) {
	for in, want := range map[string]string{"20260305": "2026-03-05", "2026-03-05": "2026-03-05", "": ""} {
		if d, err := ParseDate(in); err != nil || d.String() != want {
			t.Errorf("%q: %v %v", in, d, err)
		}
	}
	for _, in := range []string{"2026-02-30", "2026", "99999999", "2026/03/05"} {
		if _, err := ParseDate(in); err == nil {
			t.Errorf("%q was taken", in)
		}
	}
}
