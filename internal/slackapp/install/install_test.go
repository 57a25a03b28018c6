// SPDX-License-Identifier: Apache-2.0

package install_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/voiceai-dev/integrations-operator/internal/slackapp/install"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

func TestVerify(t *testing.T) {
	nonce := install.NewNonce()
	state := install.State{
		Namespace: "qa", Name: "slack", UID: "u", RedirectURL: "https://d.example.com/oauth/slack",
		Expires: noon.Add(install.Lifetime).Unix(), NonceHash: install.HashOf(nonce),
	}
	good := state.Sign("secret")
	payload, signature, _ := strings.Cut(good, ".")
	elsewhere := state
	elsewhere.Name = "other"
	forged, _, _ := strings.Cut(elsewhere.Sign("secret"), ".")
	for name, c := range map[string]struct {
		text, secret, nonce string
		now                 time.Time
		want                error
	}{
		"good":                {good, "secret", nonce, noon, nil},
		"just in time":        {good, "secret", nonce, noon.Add(install.Lifetime - time.Second), nil},
		"expired":             {good, "secret", nonce, noon.Add(install.Lifetime), install.ErrExpired},
		"another browser":     {good, "secret", install.NewNonce(), noon, install.ErrOtherBrowser},
		"no nonce":            {good, "secret", "", noon, install.ErrOtherBrowser},
		"another secret":      {good, "other", nonce, noon, install.ErrMalformed},
		"another integration": {forged + "." + signature, "secret", nonce, noon, install.ErrMalformed},
		"no signature":        {payload, "secret", nonce, noon, install.ErrMalformed},
		"an empty signature":  {payload + ".", "secret", nonce, noon, install.ErrMalformed},
	} {
		s, err := install.Parse(c.text)
		if err == nil {
			err = s.Verify(c.text, c.secret, c.nonce, c.now)
		}
		if !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
	for _, text := range []string{"", ".", "x", "!!.x", "bm8.x", strings.Repeat("A", 4096)} {
		if _, err := install.Parse(text); !errors.Is(err, install.ErrMalformed) {
			t.Errorf("%.20q: got %v", text, err)
		}
	}
}

func TestConsentURL(t *testing.T) {
	for api, want := range map[string]string{
		"":                                    "https://slack.com/oauth/v2/authorize?",
		"https://slack-gov.com/api/":          "https://slack-gov.com/oauth/v2/authorize?",
		"http://127.0.0.1:8080/sandbox/api":   "http://127.0.0.1:8080/sandbox/oauth/v2/authorize?",
		"https://proxy.example.com/slack-api": "https://proxy.example.com/slack-api/oauth/v2/authorize?",
	} {
		got, err := install.ConsentURL(api, "1.2", []string{"chat:write", "commands"}, "https://d/x", "s&t")
		if err != nil || !strings.HasPrefix(got, want) ||
			!strings.HasSuffix(got, "client_id=1.2&redirect_uri=https%3A%2F%2Fd%2Fx&scope=chat%3Awrite%2Ccommands&state=s%26t") {
			t.Errorf("%s: got %s, %v", api, got, err)
		}
	}
}

func TestCheckRedirectURL(t *testing.T) {
	for url, ok := range map[string]bool{
		"https://d.example.com/oauth/slack": true, "http://localhost:8091/oauth/slack": true, "http://127.0.0.1:1/x": true,
		"http://d.example.com/oauth/slack": false, "https://u:p@d.example.com/": false, "https://d/?x=1": false, "javascript:alert(1)": false,
		"": false, "/oauth": false,
	} {
		if err := install.CheckRedirectURL(url); (err == nil) != ok {
			t.Errorf("%s: got %v", url, err)
		}
	}
}
