package dicom

// inBlock is a private element, by its index, that names its creator instead of its block.
type inBlock struct {
	i       int
	creator string
}

// place moves private elements into the block that their creator has, or gets (PS3.5 §7.8.1).
func (d *DataSet) place(private []inBlock) bool {
	type key struct {
		group   uint16
		creator string
	}
	blocks := map[key]Tag{}
	taken := map[Tag]bool{}
	named := map[int]bool{}
	for _, p := range private {
		named[p.i] = true
	}
	for i := range d.Elements {
		if el := &d.Elements[i]; el.Tag.Private() && el.Tag.Element() >= 0x10 && el.Tag.Element() <= 0xFF && !named[i] && len(private) > 0 {
			blocks[key{el.Tag.Group(), trimmed(el.Value)}] = el.Tag
			taken[el.Tag] = true
		}
	}
	for _, p := range private {
		el := &d.Elements[p.i]
		if !el.Tag.Private() || el.Tag.Element() > 0xFF {
			continue
		}
		k := key{el.Tag.Group(), p.creator}
		block, ok := blocks[k]
		if !ok {
			for block = el.Tag&0xFFFF0000 | 0x10; taken[block]; block++ {
				if block.Element() == 0xFF {
					return false
				}
			}
			blocks[k], taken[block] = block, true
			d.take(Element{Tag: block, VR: LO, Value: []byte(p.creator)})
			el = &d.Elements[p.i]
		}
		el.Tag |= Tag(block.Element()) << 8
	}
	return true
}
