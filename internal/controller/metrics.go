package controller

import (
	"context"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/lru"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
)

// Metrics of what became of things. Their labels have few values each.
var (
	notificationsTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "voiceai_notifications_total",
		Help: "Notifications by event type and what became of them: Delivered (Sent, Digested), Muted, Failed (Rejected, Expired). " +
			"A digest is counted by its members; what is delivered though it was rejected before is counted as both.",
	}, []string{"type", "result", "reason"})
	attemptsTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "voiceai_delivery_attempts_total",
		Help: "Posts to Slack, digests and tests too, by how they ended: Succeeded (Sent), Failed (RateLimited, Retrying, Rejected).",
	}, []string{"result", "reason"})
	deliverySeconds = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "voiceai_notification_delivery_seconds",
		Help:    "Seconds from an event to Slack's acceptance of the message that tells it; both are kept in whole seconds.",
		Buckets: []float64{.05, .1, .25, .5, 1, 2, 5, 10, 30, 60, 300, 1800, 7200},
	})
	digestSizes = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "voiceai_digest_members",
		Help:    "How many Notifications a digest tells together.",
		Buckets: []float64{2, 5, 10, 20, 50, 100, 200, 500, 1000},
	})
	ticketsTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "voiceai_tickets_total",
		Help: "Tickets of Defects by how they came about: Created, Found.",
	}, []string{"how"})
	ticketSeconds = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "voiceai_ticket_seconds",
		Help:    "Seconds from the creation of a Defect to its ticket's key.",
		Buckets: []float64{.05, .1, .25, .5, 1, 2, 5, 10, 30, 60, 300, 1800, 7200},
	})
)

func init() {
	metrics.Registry.MustRegister(notificationsTotal, attemptsTotal, deliverySeconds, digestSizes, ticketsTotal, ticketSeconds)
}

// resultOf is what became of a Notification, as its Delivered condition says; empty when that is open.
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

// failures are the Notifications that were counted as failed, by UID: one that is rejected may be so again, and expire in the end.
var failures = lru.New(16_384)

// measure counts a Notification of which it is decided now what became of it. A digest is told by its members.
func (r *NotificationReconciler) measure(s *notificationScope) {
	was, is := condition.Get(s.before, v1alpha1.ConditionDelivered), condition.Get(s.n, v1alpha1.ConditionDelivered)
	if is == nil || was != nil && was.Reason == is.Reason || len(s.n.Spec.Members) > 0 {
		return
	}
	result := resultOf(is)
	if result == "Failed" {
		_, counted := failures.Get(s.n.UID)
		failures.Add(s.n.UID, nil)
		if counted || was != nil && resultOf(was) == result {
			return
		}
	}
	if result == "" {
		return
	}
	notificationsTotal.WithLabelValues(string(s.n.Spec.Event.Type), result, is.Reason).Inc()
	if m := s.n.Status.Message; result == "Delivered" && m != nil && m.Time != nil {
		deliverySeconds.Observe(max(m.Time.Sub(s.n.Spec.Event.Time.Time).Seconds(), 0))
	}
	if r.RecordDelivery != nil && result != "Muted" {
		r.RecordDelivery(s.n, result == "Delivered")
	}
}

// Measured has the posts counted of the clients that dial makes.
func Measured(dial func(chat.Config) (chat.Poster, error)) func(chat.Config) (chat.Poster, error) {
	return func(c chat.Config) (chat.Poster, error) {
		p, err := dial(c)
		if err != nil {
			return nil, err
		}
		return measured{p}, nil
	}
}

type measured struct{ chat.Poster }

// Post posts a message and counts it.
func (m measured) Post(ctx context.Context, message chat.Message) (chat.Posted, error) {
	posted, err := m.Poster.Post(ctx, message)
	result, reason := "Succeeded", v1alpha1.ReasonSent
	if err != nil {
		result, reason = "Failed", deliveryReason(fault.From(err))
	}
	attemptsTotal.WithLabelValues(result, reason).Inc()
	return posted, err
}

// Metrics is how many Notifications wait to be told together.
func (r *NotificationReconciler) Metrics() prometheus.Collector {
	r.prepare()
	return waiting{r.groups, prometheus.NewDesc("voiceai_digest_backlog",
		"Notifications that wait for a digest, by integration and lane; both are empty for those that a rule groups.", []string{"namespace", "integration", "lane"}, nil)}
}

type waiting struct {
	groups *groups
	desc   *prometheus.Desc
}

// Describe says which metric it is.
func (w waiting) Describe(out chan<- *prometheus.Desc) { out <- w.desc }

// Collect counts.
func (w waiting) Collect(out chan<- prometheus.Metric) {
	counts := map[[3]string]int{}
	w.groups.mu.Lock()
	for id, in := range w.groups.byID {
		parts := strings.Split(id, "\x00") // as groupOf joins them
		place := [3]string{parts[0], "", ""}
		if namespace, integration, named := strings.Cut(parts[1], "/"); named {
			place = [3]string{namespace, integration, parts[2]}
		}
		counts[place] += len(in.members)
	}
	w.groups.mu.Unlock()
	for place, n := range counts {
		out <- prometheus.MustNewConstMetric(w.desc, prometheus.GaugeValue, float64(n), place[:]...)
	}
}

// measure counts a ticket.
func (s *defectScope) measure() {
	if s.filed == nil {
		return
	}
	how := "Created"
	if s.filed.Found {
		how = "Found"
	}
	ticketsTotal.WithLabelValues(how).Inc()
	ticketSeconds.Observe(s.now.Sub(s.defect.CreationTimestamp.Time).Seconds())
}
