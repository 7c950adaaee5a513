package gateway

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lianzhen/lianzhen/authz"
	"github.com/lianzhen/lianzhen/codec/hl7"
	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
	"github.com/lianzhen/lianzhen/store/storetest"
)

func TestParkedResultsOfAnAnalyserAreJudgedByItsControls(t *testing.T) {
	eachLab(t, func(t *testing.T, c *labCounty) {
		address, _ := c.hl7Door("BS-800|LAB", "")
		text := strings.Replace(string(labORU("M1", "F1", "T9", 0, "2823-3^钾^LN|NM|4.10|mmol/L|F")), "LIS|SUWU", "BS-800|LAB", 1)
		if a := sendHL7(t, address, text, hl7.UTF8); a.Get("MSA", 1) != "AA" {
			t.Fatalf("%s", a.Text)
		}
		c.message("application/hl7-v2", []byte("MSH|^~\\&|HIS|SUWU|LIANZHEN|MINQIN|20260305080000+0800||OML^O21^OML_O21|O1|P|2.5.1||||||UNICODE UTF-8\rPID|1||L1^^^SUWU^PI||赵^秀英||19550304|F\r"+
			"ORC|NW|P1\rOBR|1|P1||K^钾^L\rSPM|1|T9||SER^血清^HL70487\r"), 201)
		c.tick()
		found, err := c.labs.SearchLabReports(c.reader(), &pb.SearchLabReportsRequest{Barcode: "T9"})
		must(t, err)
		if len(found.GetReports()) != 1 {
			t.Fatalf("%v", found)
		}
		k := c.get(c.reader(), found.GetReports()[0].GetReportId(), pb.LabView_LAB_VIEW_WORKING)
		if d := k.GetRows()[0].GetDevice(); d != "检验系统" {
			t.Errorf("the device is %q: its controls are not asked", d)
		}
	})
}

func TestAWorkerOfOneLaboratoryWorksInNoOther(t *testing.T) {
	eachLab(t, func(t *testing.T, c *labCounty) {
		st := c.rest("POST", "results", labResults("J1", "F1", "7.83", ""), 200).storedLab(t).GetReports()[0]
		c.user("both", storetest.Dongba, authz.Technician, authz.Clinician)
		both := as(c.session("both"))
		patients := pb.NewPatientServiceClient(c.conn)
		reg, err := patients.RegisterPatient(both, &pb.RegisterPatientRequest{LocalNumber: "D1", Name: "赵秀英", IdentityNumber: "110101195503040021"})
		must(t, err)
		_, err = patients.OpenEncounter(both, &pb.OpenEncounterRequest{PatientId: reg.GetPatient().GetPatientId(), VisitNumber: "V1", Class: pb.EncounterClass_ENCOUNTER_CLASS_AMB})
		must(t, err)
		_ = c.get(both, st.GetReportId(), 0)
		_, err = c.labs.GetLabReport(both, &pb.GetLabReportRequest{ReportId: st.GetReportId(), View: pb.LabView_LAB_VIEW_HISTORY})
		wantCode(t, err, "NotFound")
	})
}

func TestEveryParkedReportIsOnAPage(t *testing.T) {
	eachLab(t, func(t *testing.T, c *labCounty) {
		for i := range 3 {
			two := append(labORU(fmt.Sprint("M", i), "F1", fmt.Sprint("T", i, "a"), 0, "2823-3^钾^LN|NM|4.10|mmol/L|F"),
				[]byte("OBR|2||F2|CHEM^生化^L|||20260305090000+0000\rOBX|1|NM|2951-2^钠^LN||139|mmol/L|||||F\rSPM|1|"+fmt.Sprint("T", i, "b")+"||SER^血清^HL70487\r")...)
			c.message("application/hl7-v2", two, 201)
		}
		seen, token := 0, ""
		for range 10 {
			page, err := c.labs.ListParkedResults(c.tech(), &pb.ListParkedResultsRequest{PageSize: 1, PageToken: token})
			must(t, err)
			seen += len(page.GetResults())
			if token = page.GetNextPageToken(); token == "" {
				break
			}
		}
		if seen != 6 {
			t.Errorf("%d of 6 on pages of one", seen)
		}
	})
}
