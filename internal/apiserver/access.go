package apiserver

import (
	"cmp"
	"context"
	"net/http"

	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/identity"
)

// resource is what a right is about.
type resource struct{ group, name string }

var (
	slackIntegrations = resource{v1alpha1.GroupVersion.Group, "slackintegrations"}
	jiraIntegrations  = resource{v1alpha1.GroupVersion.Group, "jiraintegrations"}
	rules             = resource{v1alpha1.GroupVersion.Group, "notificationrules"}
	defects           = resource{v1alpha1.GroupVersion.Group, "defects"}
	notifications     = resource{v1alpha1.GroupVersion.Group, "notifications"}
	jobs              = resource{"batch", "jobs"}
	cronJobs          = resource{"batch", "cronjobs"}
	secrets           = resource{"", "secrets"}
)

// Within are the parameters of what is about one namespace.
type Within struct {
	Namespace string `query:"namespace" maxLength:"63" pattern:"^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$" patternDescription:"name of a namespace" doc:"The namespace; the default one when empty."`
}

// Across are the parameters of lists, which may span all namespaces.
type Across struct {
	Namespace string `query:"namespace" maxLength:"63" pattern:"^([a-z0-9]([-a-z0-9]*[a-z0-9])?|\\*)?$" patternDescription:"name of a namespace, or *" doc:"The namespace; the default one when empty, all that there are when *."`
}

// Named are the parameters of what is about one integration.
type Named struct {
	Within
	Name string `query:"name" maxLength:"253" pattern:"^([a-z0-9]([-.a-z0-9]*[a-z0-9])?)?$" patternDescription:"name of an object" doc:"The integration; the default one when empty."`
}

// ByName are the parameters of what is about one object.
type ByName struct {
	Within
	Name string `path:"name" maxLength:"253" pattern:"^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$" patternDescription:"name of an object" doc:"The object's name."`
}

func (s *Server) namespace(w Within) string { return cmp.Or(w.Namespace, s.o.Namespace) }

// namespaces is the namespace of a list; empty for all of them.
func (s *Server) namespaces(a Across) string {
	if a.Namespace == "*" {
		return ""
	}
	return cmp.Or(a.Namespace, s.o.Namespace)
}

func (s *Server) key(n ByName) types.NamespacedName {
	return types.NamespacedName{Namespace: s.namespace(n.Within), Name: n.Name}
}

type callerKey struct{}

// callerOf is who asks. Nothing under /api/ runs without one.
func callerOf(ctx context.Context) identity.Caller {
	caller, _ := ctx.Value(callerKey{}).(identity.Caller)
	return caller
}

// may says whether the caller may do something to a resource.
func (s *Server) may(ctx context.Context, verb string, r resource, at types.NamespacedName) (bool, error) {
	access := identity.Access{Verb: verb, Group: r.group, Resource: r.name, Namespace: at.Namespace, Name: at.Name}
	ok, err := s.o.Identity.Allowed(ctx, callerOf(ctx), access)
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Rights could not be looked up")
		return false, later(http.StatusServiceUnavailable, 5, "Kubernetes could not be asked what you may do; try again")
	}
	return ok, nil
}

// require answers 403 when the caller may not.
func (s *Server) require(ctx context.Context, verb string, r resource, at types.NamespacedName) error {
	ok, err := s.may(ctx, verb, r, at)
	if err != nil || ok {
		return err
	}
	access := identity.Access{Verb: verb, Group: r.group, Resource: r.name, Namespace: at.Namespace}
	return mistake(http.StatusForbidden, "%s may not %s: bind a Role that allows it", callerOf(ctx).GetName(), access)
}

// in is a place without a name: a list, or what is to be created.
func in(namespace string) types.NamespacedName { return types.NamespacedName{Namespace: namespace} }
