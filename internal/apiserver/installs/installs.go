// SPDX-License-Identifier: Apache-2.0

// Package installs has the routes by which a person installs the app of a SlackIntegration in a workspace, and revokes its
// token. They lead to Slack's consent page, and store the token that it gives where the integration names it, with the rights
// of the caller.
package installs

import (
	"cmp"
	"context"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/caller"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/openapi"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/params"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/problem"
	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/credential"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/secrets"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/install"
	"github.com/voiceai-dev/integrations-operator/internal/slackapp/manifest"
)

// Routes are the routes of installations.
type Routes struct {
	// Live reads from the API server with the operator's rights.
	Live        client.Reader
	Clock       clock.PassiveClock
	Permissions caller.Permissions
	Params      params.Defaults
	// SlackName is the name of the integration of a request that names none.
	SlackName string
	// Exchange and Revoke call Slack.
	Exchange chat.Exchange
	Revoke   chat.Revoke
	// EditSecret changes the Secret of the bot token of an integration, with the rights of the caller.
	EditSecret func(ctx context.Context, i *v1alpha1.SlackIntegration, edit func(*corev1.Secret)) error
	// CheckSecret returns an error unless the caller may write a Secret, and no tool would revert that.
	CheckSecret credential.CheckWrite
}

type startInput struct {
	params.Named
	RedirectURL string `query:"redirectURL" required:"true" maxLength:"512" doc:"The page to which Slack sends the browser. It must be one of the redirect URLs of the app, and begin with https:// unless it is on this machine."`
}

type startOutput struct {
	Body struct {
		URL   string `json:"url" doc:"The page on which a person installs the app. It is valid for ten minutes."`
		Nonce string `json:"nonce" doc:"Ties the installation to who has it. Keep it in the browser, and send it with the state and the code that Slack adds to redirectURL."`
	}
}

type completeInput struct {
	Body struct {
		State string `json:"state" minLength:"1" maxLength:"2048" doc:"The state that Slack sent back."`
		Code  string `json:"code" minLength:"1" maxLength:"512" doc:"The code that Slack sent."`
		Nonce string `json:"nonce" maxLength:"128" doc:"The nonce of the start."`
	}
}

type completeOutput struct {
	Body struct {
		Namespace string `json:"namespace" doc:"The namespace of the integration."`
		Name      string `json:"name" doc:"The integration whose app was installed."`
		Team      string `json:"team" doc:"The workspace in which it was installed."`
	}
}

// Register adds the routes.
func (r Routes) Register(api huma.API) {
	const path = "/api/v1/integrations/slack/oauth/"
	tags := []string{"Integrations"}
	openapi.Register(api, huma.Operation{
		OperationID: "start-slack-install", Method: http.MethodGet, Path: path + "start", Tags: tags,
		Summary:     "Where to install the app of an integration",
		Description: "The integration needs spec.oauth, and you the rights to update it and to write the Secret of its bot token.",
	}, r.start)
	openapi.Register(api, huma.Operation{
		OperationID: "complete-slack-install", Method: http.MethodPost, Path: path + "complete", Tags: tags,
		Summary: "Store the token of an installation",
		Description: "Exchanges the code for a bot token, and stores it in the Secret and under the key that the integration names. " +
			"Then it revokes the token that this one replaces, if that rotates.",
	}, r.complete)
	r.registerRevoke(api, path)
}

// key returns the integration that a request names.
func (r Routes) key(n params.Named) types.NamespacedName {
	return types.NamespacedName{Namespace: r.Params.In(n.Within), Name: cmp.Or(n.Name, r.SlackName)}
}

func (r Routes) start(ctx context.Context, i *startInput) (*startOutput, error) {
	if err := install.CheckRedirectURL(i.RedirectURL); err != nil {
		return nil, problem.Invalid("query.redirectURL", "%v", err)
	}
	o, secret, err := r.read(ctx, r.key(i.Named))
	if err != nil {
		return nil, err
	}
	out := &startOutput{}
	out.Body.Nonce = install.NewNonce()
	state := install.State{
		Namespace: o.Namespace, Name: o.Name, UID: string(o.UID), RedirectURL: i.RedirectURL,
		Expires: r.Clock.Now().Add(install.Lifetime).Unix(), NonceHash: install.HashOf(out.Body.Nonce),
	}
	var scopes []string
	for _, s := range manifest.Scopes(manifest.Features()) {
		scopes = append(scopes, s.Name)
	}
	out.Body.URL, err = install.ConsentURL(string(o.Spec.APIURL), o.Spec.OAuth.ClientID, scopes, i.RedirectURL, state.Sign(secret))
	if err != nil {
		return nil, problem.New(http.StatusConflict, "%v", err)
	}
	return out, nil
}

// find returns an integration that the caller may update.
func (r Routes) find(ctx context.Context, key types.NamespacedName) (*v1alpha1.SlackIntegration, error) {
	if err := r.Permissions.Require(ctx, "update", action.SlackIntegrations, key); err != nil {
		return nil, err
	}
	o := &v1alpha1.SlackIntegration{}
	err := r.Live.Get(ctx, key, o)
	if apierrors.IsNotFound(err) {
		return nil, problem.New(http.StatusNotFound, "there is no SlackIntegration %s", key)
	}
	if err != nil {
		return nil, problem.From(ctx, err, "reading SlackIntegration "+key.String())
	}
	return o, nil
}

// read returns an integration that the caller may update, and whose token they may store, with the client secret of its app.
func (r Routes) read(ctx context.Context, key types.NamespacedName) (*v1alpha1.SlackIntegration, string, error) {
	o, err := r.find(ctx, key)
	if err != nil {
		return nil, "", err
	}
	if o.Spec.Bot != nil {
		if err := r.requireSecret(ctx, o); err != nil {
			return nil, "", err
		}
	}
	if o.Spec.OAuth == nil || o.Spec.Bot == nil {
		return nil, "", problem.New(http.StatusConflict,
			"SlackIntegration %s has no spec.oauth: set its clientID and clientSecretRef, from the page \"Basic Information\" of the app", key)
	}
	secret, err := secrets.ReadPassphrase(ctx, r.Live, o.Namespace, "spec.oauth.clientSecretRef", o.Spec.OAuth.ClientSecretRef)
	if err != nil {
		return nil, "", problem.New(http.StatusConflict, "%v", err)
	}
	return o, secret, nil
}

// requireSecret returns a problem unless the caller may write the Secret of the bot token.
func (r Routes) requireSecret(ctx context.Context, o *v1alpha1.SlackIntegration) error {
	key := types.NamespacedName{Namespace: o.Namespace, Name: o.Spec.Bot.TokenSecretRef.Name}
	mayCreate, err := r.Permissions.May(ctx, "create", action.Secrets, types.NamespacedName{Namespace: o.Namespace})
	if err != nil || mayCreate {
		return err
	}
	return r.Permissions.Require(ctx, "update", action.Secrets, key)
}

func (r Routes) complete(ctx context.Context, i *completeInput) (*completeOutput, error) {
	state, err := install.Parse(i.Body.State)
	if err != nil {
		return nil, refused(err)
	}
	o, secret, err := r.read(ctx, types.NamespacedName{Namespace: state.Namespace, Name: state.Name})
	if err != nil {
		return nil, err
	}
	if err := state.Verify(i.Body.State, secret, i.Body.Nonce, r.Clock.Now()); err != nil {
		return nil, refused(err)
	}
	if string(o.UID) != state.UID {
		return nil, problem.New(http.StatusConflict,
			"SlackIntegration %s/%s was created anew meanwhile. Install the app again", o.Namespace, o.Name)
	}
	installed, err := r.Exchange(ctx, chat.Grant{
		APIURL: string(o.Spec.APIURL), Namespace: o.Namespace, ClientID: o.Spec.OAuth.ClientID, ClientSecret: secret,
		Code: i.Body.Code, RedirectURL: state.RedirectURL,
	})
	if err != nil {
		return nil, ofExchange(err)
	}
	token := secrets.Rotating{Token: installed.Token}
	if installed.Rotates() {
		token.RefreshToken = installed.RefreshToken
		token.Expires = r.Clock.Now().Add(installed.ExpiresIn)
	}
	if err := r.EditSecret(ctx, o, func(s *corev1.Secret) { token.Install(s, o.Spec.Bot.TokenSecretRef) }); err != nil {
		return nil, err
	}
	r.revokeReplaced(ctx, o)
	out := &completeOutput{}
	out.Body.Namespace = o.Namespace
	out.Body.Name = o.Name
	out.Body.Team = installed.Team
	return out, nil
}

// refused returns the problem of a state that does not count.
func refused(err error) error {
	status := http.StatusForbidden
	switch {
	case errors.Is(err, install.ErrExpired):
		status = http.StatusGone
	case errors.Is(err, install.ErrMalformed):
		status = http.StatusUnprocessableEntity
	}
	return problem.New(status, "the installation was not completed: %v. Begin again on the page of the integration", err)
}

// ofExchange returns the problem of a code that Slack does not exchange.
func ofExchange(err error) error {
	f := fault.From(err)
	switch f.Code {
	case "invalid_code", "code_already_used", "code_expired":
		return problem.New(http.StatusGone,
			"the code of the installation was used already, or has expired. Begin again on the page of the integration")
	case "invalid_client_id", "bad_client_secret":
		return problem.New(http.StatusConflict, "Slack refused the client ID or the client secret (%s). "+
			"Compare spec.oauth.clientID and the Secret of spec.oauth.clientSecretRef with the page \"Basic Information\" of the app", f.Code)
	case "bad_redirect_uri":
		return problem.New(http.StatusConflict, "Slack refused the redirect URL. Add it to the app, on its page \"OAuth & Permissions\"")
	}
	return problem.New(http.StatusBadGateway, "%v", f)
}
