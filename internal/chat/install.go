// SPDX-License-Identifier: Apache-2.0

package chat

import (
	"context"
	"time"
)

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
	// RefreshToken gives the next token. It is a secret, and empty if Token does not expire.
	RefreshToken string
	// ExpiresIn is how long Token is valid; 0 if it does not expire.
	ExpiresIn time.Duration
}

// Rotates reports whether the token expires and must be refreshed.
func (i Installation) Rotates() bool { return i.RefreshToken != "" || i.ExpiresIn > 0 }

// Exchange exchanges a grant for a token. Its error is a fault.
type Exchange func(ctx context.Context, g Grant) (Installation, error)

// Renewal is a refresh token, to exchange for the next token.
type Renewal struct {
	// APIURL is the base of the Web API. Empty means Slack's own.
	APIURL string
	// Namespace is the namespace on whose behalf the call is made.
	Namespace              string
	ClientID, ClientSecret string
	RefreshToken           string
}

// Refresh exchanges a refresh token for a token and the next refresh token. Slack revokes the refresh token soon after, but
// not the token before. Its error is a fault.
type Refresh func(ctx context.Context, r Renewal) (Installation, error)

// CodeInvalidRefreshToken is the code of a fault if a refresh token was used before, or revoked.
const CodeInvalidRefreshToken = "invalid_refresh_token"

// Revocation is a token or a refresh token to revoke.
type Revocation struct {
	// APIURL is the base of the Web API. Empty means Slack's own.
	APIURL string
	// Namespace is the namespace on whose behalf the call is made.
	Namespace string
	Token     string
}

// Revoke revokes a token. It is no error if Slack accepts the token no more. Its error is a fault.
type Revoke func(ctx context.Context, r Revocation) error
