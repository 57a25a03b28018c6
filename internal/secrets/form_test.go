// SPDX-License-Identifier: Apache-2.0

package secrets_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/secrets"
)

// TestFormOfSecrets checks what is said of credentials in a wrong form, and that right ones of all forms are accepted.
func TestFormOfSecrets(t *testing.T) {
	const (
		bot, webhook  = "spec.bot.tokenSecretRef", "spec.webhook.urlSecretRef"
		basic, bearer = "spec.basic.tokenSecretRef", "spec.bearer.tokenSecretRef"
		app           = "spec.appTokenSecretRef"
		token         = "xoxb-1111-2222-AbCd"
		url           = "https://hooks.slack.com/services/T0/B0/abcd"
		jira          = "ATATT3xFfGF0abc_DEF-ghi=1A2B3C4D"
		pat           = "NDc4MDkyMzU0OTA2OgFBv9f8cL0Q7tNn1yMZrNrmUEL4" // base64 of bytes
	)
	encode := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	for _, c := range []struct{ field, value, want string }{
		{bot, token, ""},
		{bot, token + "\n", ""},
		{bot, "\t" + token + " \r\n", ""},
		{bot, "xoxe.xoxb-1-abc", ""},
		{bot, "xoxp-1-abc", ""},
		{bot, "anything-else", ""},
		{webhook, url, ""},
		{webhook, "http://127.0.0.1/x", ""},
		{basic, jira, ""},
		{basic, "a-password", ""},
		{bearer, pat, ""},
		{bearer, "OTk5OTk5OTk5OTk5Oq8=", ""},
		{app, "xapp-1-A0-1-abc\n", ""},
		{app, "anything-else", ""},

		{bot, `"` + token + `"`, "is in quotes"},
		{bot, "'" + token + "'", "is in quotes"},
		{bot, "“" + token + "”", "is in quotes"},
		{bearer, "`" + pat + "`", "is in quotes"},
		{bot, "\ufeff" + token, "invisible characters"},
		{bot, token + "\u200b", "invisible characters"},
		{basic, jira[:5] + "\u00ad" + jira[5:], "invisible characters"},
		{webhook, url + "\u00a0x", "invisible characters"},
		{bot, encode(token), "base64 twice"},
		{bot, encode(token + "\n"), "base64 twice"},
		{webhook, encode(url), "base64 twice"},
		{basic, encode(jira + "\n"), "base64 twice"},
		{bearer, encode("some-token\n"), "base64 twice"},
		{bot, "SLACK_BOT_TOKEN=" + token, "NAME=value"},
		{basic, "JIRA_TOKEN=" + jira, "NAME=value"},
		{webhook, "URL=" + url, "NAME=value"},
		{bot, `{"token":"` + token + `"}`, "is JSON"},
		{bot, "xapp-1-A0-1-abc", "app-level token"},
		{bot, "xoxe-1-abc", "refresh token"},
		{app, token, "is a token of Slack. An app-level token begins with xapp-"},
		{app, url, "is a URL. An app-level token begins with xapp-"},
		{bot, url, "is a URL. A bot token begins with xoxb-. For an incoming webhook, use spec.webhook"},
		{webhook, token, "is a token of Slack"},
		{webhook, "hooks.slack.com/services/T0/B0/abcd", "is not a URL"},
		{basic, url, "is a URL, not a token of Jira"},
		{bearer, token, "is a token of Slack, not a token of Jira"},
		{basic, "bot@example.com:" + jira, "user:token"},
		{bot, "two words", "contains spaces"},
		{bot, "Bearer " + token, "contains spaces"},
	} {
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "n", Name: "s"}, Data: map[string][]byte{"k": []byte(c.value)}}
		kube := fake.NewClientBuilder().WithObjects(secret).Build()
		got, err := secrets.Read(t.Context(), kube, "n", c.field, v1alpha1.SecretKeyReference{Name: "s", Key: "k"})
		var refusal *connection.Refusal
		switch {
		case c.want == "":
			if err != nil || got != strings.TrimSpace(c.value) {
				t.Errorf("%s %q: got %q, %v", c.field, c.value, got, err)
			}
		case !errors.As(err, &refusal) || refusal.Reason != v1alpha1.ReasonSecretInvalid || !strings.Contains(refusal.Message, c.want):
			t.Errorf("%s %q: got %v, want %q", c.field, c.value, err, c.want)
		case strings.Contains(refusal.Message, "abc") || strings.Contains(refusal.Message, "AbCd"):
			t.Errorf("%s: the message shows the value: %s", c.field, refusal.Message)
		}
	}
}
