// SPDX-License-Identifier: Apache-2.0

// Package hint reads what Slack reported of a SlackIntegration, and its replicas stored in annotations.
package hint

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

// Hints keeps the last hints of Slack for which each integration was probed. The zero value is ready for use.
type Hints struct{ byName sync.Map }

// IsNew reports whether Slack hinted at a change for which the integration was not probed yet, and keeps the hints. The
// first reconcile probes in any case.
func (h *Hints) IsNew(o client.Object) bool {
	var now []string
	for name, value := range o.GetAnnotations() {
		if name == v1alpha1.SlackChangedAtAnnotation || strings.HasPrefix(name, v1alpha1.SlackChannelAnnotationPrefix) {
			now = append(now, name+"="+value)
		}
	}
	slices.Sort(now)
	text := strings.Join(now, ",")
	last, known := h.byName.Swap(client.ObjectKeyFromObject(o), text)
	return known && last != text
}

// Forget drops what is kept of an integration that was deleted.
func (h *Hints) Forget(name types.NamespacedName) { h.byName.Delete(name) }

// ChannelProblem returns what happened to a channel in Slack, and what to do; empty when nothing did.
func ChannelProblem(i *v1alpha1.SlackIntegration, known []v1alpha1.KnownChannel) string {
	used := append([]v1alpha1.KnownChannel(nil), known...)
	if id := string(i.Spec.DefaultChannel); !strings.HasPrefix(id, "#") {
		used = append(used, v1alpha1.KnownChannel{Name: id, ID: id})
	}
	for _, c := range used {
		switch i.Annotations[v1alpha1.SlackChannelAnnotationPrefix+c.ID] {
		case v1alpha1.ChannelArchived:
			return fmt.Sprintf("Channel %s was archived in Slack. Unarchive it, or name another in spec.defaultChannel and in the rules.", c.Name)
		case v1alpha1.ChannelDeleted:
			return fmt.Sprintf("Channel %s was deleted in Slack. Name another in spec.defaultChannel and in the rules.", c.Name)
		case v1alpha1.ChannelRenamed:
			return fmt.Sprintf("Channel %s has another name in Slack by now. Messages go to its ID, %s. "+
				"Write that or the new name in spec.defaultChannel and in the rules.", c.Name, c.ID)
		}
	}
	return ""
}
