package connection

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

// Refusal says why an integration or a Secret cannot be used as things are. Reason is a reason of a condition.
type Refusal struct {
	Reason  string
	Message string
}

// Error is the message.
func (r *Refusal) Error() string { return r.Message }

func newRefusal(reason, format string, args ...any) *Refusal {
	return &Refusal{reason, fmt.Sprintf(format, args...)}
}

// DefaultIndex is the field by which integrations that are marked as default are found in the cache; its value is "true".
const DefaultIndex = "spec.default"

// ResolveSlack finds the SlackIntegration that an object in a namespace refers to: the one named, or the default one. Its error is a *Refusal when
// the reference is at fault.
func ResolveSlack(ctx context.Context, c client.Reader, namespace string, ref *v1alpha1.IntegrationReference) (*v1alpha1.SlackIntegration, error) {
	out := &v1alpha1.SlackIntegration{}
	if ref != nil {
		err := resolveNamed(ctx, c, namespace, ref, out, func() *v1alpha1.AllowedNamespaces { return out.Spec.AllowedNamespaces })
		return out, err
	}
	list := &v1alpha1.SlackIntegrationList{}
	if err := c.List(ctx, list, client.InNamespace(namespace), client.MatchingFields{DefaultIndex: "true"}); err != nil {
		return nil, fmt.Errorf("listing the default SlackIntegrations of namespace %s: %w", namespace, err)
	}
	var names []string
	for i := range list.Items {
		names = append(names, list.Items[i].Name)
	}
	if r := single(v1alpha1.KindSlackIntegration, namespace, names); r != nil {
		return nil, r
	}
	return &list.Items[0], nil
}

// ResolveJira finds the JiraIntegration that an object in a namespace refers to, as ResolveSlack does.
func ResolveJira(ctx context.Context, c client.Reader, namespace string, ref *v1alpha1.IntegrationReference) (*v1alpha1.JiraIntegration, error) {
	out := &v1alpha1.JiraIntegration{}
	if ref != nil {
		err := resolveNamed(ctx, c, namespace, ref, out, func() *v1alpha1.AllowedNamespaces { return out.Spec.AllowedNamespaces })
		return out, err
	}
	list := &v1alpha1.JiraIntegrationList{}
	if err := c.List(ctx, list, client.InNamespace(namespace), client.MatchingFields{DefaultIndex: "true"}); err != nil {
		return nil, fmt.Errorf("listing the default JiraIntegrations of namespace %s: %w", namespace, err)
	}
	var names []string
	for i := range list.Items {
		names = append(names, list.Items[i].Name)
	}
	if r := single(v1alpha1.KindJiraIntegration, namespace, names); r != nil {
		return nil, r
	}
	return &list.Items[0], nil
}

func single(kind, namespace string, names []string) *Refusal {
	switch len(names) {
	case 1:
		return nil
	case 0:
		return newRefusal(v1alpha1.ReasonIntegrationNotFound,
			"no %s in namespace %s is marked as default: name one in integrationRef, or set spec.default on one", kind, namespace)
	default:
		slices.Sort(names)
		return newRefusal(v1alpha1.ReasonIntegrationAmbiguous,
			"%d %ss in namespace %s are marked as default (%s): leave the mark on one, or name one in integrationRef",
			len(names), kind, namespace, strings.Join(names[:min(len(names), 5)], ", "))
	}
}

func resolveNamed(ctx context.Context, c client.Reader, namespace string, ref *v1alpha1.IntegrationReference, into client.Object,
	allowed func() *v1alpha1.AllowedNamespaces) error {
	kind := kindOf(into)
	key := types.NamespacedName{Namespace: ref.Namespace, Name: ref.Name}
	if key.Namespace == "" {
		key.Namespace = namespace
	}
	// Whoever may not use an integration does not learn either whether it exists.
	notAllowed := newRefusal(v1alpha1.ReasonIntegrationNotAllowed,
		"%s %s does not exist or does not admit namespace %s: its spec.allowedNamespaces must", kind, key, namespace)
	if err := c.Get(ctx, key, into); apierrors.IsNotFound(err) {
		if key.Namespace != namespace {
			return notAllowed
		}
		return newRefusal(v1alpha1.ReasonIntegrationNotFound, "%s %q does not exist in namespace %s: create it, or name another in integrationRef",
			kind, key.Name, key.Namespace)
	} else if err != nil {
		return fmt.Errorf("reading %s %s: %w", kind, key, err)
	}
	if key.Namespace == namespace {
		return nil
	}
	ok, err := admits(ctx, c, allowed(), namespace)
	if err != nil {
		return err
	}
	if !ok {
		return notAllowed
	}
	return nil
}

func kindOf(o client.Object) string {
	if _, ok := o.(*v1alpha1.SlackIntegration); ok {
		return v1alpha1.KindSlackIntegration
	}
	return v1alpha1.KindJiraIntegration
}

func admits(ctx context.Context, c client.Reader, a *v1alpha1.AllowedNamespaces, namespace string) (bool, error) {
	switch {
	case a == nil || a.From == v1alpha1.NamespacesFromSame:
		return false, nil
	case a.From == v1alpha1.NamespacesFromAll:
		return true, nil
	}
	selector, err := metav1.LabelSelectorAsSelector(a.Selector.AsMeta())
	if err != nil {
		return false, newRefusal(v1alpha1.ReasonIntegrationNotAllowed, "spec.allowedNamespaces.selector of the integration is invalid: %v", err)
	}
	ns := &metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"}}
	if err := c.Get(ctx, types.NamespacedName{Name: namespace}, ns); err != nil {
		return false, fmt.Errorf("reading the labels of namespace %s: %w", namespace, err)
	}
	return selector.Matches(labels.Set(ns.Labels)), nil
}

// maxSecret bounds a credential; the longest tokens are a few kilobytes.
const maxSecret = 16 << 10

// ReadSecret reads one token or URL of a Secret, live. Its error is a *Refusal when the Secret is at fault; it never holds the value.
func ReadSecret(ctx context.Context, c client.Reader, namespace, field string, ref v1alpha1.SecretKeyReference) (string, error) {
	value, err := readSecret(ctx, c, namespace, field, ref)
	value = strings.TrimSpace(value)
	if err == nil && (len(value) > maxSecret || strings.ContainsFunc(value, func(r rune) bool { return r == ' ' || unprintable(r) })) {
		return "", newRefusal(v1alpha1.ReasonSecretInvalid,
			"the value under the key %q of Secret %q is longer than %d bytes or has spaces or control characters in it: it must be one token or URL and nothing else",
			ref.Key, ref.Name, maxSecret)
	}
	return value, err
}

// ReadPassphrase reads what somebody made up and typed in on the other side too, such as the secret of a webhook, as ReadSecret does. Its spaces
// count; the line break that an editor leaves at the end does not.
func ReadPassphrase(ctx context.Context, c client.Reader, namespace, field string, ref v1alpha1.SecretKeyReference) (string, error) {
	value, err := readSecret(ctx, c, namespace, field, ref)
	value = strings.TrimRight(value, "\r\n")
	if err == nil && (len(value) > maxSecret || strings.ContainsFunc(value, unprintable)) {
		return "", newRefusal(v1alpha1.ReasonSecretInvalid,
			"the value under the key %q of Secret %q is longer than %d bytes or has line breaks or other control characters in it: it must be one line of text",
			ref.Key, ref.Name, maxSecret)
	}
	return value, err
}

func unprintable(r rune) bool { return r < ' ' || r == 0x7f }

func readSecret(ctx context.Context, c client.Reader, namespace, field string, ref v1alpha1.SecretKeyReference) (string, error) {
	s := &corev1.Secret{}
	if err := c.Get(ctx, types.NamespacedName{Namespace: namespace, Name: ref.Name}, s); apierrors.IsNotFound(err) {
		return "", newRefusal(v1alpha1.ReasonSecretNotFound, "Secret %q does not exist in namespace %s: create it with the key %q, or point %s at another",
			ref.Name, namespace, ref.Key, field)
	} else if err != nil {
		return "", fmt.Errorf("reading Secret %s/%s: %w", namespace, ref.Name, err)
	}
	value := string(s.Data[ref.Key])
	if strings.TrimSpace(value) == "" {
		return "", newRefusal(v1alpha1.ReasonSecretKeyNotFound, "Secret %q has no value under the key %q: add it, or point %s at another key",
			ref.Name, ref.Key, field)
	}
	return value, nil
}
