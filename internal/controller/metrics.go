package controller

import (
	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
)

// Metrics of what became of things. Their labels have few values each.
var (
	notificationsTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "voiceai_notifications_total",
		Help: "Notifications by event type and what became of them: Sent, Digested, Muted, Rejected, Expired.",
	}, []string{"type", "reason"})
	deliverySeconds = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "voiceai_notification_delivery_seconds",
		Help:    "Seconds from an event to Slack's acceptance of the message that tells it.",
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
	metrics.Registry.MustRegister(notificationsTotal, deliverySeconds, digestSizes, ticketsTotal, ticketSeconds)
}

// measure counts a Notification of which it is decided now what became of it.
func (r *NotificationReconciler) measure(s *notificationScope) {
	was, is := condition.Get(s.before, v1alpha1.ConditionDelivered), condition.Get(s.n, v1alpha1.ConditionDelivered)
	if is == nil || was != nil && was.Reason == is.Reason {
		return
	}
	final := is.Status == metav1.ConditionTrue || is.Reason == v1alpha1.ReasonRejected || is.Reason == v1alpha1.ReasonExpired
	if !final {
		return
	}
	notificationsTotal.WithLabelValues(string(s.n.Spec.Event.Type), is.Reason).Inc()
	if is.Reason == v1alpha1.ReasonSent || is.Reason == v1alpha1.ReasonDigested {
		deliverySeconds.Observe(s.now.Sub(s.n.Spec.Event.Time.Time).Seconds())
	}
	if len(s.n.Spec.Members) == 0 && r.Told != nil {
		r.Told(s.n, is.Status == metav1.ConditionTrue)
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
