// Package store keeps bytes and rows: Blobs (a directory or an S3 server), DB (SQLite or PostgreSQL) with its
// transactions, the tables that two rooms use, and the event table.
//
// The order of keeping is always the same: bytes first, then one transaction, then the acknowledgement. An orphan blob
// is harmless and can be swept; a row without its bytes cannot exist.
//
// One SQL text serves both databases: $1 placeholders, ON CONFLICT, RETURNING, text ids, UTC microseconds, JSON as
// text. What differs between them stands in dialect.go and nowhere else.
package store
