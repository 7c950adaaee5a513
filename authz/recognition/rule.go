// Compiled rules: what is in force for whom and when.

package recognition

import "github.com/lianzhen/lianzhen/record"

// span is when and for whom a rule is in force.
type span struct {
	pack     uint64 // one bit
	from, to int64
}

func (s *span) holds(packs uint64, at int64) bool {
	return s.pack&packs != 0 && s.from <= at && at < s.to
}

type rule struct {
	span
	id       string
	code     string // empty for a community default
	group    string
	kind     record.CentreKind
	windowUS int64
	reported bool
	item     *Item
	family   *family
}

// family is all rules of one code, the narrowest pack first.
type family struct {
	upper string // the code in upper case
	rules []*rule
}

type communityRule struct {
	span
	kinds              []*rule
	certificateAdvised bool // a laboratory result without certificate is left to the doctor
}

func (c *communityRule) byKind(k record.CentreKind) *rule {
	for _, r := range c.kinds {
		if r.kind == k {
			return r
		}
	}
	return nil
}

type tierRule struct {
	span
	same, upward, downward Mask
}

// judge compares the level of the receiver with that of the maker; an unknown level is no obstacle.
func (t *tierRule) judge(receiver, maker int) Mask {
	switch {
	case t == nil || receiver == 0 || maker == 0:
		return 0
	case receiver < maker:
		return t.upward
	case receiver > maker:
		return t.downward
	}
	return t.same
}

type exemptRule struct {
	span
	exempt bool
}

type reasonRule struct {
	span
	Reason
}

// inForce is what pick needs of a rule.
type inForce interface {
	holds(packs uint64, at int64) bool
}

// pick answers the first rule in force; rules are sorted, the narrowest pack first.
func pick[R any, P interface {
	*R
	inForce
}](rules []P, packs uint64, at int64) P {
	for _, r := range rules {
		if r.holds(packs, at) {
			return r
		}
	}
	return nil
}
