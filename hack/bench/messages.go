// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/hack/bench/apiserver"
	"github.com/voiceai-dev/integrations-operator/hack/bench/load"
	"github.com/voiceai-dev/integrations-operator/hack/bench/objects"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/slack"
)

var messageScenarios = []scenario{
	{
		name: "message-idle",
		what: "100 Defects one after the other, Slack answers in 20 ms: from create to the arrival of the message",
		run:  burst{defects: 100, clients: 1, limit: unlimited}.run,
	},
	{
		name: "message-floor",
		what: "1,000 Defects and their Notifications created by 32 clients, without an operator: the time of the API server",
		run:  messageFloor,
	},
	{
		name: "message-burst",
		what: "1,000 Defects at once, one rule, Slack answers in 20 ms without a limit",
		run:  burst{defects: 1000, clients: 32, limit: unlimited}.run,
	},
	{
		name: "storm-1000",
		what: "1,000 Defects at once for one channel that accepts 1 message a second",
		run:  burst{defects: 1000, clients: 32, slackRate: 1}.run,
	},
	{
		name: "storm-10000",
		what: "10,000 Defects at once for one channel that accepts 1 message a second",
		run:  burst{defects: 10_000, clients: 32, slackRate: 1}.run,
	},
}

// unlimited raises the operator's own limit so far that it has no effect.
var unlimited = &v1alpha1.SlackRateLimit{ChannelMessagesPerMinute: 60_000, WorkspaceMessagesPerMinute: 60_000}

// defectName matches the name of a Defect, which its title contains.
var defectName = regexp.MustCompile(`message-\d+`)

// receipts are the times at which Slack received the messages.
type receipts struct {
	mu   sync.Mutex
	at   map[string]time.Time
	last time.Time // the last message
}

// receivedAt returns when Slack received the message about a Defect.
func (r *receipts) receivedAt(name string) (time.Time, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	at, ok := r.at[name]
	return at, ok
}

// record wraps Slack's handler to record when messages arrive.
func (r *receipts) record(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if strings.HasSuffix(req.URL.Path, "/chat.postMessage") {
			at := time.Now()
			raw, err := io.ReadAll(req.Body)
			form, _ := url.ParseQuery(string(raw))
			r.mu.Lock()
			r.last = at
			r.mu.Unlock()
			if name := defectName.FindString(form.Get("text")); name != "" && err == nil {
				r.mu.Lock()
				r.at[name] = at
				r.mu.Unlock()
			}
			req.Body = io.NopCloser(bytes.NewReader(raw))
		}
		next.ServeHTTP(w, req)
	})
}

// createDefaultSlack creates the default SlackIntegration, its Secret and a rule for all new Defects.
func (w *world) createDefaultSlack(
	ctx context.Context, limit *v1alpha1.SlackRateLimit,
) (*v1alpha1.SlackIntegration, error) {
	s := objects.Secret("slack", slack.BotToken)
	i := newSlackIntegration("slack", w.server.URL+sandbox.SlackAPIPath)
	i.Spec.Default = true
	i.Spec.RateLimit = limit
	r := &v1alpha1.NotificationRule{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "all"},
		Spec:       v1alpha1.NotificationRuleSpec{EventTypes: []v1alpha1.EventType{v1alpha1.EventDefectCreated}},
	}
	return i, errors.Join(w.client.Create(ctx, s), w.client.Create(ctx, i), w.client.Create(ctx, r))
}

// newSlackIntegration returns an integration that uses the bot token in the Secret "slack".
func newSlackIntegration(name, url string) *v1alpha1.SlackIntegration {
	return &v1alpha1.SlackIntegration{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: v1alpha1.SlackIntegrationSpec{
			APIURL: v1alpha1.HTTPURL(url), DefaultChannel: slack.AlertsChannel,
			Bot: &v1alpha1.SlackBot{TokenSecretRef: v1alpha1.SecretKeyReference{Name: "slack", Key: "token"}},
		},
	}
}

// A burst creates Defects and measures when Slack receives their messages.
type burst struct {
	defects int
	// clients is the number of clients that create Defects concurrently. One client waits for each message before it
	// creates the next Defect.
	clients int
	// limit is the limit of the integration; nil for the default.
	limit *v1alpha1.SlackRateLimit
	// slackRate is the number of messages that Slack accepts per second; 0 for no limit.
	slackRate float64
}

// run creates the Defects and waits until every Notification is delivered or part of a digest.
func (b burst) run(ctx context.Context, w *world) (f figures, err error) {
	got := &receipts{at: map[string]time.Time{}}
	w.startSandboxBehind(got.record, sandbox.Options{
		Latency: 20 * time.Millisecond, SlackRate: b.slackRate, SlackBurst: 5,
	})
	i, err := w.createDefaultSlack(ctx, b.limit)
	if err != nil {
		return f, err
	}
	if err := w.startOperator(ctx, i); err != nil {
		return f, err
	}
	since, err := w.baseline(ctx)
	if err != nil {
		return f, err
	}
	delivered := make(chan struct{}, b.defects)
	wait, err := w.notifyDelivered(ctx, b.defects, delivered)
	if err != nil {
		return f, err
	}
	began := time.Now()
	created, err := b.create(ctx, w, delivered)
	if err != nil {
		return f, err
	}
	createdAll := time.Since(began)
	if err := wait(); err != nil {
		return f, err
	}
	end := time.Since(began)
	f.Percentiles(b.latencies(created, got, began))
	messages := f.Objects
	f.Objects = b.defects
	if err := w.recordUsage(ctx, &f, since); err != nil {
		return f, err
	}
	f.Notes = fmt.Sprintf("creates took %.1f s; all Notifications were delivered after %.1f s; "+
		"%d messages, the last after %.1f s, %d of them for one Defect", createdAll.Seconds(), end.Seconds(),
		len(w.sandbox.Slack().Messages(slack.AlertsChannel)), got.last.Sub(began).Seconds(), messages)
	return f, nil
}

// create creates the Defects and returns when each was created.
func (b burst) create(ctx context.Context, w *world, delivered <-chan struct{}) ([]time.Time, error) {
	created := make([]time.Time, b.defects)
	createOne := func(k int) error {
		created[k] = time.Now()
		return w.client.Create(ctx, objects.Defect(fmt.Sprintf("message-%d", k)))
	}
	if b.clients > 1 {
		return created, load.Parallel(b.defects, b.clients, createOne)
	}
	for k := range b.defects {
		if err := createOne(k); err != nil {
			return nil, err
		}
		select {
		case <-delivered:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	return created, nil
}

// latencies returns the time until Slack received each message about a single Defect, in milliseconds. It counts from
// the create of the Defect for one client, and from the start of the burst for several.
func (b burst) latencies(created []time.Time, got *receipts, began time.Time) []float64 {
	var took []float64
	for k, from := range created {
		received, ok := got.receivedAt(fmt.Sprintf("message-%d", k))
		if !ok {
			continue
		}
		if b.clients > 1 {
			from = began
		}
		took = append(took, ms(received.Sub(from)))
	}
	return took
}

// messageFloor measures how long it takes to store everything that must be stored before the last message is sent.
func messageFloor(ctx context.Context, w *world) (f figures, err error) {
	store := func(k int) error {
		d := objects.Defect(fmt.Sprintf("floor-%d", k))
		if err := w.client.Create(ctx, d); err != nil {
			return err
		}
		e := event.DefectCreated(d)
		apiEvent, err := e.ToAPI()
		if err != nil {
			return err
		}
		return w.client.Create(ctx, &v1alpha1.Notification{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: d.Name, Labels: map[string]string{
				v1alpha1.RuleLabel: "all", v1alpha1.EventTypeLabel: string(e.Type), v1alpha1.SuiteLabel: string(d.Spec.Suite),
			}},
			Spec: v1alpha1.NotificationSpec{Rule: v1alpha1.RuleReference{Name: "all", UID: string(d.UID)}, Event: apiEvent},
		})
	}
	const n = 1000
	if err := store(n); err != nil { // the first object of a kind takes the API server longer
		return f, err
	}
	took := make([]float64, n)
	_, cpu, err := apiserver.Metrics(ctx, w.config)
	if err != nil {
		return f, err
	}
	began := time.Now()
	if err := load.Parallel(n, 32, func(k int) error {
		err := store(k)
		took[k] = ms(time.Since(began))
		return err
	}); err != nil {
		return f, err
	}
	f.Percentiles(took)
	_, f.APICPU, err = apiserver.Metrics(ctx, w.config)
	f.APICPU -= cpu
	return f, err
}

// notifyDelivered sends to a channel for each Notification that is delivered or part of a digest, until there are n.
// Digests themselves do not count.
func (w *world) notifyDelivered(ctx context.Context, n int, delivered chan<- struct{}) (wait func() error, err error) {
	done := map[string]bool{}
	return watchEach(ctx, w, &v1alpha1.NotificationList{}, func(o *v1alpha1.Notification, _ time.Time) bool {
		isDigest := len(o.Spec.Members) > 0
		if !isDigest && !done[o.Name] && condition.Is(o, v1alpha1.ConditionDelivered, metav1.ConditionTrue, "") {
			done[o.Name] = true
			delivered <- struct{}{}
		}
		return len(done) == n
	})
}
