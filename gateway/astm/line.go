// One connection: its messages are kept, its queries answered.

package astm

import (
	"cmp"
	"context"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/lianzhen/lianzhen/codec/astm"
	"github.com/lianzhen/lianzhen/lab/analyser"
	"github.com/lianzhen/lianzhen/record"
)

// line is one connection.
type line struct {
	door *Door
	conn net.Conn
	st   Station
	link *astm.Link
	ask  chan asked // queries to be answered

	first Link // as admitted when the connection began; empty behind a shared address
}

// asked is a query of a link.
type asked struct {
	link  Link
	query analyser.Query
}

// maxAsked is how many queries of one line may wait for their answer: analysers ask tube by tube.
const maxAsked = 200

func newLine(d *Door, conn net.Conn, st Station, first Link) *line {
	x := &line{door: d, conn: conn, st: st, first: first, ask: make(chan asked, maxAsked)}
	var settings analyser.Line
	if first.Profile != nil {
		settings = first.Profile.Line
	}
	if d.opt.Line != nil {
		d.opt.Line(&settings)
	}
	opt := settings.Options()
	opt.Note = func(what string) {
		d.opt.Log.Debug("astm: line", "address", st.Address.String(), "link", first.ID, "what", what)
		d.opt.Note(what)
	}
	x.link = astm.NewLink(conn, opt, x.message)
	return x
}

func (x *line) run(ctx context.Context) error {
	answering, stop := context.WithCancel(ctx)
	var done sync.WaitGroup
	done.Go(func() { x.answers(answering) })
	defer done.Wait()
	defer stop()
	return x.link.Run(ctx)
}

// message keeps one message and notes what it asks.
func (x *line) message(ctx context.Context, raw []byte) error {
	err := x.keep(ctx, raw)
	x.door.opt.Received(int64(len(raw)), err)
	if err != nil {
		x.door.opt.Log.WarnContext(ctx, "astm: message not taken", "address", x.st.Address.String(), "link", x.first.ID, "error", err)
	}
	if refused(err) { // the device was closed since, or nobody has this name
		_ = x.conn.Close()
	}
	return err
}

func (x *line) keep(ctx context.Context, raw []byte) error {
	link, err := x.sender(ctx, raw)
	if err != nil {
		return err
	}
	queries, only := questions(raw, link.Profile)
	if !only {
		if err := x.door.opt.Accept(ctx, link, raw); err != nil {
			return err
		}
	}
	for _, q := range queries {
		select {
		case x.ask <- asked{link, q}:
		default:
			x.door.opt.Log.WarnContext(ctx, "astm: too many queries at once", "link", link.ID)
		}
	}
	return nil
}

// sender is the analyser that a message comes from: the device that its header names, else the one that has the address alone.
func (x *line) sender(ctx context.Context, raw []byte) (Link, error) {
	st := x.st
	st.Message = true
	for _, name := range names(raw) {
		st.Name = name
		if link, err := x.door.opt.Admit(ctx, st); err == nil || !refused(err) {
			return link, err
		}
	}
	st.Name = ""
	return x.door.opt.Admit(ctx, st)
}

func refused(err error) bool {
	kind := record.KindOf(err)
	return kind == record.Unauthenticated || kind == record.Denied
}

// names are what a header may name its sender by: all of H-5, then its first component.
func names(raw []byte) []string {
	head, _, _ := strings.Cut(string(raw[:min(len(raw), 4096)]), "\r")
	messages, err := astm.Parse([]byte(head), astm.Unknown)
	if err != nil {
		return nil
	}
	h := messages[0].Header()
	all, first := record.Clip(h.Field(5).String(), 120), record.Clip(h.Field(5).Component(1), 120)
	switch {
	case first == "" && all == "":
		return nil
	case all == first || first == "":
		return []string{all}
	}
	return []string{all, first}
}

// questions are the queries of a message; only where it brings nothing else.
func questions(raw []byte, p *analyser.Profile) (queries []analyser.Query, only bool) {
	messages, err := astm.Parse(raw, p.Charset)
	if err != nil {
		return nil, false // what cannot be read is for a person
	}
	only = true
	for _, m := range messages {
		results := false
		for _, r := range m.Records {
			results = results || !strings.Contains("HPQCL", r.Type)
		}
		only = only && !results
		_, asks, _, err := analyser.Decode(m, p)
		if err != nil {
			return nil, false
		}
		queries = append(queries, asks...)
	}
	return queries, only && len(queries) > 0
}

// answers answers queries one after the other until ctx ends.
func (x *line) answers(ctx context.Context) {
	for {
		select {
		case q := <-x.ask:
			if err := x.answer(ctx, q); err != nil && ctx.Err() == nil {
				x.door.opt.Log.WarnContext(ctx, "astm: query not answered", "link", q.link.ID, "error", err)
			}
		case <-ctx.Done():
			return
		}
	}
}

const (
	findFor = 10 * time.Second // for orders of one query
	sendFor = 5 * time.Minute  // for an answer, with all repetitions and pauses of the link
)

func (x *line) answer(ctx context.Context, a asked) error {
	if a.query.Cancel || a.query.Barcode == "" && !a.query.All {
		return nil
	}
	reply, err := x.reply(ctx, a)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, sendFor)
	defer cancel()
	return x.link.Send(ctx, reply)
}

// reply is the answer to a query. Where the orders cannot be looked up now there is none: the analyser asks again, rather than take
// the tube for one of which nothing is to be measured.
func (x *line) reply(ctx context.Context, a asked) ([]byte, error) {
	p := a.link.Profile
	if x.door.opt.Orders == nil {
		m := p.Answer(a.query, nil, x.door.opt.Now())
		return m.Bytes(p.Reply.Charset), nil
	}
	ctx, cancel := context.WithTimeout(ctx, findFor)
	defer cancel()
	orders, err := x.door.opt.Orders(ctx, a.link, a.query.Barcode)
	if err != nil && record.KindOf(err) != record.NotFound {
		return nil, err
	}
	m := p.Answer(a.query, orders, x.door.opt.Now())
	return m.Bytes(cmp.Or(p.Reply.Charset, astm.UTF8)), nil
}
