package controller

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
)

// object is a resource of ours.
type object interface {
	client.Object
	condition.Object
}

// staleAfter is how soon an object is looked at again whose status could not be written because the cache was behind.
const staleAfter = 250 * time.Millisecond

// writeStatus writes the status of an object when it differs from before, and then tells of the transition. A conflict is no error: the cache
// was behind, and the object is reconciled again. then is called when it was written.
func writeStatus(ctx context.Context, c client.Client, recorder events.EventRecorder, before, after object, result ctrl.Result, then ...func()) (ctrl.Result, error) {
	if equality.Semantic.DeepEqual(before, after) {
		return result, nil
	}
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	switch err := c.Status().Patch(ctx, after, patch); {
	case apierrors.IsConflict(err):
		return ctrl.Result{RequeueAfter: staleAfter}, nil
	case apierrors.IsNotFound(err):
		return ctrl.Result{}, nil
	case err != nil:
		return ctrl.Result{}, fmt.Errorf("writing status: %w", err)
	}
	tell(recorder, before, after)
	for _, do := range then {
		do()
	}
	return result, nil
}

// tell records an event when an object that stood in one way stands in another: it became ready, or not ready for another reason. That it
// became ready at once is nothing to tell: its status says so, and a thousand of them at once would cost a thousand writes.
func tell(recorder events.EventRecorder, before, after object) {
	was, is := condition.Get(before, v1alpha1.ConditionReady), condition.Get(after, v1alpha1.ConditionReady)
	if recorder == nil || is == nil || was == nil && is.Status == metav1.ConditionTrue || was != nil && was.Status == is.Status && was.Reason == is.Reason {
		return
	}
	kind := corev1.EventTypeNormal
	if is.Status == metav1.ConditionFalse && condition.Get(after, v1alpha1.ConditionStalled) != nil {
		kind = corev1.EventTypeWarning
	}
	recorder.Eventf(after, nil, kind, is.Reason, "Reconcile", "%s", condition.Bound(is.Message, 1000))
}
