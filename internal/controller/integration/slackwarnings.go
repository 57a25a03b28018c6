// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/activity"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/controller/integration/hint"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
)

// warnOfRenamed reports that a channel has another name by now.
func warnOfRenamed(i *v1alpha1.SlackIntegration, record *activity.Record) {
	name, id := record.RenamedChannel()
	if name == "" || !condition.Is(i, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady) {
		return
	}
	why := fmt.Sprintf("Channel %s has another name in Slack by now. Messages go to its ID, %s. "+
		"Write that or the new name in spec.defaultChannel and in the rules.", name, id)
	condition.True(i, v1alpha1.ConditionHealthy, v1alpha1.ReasonDegraded, why)
	condition.Ready(i, v1alpha1.ReasonReady, why)
}

// warnOfChannels reports that a channel of the integration was archived, deleted or renamed in Slack.
func warnOfChannels(i *v1alpha1.SlackIntegration, known []v1alpha1.KnownChannel) {
	why := hint.ChannelProblem(i, known)
	if why == "" || !condition.Is(i, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady) {
		return
	}
	condition.True(i, v1alpha1.ConditionHealthy, v1alpha1.ReasonDegraded, why)
	condition.Ready(i, v1alpha1.ReasonReady, why)
}

// limitDelivery reports at-least-once delivery, and why, when a channel's history cannot be read.
func (r *SlackReconciler) limitDelivery(i *v1alpha1.SlackIntegration) {
	why := r.historyWarning(i)
	if why == "" || i.Status.Delivery != v1alpha1.DeliveryExactlyOnce {
		return
	}
	i.Status.Delivery = v1alpha1.DeliveryAtLeastOnce
	if condition.Is(i, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady) {
		condition.True(i, v1alpha1.ConditionHealthy, v1alpha1.ReasonDegraded, why)
		condition.Ready(i, v1alpha1.ReasonReady, why)
	}
}

// channelWarning returns that the default channel does not exist, as far as the token can see; empty when it does, or
// when that was found out before.
func (r *SlackReconciler) channelWarning(ctx context.Context, i *v1alpha1.SlackIntegration, c connection.SlackClient) string {
	name := string(i.Spec.DefaultChannel)
	isUser := strings.HasPrefix(name, "U") || strings.HasPrefix(name, "W") || strings.HasPrefix(name, "D")
	healthy := condition.Get(i, v1alpha1.ConditionHealthy)
	isChecked := healthy != nil && healthy.Reason == v1alpha1.ReasonHealthy && healthy.ObservedGeneration == i.Generation
	record := r.Slack.Get(client.ObjectKeyFromObject(i)).Record
	if !c.Workspace.CanFind || name == "" || isUser || isChecked || record.ChannelID(name) != "" {
		return ""
	}
	_, err := c.Find(ctx, name, "", r.Clock.Now())
	if f := fault.From(err); f == nil || f.Code != chat.CodeChannelNotFound {
		return ""
	}
	return fmt.Sprintf("Channel %s does not exist, or the bot does not see it, so messages to it will be refused. "+
		"Change spec.defaultChannel, or invite the bot to the channel.", name)
}

// scopeWarning returns which scope a token lacks and what that costs; empty when it lacks none.
func scopeWarning(w chat.Workspace) string {
	switch {
	case w.Verified && len(w.Scopes) > 0 && !slices.Contains(w.Scopes, "chat:write"):
		return "The token lacks the scope chat:write, so posting will fail. It has " + strings.Join(w.Scopes, ", ") +
			". Add the scope to the app and install it again."
	case w.Verified && !w.CanFind:
		return "The token lacks the scope channels:history, so a message may be posted twice after a broken connection. " +
			"Add it to the app and install it again."
	}
	return ""
}

// historyWarning returns which channel's history cannot be read although the token may read channels, and what that
// costs; empty when all can be.
func (r *SlackReconciler) historyWarning(i *v1alpha1.SlackIntegration) string {
	conn := r.Slack.Get(client.ObjectKeyFromObject(i))
	const cost = "a message may be posted there twice after a broken connection"
	if name := conn.Record.UnreadableChannel(); name != "" {
		return fmt.Sprintf("The history of channel %s could not be read, so %s. Give the app channels:history and channels:read "+
			"(groups:history and groups:read for a private channel), and invite the bot.", name, cost)
	}
	c, ok := conn.Client()
	name := string(i.Spec.DefaultChannel)
	if !ok || !strings.HasPrefix(name, "#") || conn.Record.ChannelID(name) != "" || len(c.Workspace.Scopes) == 0 ||
		slices.Contains(c.Workspace.Scopes, "channels:read") || slices.Contains(c.Workspace.Scopes, "groups:read") {
		return ""
	}
	return fmt.Sprintf("The token lacks the scope channels:read, so %s cannot be looked up before the first message there, and %s. "+
		"Add the scope, or name the channel by its ID.", name, cost)
}
