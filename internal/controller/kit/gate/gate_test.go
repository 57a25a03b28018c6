// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"slices"
	"strconv"
	"testing"

	"k8s.io/apimachinery/pkg/types"
)

// TestNeighbourIsProbed fills the gate with integrations of one namespace whose servers do not answer.
func TestNeighbourIsProbed(t *testing.T) {
	var g Gate
	var enqueued []types.NamespacedName
	enter := func(namespace, name string, isFailing bool) (func(), bool) {
		return g.Enter(types.NamespacedName{Namespace: namespace, Name: name}, isFailing, func(n types.NamespacedName) {
			enqueued = append(enqueued, n)
		})
	}
	var leave []func()
	for n := range 150 {
		if done, ok := enter("hostile", strconv.Itoa(n), true); ok {
			leave = append(leave, done)
		}
	}
	if len(leave) != maxFailingProbes {
		t.Errorf("%d integrations that fail are probed at once, want %d", len(leave), maxFailingProbes)
	}
	for n := range 150 {
		if done, ok := enter("hostile", "new-"+strconv.Itoa(n), false); ok {
			leave = append(leave, done)
		}
	}
	if len(leave) != maxProbes {
		t.Errorf("%d integrations of a namespace are probed at once, want %d", len(leave), maxProbes)
	}
	done, ok := enter("neighbour", "new", false)
	if !ok {
		t.Fatal("the integration of another namespace has to wait")
	}
	done()

	// Whatever is enqueued enters or goes on waiting, until all have been probed.
	probed := map[string]bool{}
	for len(leave) > 0 {
		leave[0]()
		leave[0]() // has no effect
		leave = leave[1:]
		turns := enqueued
		enqueued = nil
		for _, n := range turns {
			if done, ok := enter(n.Namespace, n.Name, len(n.Name) <= 3); ok {
				if probed[n.Name] {
					t.Errorf("%s was enqueued again", n.Name)
				}
				probed[n.Name] = true
				leave = append(leave, done)
			}
		}
	}
	if want := 300 - maxProbes; len(probed) != want {
		t.Errorf("%d integrations were probed that had to wait, want %d", len(probed), want)
	}
	if len(g.namespaces) > 0 {
		t.Errorf("the gate keeps %v", g.namespaces)
	}
}

// TestManyHostileNamespaces fills the gate from many namespaces: the first integration of another one finds a worker.
func TestManyHostileNamespaces(t *testing.T) {
	const workers = 64
	var g Gate
	var enqueued []types.NamespacedName
	enter := func(namespace string, n int) (func(), bool) {
		return g.Enter(types.NamespacedName{Namespace: namespace, Name: strconv.Itoa(n)}, false, func(n types.NamespacedName) {
			enqueued = append(enqueued, n)
		})
	}
	var leave []func()
	for namespace := range 16 {
		for n := range 20 {
			if done, ok := enter("hostile-"+strconv.Itoa(namespace), n); ok {
				leave = append(leave, done)
			}
		}
	}
	if len(leave) > workers-10 {
		t.Errorf("16 namespaces hold %d of %d workers", len(leave), workers)
	}
	if _, ok := enter("neighbour", 1); !ok {
		t.Error("the first integration of another namespace has to wait")
	}
	if _, ok := enter("neighbour", 2); ok {
		t.Error("the second one does not wait")
	}
	for _, done := range leave {
		done()
	}
	if !slices.Contains(enqueued, types.NamespacedName{Namespace: "neighbour", Name: "2"}) {
		t.Error("nothing enqueues the integration of another namespace that waits")
	}
}

func TestDeletedIntegrationsDoNotWait(t *testing.T) {
	var g Gate
	ignore := func(types.NamespacedName) { t.Error("an integration that was deleted is enqueued") }
	var leave []func()
	for n := range maxProbes + 1 {
		if done, ok := g.Enter(types.NamespacedName{Namespace: "a", Name: strconv.Itoa(n)}, false, ignore); ok {
			leave = append(leave, done)
		}
	}
	g.Forget(types.NamespacedName{Namespace: "a", Name: strconv.Itoa(maxProbes)})
	g.Forget(types.NamespacedName{Namespace: "b", Name: "unknown"})
	for _, done := range leave {
		done()
	}
	if len(g.namespaces) > 0 {
		t.Errorf("the gate keeps %v", g.namespaces)
	}
}
