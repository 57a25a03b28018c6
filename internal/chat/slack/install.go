// SPDX-License-Identifier: Apache-2.0

package slack

import (
	"context"
	"slices"
	"time"

	"github.com/slack-go/slack"

	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
	"github.com/voiceai-dev/integrations-operator/internal/transport"
)

// Exchange calls oauth.v2.access. Its error is a fault.
func (d Dialer) Exchange(ctx context.Context, g chat.Grant) (chat.Installation, error) {
	base, err := d.base(g.APIURL)
	if err != nil {
		return chat.Installation{}, err
	}
	client := transport.New(d.Options, transport.Account{Namespace: g.Namespace, Secrets: []string{g.ClientSecret, g.Code}})
	r, err := slack.GetOAuthV2ResponseContext(transport.ForProbe(ctx), client, g.ClientID, g.ClientSecret, g.Code, g.RedirectURL,
		slack.OAuthOptionAPIURL(base.String()))
	if err != nil {
		return chat.Installation{}, classify(err, "", harmless)
	}
	return installationOf(r), nil
}

func installationOf(r *slack.OAuthV2Response) chat.Installation {
	return chat.Installation{
		Token: r.AccessToken, Team: r.Team.Name, TeamID: r.Team.ID,
		RefreshToken: r.RefreshToken, ExpiresIn: time.Duration(r.ExpiresIn) * time.Second,
	}
}

// Refresh calls oauth.v2.access with a refresh token. Slack still accepts the refresh token for a short time after that, so a
// call without an answer is repeated.
func (d Dialer) Refresh(ctx context.Context, n chat.Renewal) (chat.Installation, error) {
	base, err := d.base(n.APIURL)
	if err != nil {
		return chat.Installation{}, err
	}
	client := transport.New(d.Options, transport.Account{Namespace: n.Namespace, Secrets: []string{n.ClientSecret, n.RefreshToken}})
	r, err := slack.RefreshOAuthV2TokenContext(transport.ForProbe(ctx), client, n.ClientID, n.ClientSecret, n.RefreshToken,
		slack.OAuthOptionAPIURL(base.String()))
	if err != nil {
		return chat.Installation{}, classify(err, "", harmless)
	}
	if r.AccessToken == "" || r.RefreshToken == "" || r.ExpiresIn <= 0 {
		return chat.Installation{}, fault.New(fault.Unavailable, "Slack's answer to oauth.v2.access lacks a token. "+checkURL)
	}
	return installationOf(r), nil
}

// gone are the codes with which Slack refuses tokens that it accepts no more.
var gone = []string{"invalid_auth", "token_revoked", "token_expired", "account_inactive", chat.CodeInvalidRefreshToken}

// Revoke calls auth.revoke.
func (d Dialer) Revoke(ctx context.Context, n chat.Revocation) error {
	base, err := d.base(n.APIURL)
	if err != nil {
		return err
	}
	client := transport.New(d.Options, transport.Account{Namespace: n.Namespace, Secrets: []string{n.Token}})
	api := slack.New(n.Token, slack.OptionAPIURL(base.String()), slack.OptionHTTPClient(client))
	r, err := api.SendAuthRevokeContext(transport.ForProbe(ctx), n.Token)
	if err != nil {
		f := fault.From(classify(err, "", harmless))
		if slices.Contains(gone, f.Code) {
			return nil
		}
		return f
	}
	if !r.Revoked {
		return fault.New(fault.Unavailable, "Slack's answer to auth.revoke does not say that the token was revoked")
	}
	return nil
}
