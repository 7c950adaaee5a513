// The words this package writes itself.

package paper

type words struct {
	title, noTracing, name, sex, age, id, clinic, time, device, order, indication  string
	ours, ofDevice, statements, warnings, critical, previous, uncalibrated, absent string
	findings, impression, reporter, reviewer, signed, examined, diagnosed, report  string
	continued, page, support, displayFilter, simultaneous, clipped, colon          string
	part, unsigned, off                                                            string
}

var vocabulary = map[Language]words{
	Chinese: {
		title: "%d导联心电图", noTracing: "心电图", name: "姓名", sex: "性别", age: "年龄", id: "病历号", clinic: "科室", time: "检查时间", device: "设备", order: "申请单", indication: "申请原因",
		ours: "自动测量", ofDevice: "设备", statements: "提示", warnings: "注意", critical: "危急值", previous: "前次心电图", uncalibrated: "未定标", absent: "未记录",
		findings: "心电图所见", impression: "诊断意见", reporter: "报告医师", reviewer: "审核医师", signed: "签发时间", examined: "检查单位", diagnosed: "诊断单位", report: "心电图诊断报告",
		continued: "（续后页）", page: "第%d页 共%d页", support: "自动测量与提示仅供医师参考，不作为诊断依据", displayFilter: "显示滤波",
		simultaneous: "各列同步", clipped: "超出纸面", colon: "：", part: "%s–%s，记录长%s", unsigned: "未签发", off: "导联脱落",
	},
	English: {
		title: "%d-lead electrocardiogram", noTracing: "Electrocardiogram", name: "Name", sex: "Sex", age: "Age", id: "ID", clinic: "Clinic", time: "Recorded", device: "Device", order: "Order", indication: "Indication",
		ours: "Measured", ofDevice: "Device", statements: "Statements", warnings: "Note", critical: "CRITICAL", previous: "Previous ECG", uncalibrated: "not calibrated", absent: "not recorded",
		findings: "Findings", impression: "Impression", reporter: "Reported by", reviewer: "Reviewed by", signed: "Signed", examined: "Examined at", diagnosed: "Diagnosed at", report: "Electrocardiogram report",
		continued: "(continued)", page: "page %d of %d", support: "Automatic measurements and statements are decision support; a physician decides", displayFilter: "display filter",
		simultaneous: "columns simultaneous", clipped: "exceeds the paper", colon: ": ", part: "%s–%s of %s", unsigned: "not signed", off: "lead off",
	},
}

func (s *Sheet) words() *words {
	w, ok := vocabulary[s.Language]
	if !ok {
		w = vocabulary[Chinese]
	}
	return &w
}
