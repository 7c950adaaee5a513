// A record as one file: a ZIP or a tar that holds one record.

package wfdb

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/lianzhen/lianzhen/codec/tracing"
)

const (
	maxMembers = 2_000
	maxName    = 512
)

// Sniff reports whether a file begins as a ZIP or a tar. Whether there is a record in it is seen by Open.
func Sniff(head []byte) bool {
	return bytes.HasPrefix(head, []byte("PK\x03\x04")) || isTar(head)
}

// Read reads an archive of one record whole, with derived limb leads, and checks its checksums.
func Read(b []byte) (*tracing.Tracing, error) {
	if len(b) > tracing.MaxFile {
		return nil, bad(-1, "a file of %d bytes", len(b))
	}
	r, err := openArchive(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, err
	}
	return r.load()
}

// Open opens an archive of one record. What is stored in it stays there; what is compressed is held in memory, up to tracing.MaxFile bytes.
func Open(r io.ReaderAt, size int64) (*tracing.Recording, error) {
	rec, err := openArchive(r, size)
	if err != nil {
		return nil, err
	}
	return rec.recording(), nil
}

// member is one file of an archive.
type member struct {
	name string
	r    io.ReaderAt
	size int64
}

// archive is the members of an archive by name.
type archive struct {
	members []member
	byPath  map[string]int // places in members: the first of a path,
	byName  map[string]int // and of a file's name in small letters, in any folder
	short   bool           // it ends before its end
}

func (a *archive) open(name string) (io.ReaderAt, int64, error) {
	if m := a.find(name); m != nil {
		return m.r, m.size, nil
	}
	return nil, 0, fs.ErrNotExist
}

// find looks for a path, then for a file of that name in any folder.
func (a *archive) find(name string) *member {
	i, ok := a.byPath[name]
	if !ok {
		i, ok = a.byName[strings.ToLower(path.Base(name))]
	}
	if !ok {
		return nil
	}
	return &a.members[i]
}

// add takes a member; files outside the archive and the leftovers of desktops are not taken.
func (a *archive) add(m member) {
	m.name = path.Clean(strings.ReplaceAll(m.name, "\\", "/"))
	if !fs.ValidPath(m.name) || strings.HasPrefix(path.Base(m.name), ".") || strings.HasPrefix(m.name, "__MACOSX/") {
		return
	}
	if a.byPath == nil {
		a.byPath, a.byName = map[string]int{}, map[string]int{}
	}
	first(a.byPath, m.name, len(a.members))
	first(a.byName, strings.ToLower(path.Base(m.name)), len(a.members))
	a.members = append(a.members, m)
}

func first(places map[string]int, key string, at int) {
	if _, ok := places[key]; !ok {
		places[key] = at
	}
}

func openArchive(r io.ReaderAt, size int64) (*record, error) {
	head := make([]byte, min(size, 512))
	if err := readFull(r, head, 0); err != nil {
		return nil, err
	}
	var a *archive
	var err error
	switch {
	case isTar(head):
		a, err = openTar(r, size)
	case Sniff(head):
		a, err = openZIP(r, size)
	default:
		return nil, bad(0, "neither a ZIP nor a tar")
	}
	if err != nil {
		return nil, err
	}
	name, err := a.record()
	if err != nil {
		return nil, err
	}
	rec, err := newRecord(a, name)
	if err != nil {
		return nil, err
	}
	if a.short {
		rec.head.Warn(tracing.Truncated, "the archive ends before its end")
	}
	return rec, a.annotate(rec, name)
}

// record is the name of the one record: the only header, or the one of several segments.
func (a *archive) record() (string, error) {
	var names, multi []string
	for _, m := range a.members {
		ext := path.Ext(m.name)
		if !strings.EqualFold(ext, ".hea") {
			continue
		}
		name := strings.TrimSuffix(m.name, ext)
		names = append(names, name)
		if segmented(m) {
			multi = append(multi, name)
		}
	}
	switch {
	case len(multi) == 1:
		return multi[0], nil
	case len(names) == 1:
		return names[0], nil
	case len(names) == 0:
		return "", bad(-1, "the archive holds no header file of a record")
	default:
		return "", bad(-1, "the archive holds %d records", len(names))
	}
}

// segmented reports whether a header is that of a record of several segments, by its record line.
func segmented(m member) bool {
	b := make([]byte, min(m.size, 4096))
	if readFull(m.r, b, 0) != nil {
		return false
	}
	for line := range strings.Lines(strings.ReplaceAll(string(b), "\r", "\n")) {
		if line = strings.TrimSpace(strings.TrimPrefix(line, "\ufeff")); line != "" && line[0] != '#' {
			h, err := parseRecordLine(line)
			return err == nil && h.multi
		}
	}
	return false
}

// annotate takes the reference annotations (.atr) and those of single leads (.ii, .v1).
func (a *archive) annotate(rec *record, name string) error {
	rate, room := rec.layout.rate, int64(maxAnnotationFile)
	for _, m := range a.members {
		ext := strings.TrimPrefix(path.Ext(m.name), ".")
		lead := tracing.LeadNamed(ext)
		if strings.TrimSuffix(path.Base(m.name), "."+ext) != path.Base(name) || ext != "atr" && lead == "" || m.size > maxAnnotationFile {
			continue
		}
		if room -= m.size; room < 0 {
			rec.head.Warn(tracing.Unsupported, "annotation files were left out: they are too long together")
			return nil
		}
		b := make([]byte, m.size)
		if err := readFull(m.r, b, 0); err != nil {
			return err
		}
		list, err := ReadAnnotations(b)
		if err != nil {
			rec.head.Warn(tracing.BadValue, "an annotation file is none")
			continue
		}
		for i, x := range list {
			if len(rec.head.Annotations) >= tracing.MaxTexts {
				rec.head.Warn(tracing.Unsupported, fmt.Sprintf("%d annotations of a file were left out", len(list)-i))
				break
			}
			rec.head.Annotations = append(rec.head.Annotations, tracing.Annotation{
				Lead: lead, At: rate.Duration(max(x.Sample, 0)), Code: x.Mnemonic, Text: x.Aux,
			})
		}
	}
	return nil
}
