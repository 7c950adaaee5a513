// Package v2 turns HL7 version 2 messages into observations and back, by the profile of the link that they come over: results (ORU, OUL),
// orders (OML, ORM), demographics and merges (ADT), host queries (QBP, QRY). Messages are read by the grammar of their kind with recovery: what
// stands in an unexpected place is attached to the nearest group and warned of, nothing is dropped. What a profile says is data; there is no
// code for one sender.
//
// Where things are:
//
//	profile.go  what differs between links        decode.go   which message is what
//	group.go    what belongs to which order       service.go  ORC OBR TQ1
//	patient.go  PID PV1 MRG                       specimen.go SPM SAC
//	result.go   OBX                               value.go    OBX-5 by OBX-2
//	query.go    QPD QRD                           encode*.go  messages out
package v2
