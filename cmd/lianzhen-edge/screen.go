// What is shown: a line redrawn on a terminal, plain lines elsewhere, JSON for programs.

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/mattn/go-isatty"

	"github.com/lianzhen/lianzhen/edge"
)

const (
	plainEvery = 10 * time.Second // between lines of progress where nothing can be redrawn
	retryEvery = 5 * time.Second  // between complaints about the line
	namedFiles = 20               // files named in the text; the JSON names more
)

// screen prints; its methods may be called from several goroutines.
type screen struct {
	words
	out, err    io.Writer
	quiet, json bool
	watching    bool // what is not done is tried again without being told
	code        int

	mu        sync.Mutex
	drawn     bool
	plainAt   time.Time
	retriedAt time.Time
}

func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && (isatty.IsTerminal(f.Fd()) || isatty.IsCygwinTerminal(f.Fd()))
}

// lines prints whole lines, over the redrawn one if there is one.
func (s *screen) lines(to io.Writer, ls ...string) {
	if s.drawn {
		fmt.Fprint(s.err, "\r\x1b[K")
		s.drawn = false
	}
	for _, l := range ls {
		fmt.Fprintln(to, l)
	}
}

func (s *screen) progress(p edge.Progress) {
	if s.quiet || s.json || s.watching && p.Studies == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if terminal(s.err) {
		fmt.Fprint(s.err, "\r\x1b[K"+s.moment(p))
		s.drawn = true
		return
	}
	now := time.Now()
	if s.plainAt.IsZero() {
		s.plainAt = now // a short run says nothing
	}
	if now.Sub(s.plainAt) >= plainEvery {
		s.plainAt = now
		fmt.Fprintln(s.err, s.moment(p))
	}
}

func (s *screen) moment(p edge.Progress) string {
	l := ""
	if p.Tracings > 0 {
		l = s.say("tracings", p.TracingsDone, p.Tracings)
	}
	switch {
	case p.Listing, p.Studies == 0 && p.Tracings == 0:
		return s.say("listing", p.Objects)
	case p.Studies == 0:
		return strings.TrimSpace(l)
	}
	l += s.say("sending", p.ObjectsDone, p.Objects, p.StudiesDone, p.Studies, size(float64(p.BytesDone)), size(float64(p.Bytes)), size(p.Rate))
	if p.Saved > 0 {
		l += s.say("spared", size(float64(p.Saved)))
	}
	if p.ETA > 0 {
		l += s.say("eta", p.ETA)
	}
	if p.Study != "" {
		l += s.say("study", p.Study[max(0, len(p.Study)-8):], p.StudyDone, p.StudyObjects)
	}
	return l
}

func (s *screen) retry(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); now.Sub(s.retriedAt) >= retryEvery {
		s.retriedAt = now
		s.lines(s.err, s.say("retry", err))
	}
}

func (s *screen) receipt(r *edge.Receipt) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.json:
		s.encode(struct {
			Type string `json:"type"`
			*edge.Receipt
			File string `json:"receipt,omitempty"`
		}{"receipt", r, r.Path})
	case !s.quiet || r.Problem != "" || !r.Complete():
		s.lines(s.out, s.receiptText(r)...)
	}
}

func (s *screen) receiptText(r *edge.Receipt) []string {
	how := "complete"
	switch {
	case r.Failed > 0 || r.Problem != "" && r.Stored > 0:
		how = "unfinished"
	case r.Refused > 0:
		how = "partly"
	}
	ls := []string{
		s.say("receipt", r.StudyUID, s.say(how)),
		s.say("counts", r.Objects, r.Stored, r.Already, r.Refused, r.Failed, r.Twins, size(float64(r.Bytes)), span(r.StartedAt, r.FinishedAt)),
	}
	if r.Saved > 0 {
		ls = append(ls, s.say("saved", size(float64(r.Saved))))
	}
	if r.Finished {
		ls = append(ls, s.say("case", r.StudyID, dash(r.CaseID)))
	}
	if r.Problem != "" {
		ls = append(ls, s.say("problem", r.Problem))
	}
	ls = append(ls, s.itemLines(r)...)
	if r.Path != "" {
		ls = append(ls, s.say("file", r.Path))
	}
	return ls
}

// itemLines names the files that a person has to look at; why the whole study is unfinished is said once.
func (s *screen) itemLines(r *edge.Receipt) []string {
	var ls []string
	more := 0
	for _, i := range r.Items {
		if i.State != edge.Refused.String() && i.State != edge.Failed.String() || i.Reason == r.Problem {
			continue
		}
		if len(ls) == namedFiles {
			more++
			continue
		}
		ls = append(ls, s.fileLine(i.State, i.File, i.Reason, i.Quarantine))
	}
	if more > 0 {
		ls = append(ls, s.say("more", more))
	}
	return ls
}

func (s *screen) summary(sum *edge.Summary, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.json {
		s.summaryJSON(sum, err)
		return
	}
	var ls []string
	for i, f := range sum.Lost {
		if i == namedFiles {
			ls = append(ls, s.say("more", len(sum.Lost)-i))
			break
		}
		ls = append(ls, s.say("lost", f.Path, f.Reason))
	}
	if !s.quiet {
		ls = append(ls, s.ignored(sum)...)
		ls = append(ls, s.totals(sum))
	}
	if err != nil {
		ls = append(ls, s.say("stopped", s.why(err)))
	}
	switch unfinished := err != nil || sum.Code() == exitUnfinish; {
	case unfinished && s.watching:
		ls = append(ls, s.say("later"))
	case unfinished:
		ls = append(ls, s.say("again"))
	}
	s.lines(s.out, ls...)
}

// tracings says what became of the ECGs of a run: alarms first, then what a person has to look at.
func (s *screen) tracings(r *edge.TracingReceipt) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.json {
		s.encode(struct {
			Type string `json:"type"`
			*edge.TracingReceipt
			File string `json:"receipt,omitempty"`
		}{"tracings", r, r.Path})
		return
	}
	var ls []string
	for _, i := range r.Items {
		if len(i.Alarms) > 0 && !i.Already {
			ls = append(ls, s.say("alarm", i.TracingID, strings.Join(i.Alarms, " ")))
		}
	}
	if r.Problem != "" {
		ls = append(ls, s.say("ecgproblem", r.Problem))
	}
	ls = append(ls, s.tracingLines(r)...)
	if r.Path != "" && !s.quiet {
		ls = append(ls, s.say("file", r.Path))
	}
	s.lines(s.out, ls...)
}

// tracingLines names the files that a person has to look at; why none was tried is said once.
func (s *screen) tracingLines(r *edge.TracingReceipt) []string {
	var ls []string
	more := 0
	for _, i := range r.Items {
		switch {
		case i.File == "", i.Reason == r.Problem:
		case len(ls) == namedFiles:
			more++
		default:
			ls = append(ls, s.fileLine(i.State, i.File, i.Reason, i.Quarantine))
		}
	}
	if more > 0 {
		ls = append(ls, s.say("more", more))
	}
	return ls
}

func (s *screen) fileLine(state, file, reason, quarantine string) string {
	l := s.say(state, file, reason)
	if quarantine != "" {
		l += s.say("quarantine", quarantine)
	}
	return l
}

func (s *screen) ecgs(sum *edge.Summary) string {
	return s.say("ecgs", sum.Tracings, sum.TracingsStored, sum.TracingsAlready, sum.TracingsRefused, sum.TracingsFailed, sum.TracingsTwins)
}

func (s *screen) totals(sum *edge.Summary) string {
	switch {
	case sum.Objects == 0 && sum.Tracings == 0:
		return s.say("none")
	case sum.Objects == 0:
		return s.ecgs(sum) + s.say("wire", size(float64(sum.Sent)), span(sum.StartedAt, sum.FinishedAt))
	case sum.Tracings > 0:
		return s.objects(sum) + "\n" + s.ecgs(sum)
	}
	return s.objects(sum)
}

func (s *screen) objects(sum *edge.Summary) string {
	return s.say("total", sum.Studies, sum.Objects, sum.Stored, sum.Already, sum.Refused, sum.Failed, size(float64(sum.Sent)), span(sum.StartedAt, sum.FinishedAt))
}

func (s *screen) ignored(sum *edge.Summary) []string {
	if len(sum.Ignored) == 0 {
		return nil
	}
	var kinds []string
	total := 0
	for why, n := range sum.IgnoredCount {
		kinds = append(kinds, fmt.Sprintf("%s %d", s.say(why), n))
		total += n
	}
	sort.Strings(kinds)
	ls := []string{s.say("ignored", total, strings.Join(kinds, ", "))}
	for i, f := range sum.Ignored {
		if i == namedFiles {
			return append(ls, s.say("more", total-i))
		}
		ls = append(ls, "  "+f.Path)
	}
	return ls
}

func (s *screen) summaryJSON(sum *edge.Summary, err error) {
	out := struct {
		Type string `json:"type"`
		Code int    `json:"exit_code"`
		Stop string `json:"stopped,omitempty"`
		*edge.Summary
	}{"summary", sum.Code(), "", sum}
	if err != nil {
		out.Code, out.Stop = exitUnfinish, s.why(err)
	}
	s.encode(out)
}

func (s *screen) encode(v any) {
	if err := json.NewEncoder(s.out).Encode(v); err != nil {
		s.lines(s.err, err.Error())
	}
}

func (s *screen) why(err error) string {
	switch {
	case errors.Is(err, edge.ErrGaveUp):
		return s.say("gaveup")
	case errors.Is(err, context.Canceled):
		return s.say("interrupt")
	}
	return err.Error()
}

func span(from, to time.Time) time.Duration { return to.Sub(from).Round(100 * time.Millisecond) }

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
