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
)

// browser is the context of the one that all tests share; each tab has cookies of its own.
var browser context.Context

// chromium finds the browser.
func chromium() (string, error) {
	if path := os.Getenv("CHROME"); path != "" {
		found, err := exec.LookPath(path)
		if err != nil {
			return "", fmt.Errorf("CHROME=%s is no program: %w", path, err)
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

// startBrowser starts Chromium, which ends when end is called.
func startBrowser(path string) (end func(), err error) {
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.ExecPath(path),
		chromedp.Flag("hide-scrollbars", true),                                                        // as on a phone
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost")) // nothing is loaded from elsewhere
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

// tab is somebody's browser: a window with cookies of its own. A test fails when a page logs an error, throws one, breaks its policy, or asks
// another address than the dashboard's and the sandbox's.
type tab struct {
	*testing.T
	w      *world
	ctx    context.Context
	dialog chan string
	// mine are how addresses may begin.
	mine []string

	mu      sync.Mutex
	wrong   []string
	allowed []int
	weight  map[network.RequestID]float64
}

// tab opens one.
func (w *world) tab(t *testing.T) *tab {
	t.Helper()
	p := newTab(t, dashboard, w.server.URL)
	p.w = w
	return p
}

func newTab(t *testing.T, mine ...string) *tab {
	t.Helper()
	return openTab(browser, t, append(mine, "data:", "about:blank"), chromedp.WithNewBrowserContext())
}

// beside opens another tab of the same person, with the same cookies.
func (p *tab) beside() *tab {
	p.Helper()
	other := openTab(p.ctx, p.T, p.mine)
	other.w = p.w
	return other
}

func openTab(in context.Context, t *testing.T, mine []string, options ...chromedp.ContextOption) *tab {
	t.Helper()
	p := &tab{T: t, weight: map[network.RequestID]float64{}, dialog: make(chan string, 8), mine: mine}
	ctx, cancel := chromedp.NewContext(in, append(options, chromedp.WithListener(p.hear))...)
	p.ctx = ctx
	t.Cleanup(func() {
		if t.Failed() {
			p.shoot("failed")
			t.Logf("%s shows:\n%s", p.url(), p.text())
		}
		cancel()
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, w := range p.wrong {
			t.Error(w)
		}
		select {
		case said := <-p.dialog:
			t.Errorf("a script ran and said %q", said)
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

// hear takes note of what is wrong and of how much is loaded.
func (p *tab) hear(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	blame := func(format string, args ...any) { p.wrong = append(p.wrong, fmt.Sprintf(format, args...)) }
	switch e := event.(type) {
	case *log.EventEntryAdded:
		of := func(status int) bool { return strings.Contains(e.Entry.Text, fmt.Sprintf("status of %d ", status)) }
		if e.Entry.Level == log.EntryLevelError && !slices.ContainsFunc(p.allowed, of) {
			blame("%s logs: %s %s", e.Entry.URL, e.Entry.Source, e.Entry.Text)
		}
	case *cdpruntime.EventConsoleAPICalled:
		if e.Type == cdpruntime.ConsoleAPICalledTypeError || e.Type == cdpruntime.ConsoleAPICalledTypeAssert || e.Type == cdpruntime.ConsoleAPICalledTypeWarning {
			var said []string
			for _, a := range e.Args {
				said = append(said, cmp.Or(string(a.Value), a.Description))
			}
			blame("the console says: %s", strings.Join(said, " "))
		}
	case *cdpruntime.EventExceptionThrown:
		blame("a script throws: %s", (&chromedp.ExceptionError{ExceptionDetails: e.ExceptionDetails}).Error())
	case *audits.EventIssueAdded:
		if d := e.Issue.Details.ContentSecurityPolicyIssueDetails; d != nil {
			blame("the policy is broken: %s %s %s", d.ViolatedDirective, d.ContentSecurityPolicyViolationType, d.BlockedURL)
		}
	case *network.EventRequestWillBeSent:
		u := e.Request.URL
		if !slices.ContainsFunc(p.mine, func(start string) bool { return strings.HasPrefix(u, start) }) {
			blame("something is loaded from elsewhere: %s", u)
		}
		if e.Type == network.ResourceTypeDocument {
			clear(p.weight)
		}
	case *network.EventLoadingFinished:
		p.weight[e.RequestID] = e.EncodedDataLength
	case *page.EventJavascriptDialogOpening:
		select {
		case p.dialog <- e.Message:
		default:
		}
	}
}

// complained says whether something with a text in it was wrong.
func (p *tab) complained(text string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, w := range p.wrong {
		if strings.Contains(w, text) {
			return nil
		}
	}
	return fmt.Errorf("nothing was said of it, but %q", p.wrong)
}

// allow says that an answer with this status is no mistake from here on.
func (p *tab) allow(statuses ...int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.allowed = append(p.allowed, statuses...)
}

// bytes is what the page and all that it loaded weigh.
func (p *tab) bytes() float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	total := 0.0
	for _, n := range p.weight {
		total += n
	}
	return total
}

// forget empties the cache.
func (p *tab) forget() {
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

// eval evaluates JavaScript in the page, which works with the page's own scripts off.
func eval[T any](p *tab, script string) (T, error) {
	return chromedp.Run(p.ctx, chromedp.Evaluate[T](script))
}

// until waits until something can be done with the page. What is wrong so far is said when it cannot.
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
		case err := <-here.Died:
			p.Fatal(err)
		case <-deadline.Done():
			p.Fatalf("waited %s for %s: %v", patience, what, err)
		}
	}
}

// goes does something and waits until another page has come of it.
func (p *tab) goes(what string, do func()) {
	p.Helper()
	before, err := eval[float64](p, `performance.timeOrigin`)
	p.must(err)
	do()
	p.until(what+" to lead to another page", func() error {
		arrived, err := eval[bool](p, fmt.Sprintf(`performance.timeOrigin !== %v && document.readyState === "complete"`, before))
		if err == nil && !arrived {
			err = errors.New("it is the same page")
		}
		return err
	})
}

// open opens a page of the dashboard, about the world's namespace unless the path says another.
func (p *tab) open(path string) {
	p.Helper()
	if !strings.Contains(path, "namespace=") && !strings.HasPrefix(path, "/signin") {
		path += map[bool]string{true: "&", false: "?"}[strings.Contains(path, "?")] + "namespace=" + p.w.namespace
	}
	p.openURL(dashboard + path)
}

func (p *tab) openURL(url string) {
	p.Helper()
	p.do(chromedp.Navigate(url))
}

// url is where the page is.
func (p *tab) url() string {
	u, _ := eval[string](p, `location.href`)
	return u
}

// path is the URL's part after the dashboard's address.
func (p *tab) path() string { return strings.TrimPrefix(p.url(), dashboard) }

// text is what the page shows.
func (p *tab) text() string {
	t, _ := eval[string](p, `document.body.innerText`)
	return strings.Join(strings.Fields(t), " ")
}

// shows says whether the page shows a text, in whatever case: style sheets change it.
func (p *tab) shows(text string) bool {
	return strings.Contains(strings.ToLower(p.text()), strings.ToLower(text))
}

// see waits for texts.
func (p *tab) see(texts ...string) {
	p.Helper()
	for _, text := range texts {
		p.until(fmt.Sprintf("%q", text), func() error {
			if !p.shows(text) {
				return errors.New("it is not there")
			}
			return nil
		})
	}
}

// gone waits until a text is not shown any more.
func (p *tab) gone(text string) {
	p.Helper()
	p.until(fmt.Sprintf("%q to be gone", text), func() error {
		if p.shows(text) {
			return errors.New("it is still there")
		}
		return nil
	})
}

// hidden fails when a text is in the page, shown or not. The page has to be there already.
func (p *tab) hidden(texts ...string) {
	p.Helper()
	source, err := eval[string](p, `document.documentElement.outerHTML`)
	p.must(err)
	for _, text := range texts {
		if strings.Contains(strings.ToLower(source), strings.ToLower(text)) {
			p.Errorf("%s has %q in it", p.path(), text)
		}
	}
}

// signIn signs in with a token, where the overview asks for it.
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
