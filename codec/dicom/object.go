package dicom

// Object is what Scan found in a Part 10 stream.
type Object struct {
	TransferSyntax UID
	Header         *Header
	Size           int64      // of the stream; for a deflated object, of its inflated form
	Pixels         *PixelData // nil when there are none

	// Deflated objects are compressed as a whole: offsets are those of the inflated form and no range of the stored bytes is
	// a frame.
	Deflated bool

	body int64 // offset of the data set, behind group 2

	// PreambleHostile: the preamble opens as a program or an archive would (PE, ELF, Mach-O, ZIP, script), so that the file
	// must never be handed out under a name or a type that runs it (PS3.10 §7.5).
	PreambleHostile bool
}

// Meta is the file meta information (PS3.10 §7.1).
type Meta struct {
	SOPClass, SOPInstance, TransferSyntax, ImplementationClass UID

	ImplementationVersion, SourceAE string
}

// hostile are the first bytes by which systems know a program or an archive.
var hostile = []string{"MZ", "\x7fELF", "PK\x03\x04", "#!", "\xcf\xfa\xed\xfe", "\xce\xfa\xed\xfe", "\xca\xfe\xba\xbe", "%PDF", "Rar!", "7z\xbc\xaf"}
