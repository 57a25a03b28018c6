// SPDX-License-Identifier: Apache-2.0

package installs

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/openapi"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/params"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/problem"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/secrets"
)

// maxRevocations bounds how often the token is read again, which the operator may refresh meanwhile.
const maxRevocations = 3

type revokeInput struct{ params.Named }

// registerRevoke adds the route that revokes a token.
func (r Routes) registerRevoke(api huma.API, path string) {
	openapi.Register(api, huma.Operation{
		OperationID: "revoke-slack-install", Method: http.MethodPost, Path: path + "revoke", Tags: []string{"Integrations"},
		Summary: "Revoke the token of an installation", DefaultStatus: http.StatusNoContent,
		Description: "Has Slack revoke the bot token, and its refresh token if it has one, and removes both from the Secret. " +
			"If Slack does not answer, nothing is removed. The integration stays. You need the rights to update it and that Secret.",
	}, r.revoke)
}

func (r Routes) revoke(ctx context.Context, i *revokeInput) (*struct{}, error) {
	o, err := r.find(ctx, r.key(i.Named))
	if err != nil {
		return nil, err
	}
	if o.Spec.OAuth == nil || o.Spec.Bot == nil {
		return nil, problem.New(http.StatusConflict,
			"the token of SlackIntegration %s/%s was not installed from here, because it has no spec.oauth. Revoke it on the page of the app",
			o.Namespace, o.Name)
	}
	if err := r.checkUnshared(ctx, o); err != nil {
		return nil, err
	}
	var revoked secrets.Rotating
	for range maxRevocations {
		token, err := r.tokenOf(ctx, o)
		if err != nil {
			return nil, err
		}
		if token == revoked {
			break
		}
		if err := r.revokeToken(ctx, o, token); err != nil {
			return nil, err
		}
		revoked = token
	}
	if revoked == (secrets.Rotating{}) {
		return nil, nil
	}
	return nil, r.Store(ctx, o, secrets.Rotating{})
}

// tokenOf returns the token of an integration, which the caller may remove; none if there is none.
func (r Routes) tokenOf(ctx context.Context, o *v1alpha1.SlackIntegration) (secrets.Rotating, error) {
	key := types.NamespacedName{Namespace: o.Namespace, Name: o.Spec.Bot.TokenSecretRef.Name}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}}
	if err := r.Live.Get(ctx, key, secret); err != nil && !apierrors.IsNotFound(err) {
		return secrets.Rotating{}, problem.From(ctx, err, "reading Secret "+key.String())
	}
	if err := r.CheckSecret(ctx, "update", secret); err != nil {
		return secrets.Rotating{}, problem.From(ctx, err, "writing Secret "+key.String())
	}
	return secrets.RotatingIn(secret, o.Spec.Bot.TokenSecretRef), nil
}

// revokeToken revokes a token, after the refresh token that would give the next one.
func (r Routes) revokeToken(ctx context.Context, o *v1alpha1.SlackIntegration, token secrets.Rotating) error {
	for _, t := range []string{token.RefreshToken, token.Token} {
		if t == "" {
			continue
		}
		err := r.Revoke(ctx, chat.Revocation{APIURL: string(o.Spec.APIURL), Namespace: o.Namespace, Token: t})
		if err != nil {
			return problem.New(http.StatusBadGateway, "the token was not revoked, and is still in Secret %s: %v. "+
				"Try again, or remove the app in Slack", o.Spec.Bot.TokenSecretRef.Name, fault.From(err))
		}
	}
	return nil
}

// checkUnshared returns a problem if another integration uses the same token.
func (r Routes) checkUnshared(ctx context.Context, o *v1alpha1.SlackIntegration) error {
	all := &v1alpha1.SlackIntegrationList{}
	if err := r.Live.List(ctx, all, client.InNamespace(o.Namespace)); err != nil {
		return problem.From(ctx, err, "reading the SlackIntegrations of namespace "+o.Namespace)
	}
	for _, other := range all.Items {
		if other.Name != o.Name && other.Spec.Bot != nil && other.Spec.Bot.TokenSecretRef == o.Spec.Bot.TokenSecretRef {
			return problem.New(http.StatusConflict, "the token was not revoked, because SlackIntegration %s/%s uses it, too. "+
				"Change its spec.bot.tokenSecretRef, or delete it first", other.Namespace, other.Name)
		}
	}
	return nil
}
