// The fields of a table, and the headings that people give them.

package table

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// field is what a column holds.
type field string

// The fields.
const (
	fName       field = "name"
	fSex        field = "sex"
	fBirth      field = "birth"
	fAge        field = "age"
	fIdentity   field = "identity" // national identity number
	fPatient    field = "patient"  // number of the patient at the sender
	fVisit      field = "visit"
	fWard       field = "ward"
	fBarcode    field = "barcode"
	fSpecimen   field = "specimen"
	fSite       field = "site"
	fOrder      field = "order"
	fReport     field = "report" // number of the report or work
	fService    field = "service"
	fCollected  field = "collected"
	fReceived   field = "received"
	fAnalysed   field = "analysed"
	fReported   field = "reported"
	fCode       field = "code"
	fLOINC      field = "loinc"
	fItem       field = "item"
	fResult     field = "result"
	fUnit       field = "unit"
	fRange      field = "range"
	fLow        field = "low"
	fHigh       field = "high"
	fFlag       field = "flag"
	fDevice     field = "device"
	fMethod     field = "method"
	fReagent    field = "reagent"
	fTechnical  field = "technical"
	fVerifier   field = "verifier"
	fOrderer    field = "orderer"
	fClinical   field = "clinical"
	fPriority   field = "priority"
	fStatus     field = "status"
	fNote       field = "note"
	fLaboratory field = "laboratory"
	fIgnored    field = "ignore"
)

// column says how a field is headed: the first of each language is what we write, the others are what is recognised too.
type column struct {
	field   field
	zh, en  []string
	written bool // stands in the template
}

var columns = []column{
	{fName, []string{"姓名", "患者姓名", "病人姓名", "受检者姓名", "受检者", "体检者", "名字"}, []string{"Name", "Patient name", "Patient"}, true},
	{fSex, []string{"性别", "患者性别"}, []string{"Sex", "Gender"}, true},
	{fBirth, []string{"出生日期", "出生年月日", "生日", "出生年月"}, []string{"Date of birth", "DOB", "Birth date", "Birthday"}, true},
	{fAge, []string{"年龄", "岁数"}, []string{"Age"}, false},
	{fIdentity, []string{"身份证号", "身份证号码", "身份证", "证件号码", "证件号", "公民身份号码"}, []string{"Identity number", "National ID", "ID card", "ID number"}, true},
	{fPatient, []string{"病历号", "门诊号", "住院号", "病案号", "患者编号", "病人编号", "患者id", "就诊卡号", "体检号", "健康档案号", "档案号"}, []string{"Patient number", "Patient ID", "MRN", "Record number"}, true},
	{fVisit, []string{"就诊号", "就诊流水号", "门诊流水号", "就诊类型", "病人类型"}, []string{"Visit", "Visit number", "Encounter"}, false},
	{fWard, []string{"科室", "送检科室", "申请科室", "病区", "送检单位", "开单科室"}, []string{"Department", "Ward"}, true},
	{fBarcode, []string{"条码号", "条码", "条形码", "标本条码", "样本条码", "标本号", "样本号", "标本编号", "样本编号"}, []string{"Barcode", "Specimen number", "Specimen ID", "Sample ID", "Sample number"}, true},
	{fSpecimen, []string{"标本类型", "样本类型", "标本", "样本", "标本种类"}, []string{"Specimen type", "Specimen", "Sample type"}, true},
	{fSite, []string{"采集部位", "部位"}, []string{"Site", "Body site"}, false},
	{fOrder, []string{"申请单号", "医嘱号", "申请号"}, []string{"Order number", "Order ID"}, true},
	{fReport, []string{"报告单号", "报告编号", "检验编号", "检验单号"}, []string{"Report number", "Accession number", "Lab number"}, false},
	{fService, []string{"检验组合", "组合名称", "套餐", "检验项目组", "组合", "申请项目", "检验目的"}, []string{"Panel", "Order name", "Test group"}, false},
	{fCollected, []string{"采样时间", "采集时间", "采样日期", "采集日期", "采血时间", "抽血时间"}, []string{"Collected", "Collection time", "Collected at", "Collection date"}, true},
	{fReceived, []string{"接收时间", "签收时间", "收样时间", "核收时间"}, []string{"Received", "Received at", "Receipt time"}, true},
	{fAnalysed, []string{"检验时间", "检测时间", "检验日期", "检测日期", "上机时间", "测定时间"}, []string{"Analysed", "Analyzed", "Test time", "Measured at"}, false},
	{fReported, []string{"报告时间", "报告日期", "审核时间", "发布时间", "审核日期"}, []string{"Reported", "Report time", "Reported at", "Report date"}, true},
	{fCode, []string{"项目代码", "项目编码", "项目编号", "代码", "代号", "英文缩写", "英文名称", "缩写"}, []string{"Code", "Test code", "Item code", "Analyte code"}, true},
	{fLOINC, []string{"loinc代码", "loinc编码"}, []string{"LOINC"}, false},
	{fItem, []string{"项目名称", "检验项目", "检测项目", "项目", "中文名称", "分析项目", "检查项目"}, []string{"Test", "Test name", "Item", "Analyte", "Item name"}, true},
	{fResult, []string{"结果", "检验结果", "检测结果", "测定结果", "测定值", "结果值", "检验值", "数值"}, []string{"Result", "Value", "Result value"}, true},
	{fUnit, []string{"单位", "计量单位", "结果单位"}, []string{"Unit", "Units"}, true},
	{fRange, []string{"参考范围", "参考区间", "参考值", "正常值", "正常范围", "参考值范围", "生物参考区间"}, []string{"Reference range", "Reference interval", "Range", "Normal range", "Reference"}, true},
	{fLow, []string{"参考下限", "下限", "参考值下限"}, []string{"Low", "Lower limit"}, false},
	{fHigh, []string{"参考上限", "上限", "参考值上限"}, []string{"High", "Upper limit"}, false},
	{fFlag, []string{"提示", "异常提示", "标志", "结果提示", "高低标志", "异常标志", "状态提示"}, []string{"Flag", "Abnormal flag", "Abnormal"}, true},
	{fDevice, []string{"仪器", "检测仪器", "仪器名称", "设备", "分析仪"}, []string{"Device", "Instrument", "Analyser", "Analyzer"}, true},
	{fMethod, []string{"方法", "检测方法", "检验方法", "方法学"}, []string{"Method"}, true},
	{fReagent, []string{"试剂批号", "试剂"}, []string{"Reagent", "Reagent lot"}, false},
	{fTechnical, []string{"检验者", "检验人", "检验医师", "检验员", "操作者", "检测人", "检验医生"}, []string{"Performed by", "Technician", "Operator"}, true},
	{fVerifier, []string{"审核者", "审核人", "审核医师", "核对者", "复核者", "审核医生"}, []string{"Verified by", "Reviewer", "Validated by"}, true},
	{fOrderer, []string{"申请医生", "送检医生", "开单医生", "申请人", "送检医师"}, []string{"Ordered by", "Physician", "Requester"}, true},
	{fClinical, []string{"临床诊断", "诊断"}, []string{"Diagnosis", "Clinical information"}, true},
	{fPriority, []string{"急诊", "是否急诊", "加急"}, []string{"Priority", "Urgent"}, false},
	{fStatus, []string{"结果状态", "报告状态", "状态"}, []string{"Status", "Result status"}, false},
	{fNote, []string{"备注", "说明", "评语"}, []string{"Note", "Notes", "Comment", "Remarks"}, true},
	{fLaboratory, []string{"检验单位", "检验科室", "检测单位", "检验机构"}, []string{"Laboratory", "Lab", "Performing laboratory"}, false},
	{fIgnored, []string{"序号", "编号", "行号", "电话", "联系电话", "手机", "手机号", "手机号码", "地址", "住址", "家庭住址", "现住址", "户籍地址", "民族", "职业", "工作单位", "婚姻状况", "床号", "费别"}, []string{"No", "No.", "#", "Index", "Phone", "Telephone", "Mobile", "Address", "Bed"}, false},
}

// byHeading finds a field by a heading.
var byHeading = func() map[string]field {
	out := map[string]field{}
	for _, c := range columns {
		for _, h := range append(append([]string{string(c.field)}, c.zh...), c.en...) {
			out[heading(h)] = c.field
		}
	}
	return out
}()

func known(f field) bool {
	for _, c := range columns {
		if c.field == f {
			return true
		}
	}
	return false
}

// title is how a field is called in messages: without what the file says.
func title(f field) string {
	for _, c := range columns {
		if c.field == f {
			return c.zh[0]
		}
	}
	return string(f)
}

// heading is one without width, case, spaces and the marks of obligatory columns.
func heading(s string) string {
	s = strings.ToLower(norm.NFKC.String(s))
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r), unicode.Is(unicode.Cf, r), strings.ContainsRune("*:_-：.、", r):
			return -1
		}
		return r
	}, s)
}

// recognised is the field of a heading; a hint in brackets after it may be missing or there.
func recognised(text string, p *Profile) (field, bool) {
	h := heading(text)
	if f, ok := p.fields[h]; ok {
		return f, true
	}
	if f, ok := byHeading[h]; ok {
		return f, true
	}
	if at := strings.IndexAny(h, "([【"); at > 0 {
		if f, ok := byHeading[h[:at]]; ok && !measurable(f) {
			return f, true
		}
	}
	return "", false
}

// measurable fields are such as no heading with brackets means: "结果(mmol/L)" stays the result, "标本(血)" may be anything.
func measurable(f field) bool { return f == fSpecimen || f == fIgnored || f == fItem }
