package worklist

import "github.com/lianzhen/lianzhen/codec/dicom"

// answer gives exactly the attributes that the keys name, those that the thing has not empty (PS3.4 C.2.2.1.2). A sequence
// without keys of its own is given whole; of others, the items that match.
func (m matcher) answer(thing, keys *dicom.DataSet) *dicom.DataSet {
	out := dicom.NewDataSet()
	for i := range keys.Elements {
		key := &keys.Elements[i]
		if notKeys[key.Tag] || key.Tag.Element() == 0 {
			continue
		}
		out.Set(dicom.Element{Tag: key.Tag, VR: vrOf(key)})
		if vrOf(key) == dicom.SQ && len(key.Items) > 0 && len(key.Items[0].Elements) > 0 {
			out.SetItems(key.Tag, m.answerItems(thing.Items(key.Tag), &key.Items[0])...)
			continue
		}
		out.CopyFrom(thing, key.Tag)
	}
	return out
}

func (m matcher) answerItems(items []dicom.DataSet, keys *dicom.DataSet) (out []*dicom.DataSet) {
	for i := range items {
		if m.matches(&items[i], keys) {
			out = append(out, m.answer(&items[i], keys))
		}
	}
	return out
}
