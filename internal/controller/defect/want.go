// SPDX-License-Identifier: Apache-2.0

package defect

import (
	"context"
	"errors"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/connection"
	"github.com/voiceai-dev/integrations-operator/internal/history"
)

// wantedIntegration returns the integration with which a Defect is to get a ticket, or nil and why it gets none.
func (r *Reconciler) wantedIntegration(
	ctx context.Context,
	d *v1alpha1.Defect,
) (i *v1alpha1.JiraIntegration, why string, err error) {
	create := v1alpha1.TicketAuto
	var ref *v1alpha1.IntegrationReference
	if j := d.Spec.Jira; j != nil {
		ref = j.IntegrationRef
		if j.Create != "" {
			create = j.Create
		}
	}
	requested := d.Annotations[v1alpha1.TicketRequestedAtAnnotation] != ""
	if create == v1alpha1.TicketNever && !requested {
		return nil, "spec.jira.create is Never", nil
	}
	integration, err := connection.ResolveJira(ctx, r.Client, d.Namespace, ref)
	if err != nil {
		var refusal *connection.Refusal
		if errors.As(err, &refusal) && refusal.Reason == v1alpha1.ReasonIntegrationNotFound && ref == nil &&
			create == v1alpha1.TicketAuto &&
			!requested {
			return nil, "No JiraIntegration of this namespace is marked as default", nil
		}
		return nil, "", err
	}
	if create == v1alpha1.TicketAlways || requested {
		return integration, "", nil
	}
	why, err = whyNotAuto(integration, d)
	if why != "" || err != nil { // then more flakes change nothing
		return nil, why, err
	}
	if f := history.FlakesOf(d.Status.History); f != nil && !f.Suffice() {
		return nil, fmt.Sprintf("The test is flaky, and gets a ticket when it flakes %d times within %d days. So far it flaked %s",
			f.Enough, int(f.Within.Hours()/24), times(f.Count)), nil
	}
	return integration, "", nil
}

// whyNotAuto returns why an integration files no ticket for a Defect by itself; empty when it does.
func whyNotAuto(i *v1alpha1.JiraIntegration, d *v1alpha1.Defect) (string, error) {
	auto := i.Spec.AutoCreate
	categories := []v1alpha1.Category{v1alpha1.CategoryDefect}
	if auto != nil && len(auto.Categories) > 0 {
		categories = auto.Categories
	}
	name := client.ObjectKeyFromObject(i)
	switch {
	case auto == nil || !auto.Enabled:
		return fmt.Sprintf("spec.autoCreate of JiraIntegration %s is not enabled", name), nil
	case auto.MinSeverity != "" && d.Spec.Severity.Rank() < auto.MinSeverity.Rank():
		return fmt.Sprintf("JiraIntegration %s files tickets from severity %s on", name, auto.MinSeverity), nil
	case !slices.Contains(categories, d.Spec.Category):
		return fmt.Sprintf("JiraIntegration %s files no tickets for category %s", name, d.Spec.Category), nil
	case auto.Selector == nil:
		return "", nil
	}
	selector, err := metav1.LabelSelectorAsSelector(auto.Selector.AsMeta())
	if err != nil {
		return "", &connection.Refusal{Reason: v1alpha1.ReasonInvalid,
			Message: fmt.Sprintf("spec.autoCreate.selector of JiraIntegration %s is invalid: %v", name, err)}
	}
	if !selector.Matches(labels.Set(d.Labels)) {
		return fmt.Sprintf("spec.autoCreate.selector of JiraIntegration %s does not select this Defect", name), nil
	}
	return "", nil
}

func times(n int) string {
	if n == 1 {
		return "1 time"
	}
	return fmt.Sprintf("%d times", n)
}
