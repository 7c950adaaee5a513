// Package hl7 reads and writes HL7 version 2 messages, 2.3 to 2.8: the "pipes and hats" of hospital and laboratory systems. Bytes become text
// first and are split afterwards, since 464 Chinese characters of GB 18030 have a delimiter as their second byte. A message is an index of
// offsets over its text; a leaf is unescaped when it is asked for. Raw bytes are kept.
//
// Where things are:
//
//	charset.go  bytes to text and back            parse.go    text to an index of segments and fields
//	segment.go  reading segments and fields       types.go    CX XPN CWE EI SN and other data types
//	time.go     dates and times                   escape.go   escape sequences
//	build.go    writing messages                  ack.go      acknowledgements, original and enhanced
//	batch.go    FHS, BHS and several messages in one
package hl7
