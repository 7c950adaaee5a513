// Package dicom reads and writes DICOM Part 10 objects (PS3.10) without ever holding their pixels.
//
// Scan walks a stream once, forward, with bounded memory, and says whether it is complete and well formed, where every frame
// lies, and what its header says. It is the only way in: nothing here trusts a length, a VR, a character set or a name that a
// sender wrote. github.com/suyashkumar/dicom gives the data dictionary, the date and time grammar and, through
// Header.Library, a parsed data set rewritten by us from what Scan has already checked; it never sees a sender's bytes.
//
// A DataSet is built and changed by its setters, and read and written as DIMSE carries it (ReadDataSet, AppendDataSet), in
// JSON (ParseJSON, AppendJSON) and in XML (ParseXML, AppendXML). Copy writes a scanned object again with other attributes,
// in another transfer syntax or with other frames, without holding more than one of them.
//
// The rules of acceptance:
//   - Part 10 only: 128 bytes of preamble, "DICM", a group 2 with a transfer syntax (PS3.10 §7.1).
//   - SOP Class, SOP Instance, Study and Series Instance UID are present and well formed; group 2 agrees with the data set.
//   - Native pixel data is at least as long as rows × columns × samples × bits × frames; encapsulated pixel data ends with its
//     sequence delimiter and holds at least one fragment for each frame (PS3.5 §8.2, §A.4).
//   - What follows the pixel data must be elements, or zeros to the end. Without pixel data at least eight zeros are needed,
//     since fewer might be the start of a tag.
//   - An image (it has Rows or Bits Allocated, or its SOP class is one of images) has pixel data, a Pixel Data Provider URL,
//     or pixels in an attribute of its maker.
//   - An object of another kind that is cut exactly between two top-level elements after the required UIDs cannot be told
//     from a whole one; senders give a length or a digest for that.
//   - No attribute appears twice in one data set. Attributes out of order are accepted with a warning.
package dicom
