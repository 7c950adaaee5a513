// The closed vocabulary of permission. A word that is not here is refused by the lint and reaches nothing.

package authz

import (
	"maps"
	"slices"

	"github.com/lianzhen/lianzhen/record"
)

// The roles. The last three are for programs, which get them by what they are and not by a grant.
const (
	Technician       = "technician"        // 技师
	Clinician        = "clinician"         // 临床医师
	Reader           = "reader"            // 诊断医师
	Reviewer         = "reviewer"          // 审核医师
	CentreAdmin      = "centre_admin"      // 诊断中心管理员
	InstitutionAdmin = "institution_admin" // 机构管理员
	CommunityAdmin   = "community_admin"   // 医共体管理员
	PlatformAdmin    = "platform_admin"    // 系统管理员
	SecurityAdmin    = "security_admin"    // 安全管理员
	AuditAdmin       = "audit_admin"       // 审计管理员
	Supervisor       = "supervisor"        // 监管
	DeviceRole       = "device"            // a modality, by AE title
	WorkstationRole  = "workstation"       // a reading workstation or viewer of a centre's hospital, by AE title
	HISRole          = "his"               // a hospital information system, by API key or certificate
)

// Root is the institution above all: "below" it is everything.
const Root record.InstitutionID = "platform"

var (
	roleWords = []string{
		Technician, Clinician, Reader, Reviewer, CentreAdmin, InstitutionAdmin, CommunityAdmin,
		PlatformAdmin, SecurityAdmin, AuditAdmin, Supervisor, DeviceRole, WorkstationRole, HISRole,
	}
	// officers are the three administrators of 等保2.0 (三员): no two on one person, and none with patient data.
	officers = []string{PlatformAdmin, SecurityAdmin, AuditAdmin}
	// medical are the roles that reach patient data.
	medical = []string{Technician, Clinician, Reader, Reviewer, CentreAdmin, DeviceRole, WorkstationRole, HISRole}
)

// vocabulary is every act of every kind of thing.
var vocabulary = map[string][]string{
	"imaging":     {"write", "read", "finish", "resolve", "forward", "correct", "teach"},
	"ecg":         {"write", "read", "resolve", "correct", "rules"},
	"lab":         {"write", "read", "order", "query", "specimen", "resolve", "correct", "rules", "control"},
	"worklist":    {"read", "write", "perform"},
	"case":        {"list", "claim", "draft", "submit", "review", "sign", "amend", "withdraw", "priority"},
	"report":      {"read"},
	"critical":    {"raise", "acknowledge", "read"},
	"result":      {"read", "watch"},
	"recognition": {"check", "decide", "read"},
	"patient":     {"register", "read", "link", "consent", "encounter"},
	"directory":   {"read", "manage"},
	"people":      {"read", "manage"},
	"policy":      {"read", "manage"},
	"audit":       {"read", "verify"},
	"session":     {"own"},
}

// patientKinds are the kinds whose rows are about patients: the purpose is treatment where the caller names none, and
// withdrawn consent hides them.
var patientKinds = map[string]bool{
	"imaging": true, "ecg": true, "lab": true, "case": true, "report": true, "critical": true, "result": true,
	"recognition": true, "patient": true, "worklist": true,
}

var purposes = []record.Purpose{
	record.Treatment, record.EmergencyTreatment, record.Operations, record.PublicHealth,
	record.Research,
}

// Kinds lists the kinds of thing that policies speak of.
func Kinds() []string { return slices.Sorted(maps.Keys(vocabulary)) }

// Acts lists what can be done to a kind, nil for an unknown kind.
func Acts(kind string) []string { return slices.Clone(vocabulary[kind]) }

// Roles lists the roles that a person can be granted.
func Roles() []string {
	return slices.DeleteFunc(slices.Clone(roleWords), func(r string) bool { return r == DeviceRole || r == WorkstationRole || r == HISRole })
}

// keyScopes is what a scope of an API key or certificate covers. It narrows what the role "his" may do, never widens.
// A doctor's system that reads images needs the report beside them, so each read covers what is looked at together.
var keyScopes = map[string][]string{
	"imaging:write":     {"imaging.write", "imaging.finish"},
	"imaging:read":      {"imaging.read", "result.read", "report.read"},
	"imaging:forward":   {"imaging.forward"},
	"ecg:write":         {"ecg.write"},
	"ecg:read":          {"ecg.read", "result.read", "report.read"},
	"lab:write":         {"lab.write", "lab.query"},
	"lab:read":          {"lab.read", "result.read", "report.read"},
	"lab:order":         {"lab.order", "lab.specimen", "lab.query"},
	"lab:control":       {"lab.control"},
	"worklist:read":     {"worklist.read"},
	"worklist:write":    {"worklist.write", "worklist.perform", "worklist.read"},
	"reading:read":      {"case.list", "report.read", "result.read", "result.watch", "critical.read"},
	"reading:write":     {"case.priority", "critical.acknowledge"},
	"recognition:read":  {"recognition.read", "result.read", "report.read"},
	"recognition:write": {"recognition.check", "recognition.decide", "recognition.read"},
	"patient:read":      {"patient.read"},
	"patient:write":     {"patient.register", "patient.encounter", "patient.consent", "patient.read"},
	"directory:read":    {"directory.read"},
}

// KeyScopes lists the scopes that an API key or certificate can have.
func KeyScopes() []string { return slices.Sorted(maps.Keys(keyScopes)) }

// covered reports whether key scopes cover an act. Every program may ask who it is.
func covered(scopes []string, kind, act string) bool {
	if kind == "session" {
		return true
	}
	for _, s := range scopes {
		for _, c := range keyScopes[s] {
			if len(c) == len(kind)+1+len(act) && c[:len(kind)] == kind && c[len(kind)] == '.' && c[len(kind)+1:] == act {
				return true
			}
		}
	}
	return false
}

func defaultPurpose(kind string) record.Purpose {
	if patientKinds[kind] {
		return record.Treatment
	}
	return record.Operations
}
