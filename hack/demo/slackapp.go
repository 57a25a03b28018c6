// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/hack/stage"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/slack"
	"github.com/voiceai-dev/integrations-operator/internal/sandbox/slack/consent"
)

// slackApp is the operator's app in the sandbox's Slack. Its buttons and commands work on the sandbox's pages.
type slackApp struct {
	edge string
	// installable is set once there is an integration whose app people can install.
	installable bool
}

// installName is the name of the integration whose app people can install, and of its Secret.
const installName = "slack-app"

// slackRole is the name of the Role and RoleBinding that let everyone of the sandbox's workspace act.
const slackRole = "slack-demo"

// flags chooses a free port for the edge and returns the operator's flags for it.
func (a *slackApp) flags(ctx context.Context) ([]string, error) {
	port, err := stage.FreePort(ctx)
	if err != nil {
		return nil, err
	}
	a.edge = fmt.Sprintf("127.0.0.1:%d", port)
	return []string{"--edge-bind-address=" + a.edge}, nil
}

// connect makes the sandbox send to the edge what people do, and lets them do everything in the demo's namespace.
func (a *slackApp) connect(ctx context.Context, c client.Client, v *services) error {
	if v.sandbox == "" || v.realSlack {
		return nil
	}
	for _, o := range slackGrant() {
		if err := c.Create(ctx, o); err != nil {
			return fmt.Errorf("creating %T %s: %w", o, o.GetName(), err)
		}
	}
	body, err := json.Marshal(slack.App{URL: "http://" + a.edge + "/api/v1/webhooks/slack", SocketMode: v.socketMode})
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPut, v.sandbox+"/_sandbox/slack/app", bytes.NewReader(body))
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return fmt.Errorf("connecting the app with the sandbox: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusNoContent {
		return fmt.Errorf("connecting the app with the sandbox: status %s", res.Status)
	}
	return nil
}

// offerInstall creates an integration whose app is not installed yet, for people to install it on the dashboard.
func (a *slackApp) offerInstall(ctx context.Context, c client.Client, v *services) error {
	if v.sandbox == "" || v.realSlack {
		return nil
	}
	a.installable = true
	for _, o := range installable(v) {
		if err := c.Create(ctx, o); err != nil {
			return fmt.Errorf("creating %T %s: %w", o, o.GetName(), err)
		}
	}
	return nil
}

// installable returns the integration and the Secret of its client. It is probed often, so that a revoked token shows soon.
func installable(v *services) []client.Object {
	meta := metav1.ObjectMeta{Namespace: namespace, Name: installName}
	ref := func(key string) v1alpha1.SecretKeyReference {
		return v1alpha1.SecretKeyReference{Name: installName, Key: key}
	}
	return []client.Object{
		&corev1.Secret{ObjectMeta: meta, StringData: map[string]string{"client-secret": consent.ClientSecret}},
		&v1alpha1.SlackIntegration{ObjectMeta: *meta.DeepCopy(), Spec: v1alpha1.SlackIntegrationSpec{
			APIURL: v1alpha1.HTTPURL(v.sandbox + "/api/"), DefaultChannel: "#voice-ai-alerts", ProbeIntervalSeconds: 30,
			Bot:   &v1alpha1.SlackBot{TokenSecretRef: ref("bot-token")},
			OAuth: &v1alpha1.SlackOAuth{ClientID: consent.ClientID, ClientSecretRef: ref("client-secret")},
		}},
	}
}

// disconnect deletes what connect and offerInstall created.
func (a *slackApp) disconnect(ctx context.Context, c client.Client) error {
	created := slackGrant()
	if a.installable {
		created = append(created, installable(&services{})...)
	}
	var failed []error
	for _, o := range created {
		failed = append(failed, client.IgnoreNotFound(c.Delete(ctx, o)))
	}
	return errors.Join(failed...)
}

// slackGrant returns the Role and the RoleBinding.
func slackGrant() []client.Object {
	meta := metav1.ObjectMeta{Namespace: namespace, Name: slackRole}
	verbs := []string{"get", "list", "create", "update"}
	return []client.Object{
		&rbacv1.Role{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"*"}, Verbs: verbs},
			{APIGroups: []string{"batch"}, Resources: []string{"jobs"}, Verbs: verbs},
		}},
		&rbacv1.RoleBinding{
			ObjectMeta: *meta.DeepCopy(), RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: slackRole},
			Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: "slack:" + slack.TeamID}},
		},
	}
}
