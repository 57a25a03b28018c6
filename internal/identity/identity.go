// SPDX-License-Identifier: Apache-2.0

// Package identity authenticates callers and authorizes what they do. Kubernetes decides both: a TokenReview
// authenticates a bearer token, and a SelfSubjectRulesReview of the caller or a SubjectAccessReview authorizes an act.
// There is no second permission system. Answers are cached for a few seconds.
package identity

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/token/cache"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	tokenreview "k8s.io/apiserver/plugin/pkg/authenticator/token/webhook"
	authenticationv1 "k8s.io/client-go/kubernetes/typed/authentication/v1"
	authorizationv1 "k8s.io/client-go/kubernetes/typed/authorization/v1"
	"k8s.io/client-go/rest"
)

// +kubebuilder:rbac:groups=authentication.k8s.io,resources=tokenreviews,verbs=create
// +kubebuilder:rbac:groups=authorization.k8s.io,resources=subjectaccessreviews,verbs=create

const (
	// tokenCacheTTL is how long the answer of a TokenReview is cached, and so how long a revoked token may still work.
	tokenCacheTTL = 10 * time.Second
	// allowCacheTTL is how long a permission is cached, and so how long one that was withdrawn may still work.
	allowCacheTTL = 10 * time.Second
	// denyCacheTTL is how long a denial is cached.
	denyCacheTTL = 2 * time.Second
	// tokenReviewTimeout bounds one attempt of a TokenReview.
	tokenReviewTimeout = 5 * time.Second
)

// ErrUnauthenticated is returned for a token that is missing, wrong or expired.
var ErrUnauthenticated = errors.New("not authenticated")

// Caller is a user or service account that Kubernetes has authenticated.
type Caller struct {
	user.Info

	// token is the token that was authenticated; nil for a caller who has none. It is a pointer, so that no format
	// prints it.
	token *string
}

// Access is one act on a resource.
type Access struct {
	// Verb is get, list, watch, create, update, patch or delete.
	Verb string
	// Group and Resource are as in RBAC rules, such as batch and jobs. The core group is empty.
	Group, Resource string
	// Namespace is empty for all namespaces.
	Namespace string
	// Name is empty for lists and creations.
	Name string
}

// String returns the act in words, such as "update defects.integrations.voiceai.dev in namespace qa".
func (a Access) String() string {
	resource := a.Resource
	if a.Group != "" {
		resource += "." + a.Group
	}
	if a.Namespace == "" {
		return fmt.Sprintf("%s %s in every namespace", a.Verb, resource)
	}
	return fmt.Sprintf("%s %s in namespace %s", a.Verb, resource, a.Namespace)
}

// Authenticator authenticates and authorizes callers with the API server. It is safe for concurrent use.
type Authenticator struct {
	tokens authenticator.Token
	// audiences are those that a token may have; empty for those of the API server.
	audiences authenticator.Audiences
	rules     *rulesCache
	access    authorizer.Authorizer
}

// New returns an Authenticator for the API server of a configuration. It accepts only tokens for one of the audiences;
// without any, tokens for the API server itself.
func New(config *rest.Config, audiences ...string) (*Authenticator, error) {
	authentication, err := authenticationv1.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("setting up token reviews: %w", err)
	}
	authorization, err := authorizationv1.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("setting up access reviews: %w", err)
	}
	backoff := wait.Backoff{Duration: 100 * time.Millisecond, Factor: 2, Jitter: 0.2, Steps: 3}
	reviewer, err := tokenreview.NewFromInterface(authentication, nil, backoff, tokenReviewTimeout, tokenreview.AuthenticatorMetrics{
		RecordRequestTotal:   func(context.Context, string) {},
		RecordRequestLatency: func(context.Context, string, float64) {},
	})
	if err != nil {
		return nil, fmt.Errorf("setting up token reviews: %w", err)
	}
	access, err := authorizerfactory.DelegatingAuthorizerConfig{
		SubjectAccessReviewClient: authorization,
		AllowCacheTTL:             allowCacheTTL,
		DenyCacheTTL:              denyCacheTTL,
		WebhookRetryBackoff:       &backoff,
	}.New()
	if err != nil {
		return nil, fmt.Errorf("setting up access reviews: %w", err)
	}
	rules, err := newRulesCache(config)
	if err != nil {
		return nil, err
	}
	tokens := cache.New(reviewer, false, tokenCacheTTL, tokenCacheTTL)
	return &Authenticator{tokens: tokens, audiences: audiences, rules: rules, access: access}, nil
}

// Authenticate returns the caller to whom a token belongs. The error is ErrUnauthenticated if the token is not valid,
// and another one if the API server could not be reached.
func (a *Authenticator) Authenticate(ctx context.Context, token string) (Caller, error) {
	if token == "" || len(token) > maxToken {
		return Caller{}, ErrUnauthenticated
	}
	if len(a.audiences) > 0 {
		ctx = authenticator.WithAudiences(ctx, a.audiences)
	}
	response, ok, err := a.tokens.AuthenticateToken(ctx, token)
	switch {
	case err != nil && isUnanswered(err):
		return Caller{}, fmt.Errorf("reviewing a token: %w", err)
	case err != nil || !ok || response == nil || response.User == nil:
		return Caller{}, ErrUnauthenticated
	}
	return Caller{Info: response.User, token: &token}, nil
}

// isUnanswered reports whether the API server did not answer a TokenReview, as opposed to rejecting the token.
func isUnanswered(err error) bool {
	var status apierrors.APIStatus
	var failed *url.Error
	var network net.Error
	return errors.As(err, &status) || errors.As(err, &failed) || errors.As(err, &network) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// Allowed reports whether RBAC, or another authorizer of the cluster, allows a caller an act. The caller's rules decide
// if they are known and complete, so that many acts take one review. It returns an error if the API server could not be
// reached.
func (a *Authenticator) Allowed(ctx context.Context, caller Caller, access Access) (bool, error) {
	if caller.Info == nil {
		return false, nil
	}
	if allowed, known := a.rules.allow(ctx, caller, access); known {
		return allowed, nil
	}
	decision, _, err := a.access.Authorize(ctx, authorizer.AttributesRecord{
		User:            caller.Info,
		Verb:            access.Verb,
		Namespace:       access.Namespace,
		APIGroup:        access.Group,
		APIVersion:      "*",
		Resource:        access.Resource,
		Name:            access.Name,
		ResourceRequest: true,
	})
	if err != nil {
		return false, fmt.Errorf("reviewing whether %s may %s: %w", caller.GetName(), access, err)
	}
	return decision == authorizer.DecisionAllow, nil
}

// AllowedPath reports whether a caller may get a path that is no resource, such as /metrics. It returns an error if the
// API server could not be reached.
func (a *Authenticator) AllowedPath(ctx context.Context, caller Caller, path string) (bool, error) {
	if caller.Info == nil {
		return false, nil
	}
	decision, _, err := a.access.Authorize(ctx, authorizer.AttributesRecord{User: caller.Info, Verb: "get", Path: path})
	if err != nil {
		return false, fmt.Errorf("reviewing whether %s may get %s: %w", caller.GetName(), path, err)
	}
	return decision == authorizer.DecisionAllow, nil
}
