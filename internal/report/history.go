// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/text"
)

// History prints what the cluster knows of a suite: its Defects, the newest last, with the last outcomes of each. It returns
// the exit code.
func (o *Options) History(ctx context.Context) int {
	if o.Suite == "" {
		o.logf("--suite is missing: name the suite, such as --suite smoke")
		return ExitUsage
	}
	conn, err := o.Connect()
	if err != nil {
		o.logf("the cluster cannot be reached: %v", err)
		return ExitNotSent
	}
	known, err := conn.List(ctx, cmp.Or(o.Namespace, conn.Namespace, "default"), o.Suite)
	if err != nil {
		o.logf("%v", err)
		return ExitNotSent
	}
	w := tabwriter.NewWriter(o.Stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "DEFECT\tSTATE\tTICKET\tHISTORY\tFLAKY\tSEEN\tTITLE") // tabwriter returns errors at its end
	for _, d := range sortedDefects(known) {
		strip, rate := "", ""
		if h := d.Status.History; h != nil {
			strip = h.Strip
			rate = fmt.Sprintf("%d%%", h.FlakeRatePercent)
		}
		ticket := ""
		if d.Status.Jira != nil {
			ticket = d.Status.Jira.Key
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%s\n", d.Name, cmp.Or(d.Status.State, v1alpha1.StateOpen), ticket, strip, rate,
			d.Status.Occurrences, text.Truncate(text.OneLine(d.Spec.Title), 80))
	}
	if err := w.Flush(); err != nil {
		return ExitNotSent
	}
	return 0
}
