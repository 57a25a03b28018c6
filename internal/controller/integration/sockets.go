// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"errors"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/controller/kit"
	"github.com/voiceai-dev/integrations-operator/internal/secrets"
)

// appTokenField is the field that refers to an app-level token.
const appTokenField = "spec.appTokenSecretRef"

// Sockets keeps the connections of Socket Mode. *socket.Hub implements it.
type Sockets interface {
	// Keep keeps connections for an integration. version identifies its spec and Secret.
	Keep(name types.NamespacedName, version string, c chat.SocketConfig)
	// Version returns the version for which connections are kept; empty if none are.
	Version(name types.NamespacedName) string
	State(name types.NamespacedName) chat.SocketState
	Drop(name types.NamespacedName)
}

// listen keeps the connections by which an integration receives what people do, if it has an app-level token, and sets the
// condition Receiving. They are kept while the integration is suspended: people are answered that it is.
func (r *SlackReconciler) listen(ctx context.Context, i *v1alpha1.SlackIntegration) error {
	name := client.ObjectKeyFromObject(i)
	ref := i.Spec.AppTokenSecretRef
	switch {
	case r.Sockets == nil:
		return nil
	case ref == nil:
		r.Sockets.Drop(name)
		meta.RemoveStatusCondition(&i.Status.Conditions, v1alpha1.ConditionReceiving)
		return nil
	}
	version, err := credentialVersion(ctx, r.Client, i, *ref)
	if err != nil {
		return err
	}
	if r.Sockets.Version(name) != version {
		token, err := secrets.Read(ctx, r.Live, i.Namespace, appTokenField, *ref)
		var refusal *connection.Refusal
		switch {
		case errors.As(err, &refusal): // a watch enqueues the integration when its Secret or spec changes
			r.Sockets.Drop(name)
			condition.False(i, v1alpha1.ConditionReceiving, refusal.Reason, refusal.Message)
			return nil
		case err != nil:
			return err
		}
		r.Sockets.Keep(name, version, chat.SocketConfig{Token: token, APIURL: string(i.Spec.APIURL), Namespace: i.Namespace})
	}
	setReceiving(i, r.Sockets.State(name))
	return nil
}

// setReceiving sets the condition Receiving to the state of the connections.
func setReceiving(i *v1alpha1.SlackIntegration, s chat.SocketState) {
	switch {
	case s.Connected && s.Fault != nil:
		condition.True(i, v1alpha1.ConditionReceiving, v1alpha1.ReasonConnected,
			"Slack sends by one connection instead of two: "+s.Fault.Error())
	case s.Connected:
		condition.True(i, v1alpha1.ConditionReceiving, v1alpha1.ReasonConnected, "Slack sends by Socket Mode")
	case s.Fault != nil:
		reason := kit.OutcomeOf(s.Fault).Reason
		switch s.Fault.Code {
		case chat.CodeLinkDisabled:
			reason = v1alpha1.ReasonSocketModeOff
		case chat.CodeTooManyWebSockets, chat.CodeTooManyApps:
			reason = v1alpha1.ReasonTooManyConnections
		}
		condition.False(i, v1alpha1.ConditionReceiving, reason, s.Fault.Error())
	default:
		condition.Unknown(i, v1alpha1.ConditionReceiving, v1alpha1.ReasonProgressing, "The operator is connecting to Slack")
	}
}

// warnOfSockets reports that commands and clicks do not arrive, although messages are sent.
func warnOfSockets(i *v1alpha1.SlackIntegration) {
	c := condition.Get(i, v1alpha1.ConditionReceiving)
	if c == nil || c.Status != metav1.ConditionFalse ||
		!condition.Is(i, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonReady) {
		return
	}
	why := "Commands and clicks in Slack do not arrive. " + c.Message
	condition.True(i, v1alpha1.ConditionHealthy, v1alpha1.ReasonDegraded, why)
	condition.Ready(i, v1alpha1.ReasonReady, why)
}
