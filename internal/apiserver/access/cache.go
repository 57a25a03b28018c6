// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/sync/singleflight"
	"k8s.io/utils/clock"
	"k8s.io/utils/lru"

	"github.com/voiceai-dev/integrations-operator/internal/action"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/limit"
	"github.com/voiceai-dev/integrations-operator/internal/apiserver/problem"
	"github.com/voiceai-dev/integrations-operator/internal/identity"
)

const (
	// freshFor is how long rights are returned without a review, and staleFor how long they are returned during one.
	freshFor = 3 * time.Second
	staleFor = 10 * time.Second
	// reviewTimeout bounds a review.
	reviewTimeout = 30 * time.Second
	maxRights     = 1024
	// reviewsPerSecond is the rate of reviews of one caller, with bursts of twice as many: each namespace
	// takes one, whether it exists or not, and without complete rules it takes more than thirty access reviews.
	reviewsPerSecond = 5
	// maxReviews bounds the reviews at once, of all callers.
	maxReviews = 8
)

// Cache keeps the rights of callers, because every page begins with them. A review takes two reviews of rules, or some
// forty of single accesses where rules do not decide.
type Cache struct {
	clock   clock.PassiveClock
	review  func(ctx context.Context, caller identity.Caller, namespace string) (Rights, error)
	known   *lru.Cache
	pending singleflight.Group
	rates   *limit.Rates
	running chan struct{} // has maxReviews places
}

type knownRights struct {
	Rights
	at time.Time
}

// NewCache returns an empty Cache.
func NewCache(now clock.PassiveClock, a action.Authorizer) *Cache {
	return &Cache{
		clock: now, known: lru.New(maxRights),
		review: func(ctx context.Context, caller identity.Caller, namespace string) (Rights, error) {
			return review(ctx, a, caller, namespace)
		},
		rates: limit.NewRates(now, reviewsPerSecond), running: make(chan struct{}, maxReviews),
	}
}

// Get returns the rights of a caller in a namespace; in all of them when it is empty. Requests for the same rights at
// the same time share a review, which outlives each of them.
func (c *Cache) Get(ctx context.Context, caller identity.Caller, namespace string) (Rights, error) {
	who, err := json.Marshal([]any{caller.GetName(), caller.GetUID(), caller.GetGroups(), caller.GetExtra(), namespace})
	if err != nil {
		return Rights{}, fmt.Errorf("encoding the identity of %s: %w", caller.GetName(), err)
	}
	key := string(who)
	known, age := c.lookUp(key)
	if age < freshFor {
		return known, nil
	}
	answer := c.pending.DoChan(key, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reviewTimeout)
		defer cancel()
		if known, age := c.lookUp(key); age < freshFor { // another review has just ended
			return known, nil
		}
		leave, err := c.enter(ctx, caller)
		if err != nil {
			return Rights{}, err
		}
		defer leave()
		at := c.clock.Now()
		r, err := c.review(ctx, caller, namespace)
		if err == nil {
			c.known.Add(key, knownRights{r, at})
		}
		return r, err
	})
	if age < staleFor {
		return known, nil
	}
	select {
	case a := <-answer:
		r, _ := a.Val.(Rights)
		return r, a.Err
	case <-ctx.Done():
		return Rights{}, ctx.Err()
	}
}

// enter takes a review from the rate of a caller, and waits for a place for it until leave is called.
func (c *Cache) enter(ctx context.Context, caller identity.Caller) (leave func(), err error) {
	if seconds, ok := c.rates.Take(caller.GetName()); !ok {
		return nil, problem.Temporary(http.StatusTooManyRequests, seconds,
			"you read your rights in too many namespaces at once; wait %d s", seconds)
	}
	select {
	case c.running <- struct{}{}:
		return func() { <-c.running }, nil
	case <-ctx.Done():
		return nil, problem.Temporary(http.StatusServiceUnavailable, 1, "too many callers read their rights; try again")
	}
}

// lookUp returns the rights that are known, and their age.
func (c *Cache) lookUp(key string) (Rights, time.Duration) {
	v, ok := c.known.Get(key)
	if !ok {
		return Rights{}, staleFor
	}
	known := v.(knownRights)
	return known.Rights, c.clock.Since(known.at)
}
