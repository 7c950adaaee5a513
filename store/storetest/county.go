// A small believable region for tests: two counties of one city, and their communities.

package storetest

import (
	"testing"
	"time"

	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store"
)

// The institutions of County. Liangzhou and Minqin are counties of Wuwei in Gansu; the hospitals are invented.
const (
	Gansu     record.InstitutionID = "gansu"
	Wuwei     record.InstitutionID = "wuwei"
	Liangzhou record.InstitutionID = "liangzhou"
	Minqin    record.InstitutionID = "minqin"

	LiangzhouCommunity record.InstitutionID = "liangzhou-community"
	MinqinCommunity    record.InstitutionID = "minqin-community"
	LeadHospital       record.InstitutionID = "minqin-hospital"    // leads MinqinCommunity and hosts its centres
	LiangzhouHospital  record.InstitutionID = "liangzhou-hospital" // leads LiangzhouCommunity
	Suwu               record.InstitutionID = "minqin-suwu"        // townships of Minqin
	Dongba             record.InstitutionID = "minqin-dongba"
	Hongshagang        record.InstitutionID = "minqin-hongshagang"
	SuwuVillage        record.InstitutionID = "minqin-suwu-v1" // a village post below Suwu
)

var county = []store.Institution{
	{ID: Gansu, Name: "甘肃省", NameEN: "Gansu", Kind: store.Province, Division: "620000"},
	{ID: Wuwei, Name: "武威市", NameEN: "Wuwei", Kind: store.City, Division: "620600"},
	{ID: Liangzhou, Name: "凉州区", NameEN: "Liangzhou", Kind: store.County, Division: "620602"},
	{ID: Minqin, Name: "民勤县", NameEN: "Minqin", Kind: store.County, Division: "620621"},
	{ID: LiangzhouCommunity, Name: "凉州区医共体", Kind: store.Community, Division: "620602"},
	{ID: MinqinCommunity, Name: "民勤县医共体", Kind: store.Community, Division: "620621"},
	{ID: LeadHospital, Name: "民勤县示例医院", Kind: store.CountyHospital, Division: "620621", Level: 2},
	{ID: LiangzhouHospital, Name: "凉州区示例医院", Kind: store.CountyHospital, Division: "620602", Level: 2},
	{ID: Suwu, Name: "苏武示例卫生院", Kind: store.Township, Division: "620621", Level: 1},
	{ID: Dongba, Name: "东坝示例卫生院", Kind: store.Township, Division: "620621", Level: 1},
	{ID: Hongshagang, Name: "红沙岗示例卫生院", Kind: store.Township, Division: "620621", Level: 1},
	{ID: SuwuVillage, Name: "苏武示例村卫生室", Kind: store.Village, Division: "620621"},
}

var belongs = []struct {
	child, parent record.InstitutionID
	kind          string
}{
	{Wuwei, Gansu, store.MemberOf},
	{Liangzhou, Wuwei, store.MemberOf},
	{Minqin, Wuwei, store.MemberOf},
	{LiangzhouCommunity, Liangzhou, store.MemberOf},
	{MinqinCommunity, Minqin, store.MemberOf},
	{LiangzhouHospital, LiangzhouCommunity, store.MemberOf},
	{LiangzhouHospital, LiangzhouCommunity, store.Leads},
	{LeadHospital, MinqinCommunity, store.MemberOf},
	{LeadHospital, MinqinCommunity, store.Leads},
	{Suwu, MinqinCommunity, store.MemberOf},
	{Dongba, MinqinCommunity, store.MemberOf},
	{Hongshagang, MinqinCommunity, store.MemberOf},
	{SuwuVillage, Suwu, store.MemberOf},
}

// County writes the region: a province, a city, two counties with a community and a lead hospital each, three townships,
// a village, and the four centres of Minqin at its lead hospital.
func County(t testing.TB, db *store.DB) {
	t.Helper()
	ctx := t.Context()
	err := db.Tx(ctx, func(tx *store.Tx) error {
		for _, i := range county {
			i.Active = true
			if err := tx.PutInstitution(ctx, i); err != nil {
				return err
			}
		}
		for _, b := range belongs {
			r := store.Relation{Child: b.child, Parent: b.parent, Kind: b.kind, From: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)}
			if err := tx.PutRelation(ctx, r); err != nil {
				return err
			}
		}
		for _, kind := range []record.CentreKind{record.Imaging, record.ECG, record.Pathology, record.Lab} {
			if err := tx.PutCentre(ctx, store.Centre{County: Minqin, Kind: kind, Host: LeadHospital, Name: "民勤县" + string(kind) + "诊断中心"}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
