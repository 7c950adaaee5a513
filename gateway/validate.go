// What a request must look like before a room sees it: the rules written in the .proto files, and three that hold for
// every message: no control characters, ids are ids, enums are known.

package gateway

import (
	"errors"
	"fmt"
	"strings"

	"buf.build/go/protovalidate"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
	"github.com/lianzhen/lianzhen/record"
)

type checker struct{ rules protovalidate.Validator }

func newChecker() (*checker, error) {
	v, err := protovalidate.New()
	if err != nil {
		return nil, fmt.Errorf("rules of the messages: %w", err)
	}
	return &checker{v}, nil
}

// message checks one request or one message of a stream.
func (c *checker) message(m any) error {
	if f, ok := m.(*frame); ok {
		return checkFrame(f.req)
	}
	msg, ok := m.(proto.Message)
	if !ok {
		return record.Errorf(record.Invalid, "not a message")
	}
	v := &violations{}
	var found *protovalidate.ValidationError
	err := c.rules.Validate(msg)
	switch {
	case errors.As(err, &found):
		for _, one := range found.Violations {
			v.add(protovalidate.FieldPathString(one.Proto.GetField()), describe(one))
		}
	case err != nil:
		return fmt.Errorf("validate: %w", err)
	}
	v.texts("", msg.ProtoReflect())
	if len(v.fields) > 0 {
		return v
	}
	return nil
}

// maxViolations keeps the answer to a hopeless request short.
const maxViolations = 20

func (v *violations) add(field, text string) {
	if len(v.fields) < maxViolations {
		v.fields = append(v.fields, &errdetails.BadRequest_FieldViolation{Field: field, Description: text})
	}
}

// describe is the rule that was broken. The library's texts name the rule and its bound, not the value; a rule that
// somebody writes in CEL could, so that those are told by their id only.
func describe(v *protovalidate.Violation) string {
	if v.RuleDescriptor == nil {
		return "breaks rule " + v.Proto.GetRuleId()
	}
	return v.Proto.GetMessage()
}

// texts walks everything that is set in m.
func (v *violations) texts(path string, m protoreflect.Message) {
	m.Range(func(fd protoreflect.FieldDescriptor, val protoreflect.Value) bool {
		at := path + string(fd.Name())
		switch {
		case fd.IsMap():
			val.Map().Range(func(k protoreflect.MapKey, item protoreflect.Value) bool {
				v.one(at, fd.MapKey(), k.Value())
				v.one(at, fd.MapValue(), item)
				return true
			})
		case fd.IsList():
			for i := range val.List().Len() {
				v.one(fmt.Sprintf("%s[%d]", at, i), fd, val.List().Get(i))
			}
		default:
			v.one(at, fd, val)
		}
		return len(v.fields) < maxViolations
	})
}

func (v *violations) one(at string, fd protoreflect.FieldDescriptor, val protoreflect.Value) {
	switch fd.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		v.texts(at+".", val.Message())
	case protoreflect.EnumKind:
		if fd.Enum().Values().ByNumber(val.Enum()) == nil {
			v.add(at, "not one of the known values")
		}
	case protoreflect.StringKind:
		switch {
		case strings.ContainsFunc(val.String(), control):
			v.add(at, "control characters are not allowed")
		case isID(fd) && !record.ValidID(val.String()):
			v.add(at, "want 1 to 64 of A-Z a-z 0-9 . _ : -")
		}
	}
}

func control(r rune) bool {
	return r < 0x20 && r != '\n' && r != '\r' && r != '\t' || 0x7f <= r && r <= 0x9f
}

func isID(fd protoreflect.FieldDescriptor) bool {
	name := string(fd.Name())
	return strings.HasSuffix(name, "_id") || strings.HasSuffix(name, "_ids")
}

const maxFrame = 1 << 20

// checkFrame is the rules of UploadRequest by hand: it runs for every piece of every object.
func checkFrame(f *pb.UploadRequest) error {
	if f.GetHandle() == 0 {
		return record.Errorf(record.Invalid, "handle: must be greater than 0")
	}
	switch x := f.GetFrame().(type) {
	case *pb.UploadRequest_Data:
		if len(x.Data) > maxFrame {
			return record.Errorf(record.Invalid, "data: at most %d bytes in one frame", maxFrame)
		}
	case *pb.UploadRequest_Begin:
		return checkBegin(x.Begin)
	case *pb.UploadRequest_End, *pb.UploadRequest_Cancel:
	default:
		return record.Errorf(record.Invalid, "frame: one of begin, data, end, cancel is required")
	}
	return nil
}

func checkBegin(b *pb.UploadBegin) error {
	switch {
	case b.GetSize() <= 0:
		return record.Errorf(record.Invalid, "begin.size: must be greater than 0")
	case b.GetSha256() != "" && !isSHA256(b.GetSha256()):
		return record.Errorf(record.Invalid, "begin.sha256: want 64 lower-case hexadecimal digits")
	case b.GetResume() && b.GetSha256() == "":
		return record.Errorf(record.Invalid, "begin.resume: needs sha256")
	}
	return nil
}

func isSHA256(s string) bool {
	return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == ""
}
