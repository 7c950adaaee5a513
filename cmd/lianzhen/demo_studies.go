// The patients and studies of the trial: people who do not exist, with identity numbers of a division that does not exist.

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/lianzhen/lianzhen/codec/dicom/phantom"
	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
	"github.com/lianzhen/lianzhen/record"
)

// noDivision is no division of GB/T 2260: the numbers below it belong to nobody.
const noDivision = "620699"

// demoPatient is one invented person.
type demoPatient struct {
	dicomName, name, number, birth, sex string
}

var demoPatients = makePatients([][4]string{
	{"Qin^Muyun=秦^慕云", "秦慕云", "19580312", "M"},
	{"Luo^Qinghe=罗^清荷", "罗清荷", "19660825", "F"},
	{"Shi^Yuanshan=石^远山", "石远山", "19490117", "M"},
	{"Ye^Zhiqiu=叶^知秋", "叶知秋", "19731103", "F"},
	{"Tan^Songbai=谭^松柏", "谭松柏", "19540622", "M"},
	{"Bai^Lusha=白^露沙", "白露沙", "19810930", "F"},
	{"Mu^Changfeng=穆^长风", "穆长风", "19620504", "M"},
	{"Xu^Xueqing=许^雪晴", "许雪晴", "19891212", "F"},
	{"Gao^Tianyuan=高^天原", "高天原", "19450708", "M"},
})

func makePatients(rows [][4]string) []demoPatient {
	var out []demoPatient
	for i, r := range rows {
		seq := 2*i + 100 // even: female
		if r[3] == "M" {
			seq++
		}
		out = append(out, demoPatient{r[0], r[1], idNumber(r[2], seq), r[2], r[3]})
	}
	return out
}

// idNumber makes a valid number: division, birth date, sequence, check character (GB 11643-1999).
func idNumber(birth string, seq int) string {
	base := fmt.Sprintf("%s%s%03d", noDivision, birth, seq)
	for _, check := range "0123456789X" {
		if n, err := record.ParseIDNumber(base + string(check)); err == nil {
			return n.Reveal()
		}
	}
	panic("demo: no identity number for " + base) // one of eleven always fits
}

// examination is one study of the trial and how it is sent.
type examination struct {
	county, township int
	patient          demoPatient
	spec             phantom.Spec
	priority         pb.Priority
	note             string
}

func (e examination) clinic() demoTownship { return demoCounties[e.county].townships[e.township] }

func (e examination) uid() string { return string(e.spec.StudyUID()) }

// plan is one examination as written here.
type plan struct {
	county, township, patient int
	kind                      phantom.Kind
	count                     int
	priority                  pb.Priority
	note                      string
}

const (
	stat    = pb.Priority_PRIORITY_STAT
	urgent  = pb.Priority_PRIORITY_URGENT
	routine = pb.Priority_PRIORITY_ROUTINE
)

// The story is about the first two: a CT and a radiograph of the same person.
var demoPlans = []plan{
	{0, 0, 0, phantom.CTChest, 24, stat, "咳嗽咯血一周,请协助排除占位"},
	{0, 0, 0, phantom.DRChest, 1, urgent, "咳嗽一周,胸片初查"},
	{0, 1, 1, phantom.USHeart, 12, routine, "活动后气促,评估心功能"},
	{0, 1, 2, phantom.CTChest, 16, urgent, "慢阻肺急性加重"},
	{0, 2, 3, phantom.MRBrain, 20, routine, "头痛三月"},
	{0, 2, 4, phantom.DRChest, 1, routine, "体检"},
	{1, 0, 5, phantom.CTChest, 8, routine, "复查肺结节"},
	{1, 1, 6, phantom.DRChest, 1, routine, "发热咳嗽"},
	{1, 2, 7, phantom.MRBrain, 8, urgent, "突发眩晕"},
}

// examinations are the studies of one run: the same people, new studies.
func examinations(run int, now time.Time) []examination {
	local := time.FixedZone("CST", 8*3600)
	var out []examination
	for i, p := range demoPlans {
		who := demoPatients[p.patient]
		e := examination{county: p.county, township: p.township, patient: who, priority: p.priority, note: p.note}
		e.spec = phantom.Spec{
			Kind: p.kind, Seed: uint64(run)*100 + uint64(i) + 1_000_000, Count: p.count, Gray: true,
			At:          now.Add(-time.Duration(10+3*i) * time.Hour).In(local).Truncate(time.Minute),
			Institution: e.clinic().name, Accession: fmt.Sprintf("D%04d%03d", run, i+1),
			Patient: phantom.Patient{
				Name: who.dicomName, ID: fmt.Sprintf("%s-%03d", e.clinic().id[:2], p.patient+1), BirthDate: who.birth, Sex: who.sex, NationalID: who.number,
			},
		}
		out = append(out, e)
	}
	return out
}

// written is a study in a folder.
type written struct {
	folder string
	files  int
	bytes  int64
}

// write puts the study's files into a folder of its own below dir.
func (e examination) write(dir string) (written, error) {
	w := written{folder: filepath.Join(dir, fmt.Sprint(e.spec.Seed))}
	if err := os.MkdirAll(w.folder, 0o700); err != nil {
		return w, err
	}
	for name, fill := range phantom.Study(e.spec) {
		n, err := writePhantom(filepath.Join(w.folder, name), fill)
		if err != nil {
			return w, fmt.Errorf("make study %s: %w", e.uid(), err)
		}
		w.files, w.bytes = w.files+1, w.bytes+n
	}
	return w, nil
}

func writePhantom(path string, fill func(io.Writer) error) (int64, error) {
	f, err := os.Create(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 256<<10)
	if err := fill(w); err != nil {
		return 0, err
	}
	if err := w.Flush(); err != nil {
		return 0, err
	}
	n, err := f.Seek(0, io.SeekCurrent)
	return n, errors.Join(err, f.Close())
}
