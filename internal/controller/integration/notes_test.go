// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/controller/kit"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

// TestNotesOfSlack checks what an integration that works says about what falls short.
func TestNotesOfSlack(t *testing.T) {
	const exactly, atLeast = v1alpha1.DeliveryExactlyOnce, v1alpha1.DeliveryAtLeastOnce
	all := []string{"chat:write", "channels:history", "channels:read"}
	for name, c := range map[string]struct {
		workspace chat.Workspace
		// act happens after the first probe.
		act      func(*world)
		of       func(*v1alpha1.SlackIntegration)
		want     string
		message  string
		delivery v1alpha1.DeliveryGuarantee
	}{
		"all scopes":          {chat.Workspace{Verified: true, CanFind: true, Scopes: all}, nil, nil, works, "", exactly},
		"scopes not listed":   {chat.Workspace{Verified: true, CanFind: true}, nil, nil, works, "", exactly},
		"without chat:write":  {chat.Workspace{Verified: true, CanFind: true, Scopes: all[1:]}, nil, nil, degraded, "lacks the scope chat:write, so posting will fail. It has channels:history, channels:read", exactly},
		"without history":     {chat.Workspace{Verified: true, Scopes: []string{"chat:write", "channels:read"}}, nil, nil, degraded, "lacks the scope channels:history", atLeast},
		"history, unlisted":   {chat.Workspace{Verified: true}, nil, nil, degraded, "lacks the scope channels:history", atLeast},
		"without read":        {chat.Workspace{Verified: true, CanFind: true, Scopes: all[:2]}, nil, nil, degraded, "#alerts cannot be looked up before the first message there", atLeast},
		"with groups:read":    {chat.Workspace{Verified: true, CanFind: true, Scopes: []string{"chat:write", "groups:read"}}, nil, nil, works, "", exactly},
		"without read, by ID": {chat.Workspace{Verified: true, CanFind: true, Scopes: all[:2]}, nil, func(i *v1alpha1.SlackIntegration) { i.Spec.DefaultChannel = "C5" }, works, "", exactly},
		"without read, known": {chat.Workspace{Verified: true, CanFind: true, Scopes: all[:2]}, func(w *world) { w.post("#alerts") }, nil, works, "", exactly},
		"unreadable channel": {chat.Workspace{Verified: true, CanFind: true, Scopes: all}, func(w *world) {
			w.slackConn().Record.RecordHistoryProbe("#private", false)
		}, nil, degraded, "The history of channel #private could not be read", atLeast},
		"renamed channel": {chat.Workspace{Verified: true, CanFind: true, Scopes: all}, func(w *world) {
			w.post("#old")
			w.slack.OnPost(func(m chat.Message) error {
				if m.Channel == "#old" {
					return &fault.Fault{Kind: fault.NotFound, Scope: fault.Endpoint, Code: chat.CodeChannelNotFound, Message: "no such channel"}
				}
				return nil
			})
			w.post("#old")
		}, nil, degraded, "Channel #old has another name in Slack by now. Messages go to its ID, C1", exactly},
		"a webhook with an unreadable channel": {chat.Workspace{}, func(w *world) {
			w.slackConn().Record.RecordHistoryProbe("#private", false)
		}, webhook, unverified, "", atLeast},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.probeSlack = func(chat.Config) (chat.Workspace, error) { return c.workspace, nil }
				i := bot()
				if c.of != nil {
					c.of(i)
				}
				w.create(i)
				w.settle()
				if c.act != nil {
					c.act(w)
				}
				w.run(10 * time.Minute)
				wantConditions(w, i, c.want, c.message)
				if i.Status.Delivery != c.delivery {
					t.Errorf("delivery is %s, want %s", i.Status.Delivery, c.delivery)
				}
			})
		})
	}
}

// post posts a message as a Notification does.
func (w *world) post(channel string) {
	w.t.Helper()
	if _, err := w.slackConn().Record.Post(w.t.Context(), dialled(w.t, w), chat.Message{Channel: channel}); err != nil {
		w.t.Fatal(err)
	}
}

// TestNotesDoNotHideFailures checks that an integration that does not work says why, whatever falls short besides.
func TestNotesDoNotHideFailures(t *testing.T) {
	inWorld(t, func(w *world) {
		i := bot()
		w.create(i)
		w.settle()
		w.slackConn().Record.RecordHistoryProbe("#private", false)
		w.post("#old")
		w.slack.OnPost(func(m chat.Message) error {
			if m.Channel == "#old" {
				return &fault.Fault{Kind: fault.NotFound, Scope: fault.Endpoint, Code: chat.CodeChannelNotFound, Message: "no such channel"}
			}
			return nil
		})
		w.post("#old")
		w.probeSlack = func(chat.Config) (chat.Workspace, error) { return chat.Workspace{}, revoked }
		w.run(10 * time.Minute)
		wantConditions(w, i, "False/Unauthorized Unknown/NotAuthenticated False/Unauthorized Stalled", "the token was revoked")
		if i.Status.Delivery != v1alpha1.DeliveryAtLeastOnce {
			t.Errorf("delivery is %s", i.Status.Delivery)
		}
	})
}

// TestNotesOfJira checks what an integration that works says about what falls short.
func TestNotesOfJira(t *testing.T) {
	priorities := []string{"Highest", "High", "Medium", "Low"}
	hook := func(key string) func(*v1alpha1.JiraIntegration) {
		return func(i *v1alpha1.JiraIntegration) {
			i.Spec.WebhookSecretRef = &v1alpha1.SecretKeyReference{Name: "hook", Key: key}
		}
	}
	for name, c := range map[string]struct {
		project ticket.Project
		of      func(*v1alpha1.JiraIntegration)
		want    string
		message string
	}{
		"nothing":             {ticket.Project{Priorities: priorities}, nil, works, "Credentials and target"},
		"a webhook's secret":  {ticket.Project{Priorities: priorities}, hook("secret"), works, ""},
		"no webhook's secret": {ticket.Project{Priorities: priorities}, hook("none"), degraded, `Webhooks are refused: Secret "hook" has no value for key "none". Add it, or point spec.webhookSecretRef`},
		"priorities":          {ticket.Project{Priorities: priorities[1:]}, nil, degraded, "does not have the priority Highest"},
		"fields":              {ticket.Project{Priorities: priorities, Problems: []string{"field Area is odd"}}, nil, degraded, "field Area is odd"},
		"all of it":           {ticket.Project{Priorities: priorities[1:], Problems: []string{"field Area is odd"}}, hook("none"), degraded, "field Area is odd; Webhooks are refused: "},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "hook"},
					Data: map[string][]byte{"secret": []byte("a b c")}})
				w.probeJira = func(ticket.Config) (ticket.Project, error) { return c.project, nil }
				i := project()
				if c.of != nil {
					c.of(i)
				}
				w.create(i)
				w.settle()
				wantConditions(w, i, c.want, c.message)
				if name == "all of it" && !strings.Contains(messageOfReady(i), "; The project does not have") {
					t.Errorf("Ready says %q", messageOfReady(i))
				}
			})
		})
	}
}

// messageOfReady returns what the Ready condition of an integration says.
func messageOfReady(o kit.Object) string {
	return condition.Get(o, v1alpha1.ConditionReady).Message
}

// TestLimits checks the limits of calls: Slack's and Jira's own, or those of the spec.
func TestLimits(t *testing.T) {
	slack := func(channel, workspace int32) connection.Limits {
		return slackLimits(&v1alpha1.SlackRateLimit{ChannelMessagesPerMinute: channel, WorkspaceMessagesPerMinute: workspace})
	}
	jira := func(concurrency, perSecond int32, d ticket.Deployment) connection.Limits {
		return jiraLimits(&v1alpha1.JiraRateLimit{Concurrency: concurrency, RequestsPerSecond: perSecond}, d)
	}
	own := connection.Limits{Concurrency: 1, PerSecond: 5, Burst: 20, LanePerSecond: 1, LaneBurst: 3}
	for name, c := range map[string]struct{ got, want connection.Limits }{
		"slack":             {slackLimits(nil), own},
		"slack, zero":       {slack(0, 0), own},
		"workspace, slow":   {slack(0, 1), connection.Limits{Concurrency: 1, PerSecond: 1. / 60, Burst: 20, LanePerSecond: 1, LaneBurst: 3}},
		"workspace, fast":   {slack(0, 6000), connection.Limits{Concurrency: 1, PerSecond: 100, Burst: 100, LanePerSecond: 1, LaneBurst: 3}},
		"channel, slow":     {slack(1, 0), connection.Limits{Concurrency: 1, PerSecond: 5, Burst: 20, LanePerSecond: 1. / 60, LaneBurst: 3}},
		"channel, faster":   {slack(240, 0), connection.Limits{Concurrency: 3, PerSecond: 5, Burst: 20, LanePerSecond: 4, LaneBurst: 4}},
		"channel, fast":     {slack(60000, 0), connection.Limits{Concurrency: 16, PerSecond: 5, Burst: 20, LanePerSecond: 1000, LaneBurst: 1000}},
		"jira":              {jiraLimits(nil, "DataCenter"), connection.Limits{Concurrency: 32}},
		"jira, cloud":       {jiraLimits(nil, ticket.Cloud), connection.Limits{Concurrency: 32, LanePerSecond: 97, LaneBurst: 3}},
		"jira, zero":        {jira(0, 0, ticket.Cloud), connection.Limits{Concurrency: 32, LanePerSecond: 97, LaneBurst: 3}},
		"jira, concurrency": {jira(1, 0, ticket.Cloud), connection.Limits{Concurrency: 1, LanePerSecond: 97, LaneBurst: 3}},
		"jira, slow":        {jira(0, 1, ticket.Cloud), connection.Limits{Concurrency: 32, LanePerSecond: 1, LaneBurst: 1}},
		"jira, fast":        {jira(0, 90, "DataCenter"), connection.Limits{Concurrency: 32, LanePerSecond: 90, LaneBurst: 3}},
	} {
		if c.got != c.want {
			t.Errorf("%s: %+v, want %+v", name, c.got, c.want)
		}
	}
}

// TestLimitsApply checks that connections have the limits of their integrations, by what the probe found.
func TestLimitsApply(t *testing.T) {
	inWorld(t, func(w *world) {
		w.create(bot(func(i *v1alpha1.SlackIntegration) {
			i.Spec.RateLimit = &v1alpha1.SlackRateLimit{ChannelMessagesPerMinute: 240}
		}), project())
		w.settle()
		if got := w.slackConn().Lane("#alerts").Capacity(10 * time.Second); got != 40 {
			t.Errorf("a channel takes %d messages in 10 s", got)
		}
		if got := w.jiraConn().Lane("create").Capacity(10 * time.Second); got != 970 {
			t.Errorf("Jira takes %d requests in 10 s", got)
		}
	})
}
