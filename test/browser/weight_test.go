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

// maxWeight is what a page may weigh with all it loads, in bytes, as it comes through the network.
const maxWeight = 100_000

// TestWeight opens every page with a full list behind it, weighs it with all that it loads, and prints how long it took to be seen.
func TestWeight(t *testing.T) {
	w := newWorld(t)
	w.must(client.IgnoreNotFound(kube.Delete(t.Context(), &v1alpha1.NotificationRule{ObjectMeta: w.meta(ruleName)})))
	for i := range 80 {
		w.defect(fmt.Sprintf("defect-%02d", i), fmt.Sprintf("The agent repeats itself, and asks for the date %d times", i+2), v1alpha1.SeverityMedium)
	}
	var table strings.Builder
	out := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(out, "PAGE\tBYTES\tFIRST PAINT ms\tLOADED ms")
	for _, path := range append([]string{"/signin"}, w.pages("defect-07")...) {
		if strings.HasPrefix(path, "/rules/") {
			continue // that rule is gone
		}
		p := w.tab(t) // nothing is in its cache
		if path != "/signin" {
			p.signIn(w.admin)
			p.forget()
		}
		p.open(path)
		var seen struct{ Paint, Loaded float64 }
		p.until("the first paint", func() (err error) {
			seen, err = eval[struct{ Paint, Loaded float64 }](p, `({ paint: performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0,
				loaded: performance.getEntriesByType("navigation")[0].loadEventEnd })`)
			if err == nil && (seen.Paint == 0 || seen.Loaded == 0) {
				err = errors.New("nothing was painted yet")
			}
			return err
		})
		total := p.bytes()
		if total == 0 || total > maxWeight {
			t.Errorf("%s weighs %.0f bytes, and may weigh %d", path, total, maxWeight)
		}
		_, _ = fmt.Fprintf(out, "%s\t%.0f\t%.0f\t%.0f\n", strings.ReplaceAll(path, w.namespace, "…"), total, seen.Paint, seen.Loaded)
	}
	w.must(out.Flush())
	t.Logf("what pages weigh and take:\n%s", table.String())
}
