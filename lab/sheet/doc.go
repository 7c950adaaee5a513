// Package sheet draws a laboratory report 检验报告单 as PDF on A4 or A5: whose it is, what was measured with the range and unit that travelled
// with it, who answers for it, and what has become of it since: preliminary, corrected, withdrawn.
//
// All texts are handed in: this package knows no patient, no catalogue and no rule. Nothing of a result is ever cut: what has no room in its
// column goes on below, and what has none on the page goes on after it.
package sheet
