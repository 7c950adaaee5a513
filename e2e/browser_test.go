package e2e

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

const (
	pageWidth, pageHeight = 1280, 800
	pageWait              = 60 * time.Second
)

// openBrowser starts Chromium with an empty profile and software WebGL, for as long as the test lasts. It reaches nothing
// but the loopback.
func openBrowser(t testing.TB) context.Context {
	t.Helper()
	program := Need(t, "chromium")
	options := append(
		chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program),
		chromedp.NoSandbox,
		chromedp.UserDataDir(t.TempDir()),
		chromedp.WindowSize(pageWidth, pageHeight),
		chromedp.Flag("lang", "zh-CN"),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
		chromedp.Flag("use-gl", "angle"),
		chromedp.Flag("use-angle", "swiftshader"),
		chromedp.Flag("enable-unsafe-swiftshader", true),
	)
	allocator, endAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	browser, endBrowser := chromedp.NewContext(allocator)
	t.Cleanup(func() { endBrowser(); endAllocator() })
	if err := chromedp.Do(browser); err != nil {
		t.Fatal(err)
	}
	return browser
}

// page is a tab.
type page struct {
	testing.TB
	ctx  context.Context
	near float64 // distance up to which a canvas shows a picture

	mu     sync.Mutex
	faults []string // console errors, exceptions, and requests that went wrong
}

// openPage opens a tab at the address.
func openPage(t testing.TB, browser context.Context, address string) *page {
	t.Helper()
	tab, end := chromedp.NewContext(browser)
	ctx, cancel := context.WithTimeout(tab, 2*pageWait)
	t.Cleanup(func() { cancel(); end() })
	p := &page{TB: t, ctx: ctx, near: faithful}
	if err := chromedp.Listen(ctx, p.hear); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, network.Enable, network.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(pageWidth, pageHeight), chromedp.Navigate(address)); err != nil {
		t.Fatal(err)
	}
	return p
}

// hear keeps what a person would see in red in the developer tools.
func (p *page) hear(event any) {
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		p.fault("exception: %s", describe(e.ExceptionDetails))
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError {
			p.fault("log: %s %s", e.Entry.Text, e.Entry.URL)
		}
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError {
			p.fault("console: %s", arguments(e.Args))
		}
	case *network.EventLoadingFailed:
		if !e.Canceled {
			p.fault("request: %s %s", e.Type, e.ErrorText)
		}
	}
}

func describe(d *runtime.ExceptionDetails) string {
	if d.Exception != nil {
		return d.Text + " " + d.Exception.Description
	}
	return d.Text
}

func arguments(args []*runtime.RemoteObject) string {
	var words []string
	for _, a := range args {
		words = append(words, strings.Trim(string(a.Value), `"`)+a.Description)
	}
	return strings.Join(words, " ")
}

func (p *page) fault(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = append(p.faults, fmt.Sprintf(format, args...))
}

// value evaluates an expression in the page.
func value[T any](p *page, expression string) T {
	p.Helper()
	v, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		p.Fatalf("%v in %s", err, expression)
	}
	return v
}

// await waits until ok, and tells and shows what it waited for if that never comes.
func (p *page) await(what string, ok func() bool) {
	p.Helper()
	for deadline := time.Now().Add(pageWait); !ok(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.keep("late")
			p.Fatalf("waited for %s; faults so far: %q; page: %.1500s", what, p.faults, value[string](p, `document.body.innerText`))
		}
	}
}

// canvas is the picture that the n-th viewport shows, without the words and lines over it; nil if there is none yet.
func (p *page) canvas(n int) image.Image {
	p.Helper()
	data := value[string](p, fmt.Sprintf(`(() => {
		const c = document.querySelectorAll('canvas.cornerstone-canvas')[%d];
		return c && c.width > 1 && c.height > 1 ? c.toDataURL('image/png') : '';
	})()`, n))
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(data, "data:image/png;base64,"))
	if err != nil || len(raw) == 0 {
		return nil
	}
	img, err := png.Decode(bytes.NewReader(raw))
	if err != nil {
		p.Fatal(err)
	}
	return img
}

// keep writes a screenshot where LIANZHEN_E2E_KEEP says, else where the test's files go.
func (p *page) keep(name string) {
	p.Helper()
	shot, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		p.Errorf("screenshot: %v", err)
		return
	}
	keepFile(p.TB, name+".png", shot)
}

func keepFile(t testing.TB, name string, content []byte) {
	t.Helper()
	dir := os.Getenv("LIANZHEN_E2E_KEEP")
	if dir == "" {
		dir = t.ArtifactDir()
	}
	name = strings.ReplaceAll(t.Name(), "/", "-") + "-" + name
	if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
		t.Error(err)
	}
}
