package dicom

import (
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/suyashkumar/dicom/pkg/tag"
)

// keywords remembers what Keyword found, since the library looks through its whole dictionary. It holds entries of the
// dictionary only, so nothing that others send makes it grow beyond that.
var keywords sync.Map

const maxKeyword = 80

// Keyword finds the attribute by its name in PS3.6, "PatientName". It is false for unknown ones.
func Keyword(name string) (Tag, bool) {
	if t, ok := keywords.Load(name); ok {
		return t.(Tag), true
	}
	if len(name) == 0 || len(name) > maxKeyword || strings.IndexFunc(name, noLetter) >= 0 {
		return 0, false
	}
	info, err := tag.FindByKeyword(name)
	if err != nil || info.Keyword != name {
		return 0, false
	}
	t := Tag(info.Tag.Uint32())
	keywords.Store(strings.Clone(name), t)
	return t, true
}

func noLetter(r rune) bool {
	return (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && (r < '0' || r > '9')
}

// ParseTag reads an attribute's name: eight hexadecimal digits or the keyword (PS3.18 §8.3.1.1).
func ParseTag(s string) (Tag, error) {
	if len(s) == 8 {
		if n, err := strconv.ParseUint(s, 16, 32); err == nil {
			return Tag(n), nil
		}
	}
	if t, ok := Keyword(s); ok {
		return t, nil
	}
	return 0, fmt.Errorf("dicom: %.80q is no attribute", s)
}

const maxPath = 32

// ParseTagPath reads the name of an attribute in sequences: names parted by dots, "0040A730.PatientID" (PS3.18 §8.3.1.1).
// All but the last are sequences, as far as the dictionary knows them.
func ParseTagPath(s string) ([]Tag, error) {
	names := strings.SplitN(s, ".", maxPath+1)
	if len(names) > maxPath {
		return nil, fmt.Errorf("dicom: an attribute is nested deeper than %d", maxPath)
	}
	path := make([]Tag, len(names))
	for i, name := range names {
		t, err := ParseTag(name)
		if err != nil {
			return nil, err
		}
		if vr := t.VR(); i+1 < len(names) && vr != SQ && vr != UN {
			return nil, fmt.Errorf("dicom: %v is no sequence", t)
		}
		path[i] = t
	}
	return path, nil
}
