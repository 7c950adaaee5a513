// Looking things up without allocating: codes and body parts are compared without regard to ASCII case.

package recognition

type partKey struct{ modality, part string }

const foldMax = 64

// fold writes s in upper case into buf; too long a text is never found.
func fold(buf *[foldMax]byte, s string) []byte {
	if len(s) > foldMax {
		return nil
	}
	for i := range len(s) {
		buf[i] = upper(s[i])
	}
	return buf[:len(s)]
}

func upper(c byte) byte {
	if 'a' <= c && c <= 'z' {
		return c - 'a' + 'A'
	}
	return c
}

func equalFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if upper(a[i]) != upper(b[i]) {
			return false
		}
	}
	return true
}

func (rb *Rulebook) familyOf(code string) *family {
	if code == "" {
		return nil
	}
	var buf [foldMax]byte
	return rb.byCode[string(fold(&buf, code))]
}

func (rb *Rulebook) partsOf(modality, part string) []*rule {
	if len(modality) > foldMax || len(part) > foldMax {
		return nil
	}
	var m, p [foldMax]byte
	return rb.byPart[partKey{string(fold(&m, modality)), string(fold(&p, part))}]
}
