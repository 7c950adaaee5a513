// Preparing a correction: every object of its studies as the rules will make it. Bytes are read here, before the transaction.

package imaging

import (
	"context"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// member is an object of a study that is corrected, as it is and as it will be.
type member struct {
	Instance
	sent    record.ExamID
	a       *arrival // as it will be; without meta and frames where it stays as it is
	chain   string
	changed bool
}

// membersOf lists the objects of studies in the order in which an index made anew would meet those of one study.
func (c *Centre) membersOf(ctx context.Context, q store.Querier, studies []record.ExamID) ([]*member, error) {
	b := &sqlText{}
	b.And(b.list("i.study_id", texts(studies)))
	rows, err := q.Query(ctx, `SELECT `+instanceColumns+`, i.sent_study_id FROM instances i WHERE `+b.String(), b.Args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []*member
	for rows.Next() {
		m := &member{}
		m.Instance, err = scanInstance(func(to ...any) error { return rows.Scan(append(to, &m.sent)...) })
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	slices.SortFunc(out, func(x, y *member) int {
		if n := strings.Compare(path.Base(x.key), path.Base(y.key)); n != 0 {
			return n
		}
		return int(min(max(x.offset-y.offset, -1), 1))
	})
	return out, rows.Err()
}

// prepare makes every object of the studies what the rules make of it. ready holds what an earlier try has made.
func (c *Centre) prepare(ctx context.Context, place site, studies []record.ExamID, rules []*rule, ready map[InstanceID]*member) ([]*member, error) {
	all, err := c.membersOf(ctx, c.db, studies)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var g sync.WaitGroup
	next := make(chan int)
	for range min(2*runtime.GOMAXPROCS(0), len(all)) {
		g.Go(func() {
			for k := range next {
				if had := ready[all[k].ID]; had != nil && had.Instance == all[k].Instance {
					all[k] = had
				} else if err := c.prepareOne(ctx, place, all[k], rules); err != nil {
					stop(err)
				}
			}
		})
	}
	for k := range all {
		if ctx.Err() != nil {
			break
		}
		next <- k
	}
	close(next)
	g.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	for _, m := range all {
		ready[m.ID] = m
	}
	return all, nil
}

func (c *Centre) prepareOne(ctx context.Context, place site, m *member, rules []*rule) error {
	open := c.stored(ctx, m.Instance)
	o, err := headerOf(open, m.bytes.Size, c.opt.Limits)
	if err != nil {
		return err
	}
	a := &arrival{
		scope: system, site: place, id: m.ID, size: m.bytes.Size, sha256: m.bytes.SHA256, header: &o.Header.DataSet,
		facts: c.factsOf(o, place.institution, c.db.Now()),
	}
	a.facts.frames = m.Frames
	sent := studyID(place.institution, a.facts.study)
	w, err := follow(rules, a.facts.whereabouts())
	if err != nil {
		return record.Errorf(record.Precondition, "an object that arrived since has another patient number: resolve that first")
	}
	m.chain = w.chain()
	m.changed = m.chain != m.Instance.chain
	switch {
	case m.changed && m.chain != "":
		a, err = c.formed(a, w, o, open)
	case m.changed:
		err = c.original(a, open)
	default:
		err = c.asApplied(a, w, o)
	}
	if err != nil {
		return err
	}
	m.a = a.sentTo(sent, studyID(place.institution, a.facts.study))
	m.a.keepAttributes()
	return nil
}

// original reads frames and metadata of an object that is given out as it is stored.
func (c *Centre) original(a *arrival, open opener) error {
	o, err := scanAll(open, a.size, c.opt.Limits)
	if err != nil {
		return err
	}
	a.frames, a.header = frameTable(o), &o.Header.DataSet
	a.meta, err = metadata(o)
	return err
}

// asApplied gives the facts of an object whose form stays.
func (c *Centre) asApplied(a *arrival, w whereabouts, o *dicom.Object) error {
	if len(w.applied) == 0 {
		return nil
	}
	d := w.corrected(o)
	h := *o.Header
	h.DataSet = *d
	h.StudyUID, h.SeriesUID = d.UID(dicom.StudyInstanceUID), d.UID(dicom.SeriesInstanceUID)
	p := *o
	p.Header = &h
	frames := a.facts.frames
	a.facts = c.factsOf(&p, a.site.institution, a.facts.performedAt)
	a.facts.frames, a.header = frames, &h.DataSet
	a.form = &form{chain: w.chain()}
	return nil
}

// keepAttributes lets go of the header, of which there are many, and keeps what the rows of study and series take from it.
func (a *arrival) keepAttributes() {
	a.studyRaw, a.seriesRaw, a.header = attributes(a.header, studyTags), attributes(a.header, seriesTags), nil
}

func (a *arrival) studyAttributes() []byte {
	if a.header == nil {
		return a.studyRaw
	}
	return attributes(a.header, studyTags)
}

func (a *arrival) seriesAttributes() []byte {
	if a.header == nil {
		return a.seriesRaw
	}
	return attributes(a.header, seriesTags)
}
