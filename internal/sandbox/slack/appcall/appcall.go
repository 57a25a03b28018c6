// SPDX-License-Identifier: Apache-2.0

// Package appcall makes the signed requests by which Slack calls an app.
package appcall

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// MaxAnswer bounds the answer of an app.
const MaxAnswer = 1 << 20

// Target is where an app receives requests, and the secret that signs them.
type Target struct {
	// URL is the address above the endpoints /commands, /interactions and /events.
	URL           string
	SigningSecret string
}

// Post sends a body to an endpoint of the app, and returns the answer.
func (t Target) Post(ctx context.Context, endpoint, contentType string, body []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimRight(t.URL, "/")+"/"+endpoint, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	at := fmt.Sprint(time.Now().Unix())
	mac := hmac.New(sha256.New, []byte(t.SigningSecret))
	_, _ = fmt.Fprintf(mac, "v0:%s:%s", at, body)
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("X-Slack-Request-Timestamp", at)
	r.Header.Set("X-Slack-Signature", "v0="+hex.EncodeToString(mac.Sum(nil)))
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, fmt.Errorf("operation_timeout: the app did not answer: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(res.Body, MaxAnswer))
	if err != nil {
		return nil, fmt.Errorf("operation_timeout: the app did not answer: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("dispatch_failed: the app answered with status %d", res.StatusCode)
	}
	return answer, nil
}
