package authz

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store/storetest"
)

func TestLinksAreBound(t *testing.T) {
	d := newDesk(t)
	ctx := t.Context()
	print1 := strings.Repeat("ab", 32)
	here, there := netip.MustParseAddr("10.1.2.3"), netip.MustParseAddr("10.1.2.4")
	register := func(x Device) Device {
		t.Helper()
		x.Institution, x.Name = storetest.Suwu, "x"
		made, err := d.CreateDevice(ctx, d.system, x)
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	lis := register(Device{Protocol: HL7, Link: "东湖LIS|苏武乡", Address: "10.1.2.0/24", Role: HISRole})
	xn := register(Device{Protocol: ASTM, Link: "XN-1000", Address: "10.1.2.3:9000"})
	register(Device{Protocol: ASTM, Link: "GeneXpert", Certificate: print1})
	register(Device{AETitle: "CT"})
	register(Device{Protocol: HL7, Link: "XN-1000|", Address: "10.9.9.9"}) // the name of another protocol is free
	for _, x := range []struct {
		name, link, certificate string
		protocol                Protocol
		from                    netip.Addr
		want                    DeviceID
	}{
		{"by name", "东湖LIS|苏武乡", "", HL7, here, lis.ID},
		{"by name from another host of its network", LinkName(" 东湖LIS", "苏武乡 "), "", HL7, there, lis.ID},
		{"another address", "东湖LIS|苏武乡", "", HL7, netip.MustParseAddr("10.1.3.3"), ""},
		{"another name", "东湖LIS|", "", HL7, here, ""},
		{"another protocol", "东湖LIS|苏武乡", "", ASTM, here, ""},
		{"no name, one device with the address", "", "", ASTM, here, xn.ID},
		{"no name, an address of nobody", "", "", ASTM, there, ""},
		{"no certificate", "GeneXpert", "", ASTM, here, ""},
		{"no name, two that could be it", "", print1, ASTM, here, ""},
		{"a name of DICOM", "CT", "", ASTM, here, ""},
	} {
		t.Run(x.name, func(t *testing.T) {
			for range 2 { // the second answer is from memory
				got, err := d.ByLink(ctx, x.protocol, x.link, x.from, x.certificate)
				if got.ID != x.want || (x.want == "") != (record.KindOf(err) == record.Unauthenticated) {
					t.Fatalf("%+v, %v", got, err)
				}
			}
		})
	}
	if c := lis.Caller(); c.Actor.ID != string(lis.ID) || c.Roles[0] != HISRole {
		t.Errorf("%+v", c)
	}
	closed := false
	if _, err := d.UpdateDevice(ctx, d.system, lis.ID, DeviceChange{Active: &closed}); err != nil {
		t.Fatal(err)
	}
	_, err := d.ByLink(ctx, HL7, lis.Link, here, "")
	wantKind(t, "a closed link", err, record.Unauthenticated)
}

func TestLinksHaveNamesAndProofs(t *testing.T) {
	d := newDesk(t)
	for name, x := range map[string]Device{
		"neither address nor certificate": {Protocol: HL7, Link: "A|B"},
		"no facility separator":           {Protocol: HL7, Link: "A", Address: "10.1.1.1"},
		"nothing beside the separator":    {Protocol: HL7, Link: "|", Address: "10.1.1.1"},
		"two separators":                  {Protocol: HL7, Link: "A|B|C", Address: "10.1.1.1"},
		"no name":                         {Protocol: ASTM, Address: "10.1.1.1"},
		"a control character":             {Protocol: ASTM, Link: "A\x0bB", Address: "10.1.1.1"},
		"too long":                        {Protocol: ASTM, Link: strings.Repeat("名", 121), Address: "10.1.1.1"},
		"an AE title":                     {Protocol: ASTM, Link: "A", AETitle: "A", Address: "10.1.1.1"},
		"a workstation":                   {Protocol: HL7, Link: "A|B", Role: WorkstationRole, Address: "10.1.1.1"},
		"a hospital system over ASTM":     {Protocol: ASTM, Link: "A", Role: HISRole, Address: "10.1.1.1"},
		"another language":                {Protocol: "FAX", Link: "A", Address: "10.1.1.1"},
		"a modality with a link":          {AETitle: "CT", Link: "A"},
		"a modality that is a HIS":        {AETitle: "CT", Role: HISRole},
	} {
		x.Institution, x.Name = storetest.Suwu, "x"
		_, err := d.CreateDevice(t.Context(), d.system, x)
		wantKind(t, name, err, record.Invalid)
	}
}

func TestProfilesFollowEachOther(t *testing.T) {
	d := newDesk(t)
	ctx := t.Context()
	link := Device{Institution: storetest.Suwu, Name: "x", Protocol: HL7, Link: "A|B", Address: "10.1.2.3", Profile: Profile{YAML: "zone: Asia/Shanghai"}}
	_, err := d.CreateDevice(ctx, d.system, link)
	wantKind(t, "nobody can read profiles", err, record.Precondition)
	d.CheckProfiles(func(p Protocol, yaml string) error {
		if p != HL7 || strings.Contains(yaml, "bad") {
			return record.Errorf(record.Invalid, "profile: bad")
		}
		return nil
	})
	made, err := d.CreateDevice(ctx, d.system, link)
	if err != nil || made.Profile.Number != 1 || made.Profile.YAML != link.Profile.YAML {
		t.Fatalf("%+v, %v", made, err)
	}
	for _, x := range []struct {
		yaml   string
		number int
		kind   record.Kind
	}{
		{"zone: UTC", 2, record.Internal},
		{"zone: UTC", 2, record.Internal}, // the same again is no version
		{"bad: 1", 2, record.Invalid},
		{"zone: Asia/Shanghai", 3, record.Internal},
	} {
		got, err := d.UpdateDevice(ctx, d.system, made.ID, DeviceChange{Profile: &x.yaml})
		if record.KindOf(err) != x.kind || err == nil && got.Profile.Number != x.number {
			t.Errorf("%s: %+v, %v", x.yaml, got.Profile, err)
		}
		d, err := d.ByLink(ctx, HL7, "A|B", netip.MustParseAddr("10.1.2.3"), "")
		if err != nil || d.Profile.Number != x.number {
			t.Errorf("%s: %+v, %v", x.yaml, d.Profile, err)
		}
	}
	text := "zone: UTC"
	ct, err := d.CreateDevice(ctx, d.system, Device{Institution: storetest.Suwu, Name: "x", AETitle: "CT"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = d.UpdateDevice(ctx, d.system, ct.ID, DeviceChange{Profile: &text})
	wantKind(t, "a profile of a modality", err, record.Invalid)
}
