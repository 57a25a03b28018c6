// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/hack/bench/load"
	"github.com/voiceai-dev/integrations-operator/hack/bench/objects"
	"github.com/voiceai-dev/integrations-operator/hack/stage"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox"
)

var pageScenarios = []scenario{{
	name: "pages",
	what: "50 pages and lists a second for 30 s, with 10,000 Defects and 10,000 Notifications, " +
		"the operator on one processor: from request to the end of the response",
	run: servePages,
}}

// pagePaths are the pages and lists that are requested in turn.
var pagePaths = []string{
	"/", "/defects", "/defects?severity=High&sort=severity", "/activity", "/activity?q=old-99",
	"/api/v1/defects?limit=50", "/api/v1/integrations/logs?limit=50",
}

// servePages measures the dashboard and the REST API with many objects.
func servePages(ctx context.Context, w *world) (f figures, err error) {
	w.startSandbox(sandbox.Options{})
	if err := w.createOldDefects(ctx, 10_000); err != nil {
		return f, err
	}
	token, err := stage.CreateAccount(ctx, w.client, namespace, "reader", rbacv1.PolicyRule{
		APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"*"},
		Verbs: []string{"list", "get", "watch", "update", "create"},
	})
	if err != nil {
		return f, err
	}
	port, err := stage.FreePort(ctx)
	if err != nil {
		return f, err
	}
	address := fmt.Sprintf("127.0.0.1:%d", port)
	w.operator, err = w.stage.Operator(ctx, "operator", []string{"GOMAXPROCS=1"},
		append(extraFlags(), "--api-bind-address="+address)...)
	if err != nil {
		return f, err
	}
	v, err := w.signIn(ctx, "http://"+address, token)
	if err != nil {
		return f, err
	}
	if err := w.waitUntilIdle(ctx); err != nil {
		return f, err
	}
	before := w.operator.Usage()
	const perSecond, seconds = 50, 30
	tick := time.NewTicker(time.Second / perSecond)
	defer tick.Stop()
	var requests sync.WaitGroup
	for k := range perSecond * seconds {
		<-tick.C
		requests.Go(func() { v.measure(ctx, pagePaths[k%len(pagePaths)]) })
	}
	requests.Wait()
	f.Percentiles(v.took)
	after := w.operator.Usage()
	f.CPU = after.CPU - before.CPU
	f.RSS = after.RSS
	f.PeakRSS = after.PeakRSS
	f.Notes = fmt.Sprintf("%d responses were not 200; slowest of each path, in ms: %v; resident before: %.0f MB",
		v.failed, v.slowest, before.RSS)
	return f, nil
}

// A visitor is a user of the dashboard and the REST API.
type visitor struct {
	browser *http.Client
	base    string
	token   string

	mu      sync.Mutex
	took    []float64          // the times of all responses, in milliseconds
	slowest map[string]float64 // the slowest response by path
	failed  int
}

// signIn signs in to the dashboard as soon as it is ready.
func (w *world) signIn(ctx context.Context, base, token string) (*visitor, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	browser := &http.Client{Jar: jar, Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	err = w.stage.Poll(ctx, "sign-in to the dashboard", func() (bool, error) {
		form := strings.NewReader(url.Values{"token": {token}}.Encode())
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/signin", form)
		if err != nil {
			return false, err
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		response, err := browser.Do(r)
		if err != nil {
			return false, nil //nolint:nilerr // the server is not ready yet
		}
		_ = response.Body.Close()
		return response.StatusCode == http.StatusOK && !strings.HasSuffix(response.Request.URL.Path, "/signin"), nil
	})
	return &visitor{browser: browser, base: base, token: token, slowest: map[string]float64{}}, err
}

// measure fetches a page and records how long it took.
func (v *visitor) measure(ctx context.Context, path string) {
	began := time.Now()
	ok := v.fetch(ctx, path)
	took := ms(time.Since(began))
	v.mu.Lock()
	defer v.mu.Unlock()
	v.took = append(v.took, took)
	v.slowest[path] = max(v.slowest[path], took)
	if !ok {
		v.failed++
	}
}

// fetch reads a page to its end and reports whether its status was 200.
func (v *visitor) fetch(ctx context.Context, path string) bool {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, v.base+path, nil)
	if err != nil {
		return false
	}
	if strings.HasPrefix(path, "/api/") {
		r.Header.Set("Authorization", "Bearer "+v.token)
	}
	response, err := v.browser.Do(r)
	if err != nil {
		return false
	}
	defer func() { _ = response.Body.Close() }()
	_, err = io.Copy(io.Discard, response.Body)
	return err == nil && response.StatusCode == http.StatusOK
}

// waitUntilIdle waits until the operator has used hardly any processor time for 2 s.
func (w *world) waitUntilIdle(ctx context.Context) error {
	last := w.operator.Usage().CPU
	quiet := 0
	return w.stage.Poll(ctx, "the operator to be idle", func() (bool, error) {
		now := w.operator.Usage().CPU
		quiet++
		if now-last > 0.02 {
			quiet = 0
		}
		last = now
		return quiet > 100, nil // polls every 20 ms
	})
}

// createOldDefects creates n Defects, each with a Notification that was delivered.
func (w *world) createOldDefects(ctx context.Context, n int) error {
	return load.Parallel(n, 32, func(k int) error {
		d := objects.Defect(fmt.Sprintf("old-%d", k))
		severities := []v1alpha1.Severity{
			v1alpha1.SeverityCritical, v1alpha1.SeverityHigh, v1alpha1.SeverityMedium, v1alpha1.SeverityLow,
		}
		d.Spec.Severity = severities[k%len(severities)]
		if err := w.client.Create(ctx, d); err != nil {
			return err
		}
		d.Status = v1alpha1.DefectStatus{
			State: v1alpha1.StateOpen, Occurrences: 1, FirstSeenTime: &d.CreationTimestamp, LastSeenTime: &d.CreationTimestamp,
			Events: []v1alpha1.EventID{v1alpha1.EventID(d.UID) + ".created"},
		}
		condition.True(d, v1alpha1.ConditionTicketed, v1alpha1.ReasonNotWanted, "No default JiraIntegration")
		condition.True(d, v1alpha1.ConditionSynced, v1alpha1.ReasonNoTicket, "No ticket")
		condition.True(d, v1alpha1.ConditionNotified, v1alpha1.ReasonNotified, "1 notification was delivered")
		condition.Ready(d, v1alpha1.ReasonReady, "Up to date")
		if err := w.client.Status().Update(ctx, d); err != nil {
			return err
		}
		return w.createDelivered(ctx, d, fmt.Sprintf("delivered-%d", k))
	})
}

// createDelivered creates a delivered Notification about a Defect.
func (w *world) createDelivered(ctx context.Context, d *v1alpha1.Defect, name string) error {
	n := &v1alpha1.Notification{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: v1alpha1.NotificationSpec{
			Rule: v1alpha1.RuleReference{Name: "all", UID: "11111111-2222-3333-4444-555555555555"},
			Event: v1alpha1.NotificationEvent{
				ID: v1alpha1.EventID(d.UID) + ".created", Type: v1alpha1.EventDefectCreated, Time: metav1.Now(), Severity: d.Spec.Severity,
				Subject: &v1alpha1.EventSubject{Kind: v1alpha1.KindDefect, Namespace: namespace, Name: d.Name, UID: string(d.UID)},
			},
		},
	}
	if err := w.client.Create(ctx, n); err != nil {
		return err
	}
	before := n.DeepCopy()
	n.Status.Attempts = 1
	condition.True(n, v1alpha1.ConditionDelivered, v1alpha1.ReasonSent, "Slack accepted the message")
	condition.Ready(n, v1alpha1.ReasonDelivered, "Slack accepted the message")
	return w.client.Status().Patch(ctx, n, client.MergeFrom(before))
}
