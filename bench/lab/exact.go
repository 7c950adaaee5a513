// Exact: published and generated cases that are either right or wrong.

package main

import (
	"encoding/csv"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math/big"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cockroachdb/apd/v3"

	"github.com/lianzhen/lianzhen/codec/hl7"
	"github.com/lianzhen/lianzhen/codec/ucum"
	"github.com/lianzhen/lianzhen/lab/westgard"
)

// charsets writes every Chinese character with a delimiter as its second byte into names, notes and headers, in five ways of saying how it is written.
func charsets(w io.Writer, _ string) error {
	all := trailing()
	fmt.Fprintf(w, "%d Chinese characters of GB 18030 have a delimiter as their second byte\n%-28s %6s %6s\n", len(all), "what says the character set", "right", "wrong")
	for _, v := range []struct {
		name, set string
		options   hl7.Options
		inHeader  bool
		utf8      bool
	}{
		{"the link's setting", "", hl7.Options{Charset: hl7.GB18030}, false, false},
		{"MSH-18", "GB 18030-2000", hl7.Options{}, false, false},
		{"nothing", "", hl7.Options{}, false, false},
		{"MSH-18, also in MSH-3 to 6", "GB 18030-2000", hl7.Options{}, true, false},
		{"UTF-8", "UNICODE UTF-8", hl7.Options{}, false, true},
	} {
		right := 0
		for _, r := range all {
			c, sender := string(r), "LIS"
			if v.inHeader {
				sender = c + "院" + c
			}
			text := fmt.Sprintf("MSH|^~\\&|%[1]s|%[1]s|%[1]s|%[1]s|20260105||ORU^R01|7|P|2.5.1||||||%[2]s\rPID|1||%[3]s1^^^A^PI||%[3]s^%[3]s%[3]s|||M\rNTE|1||%[3]s\\T\\%[3]s\r", sender, v.set, c)
			raw := []byte(text)
			if !v.utf8 {
				var err error
				if raw, err = hl7.GB18030.Encode(text); err != nil {
					return err
				}
			}
			m, err := hl7.Parse(raw, v.options)
			if err != nil {
				continue
			}
			ack, err := hl7.Parse(m.Header().Acknowledge(hl7.Ack{Code: hl7.AA}, hl7.Reply{ControlID: "9"}), v.options)
			if err != nil {
				continue
			}
			got := []string{m.Get("MSH", 3), m.Get("MSH", 6), m.Get("PID", 3, 1), m.Get("PID", 5, 1), m.Get("PID", 5, 2), m.Get("PID", 8), m.Get("NTE", 3), ack.Get("MSH", 5), ack.Get("MSA", 2)}
			if slices.Equal(got, []string{sender, sender, c + "1", c, c + c, "M", c + "&" + c, sender, "7"}) {
				right++
			}
		}
		fmt.Fprintf(w, "%-28s %6d %6d\n", v.name, right, len(all)-right)
	}
	return nil
}

// trailing lists the Chinese characters whose second byte is a delimiter.
func trailing() []rune {
	var out []rune
	for r := rune(0x4E00); r <= 0x9FFF; r++ {
		if b, err := hl7.GB18030.Encode(string(r)); err == nil && len(b) == 2 && strings.IndexByte(`|^~\`, b[1]) >= 0 {
			out = append(out, r)
		}
	}
	return out
}

type unitCases struct {
	Validation []struct {
		ID    string `xml:"id,attr"`
		Unit  string `xml:"unit,attr"`
		Valid string `xml:"valid,attr"`
	} `xml:"validation>case"`
	Display []struct {
		ID      string `xml:"id,attr"`
		Unit    string `xml:"unit,attr"`
		Display string `xml:"display,attr"`
	} `xml:"displayNameGeneration>case"`
	Conversion []struct {
		ID      string `xml:"id,attr"`
		Value   string `xml:"value,attr"`
		From    string `xml:"srcUnit,attr"`
		To      string `xml:"dstUnit,attr"`
		Outcome string `xml:"outcome,attr"`
	} `xml:"conversion>case"`
	Multiplication []unitProduct `xml:"multiplication>case"`
	Division       []unitProduct `xml:"division>case"`
}

type unitProduct struct {
	ID     string `xml:"id,attr"`
	V1     string `xml:"v1,attr"`
	U1     string `xml:"u1,attr"`
	V2     string `xml:"v2,attr"`
	U2     string `xml:"u2,attr"`
	Result string `xml:"vRes,attr"`
	Unit   string `xml:"uRes,attr"`
}

// superseded are cases of the edition of 2014 that the edition of 2021 corrects.
var superseded = []string{"k=1=049 g.m/{hb}m2", "2-108 4.[pi].10*-7.N/A2", "3-111 s/m/mg s.m-1.g-1", "3-115 s/4.m s/m"}

// unitSum counts the cases of a file, of one kind.
type unitSum struct {
	file, kind        string
	right, wrong, old int
}

func (s *unitSum) count(ok bool, name string) {
	switch {
	case ok:
		s.right++
	case s.file == "UcumFunctionalTests.2.xml" && slices.Contains(superseded, name):
		s.old++
	default:
		s.wrong++
	}
}

func units(w io.Writer, data string) error {
	if data == "" {
		return errNoData
	}
	fmt.Fprintf(w, "%-28s %-16s %6s %6s %10s\n", "file", "cases", "right", "wrong", "superseded")
	all := unitSum{file: "together"}
	for _, name := range []string{"UcumFunctionalTests.xml", "UcumFunctionalTests.2.xml"} {
		text, err := os.ReadFile(filepath.Join(data, "ucum", name))
		if err != nil {
			return errNoData
		}
		var cases unitCases
		if err := xml.Unmarshal(text, &cases); err != nil {
			return err
		}
		for _, s := range cases.sums(name) {
			all.right, all.wrong, all.old = all.right+s.right, all.wrong+s.wrong, all.old+s.old
			fmt.Fprintf(w, "%-28s %-16s %6d %6d %10d\n", s.file, s.kind, s.right, s.wrong, s.old)
		}
	}
	fmt.Fprintf(w, "%-28s %-16s %6d %6d %10d\n", all.file, "", all.right, all.wrong, all.old)
	return nil
}

func (c *unitCases) sums(file string) []unitSum {
	valid, shown, converted, times, over := unitSum{file: file, kind: "validity"}, unitSum{file: file, kind: "display name"},
		unitSum{file: file, kind: "conversion"}, unitSum{file: file, kind: "multiplication"}, unitSum{file: file, kind: "division"}
	for _, x := range c.Validation {
		valid.count(ucum.Valid(x.Unit) == (x.Valid == "true"), x.ID+" "+x.Unit)
	}
	for _, x := range c.Display {
		got, err := ucum.DisplayName(x.Unit)
		shown.count(err == nil && got == x.Display, x.ID+" "+x.Unit)
	}
	for _, x := range c.Conversion {
		got, err := ucum.Convert(decimalOf(x.Value), x.From, x.To)
		converted.count(err == nil && agrees(got, x.Outcome), x.ID+" "+x.From+" "+x.To)
	}
	for _, x := range c.Multiplication {
		times.count(x.right(ucum.Unit.Times, (*big.Rat).Mul), x.ID+" "+x.U1+" "+x.U2)
	}
	for _, x := range c.Division {
		over.count(x.right(ucum.Unit.Over, (*big.Rat).Quo), x.ID+" "+x.U1+" "+x.U2)
	}
	var out []unitSum
	for _, s := range []unitSum{valid, shown, converted, times, over} {
		if s.right+s.wrong+s.old > 0 {
			out = append(out, s)
		}
	}
	return out
}

func (p *unitProduct) right(units func(u, v ucum.Unit) (ucum.Unit, error), values func(z, x, y *big.Rat) *big.Rat) bool {
	u, err1 := ucum.Default().Parse(p.U1)
	v, err2 := ucum.Default().Parse(p.U2)
	want, err3 := ucum.Default().Parse(p.Unit)
	a, err4 := ucum.Fraction(decimalOf(p.V1))
	b, err5 := ucum.Fraction(decimalOf(p.V2))
	if errors.Join(err1, err2, err3, err4, err5) != nil {
		return false
	}
	made, err := units(u, v)
	if err != nil {
		return false
	}
	conversion, err := ucum.NewConversion(made, want)
	if err != nil {
		return false
	}
	got, err := conversion.Exact(values(new(big.Rat), a, b))
	return err == nil && agrees(got, p.Result)
}

// decimalOf reads a number of a case; what is none becomes NaN, which nothing converts.
func decimalOf(s string) *apd.Decimal {
	d, _, err := apd.NewFromString(s)
	if err != nil {
		return &apd.Decimal{Form: apd.NaN}
	}
	return d
}

// agrees rounds to the digits of the outcome, as the functional tests ask.
func agrees(got *big.Rat, outcome string) bool {
	digits, _, _ := strings.Cut(strings.ToLower(outcome), "e")
	n := len(strings.TrimLeft(strings.ReplaceAll(digits, ".", ""), "0"))
	d, err := ucum.Decimal(got, uint32(max(n, 1)))
	return err == nil && d.Cmp(decimalOf(outcome)) == 0
}

func rules(w io.Writer, data string) error {
	if data != "" {
		if err := ruleCases(w, data); err != nil {
			return err
		}
	}
	const sequences = 100_000
	set, err := westgard.NewSet(westgard.Rules()...)
	if err != nil {
		return err
	}
	points, hits, wrong := 0, 0, 0
	random := rand.New(rand.NewPCG(5, 6))
	for range sequences {
		p, h, x := sequence(random, set)
		points, hits, wrong = points+p, hits+h, wrong+x
	}
	fmt.Fprintf(w, "%d random sequences, %d points, %d rules hit: %d judged otherwise than by brute force\n", sequences, points, hits, wrong)
	return nil
}

func ruleCases(w io.Writer, data string) error {
	f, err := os.Open(filepath.Join(data, "qc", "westgard_cases.csv"))
	if err != nil {
		return errNoData
	}
	defer func() { _ = f.Close() }()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return err
	}
	right := 0
	for _, row := range rows[1:] {
		got, decision := judged(strings.Split(row[2], "|"))
		if strings.Join(got, ";") == row[3] && string(decision) == row[4] {
			right++
		} else {
			fmt.Fprintf(w, "%s: %v %s, want %s %s\n", row[0], got, decision, row[3], row[4])
		}
	}
	fmt.Fprintf(w, "%d of %d published cases right\n", right, len(rows)-1)
	return nil
}

// judged runs z scores of materials, run by run: the rules that were hit and the gravest decision.
func judged(materials []string) ([]string, westgard.Decision) {
	chart, hit, worst := westgard.NewChart(westgard.Default), map[westgard.Rule]bool{}, westgard.Accept
	for run := 0; ; run++ {
		more := false
		for i, m := range materials {
			zs := strings.Fields(m)
			if run >= len(zs) {
				continue
			}
			more = true
			p := westgard.Point{ID: fmt.Sprintf("%d.%d", i, run), Level: fmt.Sprint(i), Run: fmt.Sprint(run), Mean: apd.New(0, 0), SD: apd.New(1, 0), Value: apd.New(1, 0)}
			if v, _, err := apd.NewFromString(zs[run]); err == nil && v.Form == apd.Finite {
				p.Value = v
			} else {
				p.SD = apd.New(0, 0)
			}
			j := chart.Add(p)
			worst = westgard.Worse(worst, j.Decision)
			for _, h := range j.Hits {
				hit[h.Rule] = true
			}
		}
		if !more {
			break
		}
	}
	var out []string
	for _, r := range append(westgard.Rules(), westgard.InvalidTarget) {
		if hit[r] {
			out = append(out, string(r))
		}
	}
	return out, worst
}

// plainPoint is a point of the brute-force check: z in hundredths.
type plainPoint struct{ level, run, z int }

// sequence judges one random sequence twice and counts points, hits and differences.
func sequence(random *rand.Rand, set westgard.Set) (points, hits, wrong int) {
	levels, shift, drift := 1+random.IntN(3), random.IntN(400)-200, random.IntN(80)-40
	chart := westgard.NewChart(set)
	var all []plainPoint
	for run := range 2 + random.IntN(10) {
		for level := range levels {
			z := shift + drift*run + random.IntN(500) - 250
			if random.IntN(6) == 0 {
				z = z / 100 * 100 // exactly at a limit
			}
			all = append(all, plainPoint{level, run, z})
			j := chart.Add(westgard.Point{ID: fmt.Sprint(len(all)), Level: fmt.Sprint(level), Run: fmt.Sprint(run), Value: apd.New(int64(z), -2), Mean: apd.New(0, 0), SD: apd.New(1, 0)})
			want := force(all)
			for _, r := range westgard.Rules() {
				hit := slices.ContainsFunc(j.Hits, func(h westgard.Hit) bool { return h.Rule == r })
				if hit {
					hits++
				}
				if hit != want[r] {
					wrong++
				}
			}
			points++
		}
	}
	return points, hits, wrong
}

// runRules are those that so many points in a row beyond a limit on one side break: points, limit in hundredths.
var runRules = map[westgard.Rule][2]int{
	westgard.R31s: {3, 100}, westgard.R41s: {4, 100}, westgard.R6x: {6, 0}, westgard.R8x: {8, 0}, westgard.R9x: {9, 0}, westgard.R10x: {10, 0}, westgard.R12x: {12, 0},
}

// force judges the last of the points by the words of the rules, with nothing of the chart.
func force(all []plainPoint) map[westgard.Rule]bool {
	last := all[len(all)-1]
	var own, run []plainPoint
	for _, p := range all {
		if p.level == last.level {
			own = append(own, p)
		}
		if p.run == last.run {
			run = append(run, p)
		}
	}
	out := map[westgard.Rule]bool{}
	for _, sign := range []int{1, -1} {
		set := func(r westgard.Rule, yes bool) { out[r] = out[r] || yes }
		beyond := func(ps []plainPoint, n, limit int) bool {
			return len(ps) >= n && !slices.ContainsFunc(ps[len(ps)-n:], func(p plainPoint) bool { return p.z*sign <= limit })
		}
		set(westgard.R12s, last.z*sign > 200)
		set(westgard.R13s, last.z*sign > 300)
		set(westgard.R22s, beyond(own, 2, 200) || beyond(run, 2, 200))
		for _, ps := range [][]plainPoint{own, run} {
			two := 0
			for _, p := range ps[max(0, len(ps)-3):] {
				if p.z*sign > 200 {
					two++
				}
			}
			set(westgard.R2of32s, two >= 2 && last.z*sign > 200)
		}
		for _, p := range run {
			set(westgard.RR4s, last.z*sign > 200 && p.z*sign < -200)
		}
		for r, x := range runRules {
			set(r, beyond(own, x[0], x[1]) || beyond(all, x[0], x[1]))
		}
		if n := len(own); n >= 7 {
			rising := true
			for i := n - 6; i < n; i++ {
				rising = rising && (own[i].z-own[i-1].z)*sign > 0
			}
			set(westgard.R7T, rising)
		}
	}
	return out
}
