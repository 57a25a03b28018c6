// SPDX-License-Identifier: Apache-2.0

package notification

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/lru"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/digest"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
)

// The metrics' labels have few values each.
var (
	notificationsTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "voiceai_notifications_total",
		Help: "Notifications by event type and outcome: Delivered (Sent, Digested), Muted, Failed (Rejected, Expired). " +
			"A digest counts by its members. A Notification that is delivered after it was rejected counts as both.",
	}, []string{"type", "result", "reason"})
	attemptsTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "voiceai_delivery_attempts_total",
		Help: "Posts to Slack, including digests and tests, by outcome: Succeeded (Sent), Failed (RateLimited, Retrying, Rejected).",
	}, []string{"result", "reason"})
	deliverySeconds = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "voiceai_notification_delivery_seconds",
		Help: "Seconds from an event to Slack's acceptance of its message, for an event from outside from its arrival; both are in " +
			"whole seconds.",
		Buckets: []float64{.05, .1, .25, .5, 1, 2, 5, 10, 30, 60, 300, 1800, 7200},
	})
	digestSizes = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "voiceai_digest_members",
		Help:    "How many Notifications a digest has.",
		Buckets: []float64{2, 5, 10, 20, 50, 100, 200, 500, 1000},
	})
)

// init exports every counter as 0, so that a rate can be computed from the first Notification on.
func init() {
	metrics.Registry.MustRegister(notificationsTotal, attemptsTotal, deliverySeconds, digestSizes)
	for _, t := range event.Types {
		for _, reason := range []string{
			v1alpha1.ReasonSent, v1alpha1.ReasonDigested, v1alpha1.ReasonMuted, v1alpha1.ReasonRejected, v1alpha1.ReasonExpired,
		} {
			result := resultOf(&metav1.Condition{Reason: reason})
			notificationsTotal.WithLabelValues(string(t.Name), result, reason)
		}
	}
	attemptsTotal.WithLabelValues("Succeeded", v1alpha1.ReasonSent)
	for _, reason := range []string{v1alpha1.ReasonRateLimited, v1alpha1.ReasonRetrying, v1alpha1.ReasonRejected} {
		attemptsTotal.WithLabelValues("Failed", reason)
	}
}

// resultOf returns the result of a Notification by its Delivered condition; empty while there is none.
func resultOf(delivered *metav1.Condition) string {
	switch delivered.Reason {
	case v1alpha1.ReasonSent, v1alpha1.ReasonDigested:
		return "Delivered"
	case v1alpha1.ReasonMuted:
		return "Muted"
	case v1alpha1.ReasonRejected, v1alpha1.ReasonExpired:
		return "Failed"
	}
	return ""
}

// failures holds the UIDs of Notifications that were counted as failed: one that was rejected may be rejected again,
// and expire in the end.
var failures = lru.New(4096)

// measure counts a Notification that has a new result. A digest counts by its members.
func (r *Reconciler) measure(s *scope) {
	was := condition.Get(s.before, v1alpha1.ConditionDelivered)
	is := condition.Get(s.notification, v1alpha1.ConditionDelivered)
	if is == nil || was != nil && was.Reason == is.Reason || len(s.notification.Spec.Members) > 0 {
		return
	}
	result := resultOf(is)
	if result == "Failed" {
		if r.RecordFailure != nil {
			r.RecordFailure(s.notification, is.Message)
		}
		_, counted := failures.Get(s.notification.UID)
		failures.Add(s.notification.UID, nil)
		if counted || was != nil && resultOf(was) == result {
			return
		}
	}
	if result == "" {
		return
	}
	notificationsTotal.WithLabelValues(string(s.notification.Spec.Event.Type), result, is.Reason).Inc()
	if m := s.notification.Status.Message; result == "Delivered" && m != nil && m.Time != nil {
		deliverySeconds.Observe(max(m.Time.Sub(eventTime(s.notification)).Seconds(), 0))
	}
	if r.RecordDelivery != nil && result != "Muted" {
		r.RecordDelivery(s.notification, result == "Delivered")
	}
}

// eventTime returns when the event of a Notification happened, or arrived from outside.
func eventTime(n *v1alpha1.Notification) time.Time {
	happened := n.Spec.Event.Time
	if n.Subject() == nil && n.CreationTimestamp.After(happened.Time) {
		return n.CreationTimestamp.Time
	}
	return happened.Time
}

// CountPosts returns a dial function whose clients count their posts.
func CountPosts(dial func(chat.Config) (chat.Poster, error)) func(chat.Config) (chat.Poster, error) {
	return func(c chat.Config) (chat.Poster, error) {
		p, err := dial(c)
		if err != nil {
			return nil, err
		}
		return countingPoster{p}, nil
	}
}

type countingPoster struct{ chat.Poster }

// Post posts a message and counts it.
func (m countingPoster) Post(ctx context.Context, message chat.Message) (chat.Posted, error) {
	posted, err := m.Poster.Post(ctx, message)
	result := "Succeeded"
	reason := v1alpha1.ReasonSent
	if err != nil {
		result = "Failed"
		reason = deliveryReason(fault.From(err))
	}
	attemptsTotal.WithLabelValues(result, reason).Inc()
	return posted, err
}

// Metrics returns a collector of how many Notifications wait for a digest.
func (r *Reconciler) Metrics() prometheus.Collector {
	r.prepare()
	return backlog{r.groups, prometheus.NewDesc("voiceai_digest_backlog",
		"Notifications that wait for a digest, by integration and lane.", []string{"namespace", "integration", "lane"}, nil)}
}

type backlog struct {
	groups *digest.Groups
	desc   *prometheus.Desc
}

// Describe describes the metric.
func (b backlog) Describe(out chan<- *prometheus.Desc) { out <- b.desc }

// Collect counts the Notifications that wait.
func (b backlog) Collect(out chan<- prometheus.Metric) {
	for place, n := range b.groups.Backlog() {
		i := place.Integration
		out <- prometheus.MustNewConstMetric(b.desc, prometheus.GaugeValue, float64(n), i.Namespace, i.Name, place.Channel)
	}
}
