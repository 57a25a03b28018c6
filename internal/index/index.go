// SPDX-License-Identifier: Apache-2.0

// Package index holds what the reconcilers find objects by: the fields that the cache indexes, the finders that use
// them, and the transform that keeps the cache small.
package index

import (
	"context"
	"fmt"
	"strconv"

	batchv1 "k8s.io/api/batch/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
)

// Fields by which objects are found in the cache.
const (
	// IntegrationBySecret indexes SlackIntegrations and JiraIntegrations by the names of the Secrets that hold what they
	// call Slack or Jira with.
	IntegrationBySecret = "secret"
	// DefectByJiraName indexes Defects by what names them in Jira, see jiraNames.
	DefectByJiraName = "jira-name"
	// DefectByPart indexes Defects by the integration that filed their ticket, if any, and the part that they are in, see partOf.
	DefectByPart = "part"
	// DefectByOpen indexes Defects that are neither resolved nor closed by the part that they are in, see partOf.
	DefectByOpen = "open"
	// DefectByMinute indexes Defects by the minute in which they were created, see minuteOf.
	DefectByMinute = "minute"
	// DefectByIdentity indexes Defects by their identity.
	DefectByIdentity = "identity"
	// DefectBySuite indexes Defects by their suite.
	DefectBySuite = "suite"
	// DefectByFinding indexes Defects by their finding.
	DefectByFinding = "finding"
	// NotificationBySubject indexes Notifications by the UID of the object they are about.
	NotificationBySubject = "subject"
	// NotificationByFinding indexes Notifications by the finding that they are about.
	NotificationByFinding = "finding"
	// RunsOf indexes runs that ended, and Notifications about runs, by the keys of RunsBack.
	RunsOf = "runs-of"
	// DigestByMember indexes digests by their members' names.
	DigestByMember = "member"
	// NotificationByUndelivered indexes Notifications that still have to be delivered; the value is "true".
	NotificationByUndelivered = "undelivered"
)

// Field is one index of the cache: Values returns the values under which an object of Object's type is found.
type Field struct {
	Object client.Object
	Name   string
	Values client.IndexerFunc
}

// Fields returns every index of the operator's kinds that the reconcilers use. Tests register them with a fake client.
func Fields() []Field {
	return []Field{
		{&v1alpha1.SlackIntegration{}, connection.DefaultIndex, isDefault},
		{&v1alpha1.JiraIntegration{}, connection.DefaultIndex, isDefault},
		{&v1alpha1.SlackIntegration{}, IntegrationBySecret, secretNames},
		{&v1alpha1.JiraIntegration{}, IntegrationBySecret, secretNames},
		{&v1alpha1.Defect{}, DefectByJiraName, jiraNames},
		{&v1alpha1.Defect{}, DefectByPart, part},
		{&v1alpha1.Defect{}, DefectByOpen, open},
		{&v1alpha1.Defect{}, DefectByMinute, minute},
		{&v1alpha1.Defect{}, DefectByIdentity, identity},
		{&v1alpha1.Defect{}, DefectByFinding, findingOfDefect},
		{&v1alpha1.Defect{}, DefectBySuite, suiteOf},
		{&v1alpha1.Notification{}, NotificationBySubject, subjectUID},
		{&v1alpha1.Notification{}, NotificationByFinding, finding},
		{&v1alpha1.Notification{}, RunsOf, runsOf},
		{&v1alpha1.Notification{}, DigestByMember, memberNames},
		{&v1alpha1.Notification{}, NotificationByUndelivered, isUndelivered},
	}
}

// RunField returns the index of runs.
func RunField() Field { return Field{&batchv1.Job{}, RunsOf, runsOf} }

// Setup registers all fields with the manager's cache.
func Setup(ctx context.Context, mgr ctrl.Manager) error {
	for _, f := range append(Fields(), RunField()) {
		if err := mgr.GetFieldIndexer().IndexField(ctx, f.Object, f.Name, f.Values); err != nil {
			return fmt.Errorf("indexing %T by %s: %w", f.Object, f.Name, err)
		}
	}
	return nil
}

func isDefault(o client.Object) []string {
	switch i := o.(type) {
	case *v1alpha1.SlackIntegration:
		return []string{strconv.FormatBool(i.Spec.Default)}
	case *v1alpha1.JiraIntegration:
		return []string{strconv.FormatBool(i.Spec.Default)}
	}
	return nil
}

// secretNames returns the names of the Secrets with which an integration calls Slack or Jira.
func secretNames(o client.Object) []string {
	i, ok := o.(interface {
		CredentialRef() (v1alpha1.SecretKeyReference, string)
	})
	if !ok {
		return nil
	}
	ref, _ := i.CredentialRef()
	names := []string{ref.Name}
	if s, ok := o.(*v1alpha1.SlackIntegration); ok && s.Spec.AppTokenSecretRef != nil && s.Spec.AppTokenSecretRef.Name != ref.Name {
		names = append(names, s.Spec.AppTokenSecretRef.Name)
	}
	return names
}

func isUndelivered(o client.Object) []string {
	if n, ok := o.(*v1alpha1.Notification); ok && !condition.IsSettled(n) {
		return []string{"true"}
	}
	return nil
}
