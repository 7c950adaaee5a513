// The inventory of a run: every file looked into, objects sorted into studies.

package edge

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// list finds the objects and sorts them into studies.
func (r *run) list(ctx context.Context, paths []string) error {
	files := make(chan file, 256)
	byUID := map[string]*Study{}
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for f := range files {
				r.sort(byUID, f)
			}
		})
	}
	err := walk(ctx, paths, func(f file) error {
		select {
		case files <- f:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}, r.lose)
	close(files)
	wg.Wait()
	for _, st := range r.studies {
		slices.SortFunc(st.Objects, func(a, b *Object) int { return strings.Compare(a.Path, b.Path) })
		st.open = len(st.Objects)
	}
	slices.SortFunc(r.studies, func(a, b *Study) int { return strings.Compare(a.Objects[0].Path, b.Objects[0].Path) })
	r.busy, r.total.Studies = len(r.studies), len(r.studies)
	r.meter.listed(r.open, len(r.studies), len(r.ecgs))
	return err
}

// sort looks into a file and puts it into its study, among the ECGs, the ignored, or the refused.
func (r *run) sort(byUID map[string]*Study, f file) {
	if !r.watch.ready(f) {
		return
	}
	o := &Object{Path: f.path, Size: f.info.Size(), ModifiedAt: f.info.ModTime()}
	id, known := r.journal.find(o)
	var format string
	var err error
	if !known {
		id, format, err = identify(f.path)
	}
	if r.watch.leaves(o, format != "", err) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var skip ignored
	switch {
	case format != "":
		r.ecgs = append(r.ecgs, &Tracing{Path: f.path, Size: o.Size, ModifiedAt: o.ModifiedAt, Format: format})
		r.total.Tracings++
		return
	case errors.As(err, &skip):
		r.ignore(f.path, string(skip))
		r.watch.settled(o.Path, stamp{o.Size, o.ModifiedAt}, Stored)
		return
	case err != nil:
		o.State, o.Reason = unfit(err)
		r.watch.settled(o.Path, stamp{o.Size, o.ModifiedAt}, o.State)
		r.stray(o)
		return
	}
	o.SOPUID = id.sop
	st := byUID[id.study]
	if st == nil {
		st = &Study{UID: id.study, startedAt: r.cfg.Now()}
		byUID[id.study] = st
		r.studies = append(r.studies, st)
	}
	o.study = st
	st.Objects = append(st.Objects, o)
	r.open++
	r.total.Objects++
	r.total.Bytes += o.Size
	r.meter.found(o.Size)
}

// identify tells what a file is: an object of a study, an ECG of a format, or why it is neither.
func identify(path string) (identity, string, error) {
	id, err := head(path)
	var skip ignored
	if !errors.As(err, &skip) || skip != NotDICOM {
		return id, "", err
	}
	format, unread := tracingFormat(path)
	if format != "" || unread != nil {
		return id, format, unread
	}
	return id, "", err
}

func (r *run) ignore(path, why string) {
	r.nIgnored[why]++
	if len(r.ignored) < ignoredNamed {
		r.ignored = append(r.ignored, Finding{path, why})
	}
}

// stray is an object whose study cannot be told.
func (r *run) stray(o *Object) {
	r.total.Objects++
	r.total.Bytes += o.Size
	r.total.count(o)
	r.lost = append(r.lost, Finding{o.Path, o.Reason})
}

// lose is a path that the walk could not read.
func (r *run) lose(path string, err error) {
	_, why := unfit(err)
	r.mu.Lock()
	defer r.mu.Unlock()
	if errors.Is(err, errBrokenLink) {
		r.ignore(path, BrokenLink)
		return
	}
	r.total.Unreadable++
	r.lost = append(r.lost, Finding{path, why})
}
