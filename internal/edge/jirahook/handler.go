// SPDX-License-Identifier: Apache-2.0

package jirahook

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/edge"
)

// fieldOwner owns the fields that the edge writes.
const fieldOwner = "voiceai-edge"

// handler records what webhooks hint at.
type handler struct {
	client      client.Client
	clock       clock.PassiveClock
	findDefects DefectFinder
}

// Handle records on the Defects of a webhook's issue that it may have changed in Jira.
func (h *handler) Handle(ctx context.Context, from edge.Origin, body []byte) (edge.Response, error) {
	integration := from.Integration.(*v1alpha1.JiraIntegration)
	e, err := decode(body)
	if err != nil {
		return edge.Response{}, &edge.Refusal{Reason: "the body is not JSON"}
	}
	at := time.UnixMilli(int64(e.Timestamp)).UTC()
	ctx = ctrl.LoggerInto(ctx, ctrl.LoggerFrom(ctx).WithValues("Event", e.Name, "Issue", e.Issue.Key, "EventTime", at))
	log := ctrl.LoggerFrom(ctx).V(1)
	if !e.hasIssue() {
		log.Info("Webhook ignored: it is not about an issue")
		return edge.Response{Result: edge.Ignored}, nil
	}
	if e.isEcho(integration.Status.AccountID) {
		log.Info("Webhook ignored: the operator itself created the issue or the comment")
		return edge.Response{Result: edge.Ignored}, nil
	}
	recorded, err := h.recordHint(ctx, client.ObjectKeyFromObject(integration), e)
	switch {
	case err != nil:
		return edge.Response{}, fmt.Errorf("handling the event %q of %s: %w", e.Name, at.Format(time.RFC3339), err)
	case !recorded:
		log.Info("Webhook ignored: no Defect has this issue")
		return edge.Response{Result: edge.Ignored}, nil
	}
	return edge.Response{Result: edge.Accepted}, nil
}

// recordHint annotates the Defects of an event's issue and reports whether there are any.
func (h *handler) recordHint(ctx context.Context, integration types.NamespacedName, e *event) (bool, error) {
	defects, err := h.findDefects(ctx, integration, string(e.Issue.ID), e.Issue.Key, e.Issue.Fields.Labels)
	if err != nil {
		return false, fmt.Errorf("finding the Defect of issue %s: %w", e.Issue.Key, err)
	}
	patch := client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"metadata":{"annotations":{%q:%q}}}`,
		v1alpha1.JiraChangedAtAnnotation, h.clock.Now().UTC().Format(time.RFC3339Nano)))
	recorded := false
	var errs []error
	for _, name := range defects {
		d := &v1alpha1.Defect{ObjectMeta: metav1.ObjectMeta{Namespace: name.Namespace, Name: name.Name}}
		switch err := h.client.Patch(ctx, d, patch, client.FieldOwner(fieldOwner)); {
		case apierrors.IsNotFound(err): // deleted in the meantime
		case err != nil:
			errs = append(errs, fmt.Errorf("recording the hint about issue %s on Defect %s: %w", e.Issue.Key, name, err))
		default:
			recorded = true
			ctrl.LoggerFrom(ctx).V(1).Info("Hint recorded", v1alpha1.KindDefect, name)
		}
	}
	return recorded, errors.Join(errs...)
}
