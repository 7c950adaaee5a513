// Package edge is the township program's half of an upload: it finds DICOM objects in folders, knows them by their SHA-256,
// asks the centre what it has, sends the rest over several streams, goes on after a broken line where it stopped, says when a
// study is whole and writes a receipt. It keeps and prints ids, counts and digests only, never who the patient is.
package edge
