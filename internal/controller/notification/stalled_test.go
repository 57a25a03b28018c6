// SPDX-License-Identifier: Apache-2.0

package notification

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
)

// TestMessageThatSlackCannotStore checks that a message which Slack answers with 500 is rejected with that text while other
// messages are accepted, and then tried rarely.
func TestMessageThatSlackCannotStore(t *testing.T) {
	for _, kind := range []fault.Kind{fault.Ambiguous, fault.Unavailable} {
		t.Run(kind.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDelivering(t, v1alpha1.SlackIntegrationSpec{Webhook: &v1alpha1.SlackWebhook{}})
				d.connect("1")
				d.slack.OnPost(func(chat.Message) error { return fault.New(kind, "Slack answered with status 500") })
				others := func(seconds int) (n *v1alpha1.Notification) {
					for i := 0; i < seconds; i += 10 {
						d.Slack.Get(theIntegration).Lane("").Submit(connection.Request[connection.SlackClient, chat.Posted]{
							Key: types.NamespacedName{Name: fmt.Sprint(time.Now())}, Endpoint: connection.ActionPost,
							Call: func(context.Context, connection.SlackClient) (chat.Posted, error) { return chat.Posted{}, nil },
						})
						n = d.reconcileFor(10)
					}
					return n
				}
				n := others(1500)
				calls := d.slack.Calls()
				if calls < 5 || calls > 10 {
					t.Errorf("%d posts in 25 minutes, want 5 to 10", calls)
				}
				delivered := condition.Get(n, v1alpha1.ConditionDelivered)
				if delivered == nil || delivered.Reason != v1alpha1.ReasonRejected || !strings.Contains(delivered.Message, "status 500") ||
					condition.Get(n, v1alpha1.ConditionStalled) == nil {
					t.Errorf("conditions %+v, want Rejected with Slack's answer", n.Status.Conditions)
				}
				d.slack.OnPost(nil)
				if n = others(1900); !condition.Is(n, v1alpha1.ConditionDelivered, "True", v1alpha1.ReasonSent) {
					t.Errorf("conditions %+v, want Sent", n.Status.Conditions)
				}
			})
		})
	}
}
