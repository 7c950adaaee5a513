// The story's fourth part: the laboratory. Analysers send over their own sockets, a control fails for a day, a result is corrected, a potassium is
// critical, and what others may recognise depends on quality control.

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
)

// The analysers of the county laboratory and the laboratory system of its hospital, as the world registers them.
const (
	demoHaematology = "XN-550"
	demoChemistry   = "BS-800"
	demoLIS         = "LIS"

	theCommunity = "gulang-community-admin"
	theLabAdmin  = "gulang-centre"
	theColleague = "gulang-qingshipo-doctor" // of another clinic of the community
)

// laboratory is the chapter.
type laboratory struct {
	*story
	now     time.Time
	lot     string
	tubes   map[string]*pb.LabSpecimen // by the code of the panel
	order   *pb.LabOrder
	elec    string // report of the electrolytes
	elecID  string // its case
	blood   string
	sugar   string // of the day when the control failed
	critic  string // the potassium: too high, at the next telling too low, since the same value again is no news
	fixed   string // report of the laboratory system
	patient string
}

func (s *story) laboratories(ctx context.Context, now time.Time) error {
	l := &laboratory{story: s, now: now.Truncate(time.Second), tubes: map[string]*pb.LabSpecimen{}, critic: [2]string{"2.10", "7.10"}[s.world.Runs%2]}
	return s.run(ctx, []demoStep{
		{theReader, "质控:批号、靶值,补录 20 天质控数据", "controls: lot, targets, twenty days of points", l.controls},
		{theCommunity, "登记室间质评证书(钾、钠、白细胞;葡萄糖没有)", "registers the EQA certificate (no glucose on it)", l.certificate},
		{theLabAdmin, "XN-550 的代码与本中心目录一致:一步对照", "maps the codes of the XN-550 in one step", l.mapCodes},
		{demoChemistry, "今日质控 (HL7 MLLP):在控", "today's controls over HL7: in control", l.morning},
		{theClinic, "开检验申请:血常规、电解质", "orders a blood count and electrolytes", l.orderTests},
		{theTechnician, "采血、扫码、装箱、交运", "collects, scans, packs, hands over", l.collect},
		{theReader, "中心扫码签收", "the centre scans the box in", l.receive},
		{demoHaematology, "查询条码并回传血常规 (ASTM)", "asks for the barcode, sends the count (ASTM)", l.count},
		{demoChemistry, "回传电解质:血钾危急 (HL7)", "sends electrolytes: a critical potassium (HL7)", l.electrolytes},
		{theReader, "复核血钾:技术审核", "validates the potassium", l.validate},
		{theReviewer, "单项放行血钾", "releases that row alone", l.release},
		{theClinic, "收到危急值并确认处置", "hears the critical value and acknowledges", l.acknowledge},
		{theReader, "提交其余结果", "submits the rest", l.submit},
		{theReviewer, "审核签发检验报告", "signs the report", l.sign},
		{demoChemistry, "午后质控失控 (1_3s),血糖结果被扣留", "a control fails (1_3s): glucose results are held", l.outOfControl},
		{theReader, "记录原因、更换试剂、复测质控、裁定", "notes the cause, a good control, decides", l.restore},
		{demoLIS, "医院 LIS 发出结果,随后更正 (ORU C)", "the hospital's system sends a result, then corrects it", l.correct},
		{theReviewer, "看过旧值的人收到召回并确认", "who saw the old value is recalled and confirms", l.recall},
		{theClinic, "下载检验报告 PDF;累积趋势", "fetches the PDF, looks at the trend", l.pdf},
		{theColleague, "另一卫生院开单:血钾互认,血糖无质评证书", "another clinic orders: potassium is recognised, glucose lacks a certificate", l.recognise},
	})
}

func (l *laboratory) hospital() string { return string(benchAt) }

func (l *laboratory) series(analyte string) *pb.ControlSeries {
	return &pb.ControlSeries{LaboratoryId: l.hospital(), Device: demoChemistry, Analyte: analyte}
}

// demoControls are the controls of the chemistry analyser: target and SD.
var demoControls = []struct{ analyte, loinc, mean, sd, today string }{
	{"K", "2823-3", "4.20", "0.06", "4.22"}, {"NA", "2951-2", "140.0", "1.0", "139.6"}, {"GLU", "14749-6", "5.50", "0.10", "5.53"},
}

func (l *laboratory) controls(ctx context.Context) (string, error) {
	v, err := l.as(ctx, theReader)
	if err != nil {
		return "", err
	}
	q := pb.NewLabQualityServiceClient(v.conn)
	m, err := q.CreateControlMaterial(ctx, &pb.CreateControlMaterialRequest{Material: &pb.ControlMaterial{LaboratoryId: l.hospital(), Name: fmt.Sprintf("复合生化质控 %d", l.world.Runs)}})
	if err != nil {
		return "", err
	}
	l.lot = fmt.Sprintf("Q%05d", l.world.Runs)
	lot, err := q.CreateControlLot(ctx, &pb.CreateControlLotRequest{Lot: &pb.ControlLot{
		LaboratoryId: l.hospital(), MaterialId: m.GetMaterialId(), Number: l.lot, Levels: []string{"1"}, ExpiresOn: l.now.AddDate(1, 0, 0).Format(time.DateOnly),
	}})
	if err != nil {
		return "", err
	}
	n := 0
	for _, c := range demoControls {
		if _, err := q.SetControlPlan(ctx, &pb.SetControlPlanRequest{Plan: &pb.ControlPlan{Series: l.series(c.analyte), Unit: "mmol/L", Daily: true}}); err != nil {
			return "", err
		}
		_, err := q.SetControlTarget(ctx, &pb.SetControlTargetRequest{Target: &pb.ControlTarget{
			Series: l.series(c.analyte), Level: "1", LotId: lot.GetLotId(), Mean: c.mean, Sd: c.sd, Unit: "mmol/L", FromAt: timestamppb.New(l.now.AddDate(0, 0, -30)),
			Reason: "厂家定值",
		}})
		if err != nil {
			return "", err
		}
		entries := l.past(c.analyte, lot.GetLotId(), c.mean, c.sd)
		done, err := q.BatchEnterControlPoints(ctx, &pb.BatchEnterControlPointsRequest{LaboratoryId: l.hospital(), Entries: entries})
		if err != nil {
			return "", err
		}
		n += len(done.GetPoints())
	}
	return fmt.Sprint(n), nil
}

// past are twenty quiet days of an analyte.
func (l *laboratory) past(analyte, lot, mean, sd string) []*pb.ControlEntry {
	var out []*pb.ControlEntry
	for day := 20; day > 0; day-- {
		out = append(out, &pb.ControlEntry{
			Series: l.series(analyte), Level: "1", LotId: lot, Value: around(mean, sd, quiet[day%len(quiet)]), Unit: "mmol/L",
			At: timestamppb.New(l.now.AddDate(0, 0, -day)), ClientId: fmt.Sprintf("%s-%s-%d", l.lot, analyte, day),
		})
	}
	return out
}

// quiet are deviations of an analyser in control, in tenths of a standard deviation.
var quiet = []int{3, -8, 12, -4, 7, -11, 2, 9, -6, -14, 5, 13, -2}

// around is a value so many tenths of a standard deviation from the mean.
func around(mean, sd string, tenths int) string {
	var m, s float64
	_, _ = fmt.Sscan(mean, &m)
	_, _ = fmt.Sscan(sd, &s)
	return fmt.Sprintf("%.2f", m+s*float64(tenths)/10)
}

func (l *laboratory) certificate(ctx context.Context) (string, error) {
	v, err := l.as(ctx, theCommunity)
	if err != nil {
		return "", err
	}
	c, err := pb.NewLabQualityServiceClient(v.conn).CreateEqaCertificate(ctx, &pb.CreateEqaCertificateRequest{Certificate: &pb.EqaCertificate{
		LaboratoryId: l.hospital(), Number: fmt.Sprintf("GS-EQA-%05d", l.world.Runs), Issuer: "甘肃省临床检验中心", Scope: "province:gansu",
		Analytes: []string{"K", "NA", "WBC", "RBC", "HGB", "PLT"}, FromAt: timestamppb.New(l.now.AddDate(0, -3, 0)), UntilAt: timestamppb.New(l.now.AddDate(0, 9, 0)),
	}})
	return c.GetNumber(), err
}

func (l *laboratory) mapCodes(ctx context.Context) (string, error) {
	v, err := l.as(ctx, theLabAdmin)
	if err != nil {
		return "", err
	}
	m, err := pb.NewLabCatalogueServiceClient(v.conn).MapCode(ctx, &pb.MapCodeRequest{SenderId: l.hospital(), Code: "*", Analyte: "*", Reason: "仪器代码与目录一致"})
	if status.Code(err) == codes.AlreadyExists { // of an earlier telling
		return "", nil
	}
	return m.GetMappingId(), err
}

func (l *laboratory) pdf(ctx context.Context) (string, error) {
	v, err := l.as(ctx, theClinic)
	if err != nil {
		return "", err
	}
	labs := pb.NewLabServiceClient(v.conn)
	body, err := labs.RenderLabReport(ctx, &pb.RenderLabReportRequest{ReportId: l.elec, Language: l.t("zh", "en")})
	if err != nil {
		return "", err
	}
	file := filepath.Join(l.folder, "lab.pdf")
	if err := os.WriteFile(file, body.GetData(), 0o600); err != nil {
		return "", err
	}
	trend, err := labs.GetLabTrend(ctx, &pb.GetLabTrendRequest{PatientId: l.patient, Analyte: "K"})
	if err == nil && len(trend.GetPoints()) == 0 {
		err = errors.New("no point in the trend")
	}
	return fmt.Sprintf(l.t("%d KB, %s; 血钾 %d 点", "%d KB, %s; potassium: %d"), len(body.GetData())/1000, filepath.Base(file), len(trend.GetPoints())), err
}

// recognise is the order of another clinic of the same community: what is in control and certified is recognised.
func (l *laboratory) recognise(ctx context.Context) (string, error) {
	v, err := l.as(ctx, theColleague)
	if err != nil {
		return "", err
	}
	who := l.exams[0].patient
	reg, err := v.patients().RegisterPatient(ctx, &pb.RegisterPatientRequest{
		LocalNumber: fmt.Sprintf("QS%06d", l.world.Runs), IdentityNumber: who.number, Name: who.name,
		BirthDate: isoDate(who.birth), Sex: demoSexes[who.sex],
	})
	if err != nil {
		return "", err
	}
	_, err = v.patients().OpenEncounter(ctx, &pb.OpenEncounterRequest{
		PatientId: reg.GetPatient().GetPatientId(), VisitNumber: fmt.Sprintf("QV%06d", l.world.Runs), Class: pb.EncounterClass_ENCOUNTER_CLASS_AMB,
	})
	if err != nil {
		return "", err
	}
	check, err := pb.NewRecognitionServiceClient(v.conn).CheckOrder(ctx, &pb.CheckOrderRequest{
		PatientId: reg.GetPatient().GetPatientId(), Setting: pb.Setting_SETTING_OUTPATIENT,
		Items: []*pb.OrderItem{{OrderId: "k", ItemCode: "LAB.K"}, {OrderId: "glu", ItemCode: "LAB.GLU"}},
	})
	if err != nil {
		return "", err
	}
	var said []string
	for _, line := range check.GetItems() {
		one := strings.TrimPrefix(line.GetVerdict().String(), "VERDICT_")
		for _, a := range line.GetAssessments() {
			for _, f := range a.GetFailed() {
				one += " " + f.GetCode()
			}
			break
		}
		said = append(said, one)
	}
	if len(said) != 2 || said[0] != "RECOGNISE" || !strings.Contains(said[1], "NO_EQA_CERTIFICATE") {
		return "", fmt.Errorf("want potassium recognised and glucose refused for its certificate, have %q", said)
	}
	return l.t("1 项互认, 1 项缺质评", "1 recognised, 1 without EQA"), nil
}

func isoDate(s string) string { return s[:4] + "-" + s[4:6] + "-" + s[6:] }

var demoSexes = map[string]pb.Sex{"M": pb.Sex_SEX_MALE, "F": pb.Sex_SEX_FEMALE}
