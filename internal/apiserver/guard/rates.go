// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"net/http"
	"sync"

	"github.com/voiceai-dev/integrations-operator/internal/apiserver/limit"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/paths"
)

const (
	// maxGoodTokens bounds the tokens that are remembered, so that they never wait.
	maxGoodTokens = 4096
	// SendersFactor is how much higher the rate of requests with events is: each event may be a request of its own.
	SendersFactor = 50
)

type pageKey struct{}

// pageCalls are the requests of one page to the API. They count as one request of the caller.
type pageCalls struct {
	once       sync.Once
	retryAfter int
	ok         bool
}

// takeOnce takes a request from the caller's rate, once for a page.
func (g *Guard) takeOnce(r *http.Request, caller string) (retryAfter int, ok bool) {
	calls, ofPage := r.Context().Value(pageKey{}).(*pageCalls)
	if !ofPage {
		return g.ratesFor(r).Take(caller)
	}
	calls.once.Do(func() { calls.retryAfter, calls.ok = g.callers.Take(caller) })
	return calls.retryAfter, calls.ok
}

// ratesFor returns the rates that a request counts against.
func (g *Guard) ratesFor(r *http.Request) *limit.Rates {
	if paths.BringsEvents(r) {
		return g.senders
	}
	return g.callers
}

// tooManyStatus returns the status of a request over the limits. Clients that send events drop those that are
// answered with 429.
func tooManyStatus(r *http.Request) int {
	if paths.BringsEvents(r) {
		return http.StatusServiceUnavailable
	}
	return http.StatusTooManyRequests
}
