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

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/slack"
)

var messages = []scenario{
	{"message-idle", "100 Defects one after the other, Slack answers in 20 ms: from create to Slack's receipt of the message", func(ctx context.Context, w *world) (figures, error) {
		return messageBurst(ctx, w, 100, 1, unlimited, 0)
	}},
	{"message-floor", "1,000 creates of a Defect and of the Notification that tells of it by 32 clients, without an operator: what the API server takes", messageFloor},
	{"message-burst", "1,000 Defects at once, one rule, Slack answers in 20 ms without a limit", func(ctx context.Context, w *world) (figures, error) {
		return messageBurst(ctx, w, 1000, 32, unlimited, 0)
	}},
	{"storm-1000", "1,000 Defects at once into one channel that takes 1 message a second", func(ctx context.Context, w *world) (figures, error) {
		return messageBurst(ctx, w, 1000, 32, nil, 1)
	}},
	{"storm-10000", "10,000 Defects at once into one channel that takes 1 message a second", func(ctx context.Context, w *world) (figures, error) {
		return messageBurst(ctx, w, 10_000, 32, nil, 1)
	}},
}

// unlimited lifts the operator's own limit.
var unlimited = &v1alpha1.SlackRateLimit{ChannelMessagesPerMinute: 60_000, WorkspaceMessagesPerMinute: 60_000}

// defectName is in the title of each Defect.
var defectName = regexp.MustCompile(`message-\d+`)

// receipts are when Slack received a message that names a Defect.
type receipts struct {
	mu   sync.Mutex
	at   map[string]time.Time
	last time.Time // of any message
}

func (r *receipts) receivedAt(name string) (time.Time, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	at, ok := r.at[name]
	return at, ok
}

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

func (w *world) createDefaultSlack(ctx context.Context, limit *v1alpha1.SlackRateLimit) (*v1alpha1.SlackIntegration, error) {
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "slack"}, StringData: map[string]string{"token": slack.BotToken}}
	i := &v1alpha1.SlackIntegration{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "slack"}, Spec: v1alpha1.SlackIntegrationSpec{
		Default: true, APIURL: v1alpha1.HTTPURL(w.server.URL + sandbox.SlackAPIPath), DefaultChannel: slack.AlertsChannel, RateLimit: limit,
		Bot: &v1alpha1.SlackBot{TokenSecretRef: v1alpha1.SecretKeyReference{Name: "slack", Key: "token"}},
	}}
	r := &v1alpha1.NotificationRule{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "all"},
		Spec: v1alpha1.NotificationRuleSpec{EventTypes: []v1alpha1.EventType{v1alpha1.EventDefectCreated}}}
	return i, errors.Join(w.client.Create(ctx, s), w.client.Create(ctx, i), w.client.Create(ctx, r))
}

// messageBurst creates n Defects, so many at once, and waits until every Notification says what became of it.
func messageBurst(ctx context.Context, w *world, n, atOnce int, limit *v1alpha1.SlackRateLimit, slackRate float64) (f figures, err error) {
	got := &receipts{at: map[string]time.Time{}}
	w.startSandboxBehind(sandbox.Options{Latency: 20 * time.Millisecond, SlackRate: slackRate, SlackBurst: 5}, got.record)
	i, err := w.createDefaultSlack(ctx, limit)
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
	told := make(chan struct{}, n) // has an entry for each event of which it is said what became of it
	wait, err := w.countDelivered(ctx, n, told)
	if err != nil {
		return f, err
	}
	began := time.Now()
	created := make([]time.Time, n)
	each := func(k int) error {
		created[k] = time.Now()
		return w.client.Create(ctx, newDefect(fmt.Sprintf("message-%d", k)))
	}
	if atOnce == 1 {
		for k := range n {
			if err := each(k); err != nil {
				return f, err
			}
			select {
			case <-told:
			case <-ctx.Done():
				return f, context.Cause(ctx)
			}
		}
	} else if err := parallel(n, atOnce, each); err != nil {
		return f, err
	}
	all := time.Since(began)
	if err := wait(); err != nil {
		return f, err
	}
	end := time.Since(began)
	var took []float64
	for k, at := range created {
		if got, ok := got.at[fmt.Sprintf("message-%d", k)]; ok {
			if atOnce > 1 {
				at = began
			}
			took = append(took, ms(got.Sub(at)))
		}
	}
	f.percentiles(took)
	f.Objects = n
	if err := w.recordUsage(ctx, &f, since); err != nil {
		return f, err
	}
	f.Notes = fmt.Sprintf("the creates themselves took %.1f s; every Notification said what became of it after %.1f s; %d messages, the last after %.1f s, %d of them of one Defect",
		all.Seconds(), end.Seconds(), len(w.sandbox.Slack().Messages(slack.AlertsChannel)), got.last.Sub(began).Seconds(), len(took))
	return f, nil
}

// messageFloor is what has to be stored before the last message may leave.
func messageFloor(ctx context.Context, w *world) (f figures, err error) {
	store := func(k int) error {
		d := newDefect(fmt.Sprintf("floor-%d", k))
		if err := w.client.Create(ctx, d); err != nil {
			return err
		}
		e := event.DefectCreated(d)
		told, err := e.ToAPI()
		if err != nil {
			return err
		}
		return w.client.Create(ctx, &v1alpha1.Notification{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: d.Name, Labels: map[string]string{
				v1alpha1.RuleLabel: "all", v1alpha1.EventTypeLabel: string(e.Type), v1alpha1.SuiteLabel: string(d.Spec.Suite),
			}},
			Spec: v1alpha1.NotificationSpec{Rule: v1alpha1.RuleReference{Name: "all", UID: string(d.UID)}, Event: told},
		})
	}
	const n = 1000
	if err := store(n); err != nil { // the API server sets up what serves a kind with the first of it
		return f, err
	}
	took := make([]float64, n)
	_, cpu, err := w.apiServerMetrics(ctx)
	if err != nil {
		return f, err
	}
	began := time.Now()
	if err := parallel(n, 32, func(k int) error {
		err := store(k)
		took[k] = ms(time.Since(began))
		return err
	}); err != nil {
		return f, err
	}
	f.percentiles(took)
	_, f.APICPU, err = w.apiServerMetrics(ctx)
	f.APICPU -= cpu
	return f, err
}

// countDelivered tells of each Notification that is no digest once it says that it is delivered, until there are n.
func (w *world) countDelivered(ctx context.Context, n int, told chan<- struct{}) (wait func() error, err error) {
	done := map[string]bool{}
	return watchEach(ctx, w, &v1alpha1.NotificationList{}, func(o *v1alpha1.Notification, _ time.Time) bool {
		if len(o.Spec.Members) == 0 && !done[o.Name] && condition.Is(o, v1alpha1.ConditionDelivered, metav1.ConditionTrue, "") {
			done[o.Name] = true
			told <- struct{}{}
		}
		return len(done) == n
	})
}
