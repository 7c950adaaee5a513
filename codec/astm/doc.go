// Package astm speaks with laboratory analysers: the link of ASTM E1381 (CLSI LIS1-A) and the records of ASTM E1394 (CLSI LIS2-A2).
//
// A Link is one connection, of either side: it establishes, transfers, acknowledges, repeats and yields as the standard's state
// table says. A message is acknowledged when its handler has returned: what was acknowledged is kept. Parse reads the records of a
// message, whatever its delimiters and character set; Writer makes them.
//
// Where things are:
//
//	frame.go  frames, checksums, cutting a message into them   scan.go    bytes to frames and control characters
//	state.go  the state table                                  link.go    a connection, its timers and its loop
//	receive.go, send.go  what the transitions do               unframe.go captures of a line, read from a file
//	parse.go  records of a message                             record.go  fields, repeats, components
//	tree.go   which record belongs to which                    write.go   making messages
//
// Analysers differ from the standard in known ways: no checksum, frames beyond 247 characters, no CR LF, several records in a
// frame, no frames at all. Each is an Option, set by the profile of a model.
package astm
