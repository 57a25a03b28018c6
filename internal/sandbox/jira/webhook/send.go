// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// hookClient does not follow redirects, because a signed body is meant for the configured URL only.
var hookClient = &http.Client{
	Timeout:       timeout,
	Transport:     &http.Transport{MaxIdleConnsPerHost: maxWorkers, IdleConnTimeout: 5 * time.Second},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// send makes a try. It returns the status, which is 0 if there was no answer.
func (w Settings) send(ctx context.Context, d Delivery) (int, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL, bytes.NewReader(d.Body))
	if err != nil {
		return 0, fmt.Errorf("creating the request: %w", err)
	}
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	r.Header.Set("User-Agent", "Atlassian Webhook HTTP Client")
	r.Header.Set("X-Atlassian-Webhook-Identifier", d.ID)
	r.Header.Set("X-Atlassian-Webhook-Flow", "Primary")
	if d.Tries > 1 {
		r.Header.Set("X-Atlassian-Webhook-Retry", strconv.Itoa(d.Tries-1))
	}
	if w.Secret != "" {
		r.Header.Set("X-Hub-Signature", Sign(w.Secret, d.Body))
	}
	res, err := hookClient.Do(r)
	if err != nil {
		if outer := (*url.Error)(nil); errors.As(err, &outer) {
			err = outer.Err // without the URL, which may contain a token
		}
		return 0, err
	}
	_, _ = io.CopyN(io.Discard, res.Body, 4096) // lets the connection be reused
	_ = res.Body.Close()
	return res.StatusCode, nil
}

// Sign returns the signature of a body.
func Sign(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// newID returns a random UUID.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
