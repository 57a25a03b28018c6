// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"fmt"
	"net/url"
	"time"
)

// Limits of the settings.
const (
	maxSecret = 255
	maxURL    = 2000
	maxRetry  = time.Minute
)

// Settings is a webhook as an administrator registers it in Jira.
type Settings struct {
	// URL receives a POST for each change. Empty means no webhook.
	URL string `json:"url"`
	// Secret signs the body: X-Hub-Signature is "sha256=" and the hexadecimal HMAC. Empty means no signature, as in old
	// versions of Jira.
	Secret string `json:"secret,omitempty"`
	// RetryMS is the time before each retry in milliseconds. 0 means a second. The real Jira waits 5 to 15 minutes.
	RetryMS int `json:"retryMs,omitempty"`
}

// Check validates the webhook.
func (w Settings) Check() error {
	switch u, err := url.Parse(w.URL); {
	case w.URL == "":
		return nil
	case err != nil || len(w.URL) > maxURL || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("webhook: the url must be an http or https address of at most %d characters", maxURL)
	case len(w.Secret) > maxSecret:
		return fmt.Errorf("webhook: the secret must have at most %d characters", maxSecret)
	case w.RetryMS < 0 || w.RetryMS > int(maxRetry.Milliseconds()):
		return fmt.Errorf("webhook: retryMs %d: must be from 0 to %d", w.RetryMS, maxRetry.Milliseconds())
	}
	return nil
}
