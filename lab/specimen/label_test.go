package specimen

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/lianzhen/lianzhen/record"
)

// TestTheBarsOfCode128: every symbol is eleven modules wide, has an even number of dark ones, and none is there twice.
func TestTheBarsOfCode128(t *testing.T) {
	if len(bars) != 107 {
		t.Fatalf("%d symbols", len(bars))
	}
	seen := map[string]bool{}
	for i, b := range bars {
		wide, dark := 0, 0
		for j, w := range b {
			wide += int(w - '0')
			if j%2 == 0 {
				dark += int(w - '0')
			}
		}
		if i < stop && (wide != 11 || dark%2 != 0 || len(b) != 6) || i == stop && wide != 13 || seen[b] {
			t.Errorf("symbol %d: %s", i, b)
		}
		seen[b] = true
	}
}

func TestCode128(t *testing.T) {
	for _, x := range []struct {
		text string
		want []int
	}{
		{"1234", []int{startC, 12, 34, 82, stop}}, // 105 + 12 + 2*34 = 185 = 82 mod 103
		{"PJJ123C", []int{startB, 48, 42, 42, 17, 18, 19, 35, 55, stop}},
		{"123", []int{startB, 17, 18, 19, 8, stop}},
	} {
		got := code128(x.text)
		if len(got) != len(x.want) {
			t.Fatalf("%s: %v", x.text, got)
		}
		for i := range got {
			if got[i] != x.want[i] {
				t.Errorf("%s: %v, want %v", x.text, got, x.want)
				break
			}
		}
	}
}

func TestLabels(t *testing.T) {
	both(t, func(t *testing.T, h *shop) {
		ctx := context.Background()
		o := order("P1", "LIVER", "CBC")
		o.Who.Name, o.Priority, o.Ward = `王^小"明~<`, record.Stat, "内一\r\nPRINT 99"
		_, _, err := h.Create(ctx, suwu, o)
		wantKind(t, err, record.Invalid) // a ward with a line break
		o.Ward = "内一"
		o, _, err = h.Create(ctx, suwu, o)
		must(t, err)
		labels, err := h.Labels(ctx, suwu, []SpecimenID{o.Specimens[0].ID, o.Specimens[1].ID})
		must(t, err)
		l := labels[0]
		if l.Copies != 2 || labels[1].Copies != 1 || l.Age != "45岁" || l.Container != "黄管" || l.Items != "肝功能" {
			t.Errorf("%+v", l)
		}
		zpl := l.ZPL("E:SIMSUN.TTF")
		if strings.Count(zpl, "^XA") != 1 || strings.Count(zpl, "^FD") != strings.Count(zpl, "^FS") || !strings.Contains(zpl, "^FD>;"+l.Barcode+"^FS") ||
			!strings.Contains(zpl, "王_5E小\"明_7E<") || !strings.Contains(zpl, "^PQ2") {
			t.Errorf("%s", zpl)
		}
		tspl := l.TSPL("FONT001")
		if !strings.Contains(tspl, `王^小\["]明~<`) || !strings.Contains(tspl, `"`+l.Barcode+`"`) || !strings.Contains(tspl, "PRINT 1,2") {
			t.Errorf("%s", tspl)
		}
		d := xml.NewDecoder(strings.NewReader(l.SVG()))
		text := ""
		for {
			tok, err := d.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			must(t, err)
			if c, ok := tok.(xml.CharData); ok {
				text += string(c) + "\n"
			}
		}
		if !strings.Contains(text, `王^小"明~<`) || !strings.Contains(text, l.Barcode) {
			t.Errorf("%s", text)
		}
		for name, s := range map[string]record.Scope{"another clinic": dongba, "the laboratory before it has the tube": county} {
			if _, err := h.Labels(ctx, s, []SpecimenID{o.Specimens[0].ID}); record.KindOf(err) != record.NotFound {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestAges(t *testing.T) {
	on := time.Date(2026, 3, 5, 0, 0, 0, 0, time.UTC)
	for _, x := range []struct {
		born record.Date
		want string
	}{
		{record.Date{}, ""},
		{record.Date{Year: 1980, Month: 3, Day: 6}, "45岁"},
		{record.Date{Year: 1980, Month: 3, Day: 5}, "46岁"},
		{record.Date{Year: 2024, Month: 4, Day: 1}, "23月"},
		{record.Date{Year: 2026, Month: 2, Day: 6}, "27天"},
		{record.Date{Year: 2026, Month: 3, Day: 5}, "0天"},
		{record.Date{Year: 2027, Month: 1, Day: 1}, ""},
	} {
		if got := ageOn(x.born, on); got != x.want {
			t.Errorf("%s: %q, want %q", x.born, got, x.want)
		}
	}
}
