// Package analyser turns what laboratory analysers send into results, and orders into what analysers read. What is peculiar to a model
// is data: a profile in YAML says where its barcode, codes, values and flags stand, how its control material is told from
// patients, which quirks its line has. The profiles of the program are those of public descriptions; a county hands in its own.
//
// Where things are:
//
//	profile.go, parse.go, path.go  profiles and how they are read    builtin.go   those of the program
//	decode.go, result.go, patient.go, micro.go  a message to reports  query.go     what an analyser asks
//	answer.go  orders to a message
//
// Nothing that an analyser sent is dropped: a code without a name is a row with its code, a histogram is an attachment, a value
// that is no number is a text. What is beyond the bounds of lab/observation is refused.
package analyser
