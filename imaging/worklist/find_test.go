package worklist

import (
	"strings"
	"testing"
	"time"

	"github.com/lianzhen/lianzhen/codec/dicom"
	"github.com/lianzhen/lianzhen/record"
	"github.com/lianzhen/lianzhen/store/storetest"
)

func TestAWorklistIsFoundAsModalitiesAskForIt(t *testing.T) {
	each(t, func(t *testing.T, w *ward) {
		mr := Step{Modality: "MR", Stations: []string{"SUWUMR", "SUWUMR2"}, StartAt: nine.Add(26 * time.Hour), Performing: "李 医生", Status: StepArrived}
		us := Step{Modality: "US", StartAt: nine.Add(-30 * time.Hour), Number: "STEP_1"}
		w.create(suwu, order(wang))
		o := w.create(suwu, order(ouyang, mr))
		o.Accession = "X"
		third := order(smith, us)
		third.Accession, third.Study = "ACC%1", "1.2.3.4"
		w.create(suwu, third)
		w.create(dongba, order(record.Demographics{LocalID: "P001", Name: "王小丽"}))
		step := func(pairs ...any) *dicom.DataSet { return ds(pairs...) }
		tests := []struct {
			name string
			keys []any
			item *dicom.DataSet
			want string
		}{
			{"everything", nil, nil, "P003 P001 P002"},
			{"by modality", nil, step(dicom.Modality, "CT"), "P001"},
			{"by station", nil, step(scheduledStationAE, "SUWUMR2"), "P002"},
			{"by a part of a station, not", nil, step(scheduledStationAE, "SUWU"), ""},
			{"by station in small letters, not", nil, step(scheduledStationAE, "suwuct"), ""},
			{"by stations with a wildcard", nil, step(scheduledStationAE, "SUWU*"), "P001 P002"},
			{"by day", nil, step(stepStartDate, "20260305"), "P001"},
			{"by days", nil, step(stepStartDate, "20260305-20260306"), "P001 P002"},
			{"from a day on", nil, step(stepStartDate, "20260306-"), "P002"},
			{"up to a day", nil, step(stepStartDate, "-20260304"), "P003"},
			{"one period of date and time", nil, step(stepStartDate, "20260305-20260306", stepStartTime, "1000-1100"), "P002"},
			{"a longer period", nil, step(stepStartDate, "20260305-20260306", stepStartTime, "0900-1100"), "P001 P002"},
			{"an hour of a day", nil, step(stepStartDate, "20260305", stepStartTime, "0800-1000"), "P001"},
			{"an hour of any day", nil, step(stepStartTime, "10-11"), "P002"},
			{"by status", nil, step(stepStatus, "ARRIVED"), "P002"},
			{"by step id", nil, step(stepID, "STEP_1"), "P003"},
			{"by performing physician", nil, step(stepPerformingPhysician, "李*"), "P002"},
			{"by Chinese name", []any{dicom.PatientName, "王小明"}, nil, "P001"},
			{"by Chinese name with a caret", []any{dicom.PatientName, "王^小明"}, nil, "P001"},
			{"by surname", []any{dicom.PatientName, "欧阳*"}, nil, "P002"},
			{"by ideographic group", []any{dicom.PatientName, "=王*"}, nil, "P001"},
			{"by pinyin", []any{dicom.PatientName, "WANG^XIAO*"}, nil, "P001"},
			{"by Latin name with a blank", []any{dicom.PatientName, "smith john"}, nil, "P003"},
			{"by a whole name only", []any{dicom.PatientName, "smith"}, nil, ""},
			{"by one unknown character", []any{dicom.PatientName, "SMIT?^John"}, nil, "P003"},
			{"by number", []any{dicom.PatientID, "P00?"}, nil, "P003 P001 P002"},
			{"by accession", []any{dicom.AccessionNumber, "ACC%1"}, nil, "P003"},
			{"SQL signs are plain", []any{dicom.AccessionNumber, "ACC_1"}, nil, ""},
			{"by a list of UIDs", []any{dicom.StudyInstanceUID, []string{"1.2.3.4", string(o.Study)}}, nil, "P003 P002"},
			{"by what nobody keeps", []any{dicom.Manufacturer, "x"}, nil, "P003 P001 P002"},
			{"by procedure code", []any{requestedProcedureCodes, ds(dicom.CodeValue, "CT001")}, nil, "P003 P001 P002"},
			{"by another procedure code", []any{requestedProcedureCodes, ds(dicom.CodeValue, "CT002")}, nil, ""},
		}
		for _, tc := range tests {
			t.Run(tc.name, func(t *testing.T) {
				keys := ds(append([]any{dicom.PatientID, ""}, tc.keys...)...)
				if tc.item != nil {
					keys.SetItems(scheduledStepSequence, tc.item)
				}
				var got []string
				for _, d := range w.find(suwu, keys) {
					got = append(got, d.Str(dicom.PatientID))
					if len(d.Elements) != len(keys.Elements) {
						t.Errorf("%d attributes for %d keys", len(d.Elements), len(keys.Elements))
					}
				}
				if strings.Join(got, " ") != tc.want {
					t.Fatalf("found %q, want %q", got, tc.want)
				}
			})
		}
	})
}

func TestAnEntryHasWhatAModalityNeeds(t *testing.T) {
	each(t, func(t *testing.T, w *ward) {
		o := order(wang)
		o.Priority, o.Visit = record.Urgent, Visit{Number: "V1", Allergies: "青霉素", Pregnancy: 4}
		o.Referring = "赵医生"
		made := w.create(suwu, o)
		keys := ds(dicom.PatientName, "", dicom.PatientID, "", dicom.PatientBirthDate, "", dicom.PatientSex, "", dicom.AccessionNumber, "",
			dicom.StudyInstanceUID, "", requestedProcedureID, "", requestedPriority, "", dicom.ReferringPhysicianName, "", pregnancyStatus, "",
			allergies, "", dicom.RequestedProcedureDescription, "", dicom.InstitutionName, "",
			scheduledStepSequence, ds(dicom.Modality, "", stepStartDate, "", stepStartTime, "", stepID, "", scheduledStationAE, "", dicom.KVP, ""))
		all := w.find(suwu, keys)
		if len(all) != 1 {
			t.Fatalf("%d entries", len(all))
		}
		d := all[0]
		step := d.Items(scheduledStepSequence)[0]
		for tag, want := range map[dicom.Tag]string{
			dicom.PatientName: "Wang^Xiaoming=王^小明", dicom.PatientBirthDate: "19800307", dicom.PatientSex: "M", dicom.AccessionNumber: made.Accession,
			dicom.StudyInstanceUID: string(made.Study), requestedPriority: "HIGH", dicom.ReferringPhysicianName: "Zhao^Yisheng=赵^医生",
			pregnancyStatus: "4", allergies: "青霉素", dicom.InstitutionName: "", requestedProcedureID: made.Accession,
		} {
			if got := d.Str(tag); got != want || d.Find(tag) == nil {
				t.Errorf("%v: %q, want %q", tag, got, want)
			}
		}
		for tag, want := range map[dicom.Tag]string{
			dicom.Modality: "CT", stepStartDate: "20260305", stepStartTime: "090000", stepID: made.Steps[0].Number, scheduledStationAE: "SUWUCT", dicom.KVP: "",
		} {
			if got := step.Str(tag); got != want || step.Find(tag) == nil {
				t.Errorf("%v: %q, want %q", tag, got, want)
			}
		}
		whole := w.find(suwu, ds(scheduledStepSequence, ds()))
		if items := whole[0].Items(scheduledStepSequence); len(items) != 1 || items[0].Str(dicom.Modality) != "CT" {
			t.Error("a sequence without keys is not given whole")
		}
		if acts := w.acts("order.list"); len(acts) != 2 {
			t.Errorf("noted %v", acts)
		}
	})
}

func TestWrongKeysAreRefused(t *testing.T) {
	w := newWard(t, storetest.SQLite(t), Options{})
	for name, keys := range map[string]*dicom.DataSet{
		"a date that is none": ds(scheduledStepSequence, ds(stepStartDate, "yesterday")),
		"a time that is none": ds(scheduledStepSequence, ds(stepStartDate, "20260101", stepStartTime, "noon")),
		"two steps":           ds(scheduledStepSequence, []*dicom.DataSet{ds(), ds()}),
	} {
		for _, err := range w.Find(t.Context(), suwu, keys, 0) {
			if record.KindOf(err) != record.Invalid {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestLongWorklistsComeInBatchesUpToTheLimit(t *testing.T) {
	w := newWard(t, storetest.SQLite(t), Options{})
	for i := range 2*findBatch/maxSteps + 1 {
		var steps []Step
		for n := range maxSteps {
			st := chestStep
			st.StartAt = nine.Add(time.Duration(n*100-i) * time.Minute)
			steps = append(steps, st)
		}
		w.create(suwu, order(wang, steps...))
	}
	keys := ds(scheduledStepSequence, ds(stepID, "", stepStartDate, "", stepStartTime, ""))
	seen, before := map[string]bool{}, ""
	for _, d := range w.find(suwu, keys) {
		it := d.Items(scheduledStepSequence)[0]
		now := it.Str(stepStartDate) + it.Str(stepStartTime)
		if seen[it.Str(stepID)] || now < before {
			t.Fatal("a step came twice or out of order")
		}
		seen[it.Str(stepID)], before = true, now
	}
	if want := (2*findBatch/maxSteps + 1) * maxSteps; len(seen) != want {
		t.Fatalf("%d steps, want %d", len(seen), want)
	}
	n := 0
	for range w.Find(t.Context(), suwu, keys, 7) {
		n++
	}
	if n != 7 {
		t.Fatalf("%d answers to a limit of 7", n)
	}
}
