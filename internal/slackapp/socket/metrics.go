// SPDX-License-Identifier: Apache-2.0

package socket

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
)

// What became of an envelope.
const (
	acknowledged = "acknowledged"
	// malformed is the result of an envelope that was acknowledged although it could not be decoded.
	malformed = "malformed"
	// refused is the result of an envelope that was left to Slack.
	refused = "refused"
	// lost is the result of an envelope whose reply could not be sent.
	lost = "lost"
)

// Why a connection is opened again.
const (
	refreshed = "refreshed"
	broken    = "broken"
	// notOpened is the reason if the last one could not be opened.
	notOpened = "not_opened"
	other     = "other"
)

var (
	connectionsOpen = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "voiceai_slack_socket_connections",
		Help: "Connections of Socket Mode on which Slack sends; two for each app-level token.",
	})
	envelopesTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "voiceai_slack_socket_envelopes_total",
		Help: "Envelopes received by Socket Mode, by type and result: acknowledged, malformed, refused or lost.",
	}, []string{"type", "result"})
	reconnectsTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "voiceai_slack_socket_reconnects_total",
		Help: "Connections of Socket Mode that ended or could not be opened, by reason.",
	}, []string{"reason"})
)

// init exports every counter as 0, so that a rate can be computed from the first envelope on.
func init() {
	metrics.Registry.MustRegister(connectionsOpen, envelopesTotal, reconnectsTotal)
	for _, t := range []string{typeEvent, typeCommand, typeInteraction, other} {
		for _, result := range []string{acknowledged, malformed, refused, lost} {
			envelopesTotal.WithLabelValues(t, result)
		}
	}
	for _, reason := range []string{refreshed, broken, notOpened, chat.CodeLinkDisabled, chat.CodeTooManyWebSockets} {
		reconnectsTotal.WithLabelValues(reason)
	}
}

// countEnvelope counts an envelope. Slack may have types that are not known here.
func countEnvelope(m message, result string) {
	t := m.Type
	switch t {
	case typeEvent, typeCommand, typeInteraction:
	default:
		t = other
	}
	envelopesTotal.WithLabelValues(t, result).Inc()
}

// countReconnect counts a connection that ended with a fault, or was to be replaced if there is none. wasOpen is set if it had
// been opened.
func countReconnect(f *fault.Fault, wasOpen bool) {
	reason := broken
	switch {
	case f == nil:
		reason = refreshed
	case f.Code == chat.CodeLinkDisabled, f.Code == chat.CodeTooManyWebSockets:
		reason = f.Code
	case !wasOpen:
		reason = notOpened
	}
	reconnectsTotal.WithLabelValues(reason).Inc()
}
