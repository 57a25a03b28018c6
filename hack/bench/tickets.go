// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/hack/bench/apiserver"
	"github.com/voiceai-dev/integrations-operator/hack/bench/load"
	"github.com/voiceai-dev/integrations-operator/hack/bench/objects"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira"
)

var ticketScenarios = []scenario{
	{
		name: "ticket-idle",
		what: "200 Defects one after the other, Jira answers in 20 ms: from create to the key in status",
		run:  ticketIdle,
	},
	{
		name: "ticket-floor",
		what: "1,000 Defects created and their statuses written by 32 clients, without an operator: the time of the API server",
		run:  ticketFloor,
	},
	{
		name: "ticket-burst",
		what: "1,000 Defects at once, Data Center answers in 50 ms without a limit",
		run: ticketBurst{
			defects: 1000, jira: sandbox.Options{JiraMode: jira.DataCenter, Latency: 50 * time.Millisecond},
		}.run,
	},
	{
		name: "ticket-limit",
		what: "1,000 Defects at once, Cloud answers in 50 ms and accepts 100 creates a second",
		run: ticketBurst{
			defects: 1000, jira: sandbox.Options{Latency: 50 * time.Millisecond}, createsPerSecond: 100,
		}.run,
	},
	{
		name: "ticket-rest",
		what: "10,000 Defects with tickets: the operator starts, then is idle for 60 s",
		run:  ticketRest,
	},
}

// ticketIdle measures the tickets of single Defects.
func ticketIdle(ctx context.Context, w *world) (f figures, err error) {
	const n = 200
	w.startSandbox(sandbox.Options{Latency: 20 * time.Millisecond})
	i, err := w.createJira(ctx)
	if err != nil {
		return f, err
	}
	if err := w.startOperator(ctx, i); err != nil {
		return f, err
	}
	since, err := w.baseline(ctx)
	if err != nil {
		return f, err
	}
	var took []float64
	for i := range n {
		d := objects.Defect(fmt.Sprintf("idle-%d", i))
		writes := 0
		var began, done time.Time
		wait, err := watchEach(ctx, w, &v1alpha1.DefectList{}, func(got *v1alpha1.Defect, at time.Time) bool {
			if got.Name != d.Name || got.Generation == 1 && got.Status.ObservedGeneration < 0 {
				return false
			}
			writes++
			done = at
			return got.Status.Jira != nil && got.Status.Jira.Key != ""
		})
		if err != nil {
			return f, err
		}
		began = time.Now()
		if err := w.client.Create(ctx, d); err != nil {
			return f, err
		}
		if err := wait(); err != nil {
			return f, err
		}
		took = append(took, ms(done.Sub(began)))
		f.Writes = max(f.Writes, writes)
	}
	f.Percentiles(took)
	if err := w.recordUsage(ctx, &f, since); err != nil {
		return f, err
	}
	f.Notes = fmt.Sprintf("at most %d status writes until the key", f.Writes)
	return f, nil
}

// ticketFloor measures the writes that any operator would need, which is a lower bound for the other scenarios.
func ticketFloor(ctx context.Context, w *world) (f figures, err error) {
	w.startSandbox(sandbox.Options{})
	i, err := w.createJira(ctx)
	if err != nil {
		return f, err
	}
	const n = 1000
	took := make([]float64, n)
	_, cpu, err := apiserver.Metrics(ctx, w.config)
	if err != nil {
		return f, err
	}
	began := time.Now()
	err = load.Parallel(n, 32, func(k int) error {
		d := objects.Defect(fmt.Sprintf("floor-%d", k))
		if err := w.client.Create(ctx, d); err != nil {
			return err
		}
		d.Status = objects.TicketedStatus(d, i, k, began)
		err := w.client.Status().Update(ctx, d)
		took[k] = ms(time.Since(began))
		return err
	})
	if err != nil {
		return f, err
	}
	f.Percentiles(took)
	_, f.APICPU, err = apiserver.Metrics(ctx, w.config)
	f.APICPU -= cpu
	return f, err
}

// A ticketBurst creates Defects at once and measures their tickets.
type ticketBurst struct {
	defects int
	jira    sandbox.Options
	// createsPerSecond is the number of tickets that Jira accepts per second; 0 for no limit.
	createsPerSecond int
}

// run creates the Defects and waits until each has a ticket.
func (b ticketBurst) run(ctx context.Context, w *world) (f figures, err error) {
	w.startSandbox(b.jira)
	if b.createsPerSecond > 0 {
		if err := w.sandbox.Jira().Set(jira.Settings{RatePerSecond: &b.createsPerSecond}); err != nil {
			return f, err
		}
	}
	i, err := w.createJira(ctx)
	if err != nil {
		return f, err
	}
	if err := w.startOperator(ctx, i); err != nil {
		return f, err
	}
	since, err := w.baseline(ctx)
	if err != nil {
		return f, err
	}
	var began time.Time
	var took []float64
	done := map[string]bool{}
	writes := map[string]int{}
	wait, err := watchEach(ctx, w, &v1alpha1.DefectList{}, func(d *v1alpha1.Defect, at time.Time) bool {
		if d.Status.ObservedGeneration >= 0 && !done[d.Name] {
			writes[d.Name]++
		}
		if d.Status.Jira == nil || d.Status.Jira.Key == "" || done[d.Name] {
			return false
		}
		done[d.Name] = true
		f.Writes = max(f.Writes, writes[d.Name])
		took = append(took, ms(at.Sub(began)))
		return len(done) == b.defects
	})
	if err != nil {
		return f, err
	}
	began = time.Now()
	err = load.Parallel(b.defects, 32, func(k int) error {
		return w.client.Create(ctx, objects.Defect(fmt.Sprintf("burst-%d", k)))
	})
	if err != nil {
		return f, err
	}
	created := time.Now()
	if err := wait(); err != nil {
		return f, err
	}
	f.Percentiles(took)
	if err := w.recordUsage(ctx, &f, since); err != nil {
		return f, err
	}
	f.Notes = fmt.Sprintf("creates took %.0f ms; at most %d status writes until the key",
		ms(created.Sub(began)), f.Writes)
	return f, nil
}

// ticketRest measures the operator with 10,000 Defects that have tickets, as after a restart: until it is ready, and
// idle.
func ticketRest(ctx context.Context, w *world) (f figures, err error) {
	const n = 10_000
	w.startSandbox(sandbox.Options{Latency: 20 * time.Millisecond})
	i, err := w.createJira(ctx)
	if err != nil {
		return f, err
	}
	if err := w.startOperator(ctx, i); err != nil { // the integration is Ready when the measured operator starts
		return f, err
	}
	w.operator.Stop()
	now := time.Now()
	err = load.Parallel(n, 32, func(k int) error {
		d := objects.Defect(fmt.Sprintf("rest-%d", k))
		if err := w.client.Create(ctx, d); err != nil {
			return err
		}
		d.Status = objects.TicketedStatus(d, i, k, now)
		return w.client.Status().Update(ctx, d)
	})
	if err != nil {
		return f, err
	}
	since := baseline{requests: w.sandbox.Requests()} // the usage of the new operator starts at 0
	if since.api, since.apiCPU, err = apiserver.Metrics(ctx, w.config); err != nil {
		return f, err
	}
	began := time.Now()
	if err := w.startUntilTicket(ctx, "operator-2", extraFlags()...); err != nil {
		return f, err
	}
	ready := time.Since(began)
	if err := sleep(ctx, 10*time.Second); err != nil {
		return f, err
	}
	before := w.operator.Usage()
	const idle = 60 * time.Second
	if err := sleep(ctx, idle); err != nil {
		return f, err
	}
	if err := w.recordUsage(ctx, &f, since); err != nil {
		return f, err
	}
	f.Objects = n
	f.Last = ms(ready)
	f.Notes = fmt.Sprintf("last: from the start of the operator to the key of a Defect created 2 s later; "+
		"%.2f s of CPU in %s of idling", w.operator.Usage().CPU-before.CPU, idle)
	return f, nil
}

// startUntilTicket starts an operator and waits until a new Defect has a ticket. That Defect shows that the older ones
// were reconciled, or at least do not delay it.
func (w *world) startUntilTicket(ctx context.Context, name string, flags ...string) (err error) {
	if w.operator, err = w.stage.Operator(ctx, name, nil, flags...); err != nil {
		return err
	}
	probe := objects.Defect("after-start-of-" + name)
	wait, err := watchEach(ctx, w, &v1alpha1.DefectList{}, func(d *v1alpha1.Defect, _ time.Time) bool {
		return d.Name == probe.Name && d.Status.Jira != nil && d.Status.Jira.Key != ""
	})
	if err != nil {
		return err
	}
	// The operator is leader by then, so that it does not look up the ticket of the Defect first.
	if err := sleep(ctx, 2*time.Second); err != nil {
		return err
	}
	if err := w.client.Create(ctx, probe); err != nil {
		return err
	}
	return wait()
}

// ms returns a duration in milliseconds.
func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// sleep waits for a duration, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
