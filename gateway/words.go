// Our words in the words of the API, and back: enums, instants, pages, field masks.

package gateway

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
	"github.com/lianzhen/lianzhen/record"
)

// words is one enum of the API beside our words for it.
type words[W ~string, E ~int32] []struct {
	ours W
	api  E
}

func (w words[W, E]) out(ours W) E {
	for _, p := range w {
		if p.ours == ours {
			return p.api
		}
	}
	return 0
}

// in gives the empty word for UNSPECIFIED.
func (w words[W, E]) in(api E) W {
	for _, p := range w {
		if p.api == api {
			return p.ours
		}
	}
	return ""
}

var (
	priorities = words[record.Priority, pb.Priority]{
		{record.Stat, pb.Priority_PRIORITY_STAT},
		{record.Urgent, pb.Priority_PRIORITY_URGENT},
		{record.Routine, pb.Priority_PRIORITY_ROUTINE},
	}
	centreKinds = words[record.CentreKind, pb.CentreKind]{
		{record.Imaging, pb.CentreKind_CENTRE_KIND_IMAGING},
		{record.ECG, pb.CentreKind_CENTRE_KIND_ECG},
		{record.Pathology, pb.CentreKind_CENTRE_KIND_PATHOLOGY},
		{record.Lab, pb.CentreKind_CENTRE_KIND_LAB},
	}
	grades = words[record.Grade, pb.IdentityGrade]{
		{record.Certain, pb.IdentityGrade_IDENTITY_GRADE_CERTAIN}, {record.Probable, pb.IdentityGrade_IDENTITY_GRADE_PROBABLE},
	}
	sexes = words[record.Sex, pb.Sex]{
		{record.Male, pb.Sex_SEX_MALE}, {record.Female, pb.Sex_SEX_FEMALE}, {record.OtherSex, pb.Sex_SEX_OTHER},
	}
	resultStates = words[record.ResultStatus, pb.ResultStatus]{
		{record.Preliminary, pb.ResultStatus_RESULT_STATUS_PRELIMINARY},
		{record.Final, pb.ResultStatus_RESULT_STATUS_FINAL},
		{record.Corrected, pb.ResultStatus_RESULT_STATUS_CORRECTED},
		{record.Withdrawn, pb.ResultStatus_RESULT_STATUS_WITHDRAWN},
	}
)

func priorityFromPB(p pb.Priority) record.Priority { return priorities.in(p) }
func gradeToPB(g record.Grade) pb.IdentityGrade    { return grades.out(g) }
func sexToPB(s record.Sex) pb.Sex                  { return sexes.out(s) }

func resultToPB(r record.Result) *pb.Result {
	return &pb.Result{
		ResultId: string(r.ID), ExamId: string(r.Exam.ID), Kind: centreKinds.out(r.Exam.Kind),
		InstitutionId: string(r.Exam.Institution), CentreId: string(r.Exam.Centre), PatientId: string(r.Exam.Patient),
		Identity: gradeToPB(r.Exam.Grade), Modality: r.Exam.Modality, BodyPart: r.Exam.BodyPart,
		ProcedureCode: r.Exam.Procedure, AccessionNumber: r.Exam.Accession, Title: r.Exam.Title,
		PerformedAt: instant(r.Exam.PerformedAt), SignedAt: instant(r.SignedAt), Status: resultStates.out(r.Status),
		Positive: r.Positive, CaseId: string(r.Case), ReportId: string(r.Report),
		LaboratoryId: string(r.Laboratory), Quality: resultQualityToPB(r.Quality),
	}
}

// resultQualityToPB is nil where nobody said anything of quality.
func resultQualityToPB(q record.Quality) *pb.ResultQuality {
	if q.At.IsZero() {
		return nil
	}
	return &pb.ResultQuality{
		Internal: string(q.Internal), InternalAt: instant(q.InternalAt), Certificate: q.External, CertificateScope: q.ExternalScope,
		CertificateFrom: instant(q.ExternalFrom), CertificateUntil: instant(q.ExternalUntil), CertificateRevokedAt: instant(q.RevokedAt), At: instant(q.At),
	}
}

// instant is nil for the zero time.
func instant(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

// timeOf is the zero time for nil.
func timeOf(t *timestamppb.Timestamp) (time.Time, error) {
	if t == nil {
		return time.Time{}, nil
	}
	if err := t.CheckValid(); err != nil {
		return time.Time{}, record.Errorf(record.Invalid, "time: out of range")
	}
	return t.AsTime(), nil
}

func each[A, B any](in []A, f func(A) B) []B {
	out := make([]B, len(in))
	for i, a := range in {
		out[i] = f(a)
	}
	return out
}

func texts[T ~string](in []T) []string { return each(in, func(t T) string { return string(t) }) }

const defaultPage = 50

func pageSize(n int32) int {
	if n == 0 {
		return defaultPage
	}
	return int(n)
}

// pageAfter opens a page token of ours: the id that the page before ended with.
func pageAfter(token string) (string, error) {
	if token == "" {
		return "", nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(token)
	after, ours := strings.CutPrefix(string(raw), "p1|")
	if err != nil || !ours || !record.ValidID(after) {
		return "", record.Errorf(record.Invalid, "page_token: not one of ours")
	}
	return after, nil
}

func pageToken(after string) string {
	return base64.RawURLEncoding.EncodeToString([]byte("p1|" + after))
}

// cut makes a page of rows of which one more than the page was read.
func cut[T any](rows []T, size int, id func(T) string) (page []T, next string) {
	if len(rows) <= size {
		return rows, ""
	}
	return rows[:size], pageToken(id(rows[size-1]))
}

// cursorOf reads a cursor of the event order; empty is 0.
func cursorOf(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, record.Errorf(record.Invalid, "after: not a cursor")
	}
	return n, nil
}

func cursor(seq int64) string { return strconv.FormatInt(seq, 10) }

// masked says which fields an update names: only allowed ones, and at least one. The id of the message is no field of
// its content; grpc-gateway names it when the body repeats it.
func masked(m *fieldmaskpb.FieldMask, id string, allowed ...string) (func(field string) bool, error) {
	var paths []string
	for _, p := range m.GetPaths() {
		switch {
		case p == id:
		case !slices.Contains(allowed, p):
			return nil, record.Errorf(record.Invalid, "update_mask: want %s", strings.Join(allowed, ", "))
		default:
			paths = append(paths, p)
		}
	}
	if len(paths) == 0 {
		return nil, record.Errorf(record.Invalid, "update_mask: names nothing to update")
	}
	return func(f string) bool { return slices.Contains(paths, f) }, nil
}

// tokenOf wraps the id where a page ended; nothing at the end of the list.
func tokenOf(next string) string {
	if next == "" {
		return ""
	}
	return pageToken(next)
}
