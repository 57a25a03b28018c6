// SPDX-License-Identifier: Apache-2.0

package index

import (
	"context"
	"hash/fnv"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

// parts is how many parts the Defects with tickets of an integration have, and those without one. One part of a hundred
// thousand is small enough to hold, as the cache keeps objects packed.
const parts = 256

// partOf returns the part, from 0 on, that a Defect is in.
func partOf(key types.NamespacedName) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(key.String()))
	return int(h.Sum32() % parts)
}

// partValue returns the value that the Defects of a part are indexed by. The integration with which their tickets were
// filed, as namespace/name, is empty for those without a ticket.
func partValue(integration string, part int) string { return integration + "#" + strconv.Itoa(part) }

func part(o client.Object) []string {
	d, ok := o.(*v1alpha1.Defect)
	if !ok {
		return nil
	}
	integration := ""
	if d.Status.Jira != nil && d.Status.Jira.Key != "" {
		integration = d.Status.Jira.Integration
	}
	return []string{partValue(integration, partOf(client.ObjectKeyFromObject(d)))}
}

// EachTicketed calls each with the Defects whose ticket was filed with an integration, in no order, until it returns
// false. It holds few of them at once, so that there may be many: each must not keep them. The cache owns them: callers
// must not change them.
func EachTicketed(
	ctx context.Context, c client.Reader, integration types.NamespacedName, each func(*v1alpha1.Defect) bool,
) error {
	return eachPart(ctx, c, integration.String(), each)
}

// EachUnticketed calls each with the Defects that have no ticket, as EachTicketed does.
func EachUnticketed(ctx context.Context, c client.Reader, each func(*v1alpha1.Defect) bool) error {
	return eachPart(ctx, c, "", each)
}

// EachOpen calls each with the Defects of a namespace that are neither resolved nor closed, as EachTicketed does.
func EachOpen(ctx context.Context, c client.Reader, namespace string, each func(*v1alpha1.Defect) bool) error {
	return eachIn(ctx, c, func(part int) []client.ListOption {
		return []client.ListOption{client.InNamespace(namespace), client.MatchingFields{DefectByOpen: strconv.Itoa(part)}}
	}, each)
}

func open(o client.Object) []string {
	d, ok := o.(*v1alpha1.Defect)
	if !ok || d.Status.State == v1alpha1.StateResolved || d.Status.State == v1alpha1.StateClosed {
		return nil
	}
	return []string{strconv.Itoa(partOf(client.ObjectKeyFromObject(d)))}
}

func eachPart(ctx context.Context, c client.Reader, integration string, each func(*v1alpha1.Defect) bool) error {
	return eachIn(ctx, c, func(part int) []client.ListOption {
		return []client.ListOption{client.MatchingFields{DefectByPart: partValue(integration, part)}}
	}, each)
}

// eachIn calls each with the Defects that options select, one part after the other.
func eachIn(
	ctx context.Context, c client.Reader, options func(part int) []client.ListOption, each func(*v1alpha1.Defect) bool,
) error {
	for part := range parts {
		list := &v1alpha1.DefectList{}
		if err := c.List(ctx, list, append(options(part), client.UnsafeDisableDeepCopy)...); err != nil {
			return err
		}
		for i := range list.Items {
			if !each(&list.Items[i]) {
				return nil
			}
		}
	}
	return nil
}

// minuteOf returns a time as objects are indexed by it.
func minuteOf(t time.Time) string { return t.UTC().Format("2006-01-02T15:04") }

func minute(o client.Object) []string {
	if _, ok := o.(*v1alpha1.Defect); ok {
		return []string{minuteOf(o.GetCreationTimestamp().Time)}
	}
	return nil
}

// DefectsSince returns the Defects of a namespace that were created at a time or later, which is not long before now.
// The cache owns them: callers must not change them.
func DefectsSince(
	ctx context.Context, c client.Reader, namespace string, from, now time.Time,
) ([]*v1alpha1.Defect, error) {
	var out []*v1alpha1.Defect
	// The clock of the API server, which says when a Defect was created, may be ahead of this one.
	for at := from.Truncate(time.Minute); !at.After(now.Add(time.Minute)); at = at.Add(time.Minute) {
		list := &v1alpha1.DefectList{}
		in := client.MatchingFields{DefectByMinute: minuteOf(at)}
		if err := c.List(ctx, list, client.InNamespace(namespace), in, client.UnsafeDisableDeepCopy); err != nil {
			return nil, err
		}
		for i := range list.Items {
			if !list.Items[i].CreationTimestamp.Time.Before(from) {
				out = append(out, &list.Items[i])
			}
		}
	}
	return out, nil
}
