// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/hack/bench/objects"
	"github.com/voiceai-dev/integrations-operator/hack/stage"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/slack"
)

var unresponsiveScenarios = []scenario{{
	name: "half-dead",
	what: "200 Defects one after the other through 50 Slack integrations, " +
		"first alone, then beside 50 whose server accepts connections and never answers",
	run: halfUnresponsive,
}}

const (
	integrationsPerHalf = 50
	defectsPerPhase     = 200
	// integrationLabel is a label of a Defect: the name of the integration that sends its message.
	integrationLabel = "bench"
)

// halfUnresponsive measures messages through working integrations, without and with unresponsive ones beside them.
func halfUnresponsive(ctx context.Context, w *world) (f figures, err error) {
	got := &receipts{at: map[string]time.Time{}}
	w.startSandboxBehind(got.record, sandbox.Options{Latency: 20 * time.Millisecond})
	silent, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return f, err
	}
	defer func() { _ = silent.Close() }()
	go stage.AcceptSilently(silent)
	if err := w.client.Create(ctx, objects.Secret("slack", slack.BotToken)); err != nil {
		return f, err
	}
	var working []condition.Object
	for k := range integrationsPerHalf {
		i, err := w.createSlackWithRule(ctx, "live-"+strconv.Itoa(k), w.server.URL+sandbox.SlackAPIPath)
		if err != nil {
			return f, err
		}
		working = append(working, i)
	}
	if err := w.startOperator(ctx, working...); err != nil {
		return f, err
	}
	since, err := w.baseline(ctx)
	if err != nil {
		return f, err
	}
	alone, err := w.measureOneByOne(ctx, got, 0)
	if err != nil {
		return f, err
	}
	if err := w.createUnresponsive(ctx, "http://"+silent.Addr().String()+"/api/"); err != nil {
		return f, err
	}
	beside, err := w.measureOneByOne(ctx, got, defectsPerPhase)
	if err != nil {
		return f, err
	}
	f.Percentiles(beside)
	before := figures{}
	before.Percentiles(alone)
	f.Notes = fmt.Sprintf("alone: p50 %.0f ms, p99 %.0f ms; the figures are those beside the unresponsive integrations",
		before.P50, before.P99)
	return f, w.recordUsage(ctx, &f, since)
}

// createUnresponsive creates integrations whose server never answers, each with Defects that wait for it.
func (w *world) createUnresponsive(ctx context.Context, url string) error {
	const waitingDefects = 4
	for k := range integrationsPerHalf {
		name := "dead-" + strconv.Itoa(k)
		if _, err := w.createSlackWithRule(ctx, name, url); err != nil {
			return err
		}
		for n := range waitingDefects {
			d := objects.Defect(fmt.Sprintf("waits-%d-%d", k, n))
			d.Labels = map[string]string{integrationLabel: name}
			if err := w.client.Create(ctx, d); err != nil {
				return err
			}
		}
	}
	return nil
}

// createSlackWithRule creates an integration, and a rule that sends it the Defects labelled with its name.
func (w *world) createSlackWithRule(ctx context.Context, name, url string) (*v1alpha1.SlackIntegration, error) {
	i := newSlackIntegration(name, url)
	i.Spec.RateLimit = unlimited
	r := &v1alpha1.NotificationRule{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: v1alpha1.NotificationRuleSpec{
			EventTypes:     []v1alpha1.EventType{v1alpha1.EventDefectCreated},
			IntegrationRef: &v1alpha1.IntegrationReference{Name: name},
			Selector: &v1alpha1.LabelSelector{
				MatchLabels: map[string]v1alpha1.LabelValue{integrationLabel: v1alpha1.LabelValue(name)},
			},
		},
	}
	return i, errors.Join(w.client.Create(ctx, i), w.client.Create(ctx, r))
}

// measureOneByOne creates Defects, each after Slack has received the message about the one before. It returns the
// time each took, in milliseconds.
func (w *world) measureOneByOne(ctx context.Context, got *receipts, from int) ([]float64, error) {
	var took []float64
	for k := from; k < from+defectsPerPhase; k++ {
		name := fmt.Sprintf("message-%d", k)
		d := objects.Defect(name)
		d.Labels = map[string]string{integrationLabel: "live-" + strconv.Itoa(k%integrationsPerHalf)}
		at := time.Now()
		if err := w.client.Create(ctx, d); err != nil {
			return nil, err
		}
		err := w.stage.Poll(ctx, "the message about "+name, func() (bool, error) {
			received, ok := got.receivedAt(name)
			if ok {
				took = append(took, ms(received.Sub(at)))
			}
			return ok, nil
		})
		if err != nil {
			return nil, err
		}
	}
	return took, nil
}
