// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
)

// A conditionLog prints each condition when it changes.
type conditionLog struct {
	began   time.Time
	mu      sync.Mutex
	printed map[string]string
}

// A resource is an object with conditions.
type resource interface {
	client.Object
	condition.Object
}

// follow prints the conditions of all kinds of the operator until ctx ends.
func (s *conditionLog) follow(ctx context.Context, c client.WithWatch) error {
	s.printed = map[string]string{}
	for kind, list := range map[string]client.ObjectList{
		v1alpha1.KindSlackIntegration: &v1alpha1.SlackIntegrationList{},
		v1alpha1.KindJiraIntegration:  &v1alpha1.JiraIntegrationList{},
		v1alpha1.KindNotificationRule: &v1alpha1.NotificationRuleList{},
		v1alpha1.KindDefect:           &v1alpha1.DefectList{},
		v1alpha1.KindNotification:     &v1alpha1.NotificationList{},
	} {
		w, err := c.Watch(ctx, list)
		if err != nil {
			return fmt.Errorf("watching %s objects: %w", kind, err)
		}
		go func() {
			defer w.Stop()
			for e := range w.ResultChan() {
				if o, ok := e.Object.(resource); ok && e.Type != watch.Deleted {
					s.print(kind, o)
				}
			}
		}()
	}
	return nil
}

// print prints the conditions of an object that have changed.
func (s *conditionLog) print(kind string, o resource) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range *o.GetConditions() {
		if c.Type == v1alpha1.ConditionReconciling || c.Type == v1alpha1.ConditionStalled {
			continue
		}
		key := kind + "/" + o.GetNamespace() + "/" + o.GetName() + "/" + c.Type
		value := string(c.Status) + c.Reason
		if s.printed[key] == value {
			continue
		}
		s.printed[key] = value
		fmt.Printf("    %7.3fs %s %s/%s %s=%s %s: %s\n",
			time.Since(s.began).Seconds(), marks[c.Status], kind, o.GetName(), c.Type, c.Status, c.Reason, c.Message)
	}
}

// marks are the symbols for the statuses of conditions.
var marks = map[metav1.ConditionStatus]string{
	metav1.ConditionTrue: "✓", metav1.ConditionFalse: "…", metav1.ConditionUnknown: "?",
}
