// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

// TestProbesAfterAnOutage checks that an integration is Ready within 30 s of Jira working again, however long it was away,
// and that Jira is not called much meanwhile.
func TestProbesAfterAnOutage(t *testing.T) {
	for _, away := range []time.Duration{10 * time.Second, 10 * time.Minute, 5 * time.Hour} {
		t.Run(away.String(), func(t *testing.T) {
			connect(t, func(c *connected) {
				c.reconcile()
				begin := time.Now()
				probes := 0
				c.jira.OnProbe(func(ticket.Config) (ticket.Project, error) {
					probes++
					if time.Since(begin) < away {
						return ticket.Project{}, fault.New(fault.Unavailable, "503")
					}
					return ticket.Project{}, nil
				})
				c.Jira.Get(jiraName).ProbeFailed(fault.New(fault.Unavailable, "503"))
				for again := c.reconcile(); time.Since(begin) < away || c.Jira.Get(jiraName).PauseFault() != nil; again = c.reconcile() {
					time.Sleep(again)
				}
				if late := time.Since(begin) - away; late > 30*time.Second {
					t.Errorf("works %s late", late)
				}
				c.reconcile()
				if !condition.Is(c.integration, v1alpha1.ConditionReady, metav1.ConditionTrue, "") {
					t.Errorf("conditions %+v, want Ready", c.integration.Status.Conditions)
				}
				if most := 8 + int(away/(7*time.Second)); probes > most {
					t.Errorf("%d probes, want %d at most", probes, most)
				}
			})
		})
	}
}

// TestRefusedPoll checks that a refusal of polls alone, such as for a missing scope, neither stops calls nor is reported as
// one of the credentials.
func TestRefusedPoll(t *testing.T) {
	connect(t, func(c *connected) {
		d := &v1alpha1.Defect{
			ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "d"},
			Status:     v1alpha1.DefectStatus{Jira: &v1alpha1.DefectTicket{Integration: "a/jira", Key: "VOICE-1"}},
		}
		if err := c.Client.Create(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		refused := true
		c.jira.OnPoll(func() error {
			if refused {
				return &fault.Fault{Kind: fault.Unauthorized, Scope: fault.Connection, Code: "401", Message: "refused"}
			}
			return nil
		})
		conn := c.Jira.Get(jiraName)
		paused := time.Duration(0)
		for begin := time.Now(); time.Since(begin) < 30*time.Minute; time.Sleep(time.Second) {
			c.reconcile()
			if conn.PauseFault() != nil {
				paused += time.Second
			}
		}
		if paused > 5*time.Second {
			t.Errorf("calls were paused for %s", paused)
		}
		if !condition.Is(c.integration, v1alpha1.ConditionAuthenticated, metav1.ConditionTrue, "") ||
			!condition.Is(c.integration, v1alpha1.ConditionHealthy, metav1.ConditionFalse, "Unauthorized") {
			t.Errorf("conditions %+v", c.integration.Status.Conditions)
		}
		refused = false
		for range 130 {
			c.reconcile()
			time.Sleep(time.Second)
		}
		if !condition.Is(c.integration, v1alpha1.ConditionReady, metav1.ConditionTrue, "") {
			t.Errorf("conditions %+v, want Ready", c.integration.Status.Conditions)
		}
	})
}
