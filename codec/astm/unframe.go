// Captures: what stood on a line, read from a file or an upload.

package astm

import (
	"bytes"
	"errors"
	"io"
)

// maxBadFrames is how many frames of a capture may be spoilt.
const maxBadFrames = 1000

// Unframe reads the records of a captured line: frames with their control characters, or bare records. Frames that cannot be taken
// are left out and warned of, repeated ones taken once.
func Unframe(capture []byte, opt Options) (records []byte, warnings []Warning, err error) {
	opt = opt.filled()
	opt.Bare = true
	s := newScanner(bytes.NewReader(capture), &opt)
	var last Frame
	for n := 1; ; {
		t := s.next()
		switch {
		case errors.Is(t.err, io.EOF):
			if len(records) == 0 {
				return nil, warnings, &FormatError{Reason: "no frame and no record"}
			}
			return records, warnings, nil
		case t.err != nil:
			return nil, warnings, t.err
		case t.event == gotBad && len(warnings) >= maxBadFrames:
			return nil, warnings, &FormatError{Reason: "too many frames that cannot be taken"}
		case t.event == gotBad:
			warnings = append(warnings, Warning{Code: "bad-frame", Record: n, Note: t.reason})
			n++
		case t.event == gotBare:
			records = append(append(records, t.frame.Text...), cr)
		case t.event == gotFrame:
			if n > 1 && t.frame.Number == last.Number && bytes.Equal(t.frame.Text, last.Text) {
				break
			}
			last, n = t.frame, n+1
			if records = append(records, t.frame.Text...); t.frame.Last && !bytes.HasSuffix(records, []byte{cr}) {
				records = append(records, cr)
			}
		}
	}
}
