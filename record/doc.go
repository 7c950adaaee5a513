// Package record holds the words that every room of Lianzhen says: ids, patient, exam, result, event, time,
// personal data, scope and error kinds. It imports nothing of ours and holds no SQL.
//
// Glossary (standard term, 中文, meaning here):
//
//	Institution   医疗机构      a hospital, township clinic, village post, community or bureau; a node of a graph
//	Community     医共体        a close-knit county medical community; an Institution of kind "community"
//	Centre        诊断中心      one of the county's centres: imaging, ecg, pathology, lab
//	Patient       患者          one person as far as certain identity reaches
//	Exam          检查          one examination: an imaging study, a tracing, a panel of results
//	Case          病例          one exam waiting for, or having, a report; lives in the reading room
//	Report        报告          an immutable version of what was concluded
//	Result        结果          what other institutions may recognise: an exam with its final report
//	Recognition   互认          using a result of another institution instead of repeating the examination
//	Mark          互认标识 HR    the sign that a result may be recognised, with scope and validity
//	Critical value 危急值       a finding that must reach a responsible person now
//	Scope         权限范围      what the caller may touch, already decided; rooms filter by it
//	Event         事件          what happened, append-only and ordered; audit and change feed in one
package record
