// Package verify judges one laboratory result by the rules of a county: its flag 异常标志, its change since the last one 历史值核查, whether it
// may be released without a person 自动审核 (WS/T 616-2018), and whether it is a critical value 危急值. It is pure: facts in, a verdict out,
// no database, no clock. Numbers are exact decimals.
//
// A verdict carries the facts that it was made of, in the units of the pack, and the digest of the pack. Replay makes it again, and it is
// the same to the last byte: what released a result years ago can be shown to whoever asks.
//
// # Packs
//
// Rules are a YAML pack, see default.yaml. units says in which unit every rule of the pack speaks about an analyte; values in other units
// are converted before they are judged, and what cannot be converted is never released and never silently passed over. Comparisons are
// written ">= 6.5", or a list of them that all hold. A value such as "<0.01" is every number below 0.01: a rule holds certainly, perhaps or
// not, and what holds only perhaps is for a person.
//
//	limits       inside them a result may be released without a person
//	delta        change since the last result, whichever clinic it was of: percent, absolute, or either per day
//	consistency  analytes of one specimen beside each other: "TP > ALB"
//	critical     bounds by age, sex, department; minutes to acknowledge; steps of escalation
//	tests        values that a rule must fire for and values that it must not: run when the pack is read
//
// A rule without tests of both kinds is refused: nobody can rely on a rule that was never seen to fire.
package verify
