package gateway

import (
	"context"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store/storetest"
)

func prefixes(text string) []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix(text)} }

func TestARequestIDIsDoneOnce(t *testing.T) {
	h := newHouse(t)
	_, key := h.key(storetest.Suwu, allScopes...)
	ctx, client := as(key), pb.NewPatientServiceClient(h.conn)
	reg, err := client.RegisterPatient(ctx, &pb.RegisterPatientRequest{LocalNumber: "P1", Name: "测试"})
	must(t, err)
	req := &pb.OpenEncounterRequest{PatientId: reg.GetPatient().GetPatientId(), Class: pb.EncounterClass_ENCOUNTER_CLASS_AMB, RequestId: "r-1"}
	first, err := client.OpenEncounter(ctx, req)
	must(t, err)
	again, err := client.OpenEncounter(ctx, req)
	must(t, err)
	if !proto.Equal(first, again) {
		t.Errorf("second answer %v, first %v", again, first)
	}
	other := proto.Clone(req).(*pb.OpenEncounterRequest)
	other.Class = pb.EncounterClass_ENCOUNTER_CLASS_IMP
	_, err = client.OpenEncounter(ctx, other)
	wantCode(t, err, "AlreadyExists")
	// The same id of another caller, and no id, are other requests.
	_, key2 := h.key(storetest.Suwu, allScopes...)
	second, err := client.OpenEncounter(as(key2), req)
	must(t, err)
	if second.GetEncounterId() == first.GetEncounterId() {
		t.Error("another caller got the first one's answer")
	}
	// A refused request frees its id.
	bad := &pb.OpenEncounterRequest{PatientId: "01NOBODY", RequestId: "r-2"}
	_, err = client.OpenEncounter(ctx, bad)
	wantCode(t, err, "NotFound")
	bad.PatientId = req.GetPatientId()
	if _, err = client.OpenEncounter(ctx, bad); err != nil {
		t.Errorf("after a refusal: %v", err)
	}
}

func TestTheSameRequestManyTimesAtOnceRunsOnce(t *testing.T) {
	h := newHouse(t)
	c := &call{id: "x", method: pb.PatientService_OpenEncounter_FullMethodName, log: h.Server.log}
	c.caller.Actor = record.Actor{Kind: record.ActorKey, ID: "k", Institution: storetest.Suwu}
	req := &pb.OpenEncounterRequest{PatientId: "p", RequestId: "storm"}
	var runs atomic.Int32
	next := func(context.Context, any) (any, error) {
		runs.Add(1)
		time.Sleep(50 * time.Millisecond)
		return &pb.Encounter{EncounterId: "one"}, nil
	}
	var all sync.WaitGroup
	for range 12 {
		all.Go(func() {
			got, err := h.once.do(t.Context(), c, req, next)
			if err != nil || got.(*pb.Encounter).GetEncounterId() != "one" {
				t.Errorf("%v %v", got, err)
			}
		})
	}
	all.Wait()
	if runs.Load() != 1 {
		t.Errorf("ran %d times", runs.Load())
	}
}

func TestAPanicIsOneCallsOwn(t *testing.T) {
	h := newHouse(t)
	_, key := h.key(storetest.Suwu, allScopes...)
	room := h.Imaging
	h.Server.Imaging = nil
	_, err := pb.NewImagingServiceClient(h.conn).GetStudy(as(key), &pb.GetStudyRequest{StudyId: "x"})
	wantCode(t, err, "Internal")
	h.Server.Imaging = room
	_, err = pb.NewImagingServiceClient(h.conn).GetStudy(as(key), &pb.GetStudyRequest{StudyId: "x"})
	wantCode(t, err, "NotFound")
}

func TestSweepingThroughPatientsIsCut(t *testing.T) {
	h := newHouse(t)
	_, key := h.key(storetest.Suwu, allScopes...)
	client := pb.NewPatientServiceClient(h.conn)
	n := 0
	for ; n < 100; n++ {
		if _, err := client.GetPatient(as(key), &pb.GetPatientRequest{PatientId: record.NewID(time.Now())}); codeOfErr(err) == "ResourceExhausted" {
			break
		}
	}
	if n > 50 {
		t.Errorf("%d look-ups before the cut", n)
	}
}
