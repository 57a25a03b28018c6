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
	"github.com/voiceai-dev/integrations-operator/hack/stage"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox"
)

var pages = []scenario{
	{"pages", "50 pages and lists a second for 30 s, with 10,000 Defects and 10,000 Notifications, the operator on one processor: from request to the end of the answer", servePages},
}

func servePages(ctx context.Context, w *world) (f figures, err error) {
	const n, perSecond, seconds = 10_000, 50, 30
	w.startSandbox(sandbox.Options{})
	if err := w.createOldDefects(ctx, n); err != nil {
		return f, err
	}
	token, err := stage.CreateAccount(ctx, w.client, namespace, "reader", rbacv1.PolicyRule{
		APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"*"}, Verbs: []string{"list", "get", "watch", "update", "create"},
	})
	if err != nil {
		return f, err
	}
	port, err := stage.FreePort(ctx)
	if err != nil {
		return f, err
	}
	base := fmt.Sprintf("http://127.0.0.1:%d", port)
	w.operator, err = w.stage.Operator(ctx, "operator", []string{"GOMAXPROCS=1"}, append(extraFlags(), fmt.Sprintf("--api-bind-address=127.0.0.1:%d", port))...)
	if err != nil {
		return f, err
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return f, err
	}
	browser := &http.Client{Jar: jar, Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	err = w.stage.Poll(ctx, "the dashboard to let somebody in", func() (bool, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/signin", strings.NewReader(url.Values{"token": {token}}.Encode()))
		if err != nil {
			return false, err
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		answer, err := browser.Do(r)
		if err != nil {
			return false, nil //nolint:nilerr // it is not there yet
		}
		_ = answer.Body.Close()
		return answer.StatusCode == http.StatusOK && !strings.HasSuffix(answer.Request.URL.Path, "/signin"), nil
	})
	if err != nil {
		return f, err
	}
	if err := w.waitUntilIdle(ctx); err != nil {
		return f, err
	}
	before := w.operator.Usage()
	paths := []string{"/", "/defects", "/defects?severity=High&sort=severity", "/activity", "/activity?q=old-99", "/api/v1/defects?limit=50", "/api/v1/integrations/logs?limit=50"}
	var mu sync.Mutex
	var took []float64
	byPath, bad := map[string]float64{}, 0
	var wg sync.WaitGroup
	tick := time.NewTicker(time.Second / perSecond)
	defer tick.Stop()
	for k := range perSecond * seconds {
		<-tick.C
		path := paths[k%len(paths)]
		wg.Go(func() {
			at := time.Now()
			ok := fetch(ctx, browser, base+path, token)
			mu.Lock()
			defer mu.Unlock()
			took = append(took, ms(time.Since(at)))
			byPath[path] = max(byPath[path], ms(time.Since(at)))
			if !ok {
				bad++
			}
		})
	}
	wg.Wait()
	f.percentiles(took)
	u := w.operator.Usage()
	f.CPU, f.RSS, f.PeakRSS = u.CPU-before.CPU, u.RSS, u.PeakRSS
	f.Notes = fmt.Sprintf("%d answers were not 200; the slowest of each, in ms: %v; resident before: %.0f MB", bad, byPath, before.RSS)
	return f, nil
}

// waitUntilIdle waits until the operator has looked at all that is there, and does nothing any more.
func (w *world) waitUntilIdle(ctx context.Context) error {
	last, quiet := w.operator.Usage().CPU, 0
	return w.stage.Poll(ctx, "the operator to come to rest", func() (bool, error) {
		now := w.operator.Usage().CPU
		quiet++
		if now-last > 0.02 {
			quiet = 0
		}
		last = now
		return quiet > 100, nil // 2 s
	})
}

// fetch reads a page, and says whether it was there.
func fetch(ctx context.Context, browser *http.Client, at, token string) bool {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return false
	}
	if strings.Contains(at, "/api/") {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := browser.Do(r)
	if err != nil {
		return false
	}
	defer func() { _ = answer.Body.Close() }()
	_, err = io.Copy(io.Discard, answer.Body)
	return err == nil && answer.StatusCode == http.StatusOK
}

// createOldDefects makes Defects of long ago, and for each a Notification that was delivered.
func (w *world) createOldDefects(ctx context.Context, n int) error {
	at := metav1.Now()
	return parallel(n, 32, func(k int) error {
		d := newDefect(fmt.Sprintf("old-%d", k))
		d.Spec.Severity = []v1alpha1.Severity{v1alpha1.SeverityCritical, v1alpha1.SeverityHigh, v1alpha1.SeverityMedium, v1alpha1.SeverityLow}[k%4]
		if err := w.client.Create(ctx, d); err != nil {
			return err
		}
		d.Status = v1alpha1.DefectStatus{State: v1alpha1.StateOpen, Occurrences: 1, FirstSeenTime: &d.CreationTimestamp, LastSeenTime: &d.CreationTimestamp, Events: []v1alpha1.EventID{v1alpha1.EventID(d.UID) + ".created"}}
		condition.True(d, v1alpha1.ConditionTicketed, v1alpha1.ReasonNotWanted, "No JiraIntegration of this namespace is marked as default")
		condition.True(d, v1alpha1.ConditionSynced, v1alpha1.ReasonNoTicket, "There is no ticket to be in step with")
		condition.True(d, v1alpha1.ConditionNotified, v1alpha1.ReasonNotified, "1 notification was delivered")
		condition.Ready(d, v1alpha1.ReasonReady, "Nothing more is to be done")
		if err := w.client.Status().Update(ctx, d); err != nil {
			return err
		}
		o := &v1alpha1.Notification{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: fmt.Sprintf("told-%d", k)}, Spec: v1alpha1.NotificationSpec{
			Rule: v1alpha1.RuleReference{Name: "all", UID: "11111111-2222-3333-4444-555555555555"},
			Event: v1alpha1.NotificationEvent{
				ID: v1alpha1.EventID(d.UID) + ".created", Type: v1alpha1.EventDefectCreated, Time: at, Severity: d.Spec.Severity,
				Subject: &v1alpha1.EventSubject{Kind: v1alpha1.KindDefect, Namespace: namespace, Name: d.Name, UID: string(d.UID)},
			},
		}}
		if err := w.client.Create(ctx, o); err != nil {
			return err
		}
		before := o.DeepCopy()
		o.Status.Attempts = 1
		condition.True(o, v1alpha1.ConditionDelivered, v1alpha1.ReasonSent, "Slack accepted the message")
		condition.Ready(o, v1alpha1.ReasonDelivered, "Slack accepted the message")
		return w.client.Status().Patch(ctx, o, client.MergeFrom(before))
	})
}
