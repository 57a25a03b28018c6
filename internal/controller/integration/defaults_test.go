// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
)

// TestSecondDefault checks that two default integrations of a namespace say so, and one that is left does not.
func TestSecondDefault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		warns := func() bool {
			t.Helper()
			i := c.reconcileSlack()
			return condition.Is(i, v1alpha1.ConditionHealthy, metav1.ConditionTrue, v1alpha1.ReasonDegraded) &&
				strings.Contains(condition.Get(i, v1alpha1.ConditionReady).Message, "the default too: other.")
		}
		other := slackIntegration("other")
		if warns() {
			t.Error("the only default integration warns")
		}
		if err := c.client.Create(t.Context(), other); err != nil {
			t.Fatal(err)
		}
		enqueue := enqueueDefaults(c.client, slackIntegrations)
		if got := enqueue(t.Context(), other); len(got) != 1 || got[0].NamespacedName != slackName {
			t.Errorf("another default integration enqueues %v, want slack", got)
		}
		for range 2 {
			if !warns() {
				t.Error("with another default integration: no warning")
			}
		}
		c.change(other, func() { other.Spec.Default = false })
		if warns() {
			t.Error("the other one is the default no more: still a warning")
		}
	})
}

// TestWhoWarnsOfDefaults checks which integrations warn of others, and how many those name.
func TestWhoWarnsOfDefaults(t *testing.T) {
	for name, c := range map[string]struct {
		isDefault bool
		others    int
		want      string
		message   string
	}{
		"the only one":           {true, 0, works, ""},
		"not the default":        {false, 2, works, ""},
		"two":                    {true, 1, degraded, "the default too: other1. What"},
		"six":                    {true, 5, degraded, "the default too: other1, other2, other3, other4, other5. What"},
		"seven, of which five":   {true, 6, degraded, "the default too: other1, other2, other3, other4, other5. What"},
		"not the default of one": {false, 1, works, ""},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				i := project(func(i *v1alpha1.JiraIntegration) { i.Spec.Default = c.isDefault })
				w.create(i)
				for n := range c.others {
					w.create(project(func(i *v1alpha1.JiraIntegration) {
						i.Name = fmt.Sprintf("other%d", n+1)
						i.Spec.Default = true
					}))
				}
				w.settle()
				wantConditions(w, i, c.want, c.message)
			})
		})
	}
}

// TestWarningOfDefaultsEnds checks that the conditions of an integration that is the only default again are as before.
func TestWarningOfDefaultsEnds(t *testing.T) {
	for want, with := range map[string]func(*v1alpha1.SlackIntegration){works: func(*v1alpha1.SlackIntegration) {}, unverified: webhook} {
		t.Run(want, func(t *testing.T) {
			inWorld(t, func(w *world) {
				i := bot(with, func(i *v1alpha1.SlackIntegration) { i.Spec.Default = true })
				other := bot(func(i *v1alpha1.SlackIntegration) {
					i.Name = "other"
					i.Spec.Default = true
				})
				w.create(i, other)
				w.settle()
				wantConditions(w, i, strings.Fields(want)[0]+" True/Degraded True/Ready", "other")
				w.delete(other)
				w.settle()
				wantConditions(w, i, want, "")
			})
		})
	}
}

// TestDefaultsThatCannotBeRead checks that a status that may lack a warning is brought up to date later.
func TestDefaultsThatCannotBeRead(t *testing.T) {
	inWorld(t, func(w *world) {
		i := project(func(i *v1alpha1.JiraIntegration) { i.Spec.Default = true })
		other := project(func(i *v1alpha1.JiraIntegration) {
			i.Name = "other"
			i.Spec.Default = true
		})
		w.create(i, other)
		w.failing = func(verb string, _ client.Object) error {
			if strings.HasPrefix(verb, "list JiraIntegrationList") {
				return errors.New("the API server is away")
			}
			return nil
		}
		w.run(10 * time.Second)
		w.failing = func(string, client.Object) error { return nil }
		w.run(time.Minute)
		wantConditions(w, i, degraded, "other")
	})
}
