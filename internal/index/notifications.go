// SPDX-License-Identifier: Apache-2.0

package index

import (
	"context"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

func subjectUID(o client.Object) []string {
	if n, ok := o.(*v1alpha1.Notification); ok && n.Subject() != nil {
		return []string{n.Subject().UID}
	}
	return nil
}

// NotificationsAbout returns the Notifications of a namespace about the object with a UID. The cache owns them:
// callers must not change them.
func NotificationsAbout(ctx context.Context, c client.Reader, namespace, uid string) ([]*v1alpha1.Notification, error) {
	return notifications(
		ctx,
		c,
		namespace,
		client.MatchingFields{NotificationBySubject: uid},
		func(n *v1alpha1.Notification) bool {
			return slices.Contains(subjectUID(n), uid)
		},
	)
}

func finding(o client.Object) []string {
	if n, ok := o.(*v1alpha1.Notification); ok && n.Labels[v1alpha1.FindingLabel] != "" {
		return []string{n.Labels[v1alpha1.FindingLabel]}
	}
	return nil
}

// NotificationsOfFinding returns the Notifications of a namespace about a finding, see Defect.Finding. The cache owns them:
// callers must not change them.
func NotificationsOfFinding(ctx context.Context, c client.Reader, namespace, of string) ([]*v1alpha1.Notification, error) {
	return notifications(
		ctx,
		c,
		namespace,
		client.MatchingFields{NotificationByFinding: of},
		func(n *v1alpha1.Notification) bool { return slices.Contains(finding(n), of) },
	)
}

func memberNames(o client.Object) []string {
	n, ok := o.(*v1alpha1.Notification)
	if !ok {
		return nil
	}
	out := make([]string, len(n.Spec.Members))
	for i, m := range n.Spec.Members {
		out[i] = string(m)
	}
	return out
}

// DigestsWith returns the digests of a namespace that have a Notification as a member. The cache owns them: callers
// must not change them.
func DigestsWith(ctx context.Context, c client.Reader, namespace, member string) ([]*v1alpha1.Notification, error) {
	return notifications(
		ctx,
		c,
		namespace,
		client.MatchingFields{DigestByMember: member},
		func(n *v1alpha1.Notification) bool {
			_, ok := slices.BinarySearch(n.Spec.Members, v1alpha1.NotificationName(member))
			return ok
		},
	)
}

func notifications(ctx context.Context, c client.Reader, namespace string, by client.MatchingFields,
	matches func(*v1alpha1.Notification) bool,
) ([]*v1alpha1.Notification, error) {
	list := &v1alpha1.NotificationList{}
	if err := c.List(ctx, list, client.InNamespace(namespace), by, client.UnsafeDisableDeepCopy); err != nil {
		return nil, err
	}
	var out []*v1alpha1.Notification
	for i := range list.Items {
		if matches(&list.Items[i]) {
			out = append(out, &list.Items[i])
		}
	}
	return out, nil
}
