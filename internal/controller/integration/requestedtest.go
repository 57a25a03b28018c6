// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/controller/kit"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/text"
)

const (
	// maxRequestAge is how old a request for a test may be. No client waits longer for the result.
	maxRequestAge = time.Minute
	// testTimeout bounds the calls of a test.
	testTimeout = 10 * time.Second
)

// orTestRequested returns predicates that let an integration be reconciled when its spec changes and when a client
// requests a test.
func orTestRequested() builder.Predicates {
	return builder.WithPredicates(predicate.Or(predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{}))
}

// requestedTests keeps the result of the last test of each integration: the cache may be behind it, and a status that
// could not be written is written again. The zero value is ready for use.
type requestedTests struct{ byName sync.Map }

// next returns the test that is to be made now, with the time of its request, or nil when none is. last is the last
// test in any case.
func (r *requestedTests) next(o client.Object, status *v1alpha1.IntegrationTest, now time.Time) (next, last *v1alpha1.IntegrationTest) {
	last = status
	at := o.GetAnnotations()[v1alpha1.TestRequestedAtAnnotation]
	if made, ok := r.byName.Load(client.ObjectKeyFromObject(o)); ok && made.(*v1alpha1.IntegrationTest).RequestedAt == at {
		last = made.(*v1alpha1.IntegrationTest).DeepCopy()
	}
	requested, err := time.Parse(time.RFC3339Nano, at)
	if err != nil || len(at) > 64 || now.Sub(requested) > maxRequestAge || last != nil && last.RequestedAt == at {
		return nil, last
	}
	return &v1alpha1.IntegrationTest{RequestedAt: at, Time: metav1.NewTime(now), Outcome: v1alpha1.OutcomeSucceeded}, last
}

// made keeps the result of a test.
func (r *requestedTests) made(o client.Object, t *v1alpha1.IntegrationTest) {
	r.byName.Store(client.ObjectKeyFromObject(o), t.DeepCopy())
}

// forget drops what is kept of an integration that was deleted.
func (r *requestedTests) forget(name types.NamespacedName) { r.byName.Delete(name) }

// failTest returns the test as failed, with the reason.
func failTest(t *v1alpha1.IntegrationTest, why string) *v1alpha1.IntegrationTest {
	t.Outcome = v1alpha1.OutcomeFailed
	t.Message = text.Truncate(why, 1024)
	return t
}

// probeAfterTest is how soon an integration is probed again that a test found not to work.
const probeAfterTest = 15 * time.Second

// afterTest returns when to reconcile an integration again that was tested; 0 for never. next is when otherwise.
func afterTest(o kit.Object, next time.Duration) time.Duration {
	if next > 0 && notReadyReason(o) != "" {
		return min(next, probeAfterTest)
	}
	return next
}

// notReadyReason returns why an integration is not Ready; empty when it is.
func notReadyReason(o kit.Object) string {
	c := condition.Get(o, v1alpha1.ConditionReady)
	switch {
	case c == nil:
		return "The integration has not been checked yet. Try again in a moment."
	case c.Status != metav1.ConditionTrue || c.Reason == v1alpha1.ReasonSuspended:
		return c.Message
	}
	return ""
}

// test posts a test message, and returns the result. probe is the result of the probe that was made for the test.
func (r *SlackReconciler) test(
	ctx context.Context, i *v1alpha1.SlackIntegration, t *v1alpha1.IntegrationTest, probe *testProbe[connection.SlackClient],
) *v1alpha1.IntegrationTest {
	switch {
	case probe.err != nil:
		return failTest(t, probe.err.Error())
	case !probe.made:
		return failTest(t, notReadyReason(i))
	}
	channel, err := connection.ChannelFor(i, v1alpha1.SlackChannel(i.Annotations[v1alpha1.TestChannelAnnotation]))
	if err != nil {
		return failTest(t, err.Error())
	}
	t.Channel = text.Truncate(channel, 81)
	name := client.ObjectKeyFromObject(i)
	conn := r.Slack.Get(name)
	ctx, cancel := context.WithTimeout(ctx, testTimeout)
	defer cancel()
	const message = "This is a test message of the Voice AI integrations operator. Notifications arrive here."
	posted, err := conn.Record.Post(ctx, probe.found.client, chat.Message{
		DeliveryID: string(i.UID) + "." + t.RequestedAt,
		Channel:    channel,
		Text:       message,
		Blocks: []chat.Block{
			{Section: ":white_check_mark: " + message},
			{Context: []string{fmt.Sprintf("SlackIntegration %s", name)}},
		},
	})
	conn.Record.Add(connection.ActionTest, v1alpha1.KindSlackIntegration+"/"+name.String(), posted.Channel, err)
	r.showTest(i, probe.found, channel, err)
	if err != nil {
		return failTest(t, err.Error())
	}
	t.Message = "Slack accepted the message"
	t.Permalink = text.Truncate(posted.Permalink, 2048)
	return t
}

// showTest brings the connection and the conditions in line with what a test message to a channel led to.
func (r *SlackReconciler) showTest(
	i *v1alpha1.SlackIntegration, found probeResult[connection.SlackClient], channel string, err error,
) {
	conn := r.Slack.Get(client.ObjectKeyFromObject(i))
	conn.Observe(connection.ActionPost, err)
	f := fault.From(err)
	switch {
	case f == nil:
		if conn.PauseFault() == nil {
			healthy(i, found.note, found.verified || conn.HasAnswered())
		}
	case f.Scope == fault.Connection, f.Kind == fault.Unavailable, f.Kind == fault.Ambiguous:
		fail(i, f, r.Clock.Now())
	case f.Kind.Permanent() && channel == string(i.Spec.DefaultChannel) && notReadyReason(i) == "":
		healthy(i, "The test message was refused: "+f.Error(), found.verified || conn.HasAnswered())
	}
}

// jiraChecks are the checks of a probe of Jira, in the order in which it makes them.
var jiraChecks = []string{partCredentials, "Project", "IssueType"}

// test returns the result of a test: what the probe that was made for it found of credentials, project, issue type,
// priorities and fields.
func (r *JiraReconciler) test(
	i *v1alpha1.JiraIntegration, t *v1alpha1.IntegrationTest, probe *testProbe[connection.JiraClient],
) *v1alpha1.IntegrationTest {
	if !probe.made {
		return failTest(t, notReadyReason(i))
	}
	found := probe.found.client.Project
	addCheck := func(name, why string) {
		outcome := v1alpha1.OutcomeSucceeded
		if why != "" {
			outcome = v1alpha1.OutcomeFailed
			failTest(t, why)
		}
		t.Checks = append(t.Checks, v1alpha1.IntegrationCheck{Name: name, Outcome: outcome, Message: text.Truncate(why, 1024)})
	}
	for _, name := range jiraChecks {
		if f := fault.From(probe.err); f != nil && (f.Field == name || f.Field == "") {
			addCheck(name, f.Error())
			return t
		}
		addCheck(name, "")
	}
	addCheck("Priorities", unknownPriorities(i, found))
	addCheck("Fields", fieldProblems(i, slices.Concat(found.Blockers, found.Problems)))
	if t.Outcome == v1alpha1.OutcomeSucceeded {
		account := text.Truncate(text.OneLine(found.Account), 255)
		t.Message = fmt.Sprintf("Jira accepts the account %s, project %s and its issue type", account, i.Spec.ProjectKey)
	}
	return t
}
