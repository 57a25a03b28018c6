// SPDX-License-Identifier: Apache-2.0

// Package viewtest builds objects for tests of the read model.
package viewtest

import (
	"context"
	"fmt"
	"reflect"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

// Noon is the time of the tests. The first hour that they count begins at 13:00 of the day before.
var Noon = time.Date(2026, 3, 4, 12, 30, 0, 0, time.UTC)

// Cluster is a reader of the objects that a test puts there.
type Cluster struct {
	client.Reader
	objects map[string]client.Object
	reads   atomic.Int64
}

// NewCluster returns a Cluster without objects.
func NewCluster() *Cluster { return &Cluster{objects: map[string]client.Object{}} }

// Put adds or replaces an object.
func (c *Cluster) Put(o client.Object) { c.objects[id(o, client.ObjectKeyFromObject(o))] = o }

// Get reads an object.
func (c *Cluster) Get(_ context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	c.reads.Add(1)
	o, ok := c.objects[id(into, key)]
	if !ok {
		return apierrors.NewNotFound(schema.GroupResource{}, key.String())
	}
	reflect.ValueOf(into).Elem().Set(reflect.ValueOf(o).Elem())
	return nil
}

// Reads returns how many objects were read.
func (c *Cluster) Reads() int { return int(c.reads.Load()) }

// List returns nothing.
func (c *Cluster) List(context.Context, client.ObjectList, ...client.ListOption) error { return nil }

func id(o client.Object, key client.ObjectKey) string { return fmt.Sprintf("%T %s", o, key) }

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
