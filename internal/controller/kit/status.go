// SPDX-License-Identifier: Apache-2.0

package kit

import (
	"context"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/voiceai-dev/integrations-operator/api/v1alpha1"
	"github.com/voiceai-dev/integrations-operator/internal/condition"
	"github.com/voiceai-dev/integrations-operator/internal/text"
)

// Object is a resource of ours.
type Object interface {
	client.Object
	condition.Object
}

// conflictDelay is how soon an object is reconciled again whose status could not be written because the cache was
// behind.
const conflictDelay = 250 * time.Millisecond

// StatusWriter writes statuses, and records an event for each transition that a person should see.
type StatusWriter struct {
	Client client.Client
	// Recorder may be nil.
	Recorder events.EventRecorder
}

// Write writes the status of an object when it differs from before, and returns result. A conflict is no error: the
// object is reconciled again. The functions in written are called when the status was written.
func (w StatusWriter) Write(
	ctx context.Context,
	before, after Object,
	result ctrl.Result,
	written ...func(),
) (ctrl.Result, error) {
	if equality.Semantic.DeepEqual(before, after) {
		return result, nil
	}
	// An update costs the API server a seventh less than a patch, and its resourceVersion guards it as well.
	switch err := w.Client.Status().Update(ctx, after); {
	case apierrors.IsConflict(err):
		return ctrl.Result{RequeueAfter: conflictDelay}, nil
	case apierrors.IsNotFound(err):
		return ctrl.Result{}, nil
	case apierrors.IsInvalid(err):
		w.reportInvalid(ctx, after, err)
		return ctrl.Result{RequeueAfter: invalidDelay}, nil
	case err != nil:
		return ctrl.Result{}, fmt.Errorf("writing status: %w", err)
	}
	recordTransition(w.Recorder, before, after)
	logTransition(ctx, before, after)
	for _, do := range written {
		do()
	}
	return result, nil
}

// invalidDelay is how soon the status of an object is written again that the API server refused as invalid.
const invalidDelay = 30 * time.Minute

// reportInvalid reports that the API server accepts no status for an object because its spec breaks a rule of the CRD,
// such as one that is newer than the object. An event is the only place where the object can show that.
func (w StatusWriter) reportInvalid(ctx context.Context, o Object, err error) {
	ctrl.LoggerFrom(ctx).Info("The API server refuses the object as invalid, so its status cannot be written", "cause", err.Error())
	if w.Recorder != nil {
		w.Recorder.Eventf(o, nil, corev1.EventTypeWarning, v1alpha1.ReasonInvalid, "Reconcile", "%s",
			text.Truncate("The status cannot be written until the spec is fixed: "+err.Error(), 1000))
	}
}

// paceInterval is how often an integration's status is written when only its counts and times changed, and
// failingPaceInterval while its probe fails: a namespace with a hundred integrations that hang costs few writes.
const (
	paceInterval        = 5 * time.Second
	failingPaceInterval = time.Minute
)

// Pacer limits how often the status of a busy or failing integration is written. The zero value is ready for use.
type Pacer struct{ last sync.Map }

// PacedWrite is one status write that a Pacer may put off.
type PacedWrite struct {
	Before, After Object
	Now           time.Time
	// RequeueAfter is when to reconcile again anyway; 0 for never.
	RequeueAfter time.Duration
	// IsRetried makes what may wait wait for the first reconcile after failingPaceInterval, as the integration is
	// reconciled again soon.
	IsRetried bool
	// ClearCounts removes from an object what may wait: counts and times.
	ClearCounts func(Object)
}

// Write writes a status, unless the last write was less than the interval ago and only counts changed: then it returns
// when to write.
func (p *Pacer) Write(ctx context.Context, to StatusWriter, w PacedWrite) (ctrl.Result, error) {
	key := client.ObjectKeyFromObject(w.After)
	interval := paceInterval
	if w.IsRetried {
		interval = failingPaceInterval
	}
	if at, ok := p.last.Load(key); ok && w.Now.Sub(at.(time.Time)) < interval {
		was := w.Before.DeepCopyObject().(Object)
		is := w.After.DeepCopyObject().(Object)
		w.ClearCounts(was)
		w.ClearCounts(is)
		if equality.Semantic.DeepEqual(was, is) && !equality.Semantic.DeepEqual(w.Before, w.After) {
			if w.IsRetried {
				return ctrl.Result{RequeueAfter: w.RequeueAfter}, nil
			}
			return ctrl.Result{RequeueAfter: Sooner(w.RequeueAfter, Until(at.(time.Time).Add(interval), w.Now))}, nil
		}
	}
	return to.Write(ctx, w.Before, w.After, ctrl.Result{RequeueAfter: w.RequeueAfter}, func() { p.last.Store(key, w.Now) })
}

// Forget drops what is kept of an object that was deleted.
func (p *Pacer) Forget(name types.NamespacedName) { p.last.Delete(name) }

// recordTransition records an event when an object stalls, or stalls for another reason than before, and when it
// recovers; and when an integration has been unhealthy for long enough to be announced, and when it is healthy again.
// Everything else is only in the status: a thousand objects that become ready at once are not a thousand events.
func recordTransition(recorder events.EventRecorder, before, after Object) {
	was := condition.Get(before, v1alpha1.ConditionStalled)
	is := condition.Get(after, v1alpha1.ConditionStalled)
	wasDown := isUnhealthy(before)
	isDown := isUnhealthy(after)
	ready := condition.Get(after, v1alpha1.ConditionReady)
	wasReady := condition.Get(before, v1alpha1.ConditionReady)
	isAnnounced := wasDown && is != nil && wasReady != nil && wasReady.Reason == is.Reason
	record := func(eventType, reason, message string) {
		recorder.Eventf(after, nil, eventType, reason, "Reconcile", "%s", text.Truncate(message, 1000))
	}
	switch {
	case recorder == nil || ready == nil:
	case is != nil && (was == nil || was.Reason != is.Reason) && !isAnnounced && !belongsToOther(after, is.Reason):
		record(corev1.EventTypeWarning, is.Reason, is.Message)
	case is == nil && isDown && !wasDown:
		record(corev1.EventTypeWarning, ready.Reason, condition.WithLink(ready.Reason, ready.Message))
	case is == nil && was != nil && !belongsToOther(after, was.Reason), wasDown && !isDown:
		record(corev1.EventTypeNormal, ready.Reason, ready.Message)
	}
}

// logTransition logs which conditions a write of a status changed, in one line. Those of a Defect and of the Notifications
// about it are its story.
func logTransition(ctx context.Context, before, after Object) {
	var changed []string
	for _, is := range *after.GetConditions() {
		was := condition.Get(before, is.Type)
		if is.Type == v1alpha1.ConditionReconciling || was != nil && was.Status == is.Status && was.Reason == is.Reason {
			continue // what Reconciling says is in Ready
		}
		changed = append(changed, fmt.Sprintf("%s=%s %s: %s", is.Type, is.Status, is.Reason, is.Message))
	}
	log := ctrl.LoggerFrom(ctx)
	switch o := after.(type) {
	case *v1alpha1.Defect:
		if was := before.(*v1alpha1.Defect).Status.State; was != o.Status.State {
			changed = append(changed, fmt.Sprintf("state %s", o.Status.State))
		}
	case *v1alpha1.Notification:
		if s := o.Spec.Event.Subject; s != nil {
			log = log.WithValues("Event", o.Spec.Event.Type, "Subject", s.Kind+"/"+s.Namespace+"/"+s.Name)
		}
	}
	if len(changed) > 0 {
		log.Info("Status changed", "Now", changed)
	}
}

// belongsToOther reports whether a reason is about another object, which has an event about it. A cause is one event,
// however many objects wait for it.
func belongsToOther(o Object, reason string) bool {
	switch reason {
	case v1alpha1.ReasonIntegrationPaused, v1alpha1.ReasonNotDelivered:
		return true
	case v1alpha1.ReasonSecretNotFound, v1alpha1.ReasonSecretKeyNotFound, v1alpha1.ReasonSecretInvalid:
		return !isIntegration(o)
	case v1alpha1.ReasonIntegrationNotFound, v1alpha1.ReasonIntegrationNotAllowed, v1alpha1.ReasonIntegrationAmbiguous,
		v1alpha1.ReasonInvalidChannel:
		_, isNotification := o.(*v1alpha1.Notification)
		return isNotification // its rule has the event
	}
	return false
}

func isIntegration(o Object) bool {
	switch o.(type) {
	case *v1alpha1.SlackIntegration, *v1alpha1.JiraIntegration:
		return true
	}
	return false
}

// isUnhealthy reports whether an object is an integration whose failure was announced.
func isUnhealthy(o Object) bool {
	switch i := o.(type) {
	case *v1alpha1.SlackIntegration:
		return i.Status.UnhealthySince != nil
	case *v1alpha1.JiraIntegration:
		return i.Status.UnhealthySince != nil
	}
	return false
}
