// SPDX-License-Identifier: Apache-2.0

package chat

import "context"

// Grant is what Slack's consent page gave, to exchange for a token.
type Grant struct {
	// APIURL is the base of the Web API. Empty means Slack's own.
	APIURL string
	// Namespace is the namespace on whose behalf the call is made.
	Namespace              string
	ClientID, ClientSecret string
	Code, RedirectURL      string
}

// Installation is an app that was installed in a workspace.
type Installation struct {
	// Token is the bot token. It is a secret.
	Token        string
	Team, TeamID string
	// Rotates reports whether the token expires and must be refreshed.
	Rotates bool
}

// Exchange exchanges a grant for a token. Its error is a fault.
type Exchange func(ctx context.Context, g Grant) (Installation, error)
