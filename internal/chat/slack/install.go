// SPDX-License-Identifier: Apache-2.0

package slack

import (
	"context"

	"github.com/slack-go/slack"

	"github.com/voiceai-dev/integrations-operator/internal/chat"
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
	return chat.Installation{
		Token: r.AccessToken, Team: r.Team.Name, TeamID: r.Team.ID, Rotates: r.RefreshToken != "" || r.ExpiresIn > 0,
	}, nil
}
