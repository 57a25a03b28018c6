// SPDX-License-Identifier: Apache-2.0

package kit

import (
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/event"
)

func TestAfterStart(t *testing.T) {
	p := AfterStart()
	for name, c := range map[string]struct{ got, want bool }{
		"exists at the start": {p.Create(event.CreateEvent{IsInInitialList: true}), false},
		"created later":       {p.Create(event.CreateEvent{}), true},
		"updated":             {p.Update(event.UpdateEvent{}), true},
		"deleted":             {p.Delete(event.DeleteEvent{}), true},
	} {
		if c.got != c.want {
			t.Errorf("%s: %v", name, c.got)
		}
	}
}
