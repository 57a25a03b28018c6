package controller

import (
	"context"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

// Fields by which objects are found in the cache.
const (
	// SecretIndex: the Secrets an integration names.
	SecretIndex = "secret"
	// TicketedIndex: whether a Defect has a ticket or wants none, "true" or "false".
	TicketedIndex = "ticketed"
	// TicketIndex: the drawers of what names a Defect in Jira: its ticket's ID and key, each after namespace/name of the integration and a slash, and
	// its marker.
	TicketIndex = "ticket"
	// IntegrationIndex: the integration with which a Defect's ticket was made, as namespace/name.
	IntegrationIndex = "integration"
	// SubjectIndex: the drawer of the UID of the object a Notification is about.
	SubjectIndex = "subject"
	// MemberIndex: the drawers of the members of a digest, by name.
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
		{&v1alpha1.Defect{}, TicketIndex, bucketed(namesOf)},
		{&v1alpha1.Defect{}, IntegrationIndex, ticketIntegration},
		{&v1alpha1.Notification{}, SubjectIndex, bucketed(subjectOf)},
		{&v1alpha1.Notification{}, MemberIndex, bucketed(memberNames)},
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

// namesOf are what names a Defect in Jira.
func namesOf(o client.Object) []string {
	d, ok := o.(*v1alpha1.Defect)
	if !ok {
		return nil
	}
	out := []string{d.Marker()}
	if j := d.Status.Jira; j != nil && j.Key != "" {
		out = append(out, j.Integration+"/"+j.ID, j.Integration+"/"+j.Key) // an ID is a number and a key is not
	}
	return out
}

// hashBuckets is how many there are. A value of its own in an index for each of ten thousand names takes more memory than the Defects' statuses do.
const hashBuckets = 2048

// bucketed indexes objects by the drawers of their names. A drawer holds others too: who looks into it has to ask for the name.
func bucketed(names func(client.Object) []string) client.IndexerFunc {
	return func(o client.Object) []string {
		all := names(o)
		for i, n := range all {
			all[i] = bucketOf(n)
		}
		slices.Sort(all)
		return slices.Compact(all)
	}
}

func bucketOf(name string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name))
	return strconv.Itoa(int(h.Sum32() % hashBuckets))
}

// defectsNamed are the Defects that a name means in Jira. They are the cache's: nobody may change them.
func defectsNamed(ctx context.Context, c client.Reader, name string) ([]*v1alpha1.Defect, error) {
	list := &v1alpha1.DefectList{}
	if err := c.List(ctx, list, client.MatchingFields{TicketIndex: bucketOf(name)}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, err
	}
	var out []*v1alpha1.Defect
	for i := range list.Items {
		if slices.Contains(namesOf(&list.Items[i]), name) {
			out = append(out, &list.Items[i])
		}
	}
	return out, nil
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

// notificationsAbout are the Notifications of a namespace about an object. They are the cache's: nobody may change them.
func notificationsAbout(ctx context.Context, c client.Reader, namespace, uid string) ([]*v1alpha1.Notification, error) {
	list := &v1alpha1.NotificationList{}
	if err := c.List(ctx, list, client.InNamespace(namespace), client.MatchingFields{SubjectIndex: bucketOf(uid)}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, err
	}
	var out []*v1alpha1.Notification
	for i := range list.Items {
		if slices.Contains(subjectOf(&list.Items[i]), uid) {
			out = append(out, &list.Items[i])
		}
	}
	return out, nil
}

// digestsWith are the digests of a namespace that tell a Notification. They are the cache's: nobody may change them.
func digestsWith(ctx context.Context, c client.Reader, namespace, member string) ([]*v1alpha1.Notification, error) {
	list := &v1alpha1.NotificationList{}
	if err := c.List(ctx, list, client.InNamespace(namespace), client.MatchingFields{MemberIndex: bucketOf(member)}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, err
	}
	var out []*v1alpha1.Notification
	for i := range list.Items {
		if _, ok := slices.BinarySearch(list.Items[i].Spec.Members, v1alpha1.NotificationName(member)); ok {
			out = append(out, &list.Items[i])
		}
	}
	return out, nil
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
	if n, ok := o.(*v1alpha1.Notification); ok && !isSettled(n) {
		return []string{"true"}
	}
	return nil
}

// DefectsOf finds the Defects that an issue in Jira is the ticket of: by its ID and its key, or else by the marker among its labels. The latter
// also finds a Defect whose ticket is not in the cache yet, and may find that of an issue which was cloned.
func DefectsOf(c client.Reader) func(_ context.Context, integration types.NamespacedName, issueID, issueKey string, labels []string) ([]types.NamespacedName, error) {
	return func(ctx context.Context, integration types.NamespacedName, issueID, issueKey string, labels []string) ([]types.NamespacedName, error) {
		var out []types.NamespacedName
		find := func(name string) error {
			found, err := defectsNamed(ctx, c, name)
			for _, d := range found {
				if key := client.ObjectKeyFromObject(d); usesJira(d, integration) && !slices.Contains(out, key) {
					out = append(out, key)
				}
			}
			return err
		}
		for _, name := range []string{issueID, issueKey} {
			if name == "" {
				continue
			}
			if err := find(integration.String() + "/" + name); err != nil {
				return nil, err
			}
		}
		if len(out) > 0 {
			return out, nil
		}
		for _, l := range labels {
			if !strings.HasPrefix(l, ticket.MarkerPrefix) {
				continue
			}
			if err := find(l); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
}

// usesJira says whether a Defect's ticket was made with an integration or, before there is one, can be taken to be: whoever owns an integration
// has no say in another namespace.
func usesJira(d *v1alpha1.Defect, integration types.NamespacedName) bool {
	if j := d.Status.Jira; j != nil && j.Integration != "" {
		return j.Integration == integration.String()
	}
	return d.Namespace == integration.Namespace
}
