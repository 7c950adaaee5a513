package gateway

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/authz"
	"github.com/lianzhen/lianzhen/authz/recognition"
	"github.com/lianzhen/lianzhen/lab/catalogue"
	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
	"github.com/lianzhen/lianzhen/store/storetest"
)

// released keeps two potassium results of a patient that Suwu ordered and the lead hospital measured under its mark: one on a day in control
// and one on a day out of control, both under a certificate.
func (h *house) released(patient record.PatientID) (good, bad record.ResultID, quality record.Quality) {
	h.t.Helper()
	ctx, now := h.t.Context(), time.Now().UTC().Truncate(time.Microsecond)
	quality = record.Quality{
		Internal: record.QCInControl, InternalAt: now.Add(-26 * time.Hour), External: "GS-EQA-2026-017", ExternalScope: "national",
		ExternalFrom: now.AddDate(0, -3, 0), ExternalUntil: now.AddDate(0, 9, 0), At: now.Add(-23 * time.Hour),
	}
	_, err := h.Desk.PutMark(ctx, system(), recognition.Mark{
		Institution: storetest.LeadHospital, Kind: record.Lab, Scope: "national", From: now.AddDate(-1, 0, 0), Source: "省临检中心",
	})
	must(h.t, err)
	r := record.Result{
		ID: "lab-good", Status: record.Final, SignedAt: now.Add(-23 * time.Hour), Laboratory: storetest.LeadHospital, Quality: quality,
		Exam: record.Exam{
			ID: "lab-good", Kind: record.Lab, Centre: "minqin-lab", Institution: storetest.Suwu, Patient: patient, Grade: record.Certain,
			Modality: "LAB", Procedure: "LAB.K", Title: "血钾", PerformedAt: now.Add(-24 * time.Hour), ReceivedAt: now.Add(-24 * time.Hour), Complete: true,
		},
	}
	must(h.t, h.DB.Tx(ctx, func(tx *store.Tx) error { return tx.PutResult(ctx, r) }))
	r.ID, r.Exam.ID, r.Quality.Internal = "lab-bad", "lab-bad", record.QCOutOfControl
	r.Exam.PerformedAt = r.Exam.PerformedAt.Add(time.Hour)
	must(h.t, h.DB.Tx(ctx, func(tx *store.Tx) error { return tx.PutResult(ctx, r) }))
	return "lab-good", "lab-bad", quality
}

func codesOf(a *pb.Assessment) (out []string) {
	for _, c := range a.GetFailed() {
		out = append(out, c.GetCode())
	}
	return out
}

func TestADoctorElsewhereSeesTheQualityOfALaboratoryResult(t *testing.T) {
	h := newHouse(t)
	h.user("liangzhou", storetest.LiangzhouHospital, authz.Clinician)
	ctx := as(h.session("liangzhou"))
	patients, rec := pb.NewPatientServiceClient(h.conn), pb.NewRecognitionServiceClient(h.conn)
	reg, err := patients.RegisterPatient(ctx, &pb.RegisterPatientRequest{LocalNumber: "Q1", Name: "测试检验"})
	must(t, err)
	patient := reg.GetPatient().GetPatientId()
	good, bad, quality := h.released(record.PatientID(patient))
	_, err = patients.OpenEncounter(ctx, &pb.OpenEncounterRequest{PatientId: patient, VisitNumber: "V1", Class: pb.EncounterClass_ENCOUNTER_CLASS_AMB})
	must(t, err)

	check, err := rec.CheckOrder(ctx, &pb.CheckOrderRequest{PatientId: patient, Items: []*pb.OrderItem{{OrderId: "o1", ItemCode: "2823-3"}}})
	must(t, err)
	item := check.GetItems()[0]
	if item.GetItemCode() != "LAB.K" || item.GetVerdict() != pb.Verdict_VERDICT_RECOGNISE || len(item.GetAssessments()) != 2 {
		t.Fatalf("%v", item)
	}
	first, second := item.GetAssessments()[0], item.GetAssessments()[1]
	if first.GetResult().GetResultId() != string(good) || first.GetMark() != "national" || first.GetResult().GetLaboratoryId() != string(storetest.LeadHospital) {
		t.Errorf("%v", first)
	}
	got := first.GetResult().GetQuality()
	shown := record.Quality{
		Internal: record.QCVerdict(got.GetInternal()), InternalAt: got.GetInternalAt().AsTime(), External: got.GetCertificate(), ExternalScope: got.GetCertificateScope(),
		ExternalFrom: got.GetCertificateFrom().AsTime(), ExternalUntil: got.GetCertificateUntil().AsTime(), At: got.GetAt().AsTime(),
	}
	if diff := cmp.Diff(quality, shown); diff != "" || got.GetCertificateRevokedAt() != nil {
		t.Error(diff, got.GetCertificateRevokedAt())
	}
	if second.GetResult().GetResultId() != string(bad) || !slices.Equal(codesOf(second), []string{"QC_NOT_IN_CONTROL"}) {
		t.Errorf("%v", second)
	}
	if c := second.GetFailed(); len(c) == 1 && (c[0].GetTextZh() == "" || c[0].GetTextEn() == "" || c[0].GetRemedyZh() == "" || c[0].GetCitation() == "") {
		t.Errorf("a condition without words: %v", c)
	}
	_, err = rec.AdoptResult(ctx, &pb.AdoptResultRequest{CheckId: check.GetCheckId(), OrderId: "o1", ResultId: string(bad)})
	wantCode(t, err, "NotFound") // it was no reminder: what cannot be recognised is offered to nobody
	if _, err = rec.AdoptResult(ctx, &pb.AdoptResultRequest{CheckId: check.GetCheckId(), OrderId: "o1", ResultId: string(good)}); err != nil {
		t.Error(err)
	}

	revoked := time.Now().UTC().Truncate(time.Microsecond)
	must(t, h.DB.Tx(t.Context(), func(tx *store.Tx) error {
		_, err := tx.RevokeCertificate(t.Context(), storetest.LeadHospital, quality.External, quality.ExternalFrom, revoked)
		return err
	}))
	page, err := rec.ListShared(ctx, &pb.ListSharedRequest{PatientId: patient})
	must(t, err)
	for _, a := range page.GetResults() {
		if at := a.GetResult().GetQuality().GetCertificateRevokedAt(); at == nil || !at.AsTime().Equal(revoked) {
			t.Errorf("%s: revoked at %v", a.GetResult().GetResultId(), at)
		}
	}
	if len(page.GetResults()) != 2 || page.GetResults()[1].GetVerdict() != pb.Verdict_VERDICT_RECOGNISE {
		t.Errorf("a revocation changes no history: %v", page.GetResults())
	}
}

// Two files of two rooms speak of the same items: what the catalogue of analytes names, the rules of recognition know, and a LOINC code that both have
// means the same in both.
func TestTheCatalogueAndTheRulesOfRecognitionAgree(t *testing.T) {
	pack, err := catalogue.Parse(catalogue.DefaultYAML())
	must(t, err)
	known, byCode := map[string]bool{}, map[string]string{}
	for _, scopes := range [][]string{nil, {"province:gansu"}, {"province:hubei"}, {"province:zhejiang"}} {
		for _, i := range recognition.Default().Items(scopes, time.Now()) {
			known[i.Code] = true
			for _, c := range i.Codes {
				byCode[c] = i.Code
			}
		}
	}
	alone := map[string][]string{} // analytes that are an item of their own
	for _, a := range pack.Analytes {
		for _, item := range a.Items {
			if !known[item] {
				t.Errorf("%s: no pack has item %s", a.Code, item)
			}
			alone[item] = append(alone[item], a.LOINC)
		}
		for _, code := range append(slices.Clone(a.LOINCs), a.LOINC) {
			if item := byCode[code]; item != "" && !slices.Contains(a.Items, item) {
				t.Errorf("%s: LOINC %s is item %s, not one of %v", a.Code, code, item, a.Items)
			}
		}
	}
	for item, loincs := range alone {
		if len(loincs) == 1 && loincs[0] != "" && byCode[loincs[0]] != item {
			t.Errorf("an order of LOINC %s does not find item %s", loincs[0], item)
		}
	}
}
