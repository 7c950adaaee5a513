// Reads over DICOMweb: one address many times, every instance of a study, searches.

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

type getCmd struct {
	web
	Path    string `arg:"" help:"Path below the root; with {n} for the number of the request. {study}, {series}, {instance} are the first that there are."`
	Accept  string `default:"application/dicom+json"`
	Gzip    bool   `help:"Take gzip."`
	Clients int    `default:"1"`
	N       int    `help:"Requests." default:"50"`
	Mod     int    `help:"{n} counts up to this." default:"1"`
	Warm    int    `help:"Requests before." default:"2"`
	Want    string `help:"A text that the answer must hold."`
}

// Run asks N times and tells first byte, whole answer and bytes.
func (c *getCmd) Run() error {
	path, err := c.resolve(c.Path)
	if err != nil {
		return err
	}
	for i := range c.Warm {
		if _, err := c.one(path, i*7919); err != nil {
			return err
		}
	}
	var mu sync.Mutex
	var firsts, wholes []time.Duration
	var bytes int64
	stop, start := watch(c.PID), time.Now()
	var g errgroup.Group
	g.SetLimit(c.Clients)
	for i := range c.N {
		g.Go(func() error {
			a, err := c.one(path, i*7919+13)
			mu.Lock()
			defer mu.Unlock()
			firsts, wholes, bytes = append(firsts, a.first), append(wholes, a.whole), bytes+a.bytes
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	took := time.Since(start)
	return run{
		Test: c.Name, Objects: c.N, Bytes: bytes, GrowthMB: stop(),
		FirstMS: ms(quantile(firsts, 0.5)), P50MS: ms(quantile(wholes, 0.5)), P99MS: ms(quantile(wholes, 0.99)),
	}.print(took)
}

type answer struct {
	first, whole time.Duration
	bytes        int64
}

func (c *getCmd) one(path string, n int) (a answer, err error) {
	u := c.URL + "/" + strings.ReplaceAll(path, "{n}", fmt.Sprint(n%c.Mod))
	if i := strings.Index(path, "{n:"); i >= 0 { // {n:%08d}
		format, rest, _ := strings.Cut(path[i+3:], "}")
		u = c.URL + "/" + path[:i] + fmt.Sprintf(format, n%c.Mod) + rest
	}
	req, err := http.NewRequest(http.MethodGet, u, nil)
	if err != nil {
		return a, err
	}
	req.Header.Set("Accept", c.Accept)
	if c.Gzip {
		req.Header.Set("Accept-Encoding", "gzip")
	}
	start := time.Now()
	res, err := c.do(req)
	if err != nil {
		return a, err
	}
	defer func() { _ = res.Body.Close() }()
	var one [1]byte
	if _, err := io.ReadFull(res.Body, one[:]); err != nil && err != io.EOF {
		return a, err
	}
	a.first = time.Since(start)
	var body io.Writer = io.Discard
	var text strings.Builder
	if c.Want != "" {
		body = &text
	}
	a.bytes, err = io.Copy(body, res.Body)
	a.whole, a.bytes = time.Since(start), a.bytes+1
	switch {
	case err != nil:
	case res.StatusCode != http.StatusOK && res.StatusCode != http.StatusPartialContent:
		err = fmt.Errorf("%s: %s", path, res.Status)
	case !strings.Contains(text.String(), c.Want):
		err = fmt.Errorf("%s: %q is not in the answer", path, c.Want)
	}
	return a, err
}

// resolve fills in the first study, series and instance.
func (c *getCmd) resolve(path string) (string, error) {
	at := ""
	for _, l := range []struct{ mark, list, tag string }{
		{"{study}", "studies", "0020000D"}, {"{series}", "series", "0020000E"}, {"{instance}", "instances", "00080018"},
	} {
		if !strings.Contains(path, l.mark) {
			return path, nil
		}
		uids, err := c.list(at+l.list+"?limit=1", l.tag)
		if err != nil {
			return "", err
		}
		if len(uids) == 0 {
			return "", fmt.Errorf("no %s", l.list)
		}
		path = strings.ReplaceAll(path, l.mark, uids[0])
		at += l.list + "/" + uids[0] + "/"
	}
	return path, nil
}

func (w *web) list(path, tag string) ([]string, error) {
	req, err := http.NewRequest(http.MethodGet, w.URL+"/"+path, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/dicom+json")
	res, err := w.do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	var rows []map[string]struct{ Value []any }
	if err := json.NewDecoder(res.Body).Decode(&rows); err != nil {
		return nil, fmt.Errorf("%s: %s: %w", path, res.Status, err)
	}
	var out []string
	for _, r := range rows {
		out = append(out, fmt.Sprint(r[tag].Value[0]))
	}
	return out, nil
}

// wadoCmd fetches every instance of the first study, each by itself.
type wadoCmd struct {
	web
	Patient string `help:"Patient number of the study."`
	Clients int    `default:"1"`
	Rounds  int    `default:"3"`
}

// Run asks for every instance.
func (c *wadoCmd) Run() error {
	query := "studies?limit=1"
	if c.Patient != "" {
		query += "&PatientID=" + url.QueryEscape(c.Patient)
	}
	studies, err := c.list(query, "0020000D")
	if err != nil || len(studies) == 0 {
		return fmt.Errorf("no study: %w", err)
	}
	series, err := c.list("studies/"+studies[0]+"/series", "0020000E")
	if err != nil {
		return err
	}
	instances, err := c.list("studies/"+studies[0]+"/series/"+series[0]+"/instances", "00080018")
	if err != nil {
		return err
	}
	g := getCmd{web: c.web, Mod: 1, Accept: `multipart/related; type="application/dicom"; transfer-syntax=*`}
	var mu sync.Mutex
	var bytes int64
	start := time.Now()
	var all errgroup.Group
	all.SetLimit(c.Clients)
	for range c.Rounds {
		for _, i := range instances {
			all.Go(func() error {
				a, err := g.one("studies/"+studies[0]+"/series/"+series[0]+"/instances/"+i, 0)
				mu.Lock()
				defer mu.Unlock()
				bytes += a.bytes
				return err
			})
		}
	}
	if err := all.Wait(); err != nil {
		return err
	}
	return run{Test: c.Name, Objects: c.Rounds * len(instances), Bytes: bytes}.print(time.Since(start))
}

func quantile(d []time.Duration, q float64) time.Duration {
	slices.Sort(d)
	return d[min(len(d)-1, int(math.Ceil(q*float64(len(d))))-1)]
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1e3 }
