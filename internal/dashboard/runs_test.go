// SPDX-License-Identifier: Apache-2.0

package dashboard

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestRunPage(t *testing.T) {
	w := world()
	run := w["GET /api/v1/runs/booking-7"].(map[string]any)
	run["results"].(map[string]any)["reportURL"] = "https://reports.example.com/7"
	run["commit"] = "4f2c1d9"
	d := newTester(t, w)
	page := d.open("/runs/qa/booking-7", http.StatusOK)
	d.has(page, `<h1>booking-7</h1>`, `href="/suites/qa/booking"`, "Backoff limit exceeded",
		`aria-label="40 passed, 3 failed, 1 skipped, of 44"`,
		`<dt>Passed</dt><dd>40 <span class="sub">(1 fewer than before)</span>`,
		`<dt>Failed</dt><dd>3 <span class="sub">(1 more than before)</span>`,
		`href="https://reports.example.com/7"`, `<dd class="mono">4f2c1d9</dd>`, "2 min 5 s", `href="/runs/qa/booking-6"`,
		`<h3>New <span class="none">1</span></h3>`, `href="/defects/qa/d-1"`, `href="/activity/qa/n-1"`,
		`action="/runs/qa/booking-7/rerun"`)
	d.hasNot(page, "Flaky <span", "Job was deleted")
	want := "GET /api/v1/integrations/logs?kind=Notification&limit=50&namespace=qa&object=Job%2Fqa%2Fbooking-7"
	if got := d.api.calls[len(d.api.calls)-1]; got != want {
		t.Errorf("the last call is %s, want %s", got, want)
	}

	delete(run, "results")
	delete(run, "defects")
	run["deleted"] = true
	d.has(d.open("/runs/qa/booking-7", http.StatusOK), "The run left no counts.", "Job was deleted")
	run["deleted"] = false
	run["outside"] = true
	outside := d.open("/runs/qa/booking-7", http.StatusOK)
	d.has(outside, "It is no Job of this cluster.")
	d.hasNot(outside, "Job was deleted", "Rerun")
	delete(run, "outside")
	run["state"] = "Running"
	d.has(d.open("/runs/qa/booking-7", http.StatusOK), "The run has not ended yet.")
}

// TestStartRuns starts runs by both forms: the browser goes to the page of the run, which is the same for a form that is
// sent twice.
func TestStartRuns(t *testing.T) {
	w := world()
	started := response{http.StatusCreated, map[string]any{"namespace": "qa", "name": "nightly-1"}}
	w["POST /api/v1/runs/booking-7/rerun"] = started
	w["POST /api/v1/suites/booking/runs"] = response{http.StatusOK, map[string]any{"namespace": "qa", "name": "nightly-1"}}
	d := newTester(t, w)
	a := d.post("/runs/qa/booking-7/rerun?namespace=qa", nil)
	if got := a.Header().Get("Location"); a.Code != http.StatusSeeOther || got != "/runs/qa/nightly-1?done=run-started&namespace=qa" {
		t.Errorf("got %d to %s", a.Code, got)
	}
	page := d.open("/suites/qa/booking", http.StatusOK)
	_, key, _ := strings.Cut(page, `name="key" value="`)
	key, _, _ = strings.Cut(key, `"`)
	if len(key) < 20 || strings.Contains(d.open("/suites/qa/booking", http.StatusOK), key) {
		t.Errorf("the key of a form is %q, and the same again", key)
	}
	a = d.post("/suites/qa/booking/run", url.Values{"cronJob": {"nightly"}, "key": {key}})
	if got := a.Header().Get("Location"); a.Code != http.StatusSeeOther || got != "/runs/qa/nightly-1?done=run-known" {
		t.Errorf("got %d to %s: %s", a.Code, got, a.Body)
	}
	if got := d.api.calls[len(d.api.calls)-1]; got != "POST /api/v1/suites/booking/runs?name=nightly&namespace=qa" {
		t.Errorf("the call is %s", got)
	}
	w["GET /api/v1/runs/nightly-1"] = map[string]any{"namespace": "qa", "name": "nightly-1", "suite": "booking", "state": "Pending"}
	d = newTester(t, w)
	d.has(d.open("/runs/qa/nightly-1?done=run-started", http.StatusOK), "The run was started.")
}

func TestSuitePage(t *testing.T) {
	d := newTester(t, world())
	page := d.open("/suites/qa/booking", http.StatusOK)
	d.has(page, `<h1>booking</h1>`, "Failing since", "in none of the runs that are known", `datetime="2026-03-05T03:00:00Z"`,
		`aria-label="Pass rate of 1 run, 4 March 2026 10:02 to 4 March 2026 10:02: 93 % on average, 93 % in the last one"`,
		"flakes in 40 % of runs", `<h2 id="flaky-title">Flaky tests`, `<h2 id="defects-title">Open defects`,
		`href="/defects?namespace=qa&amp;suite=booking"`, `href="/runs?namespace=qa&amp;suite=booking"`, `action="/suites/qa/booking/run"`)
	for _, call := range []string{
		"GET /api/v1/defects?limit=50&namespace=qa&sort=severity&state=Unresolved&suite=booking",
		"GET /api/v1/defects?limit=50&namespace=qa&sort=lastSeen&stability=Flaky&suite=booking",
	} {
		if !strings.Contains(strings.Join(d.api.calls, "\n"), call) {
			t.Errorf("no call is %s: %s", call, d.api.calls)
		}
	}
	d.open("/suites/qa/-x", http.StatusNotFound)
	d.open("/suites/qa/a%2Fb", http.StatusNotFound)
	d.open("/suites/qa/Nightly_1.2", http.StatusNotFound)
	if got := d.api.calls[len(d.api.calls)-1]; got != "GET /api/v1/suites/Nightly_1.2?namespace=qa" {
		t.Errorf("the id of a suite may be any value of a label: the last call is %s", got)
	}
}

func TestRunsAndSuitesAreListed(t *testing.T) {
	d := newTester(t, world())
	d.has(d.open("/runs?q=b&state=Failed&suite=booking&commit=4f", http.StatusOK), `<option selected>Failed`, `value="4f"`,
		"40 of 44 passed, 3 failed", `href="/runs/qa/booking-7"`, "Show all", "51 runs", "Older")
	want := "GET /api/v1/runs?commit=4f&limit=50&namespace=qa&q=b&state=Failed&suite=booking"
	if got := d.api.calls[len(d.api.calls)-1]; got != want {
		t.Errorf("the call is %s, want %s", got, want)
	}
	d.has(d.open("/suites", http.StatusOK), `href="/suites/qa/booking"`, "nightly", `href="/runs/qa/booking-7"`)
	overview := d.open("/", http.StatusOK)
	d.has(overview, `<a href="/runs">Recent runs</a>`, `<a href="/suites/qa/booking">booking</a>`, `href="/runs/qa/r"`)
	none := map[string]any{"items": []any{}}
	d = newTester(t, map[string]any{"GET /api/v1/runs": none, "GET /api/v1/suites": none})
	d.has(d.open("/runs", http.StatusOK), "No runs")
	d.has(d.open("/runs?state=Failed", http.StatusOK), "No matches")
	d.has(d.open("/suites", http.StatusOK), "No suites")
}
