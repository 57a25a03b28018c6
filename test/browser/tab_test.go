// SPDX-License-Identifier: Apache-2.0

//go:build browser

package browser_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	cdpruntime "github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/voiceai-dev/integrations-operator/hack/stage"
)

// browser is the context of the browser that all tests share. Each tab has its own cookies.
var browser context.Context

// chromium returns the path of the browser.
func chromium() (string, error) {
	if path := os.Getenv("CHROME"); path != "" {
		found, err := exec.LookPath(path)
		if err != nil {
			return "", fmt.Errorf("CHROME=%s is not a program: %w", path, err)
		}
		return found, nil
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "headless_shell"} {
		if found, err := exec.LookPath(name); err == nil {
			return found, nil
		}
	}
	return "", errors.New("the browser tests need Chromium or Chrome: apt-get install chromium, or name one with CHROME=/path/to/chrome")
}

// startBrowser starts Chromium. end stops it.
func startBrowser(path string) (end func(), err error) {
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.ExecPath(path), chromedp.WSURLReadTimeout(stage.Timeout),
		chromedp.Flag("hide-scrollbars", true), // as on a phone
		// Nothing is loaded from other servers.
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"))
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocator)
	end = func() { cancel(); stop() }
	if err := chromedp.Do(ctx); err != nil {
		end()
		return nil, fmt.Errorf("starting %s: %w", path, err)
	}
	browser = ctx
	return end, nil
}

// tab is a user's browser: a window with its own cookies. A test fails when a page logs or throws an error, violates
// its content security policy, or sends a request to another server than the dashboard and the sandbox.
type tab struct {
	*testing.T
	w      *world
	ctx    context.Context
	dialog chan string
	// prefixes are the beginnings of the addresses that pages may load.
	prefixes []string

	mu       sync.Mutex
	problems []string
	// allowed are the HTTP statuses that are not reported as errors.
	allowed []int
	// offline is whether requests were made to fail.
	offline bool
	// sizes are the bytes of the page and of all that it has loaded.
	sizes map[network.RequestID]float64
}

// tab opens a tab with its own cookies.
func (w *world) tab(t *testing.T) *tab {
	t.Helper()
	p := newTab(t, dashboard, w.server.URL)
	p.w = w
	return p
}

func newTab(t *testing.T, prefixes ...string) *tab {
	t.Helper()
	return openTab(browser, t, append(prefixes, "data:", "about:blank"), chromedp.WithNewBrowserContext())
}

// another opens another tab of the same user, with the same cookies.
func (p *tab) another() *tab {
	p.Helper()
	other := openTab(p.ctx, p.T, p.prefixes)
	other.w = p.w
	return other
}

func openTab(in context.Context, t *testing.T, prefixes []string, options ...chromedp.ContextOption) *tab {
	t.Helper()
	p := &tab{T: t, sizes: map[network.RequestID]float64{}, dialog: make(chan string, 8), prefixes: prefixes}
	ctx, cancel := chromedp.NewContext(in, append(options, chromedp.WithListener(p.record))...)
	p.ctx = ctx
	t.Cleanup(func() {
		if t.Failed() {
			p.shoot("failed")
			t.Logf("%s shows:\n%s", p.url(), p.text())
		}
		cancel()
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, problem := range p.problems {
			t.Error(problem)
		}
		select {
		case text := <-p.dialog:
			t.Errorf("a script ran and opened a dialog with %q", text)
		default:
		}
	})
	p.do(chromedp.EmulateViewport(1280, 900))
	_, err := chromedp.Call(ctx, emulation.SetScrollbarsHidden, emulation.SetScrollbarsHiddenParams{Hidden: true}) // as on a phone
	p.must(err)
	_, err = chromedp.Call(ctx, audits.Enable, cdp.Empty{})
	p.must(err)
	return p
}

// record records problems and how much is loaded.
func (p *tab) record(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	report := func(format string, args ...any) { p.problems = append(p.problems, fmt.Sprintf(format, args...)) }
	switch e := event.(type) {
	case *log.EventEntryAdded:
		of := func(status int) bool { return strings.Contains(e.Entry.Text, fmt.Sprintf("status of %d ", status)) }
		lost := p.offline && strings.Contains(e.Entry.Text, "ERR_INTERNET_DISCONNECTED")
		if e.Entry.Level == log.EntryLevelError && !lost && !slices.ContainsFunc(p.allowed, of) {
			report("%s logs: %s %s", e.Entry.URL, e.Entry.Source, e.Entry.Text)
		}
	case *cdpruntime.EventConsoleAPICalled:
		switch e.Type {
		case cdpruntime.ConsoleAPICalledTypeError, cdpruntime.ConsoleAPICalledTypeAssert, cdpruntime.ConsoleAPICalledTypeWarning:
			var texts []string
			for _, a := range e.Args {
				texts = append(texts, cmp.Or(string(a.Value), a.Description))
			}
			report("the console shows: %s", strings.Join(texts, " "))
		}
	case *cdpruntime.EventExceptionThrown:
		report("a script throws: %s", (&chromedp.ExceptionError{ExceptionDetails: e.ExceptionDetails}).Error())
	case *audits.EventIssueAdded:
		if d := e.Issue.Details.ContentSecurityPolicyIssueDetails; d != nil {
			report("the policy is violated: %s %s %s", d.ViolatedDirective, d.ContentSecurityPolicyViolationType, d.BlockedURL)
		}
	case *network.EventRequestWillBeSent:
		u := e.Request.URL
		if !slices.ContainsFunc(p.prefixes, func(start string) bool { return strings.HasPrefix(u, start) }) {
			report("a request goes to another server: %s", u)
		}
		if e.Type == network.ResourceTypeDocument {
			clear(p.sizes)
		}
	case *network.EventLoadingFinished:
		p.sizes[e.RequestID] = e.EncodedDataLength
	case *page.EventJavascriptDialogOpening:
		select {
		case p.dialog <- e.Message:
		default:
		}
	}
}

// hasProblem returns an error unless a problem with a text in it was recorded.
func (p *tab) hasProblem(text string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, problem := range p.problems {
		if strings.Contains(problem, text) {
			return nil
		}
	}
	return fmt.Errorf("the problems are %q", p.problems)
}

// allow accepts answers with these HTTP statuses from here on.
func (p *tab) allow(statuses ...int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.allowed = append(p.allowed, statuses...)
}

// disconnect makes requests of the page fail, as without a network, until it is connected again.
func (p *tab) disconnect(offline bool) {
	p.Helper()
	p.mu.Lock()
	p.offline = p.offline || offline
	p.mu.Unlock()
	rule := network.Conditions{DownloadThroughput: -1, UploadThroughput: -1, Offline: offline}
	_, err := chromedp.Call(p.ctx, network.EmulateNetworkConditionsByRule,
		network.EmulateNetworkConditionsByRuleParams{MatchedNetworkConditions: []*network.Conditions{&rule}})
	p.must(err)
	p.until("the network conditions to apply", func() error { // they reach the network's process a little later
		failed, err := chromedp.Run(p.ctx, chromedp.Evaluate[bool](
			`fetch(location.href, { method: "HEAD", cache: "no-store" }).then(() => false, () => true)`, chromedp.EvalAwaitPromise))
		if err == nil && failed != offline {
			err = fmt.Errorf("a request failed: %t", failed)
		}
		return err
	})
}

// size returns the bytes of the page and of all that it has loaded.
func (p *tab) size() float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	total := 0.0
	for _, n := range p.sizes {
		total += n
	}
	return total
}

// clearCache empties the browser's cache.
func (p *tab) clearCache() {
	p.Helper()
	_, err := chromedp.Call(p.ctx, network.ClearBrowserCache, cdp.Empty{})
	p.must(err)
}

func (p *tab) must(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

func (p *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	p.Helper()
	p.must(chromedp.Do(p.ctx, steps...))
}

// eval evaluates JavaScript in the page. It works with the page's own scripts turned off.
func eval[T any](p *tab, script string) (T, error) {
	return chromedp.Run(p.ctx, chromedp.Evaluate[T](script))
}

// until calls done until it returns no error. When that takes too long, the test fails with the last error.
func (p *tab) until(what string, done func() error) {
	p.Helper()
	deadline, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := done()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case err := <-here.Exited:
			p.Fatal(err)
		case <-deadline.Done():
			p.Fatalf("waited %s for %s: %v", patience, what, err)
		}
	}
}

// navigates calls do and waits until it has led to another page.
func (p *tab) navigates(what string, do func()) {
	p.Helper()
	before, err := eval[float64](p, `performance.timeOrigin`)
	p.must(err)
	do()
	p.until(what+" to lead to another page", func() error {
		arrived, err := eval[bool](p, fmt.Sprintf(`performance.timeOrigin !== %v && document.readyState === "complete"`, before))
		if err == nil && !arrived {
			err = errors.New("the page is the same")
		}
		return err
	})
}

// open opens a page of the dashboard. It is about the world's namespace unless the path names another.
func (p *tab) open(path string) {
	p.Helper()
	if !strings.Contains(path, "namespace=") && !strings.HasPrefix(path, "/signin") {
		separator := "?"
		if strings.Contains(path, "?") {
			separator = "&"
		}
		path += separator + "namespace=" + p.w.namespace
	}
	p.openURL(dashboard + path)
}

func (p *tab) openURL(url string) {
	p.Helper()
	p.do(chromedp.Navigate(url))
}

// url returns the page's address.
func (p *tab) url() string {
	u, _ := eval[string](p, `location.href`)
	return u
}

// path returns the page's address without the dashboard's.
func (p *tab) path() string { return strings.TrimPrefix(p.url(), dashboard) }

// text returns the text that the page shows.
func (p *tab) text() string {
	t, _ := eval[string](p, `document.body.innerText`)
	return strings.Join(strings.Fields(t), " ")
}

// shows reports whether the page shows a text. Case is ignored, because style sheets may change it.
func (p *tab) shows(text string) bool {
	return strings.Contains(strings.ToLower(p.text()), strings.ToLower(text))
}

// see waits for texts.
func (p *tab) see(texts ...string) {
	p.Helper()
	for _, text := range texts {
		p.until(fmt.Sprintf("%q", text), func() error {
			if !p.shows(text) {
				return errors.New("the page does not show it")
			}
			return nil
		})
	}
}

// gone waits until a text is no longer shown.
func (p *tab) gone(text string) {
	p.Helper()
	p.until(fmt.Sprintf("%q to be gone", text), func() error {
		if p.shows(text) {
			return errors.New("the page still shows it")
		}
		return nil
	})
}

// absent fails when a text is in the page's source. The page has to be loaded.
func (p *tab) absent(texts ...string) {
	p.Helper()
	source, err := eval[string](p, `document.documentElement.outerHTML`)
	p.must(err)
	for _, text := range texts {
		if strings.Contains(strings.ToLower(source), strings.ToLower(text)) {
			p.Errorf("%s contains %q", p.path(), text)
		}
	}
}

// signIn signs in with a token.
func (p *tab) signIn(token string) {
	p.Helper()
	p.open("/")
	p.fill("token", token)
	p.follow("button", "sign in")
}

// scripts turns the page's own scripts on or off.
func (p *tab) scripts(on bool) {
	p.Helper()
	_, err := chromedp.Call(p.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !on})
	p.must(err)
}

// shoot takes a picture of the whole page.
func (p *tab) shoot(name string) {
	p.Helper()
	picture, err := chromedp.Run(p.ctx, chromedp.FullScreenshot(100))
	if err == nil {
		dir := filepath.Join("screenshots", p.Name())
		if err = os.MkdirAll(dir, 0o755); err == nil {
			err = os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o600)
		}
	}
	if err != nil {
		p.Errorf("taking a picture of %s: %v", name, err)
	}
}
