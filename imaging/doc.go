// Package imaging is the imaging centre: it takes DICOM objects, keeps them as they came, finds them again and hands
// them out. Doors (gRPC, REST, DICOMweb, DIMSE) decode and call it; it knows no wire format but Part 10.
//
// The way in: bytes into a spool while the scanner walks them; then into a blob (a pack for small objects); then one
// transaction that indexes them, matches the patient and notes the event; then the acknowledgement. A study is open
// until it is finished or quiet; then its case goes to the reading room.
package imaging
