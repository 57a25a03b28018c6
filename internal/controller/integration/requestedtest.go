package integration

import (
	"context"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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

// requestedTest returns the test that is to be made now, with the time of its request, or nil when none is.
func requestedTest(o client.Object, last *v1alpha1.IntegrationTest, now time.Time) *v1alpha1.IntegrationTest {
	at := o.GetAnnotations()[v1alpha1.TestRequestedAtAnnotation]
	requested, err := time.Parse(time.RFC3339Nano, at)
	if err != nil || len(at) > 64 || now.Sub(requested) > maxRequestAge || last != nil && last.RequestedAt == at {
		return nil
	}
	return &v1alpha1.IntegrationTest{RequestedAt: at, Time: metav1.NewTime(now), Outcome: v1alpha1.OutcomeSucceeded}
}

// failTest returns the test as failed, with the reason.
func failTest(t *v1alpha1.IntegrationTest, why string) *v1alpha1.IntegrationTest {
	t.Outcome = v1alpha1.OutcomeFailed
	t.Message = text.Truncate(why, 1024)
	return t
}

// notReadyReason returns why an integration is not Ready; empty when it is.
func notReadyReason(o kit.Object) string {
	c := condition.Get(o, v1alpha1.ConditionReady)
	switch {
	case c == nil:
		return "The integration has not been checked yet. Try again in a moment."
	case c.Status != metav1.ConditionTrue:
		return c.Message
	}
	return ""
}

// test posts a test message when a client requested one, and returns the status of the last test.
func (r *SlackReconciler) test(ctx context.Context, i *v1alpha1.SlackIntegration) *v1alpha1.IntegrationTest {
	t := requestedTest(i, i.Status.LastTest, r.Clock.Now())
	if t == nil {
		return i.Status.LastTest
	}
	if why := notReadyReason(i); why != "" {
		return failTest(t, why)
	}
	channel, err := connection.ChannelFor(i, v1alpha1.SlackChannel(i.Annotations[v1alpha1.TestChannelAnnotation]))
	if err != nil {
		return failTest(t, err.Error())
	}
	t.Channel = text.Truncate(channel, 81)
	name := client.ObjectKeyFromObject(i)
	conn := r.Slack.Get(name)
	c, ok := conn.Client()
	if !ok {
		return failTest(t, "The integration has no client yet. Try again in a moment.")
	}
	ctx, cancel := context.WithTimeout(ctx, testTimeout)
	defer cancel()
	const message = "This is a test message of the Voice AI integrations operator. Notifications arrive here."
	posted, err := c.Post(ctx, chat.Message{
		DeliveryID: string(i.UID) + "." + t.RequestedAt,
		Channel:    channel,
		Text:       message,
		Blocks: []chat.Block{
			{Section: ":white_check_mark: " + message},
			{Context: []string{fmt.Sprintf("SlackIntegration %s", name)}},
		},
	})
	conn.Record.Add(connection.ActionTest, v1alpha1.KindSlackIntegration+"/"+name.String(), posted.Channel, err)
	if err != nil {
		return failTest(t, err.Error())
	}
	t.Message = "Slack accepted the message"
	t.Permalink = text.Truncate(posted.Permalink, 2048)
	return t
}

// jiraChecks are the checks of a probe of Jira, in the order in which it makes them.
var jiraChecks = []string{partCredentials, "Project", "IssueType"}

// test checks credentials, project, issue type, priorities and fields when a client requested it, and returns the
// status of the last test.
func (r *JiraReconciler) test(ctx context.Context, i *v1alpha1.JiraIntegration) *v1alpha1.IntegrationTest {
	t := requestedTest(i, i.Status.LastTest, r.Clock.Now())
	if t == nil {
		return i.Status.LastTest
	}
	c, ok := r.Jira.Get(client.ObjectKeyFromObject(i)).Client()
	if !ok {
		return failTest(t, notReadyReason(i))
	}
	ctx, cancel := context.WithTimeout(ctx, testTimeout)
	defer cancel()
	addCheck := func(name, why string) {
		outcome := v1alpha1.OutcomeSucceeded
		if why != "" {
			outcome = v1alpha1.OutcomeFailed
			failTest(t, why)
		}
		t.Checks = append(t.Checks, v1alpha1.IntegrationCheck{Name: name, Outcome: outcome, Message: text.Truncate(why, 1024)})
	}
	found, err := c.Probe(ctx)
	for _, name := range jiraChecks {
		if f := fault.From(err); f != nil && (f.Field == name || f.Field == "") {
			addCheck(name, f.Error())
			return t
		}
		addCheck(name, "")
	}
	addCheck("Priorities", unknownPriorities(i, found))
	addCheck("Fields", fieldProblems(i, slices.Concat(found.Blockers, found.Problems)))
	if t.Outcome == v1alpha1.OutcomeSucceeded {
		t.Message = fmt.Sprintf("Jira accepts %s, project %s and issue type", text.Truncate(found.Account, 255), i.Spec.ProjectKey)
	}
	return t
}
