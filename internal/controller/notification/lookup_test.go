// SPDX-License-Identifier: Apache-2.0

package notification

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/controller/kit"
	"github.com/voiceai-dev/integrations-operator/internal/leadership"
)

// history is a Slack whose channels can be searched, and when they were.
type history struct {
	chat.Poster
	searched []time.Time
}

func (h *history) Find(context.Context, string, string, time.Time) (map[string]chat.Posted, error) {
	h.searched = append(h.searched, time.Now())
	return nil, nil
}

// TestLookupWaitsForTheFormerLeader checks that a channel is not searched while a post that a former leader gave up may
// still arrive: what arrived after the search would be posted twice.
func TestLookupWaitsForTheFormerLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		slack := &v1alpha1.SlackIntegration{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "slack"}}
		ignore := func(types.NamespacedName) {}
		r := &Reconciler{
			Clock: clock.RealClock{}, Enqueuer: &kit.Enqueuer{}, CallTimeout: 30 * time.Second,
			Slack: connection.NewSlackPool(connection.Options{
				Clock: clock.RealClock{}, EnqueueItem: ignore, EnqueueIntegration: ignore,
			}),
			LeaderSince: func() leadership.Start { return leadership.Start{Local: start, Server: start} },
		}
		r.prepare()
		h := &history{}
		conn := r.Slack.Get(client.ObjectKeyFromObject(slack))
		conn.Connect(connection.SlackClient{Poster: h, Workspace: chat.Workspace{CanFind: true}}, "v", connection.Limits{Concurrency: 1})
		conn.Resume()
		n := &v1alpha1.Notification{ObjectMeta: metav1.ObjectMeta{
			Namespace: "a", Name: "n", UID: "n", CreationTimestamp: metav1.NewTime(start.Add(-time.Minute)),
		}}
		for range 80 {
			s := &scope{notification: n, before: n.DeepCopy(), now: time.Now(), integration: slack, channel: "C1"}
			if o, certain := r.lookUp(t.Context(), s); certain || !o.KeepStatus {
				break
			}
			time.Sleep(time.Second)
			synctest.Wait()
		}
		if len(h.searched) != 1 || h.searched[0].Sub(start) < 35*time.Second {
			t.Errorf("searched after %v, want once, after 35 s", h.searched)
		}
	})
}
