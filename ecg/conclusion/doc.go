// Package conclusion holds the coded conclusions of the electrocardiogram 编码结论: what a doctor picks by a few keys, what is drafted from
// findings, and what has changed since the previous recording. All of it is data in this folder:
//
//	statements.yaml  the statements: the list of AHA/ACCF/HRS 2007 by its numbers, and our own (LZ) for what Chinese reports say daily
//	drafts.yaml      which statement a finding drafts, with its urgency, and whole conclusions at one key
//	serial.yaml      how large a difference between two recordings must be to count
//
// A draft is decision support: a doctor accepts or changes it.
package conclusion
