// SPDX-License-Identifier: Apache-2.0

package defect

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

// TestTicketThatJiraCannotStore checks that a Defect whose ticket Jira answers with 500 stalls with that text while other
// tickets are created, that it is then tried rarely, and at once when its spec changes.
func TestTicketThatJiraCannotStore(t *testing.T) {
	for _, othersSucceed := range []bool{true, false} {
		t.Run(fmt.Sprintf("others succeed: %t", othersSucceed), func(t *testing.T) {
			follow(t, nil, wantingTicket, func(f *follower) {
				f.CallTimeout = 30 * time.Second
				f.jira.OnCreate(func(d ticket.Draft) error {
					if strings.Contains(d.Summary, "😀") {
						return fault.New(fault.Ambiguous, "Jira answered with an error (500)")
					}
					return nil
				})
				f.edit(func(d *v1alpha1.Defect) { d.Spec.Title = "😀" })
				lane := f.Jira.Get(client.ObjectKey{Namespace: "a", Name: "jira"}).Lane(createLane)
				minutes := func(count int) {
					for i := range count * 6 {
						if othersSucceed {
							lane.Submit(connection.Request[connection.JiraClient, ticket.Ticket]{
								Key: types.NamespacedName{Name: fmt.Sprint(f.jira.Creates(), i)}, Endpoint: connection.ActionCreate,
								Call: func(context.Context, connection.JiraClient) (ticket.Ticket, error) { return ticket.Ticket{}, nil },
							})
						}
						f.settle()
						time.Sleep(10 * time.Second)
						synctest.Wait()
					}
				}
				minutes(15)
				stalled := condition.Get(f.defect, v1alpha1.ConditionStalled)
				if !othersSucceed {
					if stalled != nil {
						t.Errorf("stalled although nothing else succeeded: %+v", stalled)
					}
					return
				}
				if stalled == nil || !strings.Contains(stalled.Message, "(500)") || !strings.Contains(stalled.Message, "others succeeded") {
					t.Fatalf("conditions %+v, want Stalled with Jira's answer", f.defect.Status.Conditions)
				}
				if n := f.jira.Creates(); n != 5 {
					t.Errorf("%d calls in 15 minutes, want 5", n)
				}
				minutes(40)
				if n := f.jira.Creates(); n < 6 || n > 7 || condition.Get(f.defect, v1alpha1.ConditionStalled) == nil {
					t.Errorf("%d calls in 55 minutes, conditions %+v", n, f.defect.Status.Conditions)
				}
				f.edit(func(d *v1alpha1.Defect) { d.Spec.Title = "plain" })
				minutes(4) // the last call is in doubt, and Jira's search settles first
				if f.defect.Status.Jira.Key == "" || condition.Get(f.defect, v1alpha1.ConditionStalled) != nil {
					t.Errorf("status %+v, want a ticket", f.defect.Status)
				}
			})
		})
	}
}
