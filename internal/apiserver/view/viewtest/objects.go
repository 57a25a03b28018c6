// SPDX-License-Identifier: Apache-2.0

// Package viewtest builds objects for tests of the read model.
package viewtest

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

// Noon is the time of the tests. The first hour that they count begins at 13:00 of the day before.
var Noon = time.Date(2026, 3, 4, 12, 30, 0, 0, time.UTC)

// EmptyCluster has no objects.
type EmptyCluster struct{ client.Reader }

// List returns nothing.
func (EmptyCluster) List(context.Context, client.ObjectList, ...client.ListOption) error { return nil }

// Get finds nothing.
func (EmptyCluster) Get(_ context.Context, key client.ObjectKey, _ client.Object, _ ...client.GetOption) error {
	return apierrors.NewNotFound(schema.GroupResource{}, key.Name)
}

// versions gives every object another resourceVersion.
var versions int

// Meta returns the metadata of an object created two days before Noon.
func Meta(namespace, name string) metav1.ObjectMeta {
	versions++
	return metav1.ObjectMeta{Namespace: namespace, Name: name, ResourceVersion: fmt.Sprint(versions),
		CreationTimestamp: metav1.NewTime(Noon.Add(-48 * time.Hour))}
}

// Notification returns a Notification with a reason of its condition Delivered.
func Notification(namespace, name, integration, reason string, at time.Time) *v1alpha1.Notification {
	n := &v1alpha1.Notification{ObjectMeta: Meta(namespace, name)}
	if integration != "" {
		n.Status.Message = &v1alpha1.PostedMessage{Integration: integration}
	}
	status := metav1.ConditionTrue
	switch reason {
	case v1alpha1.ReasonRejected, v1alpha1.ReasonExpired, v1alpha1.ReasonRetrying:
		status = metav1.ConditionFalse
	}
	n.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionDelivered, Status: status, Reason: reason,
		Message: reason, LastTransitionTime: metav1.NewTime(at)}}
	return n
}

// Slack returns a SlackIntegration in the namespace qa.
func Slack(name string, isDefault bool) *v1alpha1.SlackIntegration {
	return &v1alpha1.SlackIntegration{ObjectMeta: Meta("qa", name), Spec: v1alpha1.SlackIntegrationSpec{Default: isDefault}}
}
