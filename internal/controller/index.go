package controller

import (
	"context"
	"fmt"
	"strconv"

	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
)

// Fields by which objects are found in the cache.
const (
	// SecretIndex: the Secrets an integration names.
	SecretIndex = "secret"
	// TicketedIndex: whether a Defect has a ticket or wants none, "true" or "false".
	TicketedIndex = "ticketed"
	// TicketIndex: a Defect's ticket, as namespace/name of the integration, a slash and the ticket's ID.
	TicketIndex = "ticket"
	// IntegrationIndex: the integration with which a Defect's ticket was made, as namespace/name.
	IntegrationIndex = "integration"
	// SubjectIndex: the UID of the object a Notification is about.
	SubjectIndex = "subject"
	// MemberIndex: the members of a digest, by name.
	MemberIndex = "member"
	// UndeliveredIndex: "true" for a Notification that is not delivered.
	UndeliveredIndex = "undelivered"
)

// Index sets up the fields by which the reconcilers find objects.
func Index(ctx context.Context, mgr ctrl.Manager) error {
	for _, i := range []struct {
		object client.Object
		field  string
		value  client.IndexerFunc
	}{
		{&v1alpha1.SlackIntegration{}, connection.DefaultIndex, isDefault},
		{&v1alpha1.JiraIntegration{}, connection.DefaultIndex, isDefault},
		{&v1alpha1.SlackIntegration{}, SecretIndex, secretsOf},
		{&v1alpha1.JiraIntegration{}, SecretIndex, secretsOf},
		{&v1alpha1.Defect{}, TicketedIndex, isTicketed},
		{&v1alpha1.Defect{}, TicketIndex, ticketOf},
		{&v1alpha1.Defect{}, IntegrationIndex, ticketIntegration},
		{&v1alpha1.Notification{}, SubjectIndex, subjectOf},
		{&v1alpha1.Notification{}, MemberIndex, memberNames},
		{&v1alpha1.Notification{}, UndeliveredIndex, isUndelivered},
	} {
		if err := mgr.GetFieldIndexer().IndexField(ctx, i.object, i.field, i.value); err != nil {
			return fmt.Errorf("indexing %T by %s: %w", i.object, i.field, err)
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

// secretsOf are the Secrets whose values the client of an integration is made from.
func secretsOf(o client.Object) []string {
	switch i := o.(type) {
	case *v1alpha1.SlackIntegration:
		ref, _ := slackSecret(i)
		return []string{ref.Name}
	case *v1alpha1.JiraIntegration:
		ref, _ := jiraSecret(i)
		return []string{ref.Name}
	}
	return nil
}

func isTicketed(o client.Object) []string {
	d, ok := o.(*v1alpha1.Defect)
	return []string{strconv.FormatBool(ok && d.Status.Jira != nil && d.Status.Jira.Key != "")}
}

func ticketOf(o client.Object) []string {
	if d, ok := o.(*v1alpha1.Defect); ok && d.Status.Jira != nil && d.Status.Jira.Key != "" {
		return []string{d.Status.Jira.Integration + "/" + d.Status.Jira.ID}
	}
	return nil
}

func ticketIntegration(o client.Object) []string {
	if d, ok := o.(*v1alpha1.Defect); ok && d.Status.Jira != nil && d.Status.Jira.Key != "" {
		return []string{d.Status.Jira.Integration}
	}
	return nil
}

func subjectOf(o client.Object) []string {
	if n, ok := o.(*v1alpha1.Notification); ok && n.Spec.Event.Subject != nil {
		return []string{n.Spec.Event.Subject.UID}
	}
	return nil
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

func isUndelivered(o client.Object) []string {
	if n, ok := o.(*v1alpha1.Notification); ok && !settled(n) {
		return []string{"true"}
	}
	return nil
}

// DefectsOf finds the Defects of a ticket that was made with an integration.
func DefectsOf(c client.Reader) func(_ context.Context, integration types.NamespacedName, issueID, issueKey string, labels []string) ([]types.NamespacedName, error) {
	return func(ctx context.Context, integration types.NamespacedName, issueID, _ string, _ []string) ([]types.NamespacedName, error) {
		list := &v1alpha1.DefectList{}
		if issueID == "" {
			return nil, nil
		}
		if err := c.List(ctx, list, client.MatchingFields{TicketIndex: integration.String() + "/" + issueID}); err != nil {
			return nil, err
		}
		var out []types.NamespacedName
		for i := range list.Items {
			out = append(out, client.ObjectKeyFromObject(&list.Items[i]))
		}
		return out, nil
	}
}
