// SPDX-License-Identifier: Apache-2.0

package installs

import (
	"context"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
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
	var revoked []string
	for range maxRevocations {
		tokens, err := r.tokensOf(ctx, o)
		if err != nil {
			return nil, err
		}
		tokens = slices.DeleteFunc(tokens, func(token string) bool { return slices.Contains(revoked, token) })
		if len(tokens) == 0 {
			break
		}
		if err := r.revokeTokens(ctx, o, tokens); err != nil {
			return nil, problem.New(http.StatusBadGateway, "the token was not revoked, and is still in Secret %s: %v. "+
				"Try again, or remove the app in Slack", o.Spec.Bot.TokenSecretRef.Name, fault.From(err))
		}
		revoked = append(revoked, tokens...)
	}
	if len(revoked) == 0 {
		return nil, nil
	}
	return nil, r.EditSecret(ctx, o, func(s *corev1.Secret) {
		secrets.Rotating{}.Put(s, o.Spec.Bot.TokenSecretRef)
		secrets.RemoveReplaced(s, o.Spec.Bot.TokenSecretRef, revoked)
	})
}

// tokensOf returns the tokens of an integration, which the caller may remove: those that were replaced, the refresh token that
// would give the next token, and the token. There may be none.
func (r Routes) tokensOf(ctx context.Context, o *v1alpha1.SlackIntegration) ([]string, error) {
	secret, err := r.secretOf(ctx, o)
	if err != nil {
		return nil, err
	}
	if err := r.CheckSecret(ctx, "update", secret); err != nil {
		return nil, problem.From(ctx, err, "writing Secret "+client.ObjectKeyFromObject(secret).String())
	}
	ref := o.Spec.Bot.TokenSecretRef
	now := secrets.RotatingIn(secret, ref)
	all := append(secrets.ReplacedIn(secret, ref), now.RefreshToken, now.Token)
	return slices.DeleteFunc(all, func(token string) bool { return token == "" }), nil
}

// secretOf returns the Secret of an integration's token; one without data if there is none.
func (r Routes) secretOf(ctx context.Context, o *v1alpha1.SlackIntegration) (*corev1.Secret, error) {
	secret := &corev1.Secret{}
	secret.Namespace = o.Namespace
	secret.Name = o.Spec.Bot.TokenSecretRef.Name
	if err := r.Live.Get(ctx, client.ObjectKeyFromObject(secret), secret); err != nil && !apierrors.IsNotFound(err) {
		return nil, problem.From(ctx, err, "reading Secret "+client.ObjectKeyFromObject(secret).String())
	}
	return secret, nil
}

// revokeTokens revokes tokens of an integration in their order.
func (r Routes) revokeTokens(ctx context.Context, o *v1alpha1.SlackIntegration, tokens []string) error {
	for _, t := range tokens {
		if err := r.Revoke(ctx, chat.Revocation{APIURL: string(o.Spec.APIURL), Namespace: o.Namespace, Token: t}); err != nil {
			return err
		}
	}
	return nil
}

// revokeReplaced revokes the tokens that an installation has replaced. The app is installed whatever comes of it: tokens that
// are left in the Secret are revoked by the leader, by the next installation, or with the token.
func (r Routes) revokeReplaced(ctx context.Context, o *v1alpha1.SlackIntegration) {
	log := ctrl.LoggerFrom(ctx).WithValues("SlackIntegration", client.ObjectKeyFromObject(o))
	secret, err := r.secretOf(ctx, o)
	if err != nil {
		log.Error(err, "The tokens that an installation replaced could not be read")
		return
	}
	ref := o.Spec.Bot.TokenSecretRef
	replaced := secrets.ReplacedIn(secret, ref)
	if len(replaced) == 0 {
		return
	}
	if err := r.revokeTokens(ctx, o, replaced); err != nil {
		log.Error(err, "The tokens that an installation replaced could not be revoked")
		return
	}
	if err := r.EditSecret(ctx, o, func(s *corev1.Secret) { secrets.RemoveReplaced(s, ref, replaced) }); err != nil {
		log.Error(err, "The tokens that an installation replaced could not be removed")
	}
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
