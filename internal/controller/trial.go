package controller

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/text"
)

const (
	// maxRequestAge is how old a request to try an integration out may be: nobody waits for a later answer.
	maxRequestAge = time.Minute
	// testTimeout bounds the calls of a trial.
	testTimeout = 10 * time.Second
)

// orRequested has an integration reconciled when its spec changes and when somebody asks to try it out.
func orRequested() builder.Predicates {
	return builder.WithPredicates(predicate.Or(predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{}))
}

// requested is a test that is to be made now, with the request's time filled in; nil when there is none.
func requested(o client.Object, last *v1alpha1.IntegrationTest, now time.Time) *v1alpha1.IntegrationTest {
	at := o.GetAnnotations()[v1alpha1.TestRequestedAtAnnotation]
	asked, err := time.Parse(time.RFC3339Nano, at)
	if err != nil || len(at) > 64 || now.Sub(asked) > maxRequestAge || last != nil && last.RequestedAt == at {
		return nil
	}
	return &v1alpha1.IntegrationTest{RequestedAt: at, Time: metav1.NewTime(now), Outcome: v1alpha1.OutcomeSucceeded}
}

// failTest is the test with a reason why it failed.
func failTest(t *v1alpha1.IntegrationTest, why string) *v1alpha1.IntegrationTest {
	t.Outcome, t.Message = v1alpha1.OutcomeFailed, text.Truncate(why, 1024)
	return t
}

// notReady says why an integration is not ready; empty when it is.
func notReady(o object) string {
	if c := condition.Get(o, v1alpha1.ConditionReady); c == nil || c.Status != metav1.ConditionTrue {
		if c == nil {
			return "The integration has not been checked yet: try again"
		}
		return c.Message
	}
	return ""
}

// test posts a test message when somebody asks for one.
func (r *SlackIntegrationReconciler) test(ctx context.Context, i *v1alpha1.SlackIntegration) *v1alpha1.IntegrationTest {
	t := requested(i, i.Status.LastTest, r.Clock.Now())
	if t == nil {
		return i.Status.LastTest
	}
	if why := notReady(i); why != "" {
		return failTest(t, why)
	}
	channel, err := channelFor(i, v1alpha1.SlackChannel(i.Annotations[v1alpha1.TestChannelAnnotation]))
	if err != nil {
		return failTest(t, err.Error())
	}
	t.Channel = text.Truncate(channel, 81)
	name := client.ObjectKeyFromObject(i)
	conn := r.Slack.Get(name)
	c, ok := conn.Client()
	if !ok {
		return failTest(t, "The integration has no client yet: try again")
	}
	ctx, cancel := context.WithTimeout(ctx, testTimeout)
	defer cancel()
	const message = "This is a test message of the Voice AI integrations operator. Notifications arrive here."
	posted, err := c.Post(ctx, chat.Message{DeliveryID: string(i.UID) + "." + t.RequestedAt, Channel: channel, Text: message,
		Blocks: []chat.Block{{Section: ":white_check_mark: " + message}, {Context: []string{fmt.Sprintf("SlackIntegration %s", name)}}}})
	conn.Record.Add(actionTest, v1alpha1.KindSlackIntegration+"/"+name.String(), posted.Channel, err)
	if err != nil {
		return failTest(t, err.Error())
	}
	t.Message, t.Permalink = "Slack accepted the message", text.Truncate(posted.Permalink, 2048)
	return t
}

// jiraChecks are the parts of a test of Jira, in the order in which a probe makes them.
var jiraChecks = []string{"Credentials", "Project", "IssueType"}

// test checks credentials, project, issue type, priorities and fields when somebody asks.
func (r *JiraIntegrationReconciler) test(ctx context.Context, i *v1alpha1.JiraIntegration) *v1alpha1.IntegrationTest {
	t := requested(i, i.Status.LastTest, r.Clock.Now())
	if t == nil {
		return i.Status.LastTest
	}
	c, ok := r.Jira.Get(client.ObjectKeyFromObject(i)).Client()
	if !ok {
		return failTest(t, notReady(i))
	}
	ctx, cancel := context.WithTimeout(ctx, testTimeout)
	defer cancel()
	check := func(name, why string) {
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
			check(name, f.Error())
			return t
		}
		check(name, "")
	}
	check("Priorities", unknownPriorities(i, found.Priorities))
	check("Fields", fieldProblems(i, found.Problems))
	if t.Outcome == v1alpha1.OutcomeSucceeded {
		t.Message = fmt.Sprintf("Jira accepts %s, project %s and issue type", text.Truncate(found.Account, 255), i.Spec.ProjectKey)
	}
	return t
}
