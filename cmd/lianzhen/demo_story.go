// The story of the trial, told through the real doors: examined in the township, read in the county, recognised next door.

package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	pb "github.com/lianzhen/lianzhen/proto/lianzhen/v1"
)

// story is one telling.
type story struct {
	demoDoors
	*demoTable
	world  *demoWorld
	folder string // of the trial's own files
	exams  []examination

	mu     sync.Mutex
	cases  map[string]string // by Study Instance UID
	people map[string]*demoVisitor
	clinic *inbox // what the clinic hears

	patient string // the same person as the second county knows it
	check   *pb.CheckOrderResponse
	dr, ct  *pb.Report
	urgent  *pb.CriticalValue
}

func newStory(d demoDoors, t *demoTable, w *demoWorld, folder string, now time.Time) *story {
	w.Runs++
	return &story{
		demoDoors: d, demoTable: t, world: w, folder: folder, exams: examinations(w.Runs, now),
		cases: map[string]string{}, people: map[string]*demoVisitor{},
	}
}

func (s *story) close() {
	for _, v := range s.people {
		v.close()
	}
}

// The people of the story.
const (
	theReader   = "gulang-reader1"
	theReader2  = "gulang-reader2"
	theReviewer = "gulang-reviewer1"
	theSecond   = "gulang-reviewer2"
	theClinic   = "gulang-yunshan-doctor"
	theReceiver = "minqin-doctor"
	theStranger = "minqin-hongliuwan-doctor"
	theAuditor  = "audit"
)

// demoStep is one row of the table. do says how much was done.
type demoStep struct {
	who    string // a login, or a name where nobody signs in
	zh, en string
	do     func(context.Context) (string, error)
}

// run does the steps one after the other; the first that fails ends the story.
func (s *story) run(ctx context.Context, steps []demoStep) error {
	for _, st := range steps {
		start := time.Now()
		count, err := st.do(ctx)
		what := s.t(st.zh, st.en)
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		s.row(s.nameOf(st.who), what, count, time.Since(start))
	}
	return nil
}

func (s *story) nameOf(who string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v := s.people[who]; v != nil {
		return v.name
	}
	return who
}

// as is the person of that login, signed in.
func (s *story) as(ctx context.Context, login string) (*demoVisitor, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v := s.people[login]; v != nil {
		return v, nil
	}
	v, err := s.signIn(ctx, login, s.world.Passwords[login])
	if err == nil {
		s.people[login] = v
	}
	return v, err
}

// tell is the whole story.
func (s *story) tell(ctx context.Context) error {
	if err := s.uploads(ctx); err != nil {
		return err
	}
	if err := s.equipment(ctx, time.Now()); err != nil {
		return err
	}
	err := s.run(ctx, []demoStep{
		{theClinic, "订阅本院结果", "subscribes to the results of the clinic", s.listen},
		{theReader, "打开工作列表", "opens the worklist", s.worklist},
		{theReader, "认领急诊CT,写初稿", "claims the STAT CT and drafts", s.draft},
		{theReader, "上报危急值", "raises a critical value", s.raise},
		{theClinic, "收到并确认危急值", "hears of it and acknowledges", s.acknowledge},
		{theReader, "提交报告", "submits the report", s.submit},
		{theReviewer, "审核:退回修改", "reviews: returns it", s.sendBack},
		{theReader, "修改后再次提交", "corrects and submits again", s.resubmit},
		{theReviewer, "审核签发CT报告", "reviews and signs the CT", s.sign},
		{theReader2, "书写胸片报告", "reads the radiograph", s.second},
		{theSecond, "审核签发胸片报告", "reviews and signs the radiograph", s.signSecond},
		{theClinic, "收到两份正式报告", "receives both signed results", s.heard},
	})
	if err != nil {
		return err
	}
	if err := s.electrocardiograms(ctx, time.Now()); err != nil {
		return err
	}
	if err := s.laboratories(ctx, time.Now()); err != nil {
		return err
	}
	return s.run(ctx, []demoStep{
		{theReceiver, "患者转到邻县:登记并接诊", "the patient comes: registers, opens an encounter", s.encounter},
		{theReceiver, "开单前查询互认", "checks the order: what is known?", s.checkOrder},
		{theReceiver, "采用CT结果", "adopts the CT", s.adopt},
		{theReceiver, "重做胸片并说明理由", "repeats the radiograph and says why", s.repeat},
		{theStranger, "无诊疗关系的卫生院查阅:被拒", "a clinic that does not treat them looks: refused", s.refused},
		{theAuditor, "核验审计链", "verifies the chain of events", s.audit},
	})
}
