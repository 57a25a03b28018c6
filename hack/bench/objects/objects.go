// SPDX-License-Identifier: Apache-2.0

// Package objects makes the objects of scenarios.
package objects

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
)

// Namespace is the namespace of the objects.
const Namespace = "default"

// Secret returns a Secret with a token.
func Secret(name, token string) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: Namespace, Name: name},
		StringData: map[string]string{"token": token},
	}
}

// Defect returns a Defect whose title contains its name.
func Defect(name string) *v1alpha1.Defect {
	d := &v1alpha1.Defect{Spec: v1alpha1.DefectSpec{
		Title: "The booking agent repeats itself: " + name, Severity: v1alpha1.SeverityHigh, Suite: "booking",
		Description: "It asks for the date three times.", StepsToReproduce: "Call and say: tomorrow.",
	}}
	d.Namespace = Namespace
	d.Name = name
	return d
}

// TicketedStatus returns the status of a Defect whose ticket was created an hour before now.
func TicketedStatus(d *v1alpha1.Defect, i *v1alpha1.JiraIntegration, k int, now time.Time) v1alpha1.DefectStatus {
	at := metav1.NewTime(now.Add(-time.Hour))
	key := fmt.Sprintf("%s-%d", i.Spec.ProjectKey, 100_000+k)
	s := v1alpha1.DefectStatus{
		State: v1alpha1.StateOpen, Occurrences: 1, FirstSeenTime: &at, LastSeenTime: &d.CreationTimestamp,
		Events: []v1alpha1.EventID{v1alpha1.EventID(d.UID) + ".created", v1alpha1.EventID(d.UID) + ".ticketed"},
		Jira: &v1alpha1.DefectTicket{
			Integration: i.Namespace + "/" + i.Name, Key: key, ID: fmt.Sprint(1_000_000 + k), URL: "https://jira.example.com/browse/" + key,
			Status: "To Do", StatusCategory: "new", CreatedTime: &at, LastSyncTime: &at, ToldOccurrences: 1,
		},
	}
	d.Status = s
	condition.True(d, v1alpha1.ConditionTicketed, v1alpha1.ReasonFiled, "The ticket is "+key)
	condition.True(d, v1alpha1.ConditionSynced, v1alpha1.ReasonInStep, "Defect and ticket are in sync")
	condition.True(d, v1alpha1.ConditionNotified, v1alpha1.ReasonNoRuleMatched, "No rule of this namespace matched")
	condition.Ready(d, v1alpha1.ReasonReady, "The ticket is "+key)
	return d.Status
}
