// Package ecg is the ECG centre 心电中心: it takes the file of any cart, keeps it as it came, makes one model of it, measures it, raises
// alarms by rules that are data, and hands it out as paper, samples or another format.
//
// The way in: bytes into a spool; the dialect by content; measured in memory (ambulatory recordings afterwards, streamed); then the blob;
// then one transaction with the patient, the row, the case, the alarms and the event; then the acknowledgement. A file that cannot be
// read waits in quarantine for a person.
//
// The model is tracing.Tracing; its readers and writers stand in codec/tracing. Below this package: beats finds QRS complexes,
// rhythm names rhythms, delineate finds waves, measure makes the numbers, holter summarises days, critical and conclusion hold rules
// and statements as data, paper draws. Everything computed is decision support: a doctor decides.
//
// Events: tracing.received analysed read searched exported refused resolved; ecg.rules.changed ecg.reindexed.
package ecg
