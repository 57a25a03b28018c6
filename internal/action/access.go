// SPDX-License-Identifier: Apache-2.0

package action

import (
	"context"

	"k8s.io/apimachinery/pkg/types"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/identity"
)

// Authorizer decides what a caller may do. *identity.Authenticator implements it with reviews of Kubernetes.
type Authorizer interface {
	Allowed(ctx context.Context, caller identity.Caller, access identity.Access) (bool, error)
}

// Resource is a kind of object as RBAC rules name it.
type Resource struct{ Group, Name string }

// The resources that callers act on.
var (
	SlackIntegrations = Resource{v1alpha1.GroupVersion.Group, "slackintegrations"}
	JiraIntegrations  = Resource{v1alpha1.GroupVersion.Group, "jiraintegrations"}
	Rules             = Resource{v1alpha1.GroupVersion.Group, "notificationrules"}
	Defects           = Resource{v1alpha1.GroupVersion.Group, "defects"}
	Notifications     = Resource{v1alpha1.GroupVersion.Group, "notifications"}
	// Events is virtual: the right to create them is that to announce events in a namespace.
	Events   = Resource{v1alpha1.GroupVersion.Group, "events"}
	Jobs     = Resource{"batch", "jobs"}
	CronJobs = Resource{"batch", "cronjobs"}
	Secrets  = Resource{"", "secrets"}
)

// Access returns the access that a verb on one object takes.
func (r Resource) Access(verb string, key types.NamespacedName) identity.Access {
	return identity.Access{Verb: verb, Group: r.Group, Resource: r.Name, Namespace: key.Namespace, Name: key.Name}
}

// In returns the access that a verb without a name, such as list or create, takes in a namespace; in all namespaces
// when it is empty.
func (r Resource) In(verb, namespace string) identity.Access {
	return identity.Access{Verb: verb, Group: r.Group, Resource: r.Name, Namespace: namespace}
}

// Allowed reports whether a caller has an access. The error is an *AuthorizationError.
func Allowed(ctx context.Context, a Authorizer, caller identity.Caller, access identity.Access) (bool, error) {
	ok, err := a.Allowed(ctx, caller, access)
	if err != nil {
		return false, &AuthorizationError{Access: access, Err: err}
	}
	return ok, nil
}

// Require returns a *ForbiddenError when a caller does not have an access, and an *AuthorizationError when that is
// unknown.
func Require(ctx context.Context, a Authorizer, caller identity.Caller, access identity.Access) error {
	ok, err := Allowed(ctx, a, caller, access)
	if err != nil || ok {
		return err
	}
	return &ForbiddenError{Caller: caller.GetName(), Access: access}
}

func (a *Actions) require(ctx context.Context, caller identity.Caller, access identity.Access) error {
	return Require(ctx, a.Authorizer, caller, access)
}
