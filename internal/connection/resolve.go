// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

// Refusal is the error of an integration or Secret that cannot be used until a user changes something. Reason is the
// reason of a condition.
type Refusal struct {
	Reason  string
	Message string
}

// Error implements error.
func (r *Refusal) Error() string { return r.Message }

// NewRefusal returns a Refusal with a formatted message.
func NewRefusal(reason, format string, args ...any) *Refusal {
	return &Refusal{Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// DefaultIndex is the field by which the cache indexes default integrations. Its value is "true".
const DefaultIndex = "spec.default"

// maxNamed is the number of default integrations that a message names.
const maxNamed = 5

// ResolveSlack returns the SlackIntegration that an object in a namespace refers to, or the namespace's default one
// if ref is nil. The error is a *Refusal if the reference cannot be used.
func ResolveSlack(
	ctx context.Context, c client.Reader, namespace string, ref *v1alpha1.IntegrationReference,
) (*v1alpha1.SlackIntegration, error) {
	if ref != nil {
		out := &v1alpha1.SlackIntegration{}
		r := named{kind: v1alpha1.KindSlackIntegration, from: namespace, ref: ref}
		err := r.resolve(ctx, c, out, func() *v1alpha1.AllowedNamespaces { return out.Spec.AllowedNamespaces })
		return out, err
	}
	list := &v1alpha1.SlackIntegrationList{}
	if err := listDefaults(ctx, c, namespace, list); err != nil {
		return nil, fmt.Errorf("listing the default SlackIntegrations of namespace %s: %w", namespace, err)
	}
	var names []string
	for i := range list.Items {
		names = append(names, list.Items[i].Name)
	}
	if r := requireSingle(v1alpha1.KindSlackIntegration, namespace, names); r != nil {
		return nil, r
	}
	return &list.Items[0], nil
}

// ResolveJira returns the JiraIntegration that an object in a namespace refers to, as ResolveSlack does.
func ResolveJira(
	ctx context.Context, c client.Reader, namespace string, ref *v1alpha1.IntegrationReference,
) (*v1alpha1.JiraIntegration, error) {
	if ref != nil {
		out := &v1alpha1.JiraIntegration{}
		r := named{kind: v1alpha1.KindJiraIntegration, from: namespace, ref: ref}
		err := r.resolve(ctx, c, out, func() *v1alpha1.AllowedNamespaces { return out.Spec.AllowedNamespaces })
		return out, err
	}
	list := &v1alpha1.JiraIntegrationList{}
	if err := listDefaults(ctx, c, namespace, list); err != nil {
		return nil, fmt.Errorf("listing the default JiraIntegrations of namespace %s: %w", namespace, err)
	}
	var names []string
	for i := range list.Items {
		names = append(names, list.Items[i].Name)
	}
	if r := requireSingle(v1alpha1.KindJiraIntegration, namespace, names); r != nil {
		return nil, r
	}
	return &list.Items[0], nil
}

func listDefaults(ctx context.Context, c client.Reader, namespace string, list client.ObjectList) error {
	return c.List(ctx, list, client.InNamespace(namespace), client.MatchingFields{DefaultIndex: "true"})
}

// requireSingle returns a Refusal unless exactly one default integration has a name.
func requireSingle(kind, namespace string, names []string) *Refusal {
	switch len(names) {
	case 1:
		return nil
	case 0:
		return NewRefusal(v1alpha1.ReasonIntegrationNotFound,
			"Namespace %s has no default %s. Name one in integrationRef, or set spec.default to true on one.", namespace, kind)
	default:
		slices.Sort(names)
		return NewRefusal(v1alpha1.ReasonIntegrationAmbiguous,
			"Namespace %s has %d default %ss (%s). Keep spec.default on one of them, or name one in integrationRef.",
			namespace, len(names), kind, strings.Join(names[:min(len(names), maxNamed)], ", "))
	}
}

// named is a reference by name to an integration, from a namespace.
type named struct {
	kind string
	from string
	ref  *v1alpha1.IntegrationReference
}

// resolve reads the integration into an object and checks that the namespace may use it. allowed returns the object's
// allowed namespaces after it was read.
func (n named) resolve(
	ctx context.Context, c client.Reader, into client.Object, allowed func() *v1alpha1.AllowedNamespaces,
) error {
	key := types.NamespacedName{Namespace: n.ref.Namespace, Name: n.ref.Name}
	if key.Namespace == "" {
		key.Namespace = n.from
	}
	isLocal := key.Namespace == n.from
	err := c.Get(ctx, key, into)
	switch {
	case apierrors.IsNotFound(err) && isLocal:
		return NewRefusal(v1alpha1.ReasonIntegrationNotFound,
			"%s %q does not exist in namespace %s. Create it, or name another in integrationRef.", n.kind, key.Name, key.Namespace)
	case apierrors.IsNotFound(err):
		return n.refuse(key)
	case err != nil:
		return fmt.Errorf("reading %s %s: %w", n.kind, key, err)
	case isLocal:
		return nil
	}
	ok, err := allows(ctx, c, allowed(), n.from)
	if err != nil {
		return err
	}
	if !ok {
		return n.refuse(key)
	}
	return nil
}

// refuse returns the same Refusal for an integration that does not exist and for one that the namespace may not use:
// a user who may not use an integration must not learn whether it exists.
func (n named) refuse(key types.NamespacedName) *Refusal {
	return NewRefusal(v1alpha1.ReasonIntegrationNotAllowed,
		"%s %s does not exist, or its spec.allowedNamespaces does not include namespace %s. "+
			"Add the namespace there, or name another integration in integrationRef.", n.kind, key, n.from)
}

// allows reports whether an integration's allowed namespaces include a namespace other than its own.
func allows(ctx context.Context, c client.Reader, a *v1alpha1.AllowedNamespaces, namespace string) (bool, error) {
	switch {
	case a == nil || a.From == v1alpha1.NamespacesFromSame:
		return false, nil
	case a.From == v1alpha1.NamespacesFromAll:
		return true, nil
	}
	selector, err := metav1.LabelSelectorAsSelector(a.Selector.AsMeta())
	if err != nil {
		return false, NewRefusal(v1alpha1.ReasonIntegrationNotAllowed,
			"The integration's spec.allowedNamespaces.selector is invalid: %v", err)
	}
	ns := &metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"}}
	if err := c.Get(ctx, types.NamespacedName{Name: namespace}, ns); err != nil {
		return false, fmt.Errorf("reading the labels of namespace %s: %w", namespace, err)
	}
	return selector.Matches(labels.Set(ns.Labels)), nil
}
