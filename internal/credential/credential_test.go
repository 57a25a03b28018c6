// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

func TestValuesAreNotFormatted(t *testing.T) {
	all := Values{BotToken: "s3cr3t"}
	for _, format := range []string{"%v", "%+v", "%s", "%#v", "%q"} {
		for _, value := range []any{all, all[BotToken], &Change{Given: all}} {
			if got := fmt.Sprintf(format, value); strings.Contains(got, "s3cr3t") {
				t.Errorf("%s shows %s", format, got)
			}
		}
	}
}

func TestOnlyUsernameIsNoSecret(t *testing.T) {
	given := Given(Values{Username: "qa@example.com", APIToken: "s3cr3t", BearerToken: ""})
	if got := slices.Sorted(maps.Keys(given)); !slices.Equal(got, []Name{APIToken, Username}) {
		t.Errorf("given: got %q", got)
	}
	if got := slices.Collect(maps.Keys(given.Secret())); !slices.Equal(got, []Name{APIToken}) {
		t.Errorf("secret: got %q", got)
	}
}

func TestIsOrphaned(t *testing.T) {
	for name, c := range map[string]struct {
		key  string
		want bool
	}{
		"old":             {string(Slack.newKey(BotToken, noon.Add(-2*time.Hour), "0a")), true},
		"an hour old":     {string(Slack.newKey(BotToken, noon.Add(-time.Hour), "0a")), false},
		"new":             {string(Slack.newKey(BotToken, noon.Add(-time.Minute), "0a")), false},
		"of another kind": {string(Jira.newKey(APIToken, noon.Add(-2*time.Hour), "0a")), false},
		"of a person":     {"token", false},
		"without a time":  {"slack-bot-token-x-0a", false},
	} {
		if got := Slack.isOrphaned(c.key, noon); got != c.want {
			t.Errorf("%s: %s: got %v, want %v", name, c.key, got, c.want)
		}
	}
	key := string(Slack.newKey(BotToken, noon, "0a"))
	if at := noon.Add(orphanedAfter + 1); !Slack.isOrphaned(key, at) {
		t.Errorf("%s is in use at %s", key, at)
	}
}

func refTo(secret, key string) v1alpha1.SecretKeyReference {
	return v1alpha1.SecretKeyReference{Name: secret, Key: key}
}

// refs returns the references of slots, each as name=secret/key.
func refs(slots []Slot) []string {
	var out []string
	for _, s := range slots {
		if s.Ref != nil {
			out = append(out, fmt.Sprintf("%s=%s/%s", s.Name, s.Ref.Name, s.Ref.Key))
		}
	}
	slices.Sort(out)
	return out
}

func TestMergeSlack(t *testing.T) {
	signing := refTo("own", "signing")
	bot := v1alpha1.SlackIntegrationSpec{
		Bot: &v1alpha1.SlackBot{TokenSecretRef: refTo("own", "bot")}, SigningSecretRef: &signing,
		OAuth: &v1alpha1.SlackOAuth{ClientSecretRef: refTo("own", "client")},
	}
	webhook := v1alpha1.SlackIntegrationSpec{Webhook: &v1alpha1.SlackWebhook{URLSecretRef: refTo("own", "url")}}
	for name, c := range map[string]struct {
		spec, before v1alpha1.SlackIntegrationSpec
		given        Values
		want         []string
	}{
		"left out":    {v1alpha1.SlackIntegrationSpec{}, bot, nil, []string{"botToken=own/bot", "signingSecret=own/signing"}},
		"in the spec": {webhook, bot, nil, []string{"signingSecret=own/signing", "webhookURL=own/url"}},
		"to a webhook": {v1alpha1.SlackIntegrationSpec{}, bot, Values{WebhookURL: "x"},
			[]string{"signingSecret=own/signing", "webhookURL=/"}},
		"to a bot": {v1alpha1.SlackIntegrationSpec{}, webhook, Values{BotToken: "x"}, []string{"botToken=/"}},
		"OAuth, left out": {v1alpha1.SlackIntegrationSpec{OAuth: &v1alpha1.SlackOAuth{}}, bot, nil,
			[]string{"botToken=own/bot", "clientSecret=own/client", "signingSecret=own/signing"}},
		"a new integration": {v1alpha1.SlackIntegrationSpec{}, v1alpha1.SlackIntegrationSpec{},
			Values{BotToken: "x"}, []string{"botToken=/"}},
		"nothing to go with": {v1alpha1.SlackIntegrationSpec{}, v1alpha1.SlackIntegrationSpec{}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			MergeSlack(&c.spec, &c.before, c.given)
			if got := refs(SlackSlots(&c.spec)); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestMergeJira(t *testing.T) {
	webhook := refTo("own", "webhook")
	basic := v1alpha1.JiraIntegrationSpec{
		Basic: &v1alpha1.JiraBasicAuth{Username: "before", TokenSecretRef: refTo("own", "api")}, WebhookSecretRef: &webhook,
	}
	bearer := v1alpha1.JiraIntegrationSpec{Bearer: &v1alpha1.JiraBearerAuth{TokenSecretRef: refTo("own", "bearer")}}
	named := v1alpha1.JiraIntegrationSpec{Basic: &v1alpha1.JiraBasicAuth{Username: "spec"}}
	none := v1alpha1.JiraIntegrationSpec{}
	for name, c := range map[string]struct {
		spec, before v1alpha1.JiraIntegrationSpec
		given        Values
		want         []string
		username     string
	}{
		"left out": {none, basic, nil, []string{"apiToken=own/api", "webhookSecret=own/webhook"}, "before"},
		"another user": {none, basic, Values{Username: "given"},
			[]string{"apiToken=own/api", "webhookSecret=own/webhook"}, "given"},
		"a new token":          {none, basic, Values{APIToken: "x"}, []string{"apiToken=/", "webhookSecret=own/webhook"}, "before"},
		"a new token, in spec": {named, basic, Values{APIToken: "x"}, []string{"apiToken=/", "webhookSecret=own/webhook"}, "spec"},
		"a new token and user": {named, basic, Values{APIToken: "x", Username: "given"},
			[]string{"apiToken=/", "webhookSecret=own/webhook"}, "given"},
		"to a bearer token":      {none, basic, Values{BearerToken: "x"}, []string{"bearerToken=/", "webhookSecret=own/webhook"}, ""},
		"from a bearer token":    {none, bearer, Values{APIToken: "x", Username: "given"}, []string{"apiToken=/"}, "given"},
		"a user, but no account": {none, bearer, Values{Username: "given"}, []string{"bearerToken=own/bearer"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			spec := c.spec.DeepCopy()
			MergeJira(spec, c.before.DeepCopy(), c.given)
			if got := refs(JiraSlots(spec)); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
			username := ""
			if spec.Basic != nil {
				username = spec.Basic.Username
			}
			if username != c.username {
				t.Errorf("got user %q, want %q", username, c.username)
			}
		})
	}
}

// TestMustRead covers changes that would send credentials to another address.
func TestMustRead(t *testing.T) {
	spec := func(secret, webhook string) *v1alpha1.JiraIntegrationSpec {
		ref := refTo(webhook, "key")
		return &v1alpha1.JiraIntegrationSpec{
			Basic: &v1alpha1.JiraBasicAuth{TokenSecretRef: refTo(secret, "key")}, WebhookSecretRef: &ref,
		}
	}
	for name, c := range map[string]struct {
		after       *v1alpha1.JiraIntegrationSpec
		sameAddress bool
		given       Keys
		want        []string
	}{
		"nothing changed":            {spec("own", "own"), true, nil, nil},
		"another Secret":             {spec("other", "own"), true, nil, []string{"apiToken=other/key"}},
		"another address":            {spec("own", "own"), false, nil, []string{"apiToken=own/key", "webhookSecret=own/key"}},
		"another address, one given": {spec("own", "own"), false, Keys{APIToken: "new"}, []string{"webhookSecret=own/key"}},
		"no reference":               {spec("", "own"), true, nil, nil},
	} {
		change := &Change{
			Kind: Jira, Integration: types.NamespacedName{Namespace: "qa", Name: "jira"},
			Before: JiraSlots(spec("own", "own")), added: Keys{}, kept: c.given,
		}
		if got := refs(change.MustRead(JiraSlots(c.after), c.sameAddress)); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}
