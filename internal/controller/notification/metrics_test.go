// SPDX-License-Identifier: Apache-2.0

package notification

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	testingclock "k8s.io/utils/clock/testing"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/chat/chattest"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/controller/kit"
	"github.com/voiceai-dev/integrations-operator/internal/digest"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// values returns the values of metrics after those of their labels; of a histogram its count and sum.
func values(t *testing.T, c ...prometheus.Collector) []string {
	t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(c...)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var parts []string
			for _, l := range m.GetLabel() {
				parts = append(parts, l.GetValue())
			}
			switch {
			case m.GetHistogram() != nil:
				parts = append(parts, fmt.Sprintf("%d in %gs", m.GetHistogram().GetSampleCount(), m.GetHistogram().GetSampleSum()))
			default:
				parts = append(parts, fmt.Sprint(m.GetCounter().GetValue()+m.GetGauge().GetValue()))
			}
			out = append(out, strings.Join(parts, " "))
		}
	}
	return out
}

// TestMeasure takes Notifications through the reasons of their Delivered condition.
func TestMeasure(t *testing.T) {
	registered := deliverySeconds
	t.Cleanup(func() { deliverySeconds = registered; notificationsTotal.Reset() })
	const (
		sent     = v1alpha1.ReasonSent
		digested = v1alpha1.ReasonDigested
		muted    = v1alpha1.ReasonMuted
		rejected = v1alpha1.ReasonRejected
		expired  = v1alpha1.ReasonExpired
		retrying = v1alpha1.ReasonRetrying
		paused   = v1alpha1.ReasonIntegrationPaused
	)
	for name, c := range map[string]struct {
		reasons []string
		digest  bool
		want    []string
		seconds string
		reached []bool
	}{
		"sent":                     {[]string{sent}, false, []string{"Sent Delivered DefectCreated 1"}, "1 in 3s", []bool{true}},
		"sent after a while":       {[]string{retrying, retrying, sent}, false, []string{"Sent Delivered DefectCreated 1"}, "1 in 3s", []bool{true}},
		"in a digest":              {[]string{digested}, false, []string{"Digested Delivered DefectCreated 1"}, "1 in 3s", []bool{true}},
		"the digest":               {[]string{sent}, true, nil, "0 in 0s", nil},
		"muted":                    {[]string{muted}, false, []string{"Muted Muted DefectCreated 1"}, "0 in 0s", nil},
		"expired":                  {[]string{retrying, expired}, false, []string{"Expired Failed DefectCreated 1"}, "0 in 0s", []bool{false}},
		"rejected":                 {[]string{rejected, rejected}, false, []string{"Rejected Failed DefectCreated 1"}, "0 in 0s", []bool{false}},
		"rejected, then expired":   {[]string{rejected, expired}, false, []string{"Rejected Failed DefectCreated 1"}, "0 in 0s", []bool{false}},
		"rejected again":           {[]string{rejected, paused, rejected, paused, expired}, false, []string{"Rejected Failed DefectCreated 1"}, "0 in 0s", []bool{false}},
		"rejected, sent after all": {[]string{rejected, sent}, false, []string{"Rejected Failed DefectCreated 1", "Sent Delivered DefectCreated 1"}, "1 in 3s", []bool{false, true}},
	} {
		notificationsTotal.Reset()
		deliverySeconds = prometheus.NewHistogram(prometheus.HistogramOpts{Name: "seconds"})
		var reached []bool
		r := &Reconciler{RecordDelivery: func(_ *v1alpha1.Notification, r bool) { reached = append(reached, r) }}
		n := &v1alpha1.Notification{}
		n.UID = types.UID(fmt.Sprintf("%s-%d", name, lastUID.Add(1)))
		n.Spec.Event.Type = v1alpha1.EventDefectCreated
		n.Spec.Event.Time = metav1.NewTime(noon)
		if c.digest {
			n.Spec.Members = []v1alpha1.NotificationName{"a", "b"}
		}
		for _, reason := range c.reasons {
			s := &scope{before: n.DeepCopy(), notification: n, now: noon.Add(time.Hour)} // long after Slack accepted it
			if reason == sent || reason == digested {
				n.Status.Message = &v1alpha1.PostedMessage{Time: &metav1.Time{Time: noon.Add(3 * time.Second)}}
			}
			status := metav1.ConditionFalse
			if reason == sent || reason == digested || reason == muted {
				status = metav1.ConditionTrue
			}
			condition.Set(n, v1alpha1.ConditionDelivered, status, reason, "x")
			r.measure(s)
		}
		if got := values(t, notificationsTotal); !slices.Equal(got, c.want) || !slices.Equal(reached, c.reached) {
			t.Errorf("%s: got %q, reached %v; want %q, %v", name, got, reached, c.want, c.reached)
		}
		if got := values(t, deliverySeconds); got[0] != c.seconds {
			t.Errorf("%s: took %s, want %s", name, got[0], c.seconds)
		}
	}
}

// TestCountPosts has Slack answer in every way.
func TestCountPosts(t *testing.T) {
	attemptsTotal.Reset()
	t.Cleanup(attemptsTotal.Reset)
	slack := &chattest.Fake{}
	p, err := CountPosts(slack.Dial)(chat.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for _, failure := range []error{
		nil, fault.New(fault.RateLimited, "wait"), fault.New(fault.Ambiguous, "no answer"), fault.New(fault.Unavailable, "down"),
		fault.New(fault.NotFound, "no channel"), nil,
	} {
		slack.OnPost(func(chat.Message) error { return failure })
		if _, err := p.Post(context.Background(), chat.Message{}); (err == nil) != (failure == nil) {
			t.Errorf("got %v, want %v", err, failure)
		}
	}
	if got, want := values(
		t,
		attemptsTotal,
	), []string{
		"RateLimited Failed 1",
		"Rejected Failed 1",
		"Retrying Failed 2",
		"Sent Succeeded 2",
	}; !slices.Equal(
		got,
		want,
	) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestBacklogMetric has some Notifications wait because of a storm, and others because their rule groups.
func TestBacklogMetric(t *testing.T) {
	r := &Reconciler{Clock: testingclock.NewFakeClock(noon), Enqueuer: &kit.Enqueuer{}}
	m := r.Metrics()
	slack := types.NamespacedName{Namespace: "chat", Name: "slack"}
	for i, key := range []digest.Key{
		{Namespace: "qa", Integration: slack, Channel: "#alerts"},
		{Namespace: "qa", Integration: slack, Channel: "#alerts"},
		{Namespace: "voice", Integration: slack, Channel: "#alerts"},
		{Namespace: "qa", Integration: slack, Channel: "#qa", RuleUID: "r", RuleGroup: "severity=High"},
		{Namespace: "qa", Integration: slack, Channel: "#qa", RuleUID: "r", RuleGroup: "severity=Low"},
	} {
		r.groups.Add(key, types.NamespacedName{Namespace: "qa", Name: fmt.Sprint(i)}, noon.Add(time.Minute))
	}
	if got, want := values(t, m), []string{"slack #alerts chat 3", "slack #qa chat 2"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestEventTime makes sure that the delivery of an alert counts from its arrival, however long it has fired.
func TestEventTime(t *testing.T) {
	for name, c := range map[string]struct {
		subject *v1alpha1.EventSubject
		created time.Duration
		want    time.Duration
	}{
		"an alert":                           {nil, 26 * time.Hour, 26 * time.Hour},
		"an alert that began in this second": {nil, -time.Second, 0},
		"a run":                              {&v1alpha1.EventSubject{Kind: "Job"}, 26 * time.Hour, 0},
	} {
		n := &v1alpha1.Notification{ObjectMeta: metav1.ObjectMeta{CreationTimestamp: metav1.NewTime(noon.Add(c.created))}}
		n.Spec.Event = v1alpha1.NotificationEvent{Time: metav1.NewTime(noon), Subject: c.subject}
		if got := eventTime(n).Sub(noon); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
