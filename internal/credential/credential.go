// SPDX-License-Identifier: Apache-2.0

// Package credential stores the credentials of integrations in Secrets.
//
// A stored credential is never overwritten. A new one gets a key of its own in the Secret, then the integration is
// pointed at that key together with the rest of the change, then the old key is removed. Wherever this breaks off,
// the integration has the old credentials or the new ones.
package credential

import (
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

// Name names a credential of an integration.
type Name string

// The credentials of integrations.
const (
	BotToken      Name = "botToken"
	WebhookURL    Name = "webhookURL"
	SigningSecret Name = "signingSecret"
	AppToken      Name = "appToken"
	ClientSecret  Name = "clientSecret"
	APIToken      Name = "apiToken"
	BearerToken   Name = "bearerToken"
	WebhookSecret Name = "webhookSecret"
	// RefreshToken and TokenExpires go with a BotToken that rotates.
	RefreshToken Name = "refreshToken"
	TokenExpires Name = "tokenExpires"
	// ReplacedTokens are those that a BotToken has replaced and that are to be revoked.
	ReplacedTokens Name = "replacedTokens"
	// Username goes with APIToken. It is no secret, and is stored in the spec.
	Username Name = "username"
)

// Value is the value of a credential. It is not shown when it is formatted.
type Value string

// String returns a placeholder.
func (Value) String() string { return "(redacted)" }

// GoString returns a placeholder.
func (Value) GoString() string { return "(redacted)" }

// Key is a key in the data of a Secret.
type Key string

// Values are the values of credentials.
type Values map[Name]Value

// Keys are the keys of credentials in the Secret of their integration.
type Keys map[Name]Key

// keyTexts are the parts of keys that name what they hold.
var keyTexts = map[Name]string{
	BotToken:      "bot-token",
	WebhookURL:    "webhook-url",
	SigningSecret: "signing-secret",
	AppToken:      "app-token",
	ClientSecret:  "client-secret",
	APIToken:      "api-token",
	BearerToken:   "bearer-token",
	WebhookSecret: "webhook-secret",
}

// Secret returns those of the values that are stored in a Secret: all but the name of a user.
func (v Values) Secret() Values {
	out := maps.Clone(v)
	maps.DeleteFunc(out, func(name Name, _ Value) bool { return keyTexts[name] == "" })
	return out
}

// Given returns the values that are not empty.
func Given(all Values) Values {
	out := maps.Clone(all)
	maps.DeleteFunc(out, func(_ Name, value Value) bool { return value == "" })
	return out
}

// Kind is a kind of integration. Two integrations of different kinds and the same name
// share a Secret: prefix distinguishes their keys.
type Kind struct{ prefix, kind string }

// The kinds of integrations.
var (
	Slack = Kind{prefix: "slack", kind: v1alpha1.KindSlackIntegration}
	Jira  = Kind{prefix: "jira", kind: v1alpha1.KindJiraIntegration}
)

// SecretOf returns the key of the Secret with the credentials of an integration.
func SecretOf(integration types.NamespacedName) types.NamespacedName {
	return types.NamespacedName{Namespace: integration.Namespace, Name: integration.Name + "-credentials"}
}

// orphanedAfter is the age after which an unused key was left behind by a request that broke off.
const orphanedAfter = time.Hour

// newKey returns a key for a credential: what it holds, when it was made, and a random text.
func (k Kind) newKey(name Name, now time.Time, random string) Key {
	return Key(fmt.Sprintf("%s-%s-%x-%s", k.prefix, keyTexts[name], now.Unix(), random))
}

// isOrphaned reports whether a key is of this kind and so old that the request that made it is over.
func (k Kind) isOrphaned(key string, now time.Time) bool {
	parts := strings.Split(key, "-")
	if len(parts) < 4 || parts[0] != k.prefix {
		return false
	}
	made, err := strconv.ParseInt(parts[len(parts)-2], 16, 64)
	return err == nil && now.Sub(time.Unix(made, 0)) > orphanedAfter
}
