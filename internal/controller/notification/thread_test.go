// SPDX-License-Identifier: Apache-2.0

package notification

import (
	"context"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/controller/kit"
	"github.com/voiceai-dev/integrations-operator/internal/event"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/index"
)

// workspace is a Slack of which one channel exists, and in it a message.
type workspace struct {
	chat.Poster
	channel, message string
	updated, posted  []string
}

func (w *workspace) Update(_ context.Context, at chat.Posted, _ chat.Message) (chat.Posted, error) {
	if at.Channel != w.channel || at.TS != w.message {
		return at, &fault.Fault{Kind: fault.NotFound, Message: "not there"}
	}
	w.updated = append(w.updated, at.Channel+"/"+at.TS)
	return at, nil
}

func (w *workspace) Post(_ context.Context, m chat.Message) (chat.Posted, error) {
	if m.Channel != w.channel {
		return chat.Posted{}, &fault.Fault{Kind: fault.NotFound, Scope: fault.Endpoint, Message: "no such channel"}
	}
	w.posted = append(w.posted, m.Channel+"/"+m.ThreadTS)
	return chat.Posted{Channel: m.Channel, TS: "2"}, nil
}

// TestThreadInItsPlace has a Defect whose first message, COLD/1, may not be where the rule's messages go now. What happens
// to the Defect is posted in the right place, as a new first message or as a reply.
func TestThreadInItsPlace(t *testing.T) {
	for name, c := range map[string]struct {
		// channel is where the Notification goes, known the channels whose names are known.
		channel string
		known   []v1alpha1.KnownChannel
		slack   workspace
		// integration is the SlackIntegration that posted the first message.
		integration string
		posted      string
		startsAnew  bool
	}{
		"there":                        {"COLD", nil, workspace{channel: "COLD", message: "1"}, "a/slack", "COLD/1", false},
		"there, by its name":           {"#old", []v1alpha1.KnownChannel{{Name: "#old", ID: "COLD"}}, workspace{channel: "COLD", message: "1"}, "a/slack", "COLD/1", false},
		"there, its name is not known": {"#old", nil, workspace{channel: "COLD", message: "1"}, "a/slack", "COLD/1", false},
		"there, the status is older": {"#new", []v1alpha1.KnownChannel{{Name: "#old", ID: "COLD"}},
			workspace{channel: "COLD", message: "1"}, "a/slack", "COLD/1", false},
		"the rule's channel changed": {"CNEW", nil, workspace{channel: "CNEW"}, "a/slack", "CNEW/", true},
		"it changed, by name": {"#new", []v1alpha1.KnownChannel{{Name: "#old", ID: "COLD"}},
			workspace{channel: "#new"}, "a/slack", "#new/", true},
		"the message was deleted":      {"COLD", nil, workspace{channel: "COLD"}, "a/slack", "COLD/", true},
		"another integration's":        {"COLD", nil, workspace{channel: "COLD", message: "1"}, "a/other", "COLD/", true},
		"a conversation with a person": {"U1", nil, workspace{channel: "U1", message: "1"}, "a/slack", "U1/", true},
	} {
		t.Run(name, func(t *testing.T) {
			scheme := runtime.NewScheme()
			if err := v1alpha1.AddToScheme(scheme); err != nil {
				t.Fatal(err)
			}
			d := &v1alpha1.Defect{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "d", UID: "u1"}}
			d.Status.Messages = []v1alpha1.DefectMessage{{Rule: "rule", Integration: c.integration, Channel: "COLD", TS: "1"}}
			d.Status.Jira = &v1alpha1.DefectTicket{Key: "VOICE-1"}
			builder := fake.NewClientBuilder().WithScheme(scheme).WithObjects(d).WithStatusSubresource(d)
			for _, f := range index.Fields() {
				builder = builder.WithIndex(f.Object, f.Name, f.Values)
			}
			ignore := func(types.NamespacedName) {}
			r := &Reconciler{
				Client: builder.Build(), Clock: clock.RealClock{}, Enqueuer: &kit.Enqueuer{},
				Slack: connection.NewSlackPool(connection.Options{Clock: clock.RealClock{}, EnqueueItem: ignore, EnqueueIntegration: ignore}),
			}
			r.prepare()
			n := &v1alpha1.Notification{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "n", UID: "n"}}
			n.Spec.Rule = v1alpha1.RuleReference{Name: "rule", UID: "r1"}
			e := event.DefectTicketed(d, time.Now())
			n.Spec.Event.Subject = e.Subject
			s := &scope{
				notification: n, before: n.DeepCopy(), event: e, channel: c.channel, now: time.Now(),
				integration: &v1alpha1.SlackIntegration{
					ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "slack"},
					Spec:       v1alpha1.SlackIntegrationSpec{Bot: &v1alpha1.SlackBot{}},
					Status:     v1alpha1.SlackIntegrationStatus{Channels: c.known},
				},
			}
			if name == "there, the status is older" {
				r.record(s).ForgetChannels()
			}
			call, err := r.postCall(t.Context(), s)
			if err != nil {
				t.Fatal(err)
			}
			posted, err := call(t.Context(), connection.SlackClient{Poster: &c.slack})
			if err != nil || len(c.slack.posted) != 1 || c.slack.posted[0] != c.posted || (posted.ThreadTS == "") != c.startsAnew {
				t.Fatalf("posted %q, %+v, %v, want %s", c.slack.posted, posted, err, c.posted)
			}
			// The next one replies to what was posted anew.
			if head, ok := r.thread(t.Context(), s); c.startsAnew && c.channel[0] == 'C' && (!ok || head.TS != "2") {
				t.Errorf("the thread is %+v, %v", head, ok)
			}
		})
	}
}

// TestThreadOfAnotherIntegration has the rule name another integration than when this process posted the first message.
func TestThreadOfAnotherIntegration(t *testing.T) {
	of := func(name string) *scope {
		n := &v1alpha1.Notification{Spec: v1alpha1.NotificationSpec{Rule: v1alpha1.RuleReference{UID: "r1"}}}
		return &scope{
			notification: n, event: event.Event{Subject: &v1alpha1.EventSubject{Kind: v1alpha1.KindDefect, UID: "u1"}},
			integration: &v1alpha1.SlackIntegration{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: name}},
		}
	}
	if threadOf(of("one")) == threadOf(of("two")) {
		t.Error("two workspaces have the same thread")
	}
}

// TestForeignSubject has a Notification whose subject is a Defect. One of another namespace is as none: neither its title
// nor its thread is read, and it is not enqueued.
func TestForeignSubject(t *testing.T) {
	for namespace, own := range map[string]bool{"a": true, "b": false} {
		d := &v1alpha1.Defect{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "d", UID: "u1"}}
		stored, err := new(event.DefectNow(d)).ToAPI()
		if err != nil {
			t.Fatal(err)
		}
		n := &v1alpha1.Notification{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "n"}}
		n.Spec.Event = stored
		e, err := event.Of(n)
		if err != nil {
			t.Fatal(err)
		}
		s := &scope{notification: n, event: e, integration: &v1alpha1.SlackIntegration{
			Spec: v1alpha1.SlackIntegrationSpec{Bot: &v1alpha1.SlackBot{}},
		}}
		if isThreaded(s) != own {
			t.Errorf("a Defect of %s: threaded is %t", namespace, !own)
		}
		scheme := runtime.NewScheme()
		if err := v1alpha1.AddToScheme(scheme); err != nil {
			t.Fatal(err)
		}
		builder := fake.NewClientBuilder().WithScheme(scheme).WithObjects(n)
		for _, f := range index.Fields() {
			builder = builder.WithIndex(f.Object, f.Name, f.Values)
		}
		list, err := index.NotificationsAbout(t.Context(), builder.Build(), "a", "u1")
		if err != nil || (len(list) == 1) != own {
			t.Errorf("a Defect of %s: found %d, %v", namespace, len(list), err)
		}
	}
}
