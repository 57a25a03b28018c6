// SPDX-License-Identifier: Apache-2.0

package runview

import (
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestOrderOfOneSecond orders runs of one second by their names, whatever order they come in.
func TestOrderOfOneSecond(t *testing.T) {
	for _, order := range [][]string{{"smoke-9", "smoke-10", "smoke-11"}, {"smoke-11", "smoke-9", "smoke-10"}} {
		var runs []run
		for _, name := range order {
			runs = append(runs, run{job: &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: name}}})
		}
		for i, want := range []string{"smoke-11", "smoke-10", "smoke-9"} {
			if got := newest(runs)[i].name(); got != want {
				t.Errorf("%v: %d is %s, want %s", order, i, got, want)
			}
		}
	}
}
