// SPDX-License-Identifier: Apache-2.0

package chattest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"k8s.io/utils/clock"

	"github.com/voiceai-dev/integrations-operator/internal/chat"
	"github.com/voiceai-dev/integrations-operator/internal/fault"
)

// RefreshGrace is how long a Rotating accepts a refresh token that was used.
const RefreshGrace = 30 * time.Second

// Rotating is an app whose tokens expire after 12 hours. Like Slack, it accepts a refresh token once and a little longer, and
// keeps two tokens valid. It is safe for concurrent use.
type Rotating struct {
	Clock clock.PassiveClock
	// OnRefresh is called before, OnAnswer after a refresh took effect. Their errors are answered instead.
	OnRefresh, OnAnswer func() error
	// OnRevoke is called before a token is revoked. Its error is answered instead.
	OnRevoke func(token string) error

	mu     sync.Mutex
	issued int
	active []string
	ends   map[string]time.Time
	// used is when each refresh token was used; zero for those that were not.
	used  map[string]time.Time
	calls int
}

// Install returns the first token of a new installation.
func (r *Rotating) Install() chat.Installation {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.issue()
}

// issue returns the next token. The caller holds mu.
func (r *Rotating) issue() chat.Installation {
	if r.ends == nil {
		r.ends = map[string]time.Time{}
		r.used = map[string]time.Time{}
	}
	r.issued++
	const lifetime = 12 * time.Hour
	out := chat.Installation{
		Token: fmt.Sprintf("xoxe.xoxb-%d", r.issued), RefreshToken: fmt.Sprintf("xoxe-%d", r.issued), ExpiresIn: lifetime,
	}
	r.ends[out.Token] = r.Clock.Now().Add(lifetime)
	r.used[out.RefreshToken] = time.Time{}
	r.active = append(r.active, out.Token)
	if len(r.active) > 2 {
		delete(r.ends, r.active[0])
		r.active = r.active[1:]
	}
	return out
}

// Refresh exchanges a refresh token.
func (r *Rotating) Refresh(ctx context.Context, n chat.Renewal) (chat.Installation, error) {
	if r.OnRefresh != nil {
		if err := r.OnRefresh(); err != nil {
			return chat.Installation{}, err
		}
	}
	out, err := r.refresh(n.RefreshToken)
	if err == nil && r.OnAnswer != nil {
		err = r.OnAnswer()
	}
	if err == nil && ctx.Err() != nil { // the answer is lost
		err = ctx.Err()
	}
	return out, err
}

func (r *Rotating) refresh(token string) (chat.Installation, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls++
	if !r.accepts(token) {
		return chat.Installation{}, &fault.Fault{Kind: fault.Invalid, Code: chat.CodeInvalidRefreshToken, Message: "Slack refused"}
	}
	if r.used[token].IsZero() {
		r.used[token] = r.Clock.Now()
	}
	return r.issue(), nil
}

// accepts reports whether a refresh token counts. The caller holds mu.
func (r *Rotating) accepts(token string) bool {
	used, ok := r.used[token]
	return ok && (used.IsZero() || r.Clock.Since(used) <= RefreshGrace)
}

// Revoke makes a token or a refresh token invalid.
func (r *Rotating) Revoke(_ context.Context, n chat.Revocation) error {
	if r.OnRevoke != nil {
		if err := r.OnRevoke(n.Token); err != nil {
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.used, n.Token)
	delete(r.ends, n.Token)
	return nil
}

// RevokeTokens makes all tokens invalid, but no refresh tokens.
func (r *Rotating) RevokeTokens() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.ends)
	r.active = nil
}

// Works reports whether a token is valid, and its refresh token still gives the next one.
func (r *Rotating) Works(token, refreshToken string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.Clock.Now().Before(r.ends[token]) && r.accepts(refreshToken)
}

// Accepts reports whether a token is valid.
func (r *Rotating) Accepts(token string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.Clock.Now().Before(r.ends[token])
}

// Calls counts the refreshes that arrived.
func (r *Rotating) Calls() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.calls
}
