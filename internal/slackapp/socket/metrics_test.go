// SPDX-License-Identifier: Apache-2.0

package socket

import (
	"context"
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp"
)

// counts returns the metrics by the values of their labels, without those that are 0.
func counts(t *testing.T) map[string]float64 {
	t.Helper()
	families, err := metrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "voiceai_slack_socket_") {
			continue
		}
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetValue())
			}
			if v := m.GetGauge().GetValue() + m.GetCounter().GetValue(); v != 0 {
				out[strings.Join(labels, " ")] = v
			}
		}
	}
	return out
}

// TestMetrics counts what comes by connections, and why they end.
func TestMetrics(t *testing.T) {
	before := counts(t)
	inWorld(t, func(w *world) {
		opened := w.keep("a", "1", "xapp-1")
		first := opened[0]
		first.say(`{"envelope_id":"1","type":"slash_commands","payload":%s}`, command)
		first.say(`{"envelope_id":"2","type":"interactive","payload":%s}`, click)
		first.say(`{"envelope_id":"3","type":"events_api","payload":[]}`)
		first.say(`{"envelope_id":"4","type":"huddles","payload":{}}`)
		w.receive = func(context.Context, slackapp.Delivery) (json.RawMessage, error) { return nil, slackapp.ErrBusy }
		first.say(`{"envelope_id":"5","type":"interactive","payload":%s}`, click)
		w.receive = func(context.Context, slackapp.Delivery) (json.RawMessage, error) { panic("x") }
		first.say(`{"envelope_id":"6","type":"interactive","payload":%s}`, click)
		w.receive = func(context.Context, slackapp.Delivery) (json.RawMessage, error) {
			for _, c := range opened {
				c.mu.Lock()
				c.broken = true
				c.mu.Unlock()
			}
			return nil, nil
		}
		first.say(`{"envelope_id":"7","type":"interactive","payload":%s}`, click)
		if n := counts(t)[""]; n != 2 {
			t.Errorf("%v connections are open", n)
		}
		pass(time.Minute)
		first.say(`{"type":"disconnect","reason":"refresh_requested"}`)
		opened[1].say(`{"type":"disconnect","reason":"link_disabled"}`)
		w.setRefuse(fault.New(fault.Unavailable, "no answer"))
		third := w.connections()[2]
		third.say(`{"type":"hello"}`)
		_ = third.Close()
		pass(1500 * time.Millisecond)
	})
	got := counts(t)
	for key, n := range before {
		if got[key] -= n; got[key] == 0 {
			delete(got, key)
		}
	}
	if !maps.Equal(got, map[string]float64{
		"acknowledged slash_commands": 1, "acknowledged interactive": 1, "malformed events_api": 1, "malformed other": 1,
		"refused interactive": 2, "lost interactive": 1, "refreshed": 1, "link_disabled": 1, "broken": 1, "not_opened": 1,
	}) {
		t.Errorf("counted %v", got)
	}
}
