// The words that this package writes itself, in Chinese and English.

package sheet

import "github.com/lianzhen/lianzhen/lab/observation"

type word struct{ zh, en string }

var (
	wTitle      = word{"检验报告单", "Laboratory Report"}
	wCorrected  = word{"更正报告", "CORRECTED REPORT"}
	wAmended    = word{"补充报告", "AMENDED REPORT"}
	wPrelim     = word{"初步报告", "PRELIMINARY"}
	wWithdrawn  = word{"已撤回", "WITHDRAWN"}
	wVersion    = word{"第%d版", "version %d"}
	wNumber     = word{"报告编号", "Report no."}
	wName       = word{"姓名", "Name"}
	wSex        = word{"性别", "Sex"}
	wAge        = word{"年龄", "Age"}
	wPatient    = word{"病历号", "Patient no."}
	wDepartment = word{"送检科室", "Department"}
	wWard       = word{"病区", "Ward"}
	wBed        = word{"床号", "Bed"}
	wVisit      = word{"就诊类型", "Visit"}
	wOrderer    = word{"申请医生", "Ordered by"}
	wOrder      = word{"申请单号", "Order no."}
	wClinical   = word{"临床诊断", "Diagnosis"}
	wSpecimen   = word{"标本类型", "Specimen"}
	wSite       = word{"采集部位", "Site"}
	wBarcode    = word{"条码号", "Barcode"}
	wCondition  = word{"标本状态", "Condition"}
	wCollected  = word{"采集时间", "Collected"}
	wReceived   = word{"接收时间", "Received"}
	wReported   = word{"报告时间", "Reported"}
	wLaboratory = word{"检验单位", "Laboratory"}

	wNo       = word{"序号", "No."}
	wItem     = word{"项目名称", "Test"}
	wCode     = word{"代号", "Code"}
	wResult   = word{"结果", "Result"}
	wFlag     = word{"提示", "Flag"}
	wUnit     = word{"单位", "Unit"}
	wRange    = word{"参考区间", "Reference"}
	wMethod   = word{"检测方法", "Method"}
	wDrug     = word{"抗菌药物", "Antimicrobial"}
	wMeasured = word{"测定值", "Value"}
	wInterp   = word{"判定", "S/I/R"}
	wBreak    = word{"折点", "Breakpoints"}

	wIsolate   = word{"分离菌", "Isolate"}
	wQuantity  = word{"菌量", "Quantity"}
	wPhenotype = word{"表型", "Phenotype"}
	wNote      = word{"备注", "Note"}
	wWas       = word{"原 ", "was "}
	wChanges   = word{"更正内容", "Corrections"}
	wReason    = word{"原因", "reason"}
	wQC        = word{"室内质控", "Internal QC"}
	wEQA       = word{"室间质评", "EQA"}
	wCert      = word{"证书号", "certificate"}
	wValid     = word{"有效期至", "valid to"}
	wMark      = word{"互认标识", "Recognition mark"}
	wMarked    = word{"带 ◆ 的项目", "items with ◆"}
	wAuto      = word{"自动审核", "Released automatically"}
	wItems     = word{"第 %s 项", "items %s"}
	wNone      = word{"（无结果）", "(no results)"}

	wTechnical = word{"检验者", "Performed by"}
	wMedical   = word{"审核者", "Verified by"}
	wUnsigned  = word{"未审核", "not verified"}
	wOnly      = word{"本报告仅对所检标本负责", "This report relates only to the specimen examined"}
	wCheck     = word{"校验号", "Verification"}
	wPage      = word{"第%d页/共%d页", "page %d of %d"}

	wLegendArrows = word{"↑ 高于参考区间  ↓ 低于参考区间", "↑ above  ↓ below the reference interval"}
	wLegendCrit   = word{"* 危急值", "* critical value"}
	wLegendTwo    = word{"提示“甲/乙”：甲为本平台按所附参考区间判定，乙为送检方标注", "flag a/b: a by this exchange, b as the laboratory flagged it"}
	wAbnormal     = word{"异常", "abn"}

	wGone = word{"本报告已撤回，所载结果不得使用。", "This report has been withdrawn. Its results must not be used."}
	wHeld = word{"所涉项目", "Items"}
)

var qcWords = map[QCState]word{
	QCUnknown: {"未提供", "not stated"}, InControl: {"在控", "in control"}, OutControl: {"失控", "OUT OF CONTROL"}, NotRun: {"未做", "not run"},
}

// rowWords stand in place of a value, or beside one that is not final.
var rowWords = map[observation.Status]word{
	observation.Registered: {"待报", "pending"}, observation.Unverified: {"待审", "pending"}, observation.Withdrawn: {"已撤回", "withdrawn"},
	observation.Cancelled: {"未做", "not done"}, observation.Preliminary: {"初步", "prelim."}, observation.Corrected: {"更正", "corrected"}, observation.Amended: {"补充", "amended"},
}

// say writes a word in the sheet's language.
func (l *layout) say(w word) string {
	switch l.o.Language {
	case English:
		return w.en
	case Bilingual:
		return w.zh + " " + w.en
	}
	return w.zh
}

// short is for places with room for one language.
func (l *layout) short(w word) string {
	if l.o.Language == English {
		return w.en
	}
	return w.zh
}

// label is a word with its colon.
func (l *layout) label(w word) string {
	if l.o.Language == English {
		return w.en + ": "
	}
	return l.say(w) + "："
}

// named chooses among the names of a thing.
func (l *layout) named(name, english string) string {
	switch {
	case english == "" || name == english:
		return name
	case name == "" || l.o.Language == English:
		return english
	case l.o.Language == Bilingual:
		return name + " " + english
	}
	return name
}
