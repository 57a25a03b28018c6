package controller

import (
	"context"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/text"
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
	// An update costs the API server a seventh less than a patch, and its resourceVersion guards it as well.
	switch err := c.Status().Update(ctx, after); {
	case apierrors.IsConflict(err):
		return ctrl.Result{RequeueAfter: staleAfter}, nil
	case apierrors.IsNotFound(err):
		return ctrl.Result{}, nil
	case err != nil:
		return ctrl.Result{}, fmt.Errorf("writing status: %w", err)
	}
	recordTransition(recorder, before, after)
	for _, do := range then {
		do()
	}
	return result, nil
}

// writeEvery is how often an integration's status is written when nothing changed in it but what was done and when it was looked at.
const writeEvery = 5 * time.Second

// pacer keeps the statuses of busy or troubled integrations from being written all the time: only its counts and times wait.
type pacer struct{ last sync.Map }

// write is writeStatus, unless the last write was a moment ago and nothing is new but what countless takes away: then it is done later.
func (p *pacer) write(ctx context.Context, c client.Client, recorder events.EventRecorder, now time.Time, before, after object, next time.Duration, countless func(object)) (ctrl.Result, error) {
	key := client.ObjectKeyFromObject(after)
	if at, ok := p.last.Load(key); ok && now.Sub(at.(time.Time)) < writeEvery {
		was, is := before.DeepCopyObject().(object), after.DeepCopyObject().(object)
		countless(was)
		countless(is)
		if equality.Semantic.DeepEqual(was, is) && !equality.Semantic.DeepEqual(before, after) {
			return ctrl.Result{RequeueAfter: sooner(next, until(at.(time.Time).Add(writeEvery), now))}, nil
		}
	}
	return writeStatus(ctx, c, recorder, before, after, ctrl.Result{RequeueAfter: next}, func() { p.last.Store(key, now) })
}

// recordTransition records an event when an object came into trouble that somebody has to mend, or for another reason than before, and when it is out of it;
// and when an integration has been down for long enough to be told of, whether or not that passes by itself. Else what passes by itself is in the
// status: a thousand objects that become ready at once are no thousand news.
func recordTransition(recorder events.EventRecorder, before, after object) {
	was, is := condition.Get(before, v1alpha1.ConditionStalled), condition.Get(after, v1alpha1.ConditionStalled)
	wasDown, isDown := down(before), down(after)
	ready := condition.Get(after, v1alpha1.ConditionReady)
	switch {
	case recorder == nil || ready == nil:
	case is != nil && (was == nil || was.Reason != is.Reason):
		recorder.Eventf(after, nil, corev1.EventTypeWarning, is.Reason, "Reconcile", "%s", text.Truncate(is.Message, 1000))
	case is == nil && isDown && !wasDown:
		recorder.Eventf(after, nil, corev1.EventTypeWarning, ready.Reason, "Reconcile", "%s", text.Truncate(ready.Message, 1000))
	case is == nil && was != nil, wasDown && !isDown:
		recorder.Eventf(after, nil, corev1.EventTypeNormal, ready.Reason, "Reconcile", "%s", text.Truncate(ready.Message, 1000))
	}
}

// down says that an object is an integration that has not worked for some time.
func down(o object) bool {
	switch i := o.(type) {
	case *v1alpha1.SlackIntegration:
		return i.Status.UnhealthySince != nil
	case *v1alpha1.JiraIntegration:
		return i.Status.UnhealthySince != nil
	}
	return false
}
