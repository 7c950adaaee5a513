package dicom

import "slices"

// partial is what was read before the fault, for Options.Partial; nil if it was not asked for or there is nothing.
func (s *scanner) partial() *Object {
	if !s.opt.Partial || s.obj.TransferSyntax == "" {
		return nil
	}
	s.head.arrange()
	s.relabel()
	s.obj.Header, s.obj.Size = s.head, s.off
	return s.obj
}

// arrange puts the attributes in order, which Find relies on, in items too. Of one that is there twice the first stays.
func (d *DataSet) arrange() {
	d.unordered = false
	if !slices.IsSortedFunc(d.Elements, byTag) {
		slices.SortStableFunc(d.Elements, byTag)
	}
	d.Elements = slices.CompactFunc(d.Elements, func(a, b Element) bool { return a.Tag == b.Tag })
	for i := range d.Elements {
		for j := range d.Elements[i].Items {
			d.Elements[i].Items[j].arrange()
		}
	}
}
