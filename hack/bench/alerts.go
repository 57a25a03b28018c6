// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/hack/bench/load"
	"github.com/voiceai-dev/integrations-operator/hack/stage"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox"
)

var alertScenarios = []scenario{{
	name: "alerts",
	what: "1,000 alerts in one body of Alertmanager's webhook, and in a hundred bodies of ten from 32 clients, in turn, " +
		"five times: from request to the end of the last response",
	run: receiveAlerts,
}}

const (
	alertsPerRound = 1000
	alertRounds    = 5
	manyBodies     = 100
)

// receiveAlerts measures how long alerts take to be stored, in one body and in many.
func receiveAlerts(ctx context.Context, w *world) (f figures, err error) {
	a, err := w.startReceiver(ctx)
	if err != nil {
		return f, err
	}
	since, err := w.baseline(ctx)
	if err != nil {
		return f, err
	}
	took := map[int][]float64{}
	for round := range alertRounds {
		order := []int{1, manyBodies}
		if round%2 == 1 {
			slices.Reverse(order)
		}
		for _, bodies := range order {
			if err := w.waitUntilIdle(ctx); err != nil {
				return f, err
			}
			began := time.Now()
			if err := a.sendRound(ctx, fmt.Sprintf("%d-%d", round, bodies), bodies); err != nil {
				return f, err
			}
			took[bodies] = append(took[bodies], ms(time.Since(began)))
		}
	}
	one, many := slices.Min(took[1]), slices.Min(took[manyBodies])
	f.Notes = fmt.Sprintf("fastest: one body %.0f ms, a hundred %.0f ms, ratio %.2f (at most 1.2 is wanted); all: %.0f and %.0f ms",
		one, many, one/many, took[1], took[manyBodies])
	f.Percentiles(took[1])
	f.Objects = 2 * alertRounds * alertsPerRound
	return f, w.recordUsage(ctx, &f, since)
}

// startReceiver starts an operator that receives alerts, with a rule for them.
func (w *world) startReceiver(ctx context.Context) (*alertmanager, error) {
	w.startSandbox(sandbox.Options{Latency: 20 * time.Millisecond})
	i, err := w.createDefaultSlack(ctx, nil)
	if err != nil {
		return nil, err
	}
	if err := w.client.Create(ctx, &v1alpha1.NotificationRule{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "alerts"},
		Spec:       v1alpha1.NotificationRuleSpec{EventTypes: []v1alpha1.EventType{v1alpha1.EventSystemAlertFiring}},
	}); err != nil {
		return nil, err
	}
	token, err := stage.CreateAccount(ctx, w.client, namespace, "alertmanager", rbacv1.PolicyRule{
		APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"events"}, Verbs: []string{"create"},
	})
	if err != nil {
		return nil, err
	}
	port, err := stage.FreePort(ctx)
	if err != nil {
		return nil, err
	}
	address := fmt.Sprintf("127.0.0.1:%d", port)
	if w.operator, err = w.stage.Operator(ctx, "operator", nil, append(extraFlags(), "--api-bind-address="+address)...); err != nil {
		return nil, err
	}
	if err := w.waitUntilReady(ctx, i); err != nil {
		return nil, err
	}
	a := &alertmanager{
		client: &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 32}},
		url:    "http://" + address + "/api/v1/webhooks/alertmanager?namespace=" + namespace, token: token,
	}
	return a, w.stage.Poll(ctx, "the webhook", func() (bool, error) { return a.send(ctx, "ready", 0, 1) == nil, nil })
}

// An alertmanager sends alerts.
type alertmanager struct {
	client     *http.Client
	url, token string
}

// sendRound sends the alerts of a round in so many bodies.
func (a *alertmanager) sendRound(ctx context.Context, round string, bodies int) error {
	size := alertsPerRound / bodies
	return load.Parallel(bodies, min(bodies, 32), func(k int) error { return a.send(ctx, round, k*size, size) })
}

// send sends one body with n alerts of a round, from one on.
func (a *alertmanager) send(ctx context.Context, round string, from, n int) error {
	alerts := make([]map[string]any, n)
	for k := range alerts {
		name := fmt.Sprintf("Storm-%s-%d", round, from+k)
		alerts[k] = map[string]any{
			"status": "firing", "startsAt": time.Now().UTC(), "endsAt": time.Time{}, "fingerprint": name,
			"labels":      map[string]string{"alertname": name, "severity": "warning", "instance": "voice-1"},
			"annotations": map[string]string{"summary": "Speech latency is high", "description": "p95 is over 2 s for 5 minutes."},
		}
	}
	body, err := json.Marshal(map[string]any{
		"receiver": "voice", "status": "firing", "alerts": alerts, "version": "4",
		"groupKey": fmt.Sprintf("{}:{round=%q, from=%d}", round, from),
	})
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, a.url, strings.NewReader(string(body)))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+a.token)
	response, err := a.client.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	want := fmt.Sprintf(`"notifications":%d`, n)
	if response.StatusCode != http.StatusOK || !strings.Contains(string(raw), want) {
		return fmt.Errorf("%d alerts were answered %d: %s", n, response.StatusCode, raw)
	}
	return nil
}
