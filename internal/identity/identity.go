// Package identity answers who is calling, and may they. Kubernetes decides both: a bearer token is looked at by a TokenReview, an act by a
// SubjectAccessReview. There is no second permission system, and no answer is remembered for longer than a few seconds.
package identity

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
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
	// tokenMemory and accessMemory are how long an answer of Kubernetes is believed, and so how long a withdrawn right may still work.
	tokenMemory  = 10 * time.Second
	allowMemory  = 10 * time.Second
	denyMemory   = 2 * time.Second
	reviewWithin = 5 * time.Second
	maxToken     = 16 << 10 // bytes
)

// ErrUnauthenticated says that a token is missing, wrong or expired.
var ErrUnauthenticated = errors.New("not authenticated")

// Caller is somebody whom Kubernetes knows.
type Caller struct{ user.Info }

// Access is one act on a resource.
type Access struct {
	// Verb is get, list, watch, create, update, patch or delete.
	Verb string
	// Group and Resource are as in RBAC rules, such as batch and jobs; the core group is empty.
	Group, Resource string
	// Namespace is empty for all of them.
	Namespace string
	// Name is empty for lists and creations.
	Name string
}

// String is the act in words, such as "update defects.integrations.voiceai.dev in namespace qa".
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

// Authenticator asks Kubernetes. It is safe for use by several goroutines.
type Authenticator struct {
	tokens authenticator.Token
	access authorizer.Authorizer
}

// New is an Authenticator that asks the API server of a configuration.
func New(config *rest.Config) (*Authenticator, error) {
	authentication, err := authenticationv1.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("setting up token reviews: %w", err)
	}
	authorization, err := authorizationv1.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("setting up access reviews: %w", err)
	}
	backoff := wait.Backoff{Duration: 100 * time.Millisecond, Factor: 2, Jitter: 0.2, Steps: 3}
	reviewer, err := tokenreview.NewFromInterface(authentication, nil, backoff, reviewWithin, tokenreview.AuthenticatorMetrics{
		RecordRequestTotal:   func(context.Context, string) {},
		RecordRequestLatency: func(context.Context, string, float64) {},
	})
	if err != nil {
		return nil, fmt.Errorf("setting up token reviews: %w", err)
	}
	access, err := authorizerfactory.DelegatingAuthorizerConfig{
		SubjectAccessReviewClient: authorization,
		AllowCacheTTL:             allowMemory,
		DenyCacheTTL:              denyMemory,
		WebhookRetryBackoff:       &backoff,
	}.New()
	if err != nil {
		return nil, fmt.Errorf("setting up access reviews: %w", err)
	}
	return &Authenticator{tokens: cache.New(reviewer, false, tokenMemory, tokenMemory), access: access}, nil
}

// BearerToken is the token in a request's Authorization header; empty when there is none.
func BearerToken(r *http.Request) string {
	scheme, token, found := strings.Cut(strings.TrimSpace(r.Header.Get("Authorization")), " ")
	if !found || !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// Caller is who a token stands for. The error is ErrUnauthenticated when it stands for nobody, and another one when Kubernetes could not be
// asked.
func (a *Authenticator) Caller(ctx context.Context, token string) (Caller, error) {
	if token == "" || len(token) > maxToken {
		return Caller{}, ErrUnauthenticated
	}
	response, ok, err := a.tokens.AuthenticateToken(ctx, token)
	switch {
	case err != nil && unanswered(err):
		return Caller{}, fmt.Errorf("asking Kubernetes about a token: %w", err)
	case err != nil || !ok || response == nil || response.User == nil:
		return Caller{}, ErrUnauthenticated
	}
	return Caller{response.User}, nil
}

// unanswered tells an API server that could not be asked from one that said no.
func unanswered(err error) bool {
	var status apierrors.APIStatus
	var failed *url.Error
	var network net.Error
	return errors.As(err, &status) || errors.As(err, &failed) || errors.As(err, &network) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// Allowed says whether RBAC, or whatever else the cluster asks, lets a caller act so. The error says that it could not be asked.
func (a *Authenticator) Allowed(ctx context.Context, caller Caller, access Access) (bool, error) {
	if caller.Info == nil {
		return false, nil
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
		return false, fmt.Errorf("asking Kubernetes whether %s may %s: %w", caller.GetName(), access, err)
	}
	return decision == authorizer.DecisionAllow, nil
}
