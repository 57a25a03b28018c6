// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/openapi"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/params"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/problem"
	"github.com/voiceai-dev/integrations-operator/internal/credential"
)

type slackReplacement struct {
	params.Named
	Body struct {
		Credentials slackCredentials `json:"credentials" doc:"The credentials to replace. The spec must refer to a Secret for each."`
	}
}

type jiraReplacement struct {
	params.Named
	Body struct {
		Credentials jiraCredentials `json:"credentials" doc:"The credentials to replace. The spec must refer to a Secret for each."`
	}
}

func (s *Server) routeReplacements(api huma.API) {
	openapi.Register(api, replaceOperation("slack"), func(ctx context.Context, i *slackReplacement) (*struct{}, error) {
		return nil, replaceCredentials(ctx, s, slackProvider, i.Named, i.Body.Credentials.given())
	})
	openapi.Register(api, replaceOperation("jira"), func(ctx context.Context, i *jiraReplacement) (*struct{}, error) {
		return nil, replaceCredentials(ctx, s, jiraProvider, i.Named, i.Body.Credentials.given())
	})
}

func replaceOperation(title string) huma.Operation {
	return huma.Operation{
		OperationID: "replace-" + title + "-credentials", Method: http.MethodPut,
		Path: "/api/v1/integrations/" + title + "/credentials", Tags: []string{"Integrations"},
		Summary: "Replace the credentials of " + title, DefaultStatus: http.StatusNoContent,
		Description: "Stores the values in the Secrets, and under the keys, that the integration's spec names. " +
			"The integration stays as it is, so this works for one that Argo CD, Flux or kubectl applies.",
	}
}

// replaceCredentials stores credentials in the Secrets that the spec of an integration names.
func replaceCredentials[T client.Object, S any](
	ctx context.Context, s *Server, p provider[T, S], n params.Named, given credential.Values,
) error {
	key := p.key(s, n)
	if err := s.permissions.Require(ctx, "get", p.resource, key); err != nil {
		return err
	}
	o, err := p.get(ctx, s, key)
	if err != nil {
		return err
	}
	if len(given) == 0 {
		return problem.Invalid("body.credentials", "Enter a credential.")
	}
	if err := checkForms(given); err != nil {
		return err
	}
	_, err = retryConflicts(func() (struct{}, error) {
		return struct{}{}, s.credentials.Replace(ctx, key.Namespace, p.slots(p.spec(o)), given, s.checkSecret)
	})
	if missing, ok := errors.AsType[*credential.NoReferenceError](err); ok {
		return problem.Invalid("body.credentials."+string(missing.Name), "%v", missing)
	}
	return problem.From(ctx, err, "storing the credentials of "+p.kind+" "+key.String())
}

// editTokenSecret changes the Secret of the bot token of an integration.
func (s *Server) editTokenSecret(ctx context.Context, i *v1alpha1.SlackIntegration, edit func(*corev1.Secret)) error {
	key := types.NamespacedName{Namespace: i.Namespace, Name: i.Spec.Bot.TokenSecretRef.Name}
	_, err := retryConflicts(func() (struct{}, error) {
		return struct{}{}, s.credentials.Edit(ctx, key, s.checkSecret, edit)
	})
	return problem.From(ctx, err, "storing the bot token of SlackIntegration "+client.ObjectKeyFromObject(i).String())
}

// checkSecret returns a problem unless the caller may write a Secret, and no tool would revert that. A Secret that
// kubectl applied is written: what the user has at hand is the token, not the file.
func (s *Server) checkSecret(ctx context.Context, verb string, secret *corev1.Secret) error {
	key := client.ObjectKeyFromObject(secret)
	if verb == "create" {
		key = types.NamespacedName{Namespace: key.Namespace}
	}
	if err := s.permissions.Require(ctx, verb, action.Secrets, key); err != nil {
		return err
	}
	if action.IsKubectl(action.Manager(secret, "data")) {
		return nil
	}
	return action.CheckUnmanaged(secret, "data")
}
