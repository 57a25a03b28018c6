// SPDX-License-Identifier: Apache-2.0

//go:build browser

package browser_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"text/tabwriter"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

// maxSize is the largest size of a page with all that it loads, in bytes on the network.
const maxSize = 100_000

// TestPageSize opens every page with full lists, checks its size with all that it loads, and logs how long it took to
// paint.
func TestPageSize(t *testing.T) {
	w := newWorld(t)
	w.must(client.IgnoreNotFound(kube.Delete(t.Context(), &v1alpha1.NotificationRule{ObjectMeta: w.meta(ruleName)})))
	for i := range 80 {
		title := fmt.Sprintf("The agent repeats itself, and asks for the date %d times", i+2)
		w.defect(fmt.Sprintf("defect-%02d", i), title, v1alpha1.SeverityMedium)
	}
	var table strings.Builder
	out := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(out, "PAGE\tBYTES\tFIRST PAINT ms\tLOADED ms")
	for _, path := range append([]string{"/signin", "/docs", "/docs/troubleshooting", "/docs/api"}, w.pages("defect-07")...) {
		if strings.HasPrefix(path, "/rules/") {
			continue // this test has deleted the rule
		}
		p := w.tab(t) // with an empty cache
		if path != "/signin" {
			p.signIn(w.admin)
			p.clearCache()
		}
		p.open(path)
		var times struct{ Paint, Loaded float64 }
		p.until("the first paint", func() (err error) {
			times, err = eval[struct{ Paint, Loaded float64 }](p, `({
				paint: performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0,
				loaded: performance.getEntriesByType("navigation")[0].loadEventEnd,
			})`)
			if err == nil && (times.Paint == 0 || times.Loaded == 0) {
				err = errors.New("nothing is painted yet")
			}
			return err
		})
		total := p.size()
		if total == 0 || total > maxSize {
			t.Errorf("%s has %.0f bytes, more than %d", path, total, maxSize)
		}
		_, _ = fmt.Fprintf(out, "%s\t%.0f\t%.0f\t%.0f\n", strings.ReplaceAll(path, w.namespace, "…"), total, times.Paint, times.Loaded)
	}
	w.must(out.Flush())
	t.Logf("sizes and times of the pages:\n%s", table.String())
}
