package gateway

import (
	"fmt"
	"strings"
	"testing"

	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
	"github.com/lianzhen/lianzhen/store"
)

// canary stands where a name, a number or a value of a person may stand.
const canary = "Kanarienvogel7391"

func TestWhatIsRefusedSaysNothingOfAnybody(t *testing.T) {
	eachLab(t, func(t *testing.T, c *labCounty) {
		msh := "MSH|^~\\&|LIS|SUWU|LIANZHEN|MINQIN|20260305090000+0800||ORU^R01^ORU_R01|C%d|P|2.5.1||||||UNICODE UTF-8\r"
		pid := "PID|1||" + canary + "^^^SUWU^PI||" + canary + "^" + canary + "||" + canary + "|" + canary + "|||" + canary + "\r"
		row := "OBX|1|NM|14749-6^" + canary + "^LN||" + canary + "|" + canary + "|" + canary + "|" + canary + "|||" + canary + "|||" + canary + "\r"
		for i, body := range []string{
			pid + "OBR|1||F1|CHEM\r" + row,
			"OBR|1||" + canary + "|" + canary + "|||" + canary + "\r" + row,
			pid + canary + "|1\r",
			pid + "OBR|1||F2|" + canary + "^" + canary + "|||20261399\rOBX|1|ED|X^" + canary + "||^AP^PDF^Base64^" + canary + "||||||F\r",
			"PID|1||" + canary + "\rPID|2||" + canary + "2\rOBR|1\r" + row,
			pid + "ORC|" + canary + "|" + canary + "\rOBR|1||F3|CHEM\rOBX|1|" + canary + "|14749-6^^LN||" + canary + "||||||" + canary + "\r",
			pid + "OBR|1||F4|CHEM\rOBX|1|NM|14749-6^^LN||\\X" + canary + "\\||||||F\r",
		} {
			c.post("application/hl7-v2", fmt.Sprintf(msh, i)+body)
		}
		c.post("application/hl7-v2", strings.Replace(fmt.Sprintf(msh, 90), "P|2.5.1", canary+"|"+canary, 1)+pid)
		c.post("application/hl7-v2", strings.Replace(fmt.Sprintf(msh, 91), "UNICODE UTF-8", canary, 1)+pid+row)
		for _, body := range []string{
			"H|\\^&|||" + canary + "\rP|1|" + canary + "|||" + canary + "\rO|1|" + canary + "||" + canary + "\rR|1|" + canary + "|" + canary + "\rL|1\r",
			"P|1|" + canary + "\r", "H|\\^&\rR|1|" + canary + "|" + canary + "\r" + canary,
		} {
			c.post("application/x-astm", body)
		}
		for _, body := range []string{
			"姓名,身份证号,出生日期,性别,条码,项目代码,项目名称,结果,单位,采样时间\n" + strings.Repeat(canary+",", 9) + canary + "\n",
			canary + "," + canary + "\n" + canary + "\n", "姓名,项目名称,结果\n\"" + canary + ",x,1\n",
		} {
			c.post("text/csv", body)
		}
		for _, body := range []string{
			`{"control_id":"J1","reports":[{"patient_name":"` + canary + `","identity_number":"` + canary + `","results":[]}]}`,
			`{"control_id":"J2","reports":[{"patient_name":"` + canary + `","patient_birth_date":"` + canary + `","results":[{"code":{"code":"` + canary + `"},"value":"` + canary + `","status":"` + canary + `"}]}]}`,
			`{"` + canary + `":1}`,
		} {
			c.do(ask{method: "POST", path: "/api/v1/lab/results", body: body, header: bearer(c.key)})
		}
		held, err := c.labs.ListLabQuarantine(c.centre(), &pb.ListLabQuarantineRequest{})
		must(t, err)
		if len(held.GetMessages()) == 0 {
			t.Fatal("nothing was refused")
		}
		if s := held.String(); strings.Contains(s, canary) {
			t.Errorf("a reason of the quarantine: %s", s)
		}
		warnings := c.warnings()
		if strings.Contains(warnings, canary) {
			t.Errorf("a warning: %s", warnings)
		}
		c.quiet(canary)
	})
}

func (c *labCounty) post(media, body string) {
	c.t.Helper()
	c.do(ask{method: "POST", path: "/api/v1/lab/messages", body: body, header: map[string]string{"Authorization": "Bearer " + c.key, "Content-Type": media}})
}

// warnings are those of every message that was taken.
func (c *labCounty) warnings() string {
	c.t.Helper()
	all, err := store.List(c.t.Context(), c.DB, `SELECT warnings FROM lab_messages`, nil, func(s *string) []any { return []any{s} })
	must(c.t, err)
	return strings.Join(all, " ")
}
