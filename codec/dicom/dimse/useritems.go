package dimse

import (
	"encoding/binary"

	"github.com/lianzhen/lianzhen/codec/dicom"
)

// userItems is the user information of an association PDU (PS3.8 §D, PS3.7 §D.3.3).
type userItems struct {
	maxPDU           uint32
	class            dicom.UID
	version          string
	window           *Window
	roles            map[dicom.UID]Roles
	extended         map[dicom.UID][]byte
	common           []CommonExtended
	identity         *Identity
	identityResponse []byte
	order            []dicom.UID // in which roles and extended are written
}

// userOfRequest collects what a request says.
func userOfRequest(q *Request) *userItems {
	u := &userItems{
		maxPDU: q.MaxPDU, class: q.ImplementationClass, version: q.ImplementationVersion, window: q.Window, identity: q.Identity,
		common: q.CommonExtended,
	}
	for i := range q.Contexts {
		u.note(q.Contexts[i].AbstractSyntax, q.Contexts[i].Roles, q.Contexts[i].Extended)
	}
	return u
}

// note keeps what is negotiated for a SOP class; the first context that says something counts.
func (u *userItems) note(class dicom.UID, roles *Roles, extended []byte) {
	if u.roles == nil {
		u.roles, u.extended = map[dicom.UID]Roles{}, map[dicom.UID][]byte{}
	}
	_, hasRoles := u.roles[class]
	_, hasExtended := u.extended[class]
	if !hasRoles && !hasExtended && (roles != nil || extended != nil) {
		u.order = append(u.order, class)
	}
	if roles != nil && !hasRoles {
		u.roles[class] = *roles
	}
	if extended != nil && !hasExtended {
		u.extended[class] = extended
	}
}

// request gives what was parsed to the request and its contexts.
func (u *userItems) request(q *Request) {
	q.MaxPDU, q.ImplementationClass, q.ImplementationVersion = u.maxPDU, u.class, u.version
	q.Window, q.Identity, q.CommonExtended = u.window, u.identity, u.common
	for i := range q.Contexts {
		p := &q.Contexts[i]
		if r, ok := u.roles[p.AbstractSyntax]; ok {
			p.Roles = &r
		}
		p.Extended = u.extended[p.AbstractSyntax]
	}
}

func (u *userItems) parse(b []byte, at int) error {
	return items(b, at, maxUserItems, func(t byte, v []byte, at int) error {
		f := fields{b: v, at: at}
		switch t {
		case itemMaxLength:
			u.maxPDU = f.u32()
		case itemImplementation:
			u.class = dicom.UID(trim(v)) // ours to log, not to judge
			return nil
		case itemVersion:
			u.version = trim(v)
			return nil
		case itemWindow:
			u.window = &Window{Invoked: f.u16(), Performed: f.u16()}
		case itemRoles:
			class := f.uid()
			u.note(class, &Roles{SCU: f.u8() == 1, SCP: f.u8() == 1}, nil)
		case itemExtended:
			class := f.uid()
			u.note(class, nil, append([]byte{}, f.rest()...))
		case itemCommonExtended:
			u.common = append(u.common, f.commonExtended())
		case itemIdentity:
			i := &Identity{Type: IdentityType(f.u8()), ResponseWanted: f.u8() == 1}
			i.Primary, i.Passcode = f.counted(), f.counted()
			u.identity = i
		case itemIdentityResponse:
			u.identityResponse = f.counted()
		}
		return f.err
	})
}

// append writes the items in the order of PS3.7 §D.3.3.
func (u *userItems) append(b []byte) []byte {
	b = appendItem(b, itemMaxLength, binary.BigEndian.AppendUint32(nil, u.maxPDU))
	b = appendUID(b, itemImplementation, u.class)
	if u.window != nil {
		w := binary.BigEndian.AppendUint16(nil, u.window.Invoked)
		b = appendItem(b, itemWindow, binary.BigEndian.AppendUint16(w, u.window.Performed))
	}
	for _, class := range u.order {
		if r, ok := u.roles[class]; ok {
			b = appendItem(b, itemRoles, append(counted(nil, []byte(class)), bit(r.SCU), bit(r.SCP)))
		}
	}
	if u.version != "" {
		b = appendItem(b, itemVersion, []byte(u.version))
	}
	for _, class := range u.order {
		if x := u.extended[class]; x != nil {
			b = appendItem(b, itemExtended, append(counted(nil, []byte(class)), x...))
		}
	}
	for _, c := range u.common {
		var related []byte
		for _, uid := range c.Related {
			related = counted(related, []byte(uid))
		}
		v := counted(counted(nil, []byte(c.SOPClass)), []byte(c.ServiceClass))
		b = appendItem(b, itemCommonExtended, counted(v, related))
	}
	if i := u.identity; i != nil {
		v := counted([]byte{byte(i.Type), bit(i.ResponseWanted)}, i.Primary)
		b = appendItem(b, itemIdentity, counted(v, i.Passcode))
	}
	if u.identityResponse != nil {
		b = appendItem(b, itemIdentityResponse, counted(nil, u.identityResponse))
	}
	return b
}

func bit(v bool) byte {
	if v {
		return 1
	}
	return 0
}

func counted(b, v []byte) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(v))), v...)
}

// fields reads the inside of an item; the first mistake is kept and everything after it is zero.
type fields struct {
	b   []byte
	at  int
	err error
}

func (f *fields) take(n int) []byte {
	if f.err == nil && n > len(f.b) {
		f.err = fault(dicom.Truncated, f.at, "%d bytes in a user item", n)
	}
	if f.err != nil {
		return make([]byte, min(n, 4))
	}
	v := f.b[:n]
	f.b, f.at = f.b[n:], f.at+n
	return v
}

func (f *fields) u8() byte    { return f.take(1)[0] }
func (f *fields) u16() uint16 { return binary.BigEndian.Uint16(f.take(2)) }
func (f *fields) u32() uint32 { return binary.BigEndian.Uint32(f.take(4)) }

// counted is a value behind its 16-bit length, a copy.
func (f *fields) counted() []byte {
	v := f.take(int(f.u16()))
	if f.err != nil {
		return nil
	}
	return append([]byte{}, v...)
}

func (f *fields) rest() []byte { return f.take(len(f.b)) }

func (f *fields) uid() (uid dicom.UID) {
	at, v := f.at, f.counted()
	if f.err == nil {
		f.err = syntaxName(&uid, v, at)
	}
	return uid
}

func (f *fields) commonExtended() CommonExtended {
	c := CommonExtended{SOPClass: f.uid(), ServiceClass: f.uid()}
	at := f.at + 2
	related := fields{at: at, b: f.counted()}
	related.err = f.err
	for len(related.b) > 0 && related.err == nil {
		c.Related = append(c.Related, related.uid())
	}
	if f.err == nil {
		f.err = related.err
	}
	return c
}
