// Writing multipart/related (RFC 2387, PS3.18 §8.7.1). What is in a part is known before the first byte, and mostly its length.

package dicomweb

import (
	"io"
	"net/http"
	"strconv"
)

// related is the Content-Type of an answer in parts of a type.
func related(media, boundary string) string {
	return `multipart/related; type="` + media + `"; boundary=` + boundary
}

// piece is one part.
type piece struct {
	media    string // with its parameters
	location string // Content-Location; none if empty
	size     int64  // bytes of the body; -1 when not known
	write    func(w io.Writer) error
}

func (p *piece) head(boundary string, first bool) string {
	h := "\r\n--" + boundary + "\r\nContent-Type: " + p.media + "\r\n"
	if first {
		h = h[2:]
	}
	if p.location != "" {
		h += "Content-Location: " + p.location + "\r\n"
	}
	if p.size >= 0 {
		h += "Content-Length: " + strconv.FormatInt(p.size, 10) + "\r\n"
	}
	return h + "\r\n"
}

// sendRelated answers with parts. The boundary follows from the entity tag, so that the same answer has the same bytes.
func (d *Door) sendRelated(w http.ResponseWriter, r *http.Request, media, tag string, pieces []piece) error {
	boundary := "lz" + tag[1:33]
	end := "\r\n--" + boundary + "--\r\n"
	h := w.Header()
	h.Set("Content-Type", related(media, boundary))
	if n := length(pieces, boundary, end); n >= 0 {
		h.Set("Content-Length", strconv.FormatInt(n, 10))
	}
	if r.Method == http.MethodHead {
		return nil
	}
	for i := range pieces {
		if _, err := io.WriteString(w, pieces[i].head(boundary, i == 0)); err != nil {
			return err
		}
		if err := pieces[i].write(w); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, end)
	return err
}

// length is that of the whole answer, -1 when one part's is not known.
func length(pieces []piece, boundary, end string) int64 {
	n := int64(len(end))
	for i := range pieces {
		if pieces[i].size < 0 {
			return -1
		}
		n += int64(len(pieces[i].head(boundary, i == 0))) + pieces[i].size
	}
	return n
}
