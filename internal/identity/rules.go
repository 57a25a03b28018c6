// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/singleflight"
	authorizationapi "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/user"
	authorizationv1 "k8s.io/client-go/kubernetes/typed/authorization/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"k8s.io/utils/lru"
)

const (
	// noNamespace is the namespace of a review of what a caller may do in all namespaces. It is no valid name, so no
	// namespace has roles under it.
	noNamespace = "*"
	// rulesTimeout bounds a review of rules.
	rulesTimeout = 10 * time.Second
	// maxRules bounds the reviews that are kept, and maxRulesSize each of them, in bytes.
	maxRules     = 1024
	maxRulesSize = 16 << 10
)

type tokenKey struct{}

// rulesCache keeps what callers may do, by token and namespace. Each caller reviews its rules with its own token.
type rulesCache struct {
	reviews authorizationv1.SelfSubjectRulesReviewInterface
	clock   clock.PassiveClock
	known   *lru.Cache
	pending singleflight.Group
}

// knownRules are the rules of a caller in a namespace.
type knownRules struct {
	rules []authorizationapi.ResourceRule
	// complete is whether the rules are all that the caller has. Others decide nothing.
	complete bool
	at       time.Time
}

func newRulesCache(config *rest.Config) (*rulesCache, error) {
	client, err := authorizationv1.NewForConfig(AsCaller(config, func(ctx context.Context) string {
		token, _ := ctx.Value(tokenKey{}).(string)
		return token
	}))
	if err != nil {
		return nil, fmt.Errorf("setting up rules reviews: %w", err)
	}
	return &rulesCache{reviews: client.SelfSubjectRulesReviews(), clock: clock.RealClock{}, known: lru.New(maxRules)}, nil
}

// allow reports whether the rules of a caller allow an act. known is false if they do not decide it: the caller has no
// token, the API server does not accept it, or an authorizer does not list its rules.
func (c *rulesCache) allow(ctx context.Context, caller Caller, access Access) (allowed, known bool) {
	if caller.token == nil || slices.Contains(caller.GetGroups(), user.SystemPrivilegedGroup) { // allowed without rules
		return false, false
	}
	r := c.get(ctx, *caller.token, access.Namespace, allowCacheTTL)
	if r.complete && !r.allow(access) {
		r = c.get(ctx, *caller.token, access.Namespace, denyCacheTTL)
	}
	return r.allow(access), r.complete
}

// get returns the rules of a token in a namespace that are no older than maxAge; in all namespaces when it is empty.
// Requests for the same rules at the same time share a review, which outlives each of them.
func (c *rulesCache) get(ctx context.Context, token, namespace string, maxAge time.Duration) knownRules {
	if namespace == "" {
		namespace = noNamespace
	}
	hash := sha256.Sum256([]byte(token))
	key := string(hash[:]) + namespace
	if r, fresh := c.lookUp(key, maxAge); fresh {
		return r
	}
	answer := c.pending.DoChan(key, func() (any, error) {
		if r, fresh := c.lookUp(key, maxAge); fresh { // another review has just ended
			return r, nil
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rulesTimeout)
		defer cancel()
		r, err := c.review(context.WithValue(ctx, tokenKey{}, token), namespace)
		if err == nil {
			c.known.Add(key, r)
		}
		return r, err
	})
	select {
	case a := <-answer:
		r, _ := a.Val.(knownRules)
		return r
	case <-ctx.Done():
		return knownRules{}
	}
}

func (c *rulesCache) lookUp(key string, maxAge time.Duration) (r knownRules, fresh bool) {
	v, ok := c.known.Get(key)
	if !ok {
		return knownRules{}, false
	}
	r = v.(knownRules)
	return r, c.clock.Since(r.at) < maxAge
}

// review returns the rules of the token of the context. A token that the API server does not accept has none that are
// complete; that is an answer too.
func (c *rulesCache) review(ctx context.Context, namespace string) (knownRules, error) {
	at := c.clock.Now()
	review, err := c.reviews.Create(ctx, &authorizationapi.SelfSubjectRulesReview{
		Spec: authorizationapi.SelfSubjectRulesReviewSpec{Namespace: namespace},
	}, metav1.CreateOptions{})
	switch {
	case apierrors.IsUnauthorized(err), apierrors.IsForbidden(err):
		return knownRules{at: at}, nil
	case err != nil:
		return knownRules{}, err
	}
	s := review.Status
	if s.Incomplete || s.EvaluationError != "" || sizeOf(s.ResourceRules) > maxRulesSize {
		return knownRules{at: at}, nil
	}
	return knownRules{rules: s.ResourceRules, complete: true, at: at}, nil
}

// sizeOf returns about how many bytes rules take in memory.
func sizeOf(rules []authorizationapi.ResourceRule) int {
	const ofString, ofRule = 16, 96
	size := 0
	for _, r := range rules {
		size += ofRule
		for _, list := range [][]string{r.Verbs, r.APIGroups, r.Resources, r.ResourceNames} {
			for _, s := range list {
				size += ofString + len(s)
			}
		}
	}
	return size
}

// allow reports whether one of the rules allows an act, as RBAC evaluates them.
func (k knownRules) allow(a Access) bool {
	return slices.ContainsFunc(k.rules, func(r authorizationapi.ResourceRule) bool {
		return matches(r.Verbs, a.Verb) && matches(r.APIGroups, a.Group) && matches(r.Resources, a.Resource) &&
			(len(r.ResourceNames) == 0 || a.Name != "" && slices.Contains(r.ResourceNames, a.Name))
	})
}

func matches(list []string, s string) bool {
	return slices.Contains(list, s) || slices.Contains(list, "*")
}
