package dimse

import (
	"encoding/hex"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lianzhen/lianzhen/codec/dicom"
)

// commands has one of every message with all it may carry.
func commands() []Command {
	sub := &SubOperations{Remaining: 4, Completed: 3, Failed: 2, Warning: 1}
	tags := []dicom.Tag{dicom.PatientID, dicom.StudyInstanceUID}
	return []Command{
		{Field: CEchoRQ, MessageID: 1, SOPClass: Verification},
		{Field: CEchoRSP, RespondedTo: 1, SOPClass: Verification},
		{Field: CStoreRQ, MessageID: 7, SOPClass: ctClass, SOPInstance: "1.2.3", Priority: High, HasData: true, MoveOriginator: "MOVER", MoveOriginatorID: 9},
		{Field: CStoreRSP, RespondedTo: 7, SOPClass: ctClass, SOPInstance: "1.2.34", Status: OutOfResources, ErrorComment: "disk is full", Offending: tags, ErrorID: 5},
		{Field: CFindRQ, MessageID: 65535, SOPClass: StudyRootFind, Priority: Low, HasData: true},
		{Field: CFindRSP, RespondedTo: 65535, SOPClass: StudyRootFind, Status: Pending, HasData: true},
		{Field: CMoveRQ, MessageID: 2, SOPClass: StudyRootMove, MoveDestination: "ELSEWHERE", HasData: true},
		{Field: CMoveRSP, RespondedTo: 2, SOPClass: StudyRootMove, Status: Pending, Sub: sub},
		{Field: CMoveRSP, RespondedTo: 2, SOPClass: StudyRootMove, Status: Cancelled, Sub: sub, HasData: true},
		{Field: CGetRQ, MessageID: 2, SOPClass: StudyRootGet, HasData: true},
		{Field: CGetRSP, RespondedTo: 2, SOPClass: StudyRootGet, Sub: &SubOperations{Completed: 3}},
		{Field: CCancelRQ, RespondedTo: 2},
		{Field: NEventReportRQ, MessageID: 3, SOPClass: StorageCommitmentPush, SOPInstance: StorageCommitmentInstance, EventType: 1, HasData: true},
		{Field: NEventReportRSP, RespondedTo: 3, SOPClass: StorageCommitmentPush, SOPInstance: StorageCommitmentInstance, EventType: 1},
		{Field: NGetRQ, MessageID: 3, SOPClass: ModalityPerformedProcedureStep, SOPInstance: "1.2", Attributes: tags},
		{Field: NGetRSP, RespondedTo: 3, SOPClass: ModalityPerformedProcedureStep, SOPInstance: "1.2", HasData: true},
		{Field: NSetRQ, MessageID: 4, SOPClass: ModalityPerformedProcedureStep, SOPInstance: "1.2", HasData: true},
		{Field: NSetRSP, RespondedTo: 4, SOPClass: ModalityPerformedProcedureStep, SOPInstance: "1.2", Status: MayNoLongerBeUpdated},
		{Field: NActionRQ, MessageID: 5, SOPClass: StorageCommitmentPush, SOPInstance: StorageCommitmentInstance, ActionType: 1, HasData: true},
		{Field: NActionRSP, RespondedTo: 5, SOPClass: StorageCommitmentPush, SOPInstance: StorageCommitmentInstance, ActionType: 1},
		{Field: NCreateRQ, MessageID: 6, SOPClass: ModalityPerformedProcedureStep, SOPInstance: "1.2", HasData: true},
		{Field: NCreateRSP, RespondedTo: 6, SOPClass: ModalityPerformedProcedureStep, SOPInstance: "1.2"},
		{Field: NDeleteRQ, MessageID: 8, SOPClass: ModalityPerformedProcedureStep, SOPInstance: "1.2"},
		{Field: NDeleteRSP, RespondedTo: 8, SOPClass: ModalityPerformedProcedureStep, SOPInstance: "1.2", Status: NoSuchSOPInstance},
	}
}

func TestCommandsComeBack(t *testing.T) {
	for _, want := range commands() {
		b := want.Append([]byte("before"))[6:]
		got, err := ParseCommand(b)
		if err != nil {
			t.Fatal(want.Field, err)
		}
		if want.Sub != nil && want.Status.Category() == Completed {
			want.Sub.Remaining = 0
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", want.Field, diff)
		}
		if n := len(b); n%2 != 0 || int(b[8])|int(b[9])<<8 != n-12 {
			t.Errorf("%s: group length", want.Field)
		}
		last := -1
		for at := 0; at < len(b); {
			el := int(b[at+2]) | int(b[at+3])<<8
			if el <= last {
				t.Errorf("%s: element %04X behind %04X", want.Field, el, last)
			}
			last = el
			at += 8 + (int(b[at+4]) | int(b[at+5])<<8)
		}
	}
}

// TestCommandBytes holds one request and one response against bytes written by hand from PS3.7.
func TestCommandBytes(t *testing.T) {
	for _, tc := range []struct {
		name string
		c    Command
		want string
	}{
		{
			"C-ECHO-RQ",
			Command{Field: CEchoRQ, MessageID: 7, SOPClass: Verification},
			"00000000 04000000 38000000" + "00000200 12000000 312e322e3834302e31303030382e312e3100" +
				"00000001 02000000 3000" + "00001001 02000000 0700" + "00000008 02000000 0101",
		},
		{
			"N-DELETE-RQ uses Requested UIDs",
			Command{Field: NDeleteRQ, MessageID: 8, SOPClass: "1.2", SOPInstance: "1.3"},
			"00000000 04000000 36000000" + "00000300 04000000 312e3200" + "00000001 02000000 5001" + "00001001 02000000 0800" +
				"00000008 02000000 0101" + "00000110 04000000 312e3300",
		},
		{
			"N-DELETE-RSP uses Affected UIDs",
			Command{Field: NDeleteRSP, RespondedTo: 8, SOPClass: "1.2", SOPInstance: "1.3", Status: NoSuchSOPInstance},
			"00000000 04000000 40000000" + "00000200 04000000 312e3200" + "00000001 02000000 5081" + "00002001 02000000 0800" +
				"00000008 02000000 0101" + "00000009 02000000 1201" + "00000010 04000000 312e3300",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			want := strings.ReplaceAll(tc.want, " ", "")
			if diff := cmp.Diff(want, hex.EncodeToString(tc.c.Append(nil))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCommandsRefused(t *testing.T) {
	whole := (&Command{Field: CStoreRQ, MessageID: 1, SOPClass: ctClass, SOPInstance: "1.2", HasData: true}).Append(nil)
	edit := func(change func(b []byte) []byte) []byte { return change(append([]byte{}, whole...)) }
	for _, tc := range []struct {
		name string
		b    []byte
	}{
		{"empty", nil},
		{"half a header", whole[:5]},
		{"cut", whole[:len(whole)-1]},
		{"element of 4 GiB", edit(func(b []byte) []byte { copy(b[4:], "\xff\xff\xff\xff"); return b })},
		{"another group", edit(func(b []byte) []byte { b[12] = 8; return b })},
		{"number of one byte", []byte("\x00\x00\x00\x01\x01\x00\x00\x00\x30")},
		{"nothing but a field", []byte("\x00\x00\x00\x01\x02\x00\x00\x00\x30\x00")},
		{"too long", make([]byte, maxCommand+1)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := ParseCommand(tc.b); err == nil {
				t.Error("accepted")
			}
		})
	}
}

func TestUnknownCommandElementsArePassedOver(t *testing.T) {
	want := Command{Field: CEchoRQ, MessageID: 1, SOPClass: Verification}
	b := append([]byte("\x00\x00\x01\x00\x04\x00\x00\x00abcd"), want.Append(nil)...)
	b = append(b, "\x00\x00\x00\x50\x00\x00\x00\x00"...)
	got, err := ParseCommand(b)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v %v", got, err)
	}
}

func TestStatusCategories(t *testing.T) {
	for s, want := range map[Status]Category{
		Success: Completed, Pending: Continuing, PendingWarning: Continuing, Cancelled: Halted, CoercionOfDataElements: Warned,
		ElementsDiscarded: Warned, AttributeListError: Warned, OutOfResources: Failure, 0xC123: Failure, NotAuthorized: Failure, 0xFFFF: Failure,
	} {
		if got := s.Category(); got != want {
			t.Errorf("%s: %d, want %d", s, got, want)
		}
	}
}
