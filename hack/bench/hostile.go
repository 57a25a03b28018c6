// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/voiceai-dev/integrations-operator/hack/bench/objects"
	"github.com/voiceai-dev/integrations-operator/hack/stage"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/slack"
)

var hostileScenarios = []scenario{{
	name: "hostile",
	what: "20 new integrations one after the other until each is Ready, in a memory limit of 256 MiB, " +
		"beside 200 of another namespace whose servers send much and hold the connection",
	run: besideHostile,
}}

// besideHostile measures how long new integrations take to be Ready beside hostile ones.
func besideHostile(ctx context.Context, w *world) (f figures, err error) {
	const hostileNamespace = "hostile"
	w.startSandbox(sandbox.Options{Latency: 20 * time.Millisecond})
	h := stage.NewHostile()
	defer h.Stop()
	limit, err := stage.NewMemoryLimit("bench-hostile", 256<<20)
	if err != nil {
		return f, err
	}
	err = errors.Join(
		w.client.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: hostileNamespace}}),
		h.CreateIntegrations(ctx, w.client, hostileNamespace, 100),
		w.client.Create(ctx, objects.Secret("slack", slack.BotToken)),
	)
	if err != nil {
		return f, err
	}
	if w.operator, err = limit.Operator(ctx, w.stage, "operator", extraFlags()...); err != nil {
		return f, err
	}
	defer func() {
		w.operator.Kill()
		err = errors.Join(err, limit.Remove())
	}()
	if err := w.stage.Poll(ctx, "connections to be held", func() (bool, error) { return h.Holding() > 8, nil }); err != nil {
		return f, err
	}
	since, err := w.baseline(ctx)
	if err != nil {
		return f, err
	}
	var took []float64
	for k := range 20 {
		i := newSlackIntegration("neighbour-"+strconv.Itoa(k), w.server.URL+sandbox.SlackAPIPath)
		began := time.Now()
		if err := w.client.Create(ctx, i); err != nil {
			return f, err
		}
		if err := w.waitUntilReady(ctx, i); err != nil {
			return f, err
		}
		took = append(took, ms(time.Since(began)))
	}
	f.Percentiles(took)
	f.Notes = fmt.Sprintf("%d connections are held, peak of the control group %.0f MB", h.Holding(), limit.Peak(w.operator))
	return f, w.recordUsage(ctx, &f, since)
}
