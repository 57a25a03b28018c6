// SPDX-License-Identifier: Apache-2.0

package outbox

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/event"
)

// storeResult is the result of storing a Notification.
type storeResult int

const (
	// shownByCache: it was stored before, and the cache shows it.
	shownByCache storeResult = iota
	// storedBefore: it was stored before, and the cache does not show it yet.
	storedBefore
	// stored: it was stored just now.
	stored
)

// store stores the Notification of a rule and an event unless it exists.
func (o *Outbox) store(ctx context.Context, r *v1alpha1.NotificationRule, e *event.Event) (storeResult, error) {
	key := types.NamespacedName{Namespace: r.Namespace, Name: NotificationName(r, e.ID)}
	known := &v1alpha1.Notification{}
	if err := o.Client.Get(ctx, key, known); err == nil {
		return shownByCache, o.keep(ctx, known, e)
	}
	n, err := newNotification(key, r, e)
	if err != nil {
		return shownByCache, err
	}
	err = o.Client.Create(ctx, n)
	switch {
	case apierrors.IsAlreadyExists(err):
		return storedBefore, nil
	case err != nil:
		return shownByCache, fmt.Errorf("storing Notification %s: %w", key, err)
	}
	return stored, nil
}

// newNotification returns the Notification of a rule and an event. It shares no memory with them: the client decodes
// the API server's answer into it, and the rule is the cache's.
func newNotification(key types.NamespacedName, r *v1alpha1.NotificationRule, e *event.Event) (*v1alpha1.Notification, error) {
	data, err := e.ToAPI()
	if err != nil {
		return nil, err
	}
	n := &v1alpha1.Notification{
		ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name, Labels: map[string]string{
			v1alpha1.RuleLabel:      labelValue(r.Name),
			v1alpha1.EventTypeLabel: string(e.Type),
		}},
		Spec: v1alpha1.NotificationSpec{
			Rule:           v1alpha1.RuleReference{Name: r.Name, UID: string(r.UID)},
			IntegrationRef: r.Spec.IntegrationRef.DeepCopy(),
			Channel:        r.Spec.Channel,
			Event:          data,
		},
	}
	if suite := labelValue(e.Labels[v1alpha1.SuiteLabel]); suite != "" {
		n.Labels[v1alpha1.SuiteLabel] = suite
	}
	if e.Finding != "" {
		n.Labels[v1alpha1.FindingLabel] = e.Finding
	}
	return n, nil
}

// maxNamePrefix is how much of a rule's name the name of its Notifications starts with.
const maxNamePrefix = 40

// NotificationName returns the name of the Notification of a rule and an event.
func NotificationName(r *v1alpha1.NotificationRule, eventID string) string {
	sum := sha256.Sum256([]byte(string(r.UID) + "/" + eventID))
	prefix := strings.TrimRight(r.Name[:min(len(r.Name), maxNamePrefix)], "-.")
	return prefix + "-" + hex.EncodeToString(sum[:10])
}

// labelValue returns s shortened to a label's value. It is empty if s cannot be one.
func labelValue(s string) string {
	s = strings.TrimRight(s[:min(len(s), validation.LabelValueMaxLength)], "-_.")
	if len(validation.IsValidLabelValue(s)) > 0 {
		return ""
	}
	return s
}
