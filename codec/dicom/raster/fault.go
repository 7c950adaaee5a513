package raster

import (
	"fmt"

	"github.com/lianzhen/lianzhen/codec/dicom"
)

// Unsupported says that pixels are well formed as far as we look, but in a form we do not read, write or show. Doors answer
// 406 with the Reason, which holds attribute values of the image pixel module only.
type Unsupported struct {
	Syntax dicom.UID // of the pixel data; empty when it is not the syntax that stands in the way
	Reason string
}

// Error writes the reason and the transfer syntax.
func (u *Unsupported) Error() string {
	if u.Syntax == "" {
		return "raster: " + u.Reason
	}
	return "raster: transfer syntax " + string(u.Syntax) + ": " + u.Reason
}

func unsupported(syntax dicom.UID, format string, args ...any) error {
	return &Unsupported{Syntax: syntax, Reason: fmt.Sprintf(format, args...)}
}

// refuse is a refusal of a frame or a description; offsets are those of the frame.
func refuse(kind dicom.Kind, format string, args ...any) error {
	return &dicom.FormatError{Kind: kind, Reason: fmt.Sprintf(format, args...)}
}
