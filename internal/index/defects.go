// SPDX-License-Identifier: Apache-2.0

package index

import (
	"context"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/ticket"
)

// Issue is what identifies an issue in Jira, as a webhook reports it. Fields that are not known are empty.
type Issue struct {
	ID, Key string
	Labels  []string
}

// jiraNames returns what names a Defect in Jira: its marker and, once it has a ticket, the ticket's ID and key, each
// as <namespace>/<name of the integration>/<ID or key>.
func jiraNames(o client.Object) []string {
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

// defectsNamed returns the Defects with a name in Jira. The cache owns them: callers must not change them.
func defectsNamed(ctx context.Context, c client.Reader, name string) ([]*v1alpha1.Defect, error) {
	list := &v1alpha1.DefectList{}
	err := c.List(ctx, list, client.MatchingFields{DefectByJiraName: name}, client.UnsafeDisableDeepCopy)
	if err != nil {
		return nil, err
	}
	var out []*v1alpha1.Defect
	for i := range list.Items {
		if slices.Contains(jiraNames(&list.Items[i]), name) {
			out = append(out, &list.Items[i])
		}
	}
	return out, nil
}

// DefectsWithTicket returns the Defects whose ticket, filed with an integration, has an ID or key. The cache owns
// them: callers must not change them.
func DefectsWithTicket(
	ctx context.Context,
	c client.Reader,
	integration types.NamespacedName,
	idOrKey string,
) ([]*v1alpha1.Defect, error) {
	return defectsNamed(ctx, c, integration.String()+"/"+idOrKey)
}

// DefectsOf returns the names of the Defects whose ticket is an issue: by its ID and key, or else by the marker among
// its labels. The marker also finds a Defect whose ticket the cache does not show yet, and may find the Defect of an
// issue from which this one was cloned.
func DefectsOf(
	ctx context.Context,
	c client.Reader,
	integration types.NamespacedName,
	issue Issue,
) ([]types.NamespacedName, error) {
	var out []types.NamespacedName
	find := func(name string) error {
		found, err := defectsNamed(ctx, c, name)
		for _, d := range found {
			if key := client.ObjectKeyFromObject(d); mayUse(d, integration) && !slices.Contains(out, key) {
				out = append(out, key)
			}
		}
		return err
	}
	for _, name := range []string{issue.ID, issue.Key} {
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
	for _, label := range issue.Labels {
		if !strings.HasPrefix(label, ticket.MarkerPrefix) {
			continue
		}
		if err := find(label); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func identity(o client.Object) []string {
	if d, ok := o.(*v1alpha1.Defect); ok {
		return []string{d.Identity()}
	}
	return nil
}

// DefectsLike returns the other Defects of a Defect's namespace that report the same finding. The cache owns them: callers
// must not change them.
func DefectsLike(ctx context.Context, c client.Reader, d *v1alpha1.Defect) ([]*v1alpha1.Defect, error) {
	list := &v1alpha1.DefectList{}
	err := c.List(ctx, list, client.InNamespace(d.Namespace), client.MatchingFields{DefectByIdentity: d.Identity()},
		client.UnsafeDisableDeepCopy)
	if err != nil {
		return nil, err
	}
	var out []*v1alpha1.Defect
	for i := range list.Items {
		if o := &list.Items[i]; o.UID != d.UID && o.Identity() == d.Identity() {
			out = append(out, o)
		}
	}
	return out, nil
}

func findingOfDefect(o client.Object) []string {
	if d, ok := o.(*v1alpha1.Defect); ok {
		return []string{d.Finding()}
	}
	return nil
}

// DefectsElsewhere returns the Defects of other namespaces that report the same finding as a Defect. The cache owns them:
// callers must not change them.
func DefectsElsewhere(ctx context.Context, c client.Reader, d *v1alpha1.Defect) ([]*v1alpha1.Defect, error) {
	list := &v1alpha1.DefectList{}
	err := c.List(ctx, list, client.MatchingFields{DefectByFinding: d.Finding()}, client.UnsafeDisableDeepCopy)
	if err != nil {
		return nil, err
	}
	var out []*v1alpha1.Defect
	for i := range list.Items {
		if o := &list.Items[i]; o.Namespace != d.Namespace && o.Finding() == d.Finding() {
			out = append(out, o)
		}
	}
	return out, nil
}

// mayUse reports whether a Defect's ticket was filed with an integration or, before there is a ticket, may be. The
// owner of an integration decides nothing about Defects of other namespaces.
func mayUse(d *v1alpha1.Defect, integration types.NamespacedName) bool {
	if j := d.Status.Jira; j != nil && j.Integration != "" {
		return j.Integration == integration.String()
	}
	return d.Namespace == integration.Namespace
}

func suiteOf(o client.Object) []string {
	if d, ok := o.(*v1alpha1.Defect); ok && d.Spec.Suite != "" {
		return []string{d.Spec.Suite}
	}
	return nil
}

// DefectsOfSuite returns the Defects of a suite in a namespace. The cache owns them: callers must not change them.
func DefectsOfSuite(ctx context.Context, c client.Reader, namespace, suite string) ([]*v1alpha1.Defect, error) {
	list := &v1alpha1.DefectList{}
	err := c.List(ctx, list, client.InNamespace(namespace), client.MatchingFields{DefectBySuite: suite}, client.UnsafeDisableDeepCopy)
	if err != nil {
		return nil, err
	}
	var out []*v1alpha1.Defect
	for i := range list.Items {
		if list.Items[i].Spec.Suite == suite {
			out = append(out, &list.Items[i])
		}
	}
	return out, nil
}
