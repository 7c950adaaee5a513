// The story's first part: six clinics send at once, one of them over a line that breaks.

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/lianzhen/lianzhen/edge"
)

// uploads makes the studies and sends those of all clinics side by side.
func (s *story) uploads(ctx context.Context) error {
	outbox := filepath.Join(s.folder, "outbox")
	defer os.RemoveAll(outbox)
	folders := make([]string, len(s.exams))
	err := s.run(ctx, []demoStep{{"phantom", "生成影像(虚构患者)", "makes studies of people who do not exist", func(context.Context) (string, error) {
		files, bytes := 0, int64(0)
		for i, e := range s.exams {
			made, err := e.write(outbox)
			if err != nil {
				return "", err
			}
			folders[i], files, bytes = made.folder, files+made.files, bytes+made.bytes
		}
		return s.counted(len(s.exams), files, bytes), nil
	}}})
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	errs := make([]error, len(demoCounties)*3)
	for c, county := range demoCounties {
		for t, clinic := range county.townships {
			wg.Go(func() {
				if err := s.send(ctx, clinic, c, t, folders); err != nil {
					errs[3*c+t] = fmt.Errorf("upload of %s: %w", clinic.id, err)
				}
			})
		}
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (s *story) counted(studies, objects int, bytes int64) string {
	return fmt.Sprintf(s.t("%d 检查 %d 影像 %.1f MB", "studies %d, objects %d, %.1f MB"), studies, objects, float64(bytes)/1e6)
}

// send is one clinic's edge program. The second clinic of the first county has a line that breaks.
func (s *story) send(ctx context.Context, clinic demoTownship, county, township int, folders []string) error {
	start, to := time.Now(), s.grpc
	var bad *demoLine
	if county == 0 && township == 1 {
		var err error
		if bad, err = newDemoLine(s.grpc, 700_000, 1_300_000, 2_100_000, 900_000, 1_700_000); err != nil {
			return err
		}
		defer bad.close()
		to = bad.address()
	}
	var all edge.Summary
	for i, e := range s.exams {
		if e.county != county || e.township != township {
			continue
		}
		sum, err := s.sendStudy(ctx, clinic, to, e, folders[i])
		if err != nil {
			return err
		}
		all.Studies, all.Stored, all.Bytes, all.Sent = all.Studies+1, all.Stored+sum.Stored, all.Bytes+sum.Bytes, all.Sent+sum.Sent
	}
	what := s.t("上传", "uploads")
	if bad != nil {
		if bad.cutsMade() == 0 {
			return errors.New("the line was never cut")
		}
		what = fmt.Sprintf(s.t("上传:线路中断 %d 次,续传完成,实传 %.1f MB", "uploads: line cut %d times, resumed, %.1f MB sent"), bad.cutsMade(), float64(all.Sent)/1e6)
	}
	s.row(s.t(clinic.name, clinic.en), what, s.counted(all.Studies, all.Stored, all.Bytes), time.Since(start))
	return nil
}

func (s *story) sendStudy(ctx context.Context, clinic demoTownship, to string, e examination, folder string) (edge.Summary, error) {
	sender, err := edge.New(edge.Config{
		To: to, Key: s.world.Keys[clinic.id+"-edge"], Priority: e.priority, Note: e.note, Streams: 2,
		StateDir: filepath.Join(s.folder, "edge", clinic.id), RetryBase: 20 * time.Millisecond, RetryMax: time.Second, Timeout: time.Minute,
		OnReceipt: func(r *edge.Receipt) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.cases[r.StudyUID] = r.CaseID
		},
	})
	if err != nil {
		return edge.Summary{}, err
	}
	defer sender.Close()
	sum, err := sender.Send(ctx, folder)
	switch {
	case err != nil:
	case sum.Code() != 0:
		err = fmt.Errorf("%d refused, %d not sent, %d studies not finished", sum.Refused, sum.Failed, sum.StudiesUnfinished)
	case s.caseOf(e) == "":
		err = fmt.Errorf("study %s has no case", e.uid())
	}
	return sum, err
}

func (s *story) caseOf(e examination) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cases[e.uid()]
}
