// SPDX-License-Identifier: Apache-2.0

package chaos_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/hack/stage"
)

// noise returns a text of n characters that cannot be compressed, with four bytes each.
func noise(n int) string {
	out := make([]rune, n)
	for k := range out {
		out[k] = 0x20000 + rune(rand.IntN(0xa000)) // Chinese characters
	}
	return string(out)
}

// largeDefect returns a Defect whose fields are as long as they may be: 700 KB.
func (w *world) largeDefect(n int) *v1alpha1.Defect {
	d := &v1alpha1.Defect{ObjectMeta: w.meta(fmt.Sprintf("large-%d", n)), Spec: v1alpha1.DefectSpec{
		Title: "A large Defect", Severity: v1alpha1.SeverityHigh,
		Description: noise(16384), StepsToReproduce: noise(16384), ExpectedResult: noise(16384), ActualResult: noise(16384),
	}}
	for k := range 100 {
		d.Spec.Tests = append(d.Spec.Tests, v1alpha1.DefectTest{ID: fmt.Sprint(k, noise(500)), Name: noise(512)})
	}
	return d
}

// TestLargeDefects runs the operator in the memory of its container beside the Defects of one namespace that are as large as
// they may be, which would fill that memory. It handles the Defect of a neighbour, files a large one with its texts, and
// leaves them as they are.
func TestLargeDefects(t *testing.T) {
	w := newWorld(t)
	w.addJira()
	first := w.largeDefect(0)
	w.create(first)
	for n := range 190 {
		d := w.largeDefect(n + 1)
		d.Spec.Jira = &v1alpha1.DefectJira{Create: v1alpha1.TicketNever}
		w.create(d)
	}
	t.Cleanup(func() {
		if err := cluster.DeleteAllOf(context.Background(), &v1alpha1.Defect{}, client.InNamespace(w.namespace)); err != nil {
			t.Error(err)
		}
	})
	limit, err := stage.NewMemoryLimit(w.namespace, memoryLimit)
	if err != nil {
		t.Fatal(err)
	}
	operator, err := limit.Operator(context.Background(), testbed, w.namespace)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		operator.Kill()
		if err := limit.Remove(); err != nil {
			t.Error(err)
		}
	})
	neighbour := &corev1.Namespace{}
	neighbour.Name = w.namespace + "-neighbour"
	w.create(neighbour)
	small := &v1alpha1.Defect{Spec: v1alpha1.DefectSpec{Title: "A neighbour's", Severity: v1alpha1.SeverityHigh}}
	small.Namespace = neighbour.Name
	small.Name = "small"
	w.create(small)
	w.pollHandled(client.ObjectKeyFromObject(small))
	w.poll("the first large Defect to have a ticket", func() bool { return len(w.jira.Issues()) == 1 })
	if filed := w.jira.Issues()[0].Description; !strings.Contains(filed, string([]rune(first.Spec.Description)[:1000])) {
		t.Errorf("the ticket has not the text of the Defect: %.200s", filed)
	}
	w.pollHandled(client.ObjectKeyFromObject(first))
	after := &v1alpha1.Defect{}
	if err := cluster.Get(t.Context(), client.ObjectKeyFromObject(first), after); err != nil {
		t.Fatal(err)
	}
	if !equality.Semantic.DeepEqual(after.Spec, first.Spec) {
		t.Error("the operator changed the spec of a large Defect")
	}
	if limit.Exceeded(operator) {
		t.Error("the operator used more memory than its container has")
	}
	t.Logf("peak %.0f MB, RSS %.0f MB", limit.Peak(operator), operator.Usage().RSS)
}

// pollHandled waits until a Defect has a status.
func (w *world) pollHandled(key client.ObjectKey) {
	w.t.Helper()
	w.poll(key.String()+" to have a status", func() bool {
		d := &v1alpha1.Defect{}
		if err := cluster.Get(w.t.Context(), key, d); err != nil {
			w.t.Fatal(err)
		}
		return d.Status.ObservedGeneration > 0
	})
}
