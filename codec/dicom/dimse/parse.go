package dimse

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/lianzhen/lianzhen/codec/dicom"
)

// ParseCommand reads a command set. Elements it does not know, and the group length, are passed over; those it knows must
// have the right length, and those without which nothing can be done must be there.
func ParseCommand(b []byte) (Command, error) {
	var c Command
	if len(b) > maxCommand {
		return c, fault(dicom.Limit, 0, "command set of %d bytes", len(b))
	}
	var seen fieldSet
	for at := 0; at < len(b); {
		if len(b)-at < 8 {
			return c, fault(dicom.Truncated, at, "command element")
		}
		group, el := binary.LittleEndian.Uint16(b[at:]), binary.LittleEndian.Uint16(b[at+2:])
		n := binary.LittleEndian.Uint32(b[at+4:])
		if group != 0 {
			return c, fault(dicom.Structure, at, "group %04X in a command set", group)
		}
		if int64(n) > int64(len(b)-at-8) {
			return c, fault(dicom.Truncated, at, "command element %04X of %d bytes", el, n)
		}
		if err := c.element(el, b[at+8:at+8+int(n)], &seen); err != nil {
			return c, fault(dicom.Structure, at, "command element %04X: %s", el, err)
		}
		at += 8 + int(n)
	}
	return c, seen.enough(&c)
}

// fieldSet says which elements came that every command needs.
type fieldSet struct{ field, id, respondedTo, dataSet, status bool }

func (s *fieldSet) enough(c *Command) error {
	var missing string
	switch {
	case !s.field:
		missing = "Command Field"
	case !s.dataSet:
		missing = "Command Data Set Type"
	case c.Field == CCancelRQ && !s.respondedTo:
		missing = "Message ID Being Responded To"
	case c.Field.IsResponse() && !s.respondedTo:
		missing = "Message ID Being Responded To"
	case c.Field.IsResponse() && !s.status:
		missing = "Status"
	case !c.Field.IsResponse() && c.Field != CCancelRQ && !s.id:
		missing = "Message ID"
	default:
		return nil
	}
	return fault(dicom.Missing, 0, "command set without %s", missing)
}

func (c *Command) element(el uint16, v []byte, seen *fieldSet) (err error) {
	number := func(to *uint16, had *bool) {
		if len(v) != 2 {
			err = fmt.Errorf("%d bytes instead of 2", len(v))
			return
		}
		*to = binary.LittleEndian.Uint16(v)
		if had != nil {
			*had = true
		}
	}
	var n uint16
	switch el {
	case elField:
		number((*uint16)(&c.Field), &seen.field)
	case elMessageID:
		number(&c.MessageID, &seen.id)
	case elRespondedTo:
		number(&c.RespondedTo, &seen.respondedTo)
	case elDataSetType:
		number(&n, &seen.dataSet)
		c.HasData = n != noDataSet
	case elStatus:
		number((*uint16)(&c.Status), &seen.status)
	case elPriority:
		number((*uint16)(&c.Priority), nil)
	case elErrorID:
		number(&c.ErrorID, nil)
	case elEventType:
		number(&c.EventType, nil)
	case elActionType:
		number(&c.ActionType, nil)
	case elMoveOriginatorID:
		number(&c.MoveOriginatorID, nil)
	case elRemaining, elCompleted, elFailed, elWarning:
		if c.Sub == nil {
			c.Sub = &SubOperations{}
		}
		number([]*uint16{&c.Sub.Remaining, &c.Sub.Completed, &c.Sub.Failed, &c.Sub.Warning}[el-elRemaining], nil)
	case elAffectedClass, elRequestedClass:
		err = takeUID(&c.SOPClass, v)
	case elAffectedInstance, elRequestedInstance:
		err = takeUID(&c.SOPInstance, v)
	case elMoveDestination:
		c.MoveDestination, err = aeTitle(v)
	case elMoveOriginator:
		c.MoveOriginator, err = aeTitle(v)
	case elErrorComment:
		c.ErrorComment = strings.ToValidUTF8(trim(v), "�")
	case elOffending:
		c.Offending, err = takeTags(v)
	case elAttributes:
		c.Attributes, err = takeTags(v)
	}
	return err
}

// takeUID keeps a UID as it came, without its pad; whether it is Valid is for the service to judge, so that it can answer.
func takeUID(to *dicom.UID, v []byte) error {
	uid := trim(v)
	if len(uid) > 64 {
		return fmt.Errorf("UID of %d characters", len(uid))
	}
	*to = dicom.UID(uid)
	return nil
}

func takeTags(v []byte) ([]dicom.Tag, error) {
	if len(v)%4 != 0 {
		return nil, fmt.Errorf("%d bytes of tags", len(v))
	}
	tags := make([]dicom.Tag, len(v)/4)
	for i := range tags {
		tags[i] = dicom.Tag(uint32(binary.LittleEndian.Uint16(v[4*i:]))<<16 | uint32(binary.LittleEndian.Uint16(v[4*i+2:])))
	}
	return tags, nil
}

// aeTitle reads an application entity title: 16 characters of the default repertoire, blanks at both ends meaningless
// (PS3.5 §6.2).
func aeTitle(v []byte) (string, error) {
	title := trim(v)
	if len(title) > 16 {
		return "", fmt.Errorf("AE title of %d characters", len(title))
	}
	for i := range len(title) {
		if title[i] < ' ' || title[i] > '~' || title[i] == '\\' {
			return "", fmt.Errorf("AE title with byte %02X", title[i])
		}
	}
	return title, nil
}

func trim(v []byte) string { return strings.Trim(string(v), " \x00") }

func fault(kind dicom.Kind, at int, format string, args ...any) error {
	return &dicom.FormatError{Kind: kind, Offset: int64(at), Reason: fmt.Sprintf(format, args...)}
}
