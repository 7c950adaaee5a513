package dimse

import (
	"bytes"
	"context"
	"iter"
	"slices"
	"strings"

	"github.com/lianzhen/lianzhen/codec/dicom"
	ul "github.com/lianzhen/lianzhen/codec/dicom/dimse"
	"github.com/lianzhen/lianzhen/imaging"
	"github.com/lianzhen/lianzhen/record"
)

// levels are the values of Query/Retrieve Level (0008,0052).
var levels = map[string]imaging.Level{
	"PATIENT": imaging.PatientLevel, "STUDY": imaging.StudyLevel, "SERIES": imaging.SeriesLevel, "IMAGE": imaging.ImageLevel,
}

const (
	queryRetrieveLevel dicom.Tag = 0x00080052
	retrieveAETitle    dicom.Tag = 0x00080054
)

// find answers C-FIND of both query/retrieve models (PS3.4 C.4.1) and of the worklist (PS3.4 K.4.1).
func (d *Door) find(ctx context.Context, c *call) error {
	keys, err := c.dataSet()
	if err != nil {
		return err
	}
	if c.SOPClass == ul.ModalityWorklistFind {
		scope, err := c.peer.May(ctx, "worklist", "read")
		if err != nil {
			return err
		}
		return d.answer(ctx, c, keys, d.worklist.Find(ctx, scope, keys, d.opt.MaxMatches+1))
	}
	level, err := levelOf(c.SOPClass, keys)
	if err != nil {
		return err
	}
	scope, err := c.peer.May(ctx, "imaging", "read")
	if err != nil {
		return err
	}
	found := d.centre.Query(ctx, scope, imaging.Query{Level: level, Keys: keys, Fuzzy: fuzzy(c.Context), Limit: d.opt.MaxMatches + 1})
	return d.answer(ctx, c, keys, func(yield func(*dicom.DataSet, error) bool) {
		for m, err := range found {
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(d.identifier(keys, m.Attributes), nil) {
				return
			}
		}
	})
}

// fuzzy tells whether fuzzy matching of names was negotiated.
func fuzzy(c ul.Context) bool { return len(c.Extended) > 2 && c.Extended[2] == 1 }

// levelOf reads the level, which must be one of the model's (PS3.4 C.6.1, C.6.2).
func levelOf(model dicom.UID, keys *dicom.DataSet) (imaging.Level, error) {
	l := levels[keys.Str(queryRetrieveLevel)]
	studyRoot := slices.Contains([]dicom.UID{ul.StudyRootFind, ul.StudyRootMove, ul.StudyRootGet}, model)
	studyOnly := slices.Contains([]dicom.UID{ul.PatientStudyOnlyFind, ul.PatientStudyOnlyMove, ul.PatientStudyOnlyGet}, model)
	switch {
	case l == 0:
		return 0, record.Errorf(record.Invalid, "Query/Retrieve Level (0008,0052): want PATIENT, STUDY, SERIES or IMAGE")
	case studyRoot && l == imaging.PatientLevel, studyOnly && l > imaging.StudyLevel:
		return 0, record.Errorf(record.Invalid, "Query/Retrieve Level (0008,0052) is none of this model's")
	}
	return l, nil
}

// identifier is an answer: exactly the attributes of the keys, empty where there is nothing (PS3.4 C.4.1.1.3.2).
func (d *Door) identifier(keys, have *dicom.DataSet) *dicom.DataSet {
	out := dicom.NewDataSet()
	for i := range keys.Elements {
		t := keys.Elements[i].Tag
		switch {
		case t == dicom.SpecificCharacterSet || t.Element() == 0:
		case t == queryRetrieveLevel:
			out.SetText(t, keys.Str(t))
		case have.Find(t) != nil:
			out.CopyFrom(have, t)
		default:
			out.SetEmpty(t)
		}
	}
	out.SetText(retrieveAETitle, d.opt.AETitle)
	return out
}

// answer sends the matches one by one, then the final status.
func (d *Door) answer(ctx context.Context, c *call, keys *dicom.DataSet, matches iter.Seq2[*dicom.DataSet, error]) error {
	var buf []byte
	n := 0
	for m, err := range matches {
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if n++; n > d.opt.MaxMatches {
			return record.Errorf(record.Unavailable, "more than %d matches: ask for less", d.opt.MaxMatches)
		}
		if buf, err = dicom.AppendDataSet(buf[:0], m, c.Context.TransferSyntax, d.charset(keys)); err != nil {
			return err
		}
		if err := c.Respond(ctx, c.Response(ul.Pending), bytes.NewReader(buf)); err != nil {
			return err
		}
	}
	return c.Reply(ctx, ul.Success)
}

// charset is that of the answers: what the query says of itself, when it can hold Chinese, else the one of the settings.
func (d *Door) charset(keys *dicom.DataSet) string {
	switch asked := strings.Join(keys.Strs(dicom.SpecificCharacterSet), `\`); {
	case strings.Contains(asked, "ISO_IR 192"):
		return "ISO_IR 192"
	case strings.Contains(asked, "GB18030"), strings.Contains(asked, "GBK"):
		return "GB18030"
	}
	return d.opt.Charset
}
