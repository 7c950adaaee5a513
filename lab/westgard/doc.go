// Package westgard judges control measurements by the multirule procedure of Westgard (Clin Chem 1981;27:493-501), as CLSI C24 and WS/T 641
// use it. It knows no database: points go into a Chart one after the other, in the order in which they were measured, and each comes back with
// what it broke and the points that made it so.
//
// All limits are exceeded only beyond them: a point exactly at mean + 2s has not exceeded 2s ("exceeds the mean plus 2s"), and a point exactly
// at the mean lies on neither side. Limits are compared in exact decimals without dividing, so that no rounding moves a point over a limit.
//
// What "consecutive" means:
//
//	within   the last points of the same level, over any number of runs
//	across   the last points of all levels in their order; for 2_2s and 2of3_2s those of one run only
//	R_4s     two points of one run, one beyond +2s and one beyond -2s; never over two runs. A difference of more than 4s that is made
//	         otherwise (+2.8s and -1.3s) does not count: it is Westgard's "one exceeds +2s and another exceeds -2s"
//	7_T      seven points of one level, each strictly above the one before, or each strictly below
//
//	rule.go        the rules and their names
//	chart.go       points in, judgements out
//	statistics.go  mean, SD, CV, bias, sigma
package westgard
