package gateway

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
)

// labCulture is a culture with its susceptibilities as a laboratory system sends it.
func labCulture(control string, segments ...string) []byte {
	return []byte(strings.Join(append([]string{
		"MSH|^~\\&|LIS|SUWU|LIANZHEN|MINQIN|20260305091000+0800||ORU^R01^ORU_R01|" + control + "|P|2.5.1||||||UNICODE UTF-8", "PID|1||L1^^^SUWU^PI||赵^秀英||19550304|F",
	}, segments...), "\r") + "\r")
}

// TestACultureIsSeenAsOneTree: by whichever of its reports it is asked for, on paper and in messages, once in a search.
func TestACultureIsSeenAsOneTree(t *testing.T) {
	eachLab(t, func(t *testing.T, c *labCounty) {
		send := func(message []byte) string {
			t.Helper()
			st, err := c.labs.SendLabMessage(as(c.key), &pb.SendLabMessageRequest{Format: "hl7v2", Content: message, Profile: "final: true\n"})
			must(t, err)
			return st.GetReports()[0].GetReportId()
		}
		susceptibility := "OBR|2||A1|29576-6^药敏^LN|||20260305083000+0800|||||||||||||||20260305090000+0800|||F|630-4&尿培养&LN^1^大肠埃希菌|||^C1"
		child := send(labCulture("K1", susceptibility, "OBX|1|SN|18906-8^环丙沙星^LN||>=^4|ug/mL|S<=0.25 R>=1|R|||F",
			"OBX|2|NM|18932-4^亚胺培南^LN||22|mm||S|||F"))
		culture := send(labCulture("K2", "OBR|1||C1|630-4^尿培养^LN|||20260305083000+0800|||||||||||||||20260305090000+0800|||F",
			"OBX|1|CWE|630-4^尿培养^LN|1|112283007^大肠埃希菌^SCT||||||F", "OBX|2|NM|564-5^菌落计数^LN|1|100000|{CFU}/mL|||||F"))
		for _, id := range []string{culture, child} {
			k := c.get(c.doc(), id, pb.LabView_LAB_VIEW_UNSPECIFIED)
			if len(k.GetIsolates()) != 1 || len(k.GetIsolates()[0].GetSusceptibilities()) != 2 {
				t.Fatalf("%v", k.GetIsolates())
			}
			i := k.GetIsolates()[0]
			d := i.GetSusceptibilities()[0]
			got := []string{
				i.GetNumber(), i.GetOrganism().GetCode(), i.GetOrganism().GetText(), i.GetQuantity(), i.GetReportId(), d.GetDrug().GetText(), d.GetMethod(), d.GetValue(),
				d.GetUnit(), d.GetBreakpoints(), d.GetInterpretation(), d.GetStatus().String(), d.GetReportId(), i.GetSusceptibilities()[1].GetMethod(),
			}
			want := []string{
				"1", "112283007", "大肠埃希菌", "100000 {CFU}/mL", culture, "环丙沙星", "MIC", ">=4", "ug/mL", "S<=0.25 R>=1", "R", "LAB_STATUS_FINAL", child, "KB",
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		}
		k := c.get(c.doc(), culture, pb.LabView_LAB_VIEW_UNSPECIFIED)
		if diff := cmp.Diff([]string{child}, k.GetChildReportIds()); diff != "" || k.GetParentReportId() != "" {
			t.Errorf("%s %s", diff, k.GetParentReportId())
		}
		if got := c.get(c.doc(), child, pb.LabView_LAB_VIEW_UNSPECIFIED).GetParentReportId(); got != culture {
			t.Errorf("parent %q", got)
		}
		found, err := c.labs.SearchLabReports(c.doc(), &pb.SearchLabReportsRequest{PatientName: "赵秀英"})
		must(t, err)
		if len(found.GetReports()) != 1 || found.GetReports()[0].GetReportId() != culture {
			t.Errorf("found %d", len(found.GetReports()))
		}
		paper, err := c.labs.RenderLabReport(c.doc(), &pb.RenderLabReportRequest{ReportId: child})
		must(t, err)
		if !strings.HasPrefix(string(paper.GetData()), "%PDF") {
			t.Error("no sheet")
		}
		out, err := c.labs.ExportLabReport(c.doc(), &pb.ExportLabReportRequest{ReportId: culture, Format: "hl7v2"})
		must(t, err)
		if !strings.Contains(string(out.GetData()), "|630-4^1^大肠埃希菌|||^C1\r") {
			t.Errorf("%s", out.GetData())
		}
		send(labCulture("K3", "OBR|1||C1|630-4^尿培养^LN|||20260305083000+0800|||||||||||||||20260305100000+0800|||C",
			"OBX|1|CWE|630-4^尿培养^LN|1|||||||W"))
		for _, id := range []string{culture, child} {
			if k := c.get(c.doc(), id, pb.LabView_LAB_VIEW_UNSPECIFIED); len(k.GetIsolates()) != 0 || strings.Contains(k.String(), ">=4") {
				t.Errorf("after the withdrawal: %v", k)
			}
		}
		recalls, err := c.labs.ListLabRecalls(c.doc(), &pb.ListLabRecallsRequest{})
		must(t, err)
		if len(recalls.GetRecalls()) < 2 {
			t.Errorf("recalls %v", recalls)
		}
		c.quiet("大肠埃希菌")
	})
}
