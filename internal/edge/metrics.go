package edge

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// result is what became of a webhook.
type result string

const (
	// accepted: its hint was noted.
	accepted result = "accepted"
	// ignored: it is none of our business.
	ignored result = "ignored"
	// repeated: it was taken in before.
	repeated result = "repeated"
	// refused: it was not signed as it must be, or makes no sense.
	refused result = "refused"
	// failed: it could not be taken in now, and its sender was told to try again.
	failed result = "failed"
)

var webhooks = prometheus.NewCounterVec(prometheus.CounterOpts{
	Name: "voiceai_webhooks_total",
	Help: "Webhooks received, by source and by what became of them: accepted, ignored, repeated, refused or failed.",
}, []string{"source", "result"})

func init() { metrics.Registry.MustRegister(webhooks) }

func count(source string, r result) { webhooks.WithLabelValues(source, string(r)).Inc() }

// countable has every result of a source shown from the start, so that a rate can be made of it.
func countable(source string) {
	for _, r := range []result{accepted, ignored, repeated, refused, failed} {
		webhooks.WithLabelValues(source, string(r))
	}
}
