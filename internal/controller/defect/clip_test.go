// SPDX-License-Identifier: Apache-2.0

package defect

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/chat/chattest"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/controller/defect/attach"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
)

// clipper is a follower with threads in Slack: of rule a, whose integration posts recordings, of rule b, whose one does not, and
// of rule c, which is an incoming webhook.
type clipper struct {
	*follower
	slack *chattest.Fake
}

// withClip runs a test of a Defect with a recording.
func withClip(t *testing.T, test func(*clipper)) {
	t.Helper()
	follow(t, ours, func(d *v1alpha1.Defect, i *v1alpha1.JiraIntegration) {
		i.Spec.Evidence = v1alpha1.EvidenceAll
		d.Status.Messages = []v1alpha1.DefectMessage{
			{Rule: "a", Integration: "a/all", Channel: "C1", TS: "1.1"}, {Rule: "b", Integration: "a/quiet", Channel: "C2", TS: "1.2"},
			{Rule: "c", Integration: "a/all"}, {Rule: "d", Integration: "a/gone", Channel: "C3", TS: "1.3"},
		}
	}, func(f *follower) {
		c := &clipper{f, &chattest.Fake{}}
		for name, policy := range map[string]v1alpha1.EvidencePolicy{"all": v1alpha1.EvidenceAll, "quiet": ""} {
			c.create(&v1alpha1.SlackIntegration{
				ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: name, UID: "s1", Generation: 1},
				Spec:       v1alpha1.SlackIntegrationSpec{Evidence: policy},
			})
		}
		c.connectSlack()
		test(c)
	})
}

func (c *clipper) connectSlack() {
	c.t.Helper()
	for _, name := range []string{"all", "quiet"} {
		poster, err := c.slack.Dial(chat.Config{})
		if err != nil {
			c.t.Fatal(err)
		}
		conn := c.Files.Slack.Get(client.ObjectKey{Namespace: "a", Name: name})
		conn.Connect(connection.SlackClient{Poster: poster}, "v1", connection.Limits{Concurrency: 4})
		conn.Resume()
	}
}

// reportClip reports a recording of the turn that failed.
func (c *clipper) reportClip() {
	c.t.Helper()
	c.report(wave)
	c.edit(func(d *v1alpha1.Defect) { d.Spec.Evidence.Clip = "call.wav" })
}

// wantClip checks that the recording is once in the thread of rule a, and nowhere else.
func (c *clipper) wantClip() {
	c.t.Helper()
	files := c.slack.Files()
	if len(files) != 1 || files[0].At != (chat.Posted{Channel: "C1", TS: "1.1"}) || files[0].Content != wave["call.wav"] {
		c.t.Errorf("posted %+v", files)
	}
	e := c.defect.Status.Evidence
	if len(e.Clips) != 1 || e.Clips[0].Rule != "a" || e.Clips[0].State != v1alpha1.EvidenceAttached || e.ClipMessage != "" {
		c.t.Errorf("the status is %+v", e)
	}
	c.wantFiles("call.wav/Attached")
}

// TestClip posts a recording to the threads that may have it, and attaches it.
func TestClip(t *testing.T) {
	withClip(t, func(c *clipper) {
		c.reportClip()
		c.settle()
		c.wantClip()
		// Another recording of a later run.
		c.report(contentOf{"call.wav": "RIFF....WAVEfmt again"})
		c.edit(func(d *v1alpha1.Defect) { d.Spec.Evidence.Clip = "call.wav" })
		c.settle()
		if len(c.slack.Files()) != 2 || len(c.defect.Status.Evidence.Clips) != 1 || c.parts() != 0 {
			t.Errorf("posted %+v, %+v", c.slack.Files(), c.defect.Status.Evidence)
		}
	})
}

// TestClipIsPostedOnce loses the answer, and then the process.
func TestClipIsPostedOnce(t *testing.T) {
	withClip(t, func(c *clipper) {
		first := true
		c.slack.OnShare(func(f chat.File) error {
			if !first {
				return nil
			}
			first = false
			c.slack.KeepFile(chat.Posted{Channel: "C1", TS: "1.1"}, f.Name, wave["call.wav"])
			return &fault.Fault{Kind: fault.Unavailable, Message: "No answer", RetryAfter: chat.FileSettles}
		})
		c.reportClip()
		c.settle()
		if e := c.defect.Status.Evidence; !strings.Contains(e.ClipMessage, "No answer") || e.RemovedTime != nil {
			t.Errorf("the status is %+v", e)
		}
		c.restart(c.Client)
		c.connectSlack()
		c.after(2 * chat.FileSettles)
		c.after(time.Minute)
		c.wantClip()
	})
}

// TestClipWaits keeps the recording while the token lacks the scope, for a day at most, and while a message is on its way.
func TestClipWaits(t *testing.T) {
	withClip(t, func(c *clipper) {
		lacks := fault.New(fault.Unauthorized, "The token lacks files:write")
		c.slack.OnShare(func(chat.File) error { return lacks })
		c.reportClip()
		c.settle()
		if e := c.defect.Status.Evidence; e.ClipMessage != lacks.Message || e.RemovedTime != nil || len(c.jira.Files("VOICE-1")) != 1 {
			t.Errorf("the status is %+v", e)
		}
		c.slack.OnShare(nil)
		c.after(time.Hour)
		c.after(time.Hour)
		c.wantClip()
	})
	withClip(t, func(c *clipper) {
		c.slack.OnShare(func(chat.File) error { return fault.New(fault.Unauthorized, "The token lacks files:write") })
		c.reportClip()
		c.settle()
		c.after(25 * time.Hour)
		c.wantFiles("call.wav/Attached")
		if len(c.slack.Files()) != 0 {
			t.Errorf("posted %+v", c.slack.Files())
		}
	})
	withClip(t, func(c *clipper) {
		c.slack.OnShare(func(chat.File) error { return fault.New(fault.Invalid, "The message was deleted") })
		c.reportClip()
		c.settle()
		c.wantFiles("call.wav/Attached")
		if e := c.defect.Status.Evidence; len(e.Clips) != 1 || e.Clips[0].State != v1alpha1.EvidenceRefused {
			t.Errorf("the status is %+v", e)
		}
	})
}

// TestKeysOfClips distinguishes the keys of recordings from those of Notifications.
func TestKeysOfClips(t *testing.T) {
	if got, ok := attach.DefectOfClip(client.ObjectKey{Namespace: "a", Name: "clip of d"}); !ok || got.Name != "d" || got.Namespace != "a" {
		t.Errorf("%v, %t", got, ok)
	}
	if _, ok := attach.DefectOfClip(client.ObjectKey{Namespace: "a", Name: "clip-of-d"}); ok {
		t.Error("the name of an object is the key of a recording")
	}
}
