// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/bmatcuk/doublestar/v4"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/yaml"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/report/kube"
)

// maxRun bounds the name of a run.
const maxRun = 253

// Run runs the test command, if there is one, and reports its results. It returns the exit code. Nothing that fails on the
// way to the cluster changes the code of the test command, unless Strict.
func (o *Options) Run(ctx context.Context) int {
	if err := o.validate(); err != nil {
		o.logf("%v", err)
		return ExitUsage
	}
	began := o.Now()
	since := time.Time{}
	code := 0
	if len(o.Command) > 0 {
		signals := make(chan os.Signal, 1)
		signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
		defer signal.Stop(signals)
		since = began
		var err error
		if code, err = o.runCommand(); err != nil {
			o.logf("%v", err)
			return ExitUsage
		}
		var cancel context.CancelFunc
		ctx, cancel = o.untilStopped(ctx, signals)
		defer cancel()
	}
	return o.report(ctx, code, since, began)
}

// defaultStopTime is how long sending may take after a signal. The kubelet kills a Pod 30 seconds after its signal by default, and
// until then everything else must be done, too.
const defaultStopTime = 5 * time.Second

// untilStopped returns a context that ends some time after a signal, or with the second one: what was not sent by then is kept, and
// the program ends with the code of the test command. Signals after that have their usual effect.
func (o *Options) untilStopped(ctx context.Context, signals chan os.Signal) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer cancel()
		defer signal.Stop(signals)
		select {
		case <-signals:
		case <-ctx.Done():
			return
		}
		select {
		case <-signals:
		case <-time.After(cmp.Or(o.stopTime, defaultStopTime)):
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// dryName stands for a suite or a run without a name in what --dry-run prints.
const dryName = "dry-run"

// dryTimeout bounds the list of the Defects for --dry-run, which does not need it.
const dryTimeout = 5 * time.Second

func (o *Options) validate() error {
	if o.DryRun { // as a first try, outside of a Job
		o.Suite = cmp.Or(o.Suite, dryName)
		o.RunName = cmp.Or(o.RunName, dryName)
	}
	switch {
	case o.Suite == "":
		return errors.New("--suite is missing: name the suite, or mount the Pod's labels with the downward API")
	case len(validation.IsValidLabelValue(o.Suite)) > 0:
		return fmt.Errorf("--suite %q is not the value of a label: use up to 63 letters, digits, '-', '_' and '.', and begin and end with "+
			"a letter or digit", o.Suite)
	case len(o.Results) == 0:
		return errors.New("--results is missing: name the reports, such as --results 'out/*.xml'")
	case slices.ContainsFunc(o.Results, func(pattern string) bool { return !doublestar.ValidatePathPattern(pattern) }):
		return fmt.Errorf("a pattern of --results is not one: %q", o.Results)
	case o.RunName == "":
		return errors.New("--run is missing: name the Job, or mount the Pod's labels with the downward API. Outside of a Job, " +
			"--dry-run needs none")
	}
	if len(o.RunName) > maxRun {
		return fmt.Errorf("--run has %d characters, and may have %d", len(o.RunName), maxRun)
	}
	severity, err := severityNamed(cmp.Or(o.Severity, string(v1alpha1.SeverityMedium)))
	if err != nil {
		return fmt.Errorf("--severity: %w", err)
	}
	o.Severity = string(severity)
	o.mapping, err = loadMapping(o.Mapping)
	return err
}

// logf writes a message of the program's own to standard error.
func (o *Options) logf(format string, args ...any) {
	_, _ = fmt.Fprintf(o.Stderr, "report: "+format+"\n", args...) // there is nowhere else to write it
}

// report reads the reports, sends what follows from them, and returns the exit code of the program.
func (o *Options) report(ctx context.Context, code int, since, began time.Time) int {
	files, stale, err := find(o.Results, since)
	if err != nil {
		o.logf("%v", err)
		return cmp.Or(code, ExitUsage)
	}
	for _, f := range stale {
		o.logf("%s is older than the test command, so it is not read", f)
	}
	conn, known := o.connect(ctx)
	tests := testsOfDefects(known)
	r := read(files, o.mapping, tests)
	if len(o.Command) > 0 {
		r.noteCommand(code, tests)
	}
	o.logNotes(r)
	counts := r.Counts()
	if counts.Total() == 0 {
		if len(r.outside) > 0 {
			o.send(ctx, conn, o.planOf(r, known), known)
		}
		return o.noResults(code, r, len(files))
	}
	o.Commit = cmp.Or(o.Commit, r.commit)
	p := o.planOf(r, known)
	result := Result{
		Passed: counts.Passed + counts.Flaky, Failed: max(counts.Failed-p.quarantined, 0), Skipped: counts.NotRun, Flaky: counts.Flaky,
		Quarantined: p.quarantined, Total: counts.Total(), DurationSeconds: o.Now().Sub(began).Seconds(), Commit: o.Commit,
		ReportURL: o.ReportURL,
	}
	if len(o.Command) == 0 {
		result.DurationSeconds = r.Duration.Seconds()
	}
	o.logf("%s of %s. Reports read: %d", result, o.Suite, r.files)
	if n := r.Repeats(); n > 0 {
		o.logf("%s", repeats(n))
	}
	for _, note := range p.notes {
		o.logf("%s", note)
	}
	if !o.DryRun && o.TerminationLog != "" {
		if err := result.write(o.TerminationLog); err != nil {
			o.logf("%v", err)
		}
	}
	sent := o.send(ctx, conn, p, known)
	sent = o.sendEvidence(ctx, conn, p, known, since) && sent
	if o.Event != "" {
		if err := o.writeEvent(result, p, code); err != nil {
			o.logf("%v", err)
		}
	}
	return o.exitCode(code, result, len(r.problems) > 0, sent)
}

// connect returns how to reach the API server, and the Defects of the suite; nil when it cannot be reached.
func (o *Options) connect(ctx context.Context) (*kube.Connection, map[string]*v1alpha1.Defect) {
	conn, err := o.Connect()
	if err != nil {
		if !o.DryRun {
			o.logf("there is no cluster to report to: %v", err)
		}
		o.Namespace = cmp.Or(o.Namespace, "default")
		return nil, nil
	}
	o.Namespace = cmp.Or(o.Namespace, conn.Namespace, "default")
	limit := kube.SendTimeout
	if o.DryRun {
		limit = dryTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	known, err := conn.List(ctx, o.Namespace, o.Suite)
	switch {
	case err != nil && o.DryRun:
		o.logf("%v. All Defects are printed as new ones", err)
		return nil, nil
	case kube.IsAway(err), kube.IsUnauthorized(err): // what people changed since would be lost
		o.logf("%v. Nothing is applied without the list", err)
		o.adviseOn(err)
		return nil, nil
	case err != nil:
		o.logf("%v. Defects are applied without it, except those that people changed. Tests that passed are not recorded", err)
		conn.IsUnlisted = true
	}
	return &conn, known
}

// adviseOn writes what to do about an error of the API server that people can put right.
func (o *Options) adviseOn(err error) {
	switch {
	case kube.IsForbidden(err) && strings.Contains(err.Error(), "exceeded quota"): // as the API server's quota says
		o.logf("Delete Defects in %s, or have an admin raise its ResourceQuota", o.Namespace)
	case kube.IsForbidden(err):
		o.logf("Let the ServiceAccount of the Pod create, patch and list Defects in %s, with the Role in docs/runs.md", o.Namespace)
	case kube.IsUnauthorized(err):
		o.logf("Renew the credentials in the kubeconfig, or give the Pod the token of its ServiceAccount")
	}
}

// testsOfDefects returns the IDs of the tests that Defects stand for.
func testsOfDefects(known map[string]*v1alpha1.Defect) map[string]bool {
	out := map[string]bool{}
	for _, d := range known {
		for _, t := range d.Spec.Tests {
			out[t.ID] = true
		}
	}
	return out
}

// send applies a plan, and keeps what could not be sent. It reports whether everything was sent.
func (o *Options) send(ctx context.Context, conn *kube.Connection, p *plan, known map[string]*v1alpha1.Defect) bool {
	if o.DryRun {
		for _, d := range p.defects {
			d.ResourceVersion = ""                  // what is printed may be applied later
			raw, _ := yaml.Marshal(kube.Applied(d)) // it has no value that YAML does not have
			_, _ = fmt.Fprintf(o.Stdout, "---\n%s", raw)
		}
		return true
	}
	spooled, err := readSpool(o.Spool)
	if err != nil {
		o.logf("%v", err)
	}
	for i, d := range spooled {
		if now := known[d.Spec.Fingerprint]; now != nil && now.Namespace == d.Namespace {
			spooled[i] = o.rebase(d, now)
		}
	}
	all := joinSpool(spooled, p.defects)
	unsent := all
	sent := 0
	if conn != nil {
		if sent, unsent, err = conn.Apply(ctx, all, o.rebase); err != nil {
			o.logf("%v", err)
		}
		o.adviseOn(err)
	}
	p.unsent = unsent
	p.applied = slices.DeleteFunc(slices.Clone(all), func(d *v1alpha1.Defect) bool { return d.UID == "" })
	o.logf("%d of %d Defects were applied; %d findings are new", sent, len(all), p.created)
	if len(unsent) > 0 {
		o.logf("%d Defects could not be sent. The next call sends them from %s", len(unsent), o.Spool)
	}
	if err := writeSpool(o.Spool, unsent); err != nil {
		o.logf("%v", err)
	}
	return len(unsent) == 0 && err == nil
}
