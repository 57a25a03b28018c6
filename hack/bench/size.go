// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/hack/bench/load"
	"github.com/voiceai-dev/integrations-operator/hack/bench/objects"
	"github.com/voiceai-dev/integrations-operator/hack/stage"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox"
)

var sizeScenarios = []scenario{sizeScenario(1000), sizeScenario(10_000), sizeScenario(100_000)}

// sizeScenario measures the memory of an operator that starts with so many objects.
func sizeScenario(n int) scenario {
	return scenario{
		name: fmt.Sprintf("size-%d", n),
		what: fmt.Sprintf("%d Defects with tickets, then as many delivered Notifications beside them: "+
			"memory at rest and the highest since the start, without and with the API", n),
		run:  func(ctx context.Context, w *world) (figures, error) { return measureSize(ctx, w, n) },
		slow: true,
	}
}

func measureSize(ctx context.Context, w *world, n int) (f figures, err error) {
	w.startSandbox(sandbox.Options{Latency: 20 * time.Millisecond})
	i, err := w.createJira(ctx)
	if err != nil {
		return f, err
	}
	if err := w.startOperator(ctx, i); err != nil {
		return f, err
	}
	w.operator.Stop()
	var notes []string
	measure := func(what string) error {
		for _, api := range []string{"", " and the API"} {
			usage, err := w.startWith(ctx, fmt.Sprintf("operator-%d", len(notes)), api != "")
			if err != nil {
				return err
			}
			notes = append(notes, fmt.Sprintf("%s%s: %.0f MB, highest %.0f MB, %.1f s of CPU",
				what, api, usage.RSS, usage.PeakRSS, usage.CPU))
			fmt.Println(notes[len(notes)-1]) // the scenario takes long, and its last step may fail
			f.PeakRSS = max(f.PeakRSS, usage.PeakRSS)
			f.RSS = max(f.RSS, usage.RSS)
		}
		return nil
	}
	now := time.Now()
	defects := make([]*v1alpha1.Defect, n)
	if err := load.Parallel(n, 32, func(k int) error {
		d := objects.Defect(fmt.Sprintf("size-%d", k))
		defects[k] = d
		if err := w.client.Create(ctx, d); err != nil {
			return err
		}
		d.Status = objects.TicketedStatus(d, i, k, now)
		return w.client.Status().Update(ctx, d)
	}); err != nil {
		return f, err
	}
	if err := measure("Defects"); err != nil {
		return f, err
	}
	if err := load.Parallel(n, 32, func(k int) error {
		return w.createDelivered(ctx, defects[k], fmt.Sprintf("size-%d", k))
	}); err != nil {
		return f, err
	}
	err = measure("Defects, Notifications")
	f.Objects = n
	f.Notes = strings.Join(notes, "; ")
	return f, err
}

// startWith starts an operator, and stops it when it has reconciled all objects. It returns what the operator used.
func (w *world) startWith(ctx context.Context, name string, api bool) (u stage.Usage, err error) {
	flags := extraFlags()
	if api {
		port, err := stage.FreePort(ctx)
		if err != nil {
			return u, err
		}
		flags = append(flags, fmt.Sprintf("--api-bind-address=127.0.0.1:%d", port))
	}
	if err := w.startUntilTicket(ctx, name, flags...); err != nil {
		return u, err
	}
	if err := w.waitUntilIdle(ctx); err != nil {
		return u, err
	}
	u = w.operator.Usage()
	w.operator.Stop()
	return u, nil
}
