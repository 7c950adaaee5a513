package gateway

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/lianzhen/lianzhen/authz"
)

// everyRPC is every method of our API, from its descriptors.
func everyRPC() (out []protoreflect.MethodDescriptor) {
	protoregistry.GlobalFiles.RangeFilesByPackage("lianzhen.v1", func(f protoreflect.FileDescriptor) bool {
		for i := range f.Services().Len() {
			methods := f.Services().Get(i).Methods()
			for j := range methods.Len() {
				out = append(out, methods.Get(j))
			}
		}
		return true
	})
	return out
}

func fullMethod(m protoreflect.MethodDescriptor) string {
	return "/" + string(m.Parent().FullName()) + "/" + string(m.Name())
}

func TestEveryDoorHasARule(t *testing.T) {
	h := newHouse(t)
	known := map[string]bool{}
	for _, m := range everyRPC() {
		known[fullMethod(m)] = true
	}
	for name, info := range h.public.GetServiceInfo() {
		for _, m := range info.Methods {
			known["/"+name+"/"+m.Name] = true
		}
	}
	if len(known) < 77 {
		t.Fatalf("only %d methods found", len(known))
	}
	for m := range known {
		checkRule(t, m, rpcRules[m])
	}
	for m := range rpcRules {
		if !known[m] {
			t.Errorf("%s: a rule without a method", m)
		}
	}
	for _, r := range h.routes() {
		checkRule(t, r.pattern, r.rule)
	}
}

func checkRule(t *testing.T, door string, r rule) {
	t.Helper()
	switch {
	case r == rule{}:
		t.Errorf("%s: no rule", door)
	case r.open && (r.kind != "" || r.act != ""):
		t.Errorf("%s: open, and with a permission", door)
	case !r.open && !slices.Contains(authz.Acts(r.kind), r.act):
		t.Errorf("%s: %s.%s is not in the vocabulary", door, r.kind, r.act)
	}
}

func TestOnlyFewDoorsAreOpen(t *testing.T) {
	for m, r := range rpcRules {
		if r.open && !strings.HasPrefix(m, "/grpc.") && m != "/lianzhen.v1.SessionService/SignIn" {
			t.Errorf("%s is open", m)
		}
	}
}
