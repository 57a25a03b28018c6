// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/hack/bench/load"
	"github.com/voiceai-dev/integrations-operator/hack/bench/objects"
	"github.com/voiceai-dev/integrations-operator/hack/stage"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox"
)

const (
	historyRounds   = 12
	historyPerRound = 1000
)

var historyScenarios = []scenario{{
	name: "history",
	what: fmt.Sprintf("%d rounds of %d Defects, each filed and announced, then deleted with its Notification: "+
		"the live heap before and after each round", historyRounds, historyPerRound),
	run: measureHistory,
}}

// measureHistory measures what is left in memory of objects that are gone.
func measureHistory(ctx context.Context, w *world) (f figures, err error) {
	w.startSandbox(sandbox.Options{})
	j, err := w.createJira(ctx)
	if err != nil {
		return f, err
	}
	s, err := w.createDefaultSlack(ctx, unlimited)
	if err != nil {
		return f, err
	}
	port, err := stage.FreePort(ctx)
	if err != nil {
		return f, err
	}
	pprof := fmt.Sprintf("127.0.0.1:%d", port)
	flags := append(extraFlags(), "--pprof-bind-address="+pprof)
	if w.operator, err = w.stage.Operator(ctx, "operator", nil, flags...); err != nil {
		return f, err
	}
	if err := w.waitUntilReady(ctx, s, j); err != nil {
		return f, err
	}
	since, err := w.baseline(ctx)
	if err != nil {
		return f, err
	}
	live := make([]string, historyRounds+1)
	for round := range live {
		if round > 0 {
			if err := w.makeHistory(ctx, round); err != nil {
				return f, err
			}
		}
		bytes, err := liveHeap(ctx, pprof)
		if err != nil {
			return f, err
		}
		live[round] = fmt.Sprintf("%.1f", bytes/1e6)
	}
	f.Objects = historyRounds * historyPerRound
	f.Notes = fmt.Sprintf("live heap, in MB: %s", strings.Join(live, " "))
	return f, w.recordUsage(ctx, &f, since)
}

// makeHistory creates Defects, waits until each has a ticket and its Notification was delivered, and deletes both.
func (w *world) makeHistory(ctx context.Context, round int) error {
	settled := map[string]bool{}
	wait, err := watchEach(ctx, w, &v1alpha1.DefectList{}, func(d *v1alpha1.Defect, _ time.Time) bool {
		if condition.Is(d, v1alpha1.ConditionReady, metav1.ConditionTrue, "") && d.Status.Jira != nil {
			settled[d.Name] = true
		}
		return len(settled) == historyPerRound
	})
	if err != nil {
		return err
	}
	if err := load.Parallel(historyPerRound, 32, func(k int) error {
		return w.client.Create(ctx, objects.Defect(fmt.Sprintf("message-%d-%d", round, k)))
	}); err != nil {
		return err
	}
	if err := wait(); err != nil {
		return err
	}
	for _, kind := range []client.Object{&v1alpha1.Defect{}, &v1alpha1.Notification{}} {
		if err := w.client.DeleteAllOf(ctx, kind, client.InNamespace(namespace)); err != nil {
			return err
		}
	}
	return w.waitUntilIdle(ctx)
}

// liveHeap collects the garbage of an operator and returns the bytes of its heap that are in use.
func liveHeap(ctx context.Context, pprof string) (bytes float64, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+pprof+"/debug/pprof/heap?gc=1&debug=1", nil)
	if err != nil {
		return 0, err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	defer func() { _ = response.Body.Close() }()
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		if _, err := fmt.Sscanf(lines.Text(), "# HeapAlloc = %f", &bytes); err == nil {
			return bytes, nil
		}
	}
	return 0, errors.Join(lines.Err(), errors.New("the heap profile has no HeapAlloc"))
}
