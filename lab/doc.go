// Package lab is the laboratory centre 医学检验中心: results of people's specimens from every door, their versions, their validation, what
// became of them. Its desks keep what it stands on: lab/catalogue what codes mean, lab/specimen orders and tubes, lab/quality the controls.
//
// A message is kept as it came, decoded (lab/v2, lab/analyser, lab/table) to the one model (lab/observation), and taken in one transaction:
//
//	accept.go   bytes -> message -> pack -> transaction -> answer     arrive.go  whose it is, which report
//	version.go  which version of a row counts, which is shown         judge.go   interval, flags, delta, verdict, quality
//	release.go  validation by persons, the reading room's signature   recall.go  who saw what no longer stands
//	find.go     reports inside a scope                                trend.go   one analyte over years and institutions
//	quarantine.go parked.go what waits for a person or for a specimen   fsck.go reindex.go
package lab
