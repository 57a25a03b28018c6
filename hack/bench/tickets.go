package main

import (
	"context"
	"fmt"
	"time"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/jira"
)

var tickets = []scenario{
	{"ticket-idle", "200 Defects one after the other, Jira answers in 20 ms: from create to key in status", ticketIdle},
	{"ticket-floor", "1,000 creates of a Defect and 1,000 writes of its status by 32 clients, without an operator: what the API server takes", ticketFloor},
	{"ticket-burst", "1,000 Defects at once, Data Center answers in 50 ms without a limit", func(ctx context.Context, w *world) (figures, error) {
		return ticketBurst(ctx, w, 1000, sandbox.Options{JiraMode: jira.DataCenter, Latency: 50 * time.Millisecond}, 0)
	}},
	{"ticket-limit", "1,000 Defects at once, Cloud answers in 50 ms and takes 100 creates a second", func(ctx context.Context, w *world) (figures, error) {
		return ticketBurst(ctx, w, 1000, sandbox.Options{Latency: 50 * time.Millisecond}, 100)
	}},
	{"ticket-rest", "10,000 Defects with tickets: the operator starts, then rests for 60 s", ticketRest},
}

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
		d := newDefect(fmt.Sprintf("idle-%d", i))
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
	f.percentiles(took)
	if err := w.recordUsage(ctx, &f, since); err != nil {
		return f, err
	}
	f.Notes = fmt.Sprintf("at most %d status writes until the key", f.Writes)
	return f, nil
}

// ticketFloor is what no operator can be faster than here.
func ticketFloor(ctx context.Context, w *world) (f figures, err error) {
	w.startSandbox(sandbox.Options{})
	i, err := w.createJira(ctx)
	if err != nil {
		return f, err
	}
	const n = 1000
	took := make([]float64, n)
	_, cpu, err := w.apiServerMetrics(ctx)
	if err != nil {
		return f, err
	}
	began := time.Now()
	err = parallel(n, 32, func(k int) error {
		d := newDefect(fmt.Sprintf("floor-%d", k))
		if err := w.client.Create(ctx, d); err != nil {
			return err
		}
		d.Status = ticketedStatus(d, i, k, began)
		err := w.client.Status().Update(ctx, d)
		took[k] = ms(time.Since(began))
		return err
	})
	if err != nil {
		return f, err
	}
	f.percentiles(took)
	_, f.APICPU, err = w.apiServerMetrics(ctx)
	f.APICPU -= cpu
	return f, err
}

func ticketBurst(ctx context.Context, w *world, n int, o sandbox.Options, ratePerSecond int) (f figures, err error) {
	w.startSandbox(o)
	if ratePerSecond > 0 {
		if err := w.sandbox.Jira().Set(jira.Settings{RatePerSecond: &ratePerSecond}); err != nil {
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
	var began, created time.Time
	var took []float64
	done, writes := map[string]bool{}, map[string]int{}
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
		return len(done) == n
	})
	if err != nil {
		return f, err
	}
	began = time.Now()
	if err := parallel(n, 32, func(i int) error { return w.client.Create(ctx, newDefect(fmt.Sprintf("burst-%d", i))) }); err != nil {
		return f, err
	}
	created = time.Now()
	if err := wait(); err != nil {
		return f, err
	}
	f.percentiles(took)
	if err := w.recordUsage(ctx, &f, since); err != nil {
		return f, err
	}
	f.Notes = fmt.Sprintf("the creates themselves took %.0f ms; at most %d status writes until the key", ms(created.Sub(began)), f.Writes)
	return f, nil
}

// ticketRest has 10,000 Defects whose tickets are there, as after a restart.
func ticketRest(ctx context.Context, w *world) (f figures, err error) {
	const n = 10_000
	w.startSandbox(sandbox.Options{Latency: 20 * time.Millisecond})
	i, err := w.createJira(ctx)
	if err != nil {
		return f, err
	}
	if err := w.startOperator(ctx, i); err != nil { // a first operator files them: the second finds them as it would
		return f, err
	}
	w.operator.Stop()
	now := time.Now()
	err = parallel(n, 32, func(k int) error {
		d := newDefect(fmt.Sprintf("rest-%d", k))
		if err := w.client.Create(ctx, d); err != nil {
			return err
		}
		d.Status = ticketedStatus(d, i, k, now)
		return w.client.Status().Update(ctx, d)
	})
	if err != nil {
		return f, err
	}
	since := baseline{requests: w.sandbox.Requests()}
	if since.api, since.apiCPU, err = w.apiServerMetrics(ctx); err != nil {
		return f, err
	}
	began := time.Now()
	if w.operator, err = w.stage.Operator(ctx, "operator-2", nil, extraFlags()...); err != nil {
		return f, err
	}
	// The last Defect to be created shows that those before it were looked at, or at least that they do not stand in its way.
	probe := newDefect("after-start")
	wait, err := watchEach(ctx, w, &v1alpha1.DefectList{}, func(d *v1alpha1.Defect, _ time.Time) bool {
		return d.Name == probe.Name && d.Status.Jira != nil && d.Status.Jira.Key != ""
	})
	if err != nil {
		return f, err
	}
	if err := sleep(ctx, 2*time.Second); err != nil { // it has taken over by then, so that the Defect is surely its own
		return f, err
	}
	if err := w.client.Create(ctx, probe); err != nil {
		return f, err
	}
	if err := wait(); err != nil {
		return f, err
	}
	ready := time.Since(began)
	if err := sleep(ctx, 10*time.Second); err != nil {
		return f, err
	}
	before := w.operator.Usage()
	const rest = 60 * time.Second
	if err := sleep(ctx, rest); err != nil {
		return f, err
	}
	if err := w.recordUsage(ctx, &f, since); err != nil {
		return f, err
	}
	f.Objects, f.Last = n, ms(ready)
	f.Notes = fmt.Sprintf("last is from the start of the operator to the key of a Defect created 2 s after it; %.2f s of CPU in %s of rest", w.operator.Usage().CPU-before.CPU, rest)
	return f, nil
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
