// SPDX-License-Identifier: Apache-2.0

package action

import (
	"context"
	"fmt"
	"maps"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
)

// A test is requested by an annotation, made by the leader, which alone talks to Slack and Jira, and answered in the
// integration's status.

// Test is a test of an integration.
type Test struct {
	Target
	// Kind is SlackIntegration or JiraIntegration.
	Kind string
	// Channel is where a Slack integration sends its test message; the default channel when empty.
	Channel string
}

// RequestTest requests a test of an integration, and returns the time of the request, by which TestResult recognises
// the answer.
func (a *Actions) RequestTest(ctx context.Context, t Test) (time.Time, error) {
	kind, err := integrationKindOf(t.Kind)
	if err != nil {
		return time.Time{}, err
	}
	if err := a.require(ctx, t.Caller, kind.resource.Access("update", t.NamespacedName)); err != nil {
		return time.Time{}, err
	}
	at := a.Clock.Now().UTC()
	for range MaxAttempts {
		o := kind.empty()
		if err = a.Live.Get(ctx, t.NamespacedName, o); err != nil {
			break
		}
		if suspended, _ := kind.test(o); suspended {
			return at, &ConflictError{fmt.Sprintf("%s %s is suspended and sends nothing: set spec.suspend to false first",
				t.Kind, t.NamespacedName)}
		}
		before, _ := o.DeepCopyObject().(client.Object)
		setAnnotation(o, v1alpha1.TestRequestedAtAnnotation, at.Format(time.RFC3339Nano))
		setAnnotation(o, v1alpha1.TestChannelAnnotation, t.Channel)
		if err = a.updater().Update(ctx, before, o); !apierrors.IsConflict(err) {
			break
		}
	}
	if apierrors.IsNotFound(err) {
		return at, &NotFoundError{fmt.Sprintf("%s %s is not configured", t.Kind, t.NamespacedName)}
	}
	return at, err
}

// TestResult returns the result of a test that was requested at a time, or of a later one; nil when there is none
// yet.
func (a *Actions) TestResult(
	ctx context.Context, kindName string, key types.NamespacedName, requestedAt time.Time,
) (*v1alpha1.IntegrationTest, error) {
	kind, err := integrationKindOf(kindName)
	if err != nil {
		return nil, err
	}
	o := kind.empty()
	if err := a.Client.Get(ctx, key, o); err != nil {
		return nil, client.IgnoreNotFound(err)
	}
	_, last := kind.test(o)
	if last == nil {
		return nil, nil
	}
	at, err := time.Parse(time.RFC3339Nano, last.RequestedAt)
	if err != nil || at.Before(requestedAt) {
		return nil, nil //nolint:nilerr // a time that cannot be parsed is of another request
	}
	return last, nil
}

// integrationKind describes a kind of integration.
type integrationKind struct {
	resource Resource
	empty    func() client.Object
	test     func(client.Object) (suspended bool, last *v1alpha1.IntegrationTest)
}

func integrationKindOf(name string) (integrationKind, error) {
	switch name {
	case v1alpha1.KindSlackIntegration:
		return integrationKind{
			resource: SlackIntegrations,
			empty:    func() client.Object { return &v1alpha1.SlackIntegration{} },
			test: func(o client.Object) (bool, *v1alpha1.IntegrationTest) {
				i, _ := o.(*v1alpha1.SlackIntegration)
				return i.Spec.Suspend, i.Status.LastTest
			},
		}, nil
	case v1alpha1.KindJiraIntegration:
		return integrationKind{
			resource: JiraIntegrations,
			empty:    func() client.Object { return &v1alpha1.JiraIntegration{} },
			test: func(o client.Object) (bool, *v1alpha1.IntegrationTest) {
				i, _ := o.(*v1alpha1.JiraIntegration)
				return i.Spec.Suspend, i.Status.LastTest
			},
		}, nil
	}
	return integrationKind{}, &InvalidError{Field: "kind", Message: "must be SlackIntegration or JiraIntegration"}
}

// setAnnotation sets an annotation, or removes it when the value is empty.
func setAnnotation(o client.Object, name, value string) {
	all := map[string]string{}
	maps.Copy(all, o.GetAnnotations())
	all[name] = value
	if value == "" {
		delete(all, name)
	}
	o.SetAnnotations(all)
}
